import { json } from '../../feed/json.js'
import { parseConfig } from '../../runtime/config.js'
import { answerField, inMessages, requestId, said } from '../market-data/answer-fields.js'
import { MarketData } from '../market-data/market-data.js'
import type { MarketDataOptions } from '../market-data/options.js'
import type { MarketAnswer, MarketProtocol, Topic } from '../market-data/protocol.js'
import { type OkxBookOptions, okxBookMatch, okxBookSchema, okxBookShapes, okxBooks, okxBookTopic } from './book.js'
import { channels, marketLimits, match, plan, shapes } from './market.js'

/**
 * Errors and notices have no `arg`; confirmations have one, like data, and are not looked at. Code 64008: the connection will soon be closed for a service
 * upgrade. https://www.okx.com/docs-v5/en/#overview-websocket-notification
 */
const answer = json(
  {
    event: answerField('/event'),
    code: answerField('/code'),
    message: answerField('/msg'),
    id: answerField('/id'),
  },
  { notice: true },
)

const decode = json.oneOf('/arg/channel', { ...shapes, answer }, { match, absent: 'answer', otherwise: 'ignore' })
const decodeBook = json.oneOf(
  '/arg/channel',
  { ...shapes, ...okxBookShapes, answer },
  { match: { ...match, ...okxBookMatch }, absent: 'answer', otherwise: 'ignore' },
)

/** How messages of OKX's market data become rows. */
export type OkxMarketDataDecoder = typeof decode

/** What `okx.marketData()` takes. */
export type OkxMarketDataOptions = MarketDataOptions<keyof typeof plan.profiles> & {
  /** For `streams` with `'book'`. */
  readonly book?: OkxBookOptions | undefined
}

/** "Wrong URL or channel:tickers,instId:X-Y doesn't exist." */
const inText = /channel:([\w-]+),\s*instId:([^\s,]+)/

/** @throws ConfigError */
export function okxMarketData({ book: given, ...options }: OkxMarketDataOptions): MarketData<OkxMarketDataDecoder> {
  const book = parseConfig('OKX book options', okxBookSchema, given)
  const hasBooks = options.streams?.includes('book') === true
  const protocol: MarketProtocol<OkxMarketDataDecoder> = {
    ...plan,
    decode: hasBooks ? (decodeBook as unknown as OkxMarketDataDecoder) : decode,
    confirms: false,
    requests: (op, some, first) =>
      inMessages(some, marketLimits.topicsPerMessage, first, (part, id) => {
        const args = part.map(({ symbol, stream }) =>
          stream === 'book' ? okxBookTopic(book, symbol) : { channel: channels[stream], instId: symbol },
        )
        return JSON.stringify({ id: String(id), op, args })
      }),
    answers: ({ event, code, message, id }): MarketAnswer[] => {
      const text = said(message)
      if (event === 'notice') return code === '64008' ? [{ kind: 'ending', code: '64008', message: text }] : []
      if (event !== 'error') return []
      const [, channel, symbol] = inText.exec(text) ?? []
      const topic: Partial<Topic> | null =
        symbol === undefined
          ? null
          : { symbol, stream: channel === 'tickers' ? 'ticker' : channel === 'trades' ? 'trades' : 'book' }
      return [{ kind: 'refused', id: requestId(id), topic, code: said(code), message: text }]
    },
  }
  return new MarketData({ protocol, books: (how) => okxBooks({ ...how, book: given }) }, options)
}
