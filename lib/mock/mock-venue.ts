import { parseConfig } from '../runtime/config.js'
import { amount, plainAmount } from './amount.js'
import { Chaos, type ChaosOptions } from './chaos.js'
import type { Dialect, MockReply, MockRequest } from './dialect.js'
import type { Account } from './engine/account.js'
import { Engine } from './engine/engine.js'
import { MockError } from './errors.js'
import type { Instrument } from './market/instrument.js'
import { Market } from './market/market.js'
import type { LevelText } from './market/market-book.js'
import { type MarketOrderBook, type MarketOrderChange, MarketOrders } from './market/order-queues.js'
import { Player } from './market/player.js'
import { loadTape, type Tape } from './market/tape.js'
import {
  type CheckedOptions,
  chaosSchema,
  type MockVenueName,
  type MockVenueOptions,
  optionsSchema,
  sourcesOf,
} from './options.js'
import { Outage } from './outage.js'
import { Peer } from './server/peer.js'
import { MockServer, type SocketRefusal } from './server/server.js'
import type { WsSocket } from './server/ws-module.js'
import { accountsOf, dialects, instrumentsOf, tradingRulesOf } from './setup.js'
import type { MockAccountState, MockVenueStats } from './state.js'
import { Timers } from './timers.js'

/** Bytes that a client may be behind while the tape goes as fast as it can. */
const drainedBytes = 1_048_576

/**
 * A venue on this machine: it serves what was recorded over real sockets, and trades on it, in the manner of a real one. For tests
 * and rehearsals; nothing of it is fit to hold money.
 */
export class MockVenue implements AsyncDisposable {
  readonly venue: MockVenueName
  readonly #options: CheckedOptions
  readonly #dialect: Dialect
  readonly #engine: Engine
  readonly #market: Market
  readonly #tape: Tape
  readonly #instruments: ReadonlyMap<string, Instrument>
  readonly #accounts: ReadonlyMap<string, Account>
  readonly #chaos: Chaos
  readonly #player: Player
  readonly #peers = new Set<Peer>()
  readonly #orders = new MarketOrders()
  readonly #finished: Promise<void>
  #finish = (): void => {}
  #server: MockServer | null = null
  #accepted = 0
  #refused = 0
  #requests = 0
  #changes = 0
  readonly #outage = new Outage()
  #wantsToPlay = false
  #hasBegun = false
  readonly #timers = new Timers()
  #closing: Promise<void> | null = null

  private constructor(options: CheckedOptions, tape: Tape) {
    this.venue = options.venue
    this.#options = options
    this.#tape = tape
    this.#chaos = new Chaos(options.chaos)
    this.#market = new Market(tape.snapshots)
    this.#instruments = instrumentsOf(options, tape)
    this.#accounts = accountsOf(options)
    this.#engine = new Engine({
      instruments: this.#instruments,
      book: (symbol) => this.#market.book(symbol),
      ...tradingRulesOf(options),
      onEvent: (event) => this.#dialect.orderEvent(event),
    })
    this.#dialect = dialects[options.venue].live({
      options,
      engine: this.#engine,
      market: this.#market,
      instruments: this.#instruments,
      topics: tape.topics,
      account: (apiKey) => this.#accounts.get(apiKey),
      now: () => Math.floor(options.now()),
      later: (ms, act) => this.#timers.later(ms, act),
      subscribed: () => {
        // After the confirmation, which is sent when this has returned.
        if (options.begin === 'firstSubscription' && !this.#hasBegun) queueMicrotask(() => this.play())
      },
    })
    this.#finished = new Promise((resolve) => {
      this.#finish = resolve
    })
    this.#player = new Player({
      events: tape.events,
      speed: options.speed === 'max' ? Number.POSITIVE_INFINITY : options.speed,
      play: ({ message }) => {
        const effects = dialects[options.venue].tape.effects(message)
        this.#market.apply(effects, this.#engine)
        this.#chaos.begin(message.topic)
        this.#dialect.publish(message, effects)
        options.onPlayed?.({ ...message, sockets: this.#chaos.end() })
      },
      drained: () => this.#drained(),
      onEnd: () => this.#finish(),
    })
    for (const { symbol, bids, asks } of options.instruments)
      if (bids !== undefined || asks !== undefined) this.#market.book(symbol).replace(bids ?? [], asks ?? [])
  }

  /**
   * Reads the capture and listens.
   * @throws ConfigError, MockError, CaptureError.
   */
  static async start(options: MockVenueOptions): Promise<MockVenue> {
    const checked = parseConfig('mock venue options', optionsSchema, options)
    const tape = await loadTape(sourcesOf(checked.capture), dialects[checked.venue].tape, checked.maxBytes)
    const venue = new MockVenue(checked, tape)
    venue.#server = await MockServer.start(checked, {
      request: (request) => venue.#request(request),
      refuseSocket: (url) => venue.#refuseSocket(url),
      socket: (socket, url) => venue.#connect(socket, url),
    })
    return venue
  }

  /** `http://127.0.0.1:PORT`, https with TLS. */
  get origin(): string {
    const { host, port } = this.#listening()
    return `${this.#options.tls === undefined ? 'http' : 'https'}://${host}:${port}`
  }

  /** Where clients connect, by what the venue calls it: `rest`, `stream`, … */
  get urls(): Readonly<Record<string, string>> {
    return this.#dialect.urls(this.origin, this.origin.replace('http', 'ws'))
  }

  get symbols(): readonly string[] {
    return [...this.#instruments.keys()]
  }

  /** Topics that were subscribed though nothing of them is recorded. */
  get unserved(): readonly string[] {
    return this.#dialect.unserved()
  }

  /** Resolves when all that is recorded was played. */
  get finished(): Promise<void> {
    return this.#finished
  }

  /** Recorded milliseconds since the first message. */
  get positionMs(): number {
    return this.#player.atMs
  }

  /** Lets the tape go on; while the venue is down, as soon as it is back. */
  play(): void {
    this.#wantsToPlay = true
    if (!this.#hasBegun) {
      this.#hasBegun = true
      const { maintenance, timeScale } = this.#options
      for (const { atMs, ms, sockets } of maintenance)
        this.#timers.later(atMs / timeScale, () => this.maintenance(ms / timeScale, { sockets }))
    }
    if (!this.#outage.isDown) this.#player.play()
  }

  pause(): void {
    this.#wantsToPlay = false
    this.#player.pause()
  }

  /** Recorded time per real time from now on. @throws RangeError */
  setSpeed(speed: number | 'max'): void {
    if (speed !== 'max' && !(speed >= 0.001 && speed <= 1_000_000))
      throw new RangeError('`speed` must be 0.001…1,000,000 or `max`')
    this.#player.speed = speed === 'max' ? Number.POSITIVE_INFINITY : speed
  }

  /** Sets levels of a market by hand, size 0 taking one away: tells who listens, and fills what this crosses when the venue is up. @throws MockError, RangeError */
  setLevels(
    symbol: string,
    levels: { readonly bids?: readonly LevelText[]; readonly asks?: readonly LevelText[] },
  ): void {
    if (!this.#instruments.has(symbol)) throw new MockError('ERR_MOCK_SYMBOL', `no instrument ${symbol}`)
    const { bids = [], asks = [] } = levels
    for (const text of [...bids, ...asks].flat()) amount(text)
    this.#market.book(symbol).change(bids, asks)
    this.#dialect.levelsSet(symbol, bids, asks)
    this.#outage.whenUp(symbol, () => this.#engine.bookChanged(symbol))
  }

  /**
   * Changes orders of a market by hand, all or none: tells who listens to them (Kraken: `level3`), sets the levels that they come to.
   * @throws MockError `ERR_MOCK_SYMBOL`, or `ERR_MOCK_ORDERS` where the venue tells of no orders; RangeError naming the change at fault.
   */
  setOrders(symbol: string, changes: readonly MarketOrderChange[]): void {
    if (!this.#instruments.has(symbol)) throw new MockError('ERR_MOCK_SYMBOL', `no instrument ${symbol}`)
    if (this.#dialect.ordersChanged === undefined)
      throw new MockError('ERR_MOCK_ORDERS', `${this.venue} tells of no orders of its market`)
    const queues = this.#orders.of(symbol)
    const applied = queues.apply(changes, Math.floor(this.#options.now()))
    this.#dialect.ordersChanged(symbol, queues, applied)
    this.setLevels(symbol, { bids: queues.sums('buy', applied), asks: queues.sums('sell', applied) })
  }

  /** The orders that `setOrders` has made of a market, best price first, at each first filled first. */
  orders(symbol: string): MarketOrderBook {
    return this.#orders.of(symbol).book()
  }

  /** How a trader stands. @throws MockError */
  account(apiKey: string): MockAccountState {
    const account = this.#accountOf(apiKey)
    const balances = [...account.balances].map(([asset, { free, locked }]) => [
      asset,
      { free: plainAmount(free), locked: plainAmount(locked) },
    ])
    return { balances: Object.fromEntries(balances), openOrders: account.open.size }
  }

  /** Gives a trader money. @throws MockError, RangeError */
  deposit(apiKey: string, asset: string, decimal: string): void {
    const delta = amount(decimal)
    const account = this.#accountOf(apiKey)
    account.balance(asset).free += delta
    account.updatedMs = Math.floor(this.#options.now())
    this.#dialect.balanceChanged(account, asset, delta)
  }

  /** What goes wrong from now on, instead of what did. @throws ConfigError */
  setChaos(chaos: ChaosOptions): void {
    this.#chaos.options = parseConfig('chaos options', chaosSchema, chaos)
  }

  /** Numbers of the sockets that are open, in the order in which they came; the first ever is 0. */
  get sockets(): readonly number[] {
    return this.#open().map(({ id }) => id)
  }

  /** Cuts all sockets, or those of these numbers: without a word, or with this close code. */
  disconnect(code?: number, reason?: string, numbers?: readonly number[]): void {
    for (const peer of this.#open(numbers)) {
      if (code === undefined) peer.terminate()
      else peer.close(code, reason)
    }
  }

  /** All sockets stay open and say nothing for so long. */
  stall(ms: number): void {
    for (const peer of this.#peers) peer.stall(ms)
  }

  /** Tells all clients, or those of these sockets, that the server will go, and cuts them so much later. Default: 10 s of the venue's time. */
  serverShutdown(afterMs: number = 10_000 / this.#options.timeScale, numbers?: readonly number[]): void {
    const told = this.#open(numbers)
    this.#dialect.shutdown((peer) => told.includes(peer))
    this.#timers.later(afterMs, () => {
      for (const peer of told) peer.close(1001, 'Server shutdown')
    })
  }

  /** Refuses all requests and new sockets for so long, as to who has asked too much; open sockets stay. Default status: 418. */
  ban(ms: number, status: 418 | 429 | 403 = 418): void {
    this.#outage.begin(ms, status)
  }

  /**
   * Is not there for so long: requests and new sockets are refused (503), nothing is traded, and the tape stands still. Sockets are closed, or
   * kept: what is to be said on them waits, and what clients say on them is lost. Where the venue says so (Kraken's `status`), it does.
   */
  maintenance(ms: number, { sockets = 'cut' }: { readonly sockets?: 'cut' | 'kept' | undefined } = {}): void {
    this.#outage.down(ms)
    this.#player.pause()
    this.#dialect.maintenance?.(true)
    if (sockets === 'cut') this.disconnect(1012, 'Maintenance')
    else this.stall(ms)
    this.#timers.later(ms, () => {
      if (!this.#outage.up()) return
      this.#dialect.maintenance?.(false)
      if (this.#wantsToPlay) this.#player.play()
    })
  }

  /** The next so many recorded messages of this topic (`btcusdt@depth`, `books:BTC-USDT`, …) reach nobody, as if lost on their way. Default 1. */
  lose(topic: string, messages = 1): void {
    this.#chaos.lose(topic, messages)
  }

  stats(): MockVenueStats {
    return {
      ...this.#chaos.stats(),
      played: this.#player.position,
      recorded: this.#tape.events.length,
      sockets: this.#peers.size,
      accepted: this.#accepted,
      refused: this.#refused,
      turnedAway: this.#outage.turnedAway,
      requests: this.#requests,
      sent: [...this.#peers].reduce((sum, { sent }) => sum + sent, 0),
    }
  }

  /** Cuts everybody and stops listening. May be called again. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#player.stop()
      this.#timers.close()
      for (const peer of this.#peers) peer.terminate()
      await this.#server?.close()
      this.#finish()
    })()
    return this.#closing
  }

  /** Same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #listening(): MockServer {
    if (this.#server === null || this.#closing !== null)
      throw new MockError('ERR_MOCK_CLOSED', 'the mock venue is closed')
    return this.#server
  }

  #accountOf(apiKey: string): Account {
    const account = this.#accounts.get(apiKey)
    if (account === undefined) throw new MockError('ERR_MOCK_ACCOUNT', 'no account with this key')
    return account
  }

  #request(request: MockRequest): MockReply | null {
    this.#requests++
    const refusal = this.#outage.turnAway()
    if (refusal !== null) return this.#dialect.refused(refusal.status, refusal.leftMs)
    const { fate: decide } = this.#chaos.options
    if (decide === undefined || !this.#dialect.changes(request)) return this.#dialect.http(request)
    const fate = decide({ number: this.#changes++, method: request.method, path: request.path })
    if (fate === 'answered') return this.#dialect.http(request)
    if (fate === 'requestLost') return null
    if (fate === 'answerLost') {
      this.#dialect.http(request)
      return null
    }
    this.#timers.later(fate.lateMs, () => {
      // Timestamps are looked at again before the order goes into the book.
      if (!this.#dialect.stale(request)) this.#dialect.http(request)
    })
    return { status: 504, body: '<html><body>Gateway Time-out</body></html>' }
  }

  #refuseSocket(url: URL): SocketRefusal | null {
    const refusal = this.#outage.turnAway()
    const status =
      refusal?.status ??
      (this.#peers.size >= this.#options.maxSockets ? 429 : this.#dialect.rules(url) === null ? 404 : 0)
    if (status === 0) return null
    this.#refused++
    return { status, headers: refusal === null ? {} : (this.#dialect.refused(status, refusal.leftMs).headers ?? {}) }
  }

  #connect(socket: WsSocket, url: URL): void {
    const rules = this.#dialect.rules(url)
    if (rules === null) return
    const { timeScale, limits, now } = this.#options
    const peer = new Peer(
      this.#accepted++,
      url,
      socket,
      this.#chaos,
      limits ? rules : { ...rules, framesPerSecond: 0 },
      Math.floor(now()),
      timeScale,
    )
    this.#peers.add(peer)
    const handler = this.#dialect.connect(peer)
    peer.handle({
      message: (text) => {
        if (!this.#outage.isDown) handler.message(text)
      },
      closed: () => {
        this.#peers.delete(peer)
        handler.closed()
      },
    })
  }

  #open(numbers?: readonly number[]): readonly Peer[] {
    const open = [...this.#peers].filter(({ isOpen }) => isOpen)
    return numbers === undefined ? open : open.filter(({ id }) => numbers.includes(id))
  }

  async #drained(): Promise<void> {
    do await new Promise(setImmediate)
    while (this.#closing === null && [...this.#peers].some(({ backlog }) => backlog > drainedBytes))
  }
}
