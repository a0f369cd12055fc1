import { json } from '../../feed/json.js'
import { answerField, byStream, inMessages, said } from '../market-data/answer-fields.js'
import { MarketData } from '../market-data/market-data.js'
import type { MarketDataOptions } from '../market-data/options.js'
import type { MarketAnswer, MarketProtocol, Topic } from '../market-data/protocol.js'
import { fieldOf, listOf } from '../order/fields.js'
import { coinbaseBookMatch, coinbaseBookShapes, coinbaseBooks, coinbaseMaxRows } from './book.js'
import { channels, countedShapes, marketLimits, match, plan, shapes } from './market.js'

/**
 * Of what is subscribed the venue tells the whole list each time; an error names no request. The ticker has no number of its own (`sequence_num` is the
 * connection's): of each product one socket leads. That ids of trades go up by one is not documented.
 * https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels
 */
const fields = {
  type: answerField('/type'),
  message: answerField('/message'),
  reason: answerField('/reason'),
  events: answerField('/events', 262_144),
}
const answer = json(fields, { notice: true })
const countedAnswer = json(
  { ...fields, sequence: json.int64('/sequence_num', { optional: true }) },
  { notice: true, book: { sequence: 'sequence' } },
)

const matches = { ...match, answer: 'subscriptions' }
const decode = json.oneOf('/channel', { ...shapes, answer }, { match: matches, absent: 'answer', otherwise: 'ignore' })
// Lists of subscriptions are answers here: a message is of one shape, and this one counts as well.
const bookMatch = {
  ...coinbaseBookMatch,
  sequence: coinbaseBookMatch.sequence.filter((channel) => channel !== 'subscriptions'),
}
const decodeBook = json.oneOf(
  '/channel',
  { ...countedShapes, ...coinbaseBookShapes, answer: countedAnswer },
  { match: { ...matches, ...bookMatch }, absent: 'answer', otherwise: 'ignore', maxRows: coinbaseMaxRows },
)

/** How messages of Coinbase's market data become rows. */
export type CoinbaseMarketDataDecoder = typeof decode

const streams: { readonly [channel: string]: Topic['stream'] } = {
  ticker: 'ticker',
  market_trades: 'trades',
  level2: 'book',
  l2_data: 'book',
}

/** @throws ConfigError */
export function coinbaseMarketData(
  options: MarketDataOptions<keyof typeof plan.profiles>,
): MarketData<CoinbaseMarketDataDecoder> {
  const hasBooks = options.streams?.includes('book') === true
  const protocol: MarketProtocol<CoinbaseMarketDataDecoder> = {
    ...plan,
    decode: hasBooks ? (decodeBook as unknown as CoinbaseMarketDataDecoder) : decode,
    confirms: true,
    numbered: false,
    requests: (op, some, first) => {
      let id = first
      const requests = byStream(some).flatMap((group) => {
        const channel = channels[group[0]?.stream ?? 'ticker']
        const messages = inMessages(group, marketLimits.topicsPerMessage, id, (part) =>
          JSON.stringify({ type: op, product_ids: part.map(({ symbol }) => symbol), channel }),
        )
        id += messages.length
        return messages
      })
      // Without it quiet channels are closed. Only with what a connection begins with.
      if (op === 'subscribe' && first === 1) {
        requests.push({ id, topics: [], text: JSON.stringify({ type: 'subscribe', channel: 'heartbeats' }) })
      }
      return requests
    },
    answers: ({ type, message, reason, events }): MarketAnswer[] => {
      if (type === 'error') {
        return [{ kind: 'refused', id: null, topic: null, code: said(reason), message: said(message) }]
      }
      return subscribed(said(events)).flatMap(([channel, symbols]) => {
        const stream = streams[channel]
        if (stream === undefined || !Array.isArray(symbols)) return []
        return symbols.map(
          (symbol): MarketAnswer => ({ kind: 'accepted', id: -1, topic: { symbol: String(symbol), stream } }),
        )
      })
    },
  }
  return new MarketData({ protocol, books: (how) => coinbaseBooks(how) }, options)
}

/** What all events of an answer say to be subscribed, by channel. */
function subscribed(text: string): readonly (readonly [channel: string, symbols: unknown])[] {
  try {
    return listOf(JSON.parse(text)).flatMap((event) => Object.entries(fieldOf(event, 'subscriptions') ?? {}))
  } catch {
    return []
  }
}
