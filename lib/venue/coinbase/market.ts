import { json } from '../../feed/json.js'
import {
  type MarketFeed,
  type MarketLimits,
  type MarketOptions,
  type MarketPlan,
  marketFeeds,
} from '../market/market-feeds.js'
import { coinbaseBookMatch, coinbaseBookShapes, coinbaseMaxRows, coinbaseSequence } from './book.js'

/**
 * Eight connections per second and address, eight messages per second without a key. How many topics one socket takes is not documented.
 * https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-rate-limits
 */
export const marketLimits: MarketLimits = Object.freeze({
  topics: 200,
  topicsPerMessage: 200,
  messagesPerSecond: 8,
  connects: { count: 8, perMs: 1_000 },
  lifeMs: Number.POSITIVE_INFINITY,
})

const { symbol, decimal, text, oneOf } = json

/**
 * `side` is what the venue says of a trade: the maker's. A message has one or several events.
 * https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels
 */
const tickers = { within: '/events', each: '/tickers' } as const
const tradesOf = { within: '/events', each: '/trades' } as const

const ticker = {
  symbol: symbol('/product_id'),
  bid: decimal('/best_bid'),
  bidSize: decimal('/best_bid_quantity'),
  ask: decimal('/best_ask'),
  askSize: decimal('/best_ask_quantity'),
}

const trades = {
  symbol: symbol('/product_id'),
  price: decimal('/price'),
  size: decimal('/size'),
  side: symbol('/side'),
  id: text('/trade_id', { maxBytes: 64 }),
  timestamp: text('/time', { maxBytes: 64 }),
}

export const shapes = {
  ticker: json(ticker, { ...tickers, sequence: 'leader' }),
  trades: json(trades, { ...tradesOf, sequence: { distinct: 'id' } }),
}

/** With books, whose messages are counted together with all others of their connection. */
const counted = { sequence: coinbaseSequence }
export const countedShapes = {
  ticker: json({ ...ticker, ...counted }, { ...tickers, book: { sequence: 'sequence' }, sequence: 'leader' }),
  trades: json(
    { ...trades, ...counted },
    { ...tradesOf, book: { sequence: 'sequence' }, sequence: { distinct: 'id' } },
  ),
}

export const match = { trades: 'market_trades' } as const

const decode = oneOf('/channel', shapes, { match, otherwise: 'ignore' })
const decodeBook = oneOf(
  '/channel',
  { ...countedShapes, ...coinbaseBookShapes },
  { match: { ...match, ...coinbaseBookMatch }, otherwise: 'ignore', maxRows: coinbaseMaxRows },
)

/** How messages of Coinbase's market data become rows. */
export type CoinbaseMarketDecoder = typeof decode

export const channels = { ticker: 'ticker', trades: 'market_trades', book: 'level2' } as const

export const plan: MarketPlan<'production', CoinbaseMarketDecoder> = {
  title: 'Coinbase',
  limits: marketLimits,
  profiles: { production: 'wss://advanced-trade-ws.coinbase.com' },
  decode,
  decodeBook,
  // Something comes every second once `heartbeats` is subscribed.
  heartbeat: { idle: 5_000 },
  sockets: [{ path: '', streams: ['ticker', 'trades', 'book'] }],
  // One channel each, within five seconds. Without `heartbeats` quiet channels are closed.
  subscriptions: (symbols, streams) => [
    ...streams.map((stream) => JSON.stringify({ type: 'subscribe', product_ids: symbols, channel: channels[stream] })),
    JSON.stringify({ type: 'subscribe', channel: 'heartbeats' }),
  ],
}

/** @throws ConfigError */
export function coinbaseMarket(
  options: MarketOptions<keyof typeof plan.profiles>,
): readonly MarketFeed<CoinbaseMarketDecoder>[] {
  return marketFeeds(plan, options)
}
