import type { BookEntry } from '../../book/entry.js'
import type { Feed } from '../../feed/feed.js'
import { feedHandle } from '../../feed/feed-base.js'
import type { VenueBookStream } from './plan.js'

/**
 * Sends messages on a feed within what the venue allows. Resolves, or returns, when they are sent.
 * @param symbols whose books the messages subscribe anew.
 */
export type BookSend = (feed: AnyFeed, messages: readonly string[], symbols: readonly string[]) => Promise<void> | void

/** Whatever it decodes. */
export type AnyFeed = Feed<never>

/** What a sender tells. */
export interface SenderOwner {
  /** The subscription of these is being begun anew. */
  sending(entries: readonly BookEntry[]): void
  /** It could not be. */
  failed(entries: readonly BookEntry[], error: Error): void
}

const hourMs = 3_600_000

/** Subscribes anew on one feed: what waits goes together, in the pace of the venue. */
export class BookSender {
  readonly symbols = new Set<string>()
  readonly #feed: AnyFeed
  readonly #seed: VenueBookStream
  readonly #send: BookSend | null
  readonly #owner: SenderOwner
  readonly #waiting = new Set<BookEntry>()
  #timer: NodeJS.Timeout | null = null
  #watch: NodeJS.Timeout | null = null
  #busy = false
  #closed = false
  /** Before which nothing is sent. */
  #notBefore = 0
  /** When the messages of the last hour were sent on this connection, if that is limited and nobody else counts them. */
  #sent: number[] = []
  /** Messages of the last attempt. */
  #perAttempt = 1

  constructor(feed: AnyFeed, seed: VenueBookStream, send: BookSend | null, owner: SenderOwner) {
    this.#feed = feed
    this.#seed = seed
    this.#send = send
    this.#owner = owner
  }

  get open(): boolean {
    return this.#feed.state === 'connected'
  }

  /** The feed's number in the core. */
  get handle(): number {
    return feedHandle(this.#feed)
  }

  /** The feed has a new connection. */
  opened(): void {
    this.#sent.length = 0
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#schedule()
  }

  ask(entry: BookEntry): void {
    this.#waiting.add(entry)
    this.#schedule()
  }

  forget(entry: BookEntry): void {
    this.#waiting.delete(entry)
  }

  /** Books that have asked and were not sent for; they are forgotten. Without symbols: all. */
  release(symbols?: ReadonlySet<string>): readonly BookEntry[] {
    const released = [...this.#waiting].filter(({ book }) => symbols?.has(book.symbol) ?? true)
    for (const entry of released) this.#waiting.delete(entry)
    return released
  }

  /** Calls back once when so much time has gone; not for a time that was begun before. */
  watch(ms: number, call: () => void): void {
    if (this.#watch !== null) clearTimeout(this.#watch)
    this.#watch = setTimeout(call, ms)
    this.#watch.unref()
  }

  close(): void {
    this.#closed = true
    this.#waiting.clear()
    if (this.#watch !== null) clearTimeout(this.#watch)
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #schedule(): void {
    if (this.#closed || this.#busy || this.#timer !== null || this.#waiting.size === 0) return
    // Whatever falls out of sync with one message is subscribed anew with one.
    const now = performance.now()
    const delay = Math.max(0, this.#notBefore - now, this.#hourly(now))
    this.#timer = setTimeout(() => {
      this.#timer = null
      void this.#run()
    }, delay)
    this.#timer.unref()
  }

  /** Messages that it may send in an hour. Whoever sends for it counts them himself, with all others of the connection. */
  get #perHour(): number | undefined {
    return this.#send === null ? this.#seed.messagesPerHour : undefined
  }

  /** Milliseconds until one more attempt is within what an hour allows. */
  #hourly(now: number): number {
    const most = this.#perHour
    if (most === undefined) return 0
    this.#sent = this.#sent.filter((at) => now - at < hourMs)
    const free = most - this.#sent.length - this.#perAttempt
    return free >= 0 ? 0 : (this.#sent[-free - 1] ?? now) + hourMs - now
  }

  async #run(): Promise<void> {
    const { symbolsPerMessage, messagesPerSecond } = this.#seed
    const entries = [...this.#waiting].slice(0, symbolsPerMessage)
    for (const entry of entries) this.#waiting.delete(entry)
    if (entries.length === 0) return
    const symbols = entries.map(({ book }) => book.symbol)
    const messages = this.#seed.resubscribe(symbols)
    if (this.#perHour !== undefined) for (const _ of messages) this.#sent.push(performance.now())
    this.#perAttempt = messages.length
    this.#busy = true
    this.#owner.sending(entries)
    try {
      if (this.#send !== null) await this.#send(this.#feed, messages, symbols)
      else {
        this.#feed.sendBatch(messages)
        this.#notBefore = performance.now() + (1_000 * messages.length) / messagesPerSecond
      }
    } catch (error) {
      this.#owner.failed(entries, error as Error)
    } finally {
      this.#busy = false
      this.#schedule()
    }
  }
}
