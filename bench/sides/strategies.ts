import { monoNs } from '../../examples/venue/clock.ts'
import { stampBase } from '../../examples/venue/messages.ts'
import { quantile } from '../report.ts'

/** Quantiles of times in nanoseconds. */
export interface Spread {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
}

function spread(samples: Float64Array): Spread {
  const sorted = samples.toSorted()
  return {
    count: sorted.length,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    p999: quantile(sorted, 0.999),
  }
}

/**
 * Samples of which the first `skip` do not count. They are kept like the others all the same: code that does something else at first is
 * compiled for that, and thrown away when the measurement begins. The memory is there already, as a page fault would count for the one
 * who is measured.
 */
export class Samples {
  readonly #all: Float64Array
  readonly #skip: number
  #count = 0

  constructor(count: number, skip: number) {
    this.#all = new Float64Array(skip + count).fill(-1)
    this.#skip = skip
  }

  get full(): boolean {
    return this.#count === this.#all.length
  }

  add(value: number): void {
    if (this.#count < this.#all.length) this.#all[this.#count++] = value
  }

  spread(): Spread {
    return spread(this.#all.subarray(this.#skip))
  }
}

/** Ages of values by their senders' stamps. */
export class Ages {
  readonly #samples: Samples
  readonly #onFull: (result: Spread) => void
  #done = false

  constructor(count: number, skip: number, onFull: (result: Spread) => void) {
    this.#samples = new Samples(count, skip)
    this.#onFull = onFull
  }

  /** A value with this `T` has reached the strategy, now if nobody says when. */
  see(stamp: number, now = monoNs()): void {
    this.#samples.add(now - (stamp - stampBase))
    if (!this.#samples.full || this.#done) return
    this.#done = true
    this.#onFull(this.#samples.spread())
  }
}

/** A strategy that works for 5 ms now and then; how old is the first value that it sees afterwards? */
export class Worker5Ms {
  readonly #ages: Ages
  #worked = false
  #next = 0

  constructor(ages: Ages) {
    this.#ages = ages
  }

  see(symbol: string, stamp: number): void {
    if (symbol !== 'BTCUSDT') return
    if (this.#worked) {
      this.#worked = false
      this.#ages.see(stamp)
    }
    const now = performance.now()
    if (now < this.#next) return
    while (performance.now() < now + 5) {}
    this.#next = performance.now() + 15
    this.#worked = true
  }
}

export const blocker = new Int32Array(new SharedArrayBuffer(4))

/** Newest ticker per symbol. */
export type FinalState = Record<string, { bid: number; ask: number; id: number }>

export interface BlockedResult {
  /** Still on the first connection at the end. */
  readonly connected: boolean
  readonly reason: string
  readonly state: FinalState
  /** Growth of the process's memory while the JS thread was blocked, and until the end. */
  readonly rssGrowth: number
  readonly messages: number
}
