import { configureCore } from '../feed/core-configuration.js'
import { RowDecoder, rowInternals } from '../feed/decoder.js'
import { FeedBase, type FeedKind } from '../feed/feed-base.js'
import type { NativeSubscription, NativeWireFeed, NativeWireFeedOptions } from '../native/addon.js'
import { configFault, parseConfig } from '../runtime/config.js'
import type { ConflateMemory } from '../runtime/conflation.js'
import { nativeSocket, nativeTls } from '../runtime/connect-options.js'
import { parseProxy } from '../runtime/connect-url.js'
import { core } from '../runtime/core.js'
import { loopInternals } from '../runtime/loop.js'
import type { StatsMemory, WireFeedStats } from '../runtime/stats.js'
import { parseWireEndpoint, type WireEndpoint } from './url.js'
import { connectionOf, WireDelivery } from './wire-delivery.js'
import type { WireConnection, WireFeedEvents, WireFeedItem } from './wire-events.js'
import {
  filterSchema,
  type ParsedWireOptions,
  topicsSchema,
  type WireFeedDecoder,
  type WireFeedOptions,
  type WireFilter,
  wireFeedOptionsSchema,
} from './wire-options.js'

const subject = 'wire feed options'
/** Code of a goodbye: shutting down (`docs/wire-format.md`, Error). */
const goodbye = 13
/** Nothing that comes after so long belongs to the same frame. */
const stallMs = 1_000

/** How topics are subscribed to. */
export interface SubscribeOptions {
  /** Default: everything. */
  readonly filter?: WireFilter | undefined
  /** Get what the topics retain, first. Default true. */
  readonly snapshot?: boolean | undefined
}

/**
 * Market data in the binary wire format, from a hub over TCP or TLS or from shared memory: connected, kept alive, read and decoded
 * on a native loop, handed to JS as typed rows.
 *
 * ```ts
 * const feed = new WireFeed({ url: 'tcp://127.0.0.1:9001', topics: ['BTCUSDT'], decode: wire.rows([Quote, Trade]) })
 * feed.on('rows:quote', (rows) => {
 *   for (const quote of rows) strategy(quote.symbol, quote.bid)
 * })
 * feed.on('gap', ({ topic, from, to, fate }) => { … })
 * await feed.open()
 * ```
 */
export class WireFeed<const D extends WireFeedDecoder = WireFeedDecoder> extends FeedBase<
  WireFeedEvents<D>,
  WireFeedItem<D>,
  WireConnection,
  NativeWireFeed
> {
  readonly #endpoint: WireEndpoint
  readonly #subscriptions: Map<string, Omit<NativeSubscription, 'topics'>>

  /**
   * Checks the options; connects to nothing yet.
   * @throws ConfigError naming every option at fault. Error when the native part cannot be loaded.
   */
  constructor(options: WireFeedOptions<D>) {
    const parsed = parseConfig(subject, wireFeedOptionsSchema, options)
    const endpoint = parseWireEndpoint(parsed.url, subject)
    checkTransport(parsed, endpoint)
    const subscriptions = new Map<string, Omit<NativeSubscription, 'topics'>>()
    super(kindOf(parsed, endpoint, subscriptions))
    this.#endpoint = endpoint
    this.#subscriptions = subscriptions
    const wanted = { keys: parsed.filter?.keys ?? [], snapshot: parsed.snapshot }
    for (const topic of parsed.topics) subscriptions.set(topic, wanted)
  }

  /** The URL, normalized. */
  get url(): string {
    return this.#endpoint.href
  }

  /** Topics that are subscribed to, or will be with the next connection. */
  get topics(): readonly string[] {
    return [...this.#subscriptions.keys()]
  }

  /**
   * Subscribes to further topics, now and with every connection to come; a topic that is subscribed to already gets the new filter.
   * `subscribed` and `refused` events tell what the hub made of it.
   * @throws ConfigError for topics or a filter out of range.
   */
  subscribe(topics: readonly string[], { filter, snapshot = true }: SubscribeOptions = {}): void {
    const names = parseConfig('topics', topicsSchema, topics)
    const keys = filter === undefined ? [] : parseConfig('filter', filterSchema, filter).keys
    if (keys.length > 0 && this.#endpoint.transport === 'shm') {
      throw configFault('filter', [], 'shared memory is not filtered')
    }
    const wanted = { keys, snapshot }
    for (const name of names) this.#subscriptions.set(name, wanted)
    this.native?.subscribe({ topics: names, ...wanted })
  }

  /** Subscribes to these topics no longer. Messages that are underway may still come. */
  unsubscribe(topics: readonly string[]): void {
    const names = parseConfig('topics', topicsSchema, topics)
    for (const name of names) this.#subscriptions.delete(name)
    this.native?.unsubscribe({ topics: names })
  }

  /**
   * Says goodbye to the hub and waits for its end (at most `timeouts.close`). Resolves when the feed has ended; at once when it was
   * not open. Rows that are still underway go to listeners; async iteration ends.
   */
  override close(): Promise<void> {
    return this.closeWith(goodbye, '')
  }

  /** Counters and latency distributions as of now, also after the end. Costs the hot path nothing. */
  override stats(): WireFeedStats {
    return this.allStats()
  }
}

function kindOf(
  options: ParsedWireOptions,
  endpoint: WireEndpoint,
  subscriptions: ReadonlyMap<string, Omit<NativeSubscription, 'topics'>>,
): FeedKind<NativeWireFeed, WireConnection> {
  const { decode } = options
  const shared = configureCore(options, decode, subject, (description) => core().checkRowSchema(description))
  const proxy = options.proxy === undefined ? null : parseProxy(options.proxy, subject)
  const isTls = endpoint.transport === 'tls'
  const isShm = endpoint.transport === 'shm'
  const { timeouts, heartbeat, limits, recover } = options
  const native = (stats: StatsMemory, conflate: ConflateMemory | null): NativeWireFeedOptions => ({
    ...shared.native(stats, conflate),
    host: isShm ? '' : endpoint.host,
    port: endpoint.port,
    tls: isTls ? nativeTls(options.tls) : null,
    proxy,
    socket: nativeSocket(options.socket),
    connectTimeout: timeouts.connect,
    shm: isShm
      ? { name: endpoint.host, directory: options.shm?.directory ?? '', spin: spins(options, shared.loop) }
      : null,
    session: {
      token: options.token,
      clientName: options.clientName,
      recvBuffer: Math.max(shared.recvBuffer, 65_536),
      readChunk: shared.readChunk,
      maxSendQueue: limits.maxSendQueue,
      maxPingsPerSecond: limits.maxPingsPerSecond,
      handshakeTimeout: timeouts.handshake,
      closeTimeout: timeouts.close,
      stall: stallMs,
      silence: heartbeat.silence,
    },
    heartbeat: {
      ping: isShm ? 0 : heartbeat.ping,
      pongTimeout: heartbeat.pongTimeout,
      idle: heartbeat.idle,
      appPing: '',
      appPingInterval: 0,
    },
    recover,
    maxTopics: limits.maxTopics,
    subscriptions: together(subscriptions),
    schema: decode instanceof RowDecoder ? rowInternals(decode).description : null,
  })
  return {
    name: options.name ?? endpoint.href,
    decoder: decode,
    batchRows: options.batch.rows,
    wake: options.wake,
    signal: options.signal,
    defaultCa: isTls && options.tls?.ca === undefined,
    closedByUser: 'ERR_CLOSED_BY_USER',
    delivery: WireDelivery,
    connectionOf,
    loop: shared.loop,
    conflateMemory: shared.conflateMemory,
    create: (channel, stats, conflate) => new (core().WireFeed)(channel, native(stats, conflate)),
    endedWell: () => false,
  }
}

/** Whether a segment is looked into all the time: when whoever drives the loop never sleeps. */
function spins({ wake }: ParsedWireOptions, loop: () => Parameters<typeof loopInternals>[0]): boolean {
  const { mode } = loopInternals(loop())
  return mode === 'spin' || (mode === 'inline' && wake === 'poll')
}

/** Topics that were subscribed to alike go together. */
function together(subscriptions: ReadonlyMap<string, Omit<NativeSubscription, 'topics'>>): NativeSubscription[] {
  const groups = new Map<Omit<NativeSubscription, 'topics'>, string[]>()
  for (const [topic, how] of subscriptions) {
    const group = groups.get(how)
    if (group === undefined) groups.set(how, [topic])
    else group.push(topic)
  }
  return [...groups].map(([how, topics]) => ({ topics, ...how }))
}

function checkTransport(options: ParsedWireOptions, { transport }: WireEndpoint): void {
  const fault = (field: string, message: string): never => {
    throw configFault(subject, [field], message)
  }
  if (options.tls !== undefined && transport !== 'tls') fault('tls', 'needs a tls: URL')
  if (options.shm !== undefined && transport !== 'shm') fault('shm', 'needs a shm: URL')
  if (transport !== 'shm') return
  if (options.filter !== undefined) fault('filter', 'shared memory is not filtered')
  if (options.recover.order !== 'off') fault('recover', 'shared memory cannot be asked for anything again')
  if (options.proxy !== undefined) fault('proxy', 'shared memory needs none')
  if (options.token !== '') fault('token', 'shared memory asks for none')
}
