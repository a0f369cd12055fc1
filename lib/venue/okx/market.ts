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
import { type OkxBookOptions, okxBookMatch, okxBookSchema, okxBookShapes, okxBookTopic } from './book.js'

/**
 * Three connections per second and address, 480 requests to subscribe, unsubscribe and log in per hour and connection. How many topics one socket takes is not documented.
 * https://www.okx.com/docs-v5/en/#overview-websocket
 */
export const marketLimits: MarketLimits = Object.freeze({
  topics: 200,
  topicsPerMessage: 100,
  messagesPerSecond: Number.POSITIVE_INFINITY,
  messagesPerHour: 480,
  connects: { count: 3, perMs: 1_000 },
  lifeMs: Number.POSITIVE_INFINITY,
})

const { symbol, decimal, int64, text, oneOf } = json
const rows = { each: '/data', eachAbsent: 'ignore' } as const

/** `side` is the taker's: `buy`, `sell`. */
export const shapes = {
  ticker: json(
    {
      symbol: symbol('/instId'),
      bid: decimal('/bidPx'),
      bidSize: decimal('/bidSz'),
      ask: decimal('/askPx'),
      askSize: decimal('/askSz'),
      time: int64('/ts', { as: 'number' }),
    },
    { ...rows, sequence: { increasing: 'time' } },
  ),
  trades: json(
    {
      symbol: symbol('/instId'),
      price: decimal('/px'),
      size: decimal('/sz'),
      side: symbol('/side'),
      id: text('/tradeId', { maxBytes: 64 }),
      time: int64('/ts', { as: 'number' }),
    },
    { ...rows, sequence: { distinct: 'id' } },
  ),
}

export const match = { ticker: 'tickers' } as const

const decode = oneOf('/arg/channel', shapes, { match, otherwise: 'ignore' })
const decodeBook = oneOf(
  '/arg/channel',
  { ...shapes, ...okxBookShapes },
  { match: { ...match, ...okxBookMatch }, otherwise: 'ignore' },
)

/** How messages of OKX's public streams become rows. */
export type OkxMarketDecoder = typeof decode

export const channels = { ticker: 'tickers', trades: 'trades' } as const

export const plan: Omit<MarketPlan<'production' | 'us' | 'eea' | 'demo', OkxMarketDecoder>, 'subscriptions'> = {
  title: 'OKX',
  limits: marketLimits,
  profiles: {
    production: 'wss://ws.okx.com:8443',
    us: 'wss://wsus.okx.com:8443',
    eea: 'wss://wseea.okx.com:8443',
    demo: 'wss://wspap.okx.com:8443',
  },
  decode,
  decodeBook,
  // Within 30 seconds of silence. The `pong` that comes back is no JSON, and counts as malformed.
  heartbeat: { app: { text: 'ping', interval: 25_000 } },
  sockets: [{ path: '/ws/v5/public', streams: ['ticker', 'trades', 'book'] }],
}

/** What `okx.market()` takes. */
export type OkxMarketOptions = MarketOptions<keyof typeof plan.profiles> & {
  /** For `streams` with `'book'`. */
  readonly book?: OkxBookOptions | undefined
}

/** @throws ConfigError */
export function okxMarket({ book: given, ...options }: OkxMarketOptions): readonly MarketFeed<OkxMarketDecoder>[] {
  const book = parseConfig('OKX book options', okxBookSchema, given)
  const subscriptions: MarketPlan<string, OkxMarketDecoder>['subscriptions'] = (symbols, streams) => {
    const args = symbols.flatMap((instId) =>
      streams.map((stream) => (stream === 'book' ? okxBookTopic(book, instId) : { channel: channels[stream], instId })),
    )
    return chunks(args, marketLimits.topicsPerMessage).map((some) => JSON.stringify({ op: 'subscribe', args: some }))
  }
  return marketFeeds({ ...plan, subscriptions }, options)
}
