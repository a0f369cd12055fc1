import { json } from '../../feed/json.js'
import { parseConfig } from '../../runtime/config.js'
import {
  type MarketFeed,
  type MarketLimits,
  type MarketOptions,
  type MarketPlan,
  marketFeeds,
} from '../market/market-feeds.js'
import {
  type KrakenBookOptions,
  krakenBookMatch,
  krakenBookMessage,
  krakenBookSchema,
  krakenBookShapes,
  withoutOrders,
} from './book.js'

/**
 * About 150 connections per ten minutes and address; who exceeds them is banned for ten minutes. How many topics one socket takes is not documented.
 * https://docs.kraken.com/exchange/guides/websockets/introduction
 */
export const marketLimits: MarketLimits = Object.freeze({
  topics: 200,
  topicsPerMessage: 200,
  messagesPerSecond: Number.POSITIVE_INFINITY,
  connects: { count: 150, perMs: 600_000, bans: { 429: 600_000 } },
  lifeMs: Number.POSITIVE_INFINITY,
})

const { symbol, decimal, int64, text, oneOf } = json

/** Numbers keep the decimals that they are written with. `side` is the taker's: `buy`, `sell`. */
export const shapes = {
  ticker: json(
    {
      symbol: symbol('/symbol'),
      bid: decimal('/bid'),
      bidSize: decimal('/bid_qty'),
      ask: decimal('/ask'),
      askSize: decimal('/ask_qty'),
    },
    { each: '/data', sequence: 'leader' },
  ),
  trades: json(
    {
      symbol: symbol('/symbol'),
      price: decimal('/price'),
      size: decimal('/qty'),
      side: symbol('/side'),
      id: int64('/trade_id'),
      timestamp: text('/timestamp', { maxBytes: 64 }),
    },
    { each: '/data', sequence: { contiguous: 'id' } },
  ),
}

export const match = { trades: 'trade' } as const

const decode = oneOf('/channel', shapes, { match, otherwise: 'ignore' })
const decodeBook = oneOf(
  '/channel',
  { ...shapes, ...krakenBookShapes },
  { match: { ...match, ...krakenBookMatch }, otherwise: 'ignore' },
)

/** How messages of Kraken's WebSocket v2 become rows. */
export type KrakenMarketDecoder = typeof decode

export const plan: Omit<MarketPlan<'production' | 'beta', KrakenMarketDecoder>, 'subscriptions'> = {
  title: 'Kraken',
  limits: marketLimits,
  profiles: { production: 'wss://ws.kraken.com', beta: 'wss://beta-ws.kraken.com' },
  decode,
  decodeBook,
  heartbeat: { app: { text: '{"method":"ping"}', interval: 30_000 } },
  sockets: [{ path: '/v2', streams: ['ticker', 'trades', 'book'] }],
}

/** What `kraken.market()` takes. */
export type KrakenMarketOptions = MarketOptions<keyof typeof plan.profiles> & {
  /** For `streams` with `'book'`. */
  readonly book?: KrakenBookOptions | undefined
}

/** @throws ConfigError */
export function krakenMarket({
  book: given,
  ...options
}: KrakenMarketOptions): readonly MarketFeed<KrakenMarketDecoder>[] {
  const subject = 'Kraken book options'
  const book = withoutOrders(subject, parseConfig(subject, krakenBookSchema, given))
  // Of the ticker with every change of the best prices, not with trades alone. https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/ticker
  const subscriptions: MarketPlan<string, KrakenMarketDecoder>['subscriptions'] = (symbols, streams) =>
    streams.map((stream) => {
      if (stream === 'book') return krakenBookMessage('subscribe', book, symbols)
      const params =
        stream === 'ticker'
          ? { channel: 'ticker', symbol: symbols, event_trigger: 'bbo' }
          : { channel: 'trade', symbol: symbols }
      return JSON.stringify({ method: 'subscribe', params })
    })
  return marketFeeds({ ...plan, subscriptions }, options)
}
