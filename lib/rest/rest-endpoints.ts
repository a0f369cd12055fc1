import { Balancer } from '../policy/balance/balancer.js'
import type { Admission, Endpoint } from '../policy/balance/endpoint.js'
import { Breaker, type BreakerState } from '../policy/breaker/breaker.js'
import type { BreakerPolicy } from '../policy/breaker/policy.js'
import { configFault } from '../runtime/config.js'
import type { Emitter } from '../runtime/emitter.js'
import { throwLater } from '../runtime/emitter.js'
import { HttpClient, type HttpClientStats, type HttpInternals, httpInternals } from './http-client.js'
import type { HttpClientOptions } from './options.js'
import type { RestEvents } from './rest-events.js'
import type { RestSet } from './rest-schema.js'

/** One endpoint: its connections and its circuit breaker. The balancer asks it whether it takes calls. */
export class RestTarget implements Admission {
  readonly http: HttpClient
  /** As requests are signed for it: with the port when it is not the usual one. */
  readonly host: string
  readonly #onBreaker: (target: RestTarget, breaker: Breaker) => void
  /** Lines of the header fields that every request carries. */
  readonly fixedFields: string
  /** As `http.request`, with header fields, also the fixed ones, that are written already. */
  readonly send: HttpInternals['send']
  #breaker: Breaker | null = null

  constructor(
    options: HttpClientOptions,
    policy: BreakerPolicy | null,
    onBreaker: (target: RestTarget, breaker: Breaker) => void,
  ) {
    this.http = new HttpClient(options)
    const { fixedFields, send } = httpInternals(this.http)
    this.fixedFields = fixedFields
    this.send = send
    this.host = new URL(this.http.origin).host
    this.#onBreaker = onBreaker
    this.use(policy)
  }

  get origin(): string {
    return this.http.origin
  }

  /** Null: it has none. */
  get state(): BreakerState | null {
    return this.#breaker?.state ?? null
  }

  get refused(): number {
    return this.#breaker?.refused ?? 0
  }

  ready(): boolean {
    return this.#breaker === null || this.#breaker.ready()
  }

  /** Milliseconds until it may take a call. */
  readyIn(): number {
    return this.#breaker?.readyIn() ?? 0
  }

  /** A ticket for a call, 0: none is let through; −1: there is no breaker. */
  enter(): number {
    return this.#breaker === null ? -1 : this.#breaker.enter()
  }

  leave(ticket: number, failed: boolean): void {
    if (ticket > 0) this.#breaker?.leave(ticket, failed)
  }

  abandon(ticket: number): void {
    if (ticket > 0) this.#breaker?.abandon(ticket)
  }

  use(policy: BreakerPolicy | null): void {
    if (policy === null) this.#breaker = null
    else if (this.#breaker !== null) this.#breaker.use(policy)
    else {
      this.#breaker = new Breaker(policy)
      this.#onBreaker(this, this.#breaker)
    }
  }
}

/** What an endpoint is doing. */
export interface RestEndpointStats {
  /** Scheme, host and port. */
  readonly endpoint: string
  readonly weight: number
  readonly healthy: boolean
  /** Attempts under way, and that it was chosen for. */
  readonly pending: number
  readonly picked: number
  /** Null: no circuit breaker. */
  readonly breaker: BreakerState | null
  /** Calls that its breaker refused. */
  readonly refused: number
  readonly http: HttpClientStats
}

/** All endpoints of a client, and who of them is next. */
export class RestEndpoints {
  readonly balancer: Balancer
  readonly #options: Omit<HttpClientOptions, 'origin'>
  readonly #emitter: Emitter<RestEvents>
  #targets: ReadonlyMap<string, RestTarget>
  /** Left out, and not closed yet. */
  readonly #leaving = new Set<RestTarget>()

  /** @throws ConfigError naming what is wrong. */
  constructor(options: Omit<HttpClientOptions, 'origin'>, set: RestSet, emitter: Emitter<RestEvents>) {
    this.#options = options
    this.#emitter = emitter
    this.#targets = this.#make(set, new Map())
    this.balancer = new Balancer(this.#members(set), set.policies.balance)
    this.balancer.on('health', ({ endpoint, healthy, by, forMs }) =>
      emitter.slot('health').emit(Object.freeze({ endpoint: endpoint.id, healthy, by, forMs }), throwLater),
    )
  }

  /**
   * Goes on with another set.
   * @throws ConfigError naming what is wrong; then nothing has changed.
   */
  use(before: RestSet, set: RestSet): void {
    const { breaker, balance } = set.policies
    if (set.endpoints !== before.endpoints) {
      const old = this.#targets
      this.#targets = this.#make(set, old)
      this.balancer.setEndpoints(this.#members(set))
      for (const [id, target] of old) if (this.#targets.get(id) !== target) this.#leave(target)
    }
    if (breaker !== before.policies.breaker) for (const target of this.#targets.values()) target.use(breaker)
    if (balance !== before.policies.balance) this.balancer.use(balance)
  }

  /** Lines of the header fields that every request carries: the same at all endpoints. */
  get fixedFields(): string {
    for (const { fixedFields } of this.#targets.values()) return fixedFields
    return ''
  }

  target(endpoint: Endpoint): RestTarget {
    return endpoint.admission as RestTarget
  }

  /** Milliseconds until a breaker may let a call through. */
  readyIn(): number {
    return Math.min(...[...this.#targets.values()].map((target) => target.readyIn()))
  }

  stats(): RestEndpointStats[] {
    const now = performance.now()
    return this.balancer.endpoints.map((endpoint) => {
      const target = this.target(endpoint)
      return {
        endpoint: endpoint.id,
        weight: endpoint.weight,
        healthy: endpoint.healthy(now),
        pending: endpoint.pending,
        picked: endpoint.picked,
        breaker: target.state,
        refused: target.refused,
        http: target.http.stats(),
      }
    })
  }

  async close(force: boolean): Promise<void> {
    const all = [...this.#targets.values(), ...this.#leaving]
    await Promise.all(all.map((target) => target.http.close({ force })))
  }

  #leave(target: RestTarget): void {
    this.#leaving.add(target)
    void target.http.close().then(() => this.#leaving.delete(target))
  }

  #members(set: RestSet): { id: string; weight: number; admission: RestTarget }[] {
    const weights = new Map(set.endpoints.map(({ url, weight }) => [originOf(url), weight]))
    return [...this.#targets].map(([id, admission]) => ({ id, weight: weights.get(id) ?? 1, admission }))
  }

  /** Those that stay keep their connections. When one cannot be made, those made so far are closed again. */
  #make(set: RestSet, old: ReadonlyMap<string, RestTarget>): Map<string, RestTarget> {
    const targets = new Map<string, RestTarget>()
    try {
      for (const [i, { url }] of set.endpoints.entries()) {
        const id = originOf(url)
        if (targets.has(id)) throw configFault('Rest options', ['endpoints', i], 'is there twice')
        targets.set(id, old.get(id) ?? this.#open(url, set.policies.breaker))
      }
    } catch (error) {
      for (const [id, target] of targets) if (old.get(id) !== target) void target.http.close({ force: true })
      throw error
    }
    return targets
  }

  #open(origin: string | URL, policy: BreakerPolicy | null): RestTarget {
    const emitter = this.#emitter
    const target = new RestTarget({ ...this.#options, origin }, policy, ({ origin: endpoint }, breaker) =>
      breaker.on('change', (change) =>
        emitter.slot('breaker').emit(Object.freeze({ endpoint, ...change }), throwLater),
      ),
    )
    const endpoint = target.origin
    target.http.on('connect', (connection) => emitter.slot('connect').emit({ endpoint, ...connection }, throwLater))
    target.http.on('disconnect', (why) => emitter.slot('disconnect').emit({ endpoint, ...why }, throwLater))
    return target
  }
}

/** Scheme, host and port; the text itself when it is no URL, which making the client then refuses. */
function originOf(url: string | URL): string {
  const text = String(url)
  return URL.canParse(text) ? new URL(text).origin : text
}
