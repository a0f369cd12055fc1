import type { RestRequest } from '../../rest/rest-options.js'
import { decimalOf, nonZeroOf } from '../order/decimal-text.js'
import { fieldOf, listOf, sideOf, textOf, timeOf, words } from '../order/fields.js'
import {
  checkAmend,
  checkOrder,
  checkRef,
  type OrderAmend,
  type OrderRef,
  type OrderRequest,
  type OrderStatus,
  type OrderUpdate,
} from '../order/order.js'
import {
  acceptance,
  noCancelMany,
  type OrderDialect,
  readable,
  refusalTable,
  unreadable,
} from '../order/order-dialect.js'
import { OrderError } from '../order/order-error.js'

/** https://developers.binance.com/docs/binance-spot-api-docs/enums#order-status-status */
export const statuses = words<OrderStatus>({
  NEW: 'open',
  PENDING_NEW: 'accepted',
  PARTIALLY_FILLED: 'partiallyFilled',
  FILLED: 'filled',
  CANCELED: 'canceled',
  PENDING_CANCEL: 'open',
  REJECTED: 'rejected',
  EXPIRED: 'expired',
  EXPIRED_IN_MATCH: 'expired',
})

/**
 * What refusals mean: https://developers.binance.com/docs/binance-spot-api-docs/errors,
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code
 */
const refusal = refusalTable(
  {
    '-1002': 'ERR_ORDER_AUTH',
    '-1022': 'ERR_ORDER_AUTH',
    '-2014': 'ERR_ORDER_AUTH',
    '-2015': 'ERR_ORDER_AUTH',
    '-1013': 'ERR_ORDER_FILTER',
    '-1111': 'ERR_ORDER_FILTER',
    '-4164': 'ERR_ORDER_FILTER',
    '-1100': 'ERR_ORDER_INVALID',
    '-1101': 'ERR_ORDER_INVALID',
    '-1102': 'ERR_ORDER_INVALID',
    '-1106': 'ERR_ORDER_INVALID',
    '-1121': 'ERR_ORDER_INSTRUMENT',
    '-2011': 'ERR_ORDER_NOT_FOUND',
    '-2013': 'ERR_ORDER_NOT_FOUND',
    // Of canceling and placing at once: nothing was canceled, and so nothing placed.
    '-2022': 'ERR_ORDER_NOT_FOUND',
    '-2018': 'ERR_ORDER_BALANCE',
    '-2019': 'ERR_ORDER_BALANCE',
    '-2025': 'ERR_ORDER_CAPACITY',
    '-5022': 'ERR_ORDER_POST_ONLY',
  },
  [
    [/insufficient balance/i, 'ERR_ORDER_BALANCE'],
    [/immediately match and take/i, 'ERR_ORDER_POST_ONLY'],
    [/market is closed/i, 'ERR_ORDER_INSTRUMENT'],
    [/maximum (num|number of) .*orders|MAX_NUM_ORDERS|exceed.*order limit/i, 'ERR_ORDER_CAPACITY'],
    [/Filter failure/, 'ERR_ORDER_FILTER'],
  ],
)

/** What differs between Spot and USD-M futures. */
interface Market {
  readonly name: string
  readonly order: string
  readonly open: string
  readonly all: string
  /** Cancels one and places another; undefined: there is no such request. */
  readonly replace?: string
  /** Weights: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints, …/account-endpoints, and the USD-M pages. */
  readonly weights: {
    readonly place: number
    readonly lookup: number
    readonly open: number
    readonly openAll: number
    readonly history: number
  }
  /** All orders of a symbol. */
  readonly history: string
  terms(order: OrderRequest): RestRequest['query'] & object
  amend(change: OrderAmend): { readonly path: string; readonly request: RestRequest }
  amended(body: unknown): unknown
}

function dialect(market: Market): OrderDialect {
  const read = (raw: unknown, ref: OrderRef, canceling = false): OrderUpdate => {
    const status = statuses[textOf(fieldOf(raw, 'status'))]
    if (status === undefined) throw unreadable()
    // An answer to a cancel carries the cancel's own id as well, under the name that is the order's elsewhere.
    const own = textOf(fieldOf(raw, 'origClientOrderId'))
    const clientOrderId = canceling && own !== '' ? own : textOf(fieldOf(raw, 'clientOrderId'))
    const [executed, size] = [fieldOf(raw, 'executedQty'), fieldOf(raw, 'origQty') ?? fieldOf(raw, 'qty')]
    return Object.freeze({
      symbol: textOf(fieldOf(raw, 'symbol')) || ref.symbol,
      orderId: textOf(fieldOf(raw, 'orderId')),
      clientOrderId,
      status,
      side: sideOf(fieldOf(raw, 'side')),
      type: textOf(fieldOf(raw, 'type')),
      price: nonZeroOf(fieldOf(raw, 'price')),
      size: nonZeroOf(size),
      filled: decimalOf(executed),
      // Spot spells it with two m, except in amendments.
      quoteFilled:
        decimalOf(fieldOf(raw, 'cummulativeQuoteQty')) ??
        decimalOf(fieldOf(raw, 'cumulativeQuoteQty')) ??
        decimalOf(fieldOf(raw, 'cumQuote')),
      averagePrice: nonZeroOf(fieldOf(raw, 'avgPrice')),
      timeMs: timeOf(fieldOf(raw, 'updateTime') ?? fieldOf(raw, 'transactTime') ?? fieldOf(raw, 'time')),
      raw,
    })
  }
  const named = ({ symbol, orderId, clientOrderId }: OrderRef) =>
    orderId === undefined ? { symbol, origClientOrderId: clientOrderId } : { symbol, orderId }

  const terms = (order: OrderRequest & { readonly clientOrderId: string }) => {
    const { symbol, side, clientOrderId, extra } = checkOrder(order) as typeof order
    return {
      symbol,
      side: side.toUpperCase(),
      ...market.terms(order),
      newClientOrderId: clientOrderId,
      newOrderRespType: 'RESULT',
      ...extra,
    }
  }
  const replace = (path: string): OrderDialect['replace'] => ({
    form: (ref, order) => {
      const { symbol, orderId, clientOrderId } = checkRef(ref)
      if (symbol !== order.symbol) throw new OrderError('ERR_ORDER_INVALID', 'symbol: must be that of the order before')
      const before = orderId === undefined ? { cancelOrigClientOrderId: clientOrderId } : { cancelOrderId: orderId }
      // Nothing is placed unless it was canceled.
      const query = { cancelReplaceMode: 'STOP_ON_FAILURE', ...before, ...terms(order) }
      const idempotencyKey = order.clientOrderId
      return { method: 'POST', path, request: { query, kind: 'order', weight: 1, instrument: symbol, idempotencyKey } }
    },
    read: (body, ref, order) => ({
      canceled: read(fieldOf(body, 'cancelResponse'), ref, true),
      placed: read(fieldOf(body, 'newOrderResponse'), order),
    }),
  })

  return Object.freeze({
    name: market.name,
    place: (order) => {
      const query = terms(order)
      const { symbol, clientOrderId } = order
      return {
        method: 'POST',
        path: market.order,
        request: {
          query,
          kind: 'order',
          weight: market.weights.place,
          instrument: symbol,
          idempotencyKey: clientOrderId,
        },
      }
    },
    placed: (body, order) => {
      // With `newOrderRespType: 'ACK'` among the extras.
      if (fieldOf(body, 'status') !== undefined) return read(body, order)
      const orderId = textOf(fieldOf(body, 'orderId'))
      if (orderId === '') throw unreadable()
      const clientOrderId = textOf(fieldOf(body, 'clientOrderId'))
      return acceptance(order, { orderId, clientOrderId }, body, timeOf(fieldOf(body, 'transactTime')))
    },
    amend: (change) => {
      const { path, request } = market.amend(checkAmend(change))
      return { method: 'PUT', path, request: { instrument: change.symbol, ...request } }
    },
    amended: (body, change) => {
      const raw = market.amended(body)
      const update = read(raw, change)
      const timeMs = Number.isNaN(update.timeMs) ? timeOf(fieldOf(body, 'transactTime')) : update.timeMs
      return Object.freeze({ ...update, timeMs, raw: body })
    },
    replace: market.replace === undefined ? undefined : replace(market.replace),
    cancel: (ref) => ({
      method: 'DELETE',
      path: market.order,
      request: { query: named(checkRef(ref)), kind: 'cancel', weight: 1, instrument: ref.symbol },
    }),
    canceled: (body, ref) => read(body, ref, true),
    cancelAll: (symbol) =>
      symbol === undefined
        ? null
        : {
            method: 'DELETE',
            path: market.all,
            request: { query: { symbol }, kind: 'cancel', weight: 1, instrument: symbol },
          },
    cancelManyMost: 0,
    cancelMany: noCancelMany,
    canceledMany: (body) => {
      // Spot lists what it has canceled, order lists with their orders inside; USD-M says that it has.
      const each = listOf(body).flatMap((item) => [item, ...listOf(fieldOf(item, 'orderReports'))])
      return each
        .filter((item) => fieldOf(item, 'status') !== undefined)
        .map((item) => read(item, { symbol: '' }, true))
    },
    lookup: (ref) => [
      {
        method: 'GET',
        path: market.order,
        request: { query: named(checkRef(ref)), weight: market.weights.lookup, instrument: ref.symbol },
      },
    ],
    found: (body, ref) => read(body, ref),
    openOrders: (symbol) => ({
      method: 'GET',
      path: market.open,
      request:
        symbol === undefined
          ? { weight: market.weights.openAll }
          : { query: { symbol }, weight: market.weights.open, instrument: symbol },
    }),
    open: (body) => {
      if (!Array.isArray(body)) throw unreadable()
      return { orders: body.map((item) => read(item, { symbol: '' })), next: null }
    },
    // Of one symbol. A page begins where the one before has ended.
    history: {
      form: (symbol, sinceMs, from) => ({
        method: 'GET',
        path: market.history,
        request: {
          query: {
            symbol,
            ...(from === null ? { startTime: Math.floor(sinceMs) } : { orderId: from }),
            limit: historyPerPage,
          },
          weight: market.weights.history,
          instrument: symbol,
        },
      }),
      read: (body) => {
        const orders = readable(body, (item) => read(item, { symbol: '' }))
        const rows = body as readonly unknown[]
        const last = textOf(fieldOf(rows.at(-1), 'orderId'))
        return { orders, next: rows.length < historyPerPage || last === '' ? null : String(BigInt(last) + 1n) }
      },
    },
    refusal,
  } satisfies OrderDialect)
}

const historyPerPage = 1_000

const inForce = { gtc: 'GTC', ioc: 'IOC', fok: 'FOK' } as const

/** Orders of Binance Spot. https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints */
export const binanceOrders: OrderDialect = dialect({
  name: 'binance',
  order: '/api/v3/order',
  open: '/api/v3/openOrders',
  all: '/api/v3/openOrders',
  replace: '/api/v3/order/cancelReplace',
  history: '/api/v3/allOrders',
  weights: { place: 1, lookup: 4, open: 6, openAll: 80, history: 20 },
  terms: ({ type, price, size, quoteSize, timeInForce = 'gtc', reduceOnly }) => {
    if (reduceOnly) throw new OrderError('ERR_ORDER_UNSUPPORTED', '`reduceOnly` is for derivatives')
    if (type === 'market') return { type: 'MARKET', quantity: size, quoteOrderQty: quoteSize }
    if (timeInForce === 'postOnly') return { type: 'LIMIT_MAKER', quantity: size, price }
    return { type: 'LIMIT', timeInForce: inForce[timeInForce], quantity: size, price }
  },
  // Keeps its place in the queue, and only gets smaller. The client id would be a random one if it were not given again.
  amend: ({ symbol, orderId, clientOrderId, price, size }) => {
    if (price !== undefined || size === undefined) {
      throw new OrderError('ERR_ORDER_UNSUPPORTED', 'the venue amends the size of an order alone')
    }
    const ref = orderId === undefined ? { origClientOrderId: clientOrderId } : { orderId }
    return {
      path: '/api/v3/order/amend/keepPriority',
      request: { query: { symbol, ...ref, newClientOrderId: clientOrderId, newQty: size }, kind: 'amend', weight: 4 },
    }
  },
  amended: (body) => fieldOf(body, 'amendedOrder'),
})

/** Orders of Binance USD-M futures. https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api */
export const binanceUsdmOrders: OrderDialect = dialect({
  name: 'binance-usdm',
  order: '/fapi/v1/order',
  open: '/fapi/v1/openOrders',
  all: '/fapi/v1/allOpenOrders',
  // Orders weigh nothing there: they are counted.
  history: '/fapi/v1/allOrders',
  weights: { place: 0, lookup: 1, open: 1, openAll: 40, history: 5 },
  terms: ({ type, price, size, quoteSize, timeInForce = 'gtc', reduceOnly }) => {
    if (quoteSize !== undefined) throw new OrderError('ERR_ORDER_UNSUPPORTED', '`quoteSize` is for Spot')
    const common = { quantity: size, reduceOnly: reduceOnly ? 'true' : undefined }
    if (type === 'market') return { type: 'MARKET', ...common }
    return { type: 'LIMIT', timeInForce: timeInForce === 'postOnly' ? 'GTX' : inForce[timeInForce], price, ...common }
  },
  // Counted with the orders, which amendments of Spot are not.
  amend: ({ symbol, orderId, clientOrderId, price, size, side }) => {
    if (price === undefined || size === undefined || side === undefined) {
      throw new OrderError(
        'ERR_ORDER_INVALID',
        'the venue wants `side`, `price` and `size` of an order that is amended',
      )
    }
    const ref = orderId === undefined ? { origClientOrderId: clientOrderId } : { orderId }
    const query = { symbol, ...ref, side: side.toUpperCase(), quantity: size, price }
    return { path: '/fapi/v1/order', request: { query, kind: 'order', weight: 0 } }
  },
  amended: (body) => body,
})
