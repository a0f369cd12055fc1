import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'

/** What touching a young order costs on the trading counter, by the seconds since it was placed or amended. */
const seconds = [5, 10, 15, 45, 90, 300] as const
const surcharges = {
  amend: [3, 2, 1, 0, 0, 0],
  edit: [6, 5, 4, 2, 1, 0],
  cancel: [8, 6, 5, 4, 2, 1],
} as const
/** What it costs anyway. */
const fixed = { amend: 1, edit: 1, cancel: 0 } as const

/** What is done to an order. */
export type KrakenOrderAction = keyof typeof surcharges

/** Cost of an order that is placed. */
export const krakenOrderWeight = 1

const mostSchema = z.int().min(1).max(10_000_000)

/**
 * Remembers when open orders were placed or amended, since Kraken charges for touching them by their age. What is not known is charged
 * as if it were new: too much rather than too little.
 */
export class KrakenOrderAges {
  readonly #placed = new Map<string, number>()
  readonly #most: number

  /**
   * @param most orders remembered at a time, 1…10,000,000; beyond it the one left alone for longest is forgotten.
   * @throws ConfigError
   */
  constructor(most = 100_000) {
    this.#most = parseConfig('Kraken order ages', mostSchema, most)
  }

  get size(): number {
    return this.#placed.size
  }

  /** An order leaves. `now`: milliseconds on a clock that never goes back. */
  placed(id: string, now: number): void {
    // Last in the order of insertion: the first is always the one that was left alone for longest.
    this.#placed.delete(id)
    if (this.#placed.size >= this.#most) this.#forgetOldest()
    this.#placed.set(id, now)
  }

  /** It was amended, so its age begins anew. */
  amended(id: string, now: number): void {
    this.placed(id, now)
  }

  /** It is closed: nothing more will be done to it. */
  closed(id: string): void {
    this.#placed.delete(id)
  }

  /** What `action` will cost. `margin`: milliseconds by which the venue may think it younger, for the way there. Default 1,000. */
  weight(id: string, action: KrakenOrderAction, now: number, margin = 1_000): number {
    const placed = this.#placed.get(id)
    const age = placed === undefined ? 0 : Math.max(0, now - placed - margin)
    const step = seconds.findIndex((limit) => age < limit * 1_000)
    return fixed[action] + (surcharges[action][step] ?? 0)
  }

  #forgetOldest(): void {
    const first = this.#placed.keys().next()
    if (!first.done) this.#placed.delete(first.value)
  }
}
