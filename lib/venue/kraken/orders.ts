import { krakenOrderWeight } from '../../policy/venue/kraken-order-ages.js'
import { decimalOf, nonZeroOf } from '../order/decimal-text.js'
import { fieldOf, listOf, numberOf, sideOf, textOf, words } from '../order/fields.js'
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

/** https://docs.kraken.com/api/docs/rest-api/get-orders-info */
const statuses = words<OrderStatus>({
  pending: 'accepted',
  open: 'open',
  closed: 'filled',
  canceled: 'canceled',
  expired: 'expired',
})

/** https://docs.kraken.com/api/docs/guides/spot-errors. Codes are texts here, some with what is wrong at their end. */
const refusal = refusalTable({}, [
  [/^E(API:Invalid (key|signature)|General:Permission denied)/, 'ERR_ORDER_AUTH'],
  [/^EOrder:Insufficient (funds|margin|initial margin)/, 'ERR_ORDER_BALANCE'],
  [/^EOrder:(Unknown order|Invalid order)|^EGeneral:Unknown order/, 'ERR_ORDER_NOT_FOUND'],
  [/^EOrder:Post only order/, 'ERR_ORDER_POST_ONLY'],
  [/^EOrder:(Order|Cost) minimum not met|^EOrder:(Tick size check failed|Invalid price)/, 'ERR_ORDER_FILTER'],
  [/^EOrder:(Orders|Positions|Margin allowance) limit exceeded/, 'ERR_ORDER_CAPACITY'],
  [/^E(Query:Unknown asset pair|Service:Market)/, 'ERR_ORDER_INSTRUMENT'],
  [/^EGeneral:Invalid arguments/, 'ERR_ORDER_INVALID'],
])

/**
 * What amending and canceling cost on the trading counter while an order is less than five seconds old. Older ones cost less: `KrakenOrderAges`
 * knows how much. Charged so, nothing is counted too little.
 */
const youngAmend = 4
const youngCancel = 8

/** Orders of Kraken Spot. https://docs.kraken.com/api/docs/rest-api/add-order */
export const krakenOrders: OrderDialect = Object.freeze({
  name: 'kraken',
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
    if (timeInForce === 'fok') throw new OrderError('ERR_ORDER_UNSUPPORTED', 'the venue does not document `fok`')
    const form = {
      pair: symbol,
      type: side,
      ordertype: type,
      volume: size ?? quoteSize,
      price: type === 'limit' ? price : undefined,
      timeinforce: timeInForce === 'ioc' ? 'IOC' : undefined,
      oflags: timeInForce === 'postOnly' ? 'post' : quoteSize === undefined ? undefined : 'viqc',
      reduce_only: reduceOnly ? true : undefined,
      cl_ord_id: clientOrderId,
      ...extra,
    }
    return {
      method: 'POST',
      path: '/0/private/AddOrder',
      request: { form, kind: 'order', weight: krakenOrderWeight, instrument: symbol, idempotencyKey: clientOrderId },
    }
  },
  placed: (body, order) => {
    const orderId = textOf(listOf(fieldOf(fieldOf(body, 'result'), 'txid'))[0])
    if (orderId === '') throw unreadable()
    return acceptance(order, { orderId, clientOrderId: order.clientOrderId }, body)
  },
  amend: (change) => {
    const { symbol, price, size } = checkAmend(change)
    const form = { ...named(change), order_qty: size, limit_price: price }
    return {
      method: 'POST',
      path: '/0/private/AmendOrder',
      request: { form, kind: 'amend', weight: youngAmend, instrument: symbol },
    }
  },
  amended: (body, change) => {
    if (textOf(fieldOf(fieldOf(body, 'result'), 'amend_id')) === '') throw unreadable()
    // It is changed by now, and look-ups do not say when it was: this is what tells the newer from the older.
    const { price = null, size = null } = change
    return Object.freeze({ ...acceptance(change, { orderId: '', clientOrderId: '' }, body), price, size })
  },
  cancel: (ref) => ({
    method: 'POST',
    path: '/0/private/CancelOrder',
    request: {
      form: named(checkRef(ref)),
      kind: 'cancel',
      weight: youngCancel,
      idempotent: true,
      instrument: ref.symbol,
    },
  }),
  canceled: (body, ref) => {
    const result = fieldOf(body, 'result')
    if (!(numberOf(fieldOf(result, 'count')) >= 1) && fieldOf(result, 'pending') !== true) throw unreadable()
    const taken = acceptance(ref, { orderId: '', clientOrderId: '' }, body)
    // `pending`: it is about to be.
    return fieldOf(result, 'pending') === true ? taken : Object.freeze({ ...taken, status: 'canceled' })
  },
  // Of the whole account alone.
  cancelAll: (symbol) =>
    symbol === undefined
      ? { method: 'POST', path: '/0/private/CancelAll', request: { kind: 'cancel', idempotent: true } }
      : null,
  cancelManyMost: 0,
  cancelMany: noCancelMany,
  canceledMany: () => [],
  lookup: (ref) => {
    checkRef(ref)
    if (ref.orderId !== undefined) {
      return [
        { method: 'POST', path: '/0/private/QueryOrders', request: { form: { txid: ref.orderId }, kind: 'query' } },
      ]
    }
    const form = { cl_ord_id: ref.clientOrderId }
    return [
      { method: 'POST', path: '/0/private/OpenOrders', request: { form, kind: 'query' } },
      { method: 'POST', path: '/0/private/ClosedOrders', request: { form, kind: 'query' } },
    ]
  },
  found: (body, ref) => {
    const result = fieldOf(body, 'result')
    const [first] = entriesOf(fieldOf(result, 'open') ?? fieldOf(result, 'closed') ?? result)
    return first === undefined ? null : readOrder(first[0], first[1], ref)
  },
  openOrders: () => ({ method: 'POST', path: '/0/private/OpenOrders', request: { kind: 'query' } }),
  open: (body) => {
    const open = fieldOf(fieldOf(body, 'result'), 'open')
    if (typeof open !== 'object' || open === null) throw unreadable()
    return { orders: entriesOf(open).map(([id, raw]) => readOrder(id, raw, { symbol: '' })), next: null }
  },
  // https://docs.kraken.com/api/docs/rest-api/get-closed-orders
  history: {
    lists: ['all'],
    form: (_, sinceMs, from) => ({
      method: 'POST',
      path: '/0/private/ClosedOrders',
      request: { form: { start: Math.floor(sinceMs / 1_000), ofs: from ?? undefined }, kind: 'query' },
    }),
    read: (body, from) => {
      const closed = fieldOf(fieldOf(body, 'result'), 'closed')
      if (typeof closed !== 'object' || closed === null) throw unreadable()
      const entries = entriesOf(closed)
      const orders = readable(entries, (entry) => readOrder(...(entry as [string, unknown]), { symbol: '' }))
      return { orders, next: entries.length < closedPerPage ? null : String(Number(from ?? 0) + entries.length) }
    },
  },
  refusal,
} satisfies OrderDialect)

/** Orders of one page. */
const closedPerPage = 50

function named({ orderId, clientOrderId }: OrderRef) {
  return orderId === undefined ? { cl_ord_id: clientOrderId } : { txid: orderId }
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : []
}

function readOrder(id: string, raw: unknown, ref: OrderRef): OrderUpdate {
  const known = statuses[textOf(fieldOf(raw, 'status'))]
  if (known === undefined) throw unreadable()
  const about = fieldOf(raw, 'descr')
  const filled = decimalOf(fieldOf(raw, 'vol_exec'))
  const byValue = /\bviqc\b/.test(textOf(fieldOf(raw, 'oflags')))
  // Seconds; of what has ended, when it did. Nothing tells when an open order was changed last.
  const at = numberOf(fieldOf(raw, 'closetm') ?? fieldOf(raw, 'opentm'))
  return Object.freeze({
    symbol: textOf(fieldOf(about, 'pair')) || ref.symbol,
    orderId: id,
    clientOrderId: textOf(fieldOf(raw, 'cl_ord_id')),
    status: known === 'open' && nonZeroOf(filled) !== null ? 'partiallyFilled' : known,
    side: sideOf(fieldOf(about, 'type')),
    type: textOf(fieldOf(about, 'ordertype')),
    price: nonZeroOf(fieldOf(about, 'price')),
    size: byValue ? null : nonZeroOf(fieldOf(raw, 'vol')),
    filled,
    quoteFilled: decimalOf(fieldOf(raw, 'cost')),
    averagePrice: nonZeroOf(fieldOf(raw, 'price')),
    timeMs: at > 0 ? at * 1_000 : Number.NaN,
    raw,
  })
}
