import { TickwireError } from '../runtime/errors.js'

/** Messages are taken out of the ring so many at a time: what lies here is not lost, and not fresh either. */
const mostAhead = 64

interface Waiting {
  resolve(result: IteratorResult<Buffer, undefined>): void
  reject(error: unknown): void
}

const finished: IteratorResult<never, undefined> = { done: true, value: undefined }

/** The consumer's end of `for await`: copies of a few messages, taken out of the ring when it asks for one. */
export class MessageQueue implements AsyncIterableIterator<Buffer, undefined> {
  readonly #ask: () => void
  readonly #left: () => void
  #messages: Buffer[] = []
  #at = 0
  #waiting: Waiting | null = null
  #ended = false
  #error: unknown = null

  /** @param ask the consumer wants more. @param left it has left the loop. */
  constructor(ask: () => void, left: () => void) {
    this.#ask = ask
    this.#left = left
  }

  /** Whether the consumer waits for a message. */
  get wanting(): boolean {
    return this.#waiting !== null
  }

  /** False: no more for now. */
  push(message: Buffer): boolean {
    const copy = Buffer.from(message)
    const waiting = this.#waiting
    if (waiting !== null) {
      this.#waiting = null
      waiting.resolve({ done: false, value: copy })
      return true
    }
    return this.#messages.push(copy) < mostAhead
  }

  /** The reader is closed, by `error` or null. What was taken out before is still given. */
  end(error: unknown): void {
    if (this.#ended) return
    this.#ended = true
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting === null) this.#error = error
    else if (error === null) waiting.resolve(finished)
    else waiting.reject(error)
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#waiting !== null) {
      return Promise.reject(new TickwireError('ERR_TICKWIRE_ITERATING', 'the last next() has not been answered yet'))
    }
    const message = this.#messages[this.#at]
    if (message !== undefined) {
      if (++this.#at === this.#messages.length) {
        this.#messages = []
        this.#at = 0
      }
      return Promise.resolve({ done: false, value: message })
    }
    const error = this.#error
    if (error !== null) {
      this.#error = null
      return Promise.reject(error)
    }
    if (this.#ended) return Promise.resolve(finished)
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#ask()
    })
  }

  return(): Promise<IteratorResult<Buffer, undefined>> {
    this.#messages = []
    this.#at = 0
    this.#error = null
    this.end(null)
    this.#left()
    return Promise.resolve(finished)
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
