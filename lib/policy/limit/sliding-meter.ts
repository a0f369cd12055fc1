import { type Cells, Meter, MeterWords } from './meter.js'
import type { SlidingSpec } from './meter-spec.js'

const sumWord = MeterWords.own
/** Index of the oldest entry, and how many there are. */
const headWord = MeterWords.own + 1
const countWord = MeterWords.own + 2
/** Pairs of time and weight, as a ring. */
const entriesWord = MeterWords.own + 3

/**
 * At most `limit` within any stretch of the window: a log of grants. When there may be more grants than entries, those within one granule
 * share an entry, which expires with the youngest of them: the limit holds, and what is waited in excess is a granule at most.
 */
export class SlidingMeter extends Meter {
  static words(spec: SlidingSpec): number {
    return MeterWords.own + 3 + 2 * spec.entries
  }

  readonly #span: number
  readonly #entries: number
  /** 0: every grant has an entry of its own. */
  readonly #granule: number

  constructor(spec: SlidingSpec, cells: Cells) {
    super(spec, cells)
    // Of two requests the first may be delayed by the margin and the second not at all.
    this.#span = spec.window + spec.margin
    this.#entries = spec.entries
    // A span touches at most two granules more than fit into it.
    this.#granule = spec.limit <= spec.entries ? 0 : this.#span / (spec.entries - 2)
  }

  override level(now: number): number {
    this.#expire(now)
    return this.word(sumWord)
  }

  override mark(now: number): number {
    return this.level(now) - this.word(MeterWords.foreign)
  }

  protected override expected(now: number, _venueNow: number, mark: number): number {
    return Number.isNaN(mark) ? this.level(now) : mark + this.word(MeterWords.foreign)
  }

  // The order of the writes matters when a process that shares the memory dies between two of them: the level may then be too high until
  // the window is empty once, but never too low.
  protected override add(now: number, _venueNow: number, weight: number): void {
    this.#expire(now)
    this.setWord(sumWord, this.word(sumWord) + weight)
    const count = this.word(countWord)
    if (count > 0) {
      const newest = this.#entry(count - 1)
      const time = this.word(newest)
      if (count === this.#entries || this.#granuleOf(time) === this.#granuleOf(now)) {
        this.setWord(newest, Math.max(time, now))
        this.setWord(newest + 1, this.word(newest + 1) + weight)
        return
      }
    }
    const entry = this.#entry(count)
    // Entries stay sorted even when the clocks of two processes disagree.
    this.setWord(entry, count > 0 ? Math.max(now, this.word(this.#entry(count - 1))) : now)
    this.setWord(entry + 1, weight)
    this.setWord(countWord, count + 1)
  }

  protected override fallTo(level: number, now: number): number {
    let left = this.word(sumWord) - level
    const count = this.word(countWord)
    for (let i = 0; i < count; i++) {
      const entry = this.#entry(i)
      left -= this.word(entry + 1)
      if (left <= 0) return this.word(entry) + this.#span - now
    }
    // Only after a write was cut off: the sum is made good when the window is empty.
    return this.#span
  }

  protected override usable(limit: number): number {
    return limit
  }

  #expire(now: number): void {
    let count = this.word(countWord)
    while (count > 0) {
      const entry = this.#entry(0)
      if (now - this.word(entry) < this.#span) return
      const weight = this.word(entry + 1)
      count--
      this.setWord(headWord, (this.word(headWord) + 1) % this.#entries)
      this.setWord(countWord, count)
      // An empty window also forgets the rounding of fractional weights.
      this.setWord(sumWord, count === 0 ? 0 : this.word(sumWord) - weight)
    }
    this.setWord(sumWord, 0)
  }

  #granuleOf(time: number): number {
    return this.#granule === 0 ? Number.NaN : Math.floor(time / this.#granule)
  }

  #entry(index: number): number {
    return entriesWord + 2 * ((this.word(headWord) + index) % this.#entries)
  }
}
