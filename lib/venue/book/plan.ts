import type { BooksOptions } from '../../book/options.js'
import type { Rest } from '../../rest/rest.js'

/** How a venue's books are kept, as data and the functions that differ. */
export interface VenueBookPlan {
  /** As it appears in errors. */
  readonly title: string
  readonly books: Pick<
    BooksOptions,
    'rules' | 'continuity' | 'venueDepth' | 'snapshotLevels' | 'levels' | 'orders' | 'snapshot'
  >
  /** What messages call a symbol. */
  names(symbol: string): readonly string[]
  readonly seed: VenueBookFetch | VenueBookStream
}

/** Snapshots are fetched by a request. */
export interface VenueBookFetch {
  readonly by: 'snapshot'
  /** The request for a snapshot: its path with query, and what it costs. */
  request(symbol: string): { readonly path: string; readonly weight: number }
  /** The client, when none is given. */
  rest(): Rest
}

/** Snapshots come in the stream, after subscribing. */
export interface VenueBookStream {
  readonly by: 'resubscribe'
  /** Messages that end the subscriptions of symbols and begin them again, in order. */
  resubscribe(symbols: readonly string[]): readonly string[]
  /** Symbols in one message. */
  readonly symbolsPerMessage: number
  /** Messages for this purpose on one connection per second. */
  readonly messagesPerSecond: number
  /** Messages for this purpose on one connection in an hour. Default: any number. */
  readonly messagesPerHour?: number | undefined
}

/** Levels of an event that are kept; no venue sends as many. */
export const mostLevels = 10_000
