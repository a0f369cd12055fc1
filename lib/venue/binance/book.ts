import { z } from 'zod'
import { json } from '../../feed/json.js'
import type { Rest } from '../../rest/rest.js'
import { configFault, parseConfig } from '../../runtime/config.js'
import { mostLevels, type VenueBookPlan } from '../book/plan.js'
import { VenueBooks, type VenueBooksOptions } from '../book/venue-books.js'
import { type BinanceProfile, type BinanceUsdmProfile, binanceRest, binanceUsdmRest } from './rest.js'

const { symbol, int64, levels } = json

/** What `book` of Binance's market data can be told. */
export interface BinanceBookOptions {
  /**
   * `'full'`: changes of the whole book, begun with a fetched snapshot; 5, 10, 20: the best levels alone, as a whole each time, without
   * any request. Default `'full'`.
   * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
   */
  readonly depth?: 'full' | 5 | 10 | 20 | undefined
  /** Milliseconds between two messages: Spot 100, 1,000; USD-M 100, 250, 500. Default 100. */
  readonly speed?: 100 | 250 | 500 | 1_000 | undefined
  /**
   * Levels per side of a fetched snapshot; what lies beyond is not known. Spot 1…5,000, by which a request costs 5 to 250 of its weight;
   * USD-M 5, 10, 20, 50, 100, 500, 1,000. Default 1,000.
   */
  readonly limit?: number | undefined
}

export const binanceBookSchema = z
  .strictObject({
    depth: z.union([z.literal('full'), z.literal([5, 10, 20])]).default('full'),
    speed: z.literal([100, 250, 500, 1_000]).default(100),
    limit: z.int().min(1).max(5_000).default(1_000),
  })
  .prefault({})

export type ParsedBinanceBook = z.output<typeof binanceBookSchema>

const usdmLimits: readonly number[] = [5, 10, 20, 50, 100, 500, 1_000]

/** @throws ConfigError */
export function parseBinanceBook(market: 'spot' | 'usdm', options: BinanceBookOptions | undefined): ParsedBinanceBook {
  const subject = market === 'spot' ? 'Binance book options' : 'Binance USD-M book options'
  const parsed = parseConfig(subject, binanceBookSchema, options)
  const speeds = market === 'spot' ? [100, 1_000] : [100, 250, 500]
  if (!speeds.includes(parsed.speed)) throw configFault(subject, ['speed'], `must be one of ${speeds.join(', ')}`)
  if (market === 'usdm' && !usdmLimits.includes(parsed.limit)) {
    throw configFault(subject, ['limit'], `must be one of ${usdmLimits.join(', ')}`)
  }
  return parsed
}

/** The stream of a symbol's book. The venue's slowest speed is the one without a name, but for USD-M, where it is 250 ms. */
export function binanceBookStream(market: 'spot' | 'usdm', { depth, speed }: ParsedBinanceBook, name: string): string {
  const unnamed = market === 'spot' ? 1_000 : 250
  return `${name.toLowerCase()}@depth${depth === 'full' ? '' : depth}${speed === unnamed ? '' : `@${speed}ms`}`
}

const bothSides = {
  bids: levels('/data/b', { exact: true, max: mostLevels }),
  asks: levels('/data/a', { exact: true, max: mostLevels }),
}

/** Spot's best levels bear no symbol but in the name of their stream. */
export const binanceBookShapes = {
  book: json(
    {
      symbol: symbol('/data/s'),
      firstId: int64('/data/U'),
      lastId: int64('/data/u'),
      prevId: int64('/data/pu', { optional: true }),
      ...bothSides,
    },
    { book: { symbol: 'symbol', bids: 'bids', asks: 'asks', firstId: 'firstId', lastId: 'lastId', prevId: 'prevId' } },
  ),
  bookTop: json(
    {
      stream: symbol('/stream'),
      lastId: int64('/data/lastUpdateId'),
      bids: levels('/data/bids', { exact: true }),
      asks: levels('/data/asks', { exact: true }),
    },
    { book: { symbol: 'stream', bids: 'bids', asks: 'asks', lastId: 'lastId', snapshot: true } },
  ),
}

/** USD-M's best levels are messages like those of changes. */
export const binanceUsdmBookShapes = {
  book: binanceBookShapes.book,
  bookTop: json(
    { symbol: symbol('/data/s'), lastId: int64('/data/u'), ...bothSides },
    { book: { symbol: 'symbol', bids: 'bids', asks: 'asks', lastId: 'lastId', snapshot: true } },
  ),
}

export const binanceBookMatch = {
  book: ['*@depth', '*@depth@100ms', '*@depth@500ms'],
  bookTop: [5, 10, 20].flatMap((n) => [`*@depth${n}`, `*@depth${n}@100ms`, `*@depth${n}@500ms`]),
} as const

/** The answer to a request for a snapshot. */
const snapshot = json(
  {
    lastId: int64('/lastUpdateId'),
    bids: levels('/bids', { exact: true, max: mostLevels }),
    asks: levels('/asks', { exact: true, max: mostLevels }),
  },
  { book: { bids: 'bids', asks: 'asks', lastId: 'lastId', snapshot: true } },
)

/** https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints */
function spotWeight(limit: number): number {
  return limit <= 100 ? 5 : limit <= 500 ? 25 : limit <= 1_000 ? 50 : 250
}

/** https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Order-Book */
function usdmWeight(limit: number): number {
  return limit <= 50 ? 2 : limit <= 100 ? 5 : limit <= 500 ? 10 : 20
}

/** @param rest makes a client when none is given. */
export function binanceBookPlan(market: 'spot' | 'usdm', book: ParsedBinanceBook, rest: () => Rest): VenueBookPlan {
  const isSpot = market === 'spot'
  const title = isSpot ? 'Binance' : 'Binance USD-M'
  const stream = (name: string): string => binanceBookStream(market, book, name)
  if (book.depth !== 'full') {
    return {
      title,
      books: { rules: 'snapshots' },
      names: (name) => (isSpot ? [stream(name)] : [name]),
      seed: {
        by: 'resubscribe',
        resubscribe: (names) =>
          ['UNSUBSCRIBE', 'SUBSCRIBE'].map((method, i) =>
            JSON.stringify({ method, params: names.map(stream), id: i + 1 }),
          ),
        symbolsPerMessage: 256,
        // The feed may have to answer a ping within the same second.
        messagesPerSecond: isSpot ? 4 : 9,
      },
    }
  }
  const { limit } = book
  const path = isSpot ? '/api/v3/depth' : '/fapi/v1/depth'
  return {
    title,
    books: { rules: isSpot ? 'binance' : 'binanceUsdm', snapshotLevels: limit, snapshot },
    names: (name) => [name],
    seed: {
      by: 'snapshot',
      request: (name) => ({
        path: `${path}?symbol=${encodeURIComponent(name)}&limit=${limit}`,
        weight: isSpot ? spotWeight(limit) : usdmWeight(limit),
      }),
      rest,
    },
  }
}

/** What `binance.books()` and `binanceUsdm.books()` take. */
export type BinanceBooksOptions = VenueBooksOptions & {
  /** The same that `market()` was given. */
  readonly book?: BinanceBookOptions | undefined
  /** Where the usual client fetches snapshots: the same that `market()` was given. Default `'production'`. */
  readonly profile?: string | undefined
}

/** @throws ConfigError */
export function binanceBooks({ book, profile, ...options }: BinanceBooksOptions = {}): VenueBooks {
  return new VenueBooks(
    binanceBookPlan('spot', parseBinanceBook('spot', book), () => binanceRest({ profile: profile as BinanceProfile })),
    options,
  )
}

/** @throws ConfigError */
export function binanceUsdmBooks({ book, profile, ...options }: BinanceBooksOptions = {}): VenueBooks {
  return new VenueBooks(
    binanceBookPlan('usdm', parseBinanceBook('usdm', book), () =>
      binanceUsdmRest({ profile: profile as BinanceUsdmProfile }),
    ),
    options,
  )
}
