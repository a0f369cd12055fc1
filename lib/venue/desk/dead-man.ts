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
  /** Unsets it. @throws OrderError: the venue could not be told. It is renewed still, so that nothing is canceled unasked: try again. */
  stop(): Promise<void>
}

/** What a {@link DeadManSwitch} works with. */
export interface DeadManParts {
  readonly plan: DeadManPlan
  readonly send: (form: OrderForm) => Promise<unknown>
  readonly session: () => RequestSession | null
  readonly tell: (event: DeadManEvent) => void
  /** Runs what sets and unsets switches, one after the other. */
  readonly inTurn: <T>(run: () => Promise<T>) => Promise<T>
}

/** Between two tries to be watched, in milliseconds, at least. */
const leastPause = 50

/**
 * Sets a switch, renews it at a third of its time, and tells what becomes of it. What it sends is in its order: nothing leaves before what left
 * before is settled, lest a late renewal sets again what was unset.
 */
export class DeadManSwitch implements DeadMan {
  readonly #parts: DeadManParts
  readonly #afterMs: number
  readonly #symbols: readonly (string | undefined)[]
  #timer: NodeJS.Timeout | undefined
  /** By `performance.now()`, which no setting of the clock moves. */
  #until = Number.NaN
  #running = false
  #underway: Promise<unknown> = Promise.resolve()

  /** @throws OrderError `ERR_ORDER_INVALID` */
  constructor(options: DeadManOptions, parts: DeadManParts) {
    const { plan } = parts
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
    this.#parts = parts
    this.#afterMs = Math.ceil(afterMs / plan.step) * plan.step
    this.#symbols = plan.perSymbol ? [...new Set(symbols)] : [undefined]
  }

  get until(): number {
    return Math.round(Date.now() + this.leftMs)
  }

  /** Milliseconds until the venue cancels at the earliest; NaN: it does not. */
  get leftMs(): number {
    return this.#until - performance.now()
  }

  /**
   * @param patience milliseconds for setting it, and then for unsetting it when that failed.
   * @throws OrderError, SessionError. What was set until then is unset, as far as the venue can be told.
   */
  async start(patience: number): Promise<void> {
    this.#running = true
    try {
      await this.#arm(Math.min(patience, this.#afterMs / 3))
      await this.#watch(true)
    } catch (error) {
      this.#running = false
      await this.#sendAll(this.#symbols, 0, patience).catch(() => {})
      throw error
    }
    if (!this.#running) return
    this.#say('armed', null)
    this.#later(this.#afterMs / 3)
  }

  /** On every connection of the private stream: what watches it has to be told again. */
  async reconnected(): Promise<void> {
    if (!this.#running || this.#parts.plan.watch === undefined) return
    clearTimeout(this.#timer)
    try {
      await this.#watch(true)
      if (this.#running) this.#say('renewed', null)
    } catch (error) {
      if (!this.#running) return
      this.#say('failed', asError(error))
      // With the next connection it is told anyway.
      if (this.#parts.session() === null) return
      this.#timer = setTimeout(() => void this.reconnected(), Math.max(leastPause, this.#afterMs / 12))
    }
  }

  async stop(): Promise<void> {
    if (this.#running) await this.#parts.inTurn(() => this.unset())
  }

  /** As `stop()`, in whose turn this is. @throws OrderError */
  async unset(): Promise<void> {
    if (!this.#running) return
    await this.pause()
    try {
      await this.#watch(false)
      await this.#sendAll(this.#symbols, 0)
    } catch (error) {
      this.#say('failed', asError(error))
      this.resume()
      throw error
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

  /** Renews no more, and resolves when nothing is under way. */
  async pause(): Promise<void> {
    this.abandon()
    await this.#underway
  }

  /** Goes on after a pause, at once. */
  resume(): void {
    this.#running = true
    if (this.#parts.plan.watch === undefined) void this.#renew()
    else void this.reconnected()
  }

  /** Whether it was set, and neither stopped nor left. */
  get running(): boolean {
    return this.#running
  }

  /** In its place comes another: unsets what that does not set. @throws OrderError */
  async handOver(to: DeadManSwitch, patience: number): Promise<void> {
    const left = this.#symbols.filter((symbol) => !to.#symbols.includes(symbol))
    await this.#sendAll(left, 0, patience)
  }

  // What comes of it has to be known while there is time to try again.
  async #arm(patience = this.#afterMs / 3): Promise<void> {
    // It runs from when the venue hears of it, which is not before it leaves here.
    const until = performance.now() + this.#afterMs
    await this.#sendAll(this.#symbols, this.#afterMs, patience)
    if (this.#parts.plan.watch === undefined) this.#until = until
  }

  /** For all symbols, whatever becomes of one. @throws the first failure, when all have settled */
  async #sendAll(symbols: readonly (string | undefined)[], ms: number, deadline?: number): Promise<void> {
    const { plan, send } = this.#parts
    const before = this.#underway
    const all = before.then(() =>
      Promise.allSettled(
        symbols.map(async (symbol) => {
          const form = plan.form(ms, symbol)
          if (form === null) return
          const request = deadline === undefined ? form.request : { ...form.request, deadline }
          await send({ ...form, request })
        }),
      ),
    )
    this.#underway = all
    for (const result of await all) if (result.status === 'rejected') throw result.reason
  }

  async #watch(on: boolean): Promise<void> {
    const { plan, session } = this.#parts
    if (plan.watch === undefined) return
    const connection = session()
    if (connection !== null) await plan.watch(connection, on)
    else if (on) throw new TickwireError('ERR_NOT_OPEN', 'the switch watches the private stream: open the desk first')
  }

  async #renew(): Promise<void> {
    let pause = this.#afterMs / 3
    // This thread was held up for so long.
    const late = performance.now() >= this.#until
    if (late) this.#say('expired', null)
    try {
      await this.#arm()
      if (!this.#running) return
      this.#say('renewed', null)
    } catch (error) {
      if (!this.#running) return
      const expired = performance.now() >= this.#until
      this.#say(expired ? 'expired' : 'failed', asError(error))
      // Sooner than usual, while there is time left.
      pause = expired ? pause : Math.max(leastPause, pause / 4)
    }
    this.#later(pause)
  }

  #later(ms: number): void {
    if (this.#parts.plan.watch !== undefined) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#renew(), ms)
  }

  #say(state: DeadManEvent['state'], error: Error | null): void {
    this.#parts.tell(Object.freeze({ state, until: this.until, error }))
  }
}

function asError(thrown: unknown): Error | null {
  return thrown instanceof Error ? thrown : null
}
