/** Recordings of OKX's public channels: https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel */

import type { CaptureRecord } from '../../capture/record.js'
import type { MarketEffect, TapeDialect, TapeMessage, TapeSnapshot } from '../dialect.js'
import type { LevelText } from '../market/market-book.js'
import { parseObject } from '../server/json.js'

type Fields = Readonly<Record<string, unknown>>

/** A channel and what it is of, as one text. */
export function topicOf(arg: unknown): string | null {
  if (typeof arg !== 'object' || arg === null) return null
  const { channel, instId, instType, instFamily } = arg as Fields
  const of = instId ?? instFamily ?? instType ?? ''
  return typeof channel === 'string' && channel !== '' && typeof of === 'string' ? `${channel}:${of}` : null
}

/** Levels that a book channel keeps. */
const depths: Readonly<Record<string, number>> = {
  books: 400,
  'books-l2-tbt': 400,
  'books50-l2-tbt': 50,
  books5: 5,
  'bbo-tbt': 1,
}

export const okxTape: TapeDialect = {
  tape: (address) => {
    if (!URL.canParse(address) || !/^\/ws\/v5\/(public|business)$/.test(new URL(address).pathname)) return null
    return (text) => {
      const message = parseObject(text)
      const topic = message === null || message['data'] === undefined ? null : topicOf(message['arg'])
      return topic === null ? null : { topic, payload: text }
    }
  },
  snapshot: ({ url, data }: CaptureRecord & { readonly type: 'answer' }): TapeSnapshot | null => {
    if (!URL.canParse(url) || new URL(url).pathname !== '/api/v5/market/books') return null
    const list = parseObject(Buffer.from(data).toString('utf8'))?.['data']
    const book = Array.isArray(list) ? (list[0] as Fields | undefined) : undefined
    const seqId = Number(book?.['seqId'])
    if (book === undefined || !Number.isSafeInteger(seqId)) return null
    return {
      symbol: new URL(url).searchParams.get('instId') ?? '',
      updateId: seqId,
      bids: levelsOf(book['bids']),
      asks: levelsOf(book['asks']),
    }
  },
  effects: ({ topic, payload }: TapeMessage): readonly MarketEffect[] => {
    const [channel = '', symbol = ''] = topic.split(':')
    const depth = depths[channel]
    if (depth === undefined && channel !== 'trades' && channel !== 'trades-all') return []
    const message = parseObject(payload)
    const data = message?.['data']
    if (!Array.isArray(data)) return []
    return (data as Fields[]).flatMap((each): MarketEffect[] => {
      if (depth === undefined) return tradeOf(symbol, each)
      const { bids, asks, seqId, prevSeqId } = each
      const before = Number(prevSeqId)
      // Channels of a few levels send all of them each time.
      const snapshot = depth <= 5 || message?.['action'] === 'snapshot'
      return [
        {
          kind: 'levels',
          symbol,
          snapshot,
          depth,
          bids: levelsOf(bids),
          asks: levelsOf(asks),
          first: before + 1,
          last: Number(seqId),
        },
      ]
    })
  },
}

function tradeOf(symbol: string, { px, sz, side }: Fields): MarketEffect[] {
  if (typeof px !== 'string' || typeof sz !== 'string') return []
  return [{ kind: 'trade', symbol, side: side === 'sell' ? 'sell' : 'buy', price: px, size: sz }]
}

/** Price and size; what follows them (orders at that level) is not kept. */
function levelsOf(value: unknown): LevelText[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((each): LevelText[] =>
    Array.isArray(each) && typeof each[0] === 'string' && typeof each[1] === 'string' ? [[each[0], each[1]]] : [],
  )
}
