/** Recordings of Coinbase Advanced Trade: https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels */

import type { MarketEffect, TapeDialect, TapeMessage, TapeSnapshot } from '../dialect.js'
import type { LevelText } from '../market/market-book.js'
import { parseObject } from '../server/json.js'

type Fields = Readonly<Record<string, unknown>>

/** What is subscribed by another name than its messages bear. */
export const subscribedAs = (channel: string): string => (channel === 'l2_data' ? 'level2' : channel)

const lists: Readonly<Record<string, string>> = {
  ticker: 'tickers',
  ticker_batch: 'tickers',
  market_trades: 'trades',
  candles: 'candles',
  status: 'products',
}

export const coinbaseTape: TapeDialect = {
  tape: (address) => {
    if (!URL.canParse(address) || !/^\/?$/.test(new URL(address).pathname)) return null
    return (text) => {
      const message = parseObject(text)
      const channel = message?.['channel']
      const [event] = eventsOf(message)
      if (typeof channel !== 'string' || event === undefined || (channel !== 'l2_data' && lists[channel] === undefined))
        return null
      const list = event[lists[channel] ?? '']
      const product =
        event['product_id'] ?? (Array.isArray(list) ? (list[0] as Fields | undefined)?.['product_id'] : undefined)
      return typeof product === 'string' ? { topic: `${subscribedAs(channel)}:${product}`, payload: text } : null
    }
  },
  // Books come over the socket from their first snapshot on.
  snapshot: (): TapeSnapshot | null => null,
  effects: ({ topic, payload }: TapeMessage): readonly MarketEffect[] => {
    const [channel] = topic.split(':')
    if (channel !== 'level2' && channel !== 'market_trades') return []
    return eventsOf(parseObject(payload)).flatMap((event): MarketEffect[] =>
      channel === 'level2' ? [levelsOf(event)] : tradesOf(event),
    )
  },
}

function eventsOf(message: Fields | null): readonly Fields[] {
  const events = message?.['events']
  return Array.isArray(events) ? (events as Fields[]).filter((each) => typeof each === 'object' && each !== null) : []
}

function levelsOf({ product_id, type, updates }: Fields): MarketEffect {
  const bids: LevelText[] = []
  const asks: LevelText[] = []
  for (const { side, price_level, new_quantity } of Array.isArray(updates) ? (updates as Fields[]) : [])
    (side === 'bid' ? bids : asks).push([String(price_level), String(new_quantity)])
  // Numbers count the messages of a connection, not of a book.
  return {
    kind: 'levels',
    symbol: String(product_id),
    snapshot: type === 'snapshot',
    bids,
    asks,
    first: Number.NaN,
    last: Number.NaN,
  }
}

function tradesOf({ type, trades }: Fields): MarketEffect[] {
  // The first message lists trades of the past.
  if (type === 'snapshot' || !Array.isArray(trades)) return []
  // `side` is the maker's.
  return (trades as Fields[]).map(({ product_id, side, price, size }) => ({
    kind: 'trade',
    symbol: String(product_id),
    side: side === 'BUY' ? 'sell' : 'buy',
    price: String(price),
    size: String(size),
  }))
}
