import { configFault } from '../../runtime/config.js'
import { Emitter, type Listener, throwLater } from '../../runtime/emitter.js'
import { systemTime, type Time } from '../time.js'
import { type BreakerOptions, type BreakerPolicy, breakerPolicy } from './policy.js'
import { SampleWindow } from './sample-window.js'

/** `closed`: everything passes. `open`: nothing does. `halfOpen`: a few probes do. */
export type BreakerState = 'closed' | 'open' | 'halfOpen'

/** Why a breaker changed its state. */
export type BreakerReason =
  /** Too many failures in a row. */
  | 'failures'
  /** Too large a share of failures. */
  | 'rate'
  /** It had been open for long enough. */
  | 'waited'
  /** A probe failed, or did not end in time. */
  | 'probe'
  /** Enough probes succeeded. */
  | 'recovered'
  /** `trip()` or `reset()`. */
  | 'manual'

/** A change of state. */
export interface BreakerChange {
  readonly from: BreakerState
  readonly to: BreakerState
  readonly reason: BreakerReason
  /** Milliseconds for which it will let nothing through, 0 unless `to` is open; Infinity after `trip()`. */
  readonly openForMs: number
}

/** Events of a breaker. */
export interface BreakerEvents {
  change: BreakerChange
}

/**
 * A circuit breaker: stops calls to an endpoint that fails, and lets a few through now and then to see whether it has recovered. A call
 * asks with `enter()` and reports with `leave()`; neither allocates anything.
 */
export class Breaker {
  readonly #time: Time
  readonly #emitter = new Emitter<BreakerEvents>()
  #policy: BreakerPolicy
  #samples: SampleWindow
  #state: BreakerState = 'closed'
  /** Counts the changes of state: tickets of an earlier state tell nothing about this one. */
  #generation = 1
  #inARow = 0
  #openUntil = 0
  #openForMs = 0
  /** Half open: probes under way, when the oldest of them began, successes in a row. */
  #probing = 0
  #probingSince = 0
  #succeeded = 0
  #refused = 0

  /** @throws ConfigError naming every field that is wrong. */
  constructor(options: BreakerOptions | BreakerPolicy = {}, time: Time = systemTime) {
    this.#policy = breakerPolicy(options)
    this.#samples = new SampleWindow(this.#policy.window)
    this.#time = time
  }

  /** The state that the next call meets. */
  get state(): BreakerState {
    this.#advance(this.#time.now())
    return this.#state
  }

  /** Calls that were refused so far. */
  get refused(): number {
    return this.#refused
  }

  /** Whether `enter()` would let a call through. */
  ready(): boolean {
    if (this.#state === 'closed') return true
    this.#advance(this.#time.now())
    return this.#state === 'halfOpen' && this.#probing < this.#policy.probes
  }

  /** Milliseconds until a call may be let through, as far as is known: 0 when one may be now. */
  readyIn(): number {
    if (this.ready()) return 0
    return this.#state === 'open'
      ? Math.max(0, this.#openUntil - this.#time.now())
      : this.#probeEnd() - this.#time.now()
  }

  /** Lets a call through, and returns a ticket to leave with; or 0: it must not be made. */
  enter(): number {
    if (this.#state !== 'closed') {
      const now = this.#time.now()
      this.#advance(now)
      if (!this.#admitProbe(now)) {
        this.#refused++
        return 0
      }
    }
    return this.#generation
  }

  /** The call that entered with `ticket` has ended. Only failures of the endpoint count, not refusals of the request. */
  leave(ticket: number, failed: boolean): void {
    if (ticket !== this.#generation) return
    const now = this.#time.now()
    if (this.#state === 'halfOpen') this.#endProbe(failed, now)
    else if (this.#state === 'closed') this.#count(failed, now)
  }

  /** The call that entered with `ticket` ended without telling anything about the endpoint: cancelled, or refused by a limit of ours. */
  abandon(ticket: number): void {
    if (ticket === this.#generation && this.#state === 'halfOpen') this.#probing = Math.max(0, this.#probing - 1)
  }

  /**
   * Lets nothing through for so many milliseconds. Default: until `reset()`.
   * @throws ConfigError when `forMs` is not above 0.
   */
  trip(forMs: number = Number.POSITIVE_INFINITY): void {
    if (!(forMs > 0)) throw configFault('circuit breaker', ['forMs'], 'must be above 0')
    this.#open(forMs, 'manual', this.#time.now())
  }

  /** Lets everything through and forgets what was counted. */
  reset(): void {
    this.#openForMs = 0
    this.#close('manual')
  }

  /**
   * Goes on under another policy. The state stays; what was counted stays too unless the window is another.
   * @throws ConfigError naming every field that is wrong.
   */
  use(options: BreakerOptions | BreakerPolicy): void {
    const policy = breakerPolicy(options)
    if (policy.window !== this.#policy.window) this.#samples = new SampleWindow(policy.window)
    this.#policy = policy
  }

  on<K extends keyof BreakerEvents & string>(event: K, listener: Listener<BreakerEvents[K]>): this {
    this.#emitter.slot(event).add(listener)
    return this
  }

  once<K extends keyof BreakerEvents & string>(event: K, listener: Listener<BreakerEvents[K]>): this {
    this.#emitter.slot(event).addOnce(listener)
    return this
  }

  off<K extends keyof BreakerEvents & string>(event: K, listener: Listener<BreakerEvents[K]>): this {
    this.#emitter.slot(event).remove(listener)
    return this
  }

  #count(failed: boolean, now: number): void {
    const { failures, minimum, rate } = this.#policy
    this.#inARow = failed ? this.#inARow + 1 : 0
    this.#samples.add(now, failed)
    if (!failed) return
    const { total, failed: bad } = this.#samples
    if (this.#inARow >= failures) this.#openAnew('failures', now)
    else if (total >= minimum && bad >= rate * total) this.#openAnew('rate', now)
  }

  #admitProbe(now: number): boolean {
    if (this.#state === 'closed') return true
    if (this.#state === 'open' || this.#probing >= this.#policy.probes) return false
    if (this.#probing === 0) this.#probingSince = now
    this.#probing++
    return true
  }

  #endProbe(failed: boolean, now: number): void {
    if (failed) {
      this.#openLonger(now)
      return
    }
    this.#probing = Math.max(0, this.#probing - 1)
    this.#probingSince = now
    if (++this.#succeeded < this.#policy.successes) return
    this.#openForMs = 0
    this.#close('recovered')
  }

  /** What time alone changes. */
  #advance(now: number): void {
    if (this.#state === 'open' && now >= this.#openUntil) {
      this.#probing = 0
      this.#succeeded = 0
      this.#change('halfOpen', 'waited', 0)
    } else if (this.#state === 'halfOpen' && this.#probing > 0 && now >= this.#probeEnd()) {
      this.#openLonger(now)
      this.#advance(now)
    }
  }

  #probeEnd(): number {
    return this.#probingSince + this.#policy.probeTimeout
  }

  /** It was closed: the first time it stays open for `open`. */
  #openAnew(reason: BreakerReason, now: number): void {
    this.#openForMs = this.#policy.open
    this.#open(this.#openForMs, reason, now)
  }

  /** It was half open: longer than the last time. */
  #openLonger(now: number): void {
    const { open, factor, maxOpen } = this.#policy
    this.#openForMs = Math.min(maxOpen, Math.max(open, this.#openForMs * factor))
    this.#open(this.#openForMs, 'probe', now)
  }

  #open(forMs: number, reason: BreakerReason, now: number): void {
    this.#openUntil = now + forMs
    this.#change('open', reason, forMs)
  }

  #close(reason: BreakerReason): void {
    this.#inARow = 0
    this.#samples.clear()
    this.#change('closed', reason, 0)
  }

  #change(to: BreakerState, reason: BreakerReason, openForMs: number): void {
    const from = this.#state
    this.#state = to
    this.#generation++
    if (from === to) return
    this.#emitter.slot('change').emit(Object.freeze({ from, to, reason, openForMs }), throwLater)
  }
}
