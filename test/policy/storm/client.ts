import {
  Attempts,
  type ClockOffset,
  type Decision,
  Grant,
  type KrakenOrderAges,
  type Limiter,
  type Outcome,
  Outcomes,
  type RetryBudget,
  type RetryPolicy,
  type Route,
  type VenuePolicy,
} from '../../../lib/policy/index.js'
import type { VirtualTime } from '../../support/virtual-time.js'
import type { StormAnswer, StormRequest, Venue } from './venue.js'

/** What the client says has become of an order. */
export type Verdict = 'executed' | 'notExecuted' | 'unresolved'

/** Milliseconds that the client waits for an answer. */
const timeoutMs = 1_000
export const recvWindow = 5_000

export interface StormClientOptions {
  readonly time: VirtualTime
  readonly venue: Venue
  readonly policy: VenuePolicy
  readonly limiter: Limiter
  readonly clock: ClockOffset
  readonly retry: RetryPolicy
  readonly budget: RetryBudget
  readonly random: () => number
  /** Weight of each kind of request. */
  readonly weights: { readonly order: number; readonly cancel: number; readonly lookup: number }
  readonly ages: KrakenOrderAges | null
}

/** Sends orders, as an order entry built on these policies does. */
export class StormClient {
  readonly #o: StormClientOptions
  /** What limits refused before anything was sent. */
  refusedByLimits = 0
  attempts = 0
  lookups = 0

  constructor(options: StormClientOptions) {
    this.#o = options
  }

  /** One order, to its end. */
  async order(clientId: string, account: string, instrument: string): Promise<Verdict> {
    const { time, limiter, clock, budget, random } = this.#o
    const request = { idempotent: false, canLookup: true, validMs: clock.validMs(recvWindow) }
    const attempts = new Attempts(this.#o.retry, request, budget, random, time.now())
    const orders = this.#route('order', account, instrument)
    const lookups = this.#route('lookup', account, instrument)
    let decision: Decision = { do: 'retry', inMs: 0 }
    for (;;) {
      if (decision.do === 'finish') return 'executed'
      if (decision.do === 'giveUp') return decision.mayHaveExecuted ? 'unresolved' : 'notExecuted'
      await this.#sleep(decision.inMs)
      const grant = new Grant()
      const route = decision.do === 'retry' ? orders : lookups
      const weight = decision.do === 'retry' ? this.#o.weights.order : this.#o.weights.lookup
      try {
        await limiter.acquire(route, { weight, grant, wait: 600_000 })
      } catch {
        this.refusedByLimits++
        if (decision.do === 'retry' && !attempts.mayHaveExecuted) return 'notExecuted'
        decision = attempts.next(Outcomes.lookupFailed, time.now())
        continue
      }
      if (decision.do === 'retry') {
        this.attempts++
        attempts.sending(time.now())
        this.#o.ages?.placed(clientId, time.now())
        const outcome = await this.#ask('order', route, clientId, grant, weight)
        decision = attempts.next(outcome, time.now())
      } else {
        this.lookups++
        attempts.lookingUp(time.now())
        decision = attempts.next(await this.#lookup(route, clientId, grant, weight), time.now())
      }
    }
  }

  /** Cancels an order; to cancel twice does no harm. */
  async cancel(clientId: string, account: string, instrument: string): Promise<boolean> {
    const { time, limiter, budget, random } = this.#o
    const request = { idempotent: true, canLookup: false, validMs: Number.NaN }
    const attempts = new Attempts(this.#o.retry, request, budget, random, time.now())
    const route = this.#route('cancel', account, instrument)
    let decision: Decision = { do: 'retry', inMs: 0 }
    while (decision.do === 'retry') {
      await this.#sleep(decision.inMs)
      const grant = new Grant()
      const weight = this.#o.ages?.weight(clientId, 'cancel', time.now()) ?? this.#o.weights.cancel
      try {
        await limiter.acquire(route, { weight, grant, wait: 600_000 })
      } catch {
        this.refusedByLimits++
        return false
      }
      attempts.sending(time.now())
      decision = attempts.next(await this.#ask('cancel', route, clientId, grant, weight), time.now())
    }
    if (decision.do === 'finish') this.#o.ages?.closed(clientId)
    return decision.do === 'finish'
  }

  async #lookup(route: Route, clientId: string, grant: Grant, weight: number): Promise<Outcome> {
    let status = ''
    const outcome = await this.#ask('lookup', route, clientId, grant, weight, (answer) => {
      status = JSON.stringify(answer.body)
    })
    if (outcome.kind === 'limited' || outcome.kind === 'banned') return { kind: 'lookupFailed', forMs: outcome.forMs }
    if (outcome.kind !== 'done') return Outcomes.lookupFailed
    return status.includes('found') ? Outcomes.found : Outcomes.absent
  }

  /** Sends what was granted; the outcome, as far as it is known after the timeout. */
  #ask(
    kind: StormRequest['kind'],
    route: Route,
    clientId: string,
    grant: Grant,
    weight: number,
    read: (answer: StormAnswer) => void = () => {},
  ): Promise<Outcome> {
    const { time, venue, policy, limiter, clock } = this.#o
    const { endpoint, account, instrument, ip } = route.spec
    return new Promise((resolve) => {
      const cancel = time.after(timeoutMs, () =>
        resolve(policy.classify.failure({ phase: 'send', code: 'ERR_TIMEOUT' })),
      )
      const request = {
        kind,
        endpoint,
        clientId,
        account,
        instrument,
        ip,
        weight,
        timestamp: clock.timestamp(),
        recvWindow,
      }
      venue.send(request, (answer) => {
        cancel()
        const header = (name: string): string | undefined => answer.headers[name]
        limiter.observe(route, header, grant)
        const error = policy.error(answer.body)
        const outcome = policy.classify.answer({ status: answer.status, ...error, header, receivedAt: clock.now() })
        if (outcome.kind === 'limited' || outcome.kind === 'banned') {
          limiter.block(route, outcome.scope, Number.isNaN(outcome.forMs) ? 1_000 : outcome.forMs)
        }
        if (outcome.kind === 'skewed') clock.doubt()
        read(answer)
        resolve(outcome)
      })
    })
  }

  #route(kind: 'order' | 'cancel' | 'lookup', account: string, instrument: string): Route {
    return this.#o.limiter.route({
      endpoint: kind,
      kind: kind === 'lookup' ? 'query' : kind,
      account,
      instrument,
      ip: '192.0.2.1',
    })
  }

  #sleep(ms: number): Promise<void> {
    if (ms <= 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#o.time.after(ms, resolve)
    })
  }
}
