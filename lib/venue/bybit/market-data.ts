import { json } from '../../feed/json.js'
import { parseConfig } from '../../runtime/config.js'
import { answerField, inMessages, requestId, said } from '../market-data/answer-fields.js'
import { MarketData } from '../market-data/market-data.js'
import type { MarketDataOptions } from '../market-data/options.js'
import type { MarketAnswer, MarketProtocol } from '../market-data/protocol.js'
import {
  type BybitBookOptions,
  bybitBookMatch,
  bybitBookSchema,
  bybitBookShapes,
  bybitBooks,
  bybitBookTopic,
} from './book.js'
import { categorySchema, marketLimits, match, profiles, shapes, topics } from './market.js'

const { symbol, decimal, int64 } = json

/**
 * The cross sequence of the best level is what a later one has more of, over all connections.
 * https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook
 */
const ticker = json(
  {
    symbol: symbol('/data/s'),
    bid: decimal('/data/b/0/0', { optional: true }),
    bidSize: decimal('/data/b/0/1', { optional: true }),
    ask: decimal('/data/a/0/0', { optional: true }),
    askSize: decimal('/data/a/0/1', { optional: true }),
    time: int64('/ts', { as: 'number' }),
    updateId: int64('/data/seq'),
  },
  { sequence: { increasing: 'updateId' } },
)

/** Answers have no `topic`. https://bybit-exchange.github.io/docs/v5/ws/connect */
const answer = json(
  {
    success: json.bool('/success', { optional: true }),
    message: answerField('/ret_msg'),
    id: answerField('/req_id'),
    op: answerField('/op'),
  },
  { notice: true },
)

const decode = json.oneOf(
  '/topic',
  { ticker, trades: shapes.trades, answer },
  { match, absent: 'answer', otherwise: 'ignore' },
)
const decodeBook = json.oneOf(
  '/topic',
  { ticker, trades: shapes.trades, ...bybitBookShapes, answer },
  { match: { ...match, ...bybitBookMatch }, absent: 'answer', otherwise: 'ignore' },
)

/** How messages of Bybit's market data become rows. */
export type BybitMarketDataDecoder = typeof decode

/** What `bybit.marketData()` takes. */
export type BybitMarketDataOptions = MarketDataOptions<'production' | 'testnet'> & {
  /** Default `'spot'`. */
  readonly category?: 'spot' | 'linear' | 'inverse' | undefined
  /** For `streams` with `'book'`. */
  readonly book?: BybitBookOptions | undefined
}

/** @throws ConfigError */
export function bybitMarketData({
  category: givenCategory,
  book: given,
  ...options
}: BybitMarketDataOptions): MarketData<BybitMarketDataDecoder> {
  const category = parseConfig('Bybit market category', categorySchema, givenCategory)
  const book = parseConfig('Bybit book options', bybitBookSchema, given)
  const hasBooks = options.streams?.includes('book') === true
  const protocol: MarketProtocol<BybitMarketDataDecoder> = {
    title: 'Bybit',
    limits: marketLimits,
    profiles,
    decode: hasBooks ? (decodeBook as unknown as BybitMarketDataDecoder) : decode,
    heartbeat: { app: { text: '{"op":"ping"}', interval: 20_000 } },
    sockets: [{ path: `/v5/public/${category}`, streams: ['ticker', 'trades', 'book'] }],
    confirms: true,
    requests: (op, some, first) =>
      inMessages(some, marketLimits.topicsPerMessage, first, (part, id) => {
        const args = part.map(({ symbol: name, stream }) =>
          stream === 'book' ? bybitBookTopic(book, name) : `${topics[stream]}.${name}`,
        )
        return JSON.stringify({ req_id: String(id), op, args })
      }),
    answers: ({ success, message, id, op }): MarketAnswer[] => {
      if (op !== 'subscribe' && op !== 'unsubscribe') return []
      const request = requestId(id)
      // What is asked for once more, since its neighbour was refused.
      if (success === true || said(message).includes('already subscribed')) {
        return [{ kind: 'accepted', id: request, topic: null }]
      }
      return [{ kind: 'refused', id: request, topic: null, code: '', message: said(message) }]
    },
  }
  return new MarketData({ protocol, books: (how) => bybitBooks({ ...how, book: given }) }, options)
}
