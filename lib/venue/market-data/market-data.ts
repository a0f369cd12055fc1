import { Arbiter } from '../../feed/arbiter.js'
import type { JsonDecoder } from '../../feed/decoder.js'
import type { AnyRows } from '../../feed/row.js'
import { configFault, parseConfig } from '../../runtime/config.js'
import { Emitter, type Listener, throwLater } from '../../runtime/emitter.js'
import { TickwireError } from '../../runtime/errors.js'
import type { VenueBooks, VenueBooksOptions } from '../book/venue-books.js'
import type { MarketStream } from '../market/market-feeds.js'
import { MarketDataError, type MarketDataEvents, type MarketDataStats, type MarketSocketInfo } from './events.js'
import { Lane, type LaneOwner } from './lane.js'
import type { MarketSocket, SocketRoute, SocketSetup } from './market-socket.js'
import { type MarketDataOptions, marketDataSchema, symbolSchema } from './options.js'
import { type MarketProtocol, type MarketSocketKind, type Topic, topicKey } from './protocol.js'
import { Shard } from './shard.js'

/** What a venue brings along. */
export interface MarketDataSource<D extends JsonDecoder> {
  readonly protocol: MarketProtocol<D>
  /** For the stream `book`: kept in sync by whom. */
  readonly books: ((given: VenueBooksOptions) => VenueBooks) | null
}

/** Rollovers at once. */
const maxRollovers = 8
const watchMs = 500

/**
 * A venue's market data: symbols over as many sockets as its limits ask for, each replaced before its end without a row lost or doubled, over
 * one or several paths. Made by `binance.marketData({ … })` and the like.
 *
 * ```ts
 * await using md = binance.marketData({ symbols: ['BTCUSDT', 'ETHUSDT'], paths: 2 })
 * md.on('trades', (rows) => { for (const trade of rows) strategy(trade.symbol, trade.price) })
 * await md.open()
 * ```
 */
export class MarketData<const D extends JsonDecoder = JsonDecoder>
  implements AsyncIterable<AnyRows<never>>, AsyncDisposable
{
  readonly #source: MarketDataSource<D>
  readonly #options: ReturnType<typeof parse>
  readonly #emitter = new Emitter<{ [event: string]: unknown }>()
  readonly #arbiter: Arbiter<D>
  readonly #books: VenueBooks | null
  readonly #routes: readonly Omit<SocketRoute, 'path'>[]
  readonly #shards: Shard<D>[] = []
  readonly #symbols = new Set<string>()
  readonly #refused = new Set<string>()
  readonly #laneOwner: LaneOwner<D>
  readonly #turns: (() => void)[] = []
  readonly #onAbort = (): void => {
    void this.close()
  }
  #rolling = 0
  #rollovers = 0
  #watch: NodeJS.Timeout | null = null
  #opening: Promise<void> | null = null
  #closing: Promise<void> | null = null

  /** @internal Made by venues. @throws ConfigError naming every option at fault. */
  constructor(source: MarketDataSource<D>, options: MarketDataOptions) {
    const parsed = parse(source.protocol, options)
    this.#source = source
    this.#options = parsed
    const { protocol } = source
    const { inOrder, overflow, queue, batch, conflate, loop, wake, tls, socket, heartbeat, proxy } = options
    this.#routes = parsed.routes
    const given = { inOrder, overflow, queue, batch, conflate, loop, wake }
    this.#arbiter = new Arbiter<D>({
      decode: protocol.decode,
      paths: parsed.routes.length,
      waitMs: parsed.waitMs,
      ...given,
    })
    this.#books =
      parsed.streams.includes('book') && source.books !== null
        ? source.books({
            ...options.books,
            loop,
            wake,
            // In messages of the subscriptions' own, so that answers are known for what they answer.
            send: (feed, _messages, some) =>
              this.#socketOf(feed)?.resubscribe(some.map((symbol) => ({ symbol, stream: 'book' }))),
          })
        : null
    if (parsed.streams.includes('book') && this.#books === null) {
      throw configFault(`${protocol.title} market data options`, ['streams'], 'has no books here')
    }
    for (const event of ['book', 'stale', 'synced', 'resync', 'unreadable'] as const)
      this.#books?.books.on(event, (value) => this.#emit(event, value))
    const setup: SocketSetup<D> = {
      protocol,
      arbiter: this.#arbiter,
      books: this.#books?.books,
      feed: { tls, socket, heartbeat, proxy },
    }
    const { lifeMs, overlapMs, verifyMs, readyMs, silentMs, behindMs } = parsed
    this.#laneOwner = {
      setup,
      times: { lifeMs: lifeMs ?? protocol.limits.lifeMs, overlapMs, verifyMs, readyMs, silentMs, behindMs },
      openMissing: () => this.#arbiter.stats().openMissing,
      turn: () => this.#turn(),
      opened: (each) => this.#carry(each),
      gone: (each) => this.#books?.drop(each.feed),
      state: (each, change) => {
        this.#emit('state', { ...infoOf(each, this.#symbolsOn(each)), change })
        if (change.from === 'connected') this.#upOrDown(each, change.reason)
      },
      ready: (each) => this.#upOrDown(each, null),
      refused: (topic, code, message) => this.#onRefused(topic, code, message),
      rolled: (event) => {
        this.#rollovers++
        this.#emit('rollover', event)
      },
      failed: (error) => this.#emit('error', error),
    }
    this.#listen()
  }

  /** Symbols that are subscribed, or on their way to be. */
  get symbols(): readonly string[] {
    return [...this.#symbols]
  }

  /**
   * Connects and subscribes; `connectLimit` of the venue paces it. Resolves when of every symbol one path is connected and the venue has
   * answered. Again: the same answer.
   * @throws TickwireError `ERR_MARKET_CLOSED` when it is closed before.
   */
  open(): Promise<void> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  /** Subscribes further symbols, on sockets with room, or new ones. Those that it has already are passed over. */
  async add(symbols: readonly string[]): Promise<void> {
    this.#check(symbols)
    await this.#place([...new Set(symbols)].filter((symbol) => !this.#symbols.has(symbol)))
  }

  /** Gives symbols up. A socket that carries nothing any more is closed. */
  async remove(symbols: readonly string[]): Promise<void> {
    const gone = symbols.filter((symbol) => this.#symbols.delete(symbol))
    for (const symbol of gone) this.#books?.delete(symbol)
    const empty: Shard<D>[] = []
    for (const shard of [...this.#shards]) {
      const here = gone.filter((symbol) => shard.symbols.delete(symbol))
      if (here.length === 0) continue
      for (const lane of shard.lanes) {
        lane.remove(shard.topics(here))
        // Or a book that comes back on another socket would be subscribed anew on this one.
        for (const { feed } of lane.sockets) this.#books?.drop(feed, here)
      }
      if (shard.symbols.size > 0) continue
      this.#shards.splice(this.#shards.indexOf(shard), 1)
      empty.push(shard)
    }
    for (const symbol of gone)
      for (const key of [...this.#refused]) if (key.endsWith(` ${symbol}`)) this.#refused.delete(key)
    await Promise.all(empty.flatMap(({ lanes }) => lanes.map((lane) => lane.close())))
  }

  /** Replaces all sockets, a few at a time, each by a new one that delivers before the old one goes. */
  async rollover(): Promise<void> {
    await Promise.all(this.#shards.flatMap(({ lanes }) => lanes.map((lane) => lane.roll('user'))))
  }

  /** Counters and distributions as of now. */
  stats(): MarketDataStats {
    return {
      ...this.#arbiter.stats(),
      symbols: this.#symbols.size,
      sockets: this.#shards.flatMap((shard) =>
        shard.lanes.flatMap((lane) => lane.sockets.map((socket) => infoOf(socket, shard.symbols.size))),
      ),
      rollovers: this.#rollovers,
      refused: this.#refused.size,
      unreadable: this.#books?.books.stats().unreadable ?? 0,
    }
  }

  /** Closes all sockets. Resolves when they are closed. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Batches of rows, each valid until the next is asked for. Ends with `close()`. */
  [Symbol.asyncIterator](): AsyncIterator<AnyRows<never>, undefined> {
    return this.#arbiter[Symbol.asyncIterator]() as unknown as AsyncIterator<AnyRows<never>, undefined>
  }

  /** Adds a listener. An exception in it stops nobody else. */
  on<E extends keyof MarketDataEvents<D> & string>(event: E, listener: Listener<MarketDataEvents<D>[E]>): this {
    this.#emitter.slot(event).add(listener as Listener<unknown>)
    return this
  }

  /** Removes a listener: of several registrations the youngest. */
  off<E extends keyof MarketDataEvents<D> & string>(event: E, listener: Listener<MarketDataEvents<D>[E]>): this {
    this.#emitter.slot(event).remove(listener as Listener<unknown>)
    return this
  }

  #emit(event: string, value: unknown): void {
    this.#emitter.slot(event).emit(value, throwLater)
  }

  #listen(): void {
    const arbiter = this.#arbiter as unknown as Arbiter
    const slots = ['rows', 'ticker', 'trades'].map((name) => this.#emitter.slot(name))
    const [all, ticker, trades] = slots as [(typeof slots)[0], (typeof slots)[0], (typeof slots)[0]]
    arbiter.on('rows', (rows) => {
      all.emit(rows, throwLater)
      const { shape } = rows
      if (shape === 'ticker') ticker.emit(rows, throwLater)
      else if (shape === 'trades') trades.emit(rows, throwLater)
    })
    arbiter.on('gap', ({ key, shape, ...gap }) => this.#emit('gap', { ...gap, symbol: key, stream: shape }))
  }

  async #open(): Promise<void> {
    const { signal, symbols } = this.#options
    if (signal?.aborted) throw this.#closedError()
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    this.#watch = setInterval(() => this.#look(), watchMs)
    this.#watch.unref()
    await this.#place([...new Set(symbols)])
    if (this.#closing !== null) throw this.#closedError()
  }

  /** Puts symbols on sockets with room, then on new ones. */
  async #place(symbols: readonly string[]): Promise<void> {
    if (this.#closing !== null) throw this.#closedError()
    for (const symbol of symbols) {
      this.#symbols.add(symbol)
      this.#books?.add(symbol)
    }
    const waiting: Promise<unknown>[] = []
    for (const kind of this.#source.protocol.sockets) {
      const wanted = kind.streams.filter((stream) => this.#options.streams.includes(stream))
      if (wanted.length > 0) waiting.push(...this.#placeOn(kind, wanted, symbols))
    }
    try {
      await Promise.all(waiting)
    } catch (error) {
      // Feeds that connect for ever fail only by being closed.
      throw this.#closing === null ? error : this.#closedError()
    }
  }

  #placeOn(kind: MarketSocketKind, streams: readonly MarketStream[], symbols: readonly string[]): Promise<unknown>[] {
    const rest = [...symbols]
    const waiting: Promise<unknown>[] = []
    for (const shard of this.#shards) {
      if (shard.kind !== kind || rest.length === 0) continue
      const here = rest.splice(0, Math.max(0, shard.room - shard.symbols.size))
      if (here.length === 0) continue
      for (const symbol of here) shard.symbols.add(symbol)
      for (const lane of shard.lanes) {
        lane.add(shard.topics(here))
        for (const socket of lane.sockets) this.#carryOn(shard, socket)
      }
    }
    const { limits = this.#source.protocol.limits, prepare, origins = {}, path } = kind
    const room = Math.max(1, Math.floor(limits.topics / streams.length))
    const { setup } = this.#laneOwner
    const owner = { ...this.#laneOwner, setup: { ...setup, protocol: { ...setup.protocol, limits, prepare } } }
    while (rest.length > 0) {
      const lanes = this.#routes.map(
        (route, index) => new Lane<D>(owner, { ...route, url: (origins[route.url] ?? route.url) + path, path: index }),
      )
      const shard = new Shard(streams, room, kind, lanes)
      for (const symbol of rest.splice(0, room)) shard.symbols.add(symbol)
      this.#shards.push(shard)
      const topics = shard.topics(shard.symbols).filter((topic) => !this.#refused.has(topicKey(topic)))
      waiting.push(Promise.any(lanes.map((lane) => lane.open(topics))))
    }
    return waiting
  }

  #shardOf(socket: MarketSocket<D>): Shard<D> | undefined {
    return this.#shards.find(({ lanes }) => lanes.some((lane) => lane.route === socket.route))
  }

  #upOrDown(socket: MarketSocket<D>, reason: string | null): void {
    const outage = this.#shardOf(socket)?.changed(reason) ?? null
    if (outage !== null) this.#emit('outage', outage)
  }

  #carry(socket: MarketSocket<D>): void {
    const shard = this.#shardOf(socket)
    if (shard !== undefined) this.#carryOn(shard, socket)
  }

  /** Books are in sync by what comes over a socket that has their stream, and no other. */
  #carryOn(shard: Shard<D>, socket: MarketSocket<D>): void {
    if (!shard.streams.includes('book')) return
    const taken = [...shard.symbols].filter((symbol) => !this.#refused.has(topicKey({ symbol, stream: 'book' })))
    this.#books?.carry(socket.feed, taken)
  }

  #socketOf(feed: unknown): MarketSocket<D> | undefined {
    for (const { lanes } of this.#shards) {
      for (const { sockets } of lanes) {
        const found = sockets.find((socket) => socket.feed === feed)
        if (found !== undefined) return found
      }
    }
    return undefined
  }

  #symbolsOn(socket: MarketSocket<D>): number {
    return this.#shardOf(socket)?.symbols.size ?? 0
  }

  /** Of several paths each may hear of it; it is told once, and nobody asks again. */
  #onRefused(topic: Topic, venueCode: string, message: string): void {
    const key = topicKey(topic)
    if (this.#refused.has(key)) return
    this.#refused.add(key)
    for (const shard of this.#shards) {
      if (!shard.symbols.has(topic.symbol) || !shard.streams.includes(topic.stream)) continue
      for (const lane of shard.lanes) {
        lane.remove([topic])
        // Its book asks no more either.
        if (topic.stream === 'book') for (const { feed } of lane.sockets) this.#books?.drop(feed, [topic.symbol])
      }
    }
    const text = `${topic.symbol} ${topic.stream}: ${message}`
    this.#emit('error', new MarketDataError('ERR_MARKET_REFUSED', text, { ...topic, venueCode }))
  }

  /** Paths that fall short of the others. */
  #look(): void {
    for (const shard of this.#shards) {
      const { lanes, symbols } = shard
      shard.look()
      if (lanes.length < 2) continue
      const delivered = lanes.map((lane) => lane.delivered)
      for (const [i, lane] of lanes.entries()) {
        const others = Math.max(...delivered.filter((_, k) => k !== i))
        const event = lane.watch(others, symbols.size)
        if (event === null) continue
        this.#emit('path', event)
        void lane.roll(event.why)
      }
    }
  }

  async #turn(): Promise<() => void> {
    if (this.#rolling >= maxRollovers) await new Promise<void>((resolve) => this.#turns.push(resolve))
    this.#rolling++
    return () => {
      this.#rolling--
      this.#turns.shift()?.()
    }
  }

  async #close(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    if (this.#watch !== null) clearInterval(this.#watch)
    for (const wake of this.#turns.splice(0)) wake()
    await Promise.all(this.#shards.flatMap(({ lanes }) => lanes.map((lane) => lane.close())))
    await this.#books?.close()
    await this.#arbiter.close()
  }

  #check(symbols: readonly string[]): void {
    parseConfig('symbols', symbolSchema.array().max(10_000), symbols)
    if (new Set([...this.#symbols, ...symbols]).size > 10_000) {
      throw configFault('symbols', [], 'must not be more than 10,000 altogether')
    }
  }

  #closedError(): TickwireError {
    return new TickwireError('ERR_MARKET_CLOSED', 'the market data is closed')
  }
}

function infoOf(socket: MarketSocket, symbols: number): MarketSocketInfo {
  return { path: socket.route.path, url: socket.route.url, state: socket.feed.state, symbols }
}

function parse({ title, profiles }: MarketProtocol, options: unknown) {
  const subject = `${title} market data options`
  const parsed = parseConfig(subject, marketDataSchema, options)
  const origin = (name: string, at: readonly (string | number)[]): string => {
    if (!Object.hasOwn(profiles, name)) {
      throw configFault(subject, at, `must be one of ${Object.keys(profiles).join(', ')}`)
    }
    return profiles[name] as string
  }
  const main = parsed.url ?? origin(parsed.profile, ['profile'])
  const routes = (parsed.paths as { url?: string; endpoint?: string; localAddress?: string }[]).map(
    ({ url, endpoint, localAddress }, i) => ({
      url: (url ?? (endpoint === undefined ? main : origin(endpoint, ['paths', i, 'endpoint']))).replace(/\/+$/, ''),
      localAddress,
    }),
  )
  return { ...parsed, routes }
}
