import type { NativeHub } from '../native/hub-layout.js'

/** What waits for a subscriber at one moment. */
export interface SubscriberLag {
  /** Bytes in all: what `slow.pendingBytes` is compared with. */
  readonly pendingBytes: number
  /** Of them in the hub's ring, as of the last pass over the subscribers. */
  readonly ringBytes: number
  /** Of them in memory of its own: the rest of a message, a snapshot, answers. */
  readonly ownBytes: number
  /** Of them in the kernel, not acknowledged by the client. */
  readonly kernelBytes: number
  /** Messages and bytes that the kernel took since it is connected. */
  readonly messages: number
  readonly bytes: number
  /** Messages that it did not get for being slow. */
  readonly missed: number
}

interface Measurement {
  /** Loops that have not answered. */
  left: number
  readonly lags: Map<number, SubscriberLag>
  readonly done: (lags: Map<number, SubscriberLag>) => void
}

const perSubscriber = 7

/** Asks the broadcast threads what waits for their subscribers. */
export class LagMeter {
  readonly #native: NativeHub
  readonly #threads: number
  readonly #pending = new Map<number, Measurement>()
  #requests = 0
  #ended = false

  constructor(native: NativeHub, threads: number) {
    this.#native = native
    this.#threads = threads
  }

  /** @param id of the one that is meant; 0: all. Nobody is there once the hub has ended. */
  measure(id: number): Promise<Map<number, SubscriberLag>> {
    return new Promise((done) => {
      const lags = new Map<number, SubscriberLag>()
      if (this.#ended) {
        done(lags)
        return
      }
      const request = ++this.#requests
      this.#pending.set(request, { left: id === 0 ? this.#threads : 1, lags, done })
      this.#native.measure(request, id)
    })
  }

  /** Takes a record. */
  take(numbers: readonly number[]): void {
    const [request = 0, last = 0] = numbers
    const measurement = this.#pending.get(request)
    if (measurement === undefined) return
    for (let i = 2; i + perSubscriber <= numbers.length; i += perSubscriber) {
      const [id = 0, ringBytes = 0, ownBytes = 0, kernelBytes = 0, messages = 0, bytes = 0, missed = 0] = numbers.slice(
        i,
        i + perSubscriber,
      )
      const pendingBytes = ringBytes + ownBytes + kernelBytes
      measurement.lags.set(id, { pendingBytes, ringBytes, ownBytes, kernelBytes, messages, bytes, missed })
    }
    if (last !== 1 || --measurement.left > 0) return
    this.#pending.delete(request)
    measurement.done(measurement.lags)
  }

  /** Nobody answers any more: what has come has to do. */
  end(): void {
    this.#ended = true
    for (const { lags, done } of this.#pending.values()) done(lags)
    this.#pending.clear()
  }
}
