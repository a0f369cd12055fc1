import { TickwireError } from '../../runtime/errors.js'
import type { RequestSession } from '../../session/request-session.js'
import type { OrderForm } from '../order/order-dialect.js'
import { OrderError } from '../order/order-error.js'
import type { DeadManEvent } from './desk-events.js'

/** How a venue's dead-man's switch is set. */
export interface DeadManPlan {
  /** Milliseconds after which it may cancel, least and most. */
  readonly least: number
  readonly most: number
  /** In steps of so many milliseconds; what lies between is rounded up. */
  readonly step: number
  /** It has to be set for each symbol. */
  readonly perSymbol: boolean
  /** Sets it, or with 0 unsets it; null: it cannot be unset. */
  form(ms: number, symbol: string | undefined): OrderForm | null
  /** It watches the private stream, rather than being renewed: what the stream has to be told on every connection. */
  readonly watch?: ((session: RequestSession, on: boolean) => Promise<void>) | undefined
}

/** What `deadMan()` takes. */
export interface DeadManOptions {
  /** Milliseconds of silence after which the venue cancels all open orders. Venues take whole seconds (rounded up), and set bounds. */
  readonly afterMs: number
  /** Binance USD-M: the symbols whose orders are canceled. */
  readonly symbols?: readonly string[] | undefined
}

/** A dead-man's switch that is set. */
export interface DeadMan extends AsyncDisposable {
  /** Unix milliseconds by our clock at which the venue cancels at the earliest; NaN: it does not. */
  readonly until: number
  /** Unsets it. @throws OrderError */
  stop(): Promise<void>
}

/** Sets a switch, renews it at a third of its time, and tells what becomes of it. */
export class DeadManSwitch implements DeadMan {
  readonly #plan: DeadManPlan
  readonly #afterMs: number
  readonly #symbols: readonly (string | undefined)[]
  readonly #send: (form: OrderForm) => Promise<unknown>
  readonly #tell: (event: DeadManEvent) => void
  readonly #session: () => RequestSession | null
  #timer: NodeJS.Timeout | undefined
  #until = Number.NaN
  #running = false

  /** @throws OrderError `ERR_ORDER_INVALID` */
  constructor(parts: {
    readonly plan: DeadManPlan
    readonly options: DeadManOptions
    readonly send: (form: OrderForm) => Promise<unknown>
    readonly session: () => RequestSession | null
    readonly tell: (event: DeadManEvent) => void
  }) {
    const { plan, options } = parts
    const { afterMs, symbols } = options
    if (!(afterMs >= plan.least && afterMs <= plan.most)) {
      throw new OrderError('ERR_ORDER_INVALID', `afterMs: must be a number from ${plan.least} to ${plan.most}`)
    }
    const named = symbols !== undefined && symbols.length > 0
    if (plan.perSymbol !== named) {
      throw new OrderError(
        'ERR_ORDER_INVALID',
        `symbols: ${plan.perSymbol ? 'must be given' : 'cannot be chosen'} here`,
      )
    }
    this.#plan = plan
    this.#afterMs = Math.ceil(afterMs / plan.step) * plan.step
    this.#symbols = plan.perSymbol ? [...new Set(symbols)] : [undefined]
    this.#send = parts.send
    this.#session = parts.session
    this.#tell = parts.tell
  }

  get until(): number {
    return this.#until
  }

  /** @throws OrderError, SessionError */
  async start(): Promise<void> {
    this.#running = true
    try {
      await this.#arm()
      await this.#watch(true)
    } catch (error) {
      this.#running = false
      throw error
    }
    if (!this.#running) return
    this.#say('armed', null)
    if (this.#plan.watch === undefined) this.#timer = setTimeout(() => void this.#renew(), this.#afterMs / 3)
  }

  /** On every connection of the private stream: what watches it has to be told again. */
  async reconnected(): Promise<void> {
    if (!this.#running || this.#plan.watch === undefined) return
    try {
      await this.#watch(true)
      this.#say('renewed', null)
    } catch (error) {
      this.#say('failed', error instanceof Error ? error : null)
    }
  }

  async stop(): Promise<void> {
    if (!this.#running) return
    this.abandon()
    await this.#watch(false)
    for (const symbol of this.#symbols) {
      const form = this.#plan.form(0, symbol)
      if (form !== null) await this.#send(form)
    }
    this.#until = Number.NaN
    this.#say('stopped', null)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** Renews no more, and leaves it set: the venue will cancel. */
  abandon(): void {
    this.#running = false
    clearTimeout(this.#timer)
  }

  async #arm(): Promise<void> {
    // It runs from when the venue hears of it, which is not before it leaves here.
    const until = Date.now() + this.#afterMs
    const each = this.#symbols.map(async (symbol) => {
      const form = this.#plan.form(this.#afterMs, symbol)
      // What comes of it has to be known while there is time to try again.
      if (form !== null) await this.#send({ ...form, request: { ...form.request, deadline: this.#afterMs / 3 } })
    })
    await Promise.all(each)
    if (this.#plan.watch === undefined) this.#until = until
  }

  async #watch(on: boolean): Promise<void> {
    const { watch } = this.#plan
    if (watch === undefined) return
    const session = this.#session()
    if (session !== null) await watch(session, on)
    else if (on) throw new TickwireError('ERR_NOT_OPEN', 'the switch watches the private stream: open the desk first')
  }

  async #renew(): Promise<void> {
    let pause = this.#afterMs / 3
    try {
      await this.#arm()
      if (!this.#running) return
      this.#say('renewed', null)
    } catch (error) {
      if (!this.#running) return
      const expired = Date.now() >= this.#until
      this.#say(expired ? 'expired' : 'failed', error instanceof Error ? error : null)
      // Sooner than usual, while there is time left.
      pause = expired ? pause : Math.max(50, pause / 4)
    }
    this.#timer = setTimeout(() => void this.#renew(), pause)
  }

  #say(state: DeadManEvent['state'], error: Error | null): void {
    this.#tell(Object.freeze({ state, until: this.#until, error }))
  }
}
