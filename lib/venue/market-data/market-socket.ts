import type { Arbiter } from '../../feed/arbiter.js'
import type { JsonDecoder } from '../../feed/decoder.js'
import type { StateChange } from '../../feed/events.js'
import { Feed } from '../../feed/feed.js'
import type { FeedBooks } from '../../feed/feed-books.js'
import type { FeedOptions } from '../../feed/options.js'
import type { AnswerRow, MarketProtocol, Topic } from './protocol.js'
import { Subscriptions } from './subscriptions.js'

/** Where a socket leads, and over what. */
export interface SocketRoute {
  readonly url: string
  readonly localAddress: string | undefined
  readonly path: number
}

export interface SocketOwner {
  state(change: StateChange): void
  /** The venue has confirmed what it was asked for since the connection opened. */
  ready(): void
  refused(topic: Topic, code: string, message: string): void
  /** What the venue wants before it takes subscriptions was not to be had. */
  unprepared(error: unknown): void
  /** The connection is not good for much longer: the venue will end it, or takes no more of what is to be subscribed. */
  ending(reason: string): void
  /** It has ended for good, which nobody asked for. */
  ended(error: unknown): void
}

export interface SocketSetup<D extends JsonDecoder> {
  readonly protocol: MarketProtocol<D>
  readonly arbiter: Arbiter<D>
  readonly books: FeedBooks | undefined
  /** What else feeds are told: TLS, proxy, limits. */
  readonly feed: Partial<FeedOptions<D>>
}

/** One connection of a market data object: a feed, and its subscriptions. */
export class MarketSocket<D extends JsonDecoder = JsonDecoder> {
  readonly route: SocketRoute
  readonly feed: Feed<D>
  readonly #subscriptions: Subscriptions
  readonly #settled: (() => void)[] = []
  /** When the open connection was opened, by `performance.now()`. */
  openedAt = 0
  #ended = false
  #ready = false

  constructor(setup: SocketSetup<D>, route: SocketRoute, topics: readonly Topic[], owner: SocketOwner) {
    const { protocol, arbiter, books } = setup
    this.route = route
    this.#subscriptions = new Subscriptions(protocol, {
      send: (text) => this.#send(text),
      greet: (messages) => this.feed.setSubscribe(messages),
      refused: (topic, code, message) => owner.refused(topic, code, message),
      unprepared: (error) => owner.unprepared(error),
      settled: () => {
        for (const resolve of this.#settled.splice(0)) resolve()
        if (this.#ready || !this.connected) return
        this.#ready = true
        owner.ready()
      },
      exhausted: () => owner.ending('requests'),
    })
    const { connects } = protocol.limits
    const options = {
      ...setup.feed,
      url: route.url,
      decode: protocol.decode,
      arbiter,
      path: route.path,
      subscribe: this.#subscriptions.begin(topics),
      heartbeat: { ...protocol.heartbeat, ...setup.feed.heartbeat },
      // The venue counts what arrives: a little is left for what the way there adds.
      connectLimit: {
        // Addresses of one's own are counted, and banned, each by itself.
        name: [protocol.title, new URL(route.url).host, route.localAddress].filter(Boolean).join(' '),
        count: connects.count,
        perMs: Math.min(86_400_000, Math.ceil(connects.perMs * 1.05) + 50),
        bans: connects.bans,
      },
      ...(books !== undefined && { books }),
      ...(route.localAddress !== undefined && { socket: { ...setup.feed.socket, localAddress: route.localAddress } }),
    }
    this.feed = new Feed<D>(options as unknown as FeedOptions<D>)
    this.feed.on('state', (change) => {
      if (change.to === 'connected') {
        this.openedAt = performance.now()
        this.#subscriptions.opened(this.feed.subscribeNumber)
      } else if (change.from === 'connected') {
        this.#ready = false
        this.#subscriptions.closed()
      }
      owner.state(change)
    })
    const onAnswer = (rows: Iterable<{ toObject(): AnswerRow }>): void => {
      for (const row of rows) {
        for (const answer of protocol.answers(row.toObject())) {
          if (answer.kind === 'ending') owner.ending(answer.code)
          else this.#subscriptions.answer(answer)
        }
      }
    }
    this.feed.on('rows:answer' as 'state', onAnswer as unknown as (change: StateChange) => void)
    this.feed.on('close', (error) => {
      this.#subscriptions.closed()
      if (!this.#ended) owner.ended(error)
    })
    this.feed.on('error', () => {})
  }

  get connected(): boolean {
    return this.feed.state === 'connected'
  }

  /** Whether it is subscribed: the venue sends what there is. */
  get ready(): boolean {
    return this.#ready
  }

  /** Bytes that have come. */
  get received(): number {
    return this.feed.arbitration().bytes
  }

  get topics(): number {
    return this.#subscriptions.size
  }

  /** Market rows that it has brought, copies included. */
  get delivered(): number {
    const { rows, duplicates } = feedCounters(this.feed)
    return rows + duplicates
  }

  /** Rows that came after another connection's. */
  get copies(): number {
    return feedCounters(this.feed).duplicates
  }

  /** Nanoseconds that its copies came behind, summed. */
  get copyLagNs(): number {
    return feedCounters(this.feed).copyLagNs
  }

  /** Connects. Resolves when the venue has answered all subscriptions, or not within `patienceMs` after the connection. */
  async open(patienceMs: number): Promise<void> {
    await this.feed.open()
    if (this.#subscriptions.answered) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patienceMs)
      this.#settled.push(() => {
        clearTimeout(timer)
        resolve()
      })
      this.feed.once('close', () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  add(topics: readonly Topic[]): void {
    this.#subscriptions.add(topics)
  }

  remove(topics: readonly Topic[]): void {
    this.#subscriptions.remove(topics)
  }

  /** Subscribes topics anew, in the pace of the connection. Resolves when that is sent. @throws TickwireError `ERR_NOT_OPEN`. */
  resubscribe(topics: readonly Topic[]): Promise<void> {
    return this.#subscriptions.resubscribe(topics)
  }

  async close(): Promise<void> {
    this.#ended = true
    this.#subscriptions.closed()
    for (const resolve of this.#settled.splice(0)) resolve()
    await this.feed.close()
  }

  #send(text: string): boolean {
    if (!this.connected) return false
    try {
      this.feed.send(text)
      return true
    } catch {
      return false // on its way down: the next connection asks for everything
    }
  }
}

function feedCounters(feed: Feed): { rows: number; duplicates: number; copyLagNs: number } {
  return feed.arbitration()
}
