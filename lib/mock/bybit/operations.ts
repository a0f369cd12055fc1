/** What can be asked of Bybit by REST, and over `/v5/trade` where it has an `op`: https://bybit-exchange.github.io/docs/v5/intro */

import { parseAmount } from '../amount.js'
import type { DialectContext } from '../dialect.js'
import type { Account } from '../engine/account.js'
import { isRefusal } from '../engine/engine.js'
import { isOpen, type Order, type TimeInForce } from '../engine/order.js'
import { badParams, Refused, refusedBy } from './refused.js'
import * as shapes from './shapes.js'

export type Params = Readonly<Record<string, unknown>>

export interface Call {
  readonly context: DialectContext
  readonly params: Params
  /** Only where `signed`. */
  readonly account: Account
}

export interface Operation {
  readonly signed: boolean
  /** Requests per second and account; 0: not counted. https://bybit-exchange.github.io/docs/v5/rate-limit */
  readonly perSecond: number
  run(call: Call): unknown
}

const text = (params: Params, name: string): string | undefined => {
  const value = params[name]
  return typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : undefined
}

function category(params: Params): void {
  if (text(params, 'category') !== 'spot') throw new Refused(10001, 'Illegal category')
}

function money(params: Params, name: string): bigint {
  const value = parseAmount(text(params, name))
  if (value === null) throw badParams(name)
  return value
}

const forces: Readonly<Record<string, TimeInForce>> = { GTC: 'gtc', IOC: 'ioc', FOK: 'fok', PostOnly: 'postOnly' }
const ids = (order: Order): object => ({ orderId: String(order.id), orderLinkId: order.clientId })

/** https://bybit-exchange.github.io/docs/v5/order/create-order */
function create({ context, account, params }: Call): object {
  category(params)
  const symbol = text(params, 'symbol') ?? ''
  const side = text(params, 'side')
  const kind = text(params, 'orderType')
  if (!context.instruments.has(symbol)) throw refusedBy('symbol')
  if (side !== 'Buy' && side !== 'Sell') throw badParams('side')
  if (kind !== 'Limit' && kind !== 'Market') throw badParams('orderType')
  const clientId = text(params, 'orderLinkId') ?? ''
  if (clientId.length > 36 || !/^[\w-]*$/.test(clientId)) throw badParams('orderLinkId')
  for (const name of ['triggerPrice', 'takeProfit', 'stopLoss'])
    if (text(params, name) !== undefined) throw badParams(`${name} is not supported: it`)
  const timeInForce = forces[text(params, 'timeInForce') ?? 'GTC']
  if (timeInForce === undefined) throw badParams('timeInForce')
  const isMarket = kind === 'Market'
  const qty = money(params, 'qty')
  // A buy at the market says how much it spends, unless it says otherwise.
  const inQuote =
    isMarket && (text(params, 'marketUnit') ?? (side === 'Buy' ? 'quoteCoin' : 'baseCoin')) === 'quoteCoin'
  const result = context.engine.place(account, {
    symbol,
    side: side === 'Buy' ? 'buy' : 'sell',
    type: isMarket ? 'market' : 'limit',
    timeInForce: isMarket ? 'gtc' : timeInForce,
    price: isMarket ? 0n : money(params, 'price'),
    size: inQuote ? 0n : qty,
    quoteSize: inQuote ? qty : 0n,
    clientId,
    onWouldTake: 'cancel',
  })
  if (isRefusal(result)) throw refusedBy(result)
  return ids(result)
}

function find({ account, params }: Call): Order {
  const [orderId, orderLinkId] = [text(params, 'orderId'), text(params, 'orderLinkId')]
  if (orderId === undefined && orderLinkId === undefined) throw badParams('orderId or orderLinkId')
  if (orderId !== undefined && !/^\d{1,19}$/.test(orderId)) throw refusedBy('unknownOrder')
  const order = account.find(orderId === undefined ? null : BigInt(orderId), orderLinkId ?? '')
  if (order === undefined || order.symbol !== text(params, 'symbol')) throw refusedBy('unknownOrder')
  return order
}

/** https://bybit-exchange.github.io/docs/v5/order/cancel-order */
function cancel(call: Call): object {
  category(call.params)
  const order = find(call)
  const refusal = call.context.engine.cancel(order)
  if (refusal !== null) throw refusedBy(refusal)
  return ids(order)
}

/** https://bybit-exchange.github.io/docs/v5/order/amend-order */
function amend(call: Call): object {
  category(call.params)
  const order = find(call)
  const [qty, price] = [text(call.params, 'qty'), text(call.params, 'price')]
  if (qty === undefined && price === undefined) throw badParams('qty or price')
  const change = {
    ...(qty === undefined ? {} : { size: money(call.params, 'qty') }),
    ...(price === undefined ? {} : { price: money(call.params, 'price') }),
  }
  const refusal = call.context.engine.amend(order, change)
  if (refusal !== null) throw refusedBy(refusal)
  return ids(order)
}

/** https://bybit-exchange.github.io/docs/v5/order/cancel-all */
function cancelAll({ context, account, params }: Call): object {
  category(params)
  const orders = context.engine.openOrders(account, text(params, 'symbol'))
  for (const order of orders) context.engine.cancel(order)
  return { list: orders.map(ids), success: '1' }
}

const isAsked = (order: Order, params: Params): boolean =>
  ['symbol', 'orderId', 'orderLinkId'].every((name) => {
    const wanted = text(params, name)
    return (
      wanted === undefined ||
      wanted === (name === 'symbol' ? order.symbol : name === 'orderId' ? String(order.id) : order.clientId)
    )
  })

/** Newest first, in pages. */
function page<T>(rows: readonly T[], params: Params, shape: (row: T) => unknown): object {
  const size = Math.max(1, Math.min(50, Number(text(params, 'limit') ?? 20) || 20))
  const from = Math.max(0, Number(text(params, 'cursor') ?? 0) || 0)
  const list = [...rows]
    .reverse()
    .slice(from, from + size)
    .map(shape)
  return { category: 'spot', list, nextPageCursor: from + size < rows.length ? String(from + size) : '' }
}

/** https://bybit-exchange.github.io/docs/v5/order/open-order: open ones, or the last 500 that have ended. */
function realtime({ account, params }: Call): object {
  category(params)
  const ended = text(params, 'openOnly') === '1'
  const rows = [...account.orders.values()].filter((order) => isAsked(order, params) && isOpen(order) !== ended)
  return page(ended ? rows.slice(-500) : rows, params, shapes.orderOf)
}

export const operations: Readonly<Record<string, Operation>> = {
  'GET /v5/market/time': {
    signed: false,
    perSecond: 0,
    run: ({ context }) => {
      const now = context.now()
      return { timeSecond: String(Math.floor(now / 1_000)), timeNano: `${now}000000` }
    },
  },
  'GET /v5/market/instruments-info': {
    signed: false,
    perSecond: 0,
    run: ({ context, params }) => {
      category(params)
      const wanted = text(params, 'symbol')
      const list = [...context.instruments.values()].filter(({ symbol }) => wanted === undefined || symbol === wanted)
      return { category: 'spot', list: list.map(shapes.instrumentOf) }
    },
  },
  'GET /v5/market/orderbook': {
    signed: false,
    perSecond: 0,
    run: ({ context, params }) => {
      const symbol = text(params, 'symbol') ?? ''
      if (!context.instruments.has(symbol)) throw refusedBy('symbol')
      const book = context.market.book(symbol)
      const { bids, asks } = book.top(Math.max(1, Math.min(1_000, Number(text(params, 'limit') ?? 1) || 1)))
      return {
        s: symbol,
        b: bids,
        a: asks,
        ts: context.now(),
        u: book.updateId,
        seq: book.updateId,
        cts: context.now(),
      }
    },
  },
  'POST /v5/order/create': { signed: true, perSecond: 20, run: create },
  'POST /v5/order/amend': { signed: true, perSecond: 20, run: amend },
  'POST /v5/order/cancel': { signed: true, perSecond: 20, run: cancel },
  'POST /v5/order/cancel-all': { signed: true, perSecond: 20, run: cancelAll },
  'GET /v5/order/realtime': { signed: true, perSecond: 50, run: realtime },
  'GET /v5/order/history': {
    signed: true,
    perSecond: 50,
    run: ({ account, params }) =>
      page(
        [...account.orders.values()].filter(
          (order) => isAsked(order, params) && order.createdMs >= Number(text(params, 'startTime') ?? 0),
        ),
        params,
        shapes.orderOf,
      ),
  },
  'GET /v5/execution/list': {
    signed: true,
    perSecond: 50,
    run: ({ context, account, params }) => {
      const { makerFee, takerFee } = context.engine.options
      const fills = [...account.orders.values()]
        .filter((order) => isAsked(order, params))
        .flatMap((order) => order.fills.map((fill) => ({ order, fill })))
      fills.sort((a, b) => (a.fill.tradeId < b.fill.tradeId ? -1 : 1))
      return page(fills, params, ({ order, fill }) => shapes.executionOf(order, fill, fill.maker ? makerFee : takerFee))
    },
  },
  'GET /v5/account/wallet-balance': {
    signed: true,
    perSecond: 50,
    run: ({ account, params }) => ({ list: [shapes.walletOf(account, text(params, 'coin')?.split(','))] }),
  },
  'GET /v5/account/info': {
    signed: true,
    perSecond: 50,
    run: ({ account }) => ({
      marginMode: 'REGULAR_MARGIN',
      updatedTime: String(account.updatedMs),
      unifiedMarginStatus: 5,
      dcpStatus: 'OFF',
      timeWindow: 10,
      smpGroup: 0,
      isMasterTrader: false,
      spotHedgingStatus: 'OFF',
    }),
  },
}

/** The same over the socket. */
export const tradeOps: Readonly<Record<string, string>> = {
  'order.create': 'POST /v5/order/create',
  'order.amend': 'POST /v5/order/amend',
  'order.cancel': 'POST /v5/order/cancel',
}
