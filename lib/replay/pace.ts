/** Milliseconds of work after which others get a turn. */
const turnMs = 4

/** Holds recorded times against real ones. */
export class Pace {
  #speed: number
  readonly #signal: AbortSignal | undefined
  #realMs = Number.NaN
  #tapeNs = 0n
  #turn = performance.now()

  /** @param speed Infinity: as fast as it goes. */
  constructor(speed: number, signal: AbortSignal | undefined) {
    this.#speed = speed
    this.#signal = signal
  }

  get speed(): number {
    return this.#speed
  }

  /** From now on. */
  set speed(speed: number) {
    this.#speed = speed
    this.#realMs = Number.NaN
  }

  /** A promise to wait for before the record of this time is due; null when it is. */
  before(unixNs: bigint): Promise<void> | null {
    const now = performance.now()
    if (this.#speed !== Number.POSITIVE_INFINITY) {
      if (Number.isNaN(this.#realMs)) {
        this.#realMs = now
        this.#tapeNs = unixNs
      }
      const waitMs = Number(unixNs - this.#tapeNs) / 1e6 / this.#speed - (now - this.#realMs)
      // Timers are no finer.
      if (waitMs >= 1) return this.#sleep(waitMs)
    }
    return now - this.#turn > turnMs ? this.#sleep(0) : null
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const signal = this.#signal
      const done = (): void => {
        signal?.removeEventListener('abort', done)
        clearTimeout(timer)
        this.#turn = performance.now()
        resolve()
      }
      const timer = ms === 0 ? undefined : setTimeout(done, Math.min(ms, 2 ** 31 - 1))
      if (ms === 0) setImmediate(done)
      signal?.addEventListener('abort', done, { once: true })
    })
  }
}
