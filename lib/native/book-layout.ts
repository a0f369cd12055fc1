/** Books of the core, typed, and how their views and records are laid out (`native/feed/book_view.h`, `order_view.h`, `book_set.h`). */

/** States of a book, by number. */
export const BookStates = ['empty', 'synced', 'stale'] as const

/** Why a book is not in sync, by number; null: no reason (`native/book/reason.h`). */
export const BookReasons = [
  null,
  'ERR_BOOK_GAP',
  'ERR_BOOK_CHECKSUM',
  'ERR_BOOK_CROSSED',
  'ERR_BOOK_MALFORMED',
  'ERR_BOOK_PRICE_RANGE',
  'ERR_BOOK_DEPTH',
  'ERR_BOOK_EVENT_SIZE',
  'ERR_BOOK_NO_PROGRESS',
  'ERR_BOOK_DISCONNECTED',
  'ERR_BOOK_LOST',
] as const

/** What a book waits for, by number. */
export const BookWants = ['nothing', 'snapshot', 'resubscribe'] as const

/** Rules by which events of a venue follow each other. */
export const BookRuleNames = [
  'none',
  'snapshots',
  'binance',
  'binanceUsdm',
  'bybit',
  'okx',
  'kraken',
  'coinbase',
] as const

/** A view: the value of a triple slot. Offsets from its start, of 32-bit halves or 8-byte words. */
export const BookView = {
  stateHalf: 0,
  reasonHalf: 1,
  /** Changes of state so far. */
  epochHalf: 2,
  wantHalf: 3,
  requestHalf: 4,
  /** Fetched snapshots that were looked at. */
  fetchedHalf: 5,
  /** f64; NaN: none, or beyond 2^53. */
  lastIdWord: 3,
  rxWord: 4,
  /** Levels in the view. */
  bidsHalf: 10,
  asksHalf: 11,
  /** Levels in the book. */
  allBidsHalf: 12,
  allAsksHalf: 13,
  updatesWord: 7,
  duplicatesWord: 8,
  gapsWord: 9,
  resyncsWord: 10,
  lastReasonHalf: 23,
  /** f64; NaN when a side is empty. */
  midWord: 12,
  spreadWord: 13,
  microPriceWord: 14,
  /** Bids from the best, then, `depth` levels further, asks. */
  levelsWord: 16,
  /** f64 price, f64 size, i64 price, i64 size, u32 scale of the size | u32 scale of the price; NaN and zeros where there is none. */
  levelWords: 5,
  bytes: (depth: number): number => (16 + depth * 2 * 5) * 8,
  /** Of books of orders: orders of all bids and of all asks in the book. */
  bidOrdersHalf: 30,
  askOrdersHalf: 31,
  /** Behind the levels, a word for each: u32 orders | u32 orders in the view; then, `shown` for each level, orders. */
  queuesWord: (depth: number): number => 16 + depth * 2 * 5,
  ordersWord: (depth: number): number => 16 + depth * 2 * 6,
  /** u64 id low, u64 id high, f64 size, i64 size, u32 size scale | u32 0, i64 time. */
  orderWords: 6,
  orderBytes: (depth: number, shown: number): number => (16 + depth * 2 * (6 + shown * 6)) * 8,
} as const

/** Everything is given, but for what the rules say where it is left out. */
export interface NativeBookSetOptions {
  readonly rules: (typeof BookRuleNames)[number]
  /** Levels of each side in a view, 1…1,000. */
  readonly depth: number
  /** Levels that the venue keeps up to date. */
  readonly venueDepth?: number | undefined
  /** Levels of a side from which on a snapshot is taken to be cut off. */
  readonly snapshotLevels?: number | undefined
  /** Levels of a side that are kept. */
  readonly levels?: number | undefined
  /** What is kept while a snapshot is fetched. */
  readonly keptEvents?: number | undefined
  readonly keptBytes?: number | undefined
  /** Whether numbers of events are verified. */
  readonly sequence: boolean
  /** Whether numbers that go up by one by the rules may jump. */
  readonly jumps: boolean
  /** Whether check sums are verified. */
  readonly checksum: boolean
  /** Whether a crossed book is out of sync. */
  readonly crossed: boolean
  /** Books of orders: orders of each level in a view, 1…1,000; orders of a side that are kept. */
  readonly orders?: number | undefined
  readonly maxOrders?: number | undefined
  /** Description of fetched snapshots (`docs/schema-format.md`), or null. */
  readonly snapshot: string | null
}

/** Books on one channel. */
export interface NativeBookSet {
  readonly handle: number
  /** `names` are what messages call it; `memory`: a triple slot of `BookView.bytes(depth)`, or `orderBytes(depth, orders)`. A number is used once. */
  add(book: number, names: readonly string[], memory: ArrayBuffer): void
  remove(book: number): void
  /**
   * Its changes are subscribed on the connection of the feed with this handle. `ask`: what it needs to begin is asked for now, not with the
   * first change. Nothing when the feed has no connection just now.
   */
  expect(book: number, feed: number, ask: boolean): void
  /** Its owner does not trust it. */
  invalidate(book: number): void
  /** The body of a fetched snapshot. −1, or why it is none: kind | shape << 8 | field << 16. */
  seed(book: number, request: number, body: Uint8Array): number
  /** In the order of `BookSetCounters`. */
  counters(): Float64Array
  destroy(): void
}

export const BookSetCounters = ['events', 'unknown', 'elsewhere', 'records', 'noSymbol', 'unreadable'] as const

/** In place of a book's number in a record: messages could not be read that may have been of any. */
export const unreadableBook = -1
