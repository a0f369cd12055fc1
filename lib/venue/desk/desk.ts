import type { Rest } from '../../rest/rest.js'
import { configFault } from '../../runtime/config.js'
import { Emitter, type Listener, throwLater } from '../../runtime/emitter.js'
import type { OrderAmend, OrderRef, OrderRequest, OrderUpdate } from '../order/order.js'
import { withClientId } from '../order/order.js'
import { type CancelResult, type OrderDialect, type OrderForm, unreadable } from '../order/order-dialect.js'
import { OrderError } from '../order/order-error.js'
import type { OrderChange, OrderTrack } from '../order/order-track.js'
import { AccountStream } from './account-stream.js'
import { Cancels } from './cancels.js'
import type { DeadMan, DeadManOptions } from './dead-man.js'
import type { DeskEvents, DeskState, OrderEvent } from './desk-events.js'
import { checkDeskOptions, type DeskOptions } from './desk-options.js'
import type { DeskWiring } from './desk-wiring.js'
import { Fills } from './fills.js'
import { GapHistory } from './gap-history.js'
import { type DoorAnswer, OrderDoor } from './order-door.js'
import type { LookUp } from './reconciler.js'
import { dated, ended, settleAmend, settlePlace } from './settle.js'
import { Switches } from './switches.js'
import { TrackedOrders } from './tracked-orders.js'
import { Underway } from './underway.js'

/** Pages of open orders that are read at most. */
const mostPages = 1_000

/**
 * Orders at one venue. What it resolves with is how the order stands by all that is known; what it rejects with is an `OrderError`. An order
 * whose answer was lost is looked up before anything else is done about it, and never sent twice unless it is certain that it was not, and
 * will not be, executed.
 */
export class Desk implements AsyncDisposable {
  readonly rest: Rest
  readonly dialect: OrderDialect
  readonly #orders: TrackedOrders
  readonly #emitter = new Emitter<DeskEvents>()
  readonly #door: OrderDoor
  readonly #stream: AccountStream
  readonly #fills: Fills
  readonly #switches: Switches
  readonly #underway = new Underway()
  readonly #cancels: Cancels
  /** Questions that the venue was asked so far about how orders stand. */
  #asked = 0

  /**
   * @param rest a client for the venue, with its look-up; closed with the desk.
   * @param wiring what the venue has besides: a private stream, order entry over WebSocket, a dead-man's switch.
   * @throws ConfigError
   */
  constructor(rest: Rest, dialect: OrderDialect, options: DeskOptions = {}, wiring: DeskWiring = {}) {
    const { tracked, entry, streamUrl, entryUrl, connection } = checkDeskOptions(options)
    this.rest = rest
    this.dialect = dialect
    this.#orders = new TrackedOrders(tracked)
    const plan = wiring.entry ?? null
    if (entry !== 'rest' && plan === null) {
      throw configFault('desk options', ['entry'], 'the venue takes no orders over WebSocket: must be `rest`')
    }
    const url = entryUrl ?? wiring.entryUrl ?? null
    if (entry !== 'rest' && url === null) throw configFault('desk options', ['entryUrl'], 'must be given')
    this.#door = new OrderDoor({ rest, dialect, mode: entry, plan, url, connection })
    this.#fills = new Fills({
      orders: this.#orders,
      trades: wiring.trades ?? null,
      ask: async (form) => (await this.#send(form)).body,
      hearing: () => this.#stream.hears,
      tellsTrades: wiring.stream?.tellsTrades ?? true,
      tell: (event) => this.#emitter.slot('fill').emit(event, throwLater),
    })
    this.#switches = new Switches({
      plan: wiring.deadMan ?? null,
      send: async (form) => (await this.#send(form)).body,
      session: () => this.#stream.session,
      tell: (event) => this.#emitter.slot('deadMan').emit(event, throwLater),
    })
    this.#cancels = new Cancels(dialect, {
      send: async (form) => (await this.#send(form)).body,
      cancel: (ref) => this.cancel(ref),
      openOrders: (of) => this.openOrders(of),
      apply: (update) => this.apply(update),
    })
    const history = new GapHistory(dialect, {
      send: async (form, stop) => (await this.#send(form, stop)).body,
      apply: (update) => void this.apply(update),
      symbols: () => this.#orders.symbols(),
      now: () => rest.clock.timestamp(),
    })
    this.#stream = new AccountStream({
      plan: wiring.stream ?? null,
      url: streamUrl ?? wiring.streamUrl ?? null,
      rest,
      connection,
      orders: this.#orders,
      emitter: this.#emitter,
      apply: (update) => void this.apply(update),
      fill: (fill) => this.#fills.heard(fill),
      openOrders: (lookUp) => this.#allOpen(undefined, lookUp),
      order: (ref, { stop }) => this.#look(this.#complete(ref), stop),
      gone: (track) => this.#gone(track),
      endedSince: (ms, lookUp) => history.learn(ms, lookUp),
      subscribed: () => this.#switches.reconnected(),
    })
  }

  /** What it hears by itself, as of now. */
  get state(): DeskState {
    return this.#stream.state
  }

  /**
   * Opens the private stream, and the WebSocket for orders where that is wanted. Resolves when all is known that happens, and has happened to
   * orders: `state` is `live`. From then on the desk keeps itself so, and says by `stream` events when it is not.
   * @throws SessionError, RestError: the venue refuses the key; ConfigError when it is not known where to connect; OrderError
   * `ERR_ORDER_UNSUPPORTED` when the venue has no private stream there.
   */
  async open(): Promise<void> {
    await Promise.all([this.#stream.open(), this.#door.open()])
  }

  /**
   * Places an order. The request leaves on this thread, before the call returns, when the limits allow it.
   * @throws OrderError. `ERR_ORDER_UNKNOWN`: it may have been executed; all others: certainly not.
   */
  place(request: OrderRequest): Promise<OrderUpdate> {
    return this.#underway.begin(() => this.#place(request))
  }

  async #place(request: OrderRequest): Promise<OrderUpdate> {
    const order = withClientId(request)
    const form = this.dialect.place(order)
    const track = this.#orders.add(order.symbol, order.clientOrderId)
    try {
      const { body, found } = await this.#send(form)
      // The answer was lost: this is the look-up's.
      const update = found ? this.dialect.found(body, order) : this.dialect.placed(body, order)
      if (update === null) throw unreadable()
      return this.#learn(track, update)
    } catch (error) {
      return this.#placeFailed(track, order, error)
    }
  }

  /**
   * Changes an order; venues differ in what they change. A change whose answer was lost is looked up: it resolves when the order stands as it was
   * to.
   * @throws OrderError. `ERR_ORDER_UNSENT`: it was certainly not changed; `ERR_ORDER_NOT_FOUND`: it has ended; `ERR_ORDER_UNKNOWN`: it may have
   * been changed: `order()` tells.
   */
  amend(change: OrderAmend): Promise<OrderUpdate> {
    return this.#underway.begin(() => this.#amend(change))
  }

  async #amend(change: OrderAmend): Promise<OrderUpdate> {
    const complete = this.#complete(change)
    const form = this.dialect.amend(complete)
    // Later than all that is known of it, whatever the clocks say.
    const known = this.#orders.find(complete)?.state?.timeMs ?? Number.NaN
    const sentAt = Math.max(this.rest.clock.timestamp(), Number.isNaN(known) ? 0 : known + 1)
    try {
      const { body } = await this.#send(form)
      return this.apply(dated(this.dialect.amended(body, complete), sentAt))
    } catch (error) {
      if (!(error instanceof OrderError) || !error.mayHaveExecuted) throw error
      const found = await settleAmend(complete, error, () => this.#look(complete), this.#door.validMs)
      return this.apply(dated(found, sentAt))
    }
  }

  /**
   * Cancels an order and places another in its stead, by one request: nothing is placed unless the one before was canceled. Resolves with how the
   * new one stands. Where venues amend prices (see docs/venues.md) that keeps the order, and its place.
   * @throws OrderError. `ERR_ORDER_UNSUPPORTED`: the venue has none; `ERR_ORDER_NOT_FOUND`: the one before has ended, nothing was placed; other
   * refusals are of the new one, while the one before may be canceled: `known()` tells; `ERR_ORDER_UNKNOWN` as with `place()`.
   */
  replace(ref: OrderRef, request: OrderRequest): Promise<OrderUpdate> {
    return this.#underway.begin(() => this.#replace(ref, request))
  }

  async #replace(ref: OrderRef, request: OrderRequest): Promise<OrderUpdate> {
    const { replace } = this.dialect
    if (replace === undefined) {
      throw new OrderError('ERR_ORDER_UNSUPPORTED', 'the venue does not cancel and place with one request')
    }
    const order = withClientId(request)
    const before = this.#complete(ref)
    const form = replace.form(before, order)
    const track = this.#orders.add(order.symbol, order.clientOrderId)
    try {
      const { body, found } = await this.#send(form)
      if (!found) {
        const { canceled, placed } = replace.read(body, before, order)
        this.apply(canceled)
        return this.#learn(track, placed)
      }
      // The answer was lost. That the new one is there means that the one before is canceled.
      await this.#look(before).catch(() => {})
      const update = this.dialect.found(body, order)
      if (update === null) throw unreadable()
      return this.#learn(track, update)
    } catch (error) {
      await this.#look(before).catch(() => {})
      return this.#placeFailed(track, order, error)
    }
  }

  /**
   * Cancels an order. Resolves with how it stands then: `canceled`; `accepted` where venues cancel after they have answered; or whatever
   * other end it had come to before.
   * @throws OrderError. `ERR_ORDER_NOT_FOUND`: there is no such order; `ERR_ORDER_UNKNOWN`: it may or may not be canceled.
   */
  cancel(ref: OrderRef): Promise<OrderUpdate> {
    return this.#underway.count(() => this.#cancel(ref))
  }

  async #cancel(ref: OrderRef): Promise<OrderUpdate> {
    const complete = this.#complete(ref)
    try {
      const { body } = await this.#send(this.dialect.cancel(complete))
      return this.apply(this.dialect.canceled(body, complete))
    } catch (error) {
      if (!(error instanceof OrderError)) throw error
      if (error.code !== 'ERR_ORDER_NOT_FOUND' && !error.mayHaveExecuted) throw error
      // Canceled by an attempt whose answer was lost, or filled meanwhile, or never there.
      const state = await this.order(complete).catch(() => null)
      const track = state === null ? undefined : this.#orders.find(state)
      if (state !== null && (track?.ended ?? ended(state))) return state
      throw error
    }
  }

  /**
   * Cancels all open orders of a symbol, or of the account: with one request where the venue has one for this, else one by one or in batches.
   * Resolves with what was tried, an error in place of each order that could not be canceled; venues that say no more than that they have
   * done it leave the list empty.
   * @throws OrderError when the venue could not be asked.
   */
  cancelAll(symbol?: string): Promise<readonly CancelResult[]> {
    return this.#underway.count(() => this.#cancels.all(symbol))
  }

  /**
   * Asks the venue how an order stands; null: it knows none.
   * @throws OrderError
   */
  async order(ref: OrderRef): Promise<OrderUpdate | null> {
    const found = await this.#look(this.#complete(ref))
    if (found === null) return null
    return this.#orders.find(found)?.state ?? found
  }

  /**
   * Asks the venue for all open orders, of a symbol or of the account.
   * @throws OrderError
   */
  openOrders(symbol?: string): Promise<readonly OrderUpdate[]> {
    return this.#allOpen(symbol, null)
  }

  async #allOpen(symbol: string | undefined, lookUp: LookUp | null): Promise<readonly OrderUpdate[]> {
    const orders: OrderUpdate[] = []
    let from: string | null = null
    for (let page = 0; page < mostPages; page++) {
      lookUp?.over.throwIfAborted()
      const asked = ++this.#asked
      const { body } = await this.#send(this.dialect.openOrders(symbol, from), lookUp?.stop)
      const { orders: read, next } = this.dialect.open(body)
      for (const update of read)
        if (symbol === undefined || update.symbol === symbol) orders.push(this.#take(update, asked))
      if (next === null || next === from) return orders
      from = next
    }
    throw new OrderError('ERR_ORDER_REFUSED', `the venue has more than ${mostPages} pages of open orders`)
  }

  /** What is known of an order without asking; null while the venue has not been heard, or when it is not remembered. */
  known(ref: Pick<OrderRef, 'orderId' | 'clientOrderId'>): OrderUpdate | null {
    return this.#orders.find(ref)?.state ?? null
  }

  /** Takes what was heard of an order elsewhere, from a private stream say, in any order, any number of times. */
  apply(update: OrderUpdate): OrderUpdate {
    return this.#take(update, 0)
  }

  on<E extends keyof DeskEvents & string>(event: E, listener: Listener<DeskEvents[E]>): this {
    this.#emitter.slot(event).add(listener)
    return this
  }

  once<E extends keyof DeskEvents & string>(event: E, listener: Listener<DeskEvents[E]>): this {
    this.#emitter.slot(event).addOnce(listener)
    return this
  }

  off<E extends keyof DeskEvents & string>(event: E, listener: Listener<DeskEvents[E]>): this {
    this.#emitter.slot(event).remove(listener)
    return this
  }

  /**
   * Sets the venue's dead-man's switch: when the venue does not hear of us for so long, it cancels all open orders. It is renewed by itself at a
   * third of the time, or watches the private stream (Bybit); `deadMan` events tell what becomes of it. Setting it again replaces it.
   * @throws OrderError `ERR_ORDER_UNSUPPORTED`: the venue has none; `ERR_ORDER_INVALID`; whatever the venue says.
   */
  deadMan(options: DeadManOptions): Promise<DeadMan> {
    return this.#switches.set(options)
  }

  /**
   * Takes no more orders, and resolves when those under way have been answered. It cancels nothing, and unsets the dead-man's switch; `force`
   * leaves that set, so that the venue will cancel.
   */
  async close(options?: { readonly force?: boolean }): Promise<void> {
    const force = options?.force === true
    this.#underway.close()
    if (!force) {
      await this.#underway.settled()
      await this.#switches.stop().catch(() => {})
    }
    this.#switches.abandon()
    this.#stream.close()
    this.#fills.close()
    await Promise.all([this.rest.close(options), this.#door.close()])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @param stop takes it back. */
  #send(form: OrderForm, stop?: AbortSignal): Promise<DoorAnswer> {
    return this.#door.send(stop === undefined ? form : { ...form, request: { ...form.request, signal: stop } })
  }

  /** The venue's own word on an order, taken and as it came; null: it knows none. */
  async #look(ref: OrderRef, stop?: AbortSignal): Promise<OrderUpdate | null> {
    for (const form of this.dialect.lookup(ref)) {
      try {
        const asked = ++this.#asked
        const found = this.dialect.found((await this.#send(form, stop)).body, ref)
        if (found === null) continue
        this.#take(found, asked)
        return found
      } catch (error) {
        if (!(error instanceof OrderError) || error.code !== 'ERR_ORDER_NOT_FOUND') throw error
      }
    }
    return null
  }

  /** Both ids, as far as they are known: some venues want their own, and all find orders faster by it. */
  #complete<Ref extends OrderRef>(ref: Ref): Ref {
    const state = this.#orders.find(ref)?.state
    if (state === undefined || state === null) return ref
    const orderId = ref.orderId ?? (state.orderId || undefined)
    const clientOrderId = ref.clientOrderId ?? (state.clientOrderId || undefined)
    return { ...ref, orderId, clientOrderId }
  }

  async #placeFailed(track: OrderTrack, order: OrderRef, error: unknown): Promise<OrderUpdate> {
    if (!(error instanceof OrderError)) {
      this.#tell(track, track.lost())
      throw error
    }
    this.#tell(track, error.mayHaveExecuted ? track.lost() : track.refused())
    if (!error.mayHaveExecuted) throw error
    // Others may have said meanwhile what has become of it; an answer that could not be read may be followed by one that can.
    if (track.state !== null) return track.state
    const found = await settlePlace(error, track, () => this.#look(order), this.#door.validMs)
    if (found === 'absent') {
      this.#tell(track, track.refused())
      throw new OrderError('ERR_ORDER_UNSENT', 'it was lost on its way, and can no longer be executed', {
        cause: error,
      })
    }
    if (found === null) throw error
    return track.state ?? found
  }

  /** @param asked the number of the question that this answers; 0: nobody asked. */
  #take(update: OrderUpdate, asked: number): OrderUpdate {
    const track = this.#orders.of(update)
    return track === null ? update : this.#learn(track, update, asked)
  }

  #learn(track: OrderTrack, update: OrderUpdate, asked = 0): OrderUpdate {
    this.#tell(track, track.apply(update, asked))
    return track.state ?? update
  }

  /** Its trades may be known where it is not any more. */
  #gone(track: OrderTrack): void {
    this.#tell(track, track.gone(this.#asked))
    this.#fills.search(track)
  }

  #tell(track: OrderTrack, change: OrderChange): void {
    this.#orders.changed(track)
    if (!change.changed) return
    const { state, symbol } = track
    const event: OrderEvent = Object.freeze({ ...change, symbol, clientOrderId: track.clientOrderId, state })
    this.#emitter.slot('order').emit(event, throwLater)
    this.#fills.filled(track)
  }
}
