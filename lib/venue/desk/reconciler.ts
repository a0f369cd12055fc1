import { setTimeout as sleep } from 'node:timers/promises'
import type { OrderRef } from '../order/order.js'
import { OrderError } from '../order/order-error.js'
import type { OrderTrack } from '../order/order-track.js'

const mostAtOnce = 4
const firstPause = 500
const longestPause = 30_000

/** Milliseconds after which a venue is asked once more about what it did not know: what is new to it may not be everywhere yet. */
const certainAfterMs = 2_000

/** How far a look-up goes on. */
export interface LookUp {
  /** Aborted when what it learns counts no longer: nothing further is asked. */
  readonly over: AbortSignal
  /** Aborted when nobody waits for it: what has been asked is taken back. */
  readonly stop: AbortSignal
}

/** What a {@link Reconciler} works with. */
export interface OrderSource {
  /** Asks for all open orders and takes what it is told. @throws OrderError */
  openOrders(lookUp: LookUp): Promise<readonly { readonly orderId: string; readonly clientOrderId: string }[]>
  /** Asks how one order stands and takes what it is told; null: the venue knows none. @throws OrderError */
  order(ref: OrderRef, lookUp: LookUp): Promise<unknown>
  find(ref: Pick<OrderRef, 'orderId' | 'clientOrderId'>): OrderTrack | undefined
  /** Orders that have not ended. */
  open(): Iterable<OrderTrack>
  /** The venue knows an order no more that it has told of before. */
  gone(track: OrderTrack): void
  /** Asks for what has ended meanwhile and takes what it is told. @throws OrderError */
  ended(lookUp: LookUp): Promise<void>
}

/** From the first gap until everything has been learnt. */
interface Run {
  readonly stop: AbortController
  /** Of what is being tried. */
  over: AbortController
}

/**
 * Learns over REST what happened while nothing was heard: of orders that are open at the venue, of those that were open here, and of those that have ended.
 * However many gaps there are, one look-up is under way, and at most one more is wanted: it learns what all of them have missed.
 */
export class Reconciler {
  readonly #source: OrderSource
  readonly #done: () => void
  readonly #failed: (error: Error) => void
  readonly #certainAfterMs: number
  #run: Run | null = null

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

  /** Begins; where it is under way, anew: what is being learnt counts no longer, and nothing further is asked for it. */
  start(): void {
    if (this.#run !== null) {
      this.#run.over.abort()
      return
    }
    const run = { stop: new AbortController(), over: new AbortController() }
    this.#run = run
    void this.#untilLearnt(run)
  }

  stop(): void {
    const run = this.#run
    this.#run = null
    run?.over.abort()
    run?.stop.abort()
  }

  async #untilLearnt(run: Run): Promise<void> {
    for (let failures = 0; run === this.#run; ) {
      run.over = new AbortController()
      const { signal: over } = run.over
      const error = await this.#attempt({ over, stop: run.stop.signal })
      if (run !== this.#run) return
      if (error === null && !over.aborted) {
        this.#run = null
        this.#done()
        return
      }
      // Gaps that come one upon the other do not use up what the venue allows for orders; neither does one while nothing can be asked.
      failures = error === null || over.aborted ? 0 : failures + 1
      if (error !== null && !over.aborted) this.#failed(error)
      const pause = Math.min(longestPause, firstPause * 2 ** Math.min(10, Math.max(0, failures - 1)))
      await sleep(pause, undefined, { signal: run.stop.signal }).catch(() => {})
    }
  }

  /** Null when all has been learnt, or when it counts no longer. */
  async #attempt(lookUp: LookUp): Promise<Error | null> {
    try {
      await this.#all(lookUp)
      return null
    } catch (error) {
      return error instanceof Error ? error : new Error('the orders could not be looked up')
    }
  }

  async #all(lookUp: LookUp): Promise<void> {
    const { over } = lookUp
    // Taken before: what is placed meanwhile is told by the stream. What is on its way already is asked about as well, for it may have come to
    // its end before the stream was heard, and its answer says no more than that it was taken.
    const missing = await this.#missing([...this.#source.open()], lookUp)
    if (over.aborted) return
    await this.#source.ended(lookUp)
    const known = missing.filter(({ confirmed, ended }) => confirmed && !ended)
    if (known.length === 0 || over.aborted) return
    const before = new Map(known.map((track) => [track, wordOn(track)]))
    await sleep(this.#certainAfterMs, undefined, { signal: over })
    for (const track of await this.#missing(known, lookUp)) {
      // What was heard of it meanwhile counts.
      if (!over.aborted && !track.ended && wordOn(track) === before.get(track)) this.#source.gone(track)
    }
  }

  /** Those of them that the venue neither lists as open nor finds. */
  async #missing(tracks: readonly OrderTrack[], lookUp: LookUp): Promise<readonly OrderTrack[]> {
    const source = this.#source
    const told = new Set<OrderTrack>()
    for (const update of await source.openOrders(lookUp)) {
      const track = source.find(update)
      if (track !== undefined) told.add(track)
    }
    const rest = tracks.filter((track) => !told.has(track) && !track.ended)
    const missing: OrderTrack[] = []
    const work = async (): Promise<void> => {
      for (let track = rest.pop(); track !== undefined && !lookUp.over.aborted; track = rest.pop()) {
        if (!(await this.#isKnown(track, lookUp))) missing.push(track)
      }
    }
    await Promise.all(Array.from({ length: Math.min(mostAtOnce, rest.length) }, work))
    return missing
  }

  async #isKnown(track: OrderTrack, lookUp: LookUp): Promise<boolean> {
    const orderId = track.state?.orderId || undefined
    const clientOrderId = track.clientOrderId || undefined
    try {
      return (await this.#source.order({ symbol: track.symbol, orderId, clientOrderId }, lookUp)) !== null
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
