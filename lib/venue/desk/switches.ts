import { OrderError } from '../order/order-error.js'
import { type DeadMan, type DeadManOptions, type DeadManParts, type DeadManPlan, DeadManSwitch } from './dead-man.js'

/** What {@link Switches} work with; null: the venue has none. */
type SwitchesParts = Omit<DeadManParts, 'plan' | 'inTurn'> & { readonly plan: DeadManPlan | null }

/** Milliseconds for a request, where none is being replaced; and at least. */
const usualPatience = 10_000
const leastPatience = 50

/** The dead-man's switch of a desk: one at a time. */
export class Switches {
  readonly #parts: SwitchesParts
  #current: DeadManSwitch | null = null
  /** What was asked for last: one thing after the other. */
  #last: Promise<unknown> = Promise.resolve()
  #closed = false
  #abandoned = false

  constructor(parts: SwitchesParts) {
    this.#parts = parts
  }

  /** @throws OrderError. The one that was set before goes on. */
  async set(options: DeadManOptions): Promise<DeadMan> {
    const { plan, ...others } = this.#parts
    if (plan === null) throw new OrderError('ERR_ORDER_UNSUPPORTED', "the venue has no dead-man's switch")
    const made = new DeadManSwitch(options, { plan, inTurn: (run) => this.#inTurn(run), ...others })
    await this.#inTurn(() => this.#replace(made))
    return made
  }

  reconnected(): void {
    void this.#current?.reconnected()
  }

  /** Takes no more. @throws OrderError */
  stop(): Promise<void> {
    this.#closed = true
    return this.#inTurn(async () => this.#current?.unset())
  }

  abandon(): void {
    this.#closed = true
    this.#abandoned = true
    this.#current?.abandon()
  }

  async #replace(made: DeadManSwitch): Promise<void> {
    if (this.#closed) throw new OrderError('ERR_ORDER_UNSENT', 'the desk is closed')
    const before = this.#current?.running === true ? this.#current : null
    await before?.pause()
    // All three steps that may fail leave the one before its time.
    const left = before?.leftMs ?? Number.NaN
    const patience = Number.isNaN(left) ? usualPatience : Math.max(leastPatience, left / 4)
    try {
      await before?.handOver(made, patience)
      this.#current = made
      await made.start(patience)
      if (this.#abandoned) made.abandon()
    } catch (error) {
      this.#current = before
      if (!this.#abandoned) before?.resume()
      throw error
    }
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#last.then(run)
    this.#last = done.catch(() => {})
    return done
  }
}
