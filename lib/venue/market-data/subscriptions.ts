import { chunks } from '../market/market-feeds.js'
import { Pacer } from './pacer.js'
import { type MarketAnswer, type MarketProtocol, type MarketRequest, type Topic, topicKey } from './protocol.js'

/** Numbers of requests that are sent on an open connection; below are those it was opened with. */
const firstLiveId = 1_000_000

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

/** What waits for its turn: one's own request, or a message of somebody else's. */
type Waiting = (MarketRequest & { readonly op: Asked['op'] }) | { readonly text: string; readonly op: null }

interface Asked {
  readonly topics: Map<string, Topic>
  readonly op: 'subscribe' | 'unsubscribe'
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
  #liveId = firstLiveId
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
      [...this.#pending.values()].every(({ op }) => op === 'unsubscribe')
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
    for (const request of greeted) this.#ask(request, 'subscribe')
    this.#connection++
    if (this.#protocol.prepare === undefined) this.#reconcile()
    else void this.#prepare()
  }

  #reconcile(): void {
    // What has changed since the core was told, and what is more than may be sent at once.
    const missing = [...this.#wanted.values()].filter((topic) => !this.#onWire.has(topicKey(topic)))
    const extra = [...this.#onWire.values()].filter((topic) => !this.#wanted.has(topicKey(topic)))
    this.#request('subscribe', missing)
    this.#request('unsubscribe', extra)
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
  }

  add(topics: readonly Topic[]): void {
    const fresh = topics.filter((topic) => !this.#wanted.has(topicKey(topic)))
    for (const topic of fresh) this.#wanted.set(topicKey(topic), topic)
    this.#greet()
    if (this.#open && !this.#preparing) this.#request('subscribe', fresh)
  }

  remove(topics: readonly Topic[]): void {
    const gone = topics.filter((topic) => this.#wanted.delete(topicKey(topic)))
    if (gone.length === 0) return
    this.#greet()
    if (!this.#open) return
    this.#request(
      'unsubscribe',
      gone.filter((topic) => this.#onWire.has(topicKey(topic))),
    )
  }

  /** Messages of others, in the pace of the connection; they go with it. */
  pass(messages: readonly string[]): void {
    if (this.#open) this.#pacer.push(...messages.map((text) => ({ text, op: null })))
  }

  answer(answer: Exclude<MarketAnswer, { kind: 'ending' }>): void {
    const id = answer.id ?? this.#oldest()
    const asked = id === undefined ? undefined : this.#pending.get(id)
    if (answer.kind === 'again') {
      this.#again(asked, answer.message)
      return
    }
    this.#failures = 0
    if (answer.kind === 'accepted') {
      if (answer.topic === null) asked?.topics.clear()
      else if (asked !== undefined) asked.topics.delete(topicKey(answer.topic))
      else for (const each of this.#pending.values()) each.topics.delete(topicKey(answer.topic))
    } else {
      this.#refused(answer, asked)
    }
    for (const [number, { topics }] of this.#pending) if (topics.size === 0) this.#pending.delete(number)
    this.#settle()
  }

  #refused(answer: Extract<MarketAnswer, { kind: 'refused' }>, asked: Asked | undefined): void {
    const { topic, code, message } = answer
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
      for (const half of chunks(candidates, Math.ceil(candidates.length / 2))) this.#request('subscribe', half)
    }
  }

  #drop(topic: Topic, asked: Asked | undefined, code: string, message: string): void {
    const key = topicKey(topic)
    asked?.topics.delete(key)
    this.#onWire.delete(key)
    if (!this.#wanted.delete(key)) return
    this.#greet()
    this.#owner.refused(topic, code, message)
  }

  #oldest(): number | undefined {
    return this.#pending.keys().next().value
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

  #request(op: Asked['op'], topics: readonly Topic[]): void {
    if (topics.length === 0) return
    const requests = this.#protocol.requests(op, topics, this.#liveId)
    this.#liveId += requests.length
    this.#queued += requests.length
    this.#pacer.push(...requests.map((request) => ({ ...request, op })))
  }

  #sent(request: Waiting): boolean {
    if (!this.#open) return false
    if (request.op === null) return this.#owner.send(request.text)
    this.#queued--
    if (!this.#owner.send(request.text)) return false
    this.#ask(request, request.op)
    this.#settle()
    return true
  }

  #ask({ id, topics }: MarketRequest, op: Asked['op']): void {
    for (const topic of topics) {
      if (op === 'subscribe') this.#onWire.set(topicKey(topic), topic)
      else this.#onWire.delete(topicKey(topic))
    }
    if (this.#protocol.confirms || op === 'unsubscribe') {
      this.#pending.set(id, { op, topics: new Map(topics.map((topic) => [topicKey(topic), topic])) })
    }
  }
}

function matches(topic: Topic, { symbol, stream }: Partial<Topic>): boolean {
  return topic.symbol === symbol && (stream === undefined || topic.stream === stream)
}
