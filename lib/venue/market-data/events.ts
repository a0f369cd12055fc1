import type { Book } from '../../book/book.js'
import type { BookResync, BookStale, BookSynced, BooksUnreadable } from '../../book/events.js'
import type { ArbiterStats, PathStats } from '../../feed/arbiter.js'
import type { JsonDecoder } from '../../feed/decoder.js'
import type { StateChange } from '../../feed/events.js'
import type { AnyRows, Rows, Shapes } from '../../feed/row.js'
import { TickwireError } from '../../runtime/errors.js'
import type { FeedState } from '../../runtime/records.js'
import type { MarketStream } from '../market/market-feeds.js'

/**
 * What went wrong with market data; it goes on. `code`:
 * - `ERR_MARKET_REFUSED`: the venue does not want a topic: `symbol`, `stream`, `venueCode`, and its own words in `message`.
 * - `ERR_MARKET_ROLLOVER`: a new socket did not come up in time; the old one stays and it is tried again.
 * - `ERR_MARKET_SUBSCRIBE`: nothing could be subscribed just now, for want of a token, or because it was too much at once; it is tried again.
 * - `ERR_MARKET_SOCKET`: a socket has ended for good and is replaced.
 */
export class MarketDataError extends TickwireError {
  readonly symbol: string | null
  readonly stream: MarketStream | null
  readonly venueCode: string | null

  constructor(
    code: 'ERR_MARKET_REFUSED' | 'ERR_MARKET_ROLLOVER' | 'ERR_MARKET_SOCKET' | 'ERR_MARKET_SUBSCRIBE',
    message: string,
    more: { symbol?: string; stream?: MarketStream; venueCode?: string; cause?: unknown } = {},
  ) {
    super(code, message, more.cause === undefined ? undefined : { cause: more.cause })
    this.symbol = more.symbol ?? null
    this.stream = more.stream ?? null
    this.venueCode = more.venueCode ?? null
  }
}

/** One socket, as of now. */
export interface MarketSocketInfo {
  /** Which path, from 0. */
  readonly path: number
  readonly url: string
  readonly state: FeedState
  readonly symbols: number
}

/** A socket's state has changed. */
export interface MarketState extends MarketSocketInfo {
  readonly change: StateChange
}

/** Trades that never came, or rows that were dropped because JS was slow (`overflow: 'dropOldest'`). */
export interface MarketGap {
  readonly cause: 'missing' | 'overflow'
  /** '' for `'overflow'`, as `stream`. */
  readonly symbol: string
  readonly stream: string
  /** First and last number; 0 for `'overflow'`. */
  readonly from: bigint
  readonly to: bigint
  readonly lost: number
  readonly timeNs: number
}

/** A socket took the place of another. */
export interface MarketRollover {
  readonly path: number
  readonly symbols: number
  /** `'life'`, `'user'`, `'silent'`, `'behind'`, `'ended'`, `'requests'` (the venue takes no more of them on the old one this hour), or the venue's word: `'serverShutdown'`, `'64008'`. */
  readonly reason: string
  /** Milliseconds for which both delivered; 0 when the old one was gone. */
  readonly overlapMs: number
  /** Rows that came over both: the streams joined. */
  readonly copies: number
  /**
   * `'sequence'`: rows of both, and no number missing between them. `'quiet'`: the new one is subscribed, and nothing was traded. `'none'`: the
   * old one was gone.
   */
  readonly verified: 'sequence' | 'quiet' | 'none'
}

/**
 * For a time no socket of these symbols was connected and subscribed: what the venue did then is missing. Told when it is over. A socket that is
 * connected and brings nothing makes none before its heartbeat ends it.
 */
export interface MarketOutage {
  readonly symbols: readonly string[]
  readonly streams: readonly MarketStream[]
  /**
   * From the last bytes that had come for certain, up to a second too early, until the venue has confirmed the subscriptions of another
   * socket (where it confirms none: until they were sent). Unix milliseconds.
   */
  readonly since: number
  readonly until: number
  readonly ms: number
  /** Why the last socket was gone, as in `state`: `'ECONNRESET'`, `'ERR_WS_CLOSED'`, … */
  readonly reason: string
}

/** A path that stays silent, or far behind, while others deliver; it is replaced. */
export interface MarketPathEvent {
  readonly path: number
  readonly url: string
  readonly symbols: number
  readonly why: 'silent' | 'behind'
  /** Milliseconds of silence, or by which it is behind. */
  readonly ms: number
}

type ShapesIn<D> = D extends JsonDecoder<infer S> ? S : Shapes

/** Events of market data. */
export interface MarketDataEvents<D> {
  rows: AnyRows<ShapesIn<D>>
  ticker: Rows<ShapesIn<D>['ticker'] & object, 'ticker'>
  trades: Rows<ShapesIn<D>['trades'] & object, 'trades'>
  /** A book has changed: the object that `books` shows. */
  book: Book
  /** A book is out of sync; it has no levels until `synced`. */
  stale: BookStale
  synced: BookSynced
  /** An attempt to get a book in sync has begun, or has failed. */
  resync: BookResync
  /** A message could not be read that may have been of any book; those whose numbers miss it fall out of sync with their next event. */
  unreadable: BooksUnreadable
  state: MarketState
  gap: MarketGap
  outage: MarketOutage
  error: MarketDataError
  rollover: MarketRollover
  path: MarketPathEvent
}

/** Market data at one moment. */
export interface MarketDataStats extends Omit<ArbiterStats, 'paths'> {
  readonly symbols: number
  readonly sockets: readonly MarketSocketInfo[]
  readonly rollovers: number
  /** Topics that the venue refused. */
  readonly refused: number
  /** Messages that could not be read and may have been of any book; 0 without books. See the event `unreadable`. */
  readonly unreadable: number
  readonly paths: readonly PathStats[]
}
