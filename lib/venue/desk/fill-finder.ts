import type { OrderTrack } from '../order/order-track.js'

/** Orders that are asked about at once: the rest of the limits is for orders. */
const mostAtOnce = 4
const mostTries = 4
const firstPause = 500

/** What a {@link FillFinder} works with. */
export interface FillSource {
  /** Whether more was filled than has been told. */
  missing(track: OrderTrack): boolean
  /** Asks for the order's trades and tells them; null: the venue cannot be asked. @throws OrderError */
  readonly ask: ((track: OrderTrack) => Promise<void>) | null
  /** The trades are not to be had: what is missing is told as it is. */
  giveUp(track: OrderTrack): void
}

/** Finds the trades behind fills of which only the amount is known: waits for the stream to tell them, then asks for them. */
export class FillFinder {
  readonly #source: FillSource
  readonly #wanted = new Map<OrderTrack, { timer: NodeJS.Timeout | undefined; tries: number }>()
  readonly #queue: OrderTrack[] = []
  #running = 0
  #closed = false

  constructor(source: FillSource) {
    this.#source = source
  }

  /** Looks after an order's fills, in so many milliseconds unless the trades were told until then. */
  want(track: OrderTrack, inMs: number): void {
    if (this.#closed || this.#wanted.has(track)) return
    this.#wanted.set(track, { timer: undefined, tries: 0 })
    this.#later(track, inMs)
  }

  /** Tells what is missing as it is: nobody will ask any more. */
  close(): void {
    this.#closed = true
    for (const [track, { timer }] of this.#wanted) {
      clearTimeout(timer)
      if (this.#source.missing(track)) this.#source.giveUp(track)
    }
    this.#wanted.clear()
    this.#queue.length = 0
  }

  #later(track: OrderTrack, inMs: number): void {
    const entry = this.#wanted.get(track)
    if (entry === undefined) return
    entry.timer = setTimeout(() => {
      this.#queue.push(track)
      this.#next()
    }, inMs)
  }

  #next(): void {
    while (this.#running < mostAtOnce) {
      const track = this.#queue.shift()
      if (track === undefined) return
      this.#running++
      void this.#look(track).finally(() => {
        this.#running--
        this.#next()
      })
    }
  }

  async #look(track: OrderTrack): Promise<void> {
    const { missing, ask, giveUp } = this.#source
    const entry = this.#wanted.get(track)
    if (entry === undefined) return
    if (missing(track) && ask !== null && entry.tries < mostTries) {
      entry.tries++
      await ask(track).catch(() => {})
      if (this.#closed) return
      if (missing(track)) {
        this.#later(track, firstPause * 2 ** (entry.tries - 1))
        return
      }
    }
    this.#wanted.delete(track)
    if (missing(track)) giveUp(track)
  }
}
