import type { BalancePolicy } from './policy.js'

/** Says whether a call may be made now: a `Breaker`. */
export interface Admission {
  ready(): boolean
}

/** Options of an endpoint. */
export interface EndpointOptions {
  /** What names it: its URL. Unique within a balancer, up to 256 characters. */
  readonly id: string
  /** Share of the calls that it is to get, relative to the others, 0.01…1,000. Default 1. */
  readonly weight?: number | undefined
  /** Its circuit breaker. Default: none. */
  readonly admission?: Admission | undefined
}

/** What an endpoint that has just come back gets, of what is due to it. */
const slowestStart = 0.1

/** One of the places that calls can go to, with what is known of it. */
export class Endpoint {
  readonly id: string
  readonly weight: number
  readonly admission: Admission | null
  /** Calls under way. */
  pending = 0
  /** Calls that it was picked for. */
  picked = 0
  /** Smooth weighted round robin: how much it is due. */
  credit = 0
  #latency = 0
  #measuredAt = Number.NEGATIVE_INFINITY
  /** Failed calls in a row, and how often in a row that had it left out. */
  #failures = 0
  #ejections = 0
  #ejectedUntil = Number.NEGATIVE_INFINITY
  /** Slow start counts from here. */
  #upSince = Number.NEGATIVE_INFINITY
  #probeUp = true
  #probesInARow = 0
  #probeDue = Number.NEGATIVE_INFINITY

  constructor(options: { readonly id: string; readonly weight: number; readonly admission: Admission | null }) {
    this.id = options.id
    this.weight = options.weight
    this.admission = options.admission
  }

  /** Whether neither calls nor probes speak against it. */
  healthy(now: number): boolean {
    return this.#probeUp && now >= this.#ejectedUntil
  }

  ejected(now: number): boolean {
    return now < this.#ejectedUntil
  }

  /** Whether its breaker would let a call through. */
  get admits(): boolean {
    return this.admission === null || this.admission.ready()
  }

  /** The share that it is to get now. */
  share(now: number, policy: BalancePolicy): number {
    const up = now - Math.max(this.#upSince, this.#ejectedUntil)
    if (policy.slowStart === 0 || up >= policy.slowStart) return this.weight
    return this.weight * Math.max(slowestStart, up / policy.slowStart)
  }

  /** Begins slow start. */
  begin(now: number): void {
    this.#upSince = now
  }

  /** Expected milliseconds of a call: 0 when nothing is known. Fades while nothing is measured, so that it is tried again. */
  latency(now: number, policy: BalancePolicy): number {
    const age = now - this.#measuredAt
    return age > 0 ? this.#latency * Math.exp(-age / policy.decay) : this.#latency
  }

  measured(now: number, latencyMs: number, policy: BalancePolicy): void {
    const known = this.latency(now, policy)
    // A rise is believed at once, a fall by and by.
    if (latencyMs >= known) this.#latency = latencyMs
    else {
      const keep = Math.exp(-Math.max(0, now - this.#measuredAt) / policy.decay)
      this.#latency = this.#latency * keep + latencyMs * (1 - keep)
    }
    this.#measuredAt = now
  }

  succeeded(): void {
    this.#failures = 0
    this.#ejections = 0
  }

  /** A call failed. Returns for how long it ought to be left out because of that; 0: not. */
  failed(now: number, latencyMs: number, policy: BalancePolicy): number {
    const { failures, eject, maxEject } = policy.health
    // A failure may come quickly: it must not make the endpoint look fast, nor fade what is known.
    if (latencyMs > this.#latency) this.#latency = latencyMs
    this.#measuredAt = now
    this.#failures++
    if (this.#failures < failures) return 0
    return Math.min(maxEject, eject * (this.#ejections + 1))
  }

  eject(now: number, forMs: number): void {
    this.#failures = 0
    this.#ejections++
    this.#ejectedUntil = now + forMs
  }

  /** A probe came to a result. Returns whether that changed what is thought of it. */
  probed(now: number, ok: boolean, policy: BalancePolicy): boolean {
    const { fall, rise } = policy.health
    if (ok === this.#probeUp) {
      this.#probesInARow = 0
      return false
    }
    if (++this.#probesInARow < (ok ? rise : fall)) return false
    this.#probesInARow = 0
    this.#probeUp = ok
    if (ok) this.#upSince = now
    return true
  }

  /** Whether it is time for a probe; the next one is then due an interval later. */
  takeProbe(now: number, policy: BalancePolicy): boolean {
    if (policy.health.interval === 0 || now < this.#probeDue) return false
    this.#probeDue = now + policy.health.interval
    return true
  }

  /** When the next probe is due. */
  get probeDue(): number {
    return this.#probeDue
  }
}
