import { json } from '../../feed/json.js'
import { parseConfig } from '../../runtime/config.js'
import { answerField, byStream, inMessages, requestId, said } from '../market-data/answer-fields.js'
import { MarketData } from '../market-data/market-data.js'
import type { MarketDataOptions } from '../market-data/options.js'
import type { MarketAnswer, MarketProtocol, Topic } from '../market-data/protocol.js'
import { type KrakenBookOptions, krakenBookMatch, krakenBookSchema, krakenBookShapes, krakenBooks } from './book.js'
import { marketLimits, match, plan, shapes } from './market.js'

/**
 * Answers have no `channel`, and come one for each symbol. The ticker has no number: of each symbol one socket leads. Trades have one, a sequence number of
 * their book. https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/trade
 */
const answer = json(
  {
    method: answerField('/method'),
    success: json.bool('/success', { optional: true }),
    message: answerField('/error'),
    symbol: answerField('/symbol'),
    id: answerField('/req_id'),
    channel: answerField('/result/channel'),
    inResult: answerField('/result/symbol'),
  },
  { notice: true },
)

const decode = json.oneOf('/channel', { ...shapes, answer }, { match, absent: 'answer', otherwise: 'ignore' })
const decodeBook = json.oneOf(
  '/channel',
  { ...shapes, ...krakenBookShapes, answer },
  { match: { ...match, ...krakenBookMatch }, absent: 'answer', otherwise: 'ignore' },
)

/** How messages of Kraken's market data become rows. */
export type KrakenMarketDataDecoder = typeof decode

/** What `kraken.marketData()` takes. */
export type KrakenMarketDataOptions = MarketDataOptions<keyof typeof plan.profiles> & {
  /** For `streams` with `'book'`. */
  readonly book?: KrakenBookOptions | undefined
}

const channels = { ticker: 'ticker', trades: 'trade', book: 'book' } as const
const streams: { readonly [channel: string]: Topic['stream'] } = { ticker: 'ticker', trade: 'trades', book: 'book' }

/** @throws ConfigError */
export function krakenMarketData({
  book: given,
  ...options
}: KrakenMarketDataOptions): MarketData<KrakenMarketDataDecoder> {
  const { depth } = parseConfig('Kraken book options', krakenBookSchema, given)
  const hasBooks = options.streams?.includes('book') === true
  const protocol: MarketProtocol<KrakenMarketDataDecoder> = {
    ...plan,
    decode: hasBooks ? (decodeBook as unknown as KrakenMarketDataDecoder) : decode,
    confirms: true,
    requests: (op, some, first) => {
      let id = first
      return byStream(some).flatMap((group) => {
        const stream = group[0]?.stream ?? 'ticker'
        const more = { ticker: { event_trigger: 'bbo' }, trades: {}, book: { depth } }[stream]
        const requests = inMessages(group, marketLimits.topicsPerMessage, id, (part, number) =>
          JSON.stringify({
            method: op,
            params: { channel: channels[stream], symbol: part.map(({ symbol }) => symbol), ...more },
            req_id: number,
          }),
        )
        id += requests.length
        return requests
      })
    },
    answers: ({ method, success, message, symbol, id, channel, inResult }): MarketAnswer[] => {
      if (method !== 'subscribe' && method !== 'unsubscribe') return []
      const name = said(symbol) || said(inResult)
      const stream = streams[said(channel)]
      const number = requestId(id)
      if (success !== true) {
        const topic = name === '' ? null : { symbol: name, ...(stream !== undefined && { stream }) }
        return [{ kind: 'refused', id: number, topic, code: '', message: said(message) }]
      }
      return name === '' || stream === undefined
        ? [{ kind: 'accepted', id: number, topic: null }]
        : [{ kind: 'accepted', id: number, topic: { symbol: name, stream } }]
    },
  }
  return new MarketData({ protocol, books: (how) => krakenBooks({ ...how, book: given }) }, options)
}
