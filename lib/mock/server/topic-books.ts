import type { MarketEffect } from '../dialect.js'
import { MarketBook } from '../market/market-book.js'

/** The book of each topic as it was sent so far: who subscribes late is sent it first, where the venue does so. */
export class TopicBooks {
  readonly #books = new Map<string, MarketBook>()

  apply(topic: string, effects: readonly MarketEffect[]): void {
    for (const effect of effects) {
      if (effect.kind !== 'levels') continue
      let book = this.#books.get(topic)
      if (book === undefined) {
        book = new MarketBook(effect.symbol)
        this.#books.set(topic, book)
      }
      book.apply(effect)
    }
  }

  /** Undefined before anything of the topic was sent. */
  of(topic: string): MarketBook | undefined {
    return this.#books.get(topic)
  }
}
