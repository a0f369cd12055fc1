import { json } from '../../feed/json.js'
import { answerField, inMessages, requestId, said } from '../market-data/answer-fields.js'
import { MarketData } from '../market-data/market-data.js'
import type { MarketDataOptions } from '../market-data/options.js'
import type { MarketAnswer, MarketProtocol } from '../market-data/protocol.js'
import {
  type BinanceBookOptions,
  binanceBookMatch,
  binanceBookShapes,
  binanceBookStream,
  binanceBooks,
  binanceUsdmBookShapes,
  binanceUsdmBooks,
  parseBinanceBook,
} from './book.js'
import { match, shapes, spot, spotLimits, topics, usdm, usdmLimits } from './market.js'

/**
 * Answers have no `stream`. An error has `code` and `msg`; the venue confirms streams that do not exist as well. `serverShutdown` comes before the
 * server goes down, bare, in `event`, or as a stream's data.
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
 */
const answer = json(
  {
    id: answerField('/id'),
    code: answerField('/error/code'),
    message: answerField('/error/msg'),
    event: answerField('/e'),
    inEvent: answerField('/event/e'),
    inData: answerField('/data/e'),
  },
  { notice: true },
)

const answerMatch = { answer: ['serverShutdown', '!serverShutdown'] }
const decode = json.oneOf(
  '/stream',
  { ...shapes, answer },
  { match: { ...match, ...answerMatch }, absent: 'answer', otherwise: 'ignore' },
)

/** How messages of Binance's market data become rows. */
export type BinanceMarketDataDecoder = typeof decode

const withBooks = {
  spot: json.oneOf(
    '/stream',
    { ...shapes, ...binanceBookShapes, answer },
    { match: { ...match, ...binanceBookMatch, ...answerMatch }, absent: 'answer', otherwise: 'ignore' },
  ),
  usdm: json.oneOf(
    '/stream',
    { ...shapes, ...binanceUsdmBookShapes, answer },
    { match: { ...match, ...binanceBookMatch, ...answerMatch }, absent: 'answer', otherwise: 'ignore' },
  ),
}

/** What `binance.marketData()` and `binanceUsdm.marketData()` take. */
export type BinanceMarketDataOptions<Profile extends string = string> = MarketDataOptions<Profile> & {
  /** For `streams` with `'book'`. */
  readonly book?: BinanceBookOptions | undefined
}

function make(market: 'spot' | 'usdm', { book: given, ...options }: BinanceMarketDataOptions) {
  const book = parseBinanceBook(market, given)
  const plan = market === 'spot' ? spot : usdm
  const limits = market === 'spot' ? spotLimits : usdmLimits
  const hasBooks = options.streams?.includes('book') === true
  const protocol: MarketProtocol<BinanceMarketDataDecoder> = {
    ...plan,
    decode: hasBooks ? (withBooks[market] as unknown as BinanceMarketDataDecoder) : decode,
    confirms: true,
    requests: (op, some, first) =>
      inMessages(some, limits.topicsPerMessage, first, (part, id) => {
        const params = part.map(({ symbol, stream }) =>
          stream === 'book' ? binanceBookStream(market, book, symbol) : `${symbol.toLowerCase()}@${topics[stream]}`,
        )
        return JSON.stringify({ method: op === 'subscribe' ? 'SUBSCRIBE' : 'UNSUBSCRIBE', params, id })
      }),
    answers: (row): MarketAnswer[] => {
      if ([row['event'], row['inEvent'], row['inData']].includes('serverShutdown')) {
        return [{ kind: 'ending', code: 'serverShutdown', message: '' }]
      }
      const id = requestId(row['id'])
      if (row['code'] !== null || row['message'] !== null) {
        return [{ kind: 'refused', id, topic: null, code: said(row['code']), message: said(row['message']) }]
      }
      return id === null ? [] : [{ kind: 'accepted', id, topic: null }]
    },
  }
  const makeBooks = market === 'spot' ? binanceBooks : binanceUsdmBooks
  return new MarketData(
    { protocol, books: (how) => makeBooks({ ...how, book: given, profile: options.profile }) },
    options,
  )
}

/** @throws ConfigError */
export function binanceMarketData(
  options: BinanceMarketDataOptions<keyof typeof spot.profiles>,
): MarketData<BinanceMarketDataDecoder> {
  return make('spot', options)
}

/** @throws ConfigError */
export function binanceUsdmMarketData(
  options: BinanceMarketDataOptions<keyof typeof usdm.profiles>,
): MarketData<BinanceMarketDataDecoder> {
  return make('usdm', options)
}
