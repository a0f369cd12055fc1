import { Heap } from '../../lib/policy/heap.js'
import type { CancelTimer, Time } from '../../lib/policy/time.js'

interface Timer {
  readonly at: number
  readonly sequence: number
  readonly callback: () => void
  cancelled: boolean
}

/** Time that passes only when it is told to. */
export class VirtualTime implements Time {
  readonly origin: number
  readonly machineOrigin: number
  readonly #timers = new Heap<Timer>((a, b) => a.at < b.at || (a.at === b.at && a.sequence < b.sequence))
  #now = 0
  #sequence = 0

  constructor(origin = 1_700_000_000_000, machineOrigin = 0) {
    this.origin = origin
    this.machineOrigin = machineOrigin
  }

  now(): number {
    return this.#now
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    const timer: Timer = {
      at: this.#now + Math.max(0, delayMs),
      sequence: this.#sequence++,
      callback,
      cancelled: false,
    }
    this.#timers.push(timer)
    return () => {
      timer.cancelled = true
    }
  }

  /** Lets so much time pass, with the timers that fall into it. */
  advance(ms: number): void {
    const end = this.#now + ms
    while (this.#next(end)) {}
    this.#now = end
  }

  /** As `advance`, with everything that promises do in between. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms
    await settle()
    while (this.#next(end)) await settle()
    this.#now = end
    await settle()
  }

  /** When the next timer fires, Infinity when there is none. */
  get nextTimer(): number {
    this.#dropCancelled()
    return this.#timers.peek()?.at ?? Number.POSITIVE_INFINITY
  }

  #dropCancelled(): void {
    while (this.#timers.peek()?.cancelled) this.#timers.pop()
  }

  #next(end: number): boolean {
    this.#dropCancelled()
    const timer = this.#timers.peek()
    if (timer === undefined || timer.at > end) return false
    this.#timers.pop()
    this.#now = Math.max(this.#now, timer.at)
    timer.callback()
    return true
  }
}

/** Lets promises do what they can do without time. */
async function settle(): Promise<void> {
  for (let i = 0; i < 8; i++) await null
}
