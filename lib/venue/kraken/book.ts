import { z } from 'zod'
import { json } from '../../feed/json.js'
import { configFault, parseConfig } from '../../runtime/config.js'
import type { VenueBookPlan } from '../book/plan.js'
import { VenueBooks, type VenueBooksOptions } from '../book/venue-books.js'

const { symbol, int64, levels } = json

/** What `book` of Kraken's market data can be told. */
export interface KrakenBookOptions {
  /**
   * Levels per side. Default 25; with `orders` 10, and 10, 100, 1,000 alone.
   * https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/book
   */
  readonly depth?: 10 | 25 | 100 | 500 | 1_000 | undefined
  /**
   * Books of orders (the channel `level3`), of which so many are shown at each level, 1…1,000. For `marketData()`, which is then given a
   * `rest` with a key. Default: books of levels.
   */
  readonly orders?: number | undefined
}

const orderDepths = [10, 100, 1_000]

export const krakenBookSchema = z
  .strictObject({
    depth: z.literal([10, 25, 100, 500, 1_000]).optional(),
    orders: z.int().min(1).max(1_000).optional(),
  })
  .prefault({})
  .refine(({ depth, orders }) => orders === undefined || orderDepths.includes(depth ?? 10), {
    path: ['depth'],
    message: 'must be 10, 100 or 1,000 with `orders`',
  })
  .transform(({ depth, orders }) => ({ depth: depth ?? (orders === undefined ? 25 : 10), orders }))

export type ParsedKrakenBook = z.output<typeof krakenBookSchema>

/** Numbers keep the decimals that they are written with: the check sum is made of them. */
const side = { exact: true, priceKey: 'price', sizeKey: 'qty' } as const

/** Fields of all books, of levels as well as of orders. */
export const krakenBookFields = {
  symbol: symbol('/symbol'),
  type: symbol('/type', { from: 'root' }),
  checksum: int64('/checksum', { optional: true }),
} as const

/** What they mean, and the sides. */
export const krakenBookRole = {
  each: '/data',
  book: {
    symbol: 'symbol',
    bids: 'bids',
    asks: 'asks',
    checksum: 'checksum',
    snapshot: { field: 'type', is: 'snapshot' },
  },
} as const

export const krakenBookShapes = {
  book: json(
    {
      ...krakenBookFields,
      bids: levels('/bids', { ...side, max: 2_000 }),
      asks: levels('/asks', { ...side, max: 2_000 }),
    },
    krakenBookRole,
  ),
}

export const krakenBookMatch = { book: ['book'] } as const

/** The number of messages by which `books()` subscribes anew on feeds of others: none that they are likely to give their own. */
export const krakenBookRequest = 999_999

export function krakenBookMessage(
  method: 'subscribe' | 'unsubscribe',
  { depth }: ParsedKrakenBook,
  symbols: readonly string[],
  id?: number,
): string {
  const params = { channel: 'book', symbol: symbols, depth }
  return JSON.stringify({ method, params, ...(id !== undefined && { req_id: id }) })
}

export function krakenBookPlan(book: ParsedKrakenBook): VenueBookPlan {
  return {
    title: 'Kraken',
    books: { rules: 'kraken', venueDepth: book.depth },
    names: (name) => [name],
    seed: {
      by: 'resubscribe',
      resubscribe: (names) => [
        krakenBookMessage('unsubscribe', book, names, krakenBookRequest),
        krakenBookMessage('subscribe', book, names, krakenBookRequest),
      ],
      symbolsPerMessage: 200,
      messagesPerSecond: 10,
    },
  }
}

/** @throws ConfigError: books of orders need a token with each connection, which `marketData()` alone asks for. */
export function withoutOrders(subject: string, book: ParsedKrakenBook): ParsedKrakenBook {
  if (book.orders !== undefined) throw configFault(subject, ['orders'], 'are for `marketData()`')
  return book
}

/** What `kraken.books()` takes. */
export type KrakenBooksOptions = VenueBooksOptions & {
  /** The same that `market()` was given. */
  readonly book?: KrakenBookOptions | undefined
}

/** @throws ConfigError */
export function krakenBooks({ book, ...options }: KrakenBooksOptions = {}): VenueBooks {
  const subject = 'Kraken book options'
  return new VenueBooks(krakenBookPlan(withoutOrders(subject, parseConfig(subject, krakenBookSchema, book))), options)
}
