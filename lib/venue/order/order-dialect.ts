import type { RestRequest } from '../../rest/rest-options.js'
import type { OrderAmend, OrderRef, OrderRequest, OrderUpdate } from './order.js'
import { OrderError, type OrderErrorCode } from './order-error.js'

/** A request over REST. */
export interface OrderForm {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly request: RestRequest
}

/** One page of open orders. */
export interface OrderPage {
  readonly orders: readonly OrderUpdate[]
  /** Where the next one begins; null: this was the last. */
  readonly next: string | null
}

/** An order that was to be canceled with others: how it stands, or why not. */
export type CancelResult = OrderUpdate | { readonly ref: OrderRef; readonly error: OrderError }

/**
 * How a venue speaks of orders: pure functions from requests to what is sent, and from answers to how orders stand. Answers are parsed with
 * `exactJson`. Functions that read throw OrderError `ERR_ORDER_UNKNOWN` for what is not an answer to their question.
 */
export interface OrderDialect {
  readonly name: string
  /** @throws OrderError `ERR_ORDER_INVALID`, `ERR_ORDER_UNSUPPORTED` */
  place(order: OrderRequest & { readonly clientOrderId: string }): OrderForm
  placed(body: unknown, order: OrderRequest & { readonly clientOrderId: string }): OrderUpdate
  /** @throws OrderError `ERR_ORDER_INVALID`, `ERR_ORDER_UNSUPPORTED` */
  amend(change: OrderAmend): OrderForm
  amended(body: unknown, change: OrderAmend): OrderUpdate
  /** Cancels an order and places another with one request; undefined: the venue has none for this. */
  readonly replace?:
    | {
        form(ref: OrderRef, order: OrderRequest & { readonly clientOrderId: string }): OrderForm
        read(
          body: unknown,
          ref: OrderRef,
          order: OrderRequest & { readonly clientOrderId: string },
        ): { readonly canceled: OrderUpdate; readonly placed: OrderUpdate }
      }
    | undefined
  /** @throws OrderError `ERR_ORDER_INVALID` where the venue wants another id */
  cancel(ref: OrderRef): OrderForm
  canceled(body: unknown, ref: OrderRef): OrderUpdate
  /** Cancels all of a symbol, or of the account, with one request; null: the venue has none for this. */
  cancelAll(symbol: string | undefined): OrderForm | null
  /** At most so many orders fit into a `cancelMany`; 0: there is none. */
  readonly cancelManyMost: number
  cancelMany(refs: readonly OrderRef[]): OrderForm
  canceledMany(body: unknown, refs: readonly OrderRef[]): readonly CancelResult[]
  /** Questions for one order, to be asked in turn until one is answered with it. */
  lookup(ref: OrderRef): readonly OrderForm[]
  /** The order; null when the answer does not hold it. */
  found(body: unknown, ref: OrderRef): OrderUpdate | null
  openOrders(symbol: string | undefined, from: string | null): OrderForm
  open(body: unknown): OrderPage
  /** Orders that have ended since a time; undefined: the venue has no list of them that a desk could use. */
  readonly history?:
    | {
        /** The lists that are asked for, one after the other; undefined: one for each symbol. */
        readonly lists?: readonly string[] | undefined
        /** @param from the page: null, or what `read` has said of the one before. */
        form(list: string, sinceMs: number, from: string | null): OrderForm
        /** May tell others as well: those that are open, or have ended before. */
        read(body: unknown, from: string | null): OrderPage
      }
    | undefined
  /** What the venue's refusal means. */
  refusal(code: string, message: string): OrderErrorCode
}

/** A table of codes, then patterns of messages. */
export function refusalTable(
  codes: Readonly<Record<string, OrderErrorCode>>,
  messages: readonly (readonly [pattern: RegExp, code: OrderErrorCode])[] = [],
): OrderDialect['refusal'] {
  const table = new Map(Object.entries(codes))
  return (code, message) =>
    messages.find(([pattern]) => pattern.test(message))?.[1] ?? table.get(code) ?? 'ERR_ORDER_REFUSED'
}

/** Orders of a list of many kinds, those left out of which nothing can be read. */
export function readable(list: unknown, read: (raw: unknown) => OrderUpdate): readonly OrderUpdate[] {
  if (!Array.isArray(list)) throw unreadable()
  return (list as readonly unknown[]).flatMap((raw) => {
    try {
      return [read(raw)]
    } catch (error) {
      if (error instanceof OrderError) return []
      throw error
    }
  })
}

/** For dialects without `cancelMany`. */
export function noCancelMany(): never {
  throw new OrderError('ERR_ORDER_UNSUPPORTED', 'the venue does not cancel several orders with one request')
}

/** The answer to something else. What was asked for may have been done. */
export function unreadable(): OrderError {
  return new OrderError('ERR_ORDER_UNKNOWN', 'the answer does not say what has become of the order', {
    mayHaveExecuted: true,
  })
}

/** A state that tells no more than that the venue has taken a request. */
export function acceptance(
  ref: OrderRef,
  ids: { readonly orderId: string; readonly clientOrderId: string },
  raw: unknown,
  timeMs = Number.NaN,
): OrderUpdate {
  return Object.freeze({
    symbol: ref.symbol,
    orderId: ids.orderId || (ref.orderId ?? ''),
    clientOrderId: ids.clientOrderId || (ref.clientOrderId ?? ''),
    status: 'accepted',
    side: null,
    type: '',
    price: null,
    size: null,
    filled: null,
    quoteFilled: null,
    averagePrice: null,
    timeMs,
    raw,
  })
}
