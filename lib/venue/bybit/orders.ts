import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'
import { decimalOf, nonZeroOf } from '../order/decimal-text.js'
import { fieldOf, listOf, sideOf, textOf, timeOf, words } from '../order/fields.js'
import { checkAmend, checkOrder, checkRef, type OrderRef, type OrderStatus, type OrderUpdate } from '../order/order.js'
import {
  acceptance,
  noCancelMany,
  type OrderDialect,
  readable,
  refusalTable,
  unreadable,
} from '../order/order-dialect.js'
import { OrderError } from '../order/order-error.js'

export type BybitCategory = 'spot' | 'linear' | 'inverse' | 'option'

/** Options of `bybit.orders()`. */
export interface BybitOrdersOptions {
  /** What is traded. Default `'spot'`. */
  readonly category?: BybitCategory | undefined
  /** Linear contracts: the coin whose orders are meant where no symbol is given. Default `'USDT'`. */
  readonly settleCoin?: string | undefined
}

const schema = z.strictObject({
  category: z.enum(['spot', 'linear', 'inverse', 'option']).default('spot'),
  settleCoin: z.string().min(1).max(32).default('USDT'),
})

/** https://bybit-exchange.github.io/docs/v5/enum#orderstatus */
const statuses = words<OrderStatus>({
  Created: 'accepted',
  New: 'open',
  PartiallyFilled: 'partiallyFilled',
  Untriggered: 'open',
  Triggered: 'open',
  Rejected: 'rejected',
  PartiallyFilledCanceled: 'canceled',
  Filled: 'filled',
  Cancelled: 'canceled',
  Deactivated: 'canceled',
})

/** https://bybit-exchange.github.io/docs/v5/error */
const refusal = refusalTable({
  '10001': 'ERR_ORDER_INVALID',
  '10003': 'ERR_ORDER_AUTH',
  '10004': 'ERR_ORDER_AUTH',
  '10005': 'ERR_ORDER_AUTH',
  '10010': 'ERR_ORDER_AUTH',
  '110001': 'ERR_ORDER_NOT_FOUND',
  '110003': 'ERR_ORDER_FILTER',
  '110004': 'ERR_ORDER_BALANCE',
  '110006': 'ERR_ORDER_BALANCE',
  '110007': 'ERR_ORDER_BALANCE',
  '110008': 'ERR_ORDER_NOT_FOUND',
  '110009': 'ERR_ORDER_CAPACITY',
  '110010': 'ERR_ORDER_NOT_FOUND',
  '110012': 'ERR_ORDER_BALANCE',
  '110020': 'ERR_ORDER_CAPACITY',
  '110094': 'ERR_ORDER_FILTER',
  '170121': 'ERR_ORDER_INSTRUMENT',
  '170124': 'ERR_ORDER_FILTER',
  '170130': 'ERR_ORDER_INVALID',
  '170131': 'ERR_ORDER_BALANCE',
  '170132': 'ERR_ORDER_FILTER',
  '170133': 'ERR_ORDER_FILTER',
  '170134': 'ERR_ORDER_FILTER',
  '170135': 'ERR_ORDER_FILTER',
  '170136': 'ERR_ORDER_FILTER',
  '170137': 'ERR_ORDER_FILTER',
  '170139': 'ERR_ORDER_NOT_FOUND',
  '170140': 'ERR_ORDER_FILTER',
  '170142': 'ERR_ORDER_NOT_FOUND',
  '170143': 'ERR_ORDER_NOT_FOUND',
  '170193': 'ERR_ORDER_FILTER',
  '170194': 'ERR_ORDER_FILTER',
  '170213': 'ERR_ORDER_NOT_FOUND',
  '170218': 'ERR_ORDER_POST_ONLY',
})

const inForce = { gtc: 'GTC', ioc: 'IOC', fok: 'FOK', postOnly: 'PostOnly' } as const

/**
 * Orders of Bybit v5. All that changes something is answered before it is done: states come from look-ups and the private stream.
 * https://bybit-exchange.github.io/docs/v5/order/create-order
 * @throws ConfigError
 */
export function bybitOrders(options: BybitOrdersOptions = {}): OrderDialect {
  const { category, settleCoin } = parseConfig('Bybit orders', schema, options)

  const result = (body: unknown): unknown => fieldOf(body, 'result')
  const named = ({ symbol, orderId, clientOrderId }: OrderRef) =>
    orderId === undefined ? { category, symbol, orderLinkId: clientOrderId } : { category, symbol, orderId }
  const accepted = (body: unknown, ref: OrderRef): OrderUpdate => {
    const [orderId, clientOrderId] = [
      textOf(fieldOf(result(body), 'orderId')),
      textOf(fieldOf(result(body), 'orderLinkId')),
    ]
    if (orderId === '' && clientOrderId === '') throw unreadable()
    return acceptance(ref, { orderId, clientOrderId }, body, timeOf(fieldOf(body, 'time')))
  }
  /** Of linear contracts either a symbol or a coin has to be named. */
  const scope = (symbol: string | undefined) =>
    symbol !== undefined ? { category, symbol } : category === 'linear' ? { category, settleCoin } : { category }

  return Object.freeze({
    name: 'bybit',
    place: (order) => {
      const {
        symbol,
        side,
        type,
        price,
        size,
        quoteSize,
        clientOrderId,
        timeInForce = 'gtc',
        reduceOnly,
        extra,
      } = checkOrder(order) as typeof order
      if (quoteSize !== undefined && category !== 'spot') {
        throw new OrderError('ERR_ORDER_UNSUPPORTED', '`quoteSize` is for Spot')
      }
      if (reduceOnly && category === 'spot')
        throw new OrderError('ERR_ORDER_UNSUPPORTED', '`reduceOnly` is for derivatives')
      // The unit of a market order on Spot is the quote coin when one buys and nothing is said.
      const unit = quoteSize === undefined ? 'baseCoin' : 'quoteCoin'
      const json = {
        category,
        symbol,
        side: side === 'buy' ? 'Buy' : 'Sell',
        orderType: type === 'limit' ? 'Limit' : 'Market',
        qty: size ?? quoteSize,
        ...(type === 'limit'
          ? { price, timeInForce: inForce[timeInForce] }
          : category === 'spot'
            ? { marketUnit: unit }
            : {}),
        ...(reduceOnly ? { reduceOnly } : {}),
        orderLinkId: clientOrderId,
        ...extra,
      }
      return {
        method: 'POST',
        path: '/v5/order/create',
        request: { json, kind: 'order', instrument: symbol, idempotencyKey: clientOrderId },
      }
    },
    placed: accepted,
    amend: (change) => {
      const { price, size } = checkAmend(change)
      const json = { ...named(change), qty: size, price }
      return { method: 'POST', path: '/v5/order/amend', request: { json, kind: 'amend', instrument: change.symbol } }
    },
    amended: accepted,
    cancel: (ref) => ({
      method: 'POST',
      path: '/v5/order/cancel',
      request: { json: named(checkRef(ref)), kind: 'cancel', idempotent: true, instrument: ref.symbol },
    }),
    canceled: accepted,
    cancelAll: (symbol) => ({
      method: 'POST',
      path: '/v5/order/cancel-all',
      request: { json: scope(symbol), kind: 'cancel', idempotent: true, instrument: symbol },
    }),
    cancelManyMost: 0,
    cancelMany: noCancelMany,
    canceledMany: (body) =>
      listOf(fieldOf(result(body), 'list')).map((item) => {
        const ids = { orderId: textOf(fieldOf(item, 'orderId')), clientOrderId: textOf(fieldOf(item, 'orderLinkId')) }
        return acceptance({ symbol: textOf(fieldOf(item, 'symbol')) }, ids, item, timeOf(fieldOf(body, 'time')))
      }),
    // Open orders, ended ones, and the history, which alone remembers after a restart of the venue.
    lookup: (ref) => {
      const query = named(checkRef(ref))
      const request = { instrument: ref.symbol }
      return [
        { method: 'GET', path: '/v5/order/realtime', request: { ...request, query: { ...query, openOnly: 0 } } },
        { method: 'GET', path: '/v5/order/realtime', request: { ...request, query: { ...query, openOnly: 1 } } },
        { method: 'GET', path: '/v5/order/history', request: { ...request, query } },
      ]
    },
    found: (body, ref) => {
      const list = fieldOf(result(body), 'list')
      if (!Array.isArray(list)) throw unreadable()
      return list.length === 0 ? null : readOrder(list[0], ref)
    },
    openOrders: (symbol, from) => ({
      method: 'GET',
      path: '/v5/order/realtime',
      request: { query: { ...scope(symbol), openOnly: 0, limit: 50, cursor: from ?? undefined }, instrument: symbol },
    }),
    open: (body) => {
      const list = fieldOf(result(body), 'list')
      if (!Array.isArray(list)) throw unreadable()
      const next = textOf(fieldOf(result(body), 'nextPageCursor'))
      return {
        orders: list.map((item) => readOrder(item, { symbol: '' })),
        next: next === '' || list.length === 0 ? null : next,
      }
    },
    // https://bybit-exchange.github.io/docs/v5/order/order-list
    history: {
      lists: [category],
      form: (_, sinceMs, from) => ({
        method: 'GET',
        path: '/v5/order/history',
        request: { query: { category, startTime: Math.floor(sinceMs), limit: 50, cursor: from ?? undefined } },
      }),
      read: (body) => {
        const next = textOf(fieldOf(result(body), 'nextPageCursor'))
        const list = fieldOf(result(body), 'list')
        const orders = readable(list, (raw) => readOrder(raw, { symbol: '' }))
        return { orders, next: next === '' || (list as unknown[]).length === 0 ? null : next }
      },
    },
    refusal,
  } satisfies OrderDialect)
}

/** An order as look-ups and the private stream show it. @throws OrderError `ERR_ORDER_UNKNOWN` */
export function readOrder(raw: unknown, ref: OrderRef): OrderUpdate {
  const status = statuses[textOf(fieldOf(raw, 'orderStatus'))]
  if (status === undefined) throw unreadable()
  return Object.freeze({
    symbol: textOf(fieldOf(raw, 'symbol')) || ref.symbol,
    orderId: textOf(fieldOf(raw, 'orderId')),
    clientOrderId: textOf(fieldOf(raw, 'orderLinkId')),
    status,
    side: sideOf(fieldOf(raw, 'side')),
    type: textOf(fieldOf(raw, 'orderType')),
    price: nonZeroOf(fieldOf(raw, 'price')),
    // Of a market order by value this is the value.
    size: fieldOf(raw, 'marketUnit') === 'quoteCoin' ? null : nonZeroOf(fieldOf(raw, 'qty')),
    filled: decimalOf(fieldOf(raw, 'cumExecQty')),
    quoteFilled: decimalOf(fieldOf(raw, 'cumExecValue')),
    averagePrice: nonZeroOf(fieldOf(raw, 'avgPrice')),
    timeMs: timeOf(fieldOf(raw, 'updatedTime') ?? fieldOf(raw, 'createdTime')),
    raw,
  })
}
