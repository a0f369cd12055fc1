import type { OrderUpdate } from '../order/order.js'
import type { OrderDialect, OrderForm } from '../order/order-dialect.js'
import { isPassing, OrderError } from '../order/order-error.js'
import type { LookUp } from './reconciler.js'

/** Pages that are read at most of one list. */
const mostPages = 200

/** Symbols of remembered orders that are asked for one by one, where the venue has no list over all. */
const mostSymbols = 50

/** Venues show what is older otherwise, or not at all. */
const mostMs = 6 * 24 * 3_600_000

/** What a {@link GapHistory} works with. */
export interface HistorySource {
  /** Resolves with the parsed body. @throws OrderError */
  send(form: OrderForm, stop: AbortSignal): Promise<unknown>
  apply(update: OrderUpdate): void
  /** Of remembered orders, each once. */
  symbols(): readonly string[]
  /** The venue's time, in Unix milliseconds. */
  now(): number
}

/**
 * Orders that have ended while nothing was heard, by the venue's list of them. Orders that were open here are asked about one by one; this tells of
 * those that nobody here knew of: placed elsewhere, and ended before the stream was heard again.
 */
export class GapHistory {
  readonly #history: OrderDialect['history']
  readonly #source: HistorySource

  constructor(dialect: OrderDialect, source: HistorySource) {
    this.#history = dialect.history
    this.#source = source
  }

  /**
   * Takes all that has ended since then, the venue's time in Unix milliseconds. A list that the venue refuses keeps none of the others back:
   * the first refusal is thrown when all lists were asked for.
   * @throws OrderError; `over`'s reason when it counts no longer.
   */
  async learn(sinceMs: number, lookUp: LookUp): Promise<void> {
    const history = this.#history
    if (history === undefined) return
    const since = Math.max(sinceMs, this.#source.now() - mostMs)
    const lists = history.lists ?? this.#source.symbols().slice(0, mostSymbols)
    const refusals: OrderError[] = []
    for (const list of lists) {
      try {
        await this.#list(list, since, lookUp)
      } catch (error) {
        // Whoever asks will ask again, for all lists.
        if (!(error instanceof OrderError) || isPassing(error)) throw error
        refusals.push(error)
      }
    }
    if (refusals.length > 0) throw refusals[0]
  }

  async #list(list: string, since: number, { over, stop }: LookUp): Promise<void> {
    const { form, read } = this.#history as NonNullable<OrderDialect['history']>
    let from: string | null = null
    for (let page = 0; page < mostPages; page++) {
      over.throwIfAborted()
      const { orders, next } = read(await this.#source.send(form(list, since, from), stop), from)
      // Venues choose by the time of the order's beginning, or of its end.
      for (const update of orders) if (!(update.timeMs < since)) this.#source.apply(update)
      if (next === null || next === from) return
      from = next
    }
    throw new OrderError('ERR_ORDER_REFUSED', `the venue has more than ${mostPages} pages of ended orders`)
  }
}
