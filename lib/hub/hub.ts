import { inspect } from 'node:util'
import { HubCounters, type NativeFrontOptions, type NativeHub, RefusalReasons } from '../native/hub-layout.js'
import type { Channel } from '../runtime/channel.js'
import { configFault, parseConfig } from '../runtime/config.js'
import { core } from '../runtime/core.js'
import { coded, coreError } from '../runtime/core-error.js'
import { Emitter, type Listener, throwLater } from '../runtime/emitter.js'
import { TickwireError } from '../runtime/errors.js'
import { Loop, type LoopTenant, loopInternals } from '../runtime/loop.js'
import { toShmError } from '../shm/errors.js'
import { Quote } from '../wire/messages.js'
import { isTyped } from './content.js'
import { HubDelivery } from './delivery.js'
import { addressOf, type HubAddress, type HubEndpoint, parseEndpoint, subject, toNative } from './endpoint.js'
import type { HubEvents, RefusalReason } from './events.js'
import { LagMeter, type SubscriberLag } from './lag.js'
import type { HubOptions, PublishOptions } from './options.js'
import {
  deflateOf,
  hubOptionsSchema,
  limitsOf,
  nativeHubOptions,
  type ParsedHubOptions,
  topicOptionsSchema,
} from './options-schema.js'
import { Publisher } from './publisher.js'
import { HubSegment } from './segment.js'
import type { Subscriber } from './subscriber.js'
import { Topic } from './topic.js'
import type { HubMessage, SnapshotProvider, TopicOptions } from './topic-options.js'

/** Counters since the hub was made, and its present state. */
export type HubStats = { readonly [K in (typeof HubCounters)[number]]: number } & {
  /** Connections that did not become subscribers. */
  readonly refusedConnections: number
  readonly refusedBy: { readonly [K in RefusalReason]: number }
}

/**
 * Publish once, reach many: messages are framed once and go to every subscriber from native threads, many per system call under load. A
 * slow subscriber delays nobody and costs bounded memory.
 *
 * ```ts
 * const hub = await Hub.listen({ ws: 'ws://127.0.0.1:9000', tcp: 'tcp://127.0.0.1:9001', slow: { then: 'conflate' } })
 * hub.publish('BTCUSDT', Quote.message({ symbol: 'BTCUSDT', bid: '67412.35', ask: '67412.36' }))
 * ```
 *
 * An open hub keeps the process alive.
 */
export class Hub implements AsyncDisposable {
  readonly #options: ParsedHubOptions
  readonly #native: NativeHub
  readonly #channel: Channel
  /** Made for this hub, and closed with it. */
  readonly #ownLoop: Loop | null
  readonly #tenants: Set<LoopTenant>
  readonly #tenant: LoopTenant = { close: () => this.close(), abort: () => this.#end() }
  readonly #emitter = new Emitter<HubEvents>()
  readonly #publisher: Publisher
  readonly #delivery: HubDelivery
  readonly #segment: HubSegment | null
  readonly #topics = new Map<string, Topic>()
  readonly #names = new Map<number, string>()
  readonly #snapshots = new Map<number, SnapshotProvider>()
  #addresses: readonly HubAddress[] = []
  #counters: Float64Array | null = null
  #closing: Promise<void> | null = null
  #closed: (() => void) | null = null
  #isRef = true

  /**
   * Makes a hub and listens. Resolves when all addresses are open.
   * @throws ConfigError naming every option at fault. ShmError. TickwireError `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `ERR_TLS_CONFIG`,
   * `ERR_ABORTED`, `ERR_CHANNEL_FULL` (the loop has no room for a hub), ….
   */
  static async listen(options: HubOptions): Promise<Hub> {
    const parsed = parseConfig(subject, hubOptionsSchema, options)
    const endpoints = endpointsOf(parsed)
    throwIfAborted(parsed.signal)
    const hub = new Hub(parsed)
    try {
      await hub.#listen(endpoints)
      throwIfAborted(parsed.signal)
    } catch (error) {
      hub.#end()
      if (hub.#ownLoop !== null) await hub.#ownLoop.close()
      throw error
    }
    return hub
  }

  private constructor(options: ParsedHubOptions) {
    this.#options = options
    const chosen = options.loop
    if (options.threads > 1 && (chosen instanceof Loop ? chosen.mode : chosen) === 'inline') {
      throw configFault(subject, ['threads'], 'needs a loop with a thread')
    }
    this.#ownLoop = chosen === undefined ? new Loop({ mode: 'park' }) : null
    const loop = this.#ownLoop ?? (chosen instanceof Loop ? chosen : Loop.of(chosen ?? 'park'))
    const internals = loopInternals(loop)
    this.#channel = internals.channel('signal')
    this.#native = this.#makeNative()
    this.#publisher = new Publisher(this.#native, limitsOf(options).maxMessage)
    this.#delivery = new HubDelivery(
      this.#native,
      new LagMeter(this.#native, options.threads),
      {
        emit: (event, value) => this.#emit(event, value),
        fail: (error) => this.#fail(error),
        topicName: (id) => this.#names.get(id) ?? '',
        snapshotNeeded: (topic) => void this.#answer(topic),
        noText: () => this.#publisher.forgetText(),
        ended: () => this.#end(),
      },
      options.authorize,
    )
    this.#segment = options.shm === undefined ? null : new HubSegment(this.#native)
    this.#channel.attach(this.#native.handle, this.#delivery)
    this.#channel.retain()
    this.#tenants = internals.tenants
    this.#tenants.add(this.#tenant)
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  get name(): string {
    return this.#options.name
  }

  /** Where it listens, in the order of the options: `ws` first, then `tcp`. */
  address(): readonly HubAddress[] {
    return this.#addresses
  }

  /** The first address, as a URL. */
  get url(): string {
    return this.#addresses[0]?.url ?? ''
  }

  /** Who is connected, by id, as of the last event. */
  get subscribers(): ReadonlyMap<number, Subscriber> {
    return this.#delivery.subscribers
  }

  /**
   * The topic of that name; made when it is new, and then with these options.
   * @throws ConfigError for wrong options. TickwireError `ERR_HUB_NAME` (empty, over 255 bytes, or `*`), `ERR_HUB_TOPIC_LIMIT`,
   * `ERR_NOT_OPEN`.
   */
  topic(name: string, options: TopicOptions = {}): Topic {
    return this.#topics.get(name) ?? this.#newTopic(name, options, false)
  }

  /**
   * Sends a message to all who subscribed to the topic: `hub.topic(name).publish(message, options)`.
   * @returns false when the hub is overloaded: nothing was published, `drain` says when to go on.
   * @throws as `topic` and {@link Topic.publish}.
   */
  publish(topic: string, message: HubMessage, options?: PublishOptions): boolean {
    const known = this.#topics.get(topic) ?? this.#newTopic(topic, {}, isTyped(message) && message.type.id === Quote.id)
    return this.#publisher.publish(known.id, message, options)
  }

  /** Publishes several messages with one call. Returns how many were taken, in order. @throws as `publish`, when none was. */
  publishAll(topic: string, messages: readonly HubMessage[], options?: PublishOptions): number {
    const first = messages[0]
    const known =
      this.#topics.get(topic) ??
      this.#newTopic(topic, {}, first !== undefined && isTyped(first) && first.type.id === Quote.id)
    return this.#publisher.publishAll(known.id, messages, options)
  }

  /** Counters as of now, also after the end. */
  stats(): HubStats {
    const counters = this.#counters ?? this.#native.counters()
    const own = Object.fromEntries(HubCounters.map((name, i) => [name, counters[i] ?? 0]))
    const refusals = RefusalReasons.slice(1).map(
      (name, i) => [name, counters[HubCounters.length + 1 + i] ?? 0] as const,
    )
    return {
      ...own,
      refusedConnections: refusals.reduce((sum, [, count]) => sum + count, 0),
      refusedBy: Object.fromEntries(refusals),
    } as HubStats
  }

  /**
   * What waits for each subscriber at this moment, as its thread says: how far it is behind. Costs every broadcast thread one system call
   * per subscriber.
   */
  lags(): Promise<ReadonlyMap<Subscriber, SubscriberLag>> {
    return this.#delivery.lags()
  }

  /** Turns away who comes from now on (503, health checks too), while those who are connected stay: before a restart. */
  drain(): void {
    if (this.#counters === null) this.#native.drain()
  }

  /**
   * Stops listening and publishing, sends what was published, says goodbye to all (1001) and resolves when they are gone.
   * @param options.graceMs milliseconds after which whoever is left is cut. Default: the option `closeTimeout`.
   */
  close(options: { readonly graceMs?: number | undefined } = {}): Promise<void> {
    const grace = options.graceMs ?? this.#options.closeTimeout
    if (!(grace >= 0)) return Promise.reject(new RangeError('graceMs must not be negative'))
    this.#closing ??= this.#close(grace)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The open hub keeps the process alive: the default. */
  ref(): this {
    if (!this.#isRef) {
      this.#isRef = true
      if (this.#counters === null) this.#channel.retain()
    }
    return this
  }

  /** The process may end while the hub is open. */
  unref(): this {
    if (this.#isRef) {
      this.#isRef = false
      if (this.#counters === null) this.#channel.release()
    }
    return this
  }

  /** Adds a listener. An exception in it stops nobody else and reaches `uncaughtException`. */
  on<E extends keyof HubEvents & string>(event: E, listener: Listener<HubEvents[E]>): this {
    this.#emitter.slot(event).add(listener)
    return this
  }

  /** Adds a listener for the next time only. */
  once<E extends keyof HubEvents & string>(event: E, listener: Listener<HubEvents[E]>): this {
    this.#emitter.slot(event).addOnce(listener)
    return this
  }

  /** Removes a listener: of several registrations the youngest. */
  off<E extends keyof HubEvents & string>(event: E, listener: Listener<HubEvents[E]>): this {
    this.#emitter.slot(event).remove(listener)
    return this
  }

  [inspect.custom](): unknown {
    return { name: this.name, addresses: this.#addresses.map(({ url }) => url), subscribers: this.subscribers.size }
  }

  readonly #onAbort = (): void => void this.close({ graceMs: 0 })

  /** @throws TickwireError `ERR_CHANNEL_FULL`; ShmError when the shared memory cannot be had. */
  #makeNative(): NativeHub {
    const { shm } = this.#options
    try {
      return new (core().Hub)(this.#channel.native, nativeHubOptions(this.#options))
    } catch (error) {
      void this.#ownLoop?.close()
      // Also with a segment, a loop that is full is no matter of the segment.
      const isFull = (error as { code?: unknown }).code === 'ERR_CHANNEL_FULL'
      throw shm === undefined || isFull ? coreError(error) : toShmError(error, shm.name)
    }
  }

  async #listen(endpoints: readonly HubEndpoint[]): Promise<void> {
    const options = this.#options
    for (const [name, topic] of Object.entries(options.topics)) this.#newTopic(name, topic, false)
    if (endpoints.length === 0) return
    const native = await Promise.all(endpoints.map(toNative))
    // The name was looked up meanwhile.
    throwIfAborted(options.signal)
    const { windowBits, contextTakeover } = deflateOf(options)
    const front: NativeFrontOptions = {
      endpoints: native,
      limits: limitsOf(options),
      deflate: { enabled: options.deflate !== false, contextTakeover, windowBits },
      origins: options.origins,
      authorize: options.authorize !== undefined,
      authorizeTimeout: options.authorizeTimeout,
      health: options.health === false ? '' : options.health,
    }
    const ports = coded(() => this.#native.listen(front))
    this.#addresses = endpoints.map((endpoint, i) =>
      addressOf(endpoint, native[i] as NonNullable<(typeof native)[number]>, ports[i] as number),
    )
  }

  #newTopic(name: string, options: TopicOptions, quotes: boolean): Topic {
    const { retain, conflate, snapshot } = parseConfig('topic options', topicOptionsSchema, options)
    const standard = this.#options.retain ?? (quotes ? 'last' : 'none')
    const keep = retain ?? (snapshot === undefined ? standard : 'none')
    const id = coded(() =>
      this.#native.topic(name, { retain: keep === 'last', conflate, snapshot: snapshot !== undefined }),
    )
    const topic = new Topic(this.#publisher, name, id)
    this.#topics.set(name, topic)
    this.#names.set(id, name)
    if (snapshot !== undefined) this.#snapshots.set(id, snapshot)
    return topic
  }

  /** Somebody waits for a snapshot. Whoever provides it may fail: then the next who asks makes it be called again. */
  async #answer(topic: number): Promise<void> {
    try {
      const snapshot = (await this.#snapshots.get(topic)?.()) ?? []
      this.#publisher.publishSnapshot(topic, snapshot)
    } catch (error) {
      if (this.#closing !== null || this.#counters !== null) return
      this.#fail(error instanceof Error ? error : new Error(String(error)))
      // Nobody may wait for ever: they go on without one.
      this.#publisher.publishSnapshot(topic, [])
    }
  }

  #emit<E extends keyof HubEvents & string>(event: E, value: HubEvents[E]): void {
    this.#emitter.slot(event).emit(value, this.#channel.fail)
  }

  #fail(error: Error): void {
    if (this.#emitter.slot('error').size > 0) this.#emit('error', error)
    else throwLater(error)
  }

  async #close(graceMs: number): Promise<void> {
    if (this.#counters === null) {
      const closed = new Promise<void>((resolve) => {
        this.#closed = resolve
      })
      this.#native.close(graceMs)
      await closed
    }
    if (this.#ownLoop !== null) await this.#ownLoop.close()
  }

  /** Gives the native side back. */
  #end(): void {
    if (this.#counters !== null) return
    this.#counters = this.#native.counters()
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#segment?.end()
    this.#tenants.delete(this.#tenant)
    this.#channel.detach(this.#native.handle)
    this.#native.destroy()
    this.#delivery.clear()
    if (this.#isRef) this.#channel.release()
    this.#emit('close', undefined)
    this.#closed?.()
  }
}

function endpointsOf({ ws, tcp, tls }: ParsedHubOptions): HubEndpoint[] {
  return [
    ...(ws ?? []).map((each, i) => parseEndpoint('ws', i, each, tls ?? null)),
    ...(tcp ?? []).map((each, i) => parseEndpoint('tcp', i, each, tls ?? null)),
  ]
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new TickwireError('ERR_ABORTED', 'aborted by its signal', { cause: signal.reason })
}
