/** Recordings of Binance's market streams and depth snapshots, Spot and USD-M futures. */

import type { CaptureRecord } from '../../capture/record.js'
import type { MarketEffect, TapeDialect, TapeMessage, TapeSnapshot } from '../dialect.js'
import type { LevelText } from '../market/market-book.js'
import { parseObject } from '../server/json.js'

const hosts = /(^|\.)binance\.(com|us|vision|tr)$|^(localhost|127\.0\.0\.1|\[::1\])$/

type Fields = Readonly<Record<string, unknown>>

export const binanceTape: TapeDialect = {
  tape: (address) => {
    const url = URL.canParse(address) ? new URL(address) : null
    if (url === null || !hosts.test(url.hostname)) return null
    // A raw stream's messages do not say what they are of; its address does when it is one alone.
    const [, raw = ''] = /\/ws\/([^/?]+)$/.exec(url.pathname) ?? []
    return (text) => {
      const wrapped = /^\{"stream":"([^"]+)","data":/.exec(text)
      if (wrapped !== null) {
        const [head, topic = ''] = wrapped
        return topic === '' || topic.startsWith('!serverShutdown')
          ? null
          : { topic, payload: text.slice(head.length, -1) }
      }
      const topic = raw !== '' ? decodeURIComponent(raw) : topicOf(parseObject(text))
      return topic === null || /^\{"(result|error|id)"/.test(text) ? null : { topic, payload: text }
    }
  },
  snapshot: ({ url, data }: CaptureRecord & { readonly type: 'answer' }): TapeSnapshot | null => {
    if (!URL.canParse(url)) return null
    const { hostname, pathname, searchParams } = new URL(url)
    if (!hosts.test(hostname) || !/^\/(api\/v3|fapi\/v1)\/depth$/.test(pathname)) return null
    const body = parseObject(Buffer.from(data).toString('utf8'))
    const updateId = body?.['lastUpdateId']
    if (typeof updateId !== 'number') return null
    return {
      symbol: (searchParams.get('symbol') ?? '').toUpperCase(),
      updateId,
      bids: levelsOf(body?.['bids']),
      asks: levelsOf(body?.['asks']),
    }
  },
  effects: ({ topic, payload }: TapeMessage): readonly MarketEffect[] => {
    const kind = topic.slice(topic.indexOf('@') + 1)
    const data = parseObject(payload)
    if (data === null) return []
    const symbol = String(data['s'] ?? topic.slice(0, Math.max(0, topic.indexOf('@'))).toUpperCase())
    if (/^depth(@\d+ms)?$/.test(kind)) {
      // Futures number across all symbols: what follows what is said by `pu` there.
      const before = data['pu']
      return [
        {
          kind: 'levels',
          symbol,
          snapshot: false,
          bids: levelsOf(data['b']),
          asks: levelsOf(data['a']),
          first: typeof before === 'number' ? before + 1 : Number(data['U']),
          last: Number(data['u']),
        },
      ]
    }
    if (/^depth\d+(@\d+ms)?$/.test(kind)) {
      const last = Number(data['lastUpdateId'] ?? data['u'])
      const bids = levelsOf(data['bids'] ?? data['b'])
      return [
        { kind: 'levels', symbol, snapshot: true, bids, asks: levelsOf(data['asks'] ?? data['a']), first: last, last },
      ]
    }
    if (kind === 'bookTicker') {
      const [bid, ask] = [pairOf(data, 'b', 'B'), pairOf(data, 'a', 'A')]
      return bid === null || ask === null ? [] : [{ kind: 'top', symbol, bid, ask }]
    }
    if (kind === 'trade' || kind === 'aggTrade') {
      const trade = pairOf(data, 'p', 'q')
      if (trade === null) return []
      // `m`: the buyer was there first, so a seller took.
      return [{ kind: 'trade', symbol, side: data['m'] === true ? 'sell' : 'buy', price: trade[0], size: trade[1] }]
    }
    return []
  },
}

/** The stream that a raw message is of; null when that cannot be told. */
function topicOf(data: Fields | null): string | null {
  const symbol = data?.['s']
  if (data === null || typeof symbol !== 'string') return null
  const name = symbol.toLowerCase()
  switch (data['e']) {
    case 'trade':
    case 'aggTrade':
      return `${name}@${data['e']}`
    case 'depthUpdate':
      return `${name}@depth@100ms`
    case '24hrTicker':
      return `${name}@ticker`
    case '24hrMiniTicker':
      return `${name}@miniTicker`
    case 'kline':
      return `${name}@kline_${String((data['k'] as Fields | undefined)?.['i'])}`
    case 'bookTicker':
    case undefined:
      return data['b'] !== undefined && data['a'] !== undefined ? `${name}@bookTicker` : null
    default:
      return null
  }
}

function levelsOf(value: unknown): LevelText[] {
  if (!Array.isArray(value)) return []
  return value.filter(
    (each): each is LevelText => Array.isArray(each) && typeof each[0] === 'string' && typeof each[1] === 'string',
  )
}

function pairOf(data: Fields, price: string, size: string): LevelText | null {
  const [first, second] = [data[price], data[size]]
  return typeof first === 'string' && typeof second === 'string' ? [first, second] : null
}
