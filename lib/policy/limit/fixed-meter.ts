import { type Cells, Meter, MeterWords } from './meter.js'
import type { FixedSpec } from './meter-spec.js'

const indexWord = MeterWords.own
/** Totals when the window began, and what of the window before may have been counted in this one. */
const grantedBeforeWord = MeterWords.own + 1
const foreignBeforeWord = MeterWords.own + 2
const carriedWord = MeterWords.own + 3
/** Granted so late in this window that the venue may count it in the next. */
const lateWord = MeterWords.own + 4

/**
 * Windows that begin at multiples of their length on the venue's clock. A window begins here when it has certainly begun there, and what
 * was granted shortly before a boundary counts on both sides of it, since either is possible.
 */
export class FixedMeter extends Meter {
  static readonly words: number = MeterWords.own + 5
  readonly #window: number
  readonly #early: number
  readonly #late: number

  constructor(spec: FixedSpec, cells: Cells) {
    super(spec, cells)
    this.#window = spec.window
    this.#early = spec.clockError
    this.#late = spec.margin + spec.clockError
  }

  override level(_now: number, venueNow: number): number {
    this.#roll(venueNow)
    return this.#own(this.word(MeterWords.granted)) + this.#foreign()
  }

  override mark(): number {
    return this.word(MeterWords.granted)
  }

  protected override expected(now: number, venueNow: number, mark: number): number {
    const level = this.level(now, venueNow)
    if (Number.isNaN(mark)) return level
    // Granted in an earlier window: what the answer counts may be that one.
    if (mark <= this.word(grantedBeforeWord)) return Number.POSITIVE_INFINITY
    return this.#own(mark) + this.#foreign()
  }

  protected override add(_now: number, venueNow: number, weight: number, foreign: boolean): void {
    this.#roll(venueNow)
    if (!foreign && venueNow >= this.#end() - this.#late) this.setWord(lateWord, this.word(lateWord) + weight)
  }

  protected override fallTo(level: number, _now: number, venueNow: number): number {
    const next = this.#end() + this.#early - venueNow
    return this.word(lateWord) <= level ? next : next + this.#window
  }

  protected override usable(limit: number): number {
    return limit
  }

  #own(granted: number): number {
    return granted - this.word(grantedBeforeWord) + this.word(carriedWord)
  }

  #foreign(): number {
    return this.word(MeterWords.foreign) - this.word(foreignBeforeWord)
  }

  #end(): number {
    return (this.word(indexWord) + 1) * this.#window
  }

  #roll(venueNow: number): void {
    const index = Math.floor((venueNow - this.#early) / this.#window)
    const current = this.word(indexWord)
    // Backwards happens when the venue's clock turns out to be behind: the window that began stays.
    if (index <= current) return
    this.setWord(carriedWord, index === current + 1 ? this.word(lateWord) : 0)
    this.setWord(lateWord, 0)
    this.setWord(foreignBeforeWord, this.word(MeterWords.foreign))
    this.setWord(grantedBeforeWord, this.word(MeterWords.granted))
    this.setWord(indexWord, index)
  }
}
