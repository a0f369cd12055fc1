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

/** An order that is looked after. */
interface Wanted {
  timer: NodeJS.Timeout | undefined
  tries: number
  /** How much of it was filled is not known either: it is asked about until there is an answer. */
  isUnknown: boolean
}

/** Finds the trades behind fills of which only the amount is known: waits for the stream to tell them, then asks for them. */
export class FillFinder {
  readonly #source: FillSource
  readonly #wanted = new Map<OrderTrack, Wanted>()
  readonly #queue: OrderTrack[] = []
  #running = 0
  #closed = false

  constructor(source: FillSource) {
    this.#source = source
  }

  /** Looks after an order's fills, in so many milliseconds unless the trades were told until then. */
  want(track: OrderTrack, inMs: number): void {
    if (this.#closed || this.#wanted.has(track)) return
    this.#wanted.set(track, { timer: undefined, tries: 0, isUnknown: false })
    this.#later(track, inMs)
  }

  /** Looks for fills of an order that has ended nobody knows how, in its turn. */
  search(track: OrderTrack): void {
    const entry = this.#wanted.get(track)
    if (entry !== undefined) entry.isUnknown = true
    if (this.#closed || entry !== undefined) return
    this.#wanted.set(track, { timer: undefined, tries: 0, isUnknown: true })
    this.#queue.push(track)
    this.#next()
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
    if ((missing(track) || entry.isUnknown) && ask !== null && entry.tries < mostTries) {
      entry.tries++
      const isAnswered = await ask(track).then(
        () => true,
        () => false,
      )
      if (this.#closed) return
      if (isAnswered) entry.isUnknown = false
      if (missing(track) || entry.isUnknown) {
        this.#later(track, firstPause * 2 ** (entry.tries - 1))
        return
      }
    }
    this.#wanted.delete(track)
    if (missing(track)) giveUp(track)
  }
}
