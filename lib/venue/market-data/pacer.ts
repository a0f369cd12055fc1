/** What the peer allows on one connection; Infinity: any number. */
export interface PacerLimits {
  /** Messages within any second; one of them is left for a ping. */
  readonly perSecond: number
  /** Messages within any hour. Pings are not among them. */
  readonly perHour: number
}

/** At most so many within any span of this length. */
class Window {
  readonly most: number
  readonly #spanMs: number
  /** When the last ones were sent, the oldest first. */
  readonly #sent: number[] = []

  constructor(most: number, spanMs: number) {
    this.most = most
    this.#spanMs = spanMs
  }

  /** Milliseconds until another may be sent. */
  wait(now: number): number {
    while (this.#sent.length > 0 && now - (this.#sent[0] as number) >= this.#spanMs) this.#sent.shift()
    return this.#sent.length < this.most ? 0 : this.#spanMs - (now - (this.#sent[0] as number))
  }

  count(now: number): void {
    if (Number.isFinite(this.most)) this.#sent.push(now)
  }

  clear(): void {
    this.#sent.length = 0
  }
}

/** A wait after which the owner may prefer another connection. */
const longMs = 5_000

/** Sends what may be sent now, and the rest when it may. */
export class Pacer<T> {
  readonly #windows: readonly Window[]
  readonly #send: (item: T) => boolean
  readonly #blocked: () => void
  #queue: T[] = []
  #timer: NodeJS.Timeout | null = null
  /** Of the timer. */
  #long = false

  /**
   * @param send false when the connection is gone: the queue is dropped.
   * @param blocked the hour's messages are used up, and what is next will wait for long. Told again with each push until it is sent.
   */
  constructor({ perSecond, perHour }: PacerLimits, send: (item: T) => boolean, blocked: () => void = () => {}) {
    // A little more than a second, and an hour: the peer's clock starts with the arrival.
    this.#windows = [new Window(Math.max(1, perSecond - 1), 1_100), new Window(perHour, 3_601_000)]
    this.#send = send
    this.#blocked = blocked
  }

  /** Messages that may be sent at once when a connection opens. */
  get burst(): number {
    return Math.min(...this.#windows.map(({ most }) => most))
  }

  /** A new connection, on which so many messages were sent already. */
  restart(sent: number): void {
    this.clear()
    const now = performance.now()
    for (const window of this.#windows) {
      window.clear()
      for (let i = 0; i < Math.min(sent, window.most); i++) window.count(now)
    }
  }

  push(...items: readonly T[]): void {
    this.#queue.push(...items)
    this.#run()
  }

  /** Takes these out of what waits, in order. */
  take<U extends T>(which: (item: T) => item is U): U[] {
    const taken: U[] = []
    const left: T[] = []
    for (const item of this.#queue) {
      if (which(item)) taken.push(item)
      else left.push(item)
    }
    this.#queue = left
    return taken
  }

  clear(): void {
    this.#queue = []
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #run(): void {
    if (this.#timer !== null) {
      if (this.#long) this.#blocked()
      return
    }
    while (this.#queue.length > 0) {
      const now = performance.now()
      const wait = Math.max(...this.#windows.map((window) => window.wait(now)))
      if (wait > 0) {
        this.#long = wait > longMs
        this.#timer = setTimeout(() => {
          this.#timer = null
          this.#run()
        }, wait)
        if (this.#long) this.#blocked()
        return
      }
      if (!this.#send(this.#queue.shift() as T)) {
        this.clear()
        return
      }
      for (const window of this.#windows) window.count(now)
    }
  }
}
