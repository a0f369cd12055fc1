import type { Channel } from '../runtime/channel.js'
import { TickwireError } from '../runtime/errors.js'
import type { RecordSink } from '../runtime/ring-reader.js'

/** Batches are handed over without a turn of the event loop for so long; then timers and sockets get theirs. */
const nsPerTurn = 2_000_000

/** What a feed lends its iteration. */
export interface PullSource {
  readonly sink: RecordSink
  /** Null before the feed was opened. */
  channel(): Channel | null
  nowNs(): number
  /** The consumer has left the loop. */
  left(): void
}

interface Waiting<T> {
  resolve(result: IteratorResult<T, undefined>): void
  reject(error: unknown): void
}

const finished: IteratorResult<never, undefined> = { done: true, value: undefined }

/**
 * The consumer's end of `for await`. While the consumer works on a batch the ring's reader stands still in front of it: the batch
 * needs no copy, and what the consumer does not keep up with is a matter of the feeds' overflow policies.
 */
export class Pull<T> implements AsyncIterator<T, undefined> {
  readonly #source: PullSource
  /** Handed over before it was asked for. */
  #item: T | null = null
  #waiting: Waiting<T> | null = null
  #ended = false
  #error: unknown = null
  /** When the event loop had its last turn, as far as this iteration knows. */
  #turnStart: number
  /** The ring was empty when the consumer asked: what comes, comes on a turn of its own. */
  #idle = true

  constructor(source: PullSource) {
    this.#source = source
    this.#turnStart = source.nowNs()
  }

  /** Whether the reader has to stand still in front of what it hands over. */
  get holding(): boolean {
    return !this.#ended
  }

  /** The reader hands over what stands in the ring; it goes on with the consumer's next call. */
  offer(item: T): void {
    if (this.#idle) {
      this.#idle = false
      this.#turnStart = this.#source.nowNs()
    }
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting === null) this.#item = item
    else waiting.resolve({ done: false, value: item })
  }

  /** The feed has ended, by `error` or null. What was handed over last is void. */
  end(error: unknown): void {
    if (this.#ended) return
    this.#ended = true
    this.#item = null
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting === null) this.#error = error
    else if (error === null) waiting.resolve(finished)
    else waiting.reject(error)
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#waiting !== null) {
      return Promise.reject(new TickwireError('ERR_TICKWIRE_ITERATING', 'the last next() has not been answered yet'))
    }
    const error = this.#error
    if (error !== null) {
      this.#error = null
      return Promise.reject(error)
    }
    if (this.#ended) return Promise.resolve(finished)
    const item = this.#item
    if (item !== null) {
      this.#item = null
      return Promise.resolve({ done: false, value: item })
    }
    return new Promise((resolve, reject) => {
      const waiting = { resolve, reject }
      this.#waiting = waiting
      // Promises that are always settled already would keep the event loop from ever turning.
      if (this.#source.nowNs() - this.#turnStart < nsPerTurn) this.#resume()
      else setImmediate(() => this.#resumeFor(waiting))
    })
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.end(null)
    this.#error = null
    this.#source.left()
    this.#goOn()
    return Promise.resolve(finished)
  }

  /** On a turn of its own; a record that was signalled may have answered meanwhile, and its item must not be released. */
  #resumeFor(waiting: Waiting<T>): void {
    if (this.#waiting !== waiting) return
    this.#turnStart = this.#source.nowNs()
    this.#resume()
  }

  #resume(): void {
    this.#idle = false
    this.#goOn()
    this.#idle = this.#waiting !== null
  }

  /** The reader goes on behind what the consumer had. */
  #goOn(): void {
    const channel = this.#source.channel()
    channel?.reader.release(this.#source.sink)
    channel?.run()
  }
}
