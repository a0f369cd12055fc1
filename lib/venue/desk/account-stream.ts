import type { Rest } from '../../rest/rest.js'
import { configFault } from '../../runtime/config.js'
import { type Emitter, throwLater } from '../../runtime/emitter.js'
import type { SessionConnection } from '../../session/options.js'
import type { RequestSession } from '../../session/request-session.js'
import type { OrderRef, OrderUpdate } from '../order/order.js'
import { isPassing, OrderError } from '../order/order-error.js'
import type { OrderTrack } from '../order/order-track.js'
import type { AccountEvent, Fill } from '../stream/account-events.js'
import { PrivateStream } from '../stream/private-stream.js'
import type { StreamPlan } from '../stream/stream-plan.js'
import type { DeskEvents, DeskState } from './desk-events.js'
import { type LookUp, Reconciler } from './reconciler.js'
import type { TrackedOrders } from './tracked-orders.js'

/** What an {@link AccountStream} needs of its desk. */
export interface AccountStreamParts {
  readonly plan: StreamPlan | null
  readonly url: string | null
  readonly rest: Rest
  readonly connection: SessionConnection
  readonly orders: TrackedOrders
  readonly emitter: Emitter<DeskEvents>
  apply(update: OrderUpdate): void
  fill(fill: Fill): void
  openOrders(lookUp: LookUp): Promise<readonly OrderUpdate[]>
  order(ref: OrderRef, lookUp: LookUp): Promise<unknown>
  /** The venue knows it no more. */
  gone(track: OrderTrack): void
  /** Asks for what has ended since then, the venue's time in Unix milliseconds, and takes it. @throws OrderError */
  endedSince(ms: number, lookUp: LookUp): Promise<void>
  /** The stream is subscribed, again. */
  subscribed(): void
}

/** Milliseconds by which the venue's clock, as it is known here, may be wrong. */
const clockMarginMs = 5_000

/** What a desk hears by itself: the private stream, and after each gap in it the look-ups of what was missed. */
export class AccountStream {
  readonly #parts: AccountStreamParts
  readonly #reconciler: Reconciler
  #stream: PrivateStream | null = null
  #state: DeskState = 'closed'
  #wasLive = false
  /** The venue's time when something was heard last. */
  #heardMs = Number.NaN
  /** Since when something may have been missed; NaN: nothing. */
  #missedSinceMs = Number.NaN
  #live: { readonly promise: Promise<void>; resolve(): void; reject(error: Error): void } | null = null

  constructor(parts: AccountStreamParts) {
    this.#parts = parts
    const { orders } = parts
    this.#reconciler = new Reconciler(
      {
        openOrders: (lookUp) => parts.openOrders(lookUp),
        order: (ref, lookUp) => parts.order(ref, lookUp),
        find: (ref) => orders.find(ref),
        open: () => orders.open(),
        gone: (track) => parts.gone(track),
        ended: (lookUp) => this.#ended(lookUp),
      },
      () => this.#caughtUp(),
      (error) => this.#stillBlind(error),
    )
  }

  get state(): DeskState {
    return this.#state
  }

  /** Opened, and not closed since. */
  get hears(): boolean {
    return this.#state !== 'closed'
  }

  /** The stream's connection, while it is logged in. */
  get session(): RequestSession | null {
    return this.#stream?.session ?? null
  }

  /** @throws as `Desk.open` */
  async open(): Promise<void> {
    if (this.#live !== null && this.#state !== 'closed') return this.#live.promise
    const { plan, url, rest, connection } = this.#parts
    if (plan === null) throw new OrderError('ERR_ORDER_UNSUPPORTED', 'the venue has no private stream')
    if (url === null)
      throw configFault('desk options', ['streamUrl'], 'must be given with this profile, or with `endpoints`')
    let resolve!: () => void
    let reject!: (error: Error) => void
    const promise = new Promise<void>((yes, no) => {
      resolve = yes
      reject = no
    })
    promise.catch(() => {})
    this.#live = { promise, resolve, reject }
    this.#set('connecting', 'opened', null)
    const stream = new PrivateStream({
      plan,
      base: url,
      rest,
      connection,
      sink: {
        events: (events) => this.#hear(events),
        subscribed: () => {
          this.#heardMs = rest.clock.timestamp()
          this.#catchUp('subscribed')
          this.#parts.subscribed()
        },
        lost: (reason, error) => {
          this.#reconciler.stop()
          this.#missed()
          this.#set(this.#state === 'connecting' ? 'connecting' : 'blind', reason, error)
        },
        ended: (error) => {
          this.#reconciler.stop()
          this.#set('closed', error === null ? 'closed' : 'the venue refuses', error)
          if (error !== null) reject(error)
          else reject(new OrderError('ERR_ORDER_UNSENT', 'closed before it was open'))
        },
      },
    })
    this.#stream = stream
    // Logins are signed by the venue's time.
    await rest.ready()
    if (this.#stream === stream) stream.open().catch(() => {})
    return promise
  }

  close(): void {
    this.#reconciler.stop()
    void this.#stream?.close()
    this.#stream = null
  }

  #hear(events: readonly AccountEvent[]): void {
    const { emitter, rest } = this.#parts
    for (const event of events) {
      if (event.type === 'order') this.#parts.apply(event.update)
      else if (event.type === 'fill') this.#parts.fill(event.fill)
      else if (event.type === 'balance') emitter.slot('balance').emit(event.balance, throwLater)
      else if (event.type === 'position') emitter.slot('position').emit(event.position, throwLater)
      else if (event.type === 'message') emitter.slot('message').emit(event.raw, throwLater)
      else if (event.type === 'gap' && (this.#state === 'live' || this.#state === 'catchingUp')) {
        this.#missed()
        this.#set('blind', 'messages are missing', null)
        this.#catchUp('messages are missing')
      }
    }
    this.#heardMs = rest.clock.timestamp()
  }

  /** What comes next is missed. */
  #missed(): void {
    if (Number.isNaN(this.#missedSinceMs)) this.#missedSinceMs = this.#heardMs - clockMarginMs
  }

  /** What has ended meanwhile that nobody here knew of. A venue that does not tell that to this key is no reason to know nothing else. */
  async #ended(lookUp: LookUp): Promise<void> {
    if (Number.isNaN(this.#missedSinceMs)) return
    try {
      await this.#parts.endedSince(this.#missedSinceMs, lookUp)
    } catch (error) {
      if (!(error instanceof OrderError) || isPassing(error) || lookUp.over.aborted) throw error
      this.#set(this.#state, 'orders that were placed elsewhere and have ended could not be looked up', error)
    }
  }

  #catchUp(reason: string): void {
    this.#set('catchingUp', reason, null)
    this.#reconciler.start()
  }

  /** The look-ups failed. A key that may listen and not ask is told at once; all else is tried again. */
  #stillBlind(error: Error): void {
    const refused = error instanceof OrderError && error.code === 'ERR_ORDER_AUTH'
    if (refused && !this.#wasLive) {
      this.#live?.reject(error)
      this.close()
      this.#set('closed', 'the venue refuses', error)
    } else this.#set('catchingUp', 'the orders could not be looked up', error)
  }

  #caughtUp(): void {
    this.#wasLive = true
    this.#missedSinceMs = Number.NaN
    this.#set('live', 'all orders are known', null)
    this.#live?.resolve()
  }

  #set(to: DeskState, reason: string, error: Error | null): void {
    const from = this.#state
    if (from === to && error === null) return
    this.#state = to
    this.#parts.emitter.slot('stream').emit(Object.freeze({ from, to, reason, error }), throwLater)
  }
}
