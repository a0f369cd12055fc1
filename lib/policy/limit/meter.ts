import type { MeterSpec } from './meter-spec.js'

/**
 * Numbers that a meter keeps, as a stretch of memory: its own, or one that several threads or processes share. Whoever shares it holds
 * the store's lock around every call of a meter.
 */
export interface Cells {
  readonly numbers: Float64Array
  /** Index of the first. */
  readonly at: number
}

/** Words that every meter has; its own follow. All are 0 in a meter that was never used. */
export const MeterWords = {
  /** A limit lower than the specified one that the venue told; 0: none. */
  limit: 0,
  /** All weight ever granted here. */
  granted: 1,
  /** All weight that the venue has counted and nobody here was granted. */
  foreign: 2,
  /** Where the meter's own words begin. */
  own: 3,
} as const

/** Weights are compared with this much lenience: sums of fractions are not exact. */
const lenience = 1e-9

/**
 * Counts what was used of one limit under one key. All meters answer the same two questions: how long until so much more may be
 * used, and what is used already. Times are milliseconds: `now` on the store's clock, `venueNow` on the venue's.
 */
export abstract class Meter {
  readonly spec: MeterSpec
  protected readonly numbers: Float64Array
  protected readonly at: number
  /** Whether it had no room when it was last asked on behalf of a request. */
  short = false
  /** Pass over the limiter's queue in which somebody waits for this meter. */
  blockedIn = 0
  /** Best priority of those who wait, and of those among them who may use the reserve. */
  blockedPriority = Number.POSITIVE_INFINITY
  blockedPrivileged = Number.POSITIVE_INFINITY

  constructor(spec: MeterSpec, cells: Cells) {
    this.spec = spec
    this.numbers = cells.numbers
    this.at = cells.at
  }

  /** The limit in force. */
  get limit(): number {
    const told = this.word(MeterWords.limit)
    return told > 0 && told < this.spec.limit ? told : this.spec.limit
  }

  /**
   * 0 when `weight` may be used at once, otherwise the milliseconds after which it may if nobody else uses anything; Infinity when it
   * never may. `share` is the part of the limit that may be used, above 0 up to 1.
   */
  room(now: number, venueNow: number, weight: number, share: number): number {
    const limit = this.usable(this.limit) * share
    if (this.level(now, venueNow) + weight <= limit + lenience) return 0
    if (weight > limit + lenience) return Number.POSITIVE_INFINITY
    // Never 0: that would say that it may.
    return Math.max(this.fallTo(limit - weight + lenience, now, venueNow), Number.MIN_VALUE)
  }

  /** Uses `weight`. */
  take(now: number, venueNow: number, weight: number): void {
    this.add(now, venueNow, weight, false)
    this.setWord(MeterWords.granted, this.word(MeterWords.granted) + weight)
  }

  /**
   * The venue says that `level` was used when it counted the request with this `mark` (NaN: not known). Whatever exceeds our own count
   * was used by others and is counted here too. Nothing is ever given back: an answer may be older than what we know.
   */
  observe(now: number, venueNow: number, level: number, mark: number): void {
    // A bucket must not be filled for days by one wrong header.
    const told = Math.min(level, 2 * this.spec.limit)
    const excess = told - this.expected(now, venueNow, mark)
    if (!(excess > lenience)) return
    this.add(now, venueNow, excess, true)
    this.setWord(MeterWords.foreign, this.word(MeterWords.foreign) + excess)
  }

  /** The venue tells its limit. A lower one than specified is obeyed until it tells another. */
  observeLimit(limit: number): void {
    if (limit > 0) this.setWord(MeterWords.limit, Math.max(1, limit))
  }

  /** What is used, own and foreign. */
  abstract level(now: number, venueNow: number): number

  /** A number to be kept with a grant, from which {@link observe} can tell what was granted after it. */
  abstract mark(now: number, venueNow: number): number

  /** The level that the venue should have seen, by what is known here; Infinity when that cannot be told. */
  protected abstract expected(now: number, venueNow: number, mark: number): number
  /** Raises the level. Called before the totals are. */
  protected abstract add(now: number, venueNow: number, weight: number, foreign: boolean): void
  /** Milliseconds until the level is at most `level`, which is below the present one. */
  protected abstract fallTo(level: number, now: number, venueNow: number): number
  /** What of a limit may be used when requests meet delays. */
  protected abstract usable(limit: number): number

  protected word(word: number): number {
    return this.numbers[this.at + word] as number
  }

  protected setWord(word: number, value: number): void {
    this.numbers[this.at + word] = value
  }
}
