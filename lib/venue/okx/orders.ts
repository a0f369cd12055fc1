import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'
import { decimalOf, nonZeroOf } from '../order/decimal-text.js'
import { fieldOf, listOf, sideOf, textOf, timeOf, words } from '../order/fields.js'
import { checkAmend, checkOrder, checkRef, type OrderRef, type OrderStatus, type OrderUpdate } from '../order/order.js'
import {
  acceptance,
  type CancelResult,
  type OrderDialect,
  readable,
  refusalTable,
  unreadable,
} from '../order/order-dialect.js'
import { OrderError } from '../order/order-error.js'

/** Options of `okx.orders()`. */
export interface OkxOrdersOptions {
  /** How orders are margined: `cash` for Spot without borrowing. Default `'cash'`. */
  readonly tdMode?: 'cash' | 'cross' | 'isolated' | 'spot_isolated' | undefined
}

const schema = z.strictObject({ tdMode: z.enum(['cash', 'cross', 'isolated', 'spot_isolated']).default('cash') })

/** https://www.okx.com/docs-v5/en/#order-book-trading-trade-get-order-details */
const statuses = words<OrderStatus>({
  live: 'open',
  partially_filled: 'partiallyFilled',
  filled: 'filled',
  canceled: 'canceled',
  mmp_canceled: 'canceled',
})

/** https://www.okx.com/docs-v5/en/#error-code */
const refusal = refusalTable({
  '50103': 'ERR_ORDER_AUTH',
  '50104': 'ERR_ORDER_AUTH',
  '50105': 'ERR_ORDER_AUTH',
  '50110': 'ERR_ORDER_AUTH',
  '50111': 'ERR_ORDER_AUTH',
  '50113': 'ERR_ORDER_AUTH',
  '50114': 'ERR_ORDER_AUTH',
  '51000': 'ERR_ORDER_INVALID',
  '51001': 'ERR_ORDER_INSTRUMENT',
  '51008': 'ERR_ORDER_BALANCE',
  '51020': 'ERR_ORDER_FILTER',
  '51021': 'ERR_ORDER_INSTRUMENT',
  '51022': 'ERR_ORDER_INSTRUMENT',
  '51025': 'ERR_ORDER_CAPACITY',
  '51027': 'ERR_ORDER_INSTRUMENT',
  '51028': 'ERR_ORDER_INSTRUMENT',
  '51119': 'ERR_ORDER_BALANCE',
  '51120': 'ERR_ORDER_FILTER',
  '51121': 'ERR_ORDER_FILTER',
  '51127': 'ERR_ORDER_BALANCE',
  '51131': 'ERR_ORDER_BALANCE',
  '51138': 'ERR_ORDER_FILTER',
  '51400': 'ERR_ORDER_NOT_FOUND',
  '51401': 'ERR_ORDER_NOT_FOUND',
  '51402': 'ERR_ORDER_NOT_FOUND',
  '51503': 'ERR_ORDER_NOT_FOUND',
  '51509': 'ERR_ORDER_NOT_FOUND',
  '51510': 'ERR_ORDER_NOT_FOUND',
  '51603': 'ERR_ORDER_NOT_FOUND',
})

const types = { gtc: 'limit', ioc: 'ioc', fok: 'fok', postOnly: 'post_only' } as const

/** Orders of one instrument type; of Spot the venue asks for the unit of a market order. */
const isSpot = (instId: string): boolean => instId.split('-').length === 2

/**
 * Orders of OKX v5. Answers say that a request was taken; states come from look-ups and the private stream.
 * https://www.okx.com/docs-v5/en/#order-book-trading-trade
 * @throws ConfigError
 */
export function okxOrders(options: OkxOrdersOptions = {}): OrderDialect {
  const { tdMode } = parseConfig('OKX orders', schema, options)

  const named = ({ symbol, orderId, clientOrderId }: OrderRef) =>
    orderId === undefined ? { instId: symbol, clOrdId: clientOrderId } : { instId: symbol, ordId: orderId }
  const accepted = (body: unknown, ref: OrderRef): OrderUpdate => {
    const item = listOf(fieldOf(body, 'data'))[0]
    if (textOf(fieldOf(item, 'sCode')) !== '0') throw unreadable()
    return acceptance(ref, idsOf(item), item, timeOf(fieldOf(item, 'ts')))
  }

  return Object.freeze({
    name: 'okx',
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
      const spot = isSpot(symbol)
      if (quoteSize !== undefined && !spot) throw new OrderError('ERR_ORDER_UNSUPPORTED', '`quoteSize` is for Spot')
      const json = {
        instId: symbol,
        tdMode,
        side,
        ordType: type === 'market' ? 'market' : types[timeInForce],
        sz: size ?? quoteSize,
        ...(type === 'limit'
          ? { px: price }
          : spot
            ? { tgtCcy: quoteSize === undefined ? 'base_ccy' : 'quote_ccy' }
            : {}),
        ...(reduceOnly ? { reduceOnly } : {}),
        clOrdId: clientOrderId,
        ...extra,
      }
      return {
        method: 'POST',
        path: '/api/v5/trade/order',
        request: { json, kind: 'order', instrument: symbol, idempotencyKey: clientOrderId },
      }
    },
    placed: accepted,
    amend: (change) => {
      const { price, size } = checkAmend(change)
      const json = { ...named(change), newSz: size, newPx: price }
      return {
        method: 'POST',
        path: '/api/v5/trade/amend-order',
        request: { json, kind: 'amend', instrument: change.symbol },
      }
    },
    amended: accepted,
    cancel: (ref) => ({
      method: 'POST',
      path: '/api/v5/trade/cancel-order',
      request: { json: named(checkRef(ref)), kind: 'cancel', idempotent: true, instrument: ref.symbol },
    }),
    canceled: accepted,
    cancelAll: () => null,
    cancelManyMost: 20,
    cancelMany: (refs) => ({
      method: 'POST',
      path: '/api/v5/trade/cancel-batch-orders',
      request: {
        json: refs.map((ref) => named(checkRef(ref))),
        kind: 'cancel',
        idempotent: true,
        count: refs.length,
        instrument: refs[0]?.symbol,
      },
    }),
    canceledMany: (body, refs) => {
      const items = listOf(fieldOf(body, 'data'))
      return refs.map((ref, i): CancelResult => {
        const item = items[i]
        if (item === undefined) return { ref, error: unreadable() }
        const code = textOf(fieldOf(item, 'sCode'))
        if (code === '0') return acceptance(ref, idsOf(item), item, timeOf(fieldOf(item, 'ts')))
        const venueMessage = textOf(fieldOf(item, 'sMsg'))
        return {
          ref,
          error: new OrderError(refusal(code, venueMessage), venueMessage, { venueCode: code, venueMessage }),
        }
      })
    },
    lookup: (ref) => [
      {
        method: 'GET',
        path: '/api/v5/trade/order',
        request: { query: named(checkRef(ref)), instrument: ref.symbol },
      },
    ],
    found: (body, ref) => {
      const item = listOf(fieldOf(body, 'data'))[0]
      return item === undefined ? null : readOrder(item, ref)
    },
    openOrders: (symbol, from) => ({
      method: 'GET',
      path: '/api/v5/trade/orders-pending',
      request: { query: { instId: symbol, after: from ?? undefined, limit: 100 }, instrument: symbol },
    }),
    open: (body) => {
      const data = fieldOf(body, 'data')
      if (!Array.isArray(data)) throw unreadable()
      const orders = data.map((item) => readOrder(item, { symbol: '' }))
      // The next page is what is older than the last of this one.
      return { orders, next: data.length < 100 ? null : (orders.at(-1)?.orderId ?? null) }
    },
    // Of the last seven days; what was canceled without any fill, of two hours.
    // https://www.okx.com/docs-v5/en/#order-book-trading-trade-get-order-history-last-7-days
    history: {
      lists: ['SPOT', 'MARGIN', 'SWAP', 'FUTURES', 'OPTION'],
      form: (instType, sinceMs, from) => ({
        method: 'GET',
        path: '/api/v5/trade/orders-history',
        request: { query: { instType, begin: Math.floor(sinceMs), after: from ?? undefined, limit: 100 } },
      }),
      read: (body) => {
        const data = fieldOf(body, 'data')
        const orders = readable(data, (raw) => readOrder(raw, { symbol: '' }))
        const rows = data as readonly unknown[]
        return { orders, next: rows.length < 100 ? null : textOf(fieldOf(rows.at(-1), 'ordId')) || null }
      },
    },
    refusal,
  } satisfies OrderDialect)
}

function idsOf(item: unknown): { readonly orderId: string; readonly clientOrderId: string } {
  return { orderId: textOf(fieldOf(item, 'ordId')), clientOrderId: textOf(fieldOf(item, 'clOrdId')) }
}

/** An order as look-ups and the private stream show it. @throws OrderError `ERR_ORDER_UNKNOWN` */
export function readOrder(raw: unknown, ref: OrderRef): OrderUpdate {
  const status = statuses[textOf(fieldOf(raw, 'state'))]
  if (status === undefined) throw unreadable()
  return Object.freeze({
    symbol: textOf(fieldOf(raw, 'instId')) || ref.symbol,
    ...idsOf(raw),
    status,
    side: sideOf(fieldOf(raw, 'side')),
    type: textOf(fieldOf(raw, 'ordType')),
    price: nonZeroOf(fieldOf(raw, 'px')),
    // Of a market order by value this is the value.
    size: fieldOf(raw, 'tgtCcy') === 'quote_ccy' ? null : nonZeroOf(fieldOf(raw, 'sz')),
    filled: decimalOf(fieldOf(raw, 'accFillSz')),
    quoteFilled: null,
    averagePrice: nonZeroOf(fieldOf(raw, 'avgPx')),
    timeMs: timeOf(fieldOf(raw, 'uTime') ?? fieldOf(raw, 'cTime')),
    raw,
  })
}
