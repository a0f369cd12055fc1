import type { OrderRef, OrderUpdate } from '../order/order.js'
import type { CancelResult, OrderDialect, OrderForm } from '../order/order-dialect.js'
import { OrderError } from '../order/order-error.js'

/** What {@link Cancels} work with. Everything that asks the venue throws OrderError. */
export interface CancelDesk {
  /** Resolves with the parsed body. */
  send(form: OrderForm): Promise<unknown>
  cancel(ref: OrderRef): Promise<OrderUpdate>
  openOrders(symbol: string | undefined): Promise<readonly OrderUpdate[]>
  apply(update: OrderUpdate): OrderUpdate
}

/** Canceling several orders: by one request, in batches, or one by one, as the venue allows. */
export class Cancels {
  readonly #dialect: OrderDialect
  readonly #desk: CancelDesk

  constructor(dialect: OrderDialect, desk: CancelDesk) {
    this.#dialect = dialect
    this.#desk = desk
  }

  /** @throws OrderError when the venue could not be asked. */
  async all(symbol: string | undefined): Promise<readonly CancelResult[]> {
    const form = this.#dialect.cancelAll(symbol)
    if (form !== null) return this.#whole(form, symbol)
    const open = await this.#desk.openOrders(symbol)
    if (symbol === undefined && open[0] !== undefined && this.#dialect.cancelAll(open[0].symbol) !== null) {
      const symbols = [...new Set(open.map((order) => order.symbol))]
      // All are asked, whatever becomes of one.
      const results = await Promise.allSettled(symbols.map((each) => this.all(each)))
      return results.flatMap((result) => {
        if (result.status === 'rejected') throw result.reason
        return result.value
      })
    }
    const refs = open.map(
      ({ symbol, orderId, clientOrderId }): OrderRef => ({
        symbol,
        orderId: orderId === '' ? undefined : orderId,
        clientOrderId: clientOrderId === '' ? undefined : clientOrderId,
      }),
    )
    const most = this.#dialect.cancelManyMost
    if (most === 0) return Promise.all(refs.map((ref) => this.#one(ref)))
    const batches: OrderRef[][] = []
    for (let i = 0; i < refs.length; i += most) batches.push(refs.slice(i, i + most))
    return (await Promise.all(batches.map((batch) => this.#batch(batch)))).flat()
  }

  async #whole(form: OrderForm, symbol: string | undefined): Promise<readonly CancelResult[]> {
    try {
      return this.#done(await this.#desk.send(form), [], symbol)
    } catch (error) {
      // Nothing is open (any more), which is what was wanted.
      if (error instanceof OrderError && error.code === 'ERR_ORDER_NOT_FOUND') return []
      throw error
    }
  }

  async #one(ref: OrderRef): Promise<CancelResult> {
    try {
      return await this.#desk.cancel(ref)
    } catch (error) {
      if (error instanceof OrderError) return { ref, error }
      throw error
    }
  }

  async #batch(refs: readonly OrderRef[]): Promise<readonly CancelResult[]> {
    try {
      return this.#done(await this.#desk.send(this.#dialect.cancelMany(refs)), refs)
    } catch (error) {
      if (error instanceof OrderError) return refs.map((ref) => ({ ref, error }))
      throw error
    }
  }

  #done(body: unknown, refs: readonly OrderRef[], symbol = ''): readonly CancelResult[] {
    return this.#dialect.canceledMany(body, refs).map((result) => {
      if ('error' in result) return result
      // Bybit does not repeat what it was asked for.
      return this.#desk.apply(result.symbol === '' ? { ...result, symbol } : result)
    })
  }
}
