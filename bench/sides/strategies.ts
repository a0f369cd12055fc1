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

export function spread(samples: Float64Array): Spread {
  const sorted = samples.toSorted()
  return {
    count: sorted.length,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    p999: quantile(sorted, 0.999),
  }
}

/** Ages of values by their senders' stamps. */
export class Ages {
  readonly #samples: Float64Array
  readonly #skip: number
  readonly #onFull: (result: Spread) => void
  #seen = 0

  constructor(count: number, skip: number, onFull: (result: Spread) => void) {
    this.#samples = new Float64Array(count)
    this.#skip = skip
    this.#onFull = onFull
  }

  /** A value with this `T` has reached the strategy, now if nobody says when. */
  see(stamp: number, now = monoNs()): void {
    const age = now - (stamp - stampBase)
    const at = this.#seen++ - this.#skip
    if (at < 0 || at >= this.#samples.length) return
    this.#samples[at] = age
    if (at + 1 === this.#samples.length) this.#onFull(spread(this.#samples))
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
