/** Recordings of Kraken's WebSocket v2: https://docs.kraken.com/api/docs/websocket-v2/book */

import { textJson } from '../../runtime/exact-json.js'
import type { MarketEffect, TapeDialect, TapeMessage, TapeSnapshot } from '../dialect.js'
import type { LevelText } from '../market/market-book.js'
import { parseObject } from '../server/json.js'

type Fields = Readonly<Record<string, unknown>>

const channels = new Set(['ticker', 'book', 'trade', 'ohlc', 'instrument', 'level3'])

export const krakenTape: TapeDialect = {
  tape: (address) => {
    if (!URL.canParse(address) || new URL(address).pathname !== '/v2') return null
    return (text) => {
      const message = parseObject(text)
      const channel = message?.['channel']
      const [first] = Array.isArray(message?.['data']) ? (message['data'] as Fields[]) : []
      if (typeof channel !== 'string' || !channels.has(channel)) return null
      const symbol = first?.['symbol']
      return { topic: `${channel}:${typeof symbol === 'string' ? symbol : ''}`, payload: text }
    }
  },
  // Books come over the socket from their first snapshot on.
  snapshot: (): TapeSnapshot | null => null,
  effects: ({ topic, payload }: TapeMessage): readonly MarketEffect[] => {
    const [channel, symbol = ''] = topic.split(':')
    if (channel !== 'book' && channel !== 'trade') return []
    // Numbers with their decimals: check sums are made of them.
    const { type, data } = textJson(payload) as { type?: unknown; data?: unknown }
    if (!Array.isArray(data)) return []
    return (data as Fields[]).flatMap((each): MarketEffect[] => {
      if (channel === 'book') {
        const [bids, asks] = [levelsOf(each['bids']), levelsOf(each['asks'])]
        return [
          {
            kind: 'levels',
            symbol,
            snapshot: type === 'snapshot',
            truncates: true,
            bids,
            asks,
            first: Number.NaN,
            last: Number.NaN,
          },
        ]
      }
      const { side, price, qty } = each
      return [
        { kind: 'trade', symbol, side: side === 'sell' ? 'sell' : 'buy', price: String(price), size: String(qty) },
      ]
    })
  },
}

function levelsOf(value: unknown): LevelText[] {
  if (!Array.isArray(value)) return []
  return (value as Fields[]).map(({ price, qty }) => [String(price), String(qty)])
}
