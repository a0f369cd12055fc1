import { z } from 'zod'
import type { Book } from '../../book/book.js'
import { Books, type BooksInternals, booksInternals } from '../../book/books.js'
import type { BookEntry } from '../../book/entry.js'
import type { BooksOptions } from '../../book/options.js'
import { Rest } from '../../rest/rest.js'
import { parseConfig } from '../../runtime/config.js'
import { TickwireError } from '../../runtime/errors.js'
import { Backoff, type BackoffOptions } from './backoff.js'
import { BookFetcher } from './fetcher.js'
import type { VenueBookPlan, VenueBookStream } from './plan.js'
import { BookRecovery, type RecoveryOwner } from './recovery.js'
import { type AnyFeed, type BookSend, BookSender } from './sender.js'

/** What venues' `books()` takes. Times in milliseconds. */
export interface VenueBooksOptions
  extends Pick<BooksOptions, 'depth' | 'levels' | 'maxOrders' | 'keptEvents' | 'keptBytes'> {
  readonly sequence?: BooksOptions['sequence']
  readonly checksum?: BooksOptions['checksum']
  readonly crossed?: BooksOptions['crossed']
  readonly loop?: BooksOptions['loop']
  readonly wake?: BooksOptions['wake']
  /** Books to begin with, at most 65,000. Default: none. */
  readonly symbols?: readonly string[] | undefined
  /** Binance: by which snapshots are fetched. Default: one of the venue's without a key, closed with the books. */
  readonly rest?: Rest | undefined
  /** Binance: snapshots fetched at once, 1…100. Default 4. */
  readonly fetches?: number | undefined
  /** Pauses between the attempts to get one book in sync. A book that was right for 10 s begins anew. */
  readonly backoff?: BackoffOptions | undefined
  /** An attempt that has had no effect for so long has failed, 100…3,600,000. Default 15,000. */
  readonly patience?: number | undefined
  /**
   * Sends the messages that subscribe anew, and keeps to what the venue allows a second and an hour. Default: `feed.sendBatch()`, in the venue's
   * pace if nobody else sends much.
   */
  readonly send?: BookSend | undefined
}

/** A loop takes 65,535 feeds, books and the like of one JS context; feeds are to have room as well. */
const maxBooks = 65_000

const ms = z.number().min(1).max(3_600_000)

const schema = z.strictObject({
  symbols: z.array(z.string().min(1).max(255)).max(maxBooks).default([]),
  rest: z.instanceof(Rest, { error: 'must be a Rest' }).optional(),
  fetches: z.int().min(1).max(100).default(4),
  backoff: z.strictObject({ first: ms.default(250), max: ms.default(30_000) }).prefault({}),
  patience: ms.min(100).default(15_000),
  send: z.custom<BookSend>((value) => typeof value === 'function', 'must be a function').optional(),
})

const settleMs = 10_000
/**
 * A snapshot that was fetched before the subscription took effect lacks what came in between, and only the next change would show that. So a
 * book asks with its first change; one that is quiet, when the subscription must have taken effect long ago.
 */
const quietMs = 1_000

/**
 * A venue's order books, kept in sync: `books`, and who fetches a snapshot or subscribes anew when one has fallen out of it. One book at a time
 * is concerned, never its neighbours.
 *
 * ```ts
 * const { books, carry } = binance.books({ symbols: ['BTCUSDT'] })
 * for (const options of binance.market({ symbols: ['BTCUSDT'], streams: ['book'] })) {
 *   const feed = new Feed({ ...options, books })
 *   carry(feed, options.bookSymbols)
 *   await feed.open()
 * }
 * ```
 */
export class VenueBooks implements AsyncDisposable {
  readonly books: Books
  readonly #plan: VenueBookPlan
  readonly #internals: BooksInternals
  readonly #options: z.output<typeof schema>
  readonly #ownRest: Rest | null
  readonly #fetcher: BookFetcher | null
  readonly #senders = new Map<AnyFeed, BookSender>()
  readonly #onOpen = new Map<AnyFeed, () => void>()
  readonly #recoveries = new Map<BookEntry, BookRecovery>()
  readonly #owner: RecoveryOwner
  #closed = false

  /** @internal Made by venues. @throws ConfigError naming every option at fault. */
  constructor(plan: VenueBookPlan, options: VenueBooksOptions = {}) {
    const { symbols, rest, fetches, backoff, patience, send, ...given } = options
    this.#plan = plan
    this.#options = parseConfig(`${plan.title} book options`, schema, {
      symbols,
      rest,
      fetches,
      backoff,
      patience,
      send,
    })
    this.books = new Books({ ...plan.books, ...given })
    this.#internals = booksInternals(this.books)
    const { seed } = plan
    this.#ownRest = seed.by === 'snapshot' && rest === undefined ? seed.rest() : null
    this.#fetcher =
      seed.by === 'snapshot'
        ? new BookFetcher(this.books, seed, (rest ?? this.#ownRest) as Rest, this.#options.fetches)
        : null
    this.#owner = {
      by: seed.by,
      patience: this.#options.patience,
      attempt: (recovery) => this.#attempt(recovery),
      cancel: (recovery) => this.#cancel(recovery),
      tell: (event) => this.#internals.emitResync(event),
    }
    this.#internals.onWant((entry) => this.#onWant(entry))
    for (const symbol of this.#options.symbols) this.add(symbol)
  }

  /** Makes the book of a symbol, or gives the one that there is. @throws ConfigError; TickwireError `ERR_BOOKS_CLOSED`. */
  add(symbol: string): Book {
    return this.books.add(symbol, this.#plan.names(symbol))
  }

  /** False when there was none. */
  delete(symbol: string): boolean {
    return this.books.delete(symbol)
  }

  /**
   * Says which symbols a feed is subscribed to, beyond those that were said before: where a symbol is subscribed anew, and when its snapshot is
   * due. Makes books that are missing. The feed was given these books. Only what comes over this very feed, as `bookSymbols` of
   * `market()` says it: what is fetched because of it is in sync while the connection is there.
   */
  readonly carry = (feed: AnyFeed, symbols: readonly string[]): void => {
    if (this.#closed) throw new TickwireError('ERR_BOOKS_CLOSED', 'the books are closed')
    const sender = this.#sender(feed)
    for (const symbol of symbols) {
      this.add(symbol)
      sender.symbols.add(symbol)
    }
    if (sender.open) this.#opened(sender, symbols)
  }

  /** The feed is not subscribed to these any more; without symbols: to none, and is forgotten. */
  readonly drop = (feed: AnyFeed, symbols?: readonly string[]): void => {
    const sender = this.#senders.get(feed)
    if (sender === undefined) return
    if (symbols !== undefined) {
      for (const symbol of symbols) sender.symbols.delete(symbol)
      this.#elsewhere(sender.release(new Set(symbols)))
      return
    }
    this.#senders.delete(feed)
    feed.off('open', this.#onOpen.get(feed) as () => void)
    this.#onOpen.delete(feed)
    const released = sender.release()
    sender.close()
    this.#elsewhere(released)
  }

  /** Ends them, and what is under way. Feeds stay as they are. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const recovery of this.#recoveries.values()) recovery.stop()
    this.#recoveries.clear()
    for (const feed of [...this.#senders.keys()]) this.drop(feed)
    this.#fetcher?.close()
    this.books.close()
    await this.#ownRest?.close({ force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #sender(feed: AnyFeed): BookSender {
    let sender = this.#senders.get(feed)
    if (sender !== undefined) return sender
    const { seed } = this.#plan
    const none: VenueBookStream = {
      by: 'resubscribe',
      resubscribe: () => [],
      symbolsPerMessage: 1,
      messagesPerSecond: 1,
    }
    const made = new BookSender(feed, seed.by === 'resubscribe' ? seed : none, this.#options.send ?? null, {
      sending: (entries) => {
        for (const entry of entries) this.#recoveries.get(entry)?.begun()
      },
      failed: (entries, error) => {
        for (const entry of entries) this.#recoveries.get(entry)?.failed(error)
      },
    })
    sender = made
    const opened = (): void => {
      made.opened()
      this.#opened(made, [...made.symbols])
    }
    feed.on('open', opened)
    this.#senders.set(feed, made)
    this.#onOpen.set(feed, opened)
    return made
  }

  /** What is subscribed with the opening of a connection begins now. */
  #opened(sender: BookSender, symbols: readonly string[]): void {
    const entries = symbols.flatMap((symbol) => this.#internals.entry(symbol) ?? [])
    if (this.#fetcher !== null) {
      for (const { id } of entries) this.#internals.native.expect(id, sender.handle, false)
      sender.watch(quietMs, () => this.#quiet(sender))
    } else sender.watch(this.#options.patience, () => this.#overdue(sender))
  }

  /** Books of which nothing has come ask for their snapshot now. */
  #quiet(sender: BookSender): void {
    // A snapshot would find nothing that it could be joined to.
    if (!sender.open) return
    for (const symbol of sender.symbols) {
      const entry = this.#internals.entry(symbol)
      if (entry !== undefined) this.#internals.native.expect(entry.id, sender.handle, true)
    }
  }

  /** Books whose snapshot should have come long ago. */
  #overdue(sender: BookSender): void {
    if (!sender.open) return
    for (const symbol of sender.symbols) {
      const entry = this.#internals.entry(symbol)
      if (entry !== undefined && !entry.synced) this.#recovery(entry).overdue()
    }
  }

  #recovery(entry: BookEntry): BookRecovery {
    let recovery = this.#recoveries.get(entry)
    if (recovery === undefined) {
      const { first, max } = this.#options.backoff
      recovery = new BookRecovery(entry, new Backoff(first, max, settleMs), this.#owner)
      this.#recoveries.set(entry, recovery)
    }
    return recovery
  }

  #onWant(entry: BookEntry): void {
    if (entry.removed || this.#recoveries.has(entry) || entry.want !== 'nothing') this.#recovery(entry).look()
    if (entry.removed) this.#recoveries.delete(entry)
  }

  #attempt(recovery: BookRecovery): void {
    if (this.#fetcher !== null) {
      this.#fetcher.attempt(recovery)
      return
    }
    const { symbol } = recovery.entry.book
    for (const sender of this.#senders.values()) {
      if (sender.open && sender.symbols.has(symbol)) {
        sender.ask(recovery.entry)
        return
      }
    }
    recovery.park()
  }

  /** Books that waited for their turn on a feed that is not theirs any more: nobody else would ask for them. */
  #elsewhere(entries: readonly BookEntry[]): void {
    for (const entry of entries) {
      const recovery = this.#recoveries.get(entry)
      recovery?.park()
      recovery?.look()
    }
  }

  #cancel(recovery: BookRecovery): void {
    this.#fetcher?.cancel(recovery)
    for (const sender of this.#senders.values()) sender.forget(recovery.entry)
  }
}
