import { inspect } from 'node:util'
import { BookReasons, BookStates, BookView } from '../native/book-layout.js'
import type { BookReason, BookState } from './events.js'
import { type BookLevel, BookSide, type LevelCopy } from './level.js'
import type { BookMemory } from './memory.js'

const { lastIdWord, midWord, spreadWord, microPriceWord, rxWord } = BookView

/** A book, kept by value. */
export interface BookCopy {
  readonly symbol: string
  readonly state: BookState
  readonly reason: BookReason | null
  readonly updateId: number
  readonly rxTimeNs: number
  readonly bids: readonly LevelCopy[]
  readonly asks: readonly LevelCopy[]
}

/**
 * The order book of an instrument: its best levels as of the last wake-up, never torn, read without allocation.
 *
 * It is a view. What it shows changes between two events of its books and never while a listener runs, unless the listener calls
 * `refresh()`. Keep `copy()`. A book that is not in sync shows no levels.
 */
export class Book {
  /** As the venue writes it. */
  readonly symbol: string
  readonly bids: BookSide
  readonly asks: BookSide
  readonly #memory: BookMemory

  /** @internal */
  constructor(symbol: string, memory: BookMemory) {
    this.symbol = symbol
    this.#memory = memory
    this.bids = new BookSide(memory, 'bids')
    this.asks = new BookSide(memory, 'asks')
  }

  get state(): BookState {
    return BookStates[this.#memory.half(BookView.stateHalf)] as BookState
  }

  /** Whether the levels are the venue's. */
  get synced(): boolean {
    return this.#memory.half(BookView.stateHalf) === 1
  }

  /** Whether it has no levels that could be trusted: it is not in sync, or has not been yet. */
  get stale(): boolean {
    return this.#memory.half(BookView.stateHalf) !== 1
  }

  /** Why it is stale; null when it is not, or has not been in sync yet. */
  get reason(): BookReason | null {
    return BookReasons[this.#memory.half(BookView.reasonHalf)] ?? null
  }

  /** Number of the last update in it, as the venue counts; NaN where it does not, or beyond 2^53. */
  get updateId(): number {
    return this.#memory.at(lastIdWord)
  }

  /** When the newest message about it was received, in nanoseconds, monotonic; 0: none was. */
  get rxTimeNs(): number {
    return this.#memory.at(rxWord)
  }

  /** The level `index` of the bids, 0 the best. @throws RangeError when it is not below the books' `depth`. */
  bid(index = 0): BookLevel {
    return this.bids.at(index)
  }

  /** The level `index` of the asks, 0 the best. @throws RangeError when it is not below the books' `depth`. */
  ask(index = 0): BookLevel {
    return this.asks.at(index)
  }

  /** Half way between the best prices; NaN when a side is empty. */
  get mid(): number {
    return this.#memory.at(midWord)
  }

  /** From the best bid to the best ask; NaN when a side is empty. */
  get spread(): number {
    return this.#memory.at(spreadWord)
  }

  /** The mid weighted by the sizes on the other side: (bid × ask size + ask × bid size) / both sizes; NaN when a side is empty. */
  get microPrice(): number {
    return this.#memory.at(microPriceWord)
  }

  /** (bids − asks) / (bids + asks) of the sizes of the best `levels`: −1…1; NaN when both sides are empty. Default: the best level. */
  imbalance(levels = 1): number {
    const bids = this.bids.volume(levels)
    const asks = this.asks.volume(levels)
    return (bids - asks) / (bids + asks)
  }

  /** Events and snapshots that were applied. */
  get updates(): number {
    return this.#memory.at(BookView.updatesWord)
  }

  /** Events that had come before, by another path. */
  get duplicates(): number {
    return this.#memory.at(BookView.duplicatesWord)
  }

  /** Times that events were missing. */
  get gaps(): number {
    return this.#memory.at(BookView.gapsWord)
  }

  /** Times that it became right again. */
  get resyncs(): number {
    return this.#memory.at(BookView.resyncsWord)
  }

  /** Shows the newest state there is, without waiting for the next wake-up. False when it did already. Its events still come. */
  refresh(): boolean {
    return this.#memory.take()
  }

  /** All of it by value. */
  copy(): BookCopy {
    const { symbol, state, reason, updateId, rxTimeNs, bids, asks } = this
    return { symbol, state, reason, updateId, rxTimeNs, bids: bids.toArray(), asks: asks.toArray() }
  }

  [inspect.custom](): unknown {
    return this.copy()
  }
}
