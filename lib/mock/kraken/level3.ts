/** The channel `level3`: https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/level3 */

import { crc32 } from 'node:zlib'
import type { Side } from '../market/market-book.js'
import type { AppliedChange, MarketOrder, OrderLevel, OrderQueues } from '../market/order-queues.js'
import { numeral, stringify } from '../server/json.js'
import type { Peer } from '../server/peer.js'

/** What a subscription of one symbol costs, by its depth, of what a second allows. */
const costs = new Map([
  [10, 5],
  [100, 25],
  [1_000, 100],
])
const perSecond = 200
/** Symbols of one connection. */
const mostSymbols = 200

/** Who listens to one symbol, and what he was shown: the prices of either side. */
interface Listener {
  readonly depth: number
  shown: Record<Side, ReadonlySet<string>>
}

/** Listeners of books of orders, each of whom is shown as many prices as he has subscribed. */
export class Level3 {
  readonly #now: () => number
  readonly #listeners = new Map<string, Map<Peer, Listener>>()
  readonly #queues = new Map<string, OrderQueues>()
  readonly #spent = new WeakMap<Peer, { at: number; sum: number }>()

  /** @param now the venue's clock, milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Why a subscription is refused; null: it is not. */
  refuses(peer: Peer, symbol: string, depth: number): string | null {
    const cost = costs.get(depth)
    if (cost === undefined) return 'Subscription depth not supported'
    const listening = [...this.#listeners.values()].filter((each) => each.has(peer)).length
    if (this.#listeners.get(symbol)?.has(peer)) return 'Already subscribed'
    if (listening >= mostSymbols) return 'Exceeded max allowed symbols'
    const now = this.#now()
    let spent = this.#spent.get(peer)
    if (spent === undefined || now - spent.at >= 1_000) {
      spent = { at: now, sum: 0 }
      this.#spent.set(peer, spent)
    }
    if (spent.sum + cost > perSecond) return 'EAPI:Rate limit exceeded'
    spent.sum += cost
    return null
  }

  add(peer: Peer, symbol: string, depth: number): void {
    const listener = { depth, shown: { buy: new Set<string>(), sell: new Set<string>() } }
    const listeners = this.#listeners.get(symbol) ?? new Map<Peer, Listener>()
    this.#listeners.set(symbol, listeners)
    listeners.set(peer, listener)
    const side = (name: Side): object[] =>
      this.#visible(symbol, name, listener).flatMap(({ orders }) => orders.map(orderOf))
    const data = [{ symbol, checksum: this.#checksum(symbol), bids: side('buy'), asks: side('sell') }]
    this.#remember(symbol, listener)
    peer.push(stringify({ channel: 'level3', type: 'snapshot', data }))
  }

  /** False when he did not listen. */
  remove(peer: Peer, symbol: string): boolean {
    return this.#listeners.get(symbol)?.delete(peer) === true
  }

  leave(peer: Peer): void {
    for (const listeners of this.#listeners.values()) listeners.delete(peer)
  }

  /** Tells what has happened, and the orders of prices that have come into view. */
  changed(symbol: string, queues: OrderQueues, changes: readonly AppliedChange[]): void {
    this.#queues.set(symbol, queues)
    for (const [peer, listener] of this.#listeners.get(symbol) ?? []) {
      const sides = (['buy', 'sell'] as const).map((name) => {
        const before = listener.shown[name]
        const after = this.#visible(symbol, name, listener)
        return eventsOf(changes, name, before, after)
      })
      this.#remember(symbol, listener)
      const [bids = [], asks = []] = sides
      if (bids.length + asks.length === 0) continue
      const data = [{ symbol, checksum: this.#checksum(symbol), bids, asks }]
      peer.push(stringify({ channel: 'level3', type: 'update', data }))
    }
  }

  #visible(symbol: string, side: Side, { depth }: Listener): OrderLevel[] {
    return (this.#queues.get(symbol)?.levels(side) ?? []).slice(0, depth)
  }

  #remember(symbol: string, listener: Listener): void {
    const prices = (side: Side): Set<string> =>
      new Set(this.#visible(symbol, side, listener).map(({ price }) => key(price)))
    listener.shown = { buy: prices('buy'), sell: prices('sell') }
  }

  /** Of the best ten prices: https://docs.kraken.com/exchange/guides/websockets/l3-checksum-v2 */
  #checksum(symbol: string): number {
    const digits = (text: string): string => text.replace('.', '').replace(/^0+/, '')
    const text = (['sell', 'buy'] as const).flatMap((side) =>
      (this.#queues.get(symbol)?.levels(side) ?? [])
        .slice(0, 10)
        .flatMap(({ orders }) => orders.map(({ price, size }) => digits(price) + digits(size))),
    )
    return crc32(text.join(''))
  }
}

/** One price, however it is written. */
const key = (price: string): string => (price.includes('.') ? price.replace(/\.?0+$/, '') : price)

function eventsOf(
  changes: readonly AppliedChange[],
  side: Side,
  before: ReadonlySet<string>,
  after: readonly OrderLevel[],
): object[] {
  const now = new Set(after.map(({ price }) => key(price)))
  const fresh = new Set<string>()
  const told: object[] = []
  for (const { event, order } of changes) {
    if (order.side !== side || !before.has(key(order.price))) continue
    // Of a price that goes out of view or has become empty, only those are taken away that were shown.
    const stays = now.has(key(order.price))
    if (event === 'add' && !stays) fresh.add(order.id)
    if (!stays && (event !== 'delete' || fresh.has(order.id))) continue
    told.push({ event, ...orderOf(order) })
  }
  for (const { price, orders } of after) {
    if (!before.has(key(price))) told.push(...orders.map((order) => ({ event: 'add', ...orderOf(order) })))
  }
  return told
}

function orderOf({ id, price, size, timeNs }: MarketOrder): object {
  const second = new Date(Number(timeNs / 1_000_000n)).toISOString().slice(0, 19)
  return {
    order_id: id,
    limit_price: numeral(price),
    order_qty: numeral(size),
    timestamp: `${second}.${String(timeNs % 1_000_000_000n).padStart(9, '0')}Z`,
  }
}
