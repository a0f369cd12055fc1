import { json } from '../../feed/json.js'
import {
  type MarketFeed,
  type MarketLimits,
  type MarketOptions,
  type MarketPlan,
  marketFeeds,
} from '../market/market-feeds.js'

/**
 * About 150 connections per ten minutes and address. How many topics one socket takes is not documented.
 * https://docs.kraken.com/exchange/guides/websockets/introduction
 */
export const marketLimits: MarketLimits = Object.freeze({
  topics: 200,
  topicsPerMessage: 200,
  messagesPerSecond: Number.POSITIVE_INFINITY,
  connects: { count: 150, perMs: 600_000 },
  lifeMs: Number.POSITIVE_INFINITY,
})

const { symbol, decimal, int64, text, oneOf } = json

/** Numbers keep the decimals that they are written with. `side` is the taker's: `buy`, `sell`. */
const decode = oneOf(
  '/channel',
  {
    ticker: json(
      {
        symbol: symbol('/symbol'),
        bid: decimal('/bid'),
        bidSize: decimal('/bid_qty'),
        ask: decimal('/ask'),
        askSize: decimal('/ask_qty'),
      },
      { each: '/data' },
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
      { each: '/data' },
    ),
  },
  { match: { trades: 'trade' }, otherwise: 'ignore' },
)

/** How messages of Kraken's WebSocket v2 become rows. */
export type KrakenMarketDecoder = typeof decode

const plan: MarketPlan<'production' | 'beta', KrakenMarketDecoder> = {
  title: 'Kraken',
  limits: marketLimits,
  profiles: { production: 'wss://ws.kraken.com', beta: 'wss://beta-ws.kraken.com' },
  decode,
  heartbeat: { app: { text: '{"method":"ping"}', interval: 30_000 } },
  sockets: [{ path: '/v2', streams: ['ticker', 'trades'] }],
  // Of the ticker with every change of the best prices, not with trades alone. https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/ticker
  subscriptions: (symbols, streams) =>
    streams.map((stream) => {
      const params =
        stream === 'ticker'
          ? { channel: 'ticker', symbol: symbols, event_trigger: 'bbo' }
          : { channel: 'trade', symbol: symbols }
      return JSON.stringify({ method: 'subscribe', params })
    }),
}

/** @throws ConfigError */
export function krakenMarket(
  options: MarketOptions<keyof typeof plan.profiles>,
): readonly MarketFeed<KrakenMarketDecoder>[] {
  return marketFeeds(plan, options)
}
