import type { BookEntry } from '../../book/entry.js'
import type { BookResync } from '../../book/events.js'
import { TickwireError } from '../../runtime/errors.js'
import type { Backoff } from './backoff.js'

/** How one book is got in sync. */
export interface RecoveryOwner {
  readonly by: BookResync['by']
  /** Milliseconds in which an attempt must have had an effect. */
  readonly patience: number
  /** Begins an attempt: it calls `begun`, then perhaps `done` or `failed`. */
  attempt(recovery: BookRecovery): void
  /** The attempt is not needed any more. */
  cancel(recovery: BookRecovery): void
  tell(event: BookResync): void
}

/**
 * One book on its way into sync: at most one attempt at a time, and a pause that grows between two.
 *
 * idle → pausing → asked → under way → (in sync: idle) | (failed: pausing)
 */
export class BookRecovery {
  readonly entry: BookEntry
  /** Number of what the book waited for when the attempt began. */
  request = 0
  readonly #owner: RecoveryOwner
  readonly #backoff: Backoff
  #state: 'idle' | 'pausing' | 'asked' | 'underway' | 'answered' = 'idle'
  #isOverdue = false
  #timer: NodeJS.Timeout | null = null

  constructor(entry: BookEntry, backoff: Backoff, owner: RecoveryOwner) {
    this.entry = entry
    this.#backoff = backoff
    this.#owner = owner
  }

  /** The book's state, or what it wants, has changed; or it has looked at a snapshot. */
  look(): void {
    const { entry } = this
    if (entry.removed || entry.synced || (entry.want === 'nothing' && !this.#isOverdue)) {
      if (this.#state !== 'idle') this.stop()
      if (entry.synced) this.#backoff.good(performance.now())
      return
    }
    if (this.#state === 'idle') this.#begin()
    else if (this.#state === 'answered') {
      this.failed(new TickwireError('ERR_BOOK_SNAPSHOT', 'the snapshot did not fit what has come since'))
    }
  }

  /** What was subscribed has brought nothing for too long, although the book has asked for nothing. */
  overdue(): void {
    this.#isOverdue = true
    if (this.#state === 'idle') this.#begin()
  }

  /** There is no connection to ask on; `look` or `overdue` begin anew when there is. */
  park(): void {
    this.#clear()
    this.#state = 'idle'
  }

  /** The attempt is made. */
  begun(): void {
    if (this.#state !== 'asked') return
    this.#state = 'underway'
    this.request = this.entry.request
    this.#backoff.attempted()
    this.#tell(null, null)
    this.#after(this.#owner.patience, () => {
      this.failed(new TickwireError('ERR_BOOK_TIMEOUT', `not in sync within ${this.#owner.patience} ms`))
    })
  }

  /** The book was given what it wants: what it makes of it is told by `look`. */
  done(): void {
    if (this.#state === 'underway') this.#state = 'answered'
  }

  failed(error: Error): void {
    if (this.#state === 'idle' || this.#state === 'pausing') return
    this.#owner.cancel(this)
    const delay = this.#pause()
    this.#tell(error, delay)
  }

  stop(): void {
    this.#owner.cancel(this)
    this.#clear()
    this.#state = 'idle'
    this.#isOverdue = false
  }

  #begin(): void {
    this.#backoff.bad(performance.now())
    this.#pause()
  }

  #pause(): number {
    const delay = this.#backoff.delay(Math.random())
    this.#state = 'pausing'
    if (delay === 0) this.#ask()
    else this.#after(delay, () => this.#ask())
    return delay
  }

  #ask(): void {
    this.#clear()
    this.#state = 'asked'
    this.#owner.attempt(this)
  }

  #after(ms: number, call: () => void): void {
    this.#clear()
    this.#timer = setTimeout(call, ms)
    this.#timer.unref()
  }

  #clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #tell(error: Error | null, delayMs: number | null): void {
    const { book } = this.entry
    this.#owner.tell({ book, attempt: this.#backoff.failures, by: this.#owner.by, error, delayMs })
  }
}
