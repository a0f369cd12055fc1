import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Rest } from '../../rest/rest.js'
import type { RestResponse } from '../../rest/rest-response.js'
import { configFault, parseConfig } from '../../runtime/config.js'
import { Emitter, type Listener, throwLater } from '../../runtime/emitter.js'
import { exactJson } from '../order/exact-json.js'
import type { OrderAmend, OrderRef, OrderRequest, OrderUpdate } from '../order/order.js'
import { checkOrder } from '../order/order.js'
import { type CancelResult, type OrderDialect, type OrderForm, unreadable } from '../order/order-dialect.js'
import { OrderError } from '../order/order-error.js'
import type { OrderChange, OrderTrack } from '../order/order-track.js'
import { orderErrorOf } from './rest-refusal.js'
import { TrackedOrders } from './tracked-orders.js'

/** What venues' `trading()` takes besides what their `rest()` does. */
export interface DeskOptions {
  /** Orders that are remembered, 1…1,000,000: all that are open, and those that ended last. Default 10,000. */
  readonly tracked?: number | undefined
}

const schema = z.strictObject({ tracked: z.int().min(1).max(1_000_000).default(10_000) })

/** An order stands otherwise than it did. */
export interface OrderEvent extends OrderChange {
  readonly symbol: string
  readonly clientOrderId: string
  /** All that the venue has said; null while it has not been heard. */
  readonly state: OrderUpdate | null
}

export interface DeskEvents {
  /** Anything has changed. */
  order: OrderEvent
  /** Something was filled: `filledBy` says how much, each fill once. */
  fill: OrderEvent
}

/** @throws ConfigError for a desk without a key, which could do nothing. */
export function needKey(title: string, { key }: { readonly key?: string | undefined }): void {
  if (key === undefined) throw configFault(`${title} options`, ['key'], 'must be given')
}

/** Pages of open orders that are read at most. */
const mostPages = 1_000

/**
 * Orders at one venue. What it resolves with is how the order stands by all that is known; what it rejects with is an `OrderError`. An order
 * whose answer was lost is looked up before anything else is done about it, and never sent twice unless it is certain that it was not, and
 * will not be, executed.
 */
export class Desk implements AsyncDisposable {
  readonly rest: Rest
  readonly dialect: OrderDialect
  readonly #orders: TrackedOrders
  readonly #emitter = new Emitter<DeskEvents>()

  /**
   * @param rest a client for the venue, with its look-up; closed with the desk.
   * @throws ConfigError
   */
  constructor(rest: Rest, dialect: OrderDialect, options: DeskOptions = {}) {
    const { tracked } = parseConfig('desk options', schema, options)
    this.rest = rest
    this.dialect = dialect
    this.#orders = new TrackedOrders(tracked)
  }

  /**
   * Places an order. The request leaves on this thread, before the call returns, when the limits allow it.
   * @throws OrderError. `ERR_ORDER_UNKNOWN`: it may have been executed; all others: certainly not.
   */
  async place(request: OrderRequest): Promise<OrderUpdate> {
    const { clientOrderId = randomUUID().replaceAll('-', ''), ...rest } = checkOrder(request)
    const order = { ...rest, clientOrderId }
    const form = this.dialect.place(order)
    const track = this.#orders.add(order.symbol, clientOrderId)
    try {
      const response = await this.#send(form)
      const body = bodyOf(response)
      // The answer was lost: this is the look-up's.
      const update = response.found ? this.dialect.found(body, order) : this.dialect.placed(body, order)
      if (update === null) throw unreadable()
      return this.#learn(track, update)
    } catch (error) {
      return this.#placeFailed(track, order, error)
    }
  }

  /**
   * Changes an order; venues differ in what they change.
   * @throws OrderError. `ERR_ORDER_UNKNOWN`: it may have been changed: `order()` tells.
   */
  async amend(change: OrderAmend): Promise<OrderUpdate> {
    const complete = this.#complete(change)
    const body = bodyOf(await this.#send(this.dialect.amend(complete)))
    return this.apply(this.dialect.amended(body, complete))
  }

  /**
   * Cancels an order. Resolves with how it stands then: `canceled`; `accepted` where venues cancel after they have answered; or whatever
   * other end it had come to before.
   * @throws OrderError. `ERR_ORDER_NOT_FOUND`: there is no such order; `ERR_ORDER_UNKNOWN`: it may or may not be canceled.
   */
  async cancel(ref: OrderRef): Promise<OrderUpdate> {
    const complete = this.#complete(ref)
    try {
      const body = bodyOf(await this.#send(this.dialect.cancel(complete)))
      return this.apply(this.dialect.canceled(body, complete))
    } catch (error) {
      if (!(error instanceof OrderError)) throw error
      if (error.code !== 'ERR_ORDER_NOT_FOUND' && !error.mayHaveExecuted) throw error
      // Canceled by an attempt whose answer was lost, or filled meanwhile, or never there.
      const state = await this.order(complete).catch(() => null)
      const track = state === null ? undefined : this.#orders.find(state)
      if (state !== null && (track?.ended ?? ended(state))) return state
      throw error
    }
  }

  /**
   * Cancels all open orders of a symbol, or of the account: with one request where the venue has one for this, else one by one or in batches.
   * Resolves with what was tried, an error in place of each order that could not be canceled; venues that say no more than that they have
   * done it leave the list empty.
   * @throws OrderError when the venue could not be asked.
   */
  async cancelAll(symbol?: string): Promise<readonly CancelResult[]> {
    const form = this.dialect.cancelAll(symbol)
    if (form !== null) return this.#canceledMany(bodyOf(await this.#send(form)), [], symbol)
    const open = await this.openOrders(symbol)
    if (symbol === undefined && open[0] !== undefined && this.dialect.cancelAll(open[0].symbol) !== null) {
      const symbols = [...new Set(open.map((order) => order.symbol))]
      return (await Promise.all(symbols.map((each) => this.cancelAll(each)))).flat()
    }
    const refs = open.map(
      ({ symbol, orderId, clientOrderId }): OrderRef => ({
        symbol,
        orderId: orderId === '' ? undefined : orderId,
        clientOrderId: clientOrderId === '' ? undefined : clientOrderId,
      }),
    )
    const most = this.dialect.cancelManyMost
    if (most === 0) return Promise.all(refs.map((ref) => this.#cancelOne(ref)))
    const batches: OrderRef[][] = []
    for (let i = 0; i < refs.length; i += most) batches.push(refs.slice(i, i + most))
    return (await Promise.all(batches.map((batch) => this.#cancelBatch(batch)))).flat()
  }

  /**
   * Asks the venue how an order stands; null: it knows none.
   * @throws OrderError
   */
  async order(ref: OrderRef): Promise<OrderUpdate | null> {
    const complete = this.#complete(ref)
    for (const form of this.dialect.lookup(complete)) {
      try {
        const found = this.dialect.found(bodyOf(await this.#send(form)), complete)
        if (found !== null) return this.apply(found)
      } catch (error) {
        if (!(error instanceof OrderError) || error.code !== 'ERR_ORDER_NOT_FOUND') throw error
      }
    }
    return null
  }

  /**
   * Asks the venue for all open orders, of a symbol or of the account.
   * @throws OrderError
   */
  async openOrders(symbol?: string): Promise<readonly OrderUpdate[]> {
    const orders: OrderUpdate[] = []
    let from: string | null = null
    for (let page = 0; page < mostPages; page++) {
      const body = bodyOf(await this.#send(this.dialect.openOrders(symbol, from)))
      const { orders: read, next } = this.dialect.open(body)
      for (const update of read) if (symbol === undefined || update.symbol === symbol) orders.push(this.apply(update))
      if (next === null || next === from) return orders
      from = next
    }
    throw new OrderError('ERR_ORDER_REFUSED', `the venue has more than ${mostPages} pages of open orders`)
  }

  /** What is known of an order without asking; null while the venue has not been heard, or when it is not remembered. */
  known(ref: Pick<OrderRef, 'orderId' | 'clientOrderId'>): OrderUpdate | null {
    return this.#orders.find(ref)?.state ?? null
  }

  /** Takes what was heard of an order elsewhere, from a private stream say, in any order, any number of times. */
  apply(update: OrderUpdate): OrderUpdate {
    const track = this.#orders.of(update)
    return track === null ? update : this.#learn(track, update)
  }

  on<E extends keyof DeskEvents & string>(event: E, listener: Listener<DeskEvents[E]>): this {
    this.#emitter.slot(event).add(listener)
    return this
  }

  once<E extends keyof DeskEvents & string>(event: E, listener: Listener<DeskEvents[E]>): this {
    this.#emitter.slot(event).addOnce(listener)
    return this
  }

  off<E extends keyof DeskEvents & string>(event: E, listener: Listener<DeskEvents[E]>): this {
    this.#emitter.slot(event).remove(listener)
    return this
  }

  /** Takes no more orders, and resolves when those under way have been answered. It cancels nothing. */
  close(options?: { readonly force?: boolean }): Promise<void> {
    return this.rest.close(options)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #send({ method, path, request }: OrderForm): Promise<RestResponse> {
    try {
      return await this.rest.request(method, path, request)
    } catch (error) {
      throw orderErrorOf(error, this.dialect)
    }
  }

  /** Both ids, as far as they are known: some venues want their own, and all find orders faster by it. */
  #complete<Ref extends OrderRef>(ref: Ref): Ref {
    const state = this.#orders.find(ref)?.state
    if (state === undefined || state === null) return ref
    const orderId = ref.orderId ?? (state.orderId || undefined)
    const clientOrderId = ref.clientOrderId ?? (state.clientOrderId || undefined)
    return { ...ref, orderId, clientOrderId }
  }

  async #placeFailed(track: OrderTrack, order: OrderRef, error: unknown): Promise<OrderUpdate> {
    if (!(error instanceof OrderError)) {
      this.#tell(track, track.lost())
      throw error
    }
    this.#tell(track, error.mayHaveExecuted ? track.lost() : track.refused())
    if (!error.mayHaveExecuted) throw error
    // Others may have said meanwhile what has become of it; an answer that could not be read may be followed by one that can.
    if (track.state !== null) return track.state
    const found = error.cause === undefined ? await this.order(order).catch(() => null) : null
    if (found === null) throw error
    return found
  }

  #learn(track: OrderTrack, update: OrderUpdate): OrderUpdate {
    this.#tell(track, track.apply(update))
    return track.state ?? update
  }

  #tell(track: OrderTrack, change: OrderChange): void {
    this.#orders.changed(track)
    if (!change.changed) return
    const { state, symbol } = track
    const event: OrderEvent = Object.freeze({ ...change, symbol, clientOrderId: track.clientOrderId, state })
    this.#emitter.slot('order').emit(event, throwLater)
    if (change.filledBy !== '0') this.#emitter.slot('fill').emit(event, throwLater)
  }

  async #cancelOne(ref: OrderRef): Promise<CancelResult> {
    try {
      return await this.cancel(ref)
    } catch (error) {
      if (error instanceof OrderError) return { ref, error }
      throw error
    }
  }

  async #cancelBatch(refs: readonly OrderRef[]): Promise<readonly CancelResult[]> {
    try {
      return this.#canceledMany(bodyOf(await this.#send(this.dialect.cancelMany(refs))), refs)
    } catch (error) {
      if (error instanceof OrderError) return refs.map((ref) => ({ ref, error }))
      throw error
    }
  }

  #canceledMany(body: unknown, refs: readonly OrderRef[], symbol = ''): readonly CancelResult[] {
    return this.dialect.canceledMany(body, refs).map((result) => {
      if ('error' in result) return result
      // Bybit does not repeat what it was asked for.
      return this.apply(result.symbol === '' ? { ...result, symbol } : result)
    })
  }
}

function ended({ status }: OrderUpdate): boolean {
  return status === 'filled' || status === 'canceled' || status === 'expired' || status === 'rejected'
}

/** @throws OrderError `ERR_ORDER_UNKNOWN` for what is no JSON: it was answered, so it may have been executed. */
function bodyOf(response: RestResponse): unknown {
  try {
    return exactJson(response.text())
  } catch {
    throw unreadable()
  }
}
