/** What can be asked of Coinbase Advanced Trade by REST: https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api */

import { parseAmount } from '../amount.js'
import type { DialectContext } from '../dialect.js'
import type { Account } from '../engine/account.js'
import { isRefusal } from '../engine/engine.js'
import { isOpen, type Order, type OrderTerms, type Refusal } from '../engine/order.js'
import * as shapes from './shapes.js'

type Fields = Readonly<Record<string, unknown>>

export interface Call {
  readonly context: DialectContext
  readonly account: Account
  readonly query: URLSearchParams
  readonly body: Fields
}

/** A request that makes no sense. */
export class Refused extends Error {
  readonly status: number
  readonly error: string

  constructor(status: number, error: string, message: string) {
    super(message)
    this.status = status
    this.error = error
  }
}

const reasons: Readonly<Record<Refusal, string>> = {
  symbol: 'INVALID_PRODUCT_ID',
  priceStep: 'INVALID_PRICE_PRECISION',
  sizeStep: 'INVALID_SIZE_PRECISION',
  notional: 'INVALID_ORDER_CONFIG',
  balance: 'INSUFFICIENT_FUND',
  duplicate: 'DUPLICATE_CLIENT_ORDER_ID',
  wouldTake: 'INVALID_LIMIT_PRICE_POST_ONLY',
  capacity: 'TOO_MANY_OPEN_ORDERS',
  noLiquidity: 'INSUFFICIENT_LIQUIDITY',
  unknownOrder: 'ORDER_NOT_FOUND',
  amendUp: 'INVALID_EDITED_SIZE',
  noChange: 'INVALID_EDITED_SIZE',
}

function termsOf({ product_id, side, client_order_id, order_configuration }: Fields): OrderTerms | null {
  const [entry] = Object.entries((order_configuration ?? {}) as object)
  if (
    entry === undefined ||
    (side !== 'BUY' && side !== 'SELL') ||
    typeof client_order_id !== 'string' ||
    client_order_id === ''
  )
    return null
  const [kind, terms] = entry as [string, Fields]
  const amount = (name: string): bigint | null => (terms[name] === undefined ? 0n : parseAmount(terms[name]))
  const [size, quoteSize, price] = [amount('base_size'), amount('quote_size'), amount('limit_price')]
  if (size === null || quoteSize === null || price === null) return null
  const common = {
    symbol: String(product_id),
    side: side === 'BUY' ? ('buy' as const) : ('sell' as const),
    clientId: client_order_id,
    price,
    size,
  }
  switch (kind) {
    case 'market_market_ioc':
      return { ...common, type: 'market', timeInForce: 'gtc', price: 0n, quoteSize }
    case 'limit_limit_gtc':
      return { ...common, type: 'limit', timeInForce: terms['post_only'] === true ? 'postOnly' : 'gtc', quoteSize: 0n }
    case 'sor_limit_ioc':
      return { ...common, type: 'limit', timeInForce: 'ioc', quoteSize: 0n }
    case 'limit_limit_fok':
      return { ...common, type: 'limit', timeInForce: 'fok', quoteSize: 0n }
    default:
      return null
  }
}

function place({ context, account, body }: Call): object {
  const terms = termsOf(body)
  if (terms === null) throw new Refused(400, 'INVALID_ARGUMENT', 'the order is not understood')
  // One that is sent again is not created again.
  const known = account.find(null, terms.clientId)
  const result = known ?? context.engine.place(account, terms)
  if (isRefusal(result)) {
    const error = reasons[result]
    return {
      success: false,
      failure_reason: error,
      order_id: '',
      error_response: {
        error,
        message: error,
        error_details: '',
        preview_failure_reason: 'UNKNOWN_PREVIEW_FAILURE_REASON',
      },
    }
  }
  const told = {
    order_id: shapes.orderId(result.id),
    product_id: result.symbol,
    side: result.side.toUpperCase(),
    client_order_id: result.clientId,
  }
  return {
    success: true,
    failure_reason: 'UNKNOWN_FAILURE_REASON',
    order_id: told.order_id,
    success_response: told,
    order_configuration: shapes.configurationOf(result),
  }
}

function find({ account }: Call, id: unknown): Order | undefined {
  const number = typeof id === 'string' ? shapes.orderNumber(id) : null
  return number === null ? undefined : account.orders.get(number)
}

function cancel(call: Call): object {
  const ids = call.body['order_ids']
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > 100)
    throw new Refused(400, 'INVALID_ARGUMENT', 'order_ids')
  const results = (ids as unknown[]).map((id) => {
    const order = find(call, id)
    const done = order !== undefined && call.context.engine.cancel(order) === null
    return {
      success: done,
      failure_reason: done ? 'UNKNOWN_CANCEL_FAILURE_REASON' : 'UNKNOWN_CANCEL_ORDER',
      order_id: id,
    }
  })
  return { results }
}

function edit(call: Call): object {
  const fail = (edit_failure_reason: string): object => ({
    success: false,
    errors: [{ edit_failure_reason, preview_failure_reason: 'UNKNOWN_PREVIEW_FAILURE_REASON' }],
  })
  const order = find(call, call.body['order_id'])
  if (order === undefined) return fail('ORDER_NOT_FOUND')
  if (!isOpen(order)) return fail('ONLY_OPEN_ORDERS_CAN_BE_EDITED')
  const [price, size] = [parseAmount(call.body['price']), parseAmount(call.body['size'])]
  if (price === null || price === 0n) return fail('INVALID_EDITED_PRICE')
  if (size === null) return fail('INVALID_EDITED_SIZE')
  if (size <= order.filled) return fail('CANNOT_EDIT_TO_BELOW_FILLED_SIZE')
  const refusal = call.context.engine.amend(order, { price, size })
  return refusal === null ? { success: true, errors: [] } : fail(reasons[refusal])
}

/** Newest first, in pages. */
function page<T>(
  rows: readonly T[],
  query: URLSearchParams,
): { readonly rows: readonly T[]; readonly cursor: string; readonly hasNext: boolean } {
  const limit = Math.max(1, Math.min(250, Number(query.get('limit') ?? 100) || 100))
  const from = Math.max(0, Number(query.get('cursor') ?? 0) || 0)
  const hasNext = from + limit < rows.length
  return { rows: [...rows].reverse().slice(from, from + limit), cursor: hasNext ? String(from + limit) : '', hasNext }
}

function list({ account, query }: Call): object {
  const [products, statuses] = [query.getAll('product_ids'), query.getAll('order_status')]
  const since = Date.parse(query.get('start_date') ?? '') || 0
  const orders = [...account.orders.values()].filter((order) => {
    const { status } = shapes.orderOf(order) as { status: string }
    return (
      (products.length === 0 || products.includes(order.symbol)) &&
      (statuses.length === 0 || statuses.includes(status)) &&
      order.createdMs >= since
    )
  })
  const { rows, cursor, hasNext } = page(orders, query)
  return { orders: rows.map(shapes.orderOf), sequence: '0', has_next: hasNext, cursor }
}

function fills({ account, query }: Call): object {
  const wanted = query.getAll('order_ids')
  const all = [...account.orders.values()]
    .filter(({ id }) => wanted.length === 0 || wanted.includes(shapes.orderId(id)))
    .flatMap((order) => order.fills.map((fill) => ({ order, fill })))
    .sort((a, b) => (a.fill.tradeId < b.fill.tradeId ? -1 : 1))
  const { rows, cursor } = page(all, query)
  return { fills: rows.map(({ order, fill }) => shapes.fillOf(order, fill)), cursor }
}

const root = '/api/v3/brokerage'

/** What is to be had without a key. */
export const publicCalls: Readonly<Record<string, (call: Omit<Call, 'account'>) => unknown>> = {
  [`GET ${root}/time`]: ({ context }) => {
    const now = context.now()
    return { iso: new Date(now).toISOString(), epochSeconds: String(Math.floor(now / 1_000)), epochMillis: String(now) }
  },
  [`GET ${root}/market/products`]: ({ context }) => ({
    products: [...context.instruments.values()].map(shapes.productOf),
    num_products: context.instruments.size,
  }),
  [`GET ${root}/market/product_book`]: ({ context, query }) => {
    const product = query.get('product_id') ?? ''
    if (!context.instruments.has(product)) throw new Refused(404, 'NOT_FOUND', 'product not found')
    const { bids, asks } = context.market
      .book(product)
      .top(Math.max(1, Math.min(5_000, Number(query.get('limit') ?? 50) || 50)))
    const rows = (levels: typeof bids) => levels.map(([price, size]) => ({ price, size }))
    return {
      pricebook: {
        product_id: product,
        bids: rows(bids),
        asks: rows(asks),
        time: new Date(context.now()).toISOString(),
      },
    }
  },
}

const privateCalls: Readonly<Record<string, (call: Call) => unknown>> = {
  [`POST ${root}/orders`]: place,
  [`POST ${root}/orders/batch_cancel`]: cancel,
  [`POST ${root}/orders/edit`]: edit,
  [`GET ${root}/orders/historical/batch`]: list,
  [`GET ${root}/orders/historical/fills`]: fills,
  [`GET ${root}/accounts`]: ({ account }) => ({
    accounts: shapes.accountsOf(account),
    has_next: false,
    cursor: '',
    size: account.balances.size,
  }),
  [`GET ${root}/products`]: ({ context }) => ({
    products: [...context.instruments.values()].map(shapes.productOf),
    num_products: context.instruments.size,
  }),
}

/** What is asked for with a key; null when there is nothing. */
export function privateCall(method: string, path: string): ((call: Call) => unknown) | null {
  const known = privateCalls[`${method} ${path}`]
  if (known !== undefined) return known
  const [, id] = /^\/api\/v3\/brokerage\/orders\/historical\/([^/]+)$/.exec(path) ?? []
  if (method !== 'GET' || id === undefined) return null
  return (call) => {
    const order = find(call, decodeURIComponent(id))
    if (order === undefined) throw new Refused(404, 'NOT_FOUND', 'order not found')
    return { order: shapes.orderOf(order) }
  }
}
