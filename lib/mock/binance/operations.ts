/** What can be asked of Binance Spot, by REST and over the WebSocket API alike. */

import type { DialectContext } from '../dialect.js'
import type { Account } from '../engine/account.js'
import type { Params } from './auth.js'
import { Limits } from './limits.js'
import { badSymbol, missing, Refused } from './refused.js'
import * as shapes from './shapes.js'
import { amend, cancel, cancelAll, cancelReplace, findOrder, place, testOrder } from './trading.js'

/** A request whose sender is known. */
export interface Call {
  readonly context: DialectContext
  readonly params: Params
  /** Only where `signed`. */
  readonly account: Account
}

export interface Operation {
  /** Method of the WebSocket API; `''`: none. */
  readonly ws: string
  /** `METHOD /path` of REST. */
  readonly rest: string
  readonly signed: boolean
  readonly weight: number | ((params: Params) => number)
  /** New orders that it counts as. */
  readonly orders?: number
  readonly params: readonly string[]
  run(call: Call): unknown
}

const symbolsOf = ({ context, params: { symbol, symbols } }: Call): readonly string[] => {
  let names: unknown =
    symbol !== undefined ? [symbol] : symbols !== undefined ? parsed(symbols) : [...context.instruments.keys()]
  if (!Array.isArray(names)) names = []
  for (const name of names as string[]) if (!context.instruments.has(name)) throw badSymbol()
  return names as string[]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Refused(-1100, "Illegal characters found in parameter 'symbols'.")
  }
}

const oneOrMany = ({ params }: Call, rows: readonly object[]): unknown =>
  params['symbol'] !== undefined ? rows[0] : rows

/** https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#order-book */
const depthWeight = ({ limit = '100' }: Params): number =>
  Number(limit) <= 100 ? 5 : Number(limit) <= 500 ? 25 : Number(limit) <= 1_000 ? 50 : 250

const orderParams = [
  'symbol',
  'side',
  'type',
  'timeInForce',
  'quantity',
  'quoteOrderQty',
  'price',
  'newClientOrderId',
  'newOrderRespType',
  'selfTradePreventionMode',
  'strategyId',
  'strategyType',
  'stopPrice',
  'trailingDelta',
  'icebergQty',
]
const reference = ['symbol', 'orderId', 'origClientOrderId']
const range = ['startTime', 'endTime', 'limit']

const recent = <T>(rows: readonly T[], { limit = '500' }: Params): readonly T[] =>
  rows.slice(-Math.max(1, Math.min(1_000, Number(limit) || 500)))

const operations: readonly Operation[] = [
  { ws: 'ping', rest: 'GET /api/v3/ping', signed: false, weight: 1, params: [], run: () => ({}) },
  {
    ws: 'time',
    rest: 'GET /api/v3/time',
    signed: false,
    weight: 1,
    params: [],
    run: ({ context }) => ({ serverTime: context.now() }),
  },
  {
    ws: 'exchangeInfo',
    rest: 'GET /api/v3/exchangeInfo',
    signed: false,
    weight: 20,
    params: ['symbol', 'symbols', 'permissions', 'showPermissionSets', 'symbolStatus'],
    run: (call) => ({
      timezone: 'UTC',
      serverTime: call.context.now(),
      rateLimits: Limits.rules(call.context.options),
      exchangeFilters: [],
      symbols: symbolsOf(call).flatMap((name) => {
        const instrument = call.context.instruments.get(name)
        return instrument === undefined ? [] : [shapes.symbolOf(instrument, call.context.options.maxOpenOrders)]
      }),
    }),
  },
  {
    ws: 'depth',
    rest: 'GET /api/v3/depth',
    signed: false,
    weight: depthWeight,
    params: ['symbol', 'limit', 'symbolStatus'],
    run: ({ context, params: { symbol, limit = '100' } }) => {
      if (symbol === undefined) throw missing('symbol')
      if (!context.instruments.has(symbol)) throw badSymbol()
      const depth = Number(limit)
      if (!Number.isSafeInteger(depth) || depth < 1)
        throw new Refused(-1100, "Illegal characters found in parameter 'limit'; legal range is '[0-9]{1,20}'.")
      const book = context.market.book(symbol)
      return { lastUpdateId: book.updateId, ...book.top(Math.min(depth, 5_000)) }
    },
  },
  {
    ws: 'ticker.price',
    rest: 'GET /api/v3/ticker/price',
    signed: false,
    weight: ({ symbol }) => (symbol === undefined ? 4 : 2),
    params: ['symbol', 'symbols'],
    run: (call) =>
      oneOrMany(
        call,
        symbolsOf(call).map((symbol) => ({ symbol, price: call.context.market.book(symbol).lastPrice })),
      ),
  },
  {
    ws: 'ticker.book',
    rest: 'GET /api/v3/ticker/bookTicker',
    signed: false,
    weight: ({ symbol }) => (symbol === undefined ? 4 : 2),
    params: ['symbol', 'symbols'],
    run: (call) => {
      const none = ['0.00000000', '0.00000000'] as const
      const row = (symbol: string): object => {
        const {
          bids: [bid = none],
          asks: [ask = none],
        } = call.context.market.book(symbol).top(1)
        return { symbol, bidPrice: bid[0], bidQty: bid[1], askPrice: ask[0], askQty: ask[1] }
      }
      return oneOrMany(call, symbolsOf(call).map(row))
    },
  },
  {
    ws: 'order.place',
    rest: 'POST /api/v3/order',
    signed: true,
    weight: 1,
    orders: 1,
    params: orderParams,
    run: place,
  },
  {
    ws: 'order.test',
    rest: 'POST /api/v3/order/test',
    signed: true,
    weight: 1,
    params: [...orderParams, 'computeCommissionRates'],
    run: testOrder,
  },
  {
    ws: 'order.cancel',
    rest: 'DELETE /api/v3/order',
    signed: true,
    weight: 1,
    params: [...reference, 'newClientOrderId', 'cancelRestrictions'],
    run: cancel,
  },
  {
    ws: 'order.cancelReplace',
    rest: 'POST /api/v3/order/cancelReplace',
    signed: true,
    weight: 1,
    orders: 1,
    params: [
      ...orderParams,
      'cancelReplaceMode',
      'cancelOrderId',
      'cancelOrigClientOrderId',
      'cancelNewClientOrderId',
      'cancelRestrictions',
      'orderRateLimitExceededMode',
    ],
    run: cancelReplace,
  },
  {
    ws: 'order.amend.keepPriority',
    rest: 'PUT /api/v3/order/amend/keepPriority',
    signed: true,
    weight: 4,
    params: [...reference, 'newClientOrderId', 'newQty'],
    run: amend,
  },
  {
    ws: 'order.status',
    rest: 'GET /api/v3/order',
    signed: true,
    weight: 4,
    params: reference,
    run: (call) => shapes.queried(findOrder(call, -2013, 'Order does not exist.')),
  },
  {
    ws: 'openOrders.status',
    rest: 'GET /api/v3/openOrders',
    signed: true,
    weight: ({ symbol }) => (symbol === undefined ? 80 : 6),
    params: ['symbol'],
    run: ({ context, account, params: { symbol } }) => {
      if (symbol !== undefined && !context.instruments.has(symbol)) throw badSymbol()
      return context.engine.openOrders(account, symbol).map(shapes.queried)
    },
  },
  {
    ws: 'openOrders.cancelAll',
    rest: 'DELETE /api/v3/openOrders',
    signed: true,
    weight: 1,
    params: ['symbol'],
    run: cancelAll,
  },
  {
    ws: 'allOrders',
    rest: 'GET /api/v3/allOrders',
    signed: true,
    weight: 20,
    params: ['symbol', 'orderId', ...range],
    run: ({ account, params }) => {
      if (params['symbol'] === undefined) throw missing('symbol')
      const from = BigInt(/^\d{1,19}$/.exec(params['orderId'] ?? '0')?.[0] ?? 0)
      const since = Number(params['startTime'] ?? 0) || 0
      const orders = [...account.orders.values()].filter(
        ({ symbol, id, createdMs }) => symbol === params['symbol'] && id >= from && createdMs >= since,
      )
      return recent(orders, params).map(shapes.queried)
    },
  },
  {
    ws: 'myTrades',
    rest: 'GET /api/v3/myTrades',
    signed: true,
    weight: ({ orderId }) => (orderId === undefined ? 20 : 5),
    params: ['symbol', 'orderId', 'fromId', ...range],
    run: ({ account, params }) => {
      if (params['symbol'] === undefined) throw missing('symbol')
      const orders = [...account.orders.values()].filter(
        ({ symbol, id }) => symbol === params['symbol'] && (params['orderId'] ?? String(id)) === String(id),
      )
      const trades = orders.flatMap((order) => order.fills.map((fill) => ({ order, fill })))
      trades.sort((a, b) => (a.fill.tradeId < b.fill.tradeId ? -1 : 1))
      return recent(trades, params).map(({ order, fill }) => shapes.tradeOf(order, fill))
    },
  },
  {
    ws: 'account.status',
    rest: 'GET /api/v3/account',
    signed: true,
    weight: 20,
    params: ['omitZeroBalances'],
    run: ({ context, account, params }) => {
      const { makerFee, takerFee } = context.engine.options
      return shapes.accountOf(account, makerFee, takerFee, params['omitZeroBalances'] === 'true')
    },
  },
]

export const byRest: ReadonlyMap<string, Operation> = new Map(operations.map((each) => [each.rest, each]))
export const byWs: ReadonlyMap<string, Operation> = new Map(operations.map((each) => [each.ws, each]))

const always = new Set(['recvWindow', 'timestamp', 'signature', 'apiKey'])

/** Refuses what it does not know, as the venue does. @throws Refused */
export function checkParams(operation: Operation, params: Params): void {
  const names = Object.keys(params)
  const read = names.filter((name) => operation.params.includes(name) || always.has(name))
  if (read.length === names.length) return
  throw new Refused(
    -1104,
    `Not all sent parameters were read; read '${read.length}' parameter(s) but was sent '${names.length}'.`,
  )
}
