/** Recordings of Bybit's public topics: https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook */

import type { MarketEffect, TapeDialect, TapeMessage, TapeSnapshot } from '../dialect.js'
import type { LevelText } from '../market/market-book.js'
import { parseObject } from '../server/json.js'

type Fields = Readonly<Record<string, unknown>>

export const bybitTape: TapeDialect = {
  tape: (address) => {
    if (!URL.canParse(address) || !/^\/v5\/public\/(spot|linear|inverse|option)$/.test(new URL(address).pathname))
      return null
    return (text) => {
      const topic = parseObject(text)?.['topic']
      return typeof topic === 'string' ? { topic, payload: text } : null
    }
  },
  // Books come over the socket from their first snapshot on.
  snapshot: (): TapeSnapshot | null => null,
  effects: ({ topic, payload }: TapeMessage): readonly MarketEffect[] => {
    const [kind = ''] = topic.split('.', 1)
    if (kind !== 'orderbook' && kind !== 'publicTrade') return []
    const message = parseObject(payload)
    const data = message?.['data']
    if (kind === 'publicTrade')
      return Array.isArray(data) ? data.flatMap((each: unknown) => tradeOf(each as Fields)) : []
    if (typeof data !== 'object' || data === null) return []
    const { s, b, a, u } = data as Fields
    return [
      {
        kind: 'levels',
        symbol: String(s),
        snapshot: message?.['type'] === 'snapshot',
        depth: Number(topic.split('.')[1]),
        bids: levelsOf(b),
        asks: levelsOf(a),
        // There is no rule by which `u` would show a gap.
        first: Number.NaN,
        last: Number(u),
      },
    ]
  },
}

function tradeOf({ s, S, p, v }: Fields): MarketEffect[] {
  if (typeof p !== 'string' || typeof v !== 'string') return []
  return [{ kind: 'trade', symbol: String(s), side: S === 'Sell' ? 'sell' : 'buy', price: p, size: v }]
}

function levelsOf(value: unknown): LevelText[] {
  if (!Array.isArray(value)) return []
  return value.filter(
    (each): each is LevelText => Array.isArray(each) && typeof each[0] === 'string' && typeof each[1] === 'string',
  )
}
