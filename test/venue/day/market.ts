/** A market made up for a day: books that change, best prices and trades, with the truth of every moment beside them. */
import { chance } from '../../rest/venue-server.ts'

/** Ticks of a tenth, lots of a thousandth. */
export type Side = Map<number, number>

/** The best levels of both sides after one update: price and size of each bid, then of each ask; NaN where there is none. */
export interface Version {
  /** As the venue numbers it; NaN where it does not. */
  readonly id: number
  readonly levels: Float64Array
}

export type Change = readonly [ticks: number, lots: number]

/** One instrument. */
export class Instrument {
  readonly symbol: string
  readonly bids: Side = new Map()
  readonly asks: Side = new Map()
  readonly versions: Version[] = []
  /** Ids of all trades, in order. */
  readonly trades: string[] = []
  /** Of the book's last update, and of the last trade. */
  id: number
  trade: number
  readonly #random: () => number
  readonly #middle: number
  readonly #depth: number

  /** @param depth levels of each side that versions show. */
  constructor(symbol: string, at: number, depth: number) {
    this.symbol = symbol
    this.id = 1_000_000 * (at + 1)
    this.trade = 5_000 * (at + 1)
    this.#random = chance(at + 11)
    this.#middle = 300_000 + at * 10_000
    this.#depth = depth
    for (let i = 1; i <= 30; i++) {
      this.bids.set(this.#middle - i, 1 + this.below(5_000))
      this.asks.set(this.#middle + i, 1 + this.below(5_000))
    }
  }

  below(n: number): number {
    return Math.floor(this.#random() * n)
  }

  /** Best first. */
  best(side: 'bids' | 'asks', most: number = this.#depth): readonly Change[] {
    const sign = side === 'bids' ? -1 : 1
    return [...this[side]].sort(([a], [b]) => sign * (a - b)).slice(0, most)
  }

  /** Changes a few levels; which they are. */
  step(): { readonly bids: readonly Change[]; readonly asks: readonly Change[] } {
    const changes = (side: Side, sign: number): Change[] => {
      const changed = new Map<number, number>()
      for (let i = this.below(3); i >= 0; i--) {
        const ticks = this.#middle + sign * (1 + this.below(20))
        const isGone = side.has(ticks) && side.size > 26 && this.below(10) < 3
        changed.set(ticks, isGone ? 0 : 1 + this.below(5_000))
      }
      for (const [ticks, lots] of changed) {
        if (lots === 0) side.delete(ticks)
        else side.set(ticks, lots)
      }
      return [...changed]
    }
    return { bids: changes(this.bids, -1), asks: changes(this.asks, 1) }
  }

  /** The book is now this version. */
  remember(id: number): void {
    const levels = new Float64Array(this.#depth * 4).fill(Number.NaN)
    for (const [k, side] of [this.best('bids'), this.best('asks')].entries()) {
      for (const [i, [ticks, lots]] of side.entries()) {
        levels[(k * this.#depth + i) * 2] = Number(priceOf(ticks))
        levels[(k * this.#depth + i) * 2 + 1] = Number(sizeOf(lots))
      }
    }
    this.versions.push({ id, levels })
  }
}

export const priceOf = (ticks: number): string => (ticks / 10).toFixed(1)
export const sizeOf = (lots: number): string => (lots / 1_000).toFixed(3)
export const levelsOf = (changes: readonly Change[]): [string, string][] =>
  changes.map(([ticks, lots]) => [priceOf(ticks), sizeOf(lots)])
