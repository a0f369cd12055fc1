import type { CancelTimer, Time } from '../time.js'
import type { LimitError, LimitErrorCode } from './errors.js'
import type { Grant } from './grant.js'
import { amountOf } from './headers.js'
import { shortestWaitMs } from './limiter.js'
import {
  type AcquireOptions,
  checkLimiterOptions,
  checkRules,
  type LimiterOptions,
  type VenueClock,
} from './limiter-options.js'
import { checkAmounts, Refusals } from './refusals.js'
import {
  type BoundRoute,
  chargedAmount,
  type GateScope,
  gateKey,
  gateScopes,
  type MeterUse,
  meterUses,
  type Route,
  RouteTable,
} from './route.js'
import type { LimitRule, RouteOptions } from './rule.js'
import type { RemoteGrant, RemoteLimitStore, RemoteObservation } from './store.js'
import { type Waiter, WaitQueue } from './wait-queue.js'

/** What a route is charged on, under one version of the rules. */
interface Resolved extends BoundRoute {
  readonly uses: readonly MeterUse[]
  readonly gates: readonly string[]
}

/** What a {@link RemoteLimiter} has done. */
export interface RemoteLimiterStats {
  readonly granted: number
  /** Of these, after waiting. */
  readonly waited: number
  readonly refused: Readonly<Record<LimitErrorCode, number>>
  readonly waiting: number
}

/**
 * As `Limiter`, with counts in a store that takes a round trip. Requests that need not wait ask the store side by side; those that wait
 * are served one after the other, in the same order as by `Limiter`. Between processes there is no order.
 */
export class RemoteLimiter {
  readonly #store: RemoteLimitStore
  readonly #time: Time
  readonly #clock: VenueClock
  readonly #routes = new RouteTable()
  readonly #queue: WaitQueue
  readonly #usualWait: number
  readonly #refusals = new Refusals()
  #rules: readonly LimitRule[]
  #version = 0
  /** Meters that somebody waits for: the best priority, of everybody and of those who may use the reserve. */
  #awaited = new Map<string, { all: number; privileged: number }>()
  #serving = false
  #again = false
  #cancelTimer: CancelTimer | null = null
  #granted = 0
  #waited = 0
  #closed = false

  /** @throws ConfigError naming every field that is wrong. */
  constructor(options: LimiterOptions<RemoteLimitStore> & { readonly store: RemoteLimitStore }) {
    const { rules, queue, clock, time } = checkLimiterOptions(options)
    this.#store = options.store
    this.#rules = rules
    this.#time = time
    this.#clock = clock
    this.#queue = new WaitQueue(queue.max)
    this.#usualWait = queue.wait
  }

  /**
   * The route of a kind of request, the same object each time.
   * @throws ConfigError naming what is wrong.
   */
  route(options: RouteOptions): Route {
    return this.#routes.get(options)
  }

  /**
   * Resolves once the request is granted.
   * @throws LimitError (as a rejection) when it cannot be granted in time, or when the store fails: nothing is sent unless it was
   * certainly counted. The signal's reason when that was aborted.
   */
  async acquire(route: Route, options: AcquireOptions = {}): Promise<void> {
    const {
      weight = route.weight,
      count = 1,
      priority = route.priority,
      wait = this.#usualWait,
      grant = null,
    } = options
    const { signal } = options
    signal?.throwIfAborted()
    checkAmounts(weight, count)
    checkAmounts(wait, priority)
    if (this.#closed) throw this.#refusals.make('ERR_RATE_LIMIT_CLOSED', Number.POSITIVE_INFINITY)
    const deadline = this.#time.now() + wait
    const resolved = this.#resolve(route)
    if (this.#queue.size === 0 || !this.#isBehind(resolved, priority, route.privileged)) {
      const answer = await this.#ask(resolved, weight, count, grant)
      if (answer.granted) {
        this.#granted++
        return
      }
      signal?.throwIfAborted()
      const left = longest(answer)
      if (this.#time.now() + left > deadline) throw this.#hopeless(answer, left)
    }
    await this.#wait(route, weight, count, priority, deadline, grant, signal)
  }

  /** As `Limiter.observe`. */
  async observe(route: Route, header: (name: string) => string | undefined, grant: Grant | null = null): Promise<void> {
    const resolved = this.#resolve(route)
    const marked = grant !== null && grant.version === resolved.version
    const observations: RemoteObservation[] = []
    for (const [i, { spec, storeKey }] of resolved.uses.entries()) {
      const limit = Math.max(0, amountOf(header, spec.limitHeader))
      const used = amountOf(header, spec.usedHeader)
      const remaining = amountOf(header, spec.remainingHeader)
      const level = used >= 0 ? used : remaining >= 0 ? (limit > 0 ? limit : spec.limit) - remaining : Number.NaN
      if (limit === 0 && Number.isNaN(level)) continue
      observations.push({
        key: storeKey,
        spec,
        level,
        limit,
        mark: marked ? (grant.marks[i] ?? Number.NaN) : Number.NaN,
      })
    }
    if (observations.length > 0) await this.#store.observe(observations, this.#venueNow())
  }

  /** As `Limiter.block`. */
  async block(route: Route, scope: GateScope, forMs: number): Promise<void> {
    await this.#store.block(gateKey(scope, route), forMs)
    if (this.#queue.size > 0) void this.#serve()
  }

  /**
   * Puts other rules in force.
   * @throws ConfigError when the rules do not go together; the old ones then stay.
   */
  use(rules: readonly LimitRule[]): void {
    this.#rules = checkRules(rules)
    this.#version++
    if (this.#queue.size > 0) void this.#serve()
  }

  stats(): RemoteLimiterStats {
    return {
      granted: this.#granted,
      waited: this.#waited,
      refused: this.#refusals.counts(),
      waiting: this.#queue.size,
    }
  }

  /** Refuses those who wait and all who come. */
  close(): void {
    this.#closed = true
    this.#cancelTimer?.()
    this.#cancelTimer = null
    for (const waiter of this.#queue.all()) this.#refuse(waiter, 'ERR_RATE_LIMIT_CLOSED', Number.POSITIVE_INFINITY)
  }

  #venueNow(): number {
    return this.#time.origin + this.#time.now() + this.#clock.ms
  }

  #resolve(route: Route): Resolved {
    const bound = route.bound
    if (bound !== null && bound.owner === this && bound.version === this.#version) return bound as Resolved
    const gates = gateScopes.map((scope) => gateKey(scope, route))
    const resolved = { owner: this, version: this.#version, uses: meterUses(this.#rules, route), gates }
    route.bound = resolved
    return resolved
  }

  async #ask(resolved: Resolved, weight: number, count: number, grant: Grant | null): Promise<RemoteGrant> {
    const meters = resolved.uses.map((use) => ({
      key: use.storeKey,
      spec: use.spec,
      weight: chargedAmount(use, weight, count),
      share: use.share,
    }))
    const charge = { meters, gates: resolved.gates, venueNow: this.#venueNow() }
    const answer = await this.#store.acquire(charge).catch((error: unknown) => {
      throw this.#refusals.count(error)
    })
    if (answer.granted && grant !== null) {
      grant.marks.splice(0, grant.marks.length, ...answer.marks)
      grant.version = resolved.version
    }
    return answer
  }

  #wait(
    route: Route,
    weight: number,
    count: number,
    priority: number,
    deadline: number,
    grant: Grant | null,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (this.#queue.full) {
      const least = this.#queue.leastBelow(priority)
      if (least === undefined) throw this.#refusals.make('ERR_RATE_LIMIT_QUEUE_FULL', Number.NaN)
      this.#refuse(least, 'ERR_RATE_LIMIT_QUEUE_FULL', Number.NaN)
    }
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        if (this.#queue.settle(waiter)) reject(signal?.reason)
        void this.#serve()
      }
      const release = (): void => signal?.removeEventListener('abort', abort)
      const sequence = this.#queue.next()
      const settled = false
      const waiter: Waiter = {
        route,
        weight,
        count,
        priority,
        sequence,
        deadline,
        grant,
        resolve,
        reject,
        release,
        settled,
      }
      signal?.addEventListener('abort', abort)
      this.#queue.push(waiter)
      void this.#serve()
    })
  }

  /** Serves those who wait, pass by pass, until nothing has changed meanwhile; then sets the timer. Never rejects. */
  async #serve(): Promise<void> {
    this.#again = true
    if (this.#serving) return
    this.#serving = true
    let next = Number.POSITIVE_INFINITY
    while (this.#again) {
      this.#again = false
      next = await this.#pass()
    }
    this.#serving = false
    this.#cancelTimer?.()
    this.#cancelTimer = null
    const at = Math.min(next, this.#queue.nextDeadline())
    if (at === Number.POSITIVE_INFINITY || this.#closed) return
    this.#cancelTimer = this.#time.after(Math.max(shortestWaitMs, at - this.#time.now()), () => void this.#serve())
  }

  async #pass(): Promise<number> {
    const queue = this.#queue
    this.#awaited = new Map()
    queue.beginPass()
    let next = Number.POSITIVE_INFINITY
    for (;;) {
      this.#dropOverdue()
      const lane = queue.turn()
      if (lane === undefined) return next
      const left = await this.#serveOne(lane.head() as Waiter)
      if (left === 0) continue
      lane.stuck = true
      next = Math.min(next, this.#time.now() + left)
    }
  }

  /** As `Limiter`'s. */
  async #serveOne(waiter: Waiter): Promise<number> {
    const { weight, count, priority, route, deadline } = waiter
    const resolved = this.#resolve(route)
    if (this.#isBehind(resolved, priority, route.privileged)) return Number.POSITIVE_INFINITY
    let answer: RemoteGrant
    try {
      answer = await this.#ask(resolved, weight, count, waiter.grant)
    } catch (error) {
      if (this.#queue.settle(waiter)) waiter.reject(error)
      return 0
    }
    // Whoever gave up meanwhile has used up what was granted: it cannot be given back without risking to count it too little.
    if (waiter.settled) return 0
    const left = longest(answer)
    if (answer.granted) {
      this.#queue.settle(waiter)
      this.#granted++
      this.#waited++
      waiter.resolve()
      return 0
    }
    if (this.#time.now() + left > deadline) {
      if (this.#queue.settle(waiter)) waiter.reject(this.#hopeless(answer, left))
      return 0
    }
    this.#markAwaited(resolved, answer, priority, route.privileged)
    return left
  }

  #isBehind(resolved: Resolved, priority: number, privileged: boolean): boolean {
    return resolved.uses.some(({ storeKey }) => {
      const awaited = this.#awaited.get(storeKey)
      return awaited !== undefined && (privileged ? awaited.privileged : awaited.all) <= priority
    })
  }

  #markAwaited(resolved: Resolved, answer: RemoteGrant, priority: number, privileged: boolean): void {
    for (const [i, { storeKey }] of resolved.uses.entries()) {
      if (!((answer.waits[i] ?? 0) > 0)) continue
      const { all, privileged: best } = this.#awaited.get(storeKey) ?? nobody
      this.#awaited.set(storeKey, {
        all: Math.min(all, priority),
        privileged: privileged ? Math.min(best, priority) : best,
      })
    }
  }

  #dropOverdue(): void {
    const now = this.#time.now()
    for (let late = this.#queue.overdue(now); late !== undefined; late = this.#queue.overdue(now)) {
      this.#refuse(late, 'ERR_RATE_LIMIT_DEADLINE', Number.NaN)
    }
  }

  #refuse(waiter: Waiter, code: LimitErrorCode, retryAfterMs: number): void {
    if (this.#queue.settle(waiter)) waiter.reject(this.#refusals.make(code, retryAfterMs))
  }

  #hopeless(answer: RemoteGrant, left: number): LimitError {
    if (left === Number.POSITIVE_INFINITY) return this.#refusals.make('ERR_RATE_LIMIT_WEIGHT', left)
    return this.#refusals.make(answer.blockedFor >= left ? 'ERR_RATE_LIMIT_BLOCKED' : 'ERR_RATE_LIMIT_DEADLINE', left)
  }
}

const nobody = { all: Number.POSITIVE_INFINITY, privileged: Number.POSITIVE_INFINITY }

/** How long until the request could be granted. Never 0 when it was not. */
function longest({ granted, blockedFor, waits }: RemoteGrant): number {
  return granted ? 0 : Math.max(shortestWaitMs, blockedFor, ...waits)
}
