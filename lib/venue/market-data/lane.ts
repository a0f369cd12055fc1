import type { JsonDecoder } from '../../feed/decoder.js'
import type { StateChange } from '../../feed/events.js'
import { MarketDataError, type MarketPathEvent, type MarketRollover } from './events.js'
import { MarketSocket, type SocketRoute, type SocketSetup } from './market-socket.js'
import type { Topic } from './protocol.js'

/** Times in milliseconds. */
export interface LaneTimes {
  /** Of a connection, as the venue has it; Infinity: any. */
  readonly lifeMs: number
  /** How long old and new socket deliver both, at least. */
  readonly overlapMs: number
  /** How long a new socket may take to be connected and subscribed. */
  readonly readyMs: number
  /** How long an overlap is drawn out at most, to see rows of both. */
  readonly verifyMs: number
  /** Silence of a path, while others deliver, after which it is replaced; 0: never. */
  readonly silentMs: number
  /** How far a path may be behind on average; 0: any. */
  readonly behindMs: number
}

/** What a lane tells the market data that it belongs to. */
export interface LaneOwner<D extends JsonDecoder> {
  readonly setup: SocketSetup<D>
  readonly times: LaneTimes
  /** Numbers that are waited for, of all. */
  openMissing(): number
  /** Resolves when another rollover may begin; the result ends it. */
  turn(): Promise<() => void>
  opened(socket: MarketSocket<D>): void
  gone(socket: MarketSocket<D>): void
  state(socket: MarketSocket<D>, change: StateChange): void
  /** The venue has confirmed the socket's subscriptions. */
  ready(socket: MarketSocket<D>): void
  refused(topic: Topic, code: string, message: string): void
  rolled(event: MarketRollover): void
  failed(error: MarketDataError): void
}

const pollMs = 25
const firstRetryMs = 1_000
const maxRetryMs = 60_000
/** Rows of others that make a path's silence remarkable, and copies that make a mean. */
const remarkable = 20
const unknown = -1

/** The socket that carries some topics on one path, and the one that will take its place. */
export class Lane<D extends JsonDecoder> {
  readonly route: SocketRoute
  readonly #owner: LaneOwner<D>
  readonly #topics = new Map<string, Topic>()
  #current: MarketSocket<D> | null = null
  #next: MarketSocket<D> | null = null
  #life: NodeJS.Timeout | null = null
  #rolling = false
  #closed = false
  readonly #waits = new Set<() => void>()
  /** What sockets brought that are gone. */
  #retired = 0
  #retiredBytes = 0
  // Of the watch: when something came last, what others had brought by then, and the copies that were judged already.
  #seen = { at: performance.now(), delivered: 0, others: unknown, copies: 0, lagNs: 0 }

  constructor(owner: LaneOwner<D>, route: SocketRoute) {
    this.#owner = owner
    this.route = route
  }

  get socket(): MarketSocket<D> | null {
    return this.#current
  }

  get sockets(): readonly MarketSocket<D>[] {
    return [this.#current, this.#next].filter((socket) => socket !== null)
  }

  /** Market rows that it has brought, over all its sockets so far, copies included. */
  get delivered(): number {
    return this.sockets.reduce((sum, socket) => sum + socket.delivered, this.#retired)
  }

  /** Bytes that have come, over all its sockets so far. */
  get received(): number {
    return this.sockets.reduce((sum, socket) => sum + socket.received, this.#retiredBytes)
  }

  /** Connects for the first time. Resolves when the venue has answered. */
  async open(topics: readonly Topic[]): Promise<void> {
    this.#remember(topics)
    this.#current = this.#make()
    await this.#current.open(this.#owner.times.readyMs)
  }

  add(topics: readonly Topic[]): void {
    this.#remember(topics)
    for (const socket of this.sockets) socket.add(topics)
  }

  remove(topics: readonly Topic[]): void {
    for (const { symbol, stream } of topics) this.#topics.delete(`${stream} ${symbol}`)
    for (const socket of this.sockets) socket.remove(topics)
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#life !== null) clearTimeout(this.#life)
    for (const stop of [...this.#waits]) stop()
    const sockets = this.sockets
    this.#current = null
    this.#next = null
    await Promise.all(sockets.map((socket) => this.#drop(socket)))
  }

  /** Make before break. Does nothing while one is under way. */
  async roll(reason: string): Promise<void> {
    if (this.#rolling || this.#closed) return
    this.#rolling = true
    try {
      for (let retryMs = firstRetryMs; !this.#closed; retryMs = Math.min(maxRetryMs, retryMs * 2)) {
        const end = await this.#owner.turn()
        try {
          if (this.#closed || (await this.#attempt(reason))) return
        } finally {
          end()
        }
        await this.#sleep(retryMs * (0.8 + Math.random() * 0.4))
      }
    } finally {
      this.#rolling = false
    }
  }

  /** Whether this path falls short while others deliver. To be called now and then. */
  watch(othersDelivered: number, symbols: number): MarketPathEvent | null {
    const { silentMs, behindMs } = this.#owner.times
    const socket = this.#current
    const now = performance.now()
    const seen = this.#seen
    if (socket === null || this.#rolling || !socket.connected) {
      this.#seen = { ...seen, at: now, others: othersDelivered }
      return null
    }
    if (seen.others === unknown) seen.others = othersDelivered
    const { delivered, copies, copyLagNs } = socket
    const event = { path: this.route.path, url: this.route.url, symbols }
    if (delivered !== seen.delivered) {
      const fresh = copies - seen.copies
      const judged = fresh >= remarkable || fresh < 0
      this.#seen = {
        at: now,
        delivered,
        others: othersDelivered,
        copies: judged ? copies : seen.copies,
        lagNs: judged ? copyLagNs : seen.lagNs,
      }
      const behind = fresh >= remarkable ? (copyLagNs - seen.lagNs) / fresh / 1e6 : 0
      return behindMs > 0 && behind > behindMs ? { ...event, why: 'behind', ms: behind } : null
    }
    const silent = now - seen.at
    if (silentMs === 0 || silent < silentMs || othersDelivered - seen.others < remarkable) return null
    this.#seen = { ...seen, at: now, others: othersDelivered }
    return { ...event, why: 'silent', ms: silent }
  }

  #remember(topics: readonly Topic[]): void {
    for (const topic of topics) this.#topics.set(`${topic.stream} ${topic.symbol}`, topic)
  }

  #make(): MarketSocket<D> {
    const owner = this.#owner
    const socket: MarketSocket<D> = new MarketSocket(owner.setup, this.route, [...this.#topics.values()], {
      state: (change) => {
        if (change.to === 'connected' && socket === this.#current) this.#startLife()
        owner.state(socket, change)
      },
      ready: () => owner.ready(socket),
      refused: (topic, code, message) => owner.refused(topic, code, message),
      unprepared: (cause) => {
        const text = `could not subscribe: ${(cause as Error).message}`
        owner.failed(new MarketDataError('ERR_MARKET_SUBSCRIBE', text, { cause }))
      },
      ending: (reason) => {
        if (socket === this.#current) void this.roll(reason)
      },
      ended: (cause) => {
        if (this.#closed || socket !== this.#current) return
        owner.failed(new MarketDataError('ERR_MARKET_SOCKET', 'a socket has ended and is replaced', { cause }))
        void this.roll('ended')
      },
    })
    owner.opened(socket)
    return socket
  }

  async #drop(socket: MarketSocket<D>): Promise<void> {
    await socket.close()
    this.#retired += socket.delivered
    this.#retiredBytes += socket.received
    this.#owner.gone(socket)
  }

  /** Before the venue ends the connection: each at a time of its own, 5 to 20 % of the life before. */
  #startLife(): void {
    const { lifeMs } = this.#owner.times
    if (this.#life !== null) clearTimeout(this.#life)
    this.#life = null
    if (!Number.isFinite(lifeMs)) return
    const open = this.#current?.openedAt ?? 0
    const left = lifeMs * (0.8 + Math.random() * 0.15) - (performance.now() - open)
    // Timers hold no more than 2^31 ms.
    this.#life = setTimeout(() => void this.roll('life'), Math.min(Math.max(0, left), 2_000_000_000))
    this.#life.unref()
  }

  /** One new socket. False when it did not come up. */
  async #attempt(reason: string): Promise<boolean> {
    const { readyMs, overlapMs, verifyMs } = this.#owner.times
    const old = this.#current
    const next = this.#make()
    this.#next = next
    const ready = await this.#within(next.open(readyMs), readyMs)
    if (this.#closed) return true
    if (!ready || !next.connected) {
      this.#next = null
      await this.#drop(next)
      this.#owner.failed(new MarketDataError('ERR_MARKET_ROLLOVER', `a new socket did not come up (${reason})`))
      return false
    }
    const began = performance.now()
    const before = { old: old?.delivered ?? 0, copies: (old?.copies ?? 0) + next.copies }
    const both = (): number => (old?.copies ?? 0) + next.copies - before.copies
    const oldDelivers = (): boolean => old?.connected === true && old.delivered > before.old
    // Joined: both have brought the same rows, so the new one begins before where the old one will end.
    const joined = (): boolean => both() > 0 && next.delivered > 0 && this.#owner.openMissing() === 0
    while (!this.#closed && old?.connected === true && next.connected) {
      const since = performance.now() - began
      if (since >= overlapMs && (joined() || (!oldDelivers() && next.delivered === 0))) break
      if (since >= overlapMs && reason === 'silent' && next.delivered > 0) break
      if (since >= verifyMs) break
      await this.#sleep(pollMs)
    }
    if (this.#closed) return true
    if (!next.connected && old?.connected === true) {
      this.#next = null
      await this.#drop(next)
      this.#owner.failed(new MarketDataError('ERR_MARKET_ROLLOVER', `a new socket was lost again (${reason})`))
      return false
    }
    const copies = both()
    const alive = old?.connected === true
    this.#current = next
    this.#next = null
    this.#seen = { at: performance.now(), delivered: 0, others: unknown, copies: 0, lagNs: 0 }
    this.#startLife()
    const overlap = alive ? performance.now() - began : 0
    if (old !== null) await this.#drop(old)
    this.#owner.rolled({
      path: this.route.path,
      symbols: new Set([...this.#topics.values()].map(({ symbol }) => symbol)).size,
      reason,
      overlapMs: overlap,
      copies,
      verified: copies > 0 ? 'sequence' : alive ? 'quiet' : 'none',
    })
    return true
  }

  async #within(work: Promise<void>, ms: number): Promise<boolean> {
    let stop = (): void => {}
    const late = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), ms)
      stop = () => {
        clearTimeout(timer)
        resolve(false)
      }
      this.#waits.add(stop)
    })
    try {
      return await Promise.race([
        work.then(
          () => true,
          () => false,
        ),
        late,
      ])
    } finally {
      this.#waits.delete(stop)
      stop()
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const stop = (): void => {
        clearTimeout(timer)
        this.#waits.delete(stop)
        resolve()
      }
      const timer = setTimeout(stop, ms)
      this.#waits.add(stop)
    })
  }
}
