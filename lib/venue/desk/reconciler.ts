import { setTimeout as sleep } from 'node:timers/promises'
import type { OrderRef } from '../order/order.js'
import { OrderError } from '../order/order-error.js'
import type { OrderTrack } from '../order/order-track.js'

const mostAtOnce = 4
const firstPause = 500
const longestPause = 30_000

/** Milliseconds after which a venue is asked once more about what it did not know: what is new to it may not be everywhere yet. */
const certainAfterMs = 2_000

/** What a {@link Reconciler} works with. */
export interface OrderSource {
  /** Asks for all open orders and takes what it is told. @throws OrderError */
  openOrders(): Promise<readonly { readonly orderId: string; readonly clientOrderId: string }[]>
  /** Asks how one order stands and takes what it is told; null: the venue knows none. @throws OrderError */
  order(ref: OrderRef): Promise<unknown>
  find(ref: Pick<OrderRef, 'orderId' | 'clientOrderId'>): OrderTrack | undefined
  /** Orders that have not ended. */
  open(): Iterable<OrderTrack>
  /** The venue knows an order no more that it has told of before. */
  gone(track: OrderTrack): void
  /** Asks for what has ended meanwhile and takes what it is told. @throws OrderError */
  ended(): Promise<void>
}

/** Learns over REST what happened while nothing was heard: of orders that are open at the venue, of those that were open here, and of those that have ended. */
export class Reconciler {
  readonly #source: OrderSource
  readonly #done: () => void
  readonly #failed: (error: Error) => void
  readonly #certainAfterMs: number
  #run = 0
  /** Ends what the run waits for. */
  #ending = new AbortController()
  #timer: NodeJS.Timeout | undefined

  /** @param done everything has been learnt. @param failed it is tried again by itself. */
  constructor(
    source: OrderSource,
    done: () => void,
    failed: (error: Error) => void,
    { certainAfter = certainAfterMs }: { readonly certainAfter?: number } = {},
  ) {
    this.#source = source
    this.#done = done
    this.#failed = failed
    this.#certainAfterMs = certainAfter
  }

  /** Begins anew; what is under way counts no longer. */
  start(): void {
    this.stop()
    this.#ending = new AbortController()
    void this.#attempt(this.#run, 0)
  }

  stop(): void {
    this.#run++
    this.#ending.abort()
    clearTimeout(this.#timer)
  }

  async #attempt(run: number, tries: number): Promise<void> {
    try {
      await this.#all(run)
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

  async #all(run: number): Promise<void> {
    // Taken before: what is placed meanwhile is told by the stream. What is on its way already is asked about as well, for it may have come to
    // its end before the stream was heard, and its answer says no more than that it was taken.
    const missing = await this.#missing([...this.#source.open()])
    await this.#source.ended()
    const known = missing.filter(({ confirmed, ended }) => confirmed && !ended)
    if (known.length === 0 || run !== this.#run) return
    const before = new Map(known.map((track) => [track, wordOn(track)]))
    await sleep(this.#certainAfterMs, undefined, { signal: this.#ending.signal })
    for (const track of await this.#missing(known)) {
      // What was heard of it meanwhile counts.
      if (run === this.#run && !track.ended && wordOn(track) === before.get(track)) this.#source.gone(track)
    }
  }

  /** Those of them that the venue neither lists as open nor finds. */
  async #missing(tracks: readonly OrderTrack[]): Promise<readonly OrderTrack[]> {
    const source = this.#source
    const told = new Set<OrderTrack>()
    for (const update of await source.openOrders()) {
      const track = source.find(update)
      if (track !== undefined) told.add(track)
    }
    const rest = tracks.filter((track) => !told.has(track) && !track.ended)
    const missing: OrderTrack[] = []
    const work = async (): Promise<void> => {
      for (let track = rest.pop(); track !== undefined; track = rest.pop()) {
        if (!(await this.#isKnown(track))) missing.push(track)
      }
    }
    await Promise.all(Array.from({ length: Math.min(mostAtOnce, rest.length) }, work))
    return missing
  }

  async #isKnown(track: OrderTrack): Promise<boolean> {
    const orderId = track.state?.orderId || undefined
    const clientOrderId = track.clientOrderId || undefined
    try {
      return (await this.#source.order({ symbol: track.symbol, orderId, clientOrderId })) !== null
    } catch (error) {
      // By these ids the venue cannot be asked: its list of open orders was all that could be had.
      if (error instanceof OrderError && (error.code === 'ERR_ORDER_INVALID' || error.code === 'ERR_ORDER_NOT_FOUND'))
        return false
      throw error
    }
  }
}

/** Changes with whatever is heard of an order. */
function wordOn({ state }: OrderTrack): string {
  return state === null ? '' : [state.status, state.filled, state.price, state.size, state.timeMs].join(' ')
}
