import { parseAmount } from '../amount.js'
import type { MarketEffect, TapeSnapshot } from '../dialect.js'
import type { Engine } from '../engine/engine.js'
import { MarketBook } from './market-book.js'

/** The recorded market as it stands at this point of the tape. */
export class Market {
  readonly #books = new Map<string, MarketBook>()
  readonly #snapshots: Map<string, TapeSnapshot[]>
  /** Symbols whose whole book is recorded: their best prices alone would contradict it. */
  readonly #deep = new Set<string>()
  /** Levels of the deepest book that was seen of each symbol. */
  readonly #depths = new Map<string, number>()

  constructor(snapshots: ReadonlyMap<string, readonly TapeSnapshot[]>) {
    this.#snapshots = new Map([...snapshots].map(([symbol, list]) => [symbol, [...list]]))
    for (const [symbol, list] of this.#snapshots) {
      const first = list.shift()
      if (first === undefined) continue
      this.#deep.add(symbol)
      this.#load(this.book(symbol), first)
    }
  }

  book(symbol: string): MarketBook {
    let book = this.#books.get(symbol)
    if (book === undefined) {
      book = new MarketBook(symbol)
      this.#books.set(symbol, book)
    }
    return book
  }

  /** The market moves on, and with it the orders that wait. */
  apply(effects: readonly MarketEffect[], engine: Engine): void {
    for (const effect of effects) {
      const book = this.book(effect.symbol)
      if (effect.kind === 'trade') {
        const [price, size] = [parseAmount(effect.price), parseAmount(effect.size)]
        if (price === null || size === null) continue
        book.traded(effect.price)
        engine.tradeHappened(effect.symbol, effect.side, price, size)
        continue
      }
      if (effect.kind === 'top') {
        if (this.#deep.has(effect.symbol)) continue
        book.replace([effect.bid], [effect.ask])
      } else {
        const depth = effect.depth ?? Number.POSITIVE_INFINITY
        if (depth < (this.#depths.get(effect.symbol) ?? 0)) continue
        this.#depths.set(effect.symbol, depth)
        this.#deep.add(effect.symbol)
        if (!effect.snapshot) {
          // Numbers may begin anew: then what comes still says that it follows what was there.
          if (effect.last <= book.updateId && effect.first !== book.updateId + 1) continue
          if (effect.first > book.updateId + 1) this.#mend(book, effect.first)
        }
        book.apply(effect)
      }
      engine.bookChanged(effect.symbol)
    }
  }

  /** The recording has a hole here; a snapshot from after it closes it. */
  #mend(book: MarketBook, first: number): void {
    const list = this.#snapshots.get(book.symbol)
    const at = list?.findIndex(({ updateId }) => updateId + 1 >= first) ?? -1
    if (list === undefined || at < 0) return
    this.#load(book, list[at] as TapeSnapshot)
    list.splice(0, at + 1)
  }

  #load(book: MarketBook, { bids, asks, updateId }: TapeSnapshot): void {
    book.replace(bids, asks)
    book.updateId = updateId
  }
}
