import { inspect } from 'node:util'
import type { NativeChannel, NativeFeedControl } from '../native/addon.js'
import type { Channel, WakeMode } from '../runtime/channel.js'
import type { ConflateMemory } from '../runtime/conflation.js'
import { ensureDefaultCa, errorCode, nowNs } from '../runtime/core.js'
import { coded } from '../runtime/core-error.js'
import { Emitter, type Listener, type Slot, throwLater } from '../runtime/emitter.js'
import { FeedError } from '../runtime/errors.js'
import { type Loop, type LoopTenant, loopInternals } from '../runtime/loop.js'
import type { FeedState, StateRecord } from '../runtime/records.js'
import { type FeedStats, feedStats, StatsMemory, type WireFeedStats } from '../runtime/stats.js'
import type { RawDecoder, RowDecoder } from './decoder.js'
import { type AnyEvents, Delivery } from './delivery.js'

interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
}

function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** What a kind of feed brings along; the rest is the same for all. */
export interface FeedKind<N extends NativeFeedControl, Info> {
  readonly name: string
  readonly decoder: RowDecoder | RawDecoder
  /** Rows of a batch at most. */
  readonly batchRows: number
  readonly wake: WakeMode
  readonly signal: AbortSignal | undefined
  /** Whether Node's trust store has to be handed to the core. */
  readonly defaultCa: boolean
  /** Reason of an end that close() asked for. */
  readonly closedByUser: string
  readonly delivery?: typeof Delivery
  /** What the core tells of a connection. */
  connectionOf(text: string): Info
  loop(): Loop
  conflateMemory(): ConflateMemory | null
  create(channel: NativeChannel, stats: StatsMemory, conflate: ConflateMemory | null): N
  /** The native feed was given back. */
  released?(): void
  /** Whether the peer ended the connection as peers do when all is well. */
  endedWell(reason: string, detail: number): boolean
}

/** Number of the feed that the core knows it by; 0: it is not open. Not part of the public surface. */
export let feedHandle: (feed: AnyFeedBase) => number

// biome-ignore lint/suspicious/noExplicitAny: whatever it is a feed of.
type AnyFeedBase = FeedBase<any, any, any, any>

/**
 * What every feed is to its user, whatever it speaks: opened and closed, listened to, iterated, polled, asked for statistics.
 * Made by a kind of feed alone.
 */
export abstract class FeedBase<Events extends object, Item, Info, N extends NativeFeedControl>
  implements AsyncIterable<Item>, AsyncDisposable
{
  readonly #kind: FeedKind<N, Info>
  readonly #emitter = new Emitter<AnyEvents>()
  readonly #delivery: Delivery
  readonly #tenant: LoopTenant = { close: () => this.close(), abort: () => this.#abandon() }
  #stats = new StatsMemory()
  #native: N | null = null
  #channel: Channel | null = null
  /** Those of the loop that the feed is open on. */
  #tenants: Set<LoopTenant> | null = null
  #connection: Info | null = null
  #opening: Deferred<Info> | null = null
  #closing: Deferred<void> | null = null
  #isRef = true
  #aborted = false
  /** Whether open() has been answered. */
  #wasOpen = false

  static {
    feedHandle = (feed) => feed.#native?.handle ?? 0
  }

  /** @internal */
  protected constructor(kind: FeedKind<N, Info>) {
    this.#kind = kind
    this.#delivery = new (kind.delivery ?? Delivery)(kind.decoder, this.#emitter, kind.batchRows, nowNs, {
      state: (record) => this.#onState(record),
      fail: (error) => (this.#channel === null ? throwLater(error) : this.#channel.fail(error)),
      channel: () => this.#channel,
    })
  }

  /** Name in errors: the option `name`, or the part of the URL that may stand in logs. */
  get name(): string {
    return this.#kind.name
  }

  /** State as of now; `state` events may lag behind it. */
  get state(): FeedState {
    return this.#stats.state
  }

  /** Connections that opened since `open()`, as of now; events may lag behind it. Who counts `open` events sees by it whether they do. */
  get connects(): number {
    return this.#stats.connects
  }

  /** The connection that is open; null when none is. */
  get connection(): Info | null {
    return this.#connection
  }

  /** Bytes that `send` has taken and the kernel not yet. */
  get sendQueueBytes(): number {
    return this.#native?.sendQueueBytes() ?? 0
  }

  /**
   * Connects, and keeps connecting as the policy says. Resolves with the first connection. While it is open, or on its way,
   * further calls give the same answer. A feed that has ended can be opened again; its counters start anew.
   * @throws FeedError when the policy gives up, and `ERR_ABORTED` when the feed is closed or aborted before. TickwireError
   * `ERR_CHANNEL_FULL`: 65,535 feeds, books and the like are all that a loop takes of one JS context: further ones go on a loop of
   * their own.
   */
  open(): Promise<Info> {
    if (this.#opening !== null) return this.#opening.promise
    const { signal } = this.#kind
    if (signal?.aborted) return Promise.reject(this.#abortError())
    let opening: Deferred<Info>
    try {
      opening = this.#start()
    } catch (error) {
      return Promise.reject(error)
    }
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    this.#channel?.pump(opening.promise)
    return opening.promise
  }

  /** Takes leave of the peer and ends the feed. Resolves when it has ended; at once when it was not open. */
  abstract close(): Promise<void>

  /** @internal */
  protected closeWith(code: number, reason: string): Promise<void> {
    const native = this.#native
    if (native === null) return Promise.resolve()
    if (this.#closing !== null) return this.#closing.promise
    const closing = deferred<void>()
    this.#closing = closing
    native.close(code, reason)
    this.#delivery.endPull(null)
    this.#channel?.pump(closing.promise)
    return closing.promise
  }

  /** `await using feed = …`: closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal */
  protected get native(): N | null {
    return this.#native
  }

  /** @internal */
  protected get isClosing(): boolean {
    return this.#closing !== null
  }

  /** Sends a ping; a `pong` event follows. @throws FeedError `ERR_NOT_OPEN`. */
  ping(): void {
    this.check(this.#native === null ? -1 : this.#native.ping())
  }

  /** Drops the connection and connects again by the policy. @throws FeedError `ERR_NOT_OPEN` when the feed is not open. */
  reconnect(): void {
    if (this.#native === null) this.check(-1)
    else this.#native.reconnect()
  }

  /** Counters and latency distributions as of now, also after the end. Costs the hot path nothing. */
  stats(): FeedStats {
    return feedStats(this.#stats.snapshot())
  }

  /** @internal */
  protected get statsMemory(): StatsMemory {
    return this.#stats
  }

  /** @internal */
  protected allStats(): WireFeedStats {
    return this.#stats.snapshot()
  }

  /**
   * Hands over what waits, at most `maxRows` rows and messages, to the listeners of all feeds that share the loop and the wake
   * mode; drives the loop first when it is `inline`. Returns the number of rows and messages.
   * @throws what a listener threw.
   */
  poll(maxRows: number = Number.POSITIVE_INFINITY): number {
    return this.#channel?.poll(maxRows) ?? 0
  }

  /** The open feed keeps the process alive: the default. */
  ref(): this {
    if (!this.#isRef) {
      this.#isRef = true
      if (this.#native !== null) this.#channel?.retain()
    }
    return this
  }

  /** The process may end while the feed is open. */
  unref(): this {
    if (this.#isRef) {
      this.#isRef = false
      if (this.#native !== null) this.#channel?.release()
    }
    return this
  }

  /** Adds a listener. An exception in it stops nobody else and reaches `uncaughtException`, or the caller of `poll()`. */
  on<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this {
    this.#slot(event).add(listener as Listener<unknown>)
    return this
  }

  /** Adds a listener for the next time only. */
  once<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this {
    this.#slot(event).addOnce(listener as Listener<unknown>)
    return this
  }

  /** Removes a listener: of several registrations the youngest. */
  off<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this {
    this.#slot(event).remove(listener as Listener<unknown>)
    return this
  }

  /** The same as `on`. */
  addListener<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this {
    return this.on(event, listener)
  }

  /** The same as `off`. */
  removeListener<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this {
    return this.off(event, listener)
  }

  /** Removes all listeners of an event, or of all. */
  removeAllListeners(event?: keyof Events & string): this {
    this.#emitter.removeAll(event)
    return this
  }

  listenerCount(event: keyof Events & string): number {
    return this.#slot(event).size
  }

  /**
   * Iterates over batches of rows (`text()`, `bytes()`: messages). A batch is valid until the next is asked for; until then the
   * feed, and the others on its loop, are handed nothing further: what that means is up to their `overflow`. Ends when
   * the feed is closed; throws its FeedError when it fails. One iteration at a time.
   * @throws TickwireError `ERR_TICKWIRE_ITERATING` when there is one already.
   */
  [Symbol.asyncIterator](): AsyncIterator<Item, undefined> {
    return this.#delivery.pull() as AsyncIterator<Item, undefined>
  }

  [inspect.custom](): unknown {
    return { name: this.name, state: this.state }
  }

  readonly #onAbort = (): void => {
    this.#aborted = true
    this.#native?.abort()
    this.#opening?.reject(this.#abortError())
    this.#delivery.endPull(this.#abortError())
  }

  #slot(event: string): Slot<unknown> {
    return this.#emitter.slot(event)
  }

  /** Makes the native feed and lets it connect. */
  #start(): Deferred<Info> {
    const kind = this.#kind
    const internals = loopInternals(kind.loop())
    const channel = internals.channel(kind.wake)
    if (kind.defaultCa) ensureDefaultCa()
    const conflate = kind.conflateMemory()
    const stats = new StatsMemory()
    const native = this.#create(channel, stats, conflate)
    this.#stats = stats
    this.#channel = channel
    this.#native = native
    this.#aborted = false
    this.#wasOpen = false
    this.#delivery.start(channel, stats, conflate)
    channel.attach(native.handle, this.#delivery)
    if (this.#isRef) channel.retain()
    internals.tenants.add(this.#tenant)
    this.#tenants = internals.tenants
    const opening = deferred<Info>()
    this.#opening = opening
    native.open()
    return opening
  }

  #create(channel: Channel, stats: StatsMemory, conflate: ConflateMemory | null): N {
    try {
      return coded(() => this.#kind.create(channel.native, stats, conflate))
    } catch (error) {
      this.#kind.released?.()
      throw error
    }
  }

  #onState(record: StateRecord): void {
    const { from, to, attempt, detail, text, delayMs, timeNs } = record
    const reason = errorCode(record.error)
    this.#connection = to === 'connected' ? this.#kind.connectionOf(text) : null
    const message = to === 'connected' ? '' : text
    this.#delivery.emit('state', { from, to, reason, detail, message, attempt, delayMs, timeNs })
    if (this.#connection !== null) {
      this.#wasOpen = true
      this.#delivery.emitOpen(this.#connection)
      this.#opening?.resolve(this.#connection)
    }
    if (to === 'disconnected') this.#onEnd(this.#endError(reason, record))
  }

  /** Why the feed has ended: null when that was asked for, or was the peer's normal closure. */
  #endError(reason: string | null, { detail, text, attempt }: StateRecord): FeedError | null {
    if (this.#aborted) return this.#abortError()
    if (reason === null || reason === this.#kind.closedByUser || this.#closing !== null) return null
    if (this.#kind.endedWell(reason, detail)) return null
    return new FeedError(reason, text, { feed: this.name, detail, attempt })
  }

  #onEnd(error: FeedError | null): void {
    const opening = this.#opening
    const closing = this.#closing
    const wasNoticed = this.#delivery.pulling || !this.#wasOpen
    this.#release()
    // A promise that is settled already does not mind.
    opening?.reject(error ?? new FeedError('ERR_ABORTED', 'closed before it was open', { feed: this.name }))
    this.#delivery.endPull(error)
    if (error !== null && !this.#wasAborted(error)) {
      if (this.#slot('error').size > 0) this.#delivery.emit('error', error)
      else if (!wasNoticed) throwLater(error)
    }
    this.#delivery.emit('close', error)
    closing?.resolve()
  }

  #wasAborted(error: FeedError): boolean {
    return error.code === 'ERR_ABORTED' && this.#aborted
  }

  /** The loop is torn down: no record follows. */
  #abandon(): void {
    this.#native?.abort()
    this.#onEnd(
      this.#closing === null ? new FeedError('ERR_ABORTED', 'the loop was stopped', { feed: this.name }) : null,
    )
  }

  /** Gives the native side back. */
  #release(): void {
    const native = this.#native
    const channel = this.#channel
    if (native === null || channel === null) return
    this.#native = null
    this.#opening = null
    this.#closing = null
    this.#connection = null
    this.#kind.signal?.removeEventListener('abort', this.#onAbort)
    this.#tenants?.delete(this.#tenant)
    channel.detach(native.handle)
    native.destroy()
    this.#kind.released?.()
    if (this.#isRef) channel.release()
  }

  #abortError(): FeedError {
    const cause: unknown = this.#kind.signal?.reason
    return new FeedError('ERR_ABORTED', 'aborted by its signal', { feed: this.name, cause })
  }

  /** @internal */
  protected check(result: number): void {
    if (result === 0) return
    const code = result < 0 ? 'ERR_NOT_OPEN' : (errorCode(result) ?? 'ERR_SYSTEM')
    throw new FeedError(code, '', { feed: this.name })
  }
}
