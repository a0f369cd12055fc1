/** Books of orders: https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/level3 */

import { json } from '../../feed/json.js'
import type { VenueBookPlan } from '../book/plan.js'
import type { MarketLimits } from '../market/market-feeds.js'
import { krakenBookFields, krakenBookPlan, krakenBookRequest, krakenBookRole, type ParsedKrakenBook } from './book.js'

const { orders } = json

/** Numbers keep the decimals that they are written with: the check sum is made of them. The depth counts prices, which have any number of orders. */
const side = {
  idKey: 'order_id',
  priceKey: 'limit_price',
  sizeKey: 'order_qty',
  timeKey: 'timestamp',
  act: { key: 'event', change: 'modify', remove: 'delete' },
  max: 100_000,
} as const

export const level3Shapes = {
  book: json(
    {
      ...krakenBookFields,
      bids: orders('/bids', side),
      asks: orders('/asks', side),
    },
    krakenBookRole,
  ),
}

export const level3Match = { book: ['level3'] } as const

/** By the address of the profile: where the channel is. That beta has a place of its own for it is not documented. */
export const level3Origins = {
  'wss://ws.kraken.com': 'wss://ws-l3.kraken.com',
  'wss://beta-ws.kraken.com': 'wss://beta-ws-auth.kraken.com',
} as const

/** What a second allows at the standard tier, and what a symbol costs of it. */
const perSecond = 200
const cost = (depth: number): number => (depth <= 10 ? 5 : depth <= 100 ? 25 : 100)

/** Of a socket: no more symbols than can be subscribed within ten seconds, so that those that come last are not taken for missing. */
export function level3Limits(limits: MarketLimits, depth: number): MarketLimits {
  const topicsPerMessage = perSecond / cost(depth)
  return Object.freeze({
    ...limits,
    topics: Math.min(200, topicsPerMessage * 9),
    topicsPerMessage,
    // One, and one is left for a ping.
    messagesPerSecond: 2,
  })
}

export function level3Message(
  method: 'subscribe' | 'unsubscribe',
  depth: number,
  symbols: readonly string[],
  token: string,
  id?: number,
): string {
  const params = { channel: 'level3', symbol: symbols, depth, token }
  return JSON.stringify({ method, params, ...(id !== undefined && { req_id: id }) })
}

/** @param token the one that is known. */
export function level3Plan(book: ParsedKrakenBook, token: () => string): VenueBookPlan {
  const plan = krakenBookPlan(book)
  return {
    ...plan,
    books: { ...plan.books, orders: book.orders },
    seed: {
      by: 'resubscribe',
      resubscribe: (names) => [
        level3Message('unsubscribe', book.depth, names, token(), krakenBookRequest),
        level3Message('subscribe', book.depth, names, token(), krakenBookRequest),
      ],
      symbolsPerMessage: perSecond / cost(book.depth),
      messagesPerSecond: 1,
    },
  }
}
