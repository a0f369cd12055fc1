import { BookReasons, BookView, BookWants } from '../native/book-layout.js'
import { Book } from './book.js'
import type { BookReason } from './events.js'
import type { BookMemory } from './memory.js'

/** A book as its set knows it. */
export class BookEntry {
  readonly id: number
  readonly book: Book
  readonly memory: BookMemory
  /** What messages call it. */
  readonly names: readonly string[]
  /** It is not in the set any more. */
  removed = false
  /** The state as of the last look at it. */
  seenEpoch = 0
  seenSynced = false
  #seenWant = 0
  #seenRequest = 0
  #seenFetched = 0
  #wantEpoch = 0

  constructor(id: number, symbol: string, memory: BookMemory, names: readonly string[]) {
    this.id = id
    this.names = names
    this.memory = memory
    this.book = new Book(symbol, this.memory)
  }

  get synced(): boolean {
    return this.book.synced
  }

  get epoch(): number {
    return this.memory.half(BookView.epochHalf)
  }

  /** Why it was last not in sync. */
  get lastReason(): BookReason | null {
    return BookReasons[this.memory.half(BookView.lastReasonHalf)] ?? null
  }

  /** What it waits for. */
  get want(): (typeof BookWants)[number] {
    return BookWants[this.memory.half(BookView.wantHalf)] ?? 'nothing'
  }

  /** Number of what it waits for. */
  get request(): number {
    return this.memory.half(BookView.requestHalf)
  }

  /** Fetched snapshots that the core has looked at. */
  get fetched(): number {
    return this.memory.half(BookView.fetchedHalf)
  }

  see(): void {
    this.seenEpoch = this.epoch
    this.seenSynced = this.synced
  }

  /** Whether its state or what it wants is another, or it has looked at a snapshot, since this was asked. */
  wantChanged(): boolean {
    const { epoch, request, fetched } = this
    const want = this.memory.half(BookView.wantHalf)
    const isSame =
      want === this.#seenWant &&
      request === this.#seenRequest &&
      fetched === this.#seenFetched &&
      epoch === this.#wantEpoch
    this.#seenWant = want
    this.#seenRequest = request
    this.#seenFetched = fetched
    this.#wantEpoch = epoch
    return !isSame
  }
}
