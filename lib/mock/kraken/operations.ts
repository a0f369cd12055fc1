/** What can be asked of Kraken Spot, by REST and, with other names, over the WebSocket. */

import { parseAmount, plainAmount } from '../amount.js'
import type { DialectContext } from '../dialect.js'
import type { Account } from '../engine/account.js'
import { isRefusal } from '../engine/engine.js'
import { isOpen, type Order } from '../engine/order.js'
import { badArgument, Refused, refusedBy } from './refused.js'
import * as shapes from './shapes.js'

export type Params = Readonly<Record<string, string>>

export interface Call {
  readonly context: DialectContext
  readonly params: Params
  readonly account: Account
}

const symbolOf = ({ context }: Pick<Call, 'context'>, name: string): string => {
  for (const symbol of context.instruments.keys()) {
    const [base = '', quote = ''] = symbol.split('/')
    if ([symbol, `${base}${quote}`, shapes.restName(symbol), `${shapes.old(base)}/${shapes.old(quote)}`].includes(name))
      return symbol
  }
  throw refusedBy('symbol')
}

function money(params: Params, name: string): bigint {
  const value = parseAmount(params[name])
  if (value === null) throw badArgument(name)
  return value
}

/** https://docs.kraken.com/api/docs/rest-api/add-order */
export function addOrder(call: Call): Order {
  const { params, context, account } = call
  const symbol = symbolOf(call, params['pair'] ?? '')
  const { type: side, ordertype, timeinforce = 'GTC', oflags = '', cl_ord_id = '' } = params
  if (side !== 'buy' && side !== 'sell') throw badArgument('type')
  if (ordertype !== 'limit' && ordertype !== 'market') throw badArgument('ordertype')
  if (!['GTC', 'IOC'].includes(timeinforce)) throw badArgument('timeinforce')
  if (!/^[\w-]{0,36}$/.test(cl_ord_id)) throw badArgument('cl_ord_id')
  const flags = oflags.split(',')
  const byValue = flags.includes('viqc')
  if (byValue && (ordertype !== 'market' || side !== 'buy')) throw badArgument('oflags')
  const volume = money(params, 'volume')
  const result = context.engine.place(account, {
    symbol,
    side,
    type: ordertype,
    timeInForce: flags.includes('post') ? 'postOnly' : timeinforce === 'IOC' ? 'ioc' : 'gtc',
    price: ordertype === 'limit' ? money(params, 'price') : 0n,
    size: byValue ? 0n : volume,
    quoteSize: byValue ? volume : 0n,
    clientId: cl_ord_id,
  })
  if (isRefusal(result)) throw refusedBy(result)
  return result
}

function find({ account, params }: Call): Order {
  const { txid, cl_ord_id = '' } = params
  const id = txid === undefined ? null : shapes.orderNumber(txid)
  const order = txid !== undefined && id === null ? undefined : account.find(id, cl_ord_id)
  if (order === undefined || (txid === undefined && cl_ord_id === '')) throw refusedBy('unknownOrder')
  return order
}

/** https://docs.kraken.com/api/docs/rest-api/amend-order */
export function amendOrder(call: Call): Order {
  const order = find(call)
  const { order_qty, limit_price } = call.params
  if (order_qty === undefined && limit_price === undefined) throw badArgument('order_qty')
  const refusal = call.context.engine.amend(order, {
    ...(order_qty === undefined ? {} : { size: money(call.params, 'order_qty') }),
    ...(limit_price === undefined ? {} : { price: money(call.params, 'limit_price') }),
  })
  if (refusal !== null) throw refusedBy(refusal)
  return order
}

/** https://docs.kraken.com/api/docs/rest-api/cancel-order */
export function cancelOrder(call: Call): Order {
  const order = find(call)
  const refusal = call.context.engine.cancel(order)
  if (refusal !== null) throw refusedBy(refusal)
  return order
}

export function cancelAll({ context, account }: Call): number {
  const orders = context.engine.openOrders(account)
  for (const order of orders) context.engine.cancel(order)
  return orders.length
}

const listed = (orders: readonly Order[], params: Params): object =>
  Object.fromEntries(
    orders.map((order) => [shapes.orderId(order.id), shapes.restOrder(order, params['trades'] === 'true')]),
  )

const named = (params: Params, orders: readonly Order[]): Order[] =>
  orders.filter(({ clientId }) => params['cl_ord_id'] === undefined || clientId === params['cl_ord_id'])

/** By path. */
export const publicCalls: Readonly<Record<string, (call: Omit<Call, 'account'>) => unknown>> = {
  '/0/public/Time': ({ context }) => ({
    unixtime: Math.floor(context.now() / 1_000),
    rfc1123: new Date(context.now()).toUTCString(),
  }),
  '/0/public/SystemStatus': ({ context }) => ({ status: 'online', timestamp: new Date(context.now()).toISOString() }),
  '/0/public/AssetPairs': ({ context }) =>
    Object.fromEntries(
      [...context.instruments.values()].map((each) => [shapes.restName(each.symbol), shapes.pairOf(each)]),
    ),
  '/0/public/Depth': (call) => {
    const symbol = symbolOf(call, call.params['pair'] ?? '')
    const { bids, asks } = call.context.market
      .book(symbol)
      .top(Math.max(1, Math.min(500, Number(call.params['count'] ?? 100) || 100)))
    const at = Math.floor(call.context.now() / 1_000)
    const rows = (levels: typeof bids) => levels.map(([price, size]) => [price, size, at])
    return { [shapes.restName(symbol)]: { asks: rows(asks), bids: rows(bids) } }
  },
}

export const privateCalls: Readonly<Record<string, (call: Call) => unknown>> = {
  '/0/private/AddOrder': (call) => {
    const order = addOrder(call)
    return {
      descr: { order: `${order.side} ${plainAmount(order.size)} ${shapes.restName(order.symbol)} @ ${order.type}` },
      txid: [shapes.orderId(order.id)],
    }
  },
  '/0/private/AmendOrder': (call) => ({ amend_id: `T${shapes.orderId(amendOrder(call).id).slice(1)}` }),
  '/0/private/CancelOrder': (call) => {
    cancelOrder(call)
    return { count: 1 }
  },
  '/0/private/CancelAll': (call) => ({ count: cancelAll(call) }),
  '/0/private/OpenOrders': (call) => ({
    open: listed(named(call.params, call.context.engine.openOrders(call.account)), call.params),
  }),
  '/0/private/ClosedOrders': ({ account, params }) => {
    const orders = named(
      params,
      [...account.orders.values()].filter(
        (order) => !isOpen(order) && order.updatedMs > (Number(params['start'] ?? 0) || 0) * 1_000,
      ),
    ).reverse()
    const from = Math.max(0, Number(params['ofs'] ?? 0) || 0)
    return { closed: listed(orders.slice(from, from + 50), params), count: orders.length }
  },
  '/0/private/QueryOrders': ({ account, params }) => {
    const orders = (params['txid'] ?? '').split(',').flatMap((text) => {
      const id = shapes.orderNumber(text)
      const order = id === null ? undefined : account.orders.get(id)
      return order === undefined ? [] : [order]
    })
    if (orders.length === 0) throw new Refused('EOrder:Unknown order')
    return listed(orders, params)
  },
  '/0/private/QueryTrades': ({ account, params }) => {
    const wanted = new Set((params['txid'] ?? '').split(','))
    const trades = [...account.orders.values()].flatMap((order) => order.fills.map((fill) => ({ order, fill })))
    return Object.fromEntries(
      trades
        .filter(({ fill }) => wanted.has(shapes.tradeId(fill)))
        .map(({ order, fill }) => [shapes.tradeId(fill), shapes.restTrade(order, fill)]),
    )
  },
  '/0/private/Balance': ({ account }) =>
    Object.fromEntries(
      [...account.balances].map(([asset, { free, locked }]) => [shapes.old(asset), plainAmount(free + locked)]),
    ),
  '/0/private/BalanceEx': ({ account }) =>
    Object.fromEntries(
      [...account.balances].map(([asset, { free, locked }]) => [
        shapes.old(asset),
        { balance: plainAmount(free + locked), hold_trade: plainAmount(locked) },
      ]),
    ),
}

/** Those that change something. */
export const changing = /^\/0\/private\/(AddOrder|AmendOrder|Cancel)/
