import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'
import { Emitter, type Listener, throwLater } from '../../runtime/emitter.js'
import { systemTime, type Time } from '../time.js'
import { type Admission, Endpoint, type EndpointOptions } from './endpoint.js'
import { HashRing, hash32 } from './hash-ring.js'
import { type BalanceMode, type BalanceOptions, type BalancePolicy, balancePolicy } from './policy.js'

/** What is thought of an endpoint has changed. */
export interface HealthChange {
  readonly endpoint: Endpoint
  readonly healthy: boolean
  /** Because of calls, or of probes. */
  readonly by: 'calls' | 'probes'
  /** How long it is left out, as far as is known; Infinity: until probes succeed. */
  readonly forMs: number
}

/** Events of a balancer. */
export interface BalancerEvents {
  health: HealthChange
}

const most = 1_024

const isAdmission = (value: unknown): boolean => typeof (value as Admission | null)?.ready === 'function'

const endpointsSchema = z
  .array(
    z.strictObject({
      id: z.string().min(1).max(256),
      weight: z.number().min(0.01).max(1_000).default(1),
      admission: z.custom<Admission>(isAdmission, 'must have `ready`').optional(),
    }),
  )
  .min(1)
  .max(most)
  .superRefine((endpoints, context) => {
    const ids = new Set<string>()
    for (const [i, { id }] of endpoints.entries()) {
      if (ids.has(id)) context.addIssue({ code: 'custom', path: [i, 'id'], message: 'is used by another endpoint' })
      ids.add(id)
    }
  })

/**
 * Chooses one of several endpoints for each call and learns from how calls end. Endpoints whose breaker is open are never chosen. When
 * nobody is healthy, health is not asked for: a call that may fail is better than none.
 */
export class Balancer {
  readonly #time: Time
  readonly #emitter = new Emitter<BalancerEvents>()
  #policy: BalancePolicy
  #endpoints: readonly Endpoint[] = []
  #ring: HashRing | null = null
  /** Where the next search begins, so that equals take turns. */
  #start = 0
  /** Whom the present search is to pass over. */
  #avoided: Endpoint | null = null

  /** @throws ConfigError naming every field that is wrong. */
  constructor(
    endpoints: readonly EndpointOptions[],
    policy: BalanceMode | BalanceOptions | BalancePolicy = {},
    time: Time = systemTime,
  ) {
    this.#policy = balancePolicy(policy)
    this.#time = time
    this.setEndpoints(endpoints)
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints
  }

  /**
   * The endpoint for the next call, which counts as under way from now on; null when no breaker lets a call through. `key`: calls with
   * the same key go to the same endpoint, in mode `hash`. `avoid`: where the call has just failed; chosen only when no other endpoint is
   * healthy. Allocates nothing.
   */
  pick(key?: string, avoid: Endpoint | null = null): Endpoint | null {
    const now = this.#time.now()
    let endpoint: Endpoint | null = null
    if (avoid !== null) {
      this.#avoided = avoid
      endpoint = this.#choose(now, key, true)
      this.#avoided = null
    }
    endpoint ??= this.#choose(now, key, true) ?? this.#choose(now, key, false)
    if (endpoint === null) return null
    endpoint.pending++
    endpoint.picked++
    return endpoint
  }

  /** The call has ended. `failed`: for a reason that speaks against the endpoint. */
  done(endpoint: Endpoint, latencyMs: number, failed: boolean): void {
    endpoint.pending = Math.max(0, endpoint.pending - 1)
    const now = this.#time.now()
    if (!failed) {
      if (latencyMs >= 0) endpoint.measured(now, latencyMs, this.#policy)
      endpoint.succeeded()
      return
    }
    const forMs = endpoint.failed(now, latencyMs, this.#policy)
    if (forMs === 0 || !this.#mayEject(now)) return
    endpoint.eject(now, forMs)
    this.#emit({ endpoint, healthy: false, by: 'calls', forMs })
  }

  /** The call was not made, or ended without telling anything about the endpoint. */
  abandon(endpoint: Endpoint): void {
    endpoint.pending = Math.max(0, endpoint.pending - 1)
  }

  /** Endpoints that are to be probed now. Each is named once per interval. */
  probesDue(): Endpoint[] {
    const now = this.#time.now()
    return this.#endpoints.filter((endpoint) => endpoint.takeProbe(now, this.#policy))
  }

  /** Milliseconds until a probe is due; Infinity: probes are not wanted. */
  nextProbeIn(): number {
    if (this.#policy.health.interval === 0) return Number.POSITIVE_INFINITY
    const now = this.#time.now()
    return Math.max(0, Math.min(...this.#endpoints.map((endpoint) => endpoint.probeDue)) - now)
  }

  /** A probe of the endpoint came to a result. */
  probed(endpoint: Endpoint, ok: boolean): void {
    if (!endpoint.probed(this.#time.now(), ok, this.#policy)) return
    this.#emit({ endpoint, healthy: ok, by: 'probes', forMs: ok ? 0 : Number.POSITIVE_INFINITY })
  }

  /**
   * Replaces the endpoints. Those that stay, by their id, weight and breaker, keep what is known of them; new ones start slowly.
   * @throws ConfigError naming every field that is wrong.
   */
  setEndpoints(endpoints: readonly EndpointOptions[]): void {
    const list = parseConfig('endpoints', endpointsSchema, endpoints)
    const now = this.#time.now()
    const first = this.#endpoints.length === 0
    const known = new Map(this.#endpoints.map((endpoint) => [endpoint.id, endpoint]))
    this.#endpoints = Object.freeze(
      list.map(({ id, weight, admission = null }) => {
        const old = known.get(id)
        if (old !== undefined && old.weight === weight && old.admission === admission) return old
        const endpoint = new Endpoint({ id, weight, admission })
        if (!first) endpoint.begin(now)
        return endpoint
      }),
    )
    this.#makeRing()
  }

  /**
   * Goes on under another policy. What is known of the endpoints stays.
   * @throws ConfigError naming every field that is wrong.
   */
  use(policy: BalanceMode | BalanceOptions | BalancePolicy): void {
    this.#policy = balancePolicy(policy)
    this.#makeRing()
  }

  on<K extends keyof BalancerEvents & string>(event: K, listener: Listener<BalancerEvents[K]>): this {
    this.#emitter.slot(event).add(listener)
    return this
  }

  once<K extends keyof BalancerEvents & string>(event: K, listener: Listener<BalancerEvents[K]>): this {
    this.#emitter.slot(event).addOnce(listener)
    return this
  }

  off<K extends keyof BalancerEvents & string>(event: K, listener: Listener<BalancerEvents[K]>): this {
    this.#emitter.slot(event).remove(listener)
    return this
  }

  #makeRing(): void {
    const { mode, points } = this.#policy
    this.#ring = mode === 'hash' ? new HashRing(this.#endpoints, points) : null
  }

  #choose(now: number, key: string | undefined, healthy: boolean): Endpoint | null {
    if (this.#policy.mode === 'roundRobin') return this.#inTurn(now, healthy)
    if (this.#ring !== null && key !== undefined) return this.#byHash(this.#ring, now, key, healthy)
    return this.#cheapest(now, healthy)
  }

  /** Everybody gains what is due to it, the one with the most is chosen and pays for all: even also over short stretches. */
  #inTurn(now: number, healthy: boolean): Endpoint | null {
    let best: Endpoint | null = null
    let total = 0
    for (const endpoint of this.#endpoints) {
      if (!this.#usable(endpoint, now, healthy)) continue
      const share = endpoint.share(now, this.#policy)
      total += share
      endpoint.credit += share
      if (best === null || endpoint.credit > best.credit) best = endpoint
    }
    if (best !== null) best.credit -= total
    return best
  }

  #cheapest(now: number, healthy: boolean): Endpoint | null {
    const endpoints = this.#endpoints
    const count = endpoints.length
    const byLatency = this.#policy.mode === 'latency'
    let best: Endpoint | null = null
    let bestCost = Number.POSITIVE_INFINITY
    let at = this.#start
    for (let i = 0; i < count; i++) {
      at = at + 1 >= count ? 0 : at + 1
      const endpoint = endpoints[at] as Endpoint
      if (!this.#usable(endpoint, now, healthy)) continue
      let cost = (endpoint.pending + 1) / endpoint.share(now, this.#policy)
      if (byLatency) cost *= endpoint.latency(now, this.#policy) + leastLatencyMs
      if (cost >= bestCost && best !== null) continue
      best = endpoint
      bestCost = cost
      this.#chosen = at
    }
    // The next search begins behind the chosen one.
    if (best !== null) this.#start = this.#chosen
    return best
  }
  #chosen = 0

  #byHash(ring: HashRing, now: number, key: string, healthy: boolean): Endpoint | null {
    let shares = 0
    let pending = 1
    for (const endpoint of this.#endpoints) {
      if (!this.#usable(endpoint, now, healthy)) continue
      shares += endpoint.share(now, this.#policy)
      pending += endpoint.pending
    }
    if (shares === 0) return null
    const perShare = (this.#policy.bound * pending) / shares
    const point = ring.find(hash32(key))
    for (let steps = 0; steps < ring.size; steps++) {
      const endpoint = this.#endpoints[ring.owner(point, steps)] as Endpoint
      if (!this.#usable(endpoint, now, healthy)) continue
      if (endpoint.pending + 1 <= Math.ceil(perShare * endpoint.share(now, this.#policy))) return endpoint
    }
    return this.#cheapest(now, healthy)
  }

  #usable(endpoint: Endpoint, now: number, healthy: boolean): boolean {
    return endpoint !== this.#avoided && (!healthy || endpoint.healthy(now)) && endpoint.admits
  }

  #mayEject(now: number): boolean {
    let ejected = 1
    for (const endpoint of this.#endpoints) if (endpoint.ejected(now)) ejected++
    return ejected <= this.#policy.health.maxEjected * this.#endpoints.length
  }

  #emit(change: HealthChange): void {
    this.#emitter.slot('health').emit(Object.freeze(change), throwLater)
  }
}

/** Stands for a latency that is not known, so that calls under way count also then. */
const leastLatencyMs = 0.001
