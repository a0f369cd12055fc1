import { z } from 'zod'
import { parseConfig } from '../runtime/config.js'
import { systemTime, type Time } from './time.js'

/** Options of a {@link ClockOffset}. */
export interface ClockOffsetOptions {
  /** Samples that the offset is the median of, 3…63. Default 9. */
  readonly samples?: number | undefined
  /** Milliseconds between two samples once there are enough, 100…86,400,000. Default 60,000. */
  readonly interval?: number | undefined
  /** The same until then, 1…60,000. Default 200. */
  readonly first?: number | undefined
  /** What the venue's timestamps are rounded down to, in milliseconds, 0…1,000. Default 1. */
  readonly resolution?: number | undefined
  /**
   * A sample that contradicts what is known by more than so many milliseconds beyond both their errors is doubted, and believed when
   * three in a row do: the venue's clock, or ours, was set. 1…60,000. Default 100.
   */
  readonly step?: number | undefined
}

const schema = z.strictObject({
  samples: z.int().min(3).max(63).default(9),
  interval: z.number().min(100).max(86_400_000).default(60_000),
  first: z.number().min(1).max(60_000).default(200),
  resolution: z.number().min(0).max(1_000).default(1),
  step: z.number().min(1).max(60_000).default(100),
})

interface Sample {
  /** Middle of the round trip, on our monotonic clock. */
  readonly at: number
  readonly offset: number
  readonly roundTrip: number
}

/** Faster than this no crystal is wrong: more is an error of the samples. */
const mostDrift = 500e-6
/** Drift is not looked for in less than this. */
const driftSpanMs = 120_000
const historyLength = 32
const contradictions = 3

/**
 * The difference between the venue's clock and ours, from the venue's timestamps. Each sample takes the middle of its round trip for the
 * moment of the timestamp; of the last samples those with the shortest round trips count, and of these the median. How fast the
 * difference changes is the median slope between older results.
 */
export class ClockOffset {
  readonly #options: z.output<typeof schema>
  readonly #time: Time
  #samples: Sample[] = []
  /** Results of some time ago, for the drift. */
  #history: { readonly at: number; readonly offset: number }[] = []
  #offset = 0
  #at = 0
  #drift = 0
  #error = Number.POSITIVE_INFINITY
  #doubted: Sample[] = []
  #nextAt = Number.NEGATIVE_INFINITY

  /** @throws ConfigError naming every field that is wrong. */
  constructor(options: ClockOffsetOptions = {}, time: Time = systemTime) {
    this.#options = parseConfig('clock offset', schema, options)
    this.#time = time
  }

  /** Milliseconds to be added to our Unix time to get the venue's; 0 while nothing is known. */
  get ms(): number {
    return this.#offset + this.#drift * (this.#time.now() - this.#at)
  }

  /** By how many milliseconds `ms` may be wrong; Infinity while nothing is known. */
  get errorMs(): number {
    return this.#error
  }

  /** Milliseconds that the offset changes by per second, in millionths of a second; 0 while it is not known. */
  get driftPpm(): number {
    return this.#drift * 1e6
  }

  /** Samples in use. */
  get samples(): number {
    return this.#samples.length
  }

  /** The venue's time, Unix milliseconds with fractions. */
  now(): number {
    return this.#time.origin + this.#time.now() + this.ms
  }

  /** The venue's time in whole milliseconds, as requests carry it. */
  timestamp(): number {
    return Math.floor(this.now())
  }

  /** Milliseconds until another sample is wanted; 0: now. */
  nextSampleIn(): number {
    return Math.max(0, this.#nextAt - this.#time.now())
  }

  /** The venue has refused a timestamp: samples are wanted at once. */
  doubt(): void {
    this.#nextAt = Number.NEGATIVE_INFINITY
  }

  /**
   * Takes a sample.
   * @param sentAt when the request left, as `Time.now()` said.
   * @param receivedAt when its answer came, likewise.
   * @param venueTime the timestamp in it, Unix milliseconds.
   * @returns whether it was of use: one that makes no sense, or is doubted, is not.
   */
  add(sentAt: number, receivedAt: number, venueTime: number): boolean {
    const roundTrip = receivedAt - sentAt
    if (!(roundTrip >= 0) || !Number.isFinite(venueTime) || !Number.isFinite(roundTrip)) return false
    const at = (sentAt + receivedAt) / 2
    const offset = venueTime + this.#options.resolution / 2 - (this.#time.origin + at)
    const enough = this.#samples.length >= this.#options.samples
    this.#nextAt = this.#time.now() + (enough ? this.#options.interval : this.#options.first)
    return this.#accept({ at, offset, roundTrip })
  }

  /**
   * How long a request ought to be valid so that the clock's error and a slow way do not make the venue refuse it: the longest of the
   * last round trips, the error, and `slack`, at most `most`. Milliseconds.
   */
  recvWindow(slack = 1_000, most = 60_000): number {
    if (this.#samples.length === 0) return most
    const slowest = Math.max(...this.#samples.map(({ roundTrip }) => roundTrip))
    return Math.min(most, Math.ceil(slowest + this.#error + slack))
  }

  /**
   * Milliseconds after sending, on our clock, from which on the venue certainly refuses a request that carries `timestamp()` and
   * `recvWindow`. For `RetryRequest.validMs`.
   */
  validMs(recvWindow: number): number {
    return recvWindow + 1 + (this.#error === Number.POSITIVE_INFINITY ? recvWindow : this.#error)
  }

  #accept(sample: Sample): boolean {
    if (!this.#agrees(sample)) {
      this.#doubted.push(sample)
      if (this.#doubted.length < contradictions) {
        this.doubt()
        return false
      }
      this.#samples = this.#doubted
      this.#doubted = []
      this.#history = []
      this.#drift = 0
    } else {
      this.#doubted = []
      this.#samples.push(sample)
      if (this.#samples.length > this.#options.samples) this.#samples.shift()
    }
    this.#evaluate()
    return true
  }

  #agrees({ at, offset, roundTrip }: Sample): boolean {
    if (this.#samples.length < contradictions) return true
    const known = this.#offset + this.#drift * (at - this.#at)
    return Math.abs(offset - known) <= roundTrip / 2 + this.#error + this.#options.step
  }

  #evaluate(): void {
    const shortest = [...this.#samples].sort((a, b) => a.roundTrip - b.roundTrip)
    const best = shortest.slice(0, Math.max(1, Math.ceil(shortest.length / 2)))
    const newest = this.#samples.at(-1) as Sample
    // Old samples are brought to the present by the drift, or it would show as spread.
    const offsets = best.map(({ at, offset }) => offset + this.#drift * (newest.at - at))
    this.#offset = median(offsets)
    this.#at = newest.at
    const spread = Math.max(...offsets.map((offset) => Math.abs(offset - this.#offset)))
    const surest = (best[0] as Sample).roundTrip / 2 + this.#options.resolution / 2
    this.#error = Math.max(spread, surest)
    this.#follow()
  }

  /** Keeps results at a distance from each other, and the median of the slopes between them. */
  #follow(): void {
    const history = this.#history
    const last = history.at(-1)
    if (last !== undefined && this.#at - last.at < driftSpanMs / 4) return
    history.push({ at: this.#at, offset: this.#offset })
    if (history.length > historyLength) history.shift()
    const first = history[0]
    if (first === undefined || this.#at - first.at < driftSpanMs) return
    const slopes: number[] = []
    for (const [i, a] of history.entries()) {
      for (const b of history.slice(i + 1)) slopes.push((b.offset - a.offset) / (b.at - a.at))
    }
    this.#drift = Math.max(-mostDrift, Math.min(mostDrift, median(slopes)))
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}
