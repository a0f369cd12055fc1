import { addDecimals, compareDecimals, subtractDecimals } from '../order/decimal-text.js'

/** Trade ids that are remembered of one order: beyond that the oldest go. */
const mostIds = 10_000

/**
 * What has been told of an order's fills, so that each is told once, whether the venue tells trades, or how much was filled, or both, in any
 * order and any number of times. Pure.
 */
export class FillLedger {
  readonly #ids = new Set<string>()
  #told = '0'
  /** Told without trade ids: trades that come later are about these. */
  #unnamed = '0'

  /** Sum of all that was told. */
  get told(): string {
    return this.#told
  }

  /** A trade: how much of it has not been told; null: nothing. */
  trade(id: string, size: string): string | null {
    if (this.#ids.has(id)) return null
    this.#ids.add(id)
    if (this.#ids.size > mostIds) {
      const [oldest] = this.#ids
      this.#ids.delete(oldest as string)
    }
    const known = compareDecimals(this.#unnamed, size) < 0 ? this.#unnamed : size
    this.#unnamed = subtractDecimals(this.#unnamed, known)
    if (compareDecimals(known, '0') === 0) {
      this.#told = addDecimals(this.#told, size)
      return size
    }
    const news = subtractDecimals(size, known)
    if (compareDecimals(news, '0') <= 0) return null
    this.#told = addDecimals(this.#told, news)
    return news
  }

  /** How much of what was filled in all has not been told; `'0'`: nothing. */
  missing(filled: string | null): string {
    return filled !== null && compareDecimals(filled, this.#told) > 0 ? subtractDecimals(filled, this.#told) : '0'
  }

  /** So much is told without trade ids. */
  unnamed(size: string): void {
    this.#told = addDecimals(this.#told, size)
    this.#unnamed = addDecimals(this.#unnamed, size)
  }
}
