/** Sends what may be sent now, and the rest when it may: at most so many messages within any second of one connection. */
export class Pacer<T> {
  readonly #most: number
  readonly #send: (item: T) => boolean
  /** When the last messages were sent. */
  readonly #sent: number[] = []
  #queue: T[] = []
  #timer: NodeJS.Timeout | null = null

  /**
   * @param messagesPerSecond that the peer allows; one of them is left for a ping.
   * @param send false when the connection is gone: the queue is dropped.
   */
  constructor(messagesPerSecond: number, send: (item: T) => boolean) {
    this.#most = Math.max(1, messagesPerSecond - 1)
    this.#send = send
  }

  /** Messages that may be sent at once when a connection opens. */
  get burst(): number {
    return this.#most
  }

  /** A new connection, on which so many messages were sent already. */
  restart(sent: number): void {
    this.clear()
    this.#sent.length = 0
    const now = performance.now()
    for (let i = 0; i < Math.min(sent, this.#most); i++) this.#sent.push(now)
  }

  push(...items: readonly T[]): void {
    this.#queue.push(...items)
    this.#run()
  }

  clear(): void {
    this.#queue = []
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #run(): void {
    if (this.#timer !== null) return
    while (this.#queue.length > 0) {
      const now = performance.now()
      // A little more than a second: the peer's clock starts with the arrival.
      while (this.#sent.length > 0 && now - (this.#sent[0] as number) >= 1_100) this.#sent.shift()
      if (this.#sent.length >= this.#most) {
        this.#timer = setTimeout(
          () => {
            this.#timer = null
            this.#run()
          },
          1_100 - (now - (this.#sent[0] as number)),
        )
        return
      }
      if (!this.#send(this.#queue.shift() as T)) {
        this.clear()
        return
      }
      if (Number.isFinite(this.#most)) this.#sent.push(now)
    }
  }
}
