import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { OrderError } from './order-error.js'

export type OrderSide = 'buy' | 'sell'
export type OrderType = 'limit' | 'market'

/** `gtc`: until canceled; `ioc`: what cannot trade at once is canceled; `fok`: all at once or nothing; `postOnly`: refused rather than taking. */
export type TimeInForce = 'gtc' | 'ioc' | 'fok' | 'postOnly'

/**
 * An order, the same for all venues. Decimals are text, `'65000.10'`, and go out exactly as they are written: nothing is rounded or written
 * anew. Whether they fit the instrument's steps is for the venue to say.
 */
export interface OrderRequest {
  /** As the venue writes it: `BTCUSDT`, `BTC-USDT`, `XBTUSD`. */
  readonly symbol: string
  readonly side: OrderSide
  readonly type: OrderType
  /** Of limit orders, required there. Above 0. */
  readonly price?: string | undefined
  /** In units of the base currency, or contracts where the venue trades these. Above 0. */
  readonly size?: string | undefined
  /** Of market orders, in place of `size`: how much of the quote currency to spend or get. */
  readonly quoteSize?: string | undefined
  /** Default: one that is made. Letters, digits, and what the venue takes besides; it must be unique. */
  readonly clientOrderId?: string | undefined
  /** Of limit orders. Default `'gtc'`. */
  readonly timeInForce?: TimeInForce | undefined
  /** Only closes what is open. Derivatives alone. */
  readonly reduceOnly?: boolean | undefined
  /** Further parameters in the venue's own words; they go before ours of the same name. */
  readonly extra?: Readonly<Record<string, string | number | boolean>> | undefined
}

/** Which order: by the venue's id, or the client's. With both the venue's is used. */
export interface OrderRef {
  readonly symbol: string
  readonly orderId?: string | undefined
  readonly clientOrderId?: string | undefined
}

/** What is to become of an order. Venues differ in what they change: see the table in docs/venues.md. */
export interface OrderAmend extends OrderRef {
  readonly price?: string | undefined
  /** The whole size, what has been filled included. */
  readonly size?: string | undefined
  /** The order's side: Binance USD-M asks for it. */
  readonly side?: OrderSide | undefined
}

/**
 * - `accepted`: the venue has taken a request about it, and has not said how it stands;
 * - `open`, `partiallyFilled`: it is in the book;
 * - `filled`, `canceled`, `expired`, `rejected`: it has ended. All but `filled` may have been filled in part;
 * - `gone`: it was there, and the venue neither lists it among the open orders nor knows it any more: it has ended, and how is not known. More may have
 *   been filled than is told. No message says so, a desk finds it after a gap in its private stream.
 */
export type OrderStatus =
  | 'accepted'
  | 'open'
  | 'partiallyFilled'
  | 'filled'
  | 'canceled'
  | 'expired'
  | 'rejected'
  | 'gone'

/** How an order stands, by one message of the venue. What that did not say is null, `''` or NaN. */
export interface OrderUpdate {
  readonly symbol: string
  readonly orderId: string
  readonly clientOrderId: string
  readonly status: OrderStatus
  readonly side: OrderSide | null
  /** As the venue writes it. */
  readonly type: string
  /** Limit price. */
  readonly price: string | null
  readonly size: string | null
  /** Filled so far. */
  readonly filled: string | null
  /** The same in the quote currency. */
  readonly quoteFilled: string | null
  readonly averagePrice: string | null
  /** The venue's time of this state, in Unix milliseconds. */
  readonly timeMs: number
  /** The venue's own words about this order. */
  readonly raw: unknown
}

const decimal = z
  .string()
  .max(64)
  .regex(/^(0|[1-9]\d*)(\.\d+)?$/, 'must be a decimal written out, as text: `0.10`')
  .regex(/[1-9]/, 'must be above 0')
const id = z.string().min(1).max(64)
const symbol = z.string().min(1).max(64)
const side = z.enum(['buy', 'sell'])

const requestSchema = z
  .strictObject({
    symbol,
    side,
    type: z.enum(['limit', 'market']),
    price: decimal.optional(),
    size: decimal.optional(),
    quoteSize: decimal.optional(),
    clientOrderId: id.optional(),
    timeInForce: z.enum(['gtc', 'ioc', 'fok', 'postOnly']).optional(),
    reduceOnly: z.boolean().optional(),
    extra: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  })
  .superRefine((order, context) => {
    const refuse = (field: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [field], message })
    }
    const { type, price, size, quoteSize, timeInForce } = order
    if (type === 'limit' && price === undefined) refuse('price', 'must be given for a limit order')
    if (type === 'limit' && size === undefined) refuse('size', 'must be given for a limit order')
    if (type === 'market' && price !== undefined) refuse('price', 'is not for market orders')
    if (type === 'market' && timeInForce !== undefined) refuse('timeInForce', 'is not for market orders')
    if (type === 'limit' && quoteSize !== undefined) refuse('quoteSize', 'is for market orders')
    if (type === 'market' && (size === undefined) === (quoteSize === undefined)) {
      refuse('size', 'give either `size` or `quoteSize`')
    }
  })

const refFields = { symbol, orderId: id.optional(), clientOrderId: id.optional() }
const named = (ref: { readonly orderId?: unknown; readonly clientOrderId?: unknown }): boolean =>
  ref.orderId !== undefined || ref.clientOrderId !== undefined
const unnamed = { path: ['orderId'], message: 'give `orderId` or `clientOrderId`' }

const refSchema = z.object(refFields).refine(named, unnamed)
const amendSchema = z
  .strictObject({ ...refFields, price: decimal.optional(), size: decimal.optional(), side: side.optional() })
  .refine(named, unnamed)
  .refine(({ price, size }) => price !== undefined || size !== undefined, {
    path: ['price'],
    message: 'give `price` or `size`',
  })

/** @throws OrderError `ERR_ORDER_INVALID` that names every field at fault. Nothing is sent. */
export function checkOrder(order: OrderRequest): OrderRequest {
  return checked(requestSchema, order) as OrderRequest
}

/** Checked, and with a client id, a new one where it has none. @throws OrderError `ERR_ORDER_INVALID` */
export function withClientId(request: OrderRequest): OrderRequest & { readonly clientOrderId: string } {
  const { clientOrderId = randomUUID().replaceAll('-', ''), ...rest } = checkOrder(request)
  return { ...rest, clientOrderId }
}

/** @throws OrderError `ERR_ORDER_INVALID` */
export function checkRef(ref: OrderRef): OrderRef {
  return checked(refSchema, ref) as OrderRef
}

/** @throws OrderError `ERR_ORDER_INVALID` */
export function checkAmend(change: OrderAmend): OrderAmend {
  return checked(amendSchema, change) as OrderAmend
}

function checked<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const faults = result.error.issues.map(({ path, message, ...issue }) => {
    const field = issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : path.join('.')
    return field === '' ? message : `${field}: ${message}`
  })
  throw new OrderError('ERR_ORDER_INVALID', faults.join('; '))
}
