import { z } from 'zod'
import { json } from '../../feed/json.js'
import { parseConfig } from '../../runtime/config.js'
import {
  chunks,
  type MarketFeed,
  type MarketLimits,
  type MarketOptions,
  type MarketPlan,
  marketFeeds,
} from '../market/market-feeds.js'
import { type BybitBookOptions, bybitBookMatch, bybitBookSchema, bybitBookShapes, bybitBookTopic } from './book.js'

/**
 * Spot takes 10 topics per subscription, the others 21,000 characters; 500 connections per five minutes. How many topics one socket takes is not
 * documented: 200 of them stay within the characters. https://bybit-exchange.github.io/docs/v5/ws/connect
 */
export const marketLimits: MarketLimits = Object.freeze({
  topics: 200,
  topicsPerMessage: 10,
  messagesPerSecond: Number.POSITIVE_INFINITY,
  // "403, access too frequent": ten minutes. https://bybit-exchange.github.io/docs/v5/rate-limit#ip-limit
  connects: { count: 500, perMs: 300_000, bans: { 403: 600_000 } },
  lifeMs: Number.POSITIVE_INFINITY,
})

const { symbol, decimal, int64, text, oneOf } = json

/** Of the book's first level the venue sends snapshots only; a side may be empty. `side` is the taker's: `Buy`, `Sell`. */
export const shapes = {
  ticker: {
    symbol: symbol('/data/s'),
    bid: decimal('/data/b/0/0', { optional: true }),
    bidSize: decimal('/data/b/0/1', { optional: true }),
    ask: decimal('/data/a/0/0', { optional: true }),
    askSize: decimal('/data/a/0/1', { optional: true }),
    time: int64('/ts', { as: 'number' }),
  },
  trades: json(
    {
      symbol: symbol('/s'),
      price: decimal('/p'),
      size: decimal('/v'),
      side: symbol('/S'),
      id: text('/i', { maxBytes: 64 }),
      time: int64('/T', { as: 'number' }),
    },
    { each: '/data', sequence: { distinct: 'id' } },
  ),
}

export const match = { ticker: 'orderbook.1.*', trades: 'publicTrade.*' } as const

const decode = oneOf('/topic', shapes, { match, otherwise: 'ignore' })
const decodeBook = oneOf(
  '/topic',
  { ...shapes, ...bybitBookShapes },
  { match: { ...match, ...bybitBookMatch }, otherwise: 'ignore' },
)

/** How messages of Bybit's public streams become rows. */
export type BybitMarketDecoder = typeof decode

export const profiles = { production: 'wss://stream.bybit.com', testnet: 'wss://stream-testnet.bybit.com' } as const

export const topics = { ticker: 'orderbook.1', trades: 'publicTrade' } as const

/** What `bybit.market()` takes. */
export type BybitMarketOptions = MarketOptions<'production' | 'testnet'> & {
  /** Default `'spot'`. */
  readonly category?: 'spot' | 'linear' | 'inverse' | undefined
  /** For `streams` with `'book'`. */
  readonly book?: BybitBookOptions | undefined
}

export const categorySchema = z.enum(['spot', 'linear', 'inverse']).default('spot')

/** @throws ConfigError */
export function bybitMarket({
  category: given,
  book: givenBook,
  ...options
}: BybitMarketOptions): readonly MarketFeed<BybitMarketDecoder>[] {
  const category = parseConfig('Bybit market category', categorySchema, given)
  const book = parseConfig('Bybit book options', bybitBookSchema, givenBook)
  const plan: MarketPlan<'production' | 'testnet', BybitMarketDecoder> = {
    title: 'Bybit',
    limits: marketLimits,
    profiles,
    decode,
    decodeBook,
    // The venue wants to hear this every 20 seconds.
    heartbeat: { app: { text: '{"op":"ping"}', interval: 20_000 } },
    sockets: [{ path: `/v5/public/${category}`, streams: ['ticker', 'trades', 'book'] }],
    subscriptions: (symbols, streams) => {
      const args = symbols.flatMap((each) =>
        streams.map((stream) => (stream === 'book' ? bybitBookTopic(book, each) : `${topics[stream]}.${each}`)),
      )
      return chunks(args, marketLimits.topicsPerMessage).map((some) => JSON.stringify({ op: 'subscribe', args: some }))
    },
  }
  return marketFeeds(plan, options)
}
