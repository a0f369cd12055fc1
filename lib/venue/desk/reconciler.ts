import type { OrderRef } from '../order/order.js'
import { OrderError } from '../order/order-error.js'
import type { OrderTrack } from '../order/order-track.js'

const mostAtOnce = 4
const firstPause = 500
const longestPause = 30_000

/** What a {@link Reconciler} works with. */
export interface OrderSource {
  /** Asks for all open orders and takes what it is told. @throws OrderError */
  openOrders(): Promise<readonly { readonly orderId: string; readonly clientOrderId: string }[]>
  /** Asks how one order stands and takes what it is told. @throws OrderError */
  order(ref: OrderRef): Promise<unknown>
  find(ref: Pick<OrderRef, 'orderId' | 'clientOrderId'>): OrderTrack | undefined
  /** Orders that have not ended. */
  open(): Iterable<OrderTrack>
}

/** Learns over REST what happened while nothing was heard: of orders that are open at the venue, and of those that were open here. */
export class Reconciler {
  readonly #source: OrderSource
  readonly #done: () => void
  readonly #failed: (error: Error) => void
  #run = 0
  #timer: NodeJS.Timeout | undefined

  /** @param done everything has been learnt. @param failed it is tried again by itself. */
  constructor(source: OrderSource, done: () => void, failed: (error: Error) => void) {
    this.#source = source
    this.#done = done
    this.#failed = failed
  }

  /** Begins anew; what is under way counts no longer. */
  start(): void {
    this.stop()
    void this.#attempt(this.#run, 0)
  }

  stop(): void {
    this.#run++
    clearTimeout(this.#timer)
  }

  async #attempt(run: number, tries: number): Promise<void> {
    try {
      await this.#all()
      if (run === this.#run) this.#done()
    } catch (thrown) {
      if (run !== this.#run) return
      const error = thrown instanceof Error ? thrown : new Error('the orders could not be looked up')
      this.#failed(error)
      if (run !== this.#run) return
      const pause = Math.min(longestPause, firstPause * 2 ** Math.min(10, tries))
      this.#timer = setTimeout(() => void this.#attempt(run, tries + 1), pause)
    }
  }

  async #all(): Promise<void> {
    const source = this.#source
    // Taken before: what is placed meanwhile is told by the stream. What is on its way already is asked about as well, for it may have come to
    // its end before the stream was heard, and its answer says no more than that it was taken.
    const before = [...source.open()]
    const told = new Set<OrderTrack>()
    for (const update of await source.openOrders()) {
      const track = source.find(update)
      if (track !== undefined) told.add(track)
    }
    const rest = before.filter((track) => !told.has(track) && !track.ended)
    const work = async (): Promise<void> => {
      for (let track = rest.pop(); track !== undefined; track = rest.pop()) await this.#one(track)
    }
    await Promise.all(Array.from({ length: Math.min(mostAtOnce, rest.length) }, work))
  }

  async #one(track: OrderTrack): Promise<void> {
    const orderId = track.state?.orderId || undefined
    const clientOrderId = track.clientOrderId || undefined
    try {
      await this.#source.order({ symbol: track.symbol, orderId, clientOrderId })
    } catch (error) {
      // By these ids the venue cannot be asked: its list of open orders was all that could be had.
      if (error instanceof OrderError && (error.code === 'ERR_ORDER_INVALID' || error.code === 'ERR_ORDER_NOT_FOUND'))
        return
      throw error
    }
  }
}
