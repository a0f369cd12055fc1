import { z } from 'zod'
import { json } from '../../feed/json.js'
import { parseConfig } from '../../runtime/config.js'
import { mostLevels, type VenueBookPlan } from '../book/plan.js'
import { VenueBooks, type VenueBooksOptions } from '../book/venue-books.js'

const { symbol, int64, levels } = json

/** What `book` of OKX's market data can be told. */
export interface OkxBookOptions {
  /**
   * `books`: changes of 400 levels per side every 100 ms; `books5`: the best five as a whole every 100 ms; `bbo-tbt`: the best one with
   * every change, at most every 10 ms. Those by tick want a login. Default `'books'`.
   * https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
   */
  readonly channel?: 'books' | 'books5' | 'bbo-tbt' | undefined
}

export const okxBookSchema = z
  .strictObject({ channel: z.enum(['books', 'books5', 'bbo-tbt']).default('books') })
  .prefault({})

export type ParsedOkxBook = z.output<typeof okxBookSchema>

const each = { each: '/data', eachAbsent: 'ignore' } as const

/**
 * Levels are price, size, a number that means nothing any more, and the number of orders. Without ids, as older servers of this protocol
 * send them, books need `sequence: false`.
 */
const common = {
  symbol: symbol('/arg/instId', { from: 'root' }),
  lastId: int64('/seqId', { optional: true }),
  bids: levels('/bids', { exact: true, max: mostLevels }),
  asks: levels('/asks', { exact: true, max: mostLevels }),
} as const

const roles = { symbol: 'symbol', bids: 'bids', asks: 'asks', lastId: 'lastId' } as const

export const okxBookShapes = {
  book: json(
    {
      ...common,
      action: symbol('/action', { from: 'root' }),
      prevId: int64('/prevSeqId', { optional: true }),
      checksum: int64('/checksum', { optional: true }),
    },
    {
      ...each,
      book: { ...roles, prevId: 'prevId', checksum: 'checksum', snapshot: { field: 'action', is: 'snapshot' } },
    },
  ),
  bookTop: json(common, { ...each, book: { ...roles, snapshot: true } }),
}

export const okxBookMatch = { book: ['books'], bookTop: ['books5', 'bbo-tbt'] } as const

export function okxBookTopic({ channel }: ParsedOkxBook, instId: string): { channel: string; instId: string } {
  return { channel, instId }
}

export function okxBookPlan(book: ParsedOkxBook): VenueBookPlan {
  return {
    title: 'OKX',
    books: { rules: book.channel === 'books' ? 'okx' : 'snapshots' },
    names: (name) => [name],
    seed: {
      by: 'resubscribe',
      resubscribe: (names) =>
        ['unsubscribe', 'subscribe'].map((op) =>
          JSON.stringify({ op, args: names.map((name) => okxBookTopic(book, name)) }),
        ),
      symbolsPerMessage: 100,
      messagesPerSecond: 2,
      // Of 480 that a connection may subscribe, unsubscribe and log in. The others are the feed's.
      messagesPerHour: 400,
    },
  }
}

/** What `okx.books()` takes. */
export type OkxBooksOptions = VenueBooksOptions & {
  /** The same that `market()` was given. */
  readonly book?: OkxBookOptions | undefined
}

/** @throws ConfigError */
export function okxBooks({ book, ...options }: OkxBooksOptions = {}): VenueBooks {
  return new VenueBooks(okxBookPlan(parseConfig('OKX book options', okxBookSchema, book)), options)
}
