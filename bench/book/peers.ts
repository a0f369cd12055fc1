/** Books in JavaScript, each fed by its best means from texts. */
import type { DepthMessage, Level } from './market.ts'

/** A book of some kind, for one instrument. */
export interface PeerBook {
  load(message: DepthMessage): void
  change(message: DepthMessage): void
  /** Price × size of the best five levels of both sides. */
  best(): number
}

/** Prices and sizes as numbers in a Map each side; the best are looked for among all. */
export class MapBook implements PeerBook {
  readonly #bids = new Map<number, number>()
  readonly #asks = new Map<number, number>()

  load(message: DepthMessage): void {
    this.#bids.clear()
    this.#asks.clear()
    this.change(message)
  }

  change({ data: { b, a } }: DepthMessage): void {
    set(this.#bids, b)
    set(this.#asks, a)
  }

  best(): number {
    return bestOf(this.#bids, -1) + bestOf(this.#asks, 1)
  }
}

function set(side: Map<number, number>, levels: readonly Level[]): void {
  for (const [price, size] of levels) {
    const quantity = Number(size)
    if (quantity === 0) side.delete(Number(price))
    else side.set(Number(price), quantity)
  }
}

const keys = new Float64Array(5)

function bestOf(side: Map<number, number>, sign: number): number {
  keys.fill(Number.POSITIVE_INFINITY)
  for (const price of side.keys()) {
    const key = sign * price
    if (key >= (keys[4] as number)) continue
    let at = 4
    for (; at > 0 && key < (keys[at - 1] as number); at--) keys[at] = keys[at - 1] as number
    keys[at] = key
  }
  let sum = 0
  for (const key of keys) if (key !== Number.POSITIVE_INFINITY) sum += sign * key * (side.get(sign * key) as number)
  return sum
}

/** ccxt's order book, as its exchanges use it. */
export interface CcxtOrderBook {
  readonly bids: CcxtSide
  readonly asks: CcxtSide
  reset(snapshot: { bids: number[][]; asks: number[][] }): void
  limit(): unknown
}

export interface CcxtSide extends Array<number[]> {
  store(price: number, size: number): void
  limit(): void
}

export class CcxtBook implements PeerBook {
  readonly #book: CcxtOrderBook

  constructor(make: new (snapshot?: object, depth?: number) => CcxtOrderBook) {
    this.#book = new make({}, 1_000)
  }

  load({ data: { b, a } }: DepthMessage): void {
    const numbers = (levels: readonly Level[]): number[][] =>
      levels.map(([price, size]) => [Number(price), Number(size)])
    this.#book.reset({ bids: numbers(b), asks: numbers(a) })
  }

  // What its Binance does with a message: handleOrderBookMessage() in pro/binance.
  change({ data: { b, a } }: DepthMessage): void {
    const { bids, asks } = this.#book
    for (const [price, size] of a) asks.store(Number(price), Number(size))
    for (const [price, size] of b) bids.store(Number(price), Number(size))
  }

  best(): number {
    this.#book.limit()
    let sum = 0
    for (const side of [this.#book.bids, this.#book.asks]) {
      for (let i = 0; i < 5 && i < side.length; i++) sum += (side[i]?.[0] as number) * (side[i]?.[1] as number)
    }
    return sum
  }
}
