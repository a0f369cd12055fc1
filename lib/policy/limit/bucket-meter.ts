import { type Cells, Meter, MeterWords } from './meter.js'
import type { BucketSpec } from './meter-spec.js'

const levelWord = MeterWords.own
/** Time at which the level was that high. */
const sinceWord = MeterWords.own + 1

/** A level that rises with each grant and falls at a constant rate: token bucket and decaying counter. */
export class BucketMeter extends Meter {
  static readonly words: number = MeterWords.own + 2
  readonly #rate: number
  readonly #margin: number

  constructor(spec: BucketSpec, cells: Cells) {
    super(spec, cells)
    this.#rate = spec.rate
    this.#margin = spec.margin
  }

  override level(now: number): number {
    const fallen = (now - this.word(sinceWord)) * this.#rate
    // A clock that lags behind another process's must not make the level rise.
    return fallen > 0 ? Math.max(0, this.word(levelWord) - fallen) : this.word(levelWord)
  }

  override mark(now: number): number {
    return this.level(now) - this.word(MeterWords.foreign)
  }

  protected override expected(now: number, _venueNow: number, mark: number): number {
    return Number.isNaN(mark) ? this.level(now) : mark + this.word(MeterWords.foreign)
  }

  protected override add(now: number, _venueNow: number, weight: number): void {
    this.setWord(levelWord, this.level(now) + weight)
    this.setWord(sinceWord, Math.max(now, this.word(sinceWord)))
  }

  protected override fallTo(level: number, now: number): number {
    return (this.level(now) - level) / this.#rate + Math.max(0, this.word(sinceWord) - now)
  }

  protected override usable(limit: number): number {
    // Requests that meet different delays arrive closer together than they left: by what the venue's bucket refills meanwhile.
    return Math.max(Math.min(1, limit), limit - this.#rate * this.#margin)
  }
}
