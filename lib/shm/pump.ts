import type { ShmWait } from './options.js'

/** `backoff`: so long after the last message it looks on every turn of the event loop… */
const eagerMs = 1
/** …and then so often. */
const relaxedMs = 1
/** `spin`: the event loop turns so often. */
const spinMs = 0.05

/** What a pump drives. */
export interface PumpSource {
  /** Hands over what is there, within a budget. Returns the number of messages. */
  read(): number
  /** Whether something is left that somebody wants. */
  readonly pending: boolean
  /** Whether anybody wants messages at all. */
  readonly wanted: boolean
  /** `park`: asks for a call of run() when there is more. */
  arm(): void
  /** Nobody wants messages any more. */
  rest(): void
}

/** Makes a reader read when there is something to be read, in one of the ways of waiting. */
export class Pump {
  readonly #source: PumpSource
  readonly #wait: ShmWait
  #immediate: NodeJS.Immediate | null = null
  #timer: NodeJS.Timeout | null = null
  #lastMs = 0
  #ref = true
  #running = false
  #stopped = false

  constructor(source: PumpSource, wait: ShmWait) {
    this.#source = source
    this.#wait = wait
  }

  /** Reads, then waits for more. From a turn of the event loop of its own. */
  readonly run = (): void => {
    this.#clear()
    if (this.#stopped || this.#running) return
    if (!this.#source.wanted) {
      this.#source.rest()
      return
    }
    this.#running = true
    let count: number
    try {
      count = this.#wait === 'spin' ? this.#spin() : this.#source.read()
    } finally {
      this.#running = false
    }
    if (this.#stopped) return
    if (!this.#source.wanted) this.#source.rest()
    else if (this.#source.pending || this.#wait === 'spin') this.next()
    else if (this.#wait === 'park') this.#source.arm()
    else this.#backOff(count)
  }

  /** Reads on the next turn of the event loop. */
  next(): void {
    if (this.#immediate !== null || this.#stopped) return
    this.#immediate = setImmediate(this.run)
    if (!this.#ref) this.#immediate.unref()
  }

  stop(): void {
    this.#stopped = true
    this.#clear()
  }

  /** Whether waiting keeps the process alive. */
  keep(alive: boolean): void {
    this.#ref = alive
    if (alive) {
      this.#immediate?.ref()
      this.#timer?.ref()
    } else {
      this.#immediate?.unref()
      this.#timer?.unref()
    }
  }

  #spin(): number {
    const until = performance.now() + spinMs
    let count = 0
    do count += this.#source.read()
    while (!this.#stopped && this.#source.wanted && performance.now() < until)
    return count
  }

  #backOff(count: number): void {
    const now = performance.now()
    if (count > 0) this.#lastMs = now
    if (now - this.#lastMs < eagerMs) {
      this.next()
      return
    }
    this.#timer = setTimeout(this.run, relaxedMs)
    if (!this.#ref) this.#timer.unref()
  }

  #clear(): void {
    if (this.#immediate !== null) clearImmediate(this.#immediate)
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#immediate = null
    this.#timer = null
  }
}
