import { json } from '../../feed/json.js'
import {
  chunks,
  type MarketFeed,
  type MarketLimits,
  type MarketOptions,
  type MarketPlan,
  marketFeeds,
} from '../market/market-feeds.js'
import {
  type BinanceBookOptions,
  binanceBookMatch,
  binanceBookShapes,
  binanceBookStream,
  binanceUsdmBookShapes,
  type ParsedBinanceBook,
  parseBinanceBook,
} from './book.js'

/**
 * 1,024 streams per connection, 5 messages per second with pings and pongs, 300 connections per five minutes and address, 24 hours.
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
 */
const spotLimits: MarketLimits = Object.freeze({
  topics: 1_024,
  // All of them in four messages, which leaves one for a ping in the first second.
  topicsPerMessage: 256,
  messagesPerSecond: 5,
  // The shortest ban. https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
  connects: { count: 300, perMs: 300_000, bans: { 418: 120_000 } },
  lifeMs: 86_400_000,
})

/** Futures: 10 messages per second. https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams */
const usdmLimits: MarketLimits = Object.freeze({ ...spotLimits, messagesPerSecond: 10 })

const { symbol, decimal, int64, bool, oneOf } = json

/** Trades come aggregated by the order that took: `buyerMaker` says that this one sold. */
export const shapes = {
  ticker: json(
    {
      symbol: symbol('/data/s'),
      bid: decimal('/data/b'),
      bidSize: decimal('/data/B'),
      ask: decimal('/data/a'),
      askSize: decimal('/data/A'),
      updateId: int64('/data/u'),
    },
    { sequence: { increasing: 'updateId' } },
  ),
  trades: json(
    {
      symbol: symbol('/data/s'),
      price: decimal('/data/p'),
      size: decimal('/data/q'),
      buyerMaker: bool('/data/m'),
      id: int64('/data/a'),
      time: int64('/data/T', { as: 'number' }),
    },
    { sequence: { contiguous: 'id' } },
  ),
}

export const match = { ticker: '*@bookTicker', trades: '*@aggTrade' } as const

const decode = oneOf('/stream', shapes, { match, otherwise: 'ignore' })
const decodeBook = oneOf(
  '/stream',
  { ...shapes, ...binanceBookShapes },
  { match: { ...match, ...binanceBookMatch }, otherwise: 'ignore' },
)
const decodeUsdmBook = oneOf(
  '/stream',
  { ...shapes, ...binanceUsdmBookShapes },
  { match: { ...match, ...binanceBookMatch }, otherwise: 'ignore' },
)

/** How messages of Binance's market streams become rows. */
export type BinanceMarketDecoder = typeof decode

/** What `binance.market()` and `binanceUsdm.market()` take. */
export type BinanceMarketOptions<Profile extends string = string> = MarketOptions<Profile> & {
  /** For `streams` with `'book'`. */
  readonly book?: BinanceBookOptions | undefined
}

export const topics = { ticker: 'bookTicker', trades: 'aggTrade' } as const

function subscriptions(
  market: 'spot' | 'usdm',
  book: ParsedBinanceBook,
): MarketPlan<string, BinanceMarketDecoder>['subscriptions'] {
  return (symbols, streams) => {
    const names = symbols.flatMap((each) =>
      streams.map((stream) =>
        stream === 'book' ? binanceBookStream(market, book, each) : `${each.toLowerCase()}@${topics[stream]}`,
      ),
    )
    return chunks(names, spotLimits.topicsPerMessage).map((params, i) =>
      JSON.stringify({ method: 'SUBSCRIBE', params, id: i + 1 }),
    )
  }
}

export const spot: Omit<
  MarketPlan<'production' | 'marketData' | 'testnet' | 'demo', BinanceMarketDecoder>,
  'subscriptions'
> = {
  title: 'Binance',
  limits: spotLimits,
  profiles: {
    production: 'wss://stream.binance.com:9443',
    marketData: 'wss://data-stream.binance.vision',
    testnet: 'wss://stream.testnet.binance.vision',
    demo: 'wss://demo-stream.binance.com',
  },
  decode,
  decodeBook,
  sockets: [{ path: '/stream', streams: ['ticker', 'trades', 'book'] }],
}

/**
 * Books and trades have entries of their own:
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Important-WebSocket-Change-Notice
 */
export const usdm: Omit<MarketPlan<'production', BinanceMarketDecoder>, 'subscriptions'> = {
  title: 'Binance USD-M',
  limits: usdmLimits,
  profiles: { production: 'wss://fstream.binance.com' },
  decode,
  decodeBook: decodeUsdmBook,
  sockets: [
    { path: '/public/stream', streams: ['ticker', 'book'] },
    { path: '/market/stream', streams: ['trades'] },
  ],
}

/** @throws ConfigError */
export function binanceMarket({
  book,
  ...options
}: BinanceMarketOptions<keyof typeof spot.profiles>): readonly MarketFeed<BinanceMarketDecoder>[] {
  return marketFeeds({ ...spot, subscriptions: subscriptions('spot', parseBinanceBook('spot', book)) }, options)
}

/** @throws ConfigError */
export function binanceUsdmMarket({
  book,
  ...options
}: BinanceMarketOptions<keyof typeof usdm.profiles>): readonly MarketFeed<BinanceMarketDecoder>[] {
  return marketFeeds({ ...usdm, subscriptions: subscriptions('usdm', parseBinanceBook('usdm', book)) }, options)
}

export { spotLimits, usdmLimits }
