/**
 * A venue of one's own: market data, order books and signed requests of BitMEX, written against the package's public API alone.
 * docs/adding-a-venue.md walks through it. Facts: https://www.bitmex.com/app/wsAPI, https://www.bitmex.com/app/restAPI
 */
import { json } from 'tickwire'
import { Books, type BooksOptions } from 'tickwire/book'
import { codeClassifier, slidingWindow, tokenBucket, type VenuePolicy, weighted } from 'tickwire/policy'
import type { Lookup } from 'tickwire/rest'
import { type Auth, hmacSigner, type Secret } from 'tickwire/sign'
import * as venue from 'tickwire/venue'

// ---- market data

/** 20 connections per hour. How many topics a socket or a message takes is not documented. */
const marketLimits: venue.MarketLimits = {
  topics: 200,
  topicsPerMessage: 20,
  messagesPerSecond: Number.POSITIVE_INFINITY,
  connects: { count: 20, perMs: 3_600_000 },
  lifeMs: Number.POSITIVE_INFINITY,
}

const { symbol, decimal, text, levels, oneOf } = json
const rows = { each: '/data' } as const

/** Prices and sizes keep the digits that they are written with; an empty side reads null. `side` is the taker's: `Buy`, `Sell`. */
const shapes = {
  ticker: json(
    {
      symbol: symbol('/symbol'),
      bid: decimal('/bidPrice', { optional: true }),
      bidSize: decimal('/bidSize', { optional: true }),
      ask: decimal('/askPrice', { optional: true }),
      askSize: decimal('/askSize', { optional: true }),
    },
    rows,
  ),
  trades: json(
    {
      symbol: symbol('/symbol'),
      price: decimal('/price'),
      size: decimal('/size'),
      side: symbol('/side'),
      id: text('/trdMatchID', { maxBytes: 64 }),
      timestamp: text('/timestamp', { maxBytes: 32 }),
    },
    rows,
  ),
}

/** The ten best levels of each side, whole each time. */
const book = json(
  { symbol: symbol('/symbol'), bids: levels('/bids', { exact: true }), asks: levels('/asks', { exact: true }) },
  { ...rows, book: { symbol: 'symbol', bids: 'bids', asks: 'asks', snapshot: true } },
)

const tables = { ticker: 'quote', trades: 'trade', book: 'orderBook10' } as const
const { book: _, ...withoutBook } = tables
const decode = oneOf('/table', shapes, { match: withoutBook, otherwise: 'ignore' })

const market: venue.MarketPlan<'production' | 'testnet', typeof decode> = {
  title: 'BitMEX',
  limits: marketLimits,
  profiles: { production: 'wss://ws.bitmex.com', testnet: 'wss://ws.testnet.bitmex.com' },
  decode,
  decodeBook: oneOf('/table', { ...shapes, book }, { match: tables, otherwise: 'ignore' }),
  heartbeat: { ping: 5_000, idle: 30_000 },
  sockets: [{ path: '/realtime', streams: ['ticker', 'trades', 'book'] }],
  subscriptions: (symbols, streams) => {
    const args = symbols.flatMap((each) => streams.map((stream) => `${tables[stream]}:${each}`))
    const some = venue.chunks(args, marketLimits.topicsPerMessage)
    return some.map((topics) => JSON.stringify({ op: 'subscribe', args: topics }))
  },
}

// ---- requests

/** 120 requests per minute, refilled evenly, and 10 orders, amendments and cancels per second. */
const policy: VenuePolicy = {
  name: 'bitmex',
  limits: ({ reserve = 0.1, margin = 100 } = {}) => {
    const minute = tokenBucket({ capacity: 120, refill: 2, remainingHeader: 'x-ratelimit-remaining' })
    const second = slidingWindow({ limit: 10, window: 1_000, margin })
    const only = ['order', 'amend', 'cancel'] as const
    return [
      weighted({ name: 'minute', by: 'account', charge: 'request', reserve, meters: minute }),
      weighted({ name: 'second', by: 'account', charge: 'request', only, meters: second }),
    ]
  },
  // Its errors have no codes: statuses say what they mean.
  classify: codeClassifier({}, () => null),
  error: (body) => {
    const { name, message } = (body as { error?: { name?: string; message?: string } } | null)?.error ?? {}
    return { code: name ?? '', message: message ?? '' }
  },
}

/** HMAC-SHA256 over method, path with query, expiry and body. `expires`: seconds for which a request may be executed. */
function sign(apiKey: string, secret: Secret | string, expires: number): Auth {
  const signer = hmacSigner({ key: secret })
  return {
    name: 'bitmex',
    secretHeaders: ['api-key', 'api-signature'],
    secretParams: [],
    recvWindow: expires * 1_000,
    sign: (draft, clock) => {
      const until = String(Math.floor(clock.timestamp() / 1_000) + expires)
      const target = draft.query === '' ? draft.path : `${draft.path}?${draft.query}`
      draft.setHeader('api-key', apiKey)
      draft.setHeader('api-expires', until)
      draft.setHeader('api-signature', signer.sign(draft.method + target + until + draft.body))
    },
  }
}

/** Whether an order whose answer was lost is there. */
const lookup: Lookup = async ({ idempotencyKey, ask }) => {
  const filter = JSON.stringify({ clOrdID: idempotencyKey })
  const response = await ask('GET', '/api/v1/order', { query: { filter, count: 1 } })
  if (!response.ok) return { retryAfterMs: 0 }
  return response.json<unknown[]>().length > 0 ? { found: response } : 'absent'
}

const profiles = {
  production: { endpoints: ['https://www.bitmex.com'] },
  testnet: { endpoints: ['https://testnet.bitmex.com'] },
}
const serverTime = { path: '/api/v1', read: (body: unknown) => (body as { timestamp: number }).timestamp }
const plan: venue.VenueRestPlan<keyof typeof profiles> = { title: 'BitMEX', policy, profiles, serverTime, lookup }

/** `expires`: seconds, default 10. */
type Key = { readonly key?: string; readonly secret?: Secret | string; readonly expires?: number }

export const bitmex = {
  policy,
  marketLimits,
  market: (options: venue.MarketOptions<keyof typeof market.profiles>) => venue.marketFeeds(market, options),
  /** For feeds with `'book'`. */
  books: (options: Omit<BooksOptions, 'rules'> = {}) => new Books({ ...options, rules: 'none' }),
  rest: ({ key, secret, expires = 10, ...options }: Key & venue.VenueRestOptions<keyof typeof profiles> = {}) => {
    const name = venue.keyOrNone('BitMEX', key, secret)
    return venue.venueRest(plan, name === null ? null : sign(name, secret ?? '', expires), options)
  },
} as const
