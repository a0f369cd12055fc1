import type { RequestSession } from '../../session/request-session.js'
import type { OrderForm } from '../order/order-dialect.js'
import { OrderError } from '../order/order-error.js'
import { type DeadMan, type DeadManOptions, type DeadManPlan, DeadManSwitch } from './dead-man.js'
import type { DeadManEvent } from './desk-events.js'

/** The dead-man's switch of a desk: one at a time. */
export class Switches {
  readonly #parts: {
    readonly plan: DeadManPlan | null
    readonly send: (form: OrderForm) => Promise<unknown>
    readonly session: () => RequestSession | null
    readonly tell: (event: DeadManEvent) => void
  }
  #current: DeadManSwitch | null = null
  #closed = false

  constructor(parts: {
    readonly plan: DeadManPlan | null
    readonly send: (form: OrderForm) => Promise<unknown>
    readonly session: () => RequestSession | null
    readonly tell: (event: DeadManEvent) => void
  }) {
    this.#parts = parts
  }

  /** @throws OrderError */
  async set(options: DeadManOptions): Promise<DeadMan> {
    const { plan, ...others } = this.#parts
    if (plan === null) throw new OrderError('ERR_ORDER_UNSUPPORTED', "the venue has no dead-man's switch")
    const made = new DeadManSwitch({ plan, options, ...others })
    // What is set already goes on until this is.
    await made.start()
    this.#current?.abandon()
    this.#current = made
    if (this.#closed) made.abandon()
    return made
  }

  reconnected(): void {
    void this.#current?.reconnected()
  }

  async stop(): Promise<void> {
    this.#closed = true
    await this.#current?.stop()
  }

  abandon(): void {
    this.#closed = true
    this.#current?.abandon()
  }
}
