type Change = readonly (readonly [price: string, size: string])[]

/** One side: a map of sizes, and the prices sorted, best first. */
class Side {
  readonly #sign: 1 | -1
  readonly #sizes = new Map<number, number>()
  /** Best last, where arrays grow and shrink cheaply. */
  readonly #prices: number[] = []

  constructor(sign: 1 | -1) {
    this.#sign = sign
  }

  get best(): number {
    return this.#prices.at(-1) ?? Number.NaN
  }

  set(priceText: string, sizeText: string): void {
    const price = Number(priceText)
    const size = Number(sizeText)
    const isKnown = this.#sizes.has(price)
    if (size === 0) {
      if (!isKnown) return
      this.#sizes.delete(price)
      this.#prices.splice(this.#place(price), 1)
      return
    }
    this.#sizes.set(price, size)
    if (!isKnown) this.#prices.splice(this.#place(price), 0, price)
  }

  #place(price: number): number {
    let low = 0
    let high = this.#prices.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (((this.#prices[middle] as number) - price) * this.#sign < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** An order book as one writes it in JavaScript: maps of doubles, kept in the documented way. */
export class JsBook {
  readonly #bids = new Side(1)
  readonly #asks = new Side(-1)
  updateId = 0
  synced = false

  get bestBid(): number {
    return this.#bids.best
  }

  get bestAsk(): number {
    return this.#asks.best
  }

  seed(updateId: number, bids: Change, asks: Change): void {
    for (const [price, size] of bids) this.#bids.set(price, size)
    for (const [price, size] of asks) this.#asks.set(price, size)
    this.updateId = updateId
    this.synced = true
  }

  update({ U, u, b, a }: { readonly U: number; readonly u: number; readonly b: Change; readonly a: Change }): void {
    if (u <= this.updateId) return
    if (U > this.updateId + 1) {
      this.synced = false
      return
    }
    for (const [price, size] of b) this.#bids.set(price, size)
    for (const [price, size] of a) this.#asks.set(price, size)
    this.updateId = u
  }
}
