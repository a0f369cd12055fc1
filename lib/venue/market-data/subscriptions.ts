import { TickwireError } from '../../runtime/errors.js'
import { chunks } from '../market/market-feeds.js'
import { Pacer } from './pacer.js'
import {
  firstAnewId,
  firstLiveId,
  type MarketAnswer,
  type MarketProtocol,
  type MarketRequest,
  type Topic,
  topicKey,
} from './protocol.js'
import { type MarketOp, Resubscription, type WaitingAnew, type WaitingOwn } from './resubscription.js'

/** What subscriptions need of their connection. */
export interface SubscriptionsOwner {
  /** False when there is no connection. */
  send(text: string): boolean
  /** What later connections are opened with. Returns its number. */
  greet(messages: readonly string[]): number
  /** The venue does not want this topic; it is not asked for any more. */
  refused(topic: Topic, code: string, message: string): void
  /** Everything has been answered. */
  settled(): void
  /** What must be there to subscribe was not to be had; it is tried again. */
  unprepared(error: unknown): void
  /** The connection's messages of this hour are used up, and more are to be sent: another connection could take them at once. */
  exhausted(): void
}

/** What waits for its turn. */
type Waiting = WaitingOwn | WaitingAnew

/** What is to be asked of topics. */
interface Ask {
  readonly op: MarketOp
  readonly topics: readonly Topic[]
}

interface Asked {
  readonly topics: Map<string, Topic>
  readonly op: MarketOp
  /** What was subscribed before: nobody waits for it to be ready. */
  readonly isAnew: boolean
}

/** The topics of one socket: what is wanted, what was asked for on the connection, what the venue said. */
export class Subscriptions {
  readonly #protocol: MarketProtocol
  readonly #owner: SubscriptionsOwner
  readonly #pacer: Pacer<Waiting>
  readonly #wanted = new Map<string, Topic>()
  /** By the number of the greeting: what it asks for. */
  readonly #greetings = new Map<number, readonly MarketRequest[]>()
  /** Topics that were asked for on the connection. */
  readonly #onWire = new Map<string, Topic>()
  readonly #pending = new Map<number, Asked>()
  /** What is to be subscribed anew, and has not been sent. */
  readonly #anew = new Set<Resubscription>()
  #liveId = firstLiveId
  #anewId = firstAnewId
  #open = false
  #queued = 0
  /** Of what must be there before anything may be asked for on the connection. */
  #preparing = false
  #connection = 0
  #failures = 0
  #retry: NodeJS.Timeout | null = null

  constructor(protocol: MarketProtocol, owner: SubscriptionsOwner) {
    this.#protocol = protocol
    this.#owner = owner
    const { messagesPerSecond, messagesPerHour = Number.POSITIVE_INFINITY } = protocol.limits
    this.#pacer = new Pacer(
      { perSecond: messagesPerSecond, perHour: messagesPerHour },
      (request) => this.#sent(request),
      () => this.#owner.exhausted(),
    )
  }

  get size(): number {
    return this.#wanted.size
  }

  /** Whether the venue has answered everything that was asked for on the connection. */
  get answered(): boolean {
    return (
      this.#open &&
      !this.#preparing &&
      this.#queued === 0 &&
      [...this.#pending.values()].every(({ op, isAnew }) => op === 'unsubscribe' || isAnew)
    )
  }

  /** The messages of the first connection. */
  begin(topics: readonly Topic[]): readonly string[] {
    for (const topic of topics) this.#wanted.set(topicKey(topic), topic)
    const first = this.#greeting()
    this.#greetings.set(0, first)
    return first.map(({ text }) => text)
  }

  /** A connection has opened, with the greeting of this number. */
  opened(number: number): void {
    const greeted = this.#greetings.get(number) ?? []
    this.#open = true
    this.#queued = 0
    this.#pending.clear()
    this.#onWire.clear()
    this.#pacer.restart(greeted.length)
    for (const request of greeted) this.#ask(request, 'subscribe', false)
    this.#connection++
    if (this.#protocol.prepare === undefined) this.#reconcile()
    else void this.#prepare()
  }

  #reconcile(): void {
    const waiting = this.#withdraw()
    const anew = [...this.#anew].map(({ topics }): Ask => ({ op: 'subscribe', topics }))
    const joining = keysOf([...waiting, ...anew], 'subscribe')
    const leaving = keysOf(waiting, 'unsubscribe')
    // What has changed since the core was told, and what is more than may be sent at once.
    const missing = [...this.#wanted].flatMap(([key, topic]) =>
      this.#onWire.has(key) || joining.has(key) ? [] : [topic],
    )
    const extra = [...this.#onWire].flatMap(([key, topic]) =>
      this.#wanted.has(key) || leaving.has(key) ? [] : [topic],
    )
    this.#request(...waiting, { op: 'subscribe', topics: missing }, { op: 'unsubscribe', topics: extra })
    this.#settle()
  }

  closed(): void {
    this.#open = false
    this.#preparing = false
    this.#failures = 0
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.#retry = null
    this.#pacer.clear()
    this.#queued = 0
    this.#pending.clear()
    for (const each of this.#anew) each.fail(notOpen())
    this.#anew.clear()
  }

  add(topics: readonly Topic[]): void {
    const fresh = topics.filter((topic) => !this.#wanted.has(topicKey(topic)))
    for (const topic of fresh) this.#wanted.set(topicKey(topic), topic)
    this.#greet()
    if (this.#open && !this.#preparing) this.#request({ op: 'subscribe', topics: fresh })
  }

  remove(topics: readonly Topic[]): void {
    const gone = topics.filter((topic) => this.#wanted.delete(topicKey(topic)))
    if (gone.length === 0) return
    this.#greet()
    if (!this.#open) return
    this.#forget(gone)
    const waiting = this.#withdraw()
    const leaving = keysOf(waiting, 'unsubscribe')
    const extra = gone.filter((topic) => this.#onWire.has(topicKey(topic)) && !leaving.has(topicKey(topic)))
    this.#request(...waiting, { op: 'unsubscribe', topics: extra })
    this.#settle()
  }

  /**
   * Ends the subscriptions of these topics and begins them anew, in the pace of the connection. Resolves when the messages are sent.
   * @throws TickwireError `ERR_NOT_OPEN` when the connection ends before.
   */
  async resubscribe(topics: readonly Topic[]): Promise<void> {
    if (!this.#open) throw notOpen()
    const wanted = topics.filter((topic) => this.#wanted.has(topicKey(topic)))
    const each = chunks(wanted, this.#protocol.limits.topicsPerMessage).map((some) => new Resubscription(some))
    for (const of of each) {
      this.#anew.add(of)
      this.#pacer.push({ op: 'anew', part: 'unsubscribe', of }, { op: 'anew', part: 'subscribe', of })
    }
    await Promise.all(each.map(({ sent }) => sent))
  }

  answer(answer: Exclude<MarketAnswer, { kind: 'ending' }>): void {
    const id = answer.id ?? this.#oldest()
    const asked = id === undefined ? undefined : this.#pending.get(id)
    if (answer.kind === 'again') {
      this.#again(asked, answer.message)
      return
    }
    this.#failures = 0
    if (answer.kind === 'accepted') this.#accepted(answer.topic, asked)
    else this.#refused(answer, asked)
    for (const [number, { topics }] of this.#pending) if (topics.size === 0) this.#pending.delete(number)
    this.#settle()
  }

  #accepted(topic: Partial<Topic> | null, asked: Asked | undefined): void {
    if (topic === null) {
      asked?.topics.clear()
      return
    }
    const { symbol, stream } = topic
    if (symbol !== undefined && stream !== undefined) {
      const key = topicKey({ symbol, stream })
      for (const { topics } of asked === undefined ? this.#pending.values() : [asked]) topics.delete(key)
    } else {
      for (const [key, each] of asked?.topics ?? []) if (matches(each, topic)) asked?.topics.delete(key)
    }
  }

  #refused(answer: Extract<MarketAnswer, { kind: 'refused' }>, asked: Asked | undefined): void {
    const { topic, code, message } = answer
    // Of a request that is asked once more anyway.
    if (asked === undefined && answer.id !== null && this.#protocol.confirms) return
    const candidates = asked === undefined ? [...this.#onWire.values()] : [...asked.topics.values()]
    if (asked?.op === 'unsubscribe') {
      asked.topics.clear()
      return
    }
    const named = topic?.symbol === undefined ? [] : candidates.filter((each) => matches(each, topic))
    if (named.length > 0) {
      for (const each of named) this.#drop(each, asked, code, message)
    } else if (asked !== undefined && candidates.length === 1) {
      this.#drop(candidates[0] as Topic, asked, code, message)
    } else if (asked !== undefined && candidates.length > 1) {
      // One of them is at fault: ask for each half by itself.
      asked.topics.clear()
      const left = candidates.filter((each) => this.#wanted.has(topicKey(each)))
      const halves = chunks(left, Math.max(1, Math.ceil(left.length / 2)))
      this.#request(...halves.map((topics) => ({ op: 'subscribe' as const, topics })))
    }
  }

  #drop(topic: Topic, asked: Asked | undefined, code: string, message: string): void {
    const key = topicKey(topic)
    asked?.topics.delete(key)
    this.#onWire.delete(key)
    if (!this.#wanted.delete(key)) return
    this.#forget([topic])
    this.#greet()
    this.#owner.refused(topic, code, message)
  }

  /** Whose refusal it must be that names none: the venues that give no numbers do not refuse to unsubscribe. */
  #oldest(): number | undefined {
    for (const [id, { op, isAnew }] of this.#pending) if (op === 'subscribe' && !isAnew) return id
    return undefined
  }

  #settle(): void {
    if (this.answered) this.#owner.settled()
  }

  /** Asks once more, after a pause that grows, for what was not taken. */
  #again(asked: Asked | undefined, message: string): void {
    for (const [key, topic] of asked?.topics ?? []) {
      if (asked?.op === 'subscribe') this.#onWire.delete(key)
      else this.#onWire.set(key, topic)
    }
    asked?.topics.clear()
    for (const [number, { topics }] of this.#pending) if (topics.size === 0) this.#pending.delete(number)
    this.#unprepared(new Error(message))
  }

  async #prepare(): Promise<void> {
    const connection = this.#connection
    this.#preparing = true
    try {
      await this.#protocol.prepare?.()
    } catch (error) {
      if (this.#open && connection === this.#connection) this.#unprepared(error)
      return
    }
    if (!this.#open || connection !== this.#connection) return
    this.#preparing = false
    this.#reconcile()
  }

  #unprepared(error: unknown): void {
    this.#preparing = true
    if (this.#retry !== null) return
    const pause = Math.min(30_000, 500 * 2 ** Math.min(this.#failures++, 6)) * (0.5 + Math.random() / 2)
    this.#owner.unprepared(error)
    this.#retry = setTimeout(() => {
      this.#retry = null
      if (this.#open) void this.#prepare()
    }, pause)
    this.#retry.unref()
  }

  #greeting(): readonly MarketRequest[] {
    const all = this.#protocol.requests('subscribe', [...this.#wanted.values()], 1)
    // What has to be prepared for each connection is asked for when it is open.
    return this.#protocol.prepare === undefined ? all.slice(0, Math.min(all.length, this.#pacer.burst)) : []
  }

  #greet(): void {
    const greeting = this.#greeting()
    const number = this.#owner.greet(greeting.map(({ text }) => text))
    this.#greetings.set(number, greeting)
    // A connection that is about to open may still get one of the last ones.
    if (this.#greetings.size > 64) this.#greetings.delete(this.#greetings.keys().next().value as number)
  }

  #request(...asks: readonly Ask[]): void {
    const requests = asks.flatMap(({ op, topics }) => {
      const some = topics.length === 0 ? [] : this.#protocol.requests(op, topics, this.#liveId)
      this.#liveId += some.length
      return some.map((request) => ({ ...request, op }))
    })
    this.#queued += requests.length
    this.#pacer.push(...requests)
  }

  /**
   * Takes back what waits for its turn, but for topics that are wanted no more: to be asked for once, and with a token that is
   * valid then.
   */
  #withdraw(): Ask[] {
    this.#queued = 0
    return this.#pacer.take(isOwn).map(({ op, topics }) => ({
      op,
      topics: op === 'unsubscribe' ? topics : topics.filter((topic) => this.#wanted.has(topicKey(topic))),
    }))
  }

  /** Takes topics that are not wanted any more out of what waits to be subscribed anew: it would subscribe them after all. */
  #forget(topics: readonly Topic[]): void {
    for (const key of topics.map(topicKey)) {
      for (const each of [...this.#anew]) if (each.drop(key)) this.#anew.delete(each)
    }
    this.#pacer.take((waiting): waiting is WaitingAnew => !isOwn(waiting) && waiting.of.topics.length === 0)
  }

  #sent(request: Waiting): boolean {
    if (!this.#open) return false
    if (request.op === 'anew') return this.#sentAnew(request)
    this.#queued--
    if (!this.#owner.send(request.text)) return false
    this.#ask(request, request.op, false)
    this.#settle()
    return true
  }

  #sentAnew({ part, of }: WaitingAnew): boolean {
    for (const request of this.#protocol.requests(part, of.topics, this.#anewId)) {
      this.#anewId = this.#anewId + 1 < firstLiveId ? this.#anewId + 1 : firstAnewId
      if (!this.#owner.send(request.text)) return false
      this.#ask(request, part, true)
    }
    if (part === 'unsubscribe') return true
    this.#anew.delete(of)
    of.done()
    return true
  }

  #ask({ id, topics }: MarketRequest, op: MarketOp, isAnew: boolean): void {
    for (const topic of topics) {
      if (op === 'subscribe') this.#onWire.set(topicKey(topic), topic)
      else this.#onWire.delete(topicKey(topic))
    }
    const { confirms, numbered = true } = this.#protocol
    // What can never be told to be answered is not kept.
    if (isAnew ? confirms && numbered : op === 'subscribe' ? confirms : numbered) {
      this.#pending.set(id, { op, isAnew, topics: new Map(topics.map((topic) => [topicKey(topic), topic])) })
    }
  }
}

function matches(topic: Topic, { symbol, stream }: Partial<Topic>): boolean {
  return topic.symbol === symbol && (stream === undefined || topic.stream === stream)
}

function isOwn(waiting: Waiting): waiting is WaitingOwn {
  return waiting.op !== 'anew'
}

function notOpen(): TickwireError {
  return new TickwireError('ERR_NOT_OPEN', 'the connection ended before it was sent')
}

/** What is asked of which topics. */
function keysOf(asks: readonly Ask[], of: MarketOp): ReadonlySet<string> {
  return new Set(asks.flatMap(({ op, topics }) => (op === of ? topics.map(topicKey) : [])))
}
