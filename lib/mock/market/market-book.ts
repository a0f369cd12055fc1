import { amount, parseAmount } from '../amount.js'

export type Side = 'buy' | 'sell'

/** Price and size as the venue has written them. */
export type LevelText = readonly [price: string, size: string]

/** One level. */
export interface Level {
  readonly price: bigint
  readonly priceText: string
  size: bigint
  sizeText: string
  /** Of `size`, what the mock's own traders have taken since the market last said how much there is. */
  taken: bigint
}

/** Bids or asks. Sorted only when somebody looks. */
class Levels {
  readonly #side: Side
  readonly #byPrice = new Map<bigint, Level>()
  #sorted: Level[] | null = null

  constructor(side: Side) {
    this.#side = side
  }

  set([priceText, sizeText]: LevelText): void {
    const price = parseAmount(priceText)
    const size = parseAmount(sizeText)
    if (price === null || size === null) return
    if (size === 0n) {
      if (this.#byPrice.delete(price)) this.#sorted = null
      return
    }
    const level = this.#byPrice.get(price)
    if (level === undefined) {
      this.#byPrice.set(price, { price, priceText, size, sizeText, taken: 0n })
      this.#sorted = null
      return
    }
    level.size = size
    level.sizeText = sizeText
    level.taken = 0n
  }

  /** Forgets all but the best. */
  trim(most: number): void {
    for (const { price } of this.list().slice(most)) this.#byPrice.delete(price)
    this.#sorted = null
  }

  clear(): void {
    this.#byPrice.clear()
    this.#sorted = null
  }

  /** Best first. */
  list(): readonly Level[] {
    const sign = this.#side === 'buy' ? -1 : 1
    this.#sorted ??= [...this.#byPrice.values()].sort((a, b) =>
      a.price < b.price ? -sign : a.price > b.price ? sign : 0,
    )
    return this.#sorted
  }
}

/** Levels as a message has them: see the effect of this kind. */
export interface LevelChange {
  readonly snapshot: boolean
  readonly bids: readonly LevelText[]
  readonly asks: readonly LevelText[]
  /** NaN where the venue numbers nothing. */
  readonly last: number
  readonly truncates?: boolean
}

/** The market's side of one instrument: what is in its order book, apart from the orders of the mock's own traders. */
export class MarketBook {
  readonly symbol: string
  readonly bids = new Levels('buy')
  readonly asks = new Levels('sell')
  /** Number of the last update that is in it; 0 before the first. */
  updateId = 0
  lastPrice = '0'
  /** Levels of a side that are kept. */
  #depth = Number.POSITIVE_INFINITY

  constructor(symbol: string) {
    this.symbol = symbol
  }

  replace(bids: readonly LevelText[], asks: readonly LevelText[]): void {
    this.bids.clear()
    this.asks.clear()
    this.change(bids, asks)
  }

  change(bids: readonly LevelText[], asks: readonly LevelText[]): void {
    for (const level of bids) this.bids.set(level)
    for (const level of asks) this.asks.set(level)
  }

  /** What a message says of it. */
  apply({ snapshot, bids, asks, last, truncates = false }: LevelChange): void {
    if (snapshot) {
      this.replace(bids, asks)
      this.#depth = truncates ? Math.max(bids.length, asks.length) : Number.POSITIVE_INFINITY
    } else {
      this.change(bids, asks)
      if (this.#depth !== Number.POSITIVE_INFINITY) {
        this.bids.trim(this.#depth)
        this.asks.trim(this.#depth)
      }
    }
    if (last > 0) this.updateId = last
  }

  /** What an order of this side trades with, best first. */
  against(side: Side): readonly Level[] {
    return side === 'buy' ? this.asks.list() : this.bids.list()
  }

  /** Texts of the best `depth` levels. */
  top(depth: number): { readonly bids: LevelText[]; readonly asks: LevelText[] } {
    const texts = (levels: readonly Level[]): LevelText[] =>
      levels.slice(0, depth).map(({ priceText, sizeText }) => [priceText, sizeText])
    return { bids: texts(this.bids.list()), asks: texts(this.asks.list()) }
  }

  traded(price: string): void {
    if (amount(price) > 0n) this.lastPrice = price
  }
}
