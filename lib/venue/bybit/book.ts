import { z } from 'zod'
import { json } from '../../feed/json.js'
import { parseConfig } from '../../runtime/config.js'
import { mostLevels, type VenueBookPlan } from '../book/plan.js'
import { VenueBooks, type VenueBooksOptions } from '../book/venue-books.js'

const { symbol, int64, levels } = json

/** What `book` of Bybit's market data can be told. */
export interface BybitBookOptions {
  /**
   * Levels per side: 50 every 20 ms; 200 every 200 ms, of contracts every 100 ms; 1,000 every 200 ms. The best level alone is the stream
   * `ticker`. Default 50. https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook
   */
  readonly depth?: 50 | 200 | 1_000 | undefined
  /**
   * What numbers of updates (`u`) are taken for. `'increment'`: each is one more than the last, and a jump is a lost update: the book is stale and
   * subscribed anew. `'increasing'`: larger than the last; for a gateway that leaves some out, where a lost update is not noticed.
   * Default `'increment'`: the venue calls them continuous, but for a restart with a snapshot of number 1.
   * https://bybit-exchange.github.io/docs/zh-TW/v5/sbe/level-50/sbe-level-50
   */
  readonly continuity?: 'increment' | 'increasing' | undefined
}

export const bybitBookSchema = z
  .strictObject({
    depth: z.literal([50, 200, 1_000]).default(50),
    continuity: z.enum(['increment', 'increasing']).default('increment'),
  })
  .prefault({})

export type ParsedBybitBook = z.output<typeof bybitBookSchema>

export const bybitBookShapes = {
  book: json(
    {
      symbol: symbol('/data/s'),
      type: symbol('/type'),
      lastId: int64('/data/u'),
      bids: levels('/data/b', { exact: true, max: mostLevels, optional: true }),
      asks: levels('/data/a', { exact: true, max: mostLevels, optional: true }),
    },
    {
      book: {
        symbol: 'symbol',
        bids: 'bids',
        asks: 'asks',
        lastId: 'lastId',
        snapshot: { field: 'type', is: 'snapshot' },
      },
    },
  ),
}

export const bybitBookMatch = { book: ['orderbook.50.*', 'orderbook.200.*', 'orderbook.1000.*'] } as const

/** The number of messages by which `books()` subscribes anew on feeds of others; `marketData()` gives its own. */
const bookRequest = '999999'

export function bybitBookTopic({ depth }: ParsedBybitBook, name: string): string {
  return `orderbook.${depth}.${name}`
}

export function bybitBookPlan(book: ParsedBybitBook): VenueBookPlan {
  return {
    title: 'Bybit',
    books: { rules: 'bybit', continuity: book.continuity },
    names: (name) => [name],
    seed: {
      by: 'resubscribe',
      resubscribe: (names) =>
        ['unsubscribe', 'subscribe'].map((op) =>
          JSON.stringify({ req_id: bookRequest, op, args: names.map((name) => bybitBookTopic(book, name)) }),
        ),
      symbolsPerMessage: 10,
      messagesPerSecond: 10,
    },
  }
}

/** What `bybit.books()` takes. */
export type BybitBooksOptions = VenueBooksOptions & {
  /** The same that `market()` was given. */
  readonly book?: BybitBookOptions | undefined
}

/** @throws ConfigError */
export function bybitBooks({ book, ...options }: BybitBooksOptions = {}): VenueBooks {
  return new VenueBooks(bybitBookPlan(parseConfig('Bybit book options', bybitBookSchema, book)), options)
}
