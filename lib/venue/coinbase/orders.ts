import { decimalOf, nonZeroOf } from '../order/decimal-text.js'
import { fieldOf, listOf, sideOf, textOf, words } from '../order/fields.js'
import {
  checkAmend,
  checkOrder,
  checkRef,
  type OrderRef,
  type OrderRequest,
  type OrderStatus,
  type OrderUpdate,
} from '../order/order.js'
import {
  acceptance,
  type CancelResult,
  type OrderDialect,
  readable,
  refusalTable,
  unreadable,
} from '../order/order-dialect.js'
import { OrderError } from '../order/order-error.js'

/** https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/orders/get-order */
export const statuses = words<OrderStatus>({
  PENDING: 'accepted',
  QUEUED: 'accepted',
  OPEN: 'open',
  CANCEL_QUEUED: 'open',
  EDIT_QUEUED: 'open',
  FILLED: 'filled',
  CANCELLED: 'canceled',
  EXPIRED: 'expired',
  FAILED: 'rejected',
})

const refusal = refusalTable(
  {
    INSUFFICIENT_FUND: 'ERR_ORDER_BALANCE',
    INSUFFICIENT_FUNDS: 'ERR_ORDER_BALANCE',
    INVALID_LIMIT_PRICE_POST_ONLY: 'ERR_ORDER_POST_ONLY',
    INVALID_PRICE_PRECISION: 'ERR_ORDER_FILTER',
    INVALID_SIZE_PRECISION: 'ERR_ORDER_FILTER',
    INVALID_LIMIT_PRICE: 'ERR_ORDER_FILTER',
    INVALID_PRODUCT_ID: 'ERR_ORDER_INSTRUMENT',
    UNKNOWN_CANCEL_ORDER: 'ERR_ORDER_NOT_FOUND',
    ORDER_IS_FULLY_FILLED: 'ERR_ORDER_NOT_FOUND',
    ORDER_NOT_FOUND: 'ERR_ORDER_NOT_FOUND',
    NOT_FOUND: 'ERR_ORDER_NOT_FOUND',
    ONLY_OPEN_ORDERS_CAN_BE_EDITED: 'ERR_ORDER_NOT_FOUND',
    INVALID_EDITED_SIZE: 'ERR_ORDER_FILTER',
    INVALID_EDITED_PRICE: 'ERR_ORDER_FILTER',
    CANNOT_EDIT_TO_BELOW_FILLED_SIZE: 'ERR_ORDER_FILTER',
    INVALID_ARGUMENT: 'ERR_ORDER_INVALID',
    PERMISSION_DENIED: 'ERR_ORDER_AUTH',
    UNAUTHENTICATED: 'ERR_ORDER_AUTH',
  },
  [[/post.?only/i, 'ERR_ORDER_POST_ONLY']],
)

const orders = '/api/v3/brokerage/orders'

/**
 * Orders of Coinbase Advanced Trade. An order that is sent again with its client id is not created again: the venue answers with the one that is
 * there. All else is by the venue's own id,
 * but for look-ups, which find the client's among the newest 250 orders of the symbol.
 * https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/orders/create-order
 */
export const coinbaseOrders: OrderDialect = Object.freeze({
  name: 'coinbase',
  place: (order) => {
    const { symbol, side, clientOrderId, reduceOnly, extra } = checkOrder(order) as typeof order
    if (reduceOnly) throw new OrderError('ERR_ORDER_UNSUPPORTED', 'the venue has no `reduceOnly`')
    const json = {
      client_order_id: clientOrderId,
      product_id: symbol,
      side: side.toUpperCase(),
      order_configuration: configuration(order),
      ...extra,
    }
    return {
      method: 'POST',
      path: orders,
      request: { json, kind: 'order', idempotent: true, instrument: symbol, idempotencyKey: clientOrderId },
    }
  },
  placed: (body, order) => {
    const told = fieldOf(body, 'success_response')
    const orderId = textOf(fieldOf(told, 'order_id'))
    if (fieldOf(body, 'success') !== true || orderId === '') throw unreadable()
    return acceptance(order, { orderId, clientOrderId: textOf(fieldOf(told, 'client_order_id')) }, body)
  },
  amend: (change) => {
    const { symbol, price, size } = checkAmend(change)
    // What is left out the venue takes for nothing at all.
    if (price === undefined || size === undefined) {
      throw new OrderError('ERR_ORDER_INVALID', 'the venue wants `price` and `size` of an order that is amended')
    }
    const json = { order_id: ownId(change), price, size }
    return { method: 'POST', path: `${orders}/edit`, request: { json, kind: 'amend', instrument: symbol } }
  },
  amended: (body, change) => {
    if (fieldOf(body, 'success') === true) return acceptance(change, { orderId: '', clientOrderId: '' }, body)
    const error = listOf(fieldOf(body, 'errors'))[0]
    throw refused(textOf(fieldOf(error, 'edit_failure_reason')) || textOf(fieldOf(error, 'preview_failure_reason')))
  },
  cancel: (ref) => cancelMany([checkRef(ref)]),
  canceled: (body, ref) => {
    const [result] = canceledMany(body, [ref])
    if (result === undefined) throw unreadable()
    if ('error' in result) throw result.error
    return result
  },
  cancelAll: () => null,
  cancelManyMost: 100,
  cancelMany: (refs) => cancelMany(refs),
  canceledMany: (body, refs) => canceledMany(body, refs),
  lookup: (ref) => {
    const { symbol, orderId } = checkRef(ref)
    if (orderId !== undefined) {
      return [
        {
          method: 'GET',
          path: `${orders}/historical/${encodeURIComponent(orderId)}`,
          request: { route: `GET ${orders}/historical/{order_id}`, instrument: symbol },
        },
      ]
    }
    // By the client's id the venue does not look: it is among the newest, or not to be found.
    return [
      {
        method: 'GET',
        path: `${orders}/historical/batch`,
        request: { query: { product_ids: symbol, limit: 250 }, instrument: symbol },
      },
    ]
  },
  found: (body, ref) => {
    const list = fieldOf(body, 'orders')
    const raw = Array.isArray(list)
      ? (list as unknown[]).find((item) => fieldOf(item, 'client_order_id') === ref.clientOrderId)
      : fieldOf(body, 'order')
    return raw === undefined ? null : readOrder(raw, ref)
  },
  openOrders: (symbol, from) => ({
    method: 'GET',
    path: `${orders}/historical/batch`,
    request: {
      query: { order_status: 'OPEN', product_ids: symbol, limit: 250, cursor: from ?? undefined },
      instrument: symbol,
    },
  }),
  open: (body) => {
    const list = fieldOf(body, 'orders')
    if (!Array.isArray(list)) throw unreadable()
    const next = fieldOf(body, 'has_next') === true ? textOf(fieldOf(body, 'cursor')) : ''
    return { orders: list.map((raw) => readOrder(raw, { symbol: '' })), next: next === '' ? null : next }
  },
  history: {
    lists: ['all'],
    form: (_, sinceMs, from) => ({
      method: 'GET',
      path: `${orders}/historical/batch`,
      request: { query: { start_date: new Date(sinceMs).toISOString(), limit: 250, cursor: from ?? undefined } },
    }),
    read: (body) => {
      const next = fieldOf(body, 'has_next') === true ? textOf(fieldOf(body, 'cursor')) : ''
      const listed = readable(fieldOf(body, 'orders'), (raw) => readOrder(raw, { symbol: '' }))
      return { orders: listed, next: next === '' ? null : next }
    },
  },
  refusal,
} satisfies OrderDialect)

function configuration({ type, price, size, quoteSize, timeInForce = 'gtc' }: OrderRequest): object {
  if (type === 'market')
    return { market_market_ioc: size === undefined ? { quote_size: quoteSize } : { base_size: size } }
  const terms = { base_size: size, limit_price: price }
  if (timeInForce === 'ioc') return { sor_limit_ioc: terms }
  if (timeInForce === 'fok') return { limit_limit_fok: terms }
  return { limit_limit_gtc: { ...terms, post_only: timeInForce === 'postOnly' } }
}

function cancelMany(refs: readonly OrderRef[]): ReturnType<OrderDialect['cancelMany']> {
  const json = { order_ids: refs.map(ownId) }
  return {
    method: 'POST',
    path: `${orders}/batch_cancel`,
    request: { json, kind: 'cancel', idempotent: true, count: refs.length, instrument: refs[0]?.symbol },
  }
}

function canceledMany(body: unknown, refs: readonly OrderRef[]): readonly CancelResult[] {
  const results = new Map(listOf(fieldOf(body, 'results')).map((item) => [textOf(fieldOf(item, 'order_id')), item]))
  return refs.map((ref): CancelResult => {
    const item = results.get(ref.orderId ?? '')
    if (item === undefined) return { ref, error: unreadable() }
    // Taken, that is: whether it came in time is told later.
    if (fieldOf(item, 'success') === true) return acceptance(ref, { orderId: '', clientOrderId: '' }, item)
    return { ref, error: refused(textOf(fieldOf(item, 'failure_reason'))) }
  })
}

function refused(venueCode: string): OrderError {
  if (venueCode === '') return unreadable()
  return new OrderError(refusal(venueCode, ''), venueCode, { venueCode })
}

function ownId({ orderId }: OrderRef): string {
  if (orderId === undefined) throw new OrderError('ERR_ORDER_INVALID', 'orderId: the venue wants its own id')
  return orderId
}

function readOrder(raw: unknown, ref: OrderRef): OrderUpdate {
  const known = statuses[textOf(fieldOf(raw, 'status'))]
  if (known === undefined) throw unreadable()
  const filled = decimalOf(fieldOf(raw, 'filled_size'))
  // One entry, named after the kind of order.
  const terms = Object.values((fieldOf(raw, 'order_configuration') ?? {}) as object)[0] as unknown
  const at = ['last_update_time', 'last_fill_time', 'created_time'].map((name) => fieldOf(raw, name)).find(Boolean)
  return Object.freeze({
    symbol: textOf(fieldOf(raw, 'product_id')) || ref.symbol,
    orderId: textOf(fieldOf(raw, 'order_id')),
    clientOrderId: textOf(fieldOf(raw, 'client_order_id')),
    status: known === 'open' && nonZeroOf(filled) !== null ? 'partiallyFilled' : known,
    side: sideOf(fieldOf(raw, 'side')),
    type: textOf(fieldOf(raw, 'order_type')),
    price: nonZeroOf(fieldOf(terms, 'limit_price')),
    size: nonZeroOf(fieldOf(terms, 'base_size')),
    filled,
    quoteFilled: decimalOf(fieldOf(raw, 'filled_value')),
    averagePrice: nonZeroOf(fieldOf(raw, 'average_filled_price')),
    timeMs: Date.parse(textOf(at)),
    raw,
  })
}
