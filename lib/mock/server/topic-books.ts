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
      if (effect.snapshot) book.replace(effect.bids, effect.asks)
      else book.change(effect.bids, effect.asks)
      if (effect.last > 0) book.updateId = effect.last
    }
  }

  /** Undefined before anything of the topic was sent. */
  of(topic: string): MarketBook | undefined {
    return this.#books.get(topic)
  }
}
