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

  /**
   * A trade: how much of it has not been told; null: nothing.
   * @param otherId another name of it; it is known when either is.
   */
  trade(id: string, size: string, otherId = ''): string | null {
    const names = otherId === '' ? [id] : [id, `other ${otherId}`]
    const isKnown = names.some((name) => this.#ids.has(name))
    // Both, also of one that is known by the other: the next message may tell one alone.
    for (const name of names) this.#remember(name)
    if (isKnown) return null
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

  #remember(name: string): void {
    this.#ids.add(name)
    if (this.#ids.size <= mostIds) return
    const [oldest] = this.#ids
    this.#ids.delete(oldest as string)
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
