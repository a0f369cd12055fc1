/** Orders and balances as Kraken writes them: text by REST, numbers over the WebSocket. */

import { crc32 } from 'node:zlib'
import { divide, plainAmount, times } from '../amount.js'
import type { Account } from '../engine/account.js'
import type { Fill, Order, OrderEvent } from '../engine/order.js'
import { assetsOf, type Instrument } from '../market/instrument.js'
import type { LevelText, MarketBook } from '../market/market-book.js'
import { numeral } from '../server/json.js'

/** `OXXXXX-XXXXX-XXXXXX`. */
export function orderId(id: bigint): string {
  const digits = id.toString(36).toUpperCase().padStart(16, '0')
  return `O${digits.slice(0, 5)}-${digits.slice(5, 10)}-${digits.slice(10)}`
}

/** The number behind it; null for what is none. */
export function orderNumber(text: string): bigint | null {
  if (!/^O[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{6,8}$/.test(text)) return null
  let id = 0n
  for (const digit of text.slice(1).replaceAll('-', '')) id = id * 36n + BigInt(Number.parseInt(digit, 36))
  return id
}

export const tradeId = ({ tradeId: id }: Fill): string => `T${orderId(id).slice(1)}`

/** Names that REST has for what the WebSocket calls `BTC/USD`. */
export function restName(symbol: string): string {
  const [base, quote] = assetsOf(symbol)
  return `${old(base)}${old(quote)}`
}

export const old = (asset: string): string => (asset === 'BTC' ? 'XBT' : asset === 'DOGE' ? 'XDG' : asset)

const restStatus = {
  open: 'open',
  partiallyFilled: 'open',
  filled: 'closed',
  canceled: 'canceled',
  expired: 'expired',
} as const
const socketStatus = {
  open: 'new',
  partiallyFilled: 'partially_filled',
  filled: 'filled',
  canceled: 'canceled',
  expired: 'canceled',
} as const

/** https://docs.kraken.com/api/docs/rest-api/get-open-orders */
export function restOrder(order: Order, withTrades: boolean): object {
  const seconds = (ms: number): number => ms / 1_000
  const isOver = order.state !== 'open' && order.state !== 'partiallyFilled'
  return {
    refid: null,
    userref: 0,
    cl_ord_id: order.clientId,
    status: order.state === 'expired' ? 'canceled' : restStatus[order.state],
    opentm: seconds(order.createdMs),
    starttm: 0,
    expiretm: 0,
    ...(isOver ? { closetm: seconds(order.updatedMs), reason: order.endReason === '' ? null : 'User requested' } : {}),
    descr: {
      pair: restName(order.symbol),
      type: order.side,
      ordertype: order.type,
      price: plainAmount(order.price),
      price2: '0',
      leverage: 'none',
      order: '',
      close: '',
    },
    vol: plainAmount(order.quoteSize > 0n ? order.quoteSize : order.size),
    vol_exec: plainAmount(order.filled),
    cost: plainAmount(order.quoteFilled),
    fee: plainAmount(order.fee),
    price: plainAmount(divide(order.quoteFilled, order.filled)),
    stopprice: '0.00000',
    limitprice: '0.00000',
    misc: '',
    oflags: order.quoteSize > 0n ? 'viqc' : order.timeInForce === 'postOnly' ? 'fciq,post' : 'fciq',
    ...(withTrades ? { trades: order.fills.map(tradeId) } : {}),
  }
}

/** https://docs.kraken.com/api/docs/rest-api/get-trades-info */
export function restTrade(order: Order, fill: Fill): object {
  return {
    ordertxid: orderId(order.id),
    pair: restName(order.symbol),
    time: fill.timeMs / 1_000,
    type: order.side,
    ordertype: order.type,
    price: plainAmount(fill.price),
    cost: plainAmount(times(fill.price, fill.size)),
    fee: plainAmount(fill.fee),
    vol: plainAmount(fill.size),
    margin: '0.00000',
    misc: '',
    trade_id: Number(fill.tradeId),
    maker: fill.maker,
  }
}

const number = (value: bigint): unknown => numeral(plainAmount(value))

/** What happened to an order, for who listens to `executions`: https://docs.kraken.com/api/docs/websocket-v2/executions */
export function executionOf({
  kind,
  order,
  fill,
  timeMs,
}: OrderEvent | { kind: 'snapshot'; order: Order; fill: null; timeMs: number }): object[] {
  const sums = {
    cum_qty: number(order.filled),
    cum_cost: number(order.quoteFilled),
    avg_price: number(divide(order.quoteFilled, order.filled)),
  }
  const common = { order_id: orderId(order.id), cl_ord_id: order.clientId, timestamp: new Date(timeMs).toISOString() }
  const terms = {
    symbol: order.symbol,
    side: order.side,
    order_type: order.type,
    order_qty: number(order.size),
    ...(order.type === 'limit' ? { limit_price: number(order.price) } : {}),
    time_in_force: order.timeInForce === 'ioc' ? 'ioc' : 'gtc',
  }
  const status = socketStatus[order.state]
  switch (kind) {
    case 'accepted':
      return [
        { ...common, ...terms, ...sums, exec_type: 'pending_new', order_status: 'pending_new' },
        { ...common, exec_type: 'new', order_status: 'new', ...sums },
      ]
    case 'snapshot':
      return [{ ...common, ...terms, ...sums, exec_type: order.filled > 0n ? 'trade' : 'new', order_status: status }]
    case 'amended':
      return [{ ...common, ...terms, ...sums, exec_type: 'amended', order_status: status }]
    case 'filled': {
      const traded = {
        ...common,
        ...terms,
        ...sums,
        exec_type: 'trade',
        order_status: 'partially_filled',
        exec_id: fill === null ? '' : tradeId(fill),
        trade_id: Number(fill?.tradeId ?? 0n),
        last_qty: number(fill?.size ?? 0n),
        last_price: number(fill?.price ?? 0n),
        cost: number(times(fill?.price ?? 0n, fill?.size ?? 0n)),
        liquidity_ind: fill?.maker === true ? 'm' : 't',
        fees: [{ asset: fill?.feeAsset ?? '', qty: number(fill?.fee ?? 0n) }],
      }
      // A trade that fills the order is still a part of it; its end is told by itself.
      return status === 'filled'
        ? [traded, { ...common, exec_type: 'filled', order_status: 'filled', ...sums }]
        : [traded]
    }
    default:
      return [
        {
          ...common,
          exec_type: 'canceled',
          order_status: 'canceled',
          ...sums,
          reason: order.endReason === 'user' ? 'User requested' : 'Order canceled',
        },
      ]
  }
}

export function balancesOf({ balances }: Account): object[] {
  return [...balances].map(([asset, { free, locked }]) => {
    const balance = number(free + locked)
    return { asset, asset_class: 'currency', balance, wallets: [{ balance, type: 'spot', id: 'main' }] }
  })
}

export function pairOf({ symbol, base, quote, tick, lot, minNotional }: Instrument): object {
  const decimals = (step: bigint): number => (plainAmount(step).split('.')[1] ?? '').length
  return {
    altname: restName(symbol),
    wsname: `${old(base)}/${old(quote)}`,
    aclass_base: 'currency',
    base: old(base),
    aclass_quote: 'currency',
    quote: old(quote),
    pair_decimals: decimals(tick),
    lot_decimals: decimals(lot),
    ordermin: plainAmount(lot),
    costmin: plainAmount(minNotional),
    tick_size: plainAmount(tick),
    status: 'online',
  }
}

export const levelsOf = (levels: readonly LevelText[]): object[] =>
  levels.map(([price, qty]) => ({ price: numeral(price), qty: numeral(qty) }))

/** Of the best ten levels: https://docs.kraken.com/api/docs/guides/spot-ws-book-v2 */
export function checksumOf(book: MarketBook): number {
  const { bids, asks } = book.top(10)
  const digits = (text: string): string => text.replace('.', '').replace(/^0+/, '')
  return crc32([...asks, ...bids].map(([price, size]) => digits(price) + digits(size)).join(''))
}
