import { OrderError } from '../order/order-error.js'

/** What a desk has begun and not finished, look-ups of what was lost included, so that it can be closed when all of it is known. */
export class Underway {
  readonly #all = new Set<Promise<unknown>>()
  #closed = false

  /** Something that changes orders at the venue. @throws OrderError `ERR_ORDER_UNSENT` when it is closed. */
  begin<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new OrderError('ERR_ORDER_UNSENT', 'the desk is closed'))
    return this.count(work)
  }

  /** Something that may still begin when it is closed: cancels. */
  count<T>(work: () => Promise<T>): Promise<T> {
    const done = work()
    this.#all.add(done)
    const remove = (): void => void this.#all.delete(done)
    done.then(remove, remove)
    return done
  }

  /** Nothing more begins. */
  close(): void {
    this.#closed = true
  }

  /** Resolves when everything has been finished. Never rejects. */
  async settled(): Promise<void> {
    while (this.#all.size > 0) await Promise.allSettled(this.#all)
  }
}
