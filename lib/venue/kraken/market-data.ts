import { json } from '../../feed/json.js'
import { Rest } from '../../rest/rest.js'
import { configFault, parseConfig } from '../../runtime/config.js'
import { VenueBooks, type VenueBooksOptions } from '../book/venue-books.js'
import { answerField, byStream, inMessages, requestId, said } from '../market-data/answer-fields.js'
import { MarketData } from '../market-data/market-data.js'
import type { MarketDataOptions } from '../market-data/options.js'
import { isAnew, type MarketAnswer, type MarketProtocol, type Topic } from '../market-data/protocol.js'
import { type KrakenBookOptions, krakenBookMatch, krakenBookSchema, krakenBookShapes, krakenBooks } from './book.js'
import { level3Limits, level3Match, level3Message, level3Origins, level3Plan, level3Shapes } from './level3.js'
import { marketLimits, match, plan, shapes } from './market.js'
import { KrakenToken } from './token.js'

const subject = 'Kraken market data options'

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

const decodeOrders = json.oneOf(
  '/channel',
  { ...shapes, ...level3Shapes, answer },
  { match: { ...match, ...level3Match }, absent: 'answer', otherwise: 'ignore' },
)

/** How messages of Kraken's market data become rows. */
export type KrakenMarketDataDecoder = typeof decode

/** What `kraken.marketData()` takes. */
export type KrakenMarketDataOptions = MarketDataOptions<keyof typeof plan.profiles> & {
  /** For `streams` with `'book'`. */
  readonly book?: KrakenBookOptions | undefined
  /** With a key, for `book` with `orders`: by which the token of the channel is asked for. It is not closed with the market data. */
  readonly rest?: Rest | undefined
}

const channels = { ticker: 'ticker', trades: 'trade', book: 'book' } as const
const streams: { readonly [channel: string]: Topic['stream'] } = {
  ticker: 'ticker',
  trade: 'trades',
  book: 'book',
  level3: 'book',
}

/** Nothing is wrong with the symbols: a token that is not valid any more, or too much at once. */
const passing = /^(ESession:|EAPI:Rate limit|EGeneral:Too many)/

/** What was asked for once more, since it was not known to be taken. */
const taken = /already subscribed/i

/** @throws ConfigError */
export function krakenMarketData({
  book: given,
  rest,
  ...options
}: KrakenMarketDataOptions): MarketData<KrakenMarketDataDecoder> {
  const book = parseConfig('Kraken book options', krakenBookSchema, given)
  const { depth } = book
  const hasBooks = options.streams?.includes('book') === true
  const hasOrders = hasBooks && book.orders !== undefined
  if (rest !== undefined && !(rest instanceof Rest)) throw configFault(subject, ['rest'], 'must be a Rest')
  if (hasOrders && rest === undefined)
    throw configFault(subject, ['rest'], 'is needed for `orders`, which take a token')
  const token = new KrakenToken()
  const protocol: MarketProtocol<KrakenMarketDataDecoder> = {
    ...plan,
    decode: hasBooks ? ((hasOrders ? decodeOrders : decodeBook) as unknown as KrakenMarketDataDecoder) : decode,
    confirms: true,
    ...(hasOrders && {
      sockets: [
        ...plan.sockets.map((kind) => ({ ...kind, streams: kind.streams.filter((stream) => stream !== 'book') })),
        {
          path: '/v2',
          streams: ['book' as const],
          origins: level3Origins,
          limits: level3Limits(marketLimits, depth),
          prepare: () => token.get(rest as Rest),
        },
      ],
    }),
    requests: (op, some, first) => {
      let id = first
      return byStream(some).flatMap((group) => {
        const stream = group[0]?.stream ?? 'ticker'
        const more = { ticker: { event_trigger: 'bbo' }, trades: {}, book: { depth } }[stream]
        if (stream === 'book' && hasOrders) {
          const most = level3Limits(marketLimits, depth).topicsPerMessage
          const parts = inMessages(group, most, id, (part, number) => {
            const symbols = part.map(({ symbol }) => symbol)
            return level3Message(op, depth, symbols, token.current, number)
          })
          id += parts.length
          return parts
        }
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
      if (success !== true && passing.test(said(message))) {
        if (said(message).startsWith('ESession:')) token.drop()
        return [{ kind: 'again', id: number, message: said(message) }]
      }
      const topic = name === '' ? null : { symbol: name, ...(stream !== undefined && { stream }) }
      // Books that are subscribed anew see for themselves whether their snapshot comes.
      if (isAnew(number)) return [{ kind: 'accepted', id: number, topic }]
      // Errors do not name the channel.
      if (success === true || taken.test(said(message))) return [{ kind: 'accepted', id: number, topic }]
      // What cannot be given up is not subscribed.
      if (method === 'unsubscribe') return number === null ? [] : [{ kind: 'accepted', id: number, topic }]
      return [{ kind: 'refused', id: number, topic, code: '', message: said(message) }]
    },
  }
  const books = (how: VenueBooksOptions): VenueBooks =>
    hasOrders
      ? new VenueBooks(
          level3Plan(book, () => token.current),
          how,
        )
      : krakenBooks({ ...how, book: given })
  return new MarketData({ protocol, books }, options)
}
