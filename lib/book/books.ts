import { types } from 'node:util'
import { rowInternals } from '../feed/decoder.js'
import { FeedBooks } from '../feed/feed-books.js'
import { refusalOf } from '../feed/refusal.js'
import { RecordKind } from '../native/addon.js'
import { BookSetCounters, type NativeBookSet, unreadableBook } from '../native/book-layout.js'
import type { Channel } from '../runtime/channel.js'
import { configFault, parseConfig } from '../runtime/config.js'
import { ControlSink } from '../runtime/control-sink.js'
import { core } from '../runtime/core.js'
import { coded, coreError } from '../runtime/core-error.js'
import { Emitter, type Listener } from '../runtime/emitter.js'
import { TickwireError } from '../runtime/errors.js'
import { Loop, type LoopTenant, loopInternals } from '../runtime/loop.js'
import type { MemoryViews } from '../runtime/row-window.js'
import type { ShapeLayout } from '../runtime/shape-layout.js'
import type { Book } from './book.js'
import { BookEntry } from './entry.js'
import type { BookResync, BooksEvents } from './events.js'
import { BookMemory } from './memory.js'
import { type BooksOptions, bookNamesSchema, booksOptionsSchema } from './options.js'

const subject = 'book options'

/** Sums over all books, since they were made. */
export interface BooksStats {
  /** Events that were shown to books. */
  readonly events: number
  /** Events of instruments that no book was added for. */
  readonly unknown: number
  /** Changes left out because the book follows another connection. */
  readonly elsewhere: number
  /** Changes that this JS context was told of. */
  readonly records: number
  /** Books without a place in the loop's symbol table: they stay empty. See the loop's options `symbols`, `symbolText`. */
  readonly noSymbol: number
  /** Messages that could not be read and may have been of any book: see the event `unreadable`. */
  readonly unreadable: number
}

/** What the layers above need of books. */
export interface BooksInternals {
  readonly native: NativeBookSet
  readonly channel: Channel
  /** Calls back whenever a book wants something else than before, has looked at a snapshot, or was removed. One at a time. */
  onWant(call: (entry: BookEntry) => void): void
  entry(symbol: string): BookEntry | undefined
  entries(): Iterable<BookEntry>
  /** Gives a book a snapshot that it asked for by this number. @throws DecodeError. TickwireError `ERR_BOOKS_SEED`. */
  seed(entry: BookEntry, request: number, body: Uint8Array): void
  emitResync(event: BookResync): void
}

/** Their inner side; not part of the public surface. */
export let booksInternals: (books: Books) => BooksInternals

/** Takes records to books. */
class BookSink extends ControlSink {
  readonly byId = new Map<number, BookEntry>()
  readonly #changed: (entry: BookEntry) => void

  readonly #unreadable: () => void

  constructor(changed: (entry: BookEntry) => void, unreadable: () => void) {
    super()
    this.#changed = changed
    this.#unreadable = unreadable
  }

  override onOther(type: number, word: number, views: MemoryViews): void {
    if (type !== RecordKind.book) return
    const id = views.i32[word * 2 + 2] as number
    if (id === unreadableBook) this.#unreadable()
    const entry = this.byId.get(id)
    if (entry !== undefined) this.#changed(entry)
  }
}

/**
 * Order books that the core keeps: fed by the feeds that are given them (option `books`), on the loop's thread. Several feeds may feed
 * the same books, at once or one after the other; events count once where the venue numbers them.
 *
 * ```ts
 * const books = new Books({ rules: 'okx', depth: 10 })
 * books.add('BTC-USDT')
 * books.on('book', (book) => book.synced && quote(book.symbol, book.bid().price, book.ask().price))
 * const feed = new Feed({ ...okx.market({ symbols: ['BTC-USDT'], streams: ['book'] })[0], books })
 * ```
 *
 * They keep the process alive no more than the feeds do. Who fetches snapshots, or subscribes again, when a book has fallen out of
 * sync is a venue's business: see `books()` of venues.
 */
export class Books extends FeedBooks implements Iterable<Book>, Disposable {
  /** Levels of each side that books show. */
  readonly depth: number
  /** Orders of each level that books show; 0: they are books of levels alone. */
  readonly orders: number
  readonly #native: NativeBookSet
  readonly #channel: Channel
  readonly #emitter = new Emitter<BooksEvents>()
  readonly #books
  readonly #stale
  readonly #synced
  readonly #sink = new BookSink(
    (entry) => this.#changed(entry),
    () => this.#emitter.slot('unreadable').emit({ messages: this.stats().unreadable }, this.#channel.fail),
  )
  readonly #bySymbol = new Map<string, BookEntry>()
  /** By what messages call them. */
  readonly #byName = new Map<string, BookEntry>()
  readonly #layouts: readonly ShapeLayout[]
  readonly #tenants: Set<LoopTenant>
  readonly #tenant: LoopTenant
  #nextId = 0
  #want: ((entry: BookEntry) => void) | null = null
  #last: Float64Array = new Float64Array(BookSetCounters.length)
  #closed = false

  static {
    booksInternals = (books) => ({
      native: books.#native,
      channel: books.#channel,
      onWant: (call) => {
        books.#want = call
        for (const entry of books.#bySymbol.values()) call(entry)
      },
      entry: (symbol) => books.#bySymbol.get(symbol),
      entries: () => books.#bySymbol.values(),
      seed: (entry, request, body) => books.#seed(entry, request, body),
      emitResync: (event) => books.#emitter.slot('resync').emit(event, books.#channel.fail),
    })
  }

  /**
   * @throws ConfigError naming every option at fault. TickwireError `ERR_CHANNEL_FULL`: see `add`. Error when the native part cannot be
   * loaded.
   */
  constructor(options: BooksOptions = {}) {
    super()
    const {
      loop: given,
      wake,
      snapshot,
      crossed,
      continuity,
      ...rest
    } = parseConfig(subject, booksOptionsSchema, options)
    const loop = given instanceof Loop ? given : Loop.of(given)
    const internals = loopInternals(loop)
    const schema = snapshot === undefined ? null : rowInternals(snapshot)
    this.depth = rest.depth
    this.orders = rest.orders ?? 0
    this.#channel = internals.channel(wake)
    this.#layouts = schema?.compiled.map(({ layout }) => layout) ?? []
    try {
      const description = schema?.description ?? null
      this.#native = new (core().BookSet)(this.#channel.native, {
        ...rest,
        crossed: crossed === 'stale',
        jumps: continuity === 'increasing',
        snapshot: description,
      })
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_SCHEMA') throw coreError(error)
      throw configFault(subject, ['snapshot'], (error as Error).message)
    }
    this.fedThrough({ native: this.#native, loop, wake, orders: this.orders > 0 })
    this.#books = this.#emitter.slot('book')
    this.#stale = this.#emitter.slot('stale')
    this.#synced = this.#emitter.slot('synced')
    this.#channel.attach(this.#native.handle, this.#sink)
    this.#tenants = internals.tenants
    this.#tenant = { close: async () => this.close(), abort: () => this.close() }
    this.#tenants.add(this.#tenant)
  }

  /** How many there are. */
  get size(): number {
    return this.#bySymbol.size
  }

  /** The symbols of all. */
  get symbols(): string[] {
    return [...this.#bySymbol.keys()]
  }

  /**
   * Makes the book of a symbol; the one that there is, if there is one. Events for symbols without a book are counted and left out.
   * @param as what messages call it, 1…16 names of at most 255 bytes, none of them another book's. Default: the symbol.
   * @throws ConfigError; TickwireError `ERR_BOOKS_CLOSED`; `ERR_CHANNEL_FULL`: 65,535 feeds, books and the like are all that a loop
   * takes of one JS context: further ones go on a loop of their own.
   */
  add(symbol: string, as?: readonly string[]): Book {
    const known = this.#bySymbol.get(symbol)
    if (known !== undefined) return known.book
    if (this.#closed) throw new TickwireError('ERR_BOOKS_CLOSED', 'the books are closed')
    const parsed = parseConfig('book', bookNamesSchema, as === undefined ? { symbol } : { symbol, names: as })
    const names = parsed.names ?? [symbol]
    // Only one of them would hear of it, and the other would look as if nothing changed.
    const taken = names.find((name) => this.#byName.has(name))
    if (taken !== undefined) {
      throw configFault(
        'book',
        ['names'],
        `'${taken}' is a name of the book of ${this.#byName.get(taken)?.book.symbol}`,
      )
    }
    const entry = new BookEntry(this.#nextId++, symbol, new BookMemory(this.depth, this.orders), names)
    coded(() => this.#native.add(entry.id, names, entry.memory.buffer))
    for (const name of names) this.#byName.set(name, entry)
    this.#sink.byId.set(entry.id, entry)
    this.#bySymbol.set(symbol, entry)
    this.#want?.(entry)
    return entry.book
  }

  get(symbol: string): Book | undefined {
    return this.#bySymbol.get(symbol)?.book
  }

  /** The book shows no levels from now on: it is stale (`ERR_BOOK_DISCONNECTED`), without an event. False when there was none. */
  delete(symbol: string): boolean {
    const entry = this.#bySymbol.get(symbol)
    if (entry === undefined) return false
    this.#bySymbol.delete(symbol)
    for (const name of entry.names) this.#byName.delete(name)
    this.#sink.byId.delete(entry.id)
    this.#native.remove(entry.id)
    entry.removed = true
    entry.memory.end()
    this.#want?.(entry)
    return true
  }

  [Symbol.iterator](): Iterator<Book> {
    return [...this.#bySymbol.values()].map(({ book }) => book)[Symbol.iterator]()
  }

  /** Distrusts a book: it is stale (`ERR_BOOK_LOST`) until it was made anew from a snapshot. Nothing when there is none. */
  resync(symbol: string): void {
    const entry = this.#bySymbol.get(symbol)
    if (entry !== undefined) this.#native.invalidate(entry.id)
  }

  /**
   * Gives a book a snapshot that was fetched: the body of the answer, decoded by the core.
   * It is passed over when the book has not asked for one: it asks once its changes are subscribed (`carry` of a venue's books) or come.
   * @throws DecodeError when it is none by the option `snapshot`. TickwireError `ERR_BOOKS_SEED` without that option. TypeError when the
   * body is no `Uint8Array`.
   */
  seed(symbol: string, body: Uint8Array): void {
    if (!types.isUint8Array(body)) throw new TypeError('the body of a snapshot must be a Uint8Array')
    const entry = this.#bySymbol.get(symbol)
    if (entry === undefined) return
    entry.memory.take()
    this.#seed(entry, entry.request, body)
  }

  stats(): BooksStats {
    if (!this.#closed) this.#last = this.#native.counters()
    return Object.fromEntries(BookSetCounters.map((name, i) => [name, this.#last[i] ?? 0])) as unknown as BooksStats
  }

  /** Adds a listener. An exception in it stops nobody else and reaches `uncaughtException`, or the caller of `poll()`. */
  on<E extends keyof BooksEvents>(event: E, listener: Listener<BooksEvents[E]>): this {
    this.#emitter.slot(event).add(listener)
    return this
  }

  /** Adds a listener for the next time only. */
  once<E extends keyof BooksEvents>(event: E, listener: Listener<BooksEvents[E]>): this {
    this.#emitter.slot(event).addOnce(listener)
    return this
  }

  /** Removes a listener: of several registrations the youngest. */
  off<E extends keyof BooksEvents>(event: E, listener: Listener<BooksEvents[E]>): this {
    this.#emitter.slot(event).remove(listener)
    return this
  }

  /** Hands over what waits, as `poll()` of feeds: for `wake: 'poll'`, and to drive a loop that is `inline`. */
  poll(): number {
    return this.#channel.poll(Number.POSITIVE_INFINITY)
  }

  /** Ends them: all books are stale from now on, as with `delete`, and feeds that have them feed nobody. */
  close(): void {
    if (this.#closed) return
    this.stats()
    this.#closed = true
    this.#tenants.delete(this.#tenant)
    this.#channel.detach(this.#native.handle)
    this.#sink.byId.clear()
    for (const entry of this.#bySymbol.values()) entry.memory.end()
    this.#native.destroy()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #seed(entry: BookEntry, request: number, body: Uint8Array): void {
    if (this.#closed) return
    if (this.#layouts.length === 0) throw new TickwireError('ERR_BOOKS_SEED', 'needs the option `snapshot`')
    const refused = this.#native.seed(entry.id, request, body)
    if (refused >= 0) throw refusalOf(refused, this.#layouts)
  }

  #changed(entry: BookEntry): void {
    entry.memory.take()
    const { fail } = this.#channel
    const epoch = entry.epoch
    if (epoch !== entry.seenEpoch) this.#transitions(entry)
    this.#books.emit(entry.book, fail)
    if (this.#want !== null && entry.wantChanged()) this.#want(entry)
  }

  /** Tells how the state has changed; what it has been in between, too, as far as it matters. */
  #transitions(entry: BookEntry): void {
    const { fail } = this.#channel
    const { book, synced, lastReason } = entry
    const wasSynced = entry.seenSynced
    entry.see()
    if (wasSynced) this.#stale.emit({ book, reason: lastReason ?? 'ERR_BOOK_LOST' }, fail)
    if (synced) this.#synced.emit({ book, reason: lastReason }, fail)
  }
}
