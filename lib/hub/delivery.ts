import { HubLanes, hubRecord, type NativeHub, RefusalReasons, SlowPolicies } from '../native/hub-layout.js'
import { ControlSink } from '../runtime/control-sink.js'
import { errorCode } from '../runtime/core.js'
import { TickwireError } from '../runtime/errors.js'
import type { MemoryViews } from '../runtime/row-window.js'
import {
  type AuthorizeRequest,
  type AuthorizeResult,
  authorizeRequest,
  failedAnswer,
  nativeAnswer,
} from './authorize.js'
import { contentOf, isTyped } from './content.js'
import type { HubEvents, MissedRange, RefusalReason } from './events.js'
import type { LagMeter, SubscriberLag } from './lag.js'
import { type HubRecord, numbersIn, readHubRecord } from './records.js'
import { Subscriber, type SubscriberOwner } from './subscriber.js'

/** What a delivery tells its hub. */
export interface DeliveryOwner {
  emit<E extends keyof HubEvents & string>(event: E, value: HubEvents[E]): void
  /** A function of the user's failed. */
  fail(error: Error): void
  topicName(id: number): string
  snapshotNeeded(topic: number): void
  /** The last WebSocket client that gets JSON of typed messages has gone. */
  noText(): void
  ended(): void
}

/** Takes a hub's records from the ring's reader: keeps the subscribers, and tells what happened to them. */
export class HubDelivery extends ControlSink implements SubscriberOwner {
  readonly subscribers = new Map<number, Subscriber>()
  readonly #native: NativeHub
  readonly #meter: LagMeter
  readonly #owner: DeliveryOwner
  readonly #authorize: ((request: AuthorizeRequest) => AuthorizeResult | Promise<AuthorizeResult>) | undefined
  /** What authorize() gave along for those who are not there yet. */
  readonly #data = new Map<number, unknown>()
  #textClients = 0

  constructor(
    native: NativeHub,
    meter: LagMeter,
    owner: DeliveryOwner,
    authorize: ((request: AuthorizeRequest) => AuthorizeResult | Promise<AuthorizeResult>) | undefined,
  ) {
    super()
    this.#native = native
    this.#meter = meter
    this.#owner = owner
    this.#authorize = authorize
  }

  override onOther(type: number, word: number, views: MemoryViews): void {
    if (type === hubRecord) this.#take(readHubRecord(views, word))
  }

  send(id: number, message: Parameters<SubscriberOwner['send']>[1]): boolean {
    if (isTyped(message)) throw new TypeError('typed messages are published in topics')
    const { data, kind } = contentOf(message, false)
    return this.#native.send(id, data, kind)
  }

  async lag(id: number): Promise<SubscriberLag | null> {
    return (await this.#meter.measure(id)).get(id) ?? null
  }

  /** What waits for all. */
  async lags(): Promise<Map<Subscriber, SubscriberLag>> {
    const lags = new Map<Subscriber, SubscriberLag>()
    for (const [id, lag] of await this.#meter.measure(0)) {
      const subscriber = this.subscribers.get(id)
      if (subscriber !== undefined) lags.set(subscriber, lag)
    }
    return lags
  }

  disconnect(id: number, code: number, reason: string): void {
    this.#native.disconnect(id, code, reason)
  }

  /** The hub has ended: nobody is there any more. */
  clear(): void {
    for (const subscriber of this.subscribers.values()) subscriber.markGone()
    this.subscribers.clear()
    this.#meter.end()
    this.#data.clear()
  }

  #take(record: HubRecord): void {
    const { event, numbers, texts } = record
    switch (event) {
      case 'connected':
        this.#connected(record)
        break
      case 'authorize':
        void this.#onAuthorize(record)
        break
      case 'snapshotNeeded':
        this.#owner.snapshotNeeded(numbers[0] ?? 0)
        break
      case 'measured':
        this.#meter.take(numbers)
        break
      case 'drain':
        this.#owner.emit('drain', undefined)
        break
      case 'closed':
        this.#owner.ended()
        break
      case 'refused':
        this.#owner.emit('refused', {
          reason: (RefusalReasons[numbers[0] ?? 0] ?? 'gone') as RefusalReason,
          status: numbers[1] ?? 0,
          address: texts[0]?.toString() ?? '',
          port: numbers[2] ?? 0,
          message: texts[1]?.toString() ?? '',
          suppressed: numbers[3] ?? 0,
        })
        break
      case 'acceptFailed': {
        const error = new TickwireError(errorCode(numbers[1] ?? 0) ?? 'ERR_SYSTEM', texts[0]?.toString() ?? '')
        this.#owner.emit('error', error)
        break
      }
      default: {
        const subscriber = this.subscribers.get(numbers[0] ?? 0)
        if (subscriber !== undefined) this.#about(subscriber, record)
      }
    }
  }

  #connected({ numbers, texts }: HubRecord): void {
    const id = numbers[0] ?? 0
    const lane = HubLanes[numbers[1] ?? 0] ?? 'ws'
    const subscriber = new Subscriber(this, {
      id,
      lane,
      address: texts[0]?.toString() ?? '',
      port: numbers[2] ?? 0,
      path: texts[1]?.toString() ?? '',
      deflate: numbers[3] === 1,
      data: this.#data.get(id),
    })
    this.#data.delete(id)
    this.subscribers.set(id, subscriber)
    if (takesText(subscriber)) this.#textClients++
    this.#owner.emit('connect', subscriber)
  }

  #about(subscriber: Subscriber, { event, numbers, texts }: HubRecord): void {
    switch (event) {
      case 'disconnected':
        this.subscribers.delete(subscriber.id)
        subscriber.markGone()
        if (takesText(subscriber) && --this.#textClients === 0) this.#owner.noText()
        this.#owner.emit('disconnect', {
          subscriber,
          reason: errorCode(numbers[1] ?? 0),
          detail: numbers[2] ?? 0,
          message: texts[0]?.toString() ?? '',
          clean: numbers[3] === 1,
          messages: numbers[4] ?? 0,
          bytes: numbers[5] ?? 0,
          missed: numbers[6] ?? 0,
        })
        break
      case 'subscription':
        this.#subscription(subscriber, texts[0]?.toString() ?? '', numbers[1] === 1)
        break
      case 'slow':
        this.#slow(subscriber, numbers, texts[0])
        break
      case 'message': {
        const bytes = texts[0] ?? Buffer.alloc(0)
        this.#owner.emit('message', { subscriber, data: numbers[1] === 1 ? bytes : bytes.toString() })
        break
      }
      default:
    }
  }

  #subscription(subscriber: Subscriber, topic: string, subscribed: boolean): void {
    const topics = subscriber.topics as Set<string>
    if (topic === '*') topics.clear()
    if (subscribed) topics.add(topic)
    else topics.delete(topic)
    this.#owner.emit(subscribed ? 'subscribe' : 'unsubscribe', { subscriber, topic })
  }

  #slow(subscriber: Subscriber, numbers: readonly number[], bytes: Buffer | undefined): void {
    const policy = SlowPolicies[numbers[2] ?? 0] ?? 'skip'
    const began = numbers[1] === 0
    subscriber.isSlow = began
    if (began) {
      this.#owner.emit('slow', { subscriber, policy, pendingBytes: numbers[3] ?? 0 })
      return
    }
    const values = bytes === undefined ? new Float64Array() : numbersIn(bytes)
    const ranges: MissedRange[] = []
    for (let i = 0; i + 3 < values.length; i += 4) {
      const [topic = 0, from = 0, to = 0, count = 0] = values.subarray(i, i + 4)
      ranges.push({ topic: this.#owner.topicName(topic), from, to, count })
    }
    const missed = numbers[4] ?? 0
    subscriber.missed += missed
    this.#owner.emit('caughtUp', { subscriber, policy, missed, ranges })
  }

  async #onAuthorize(record: HubRecord): Promise<void> {
    const id = record.numbers[0] ?? 0
    let answer = failedAnswer
    try {
      const result = (await this.#authorize?.(authorizeRequest(record))) ?? false
      answer = nativeAnswer(result)
      const data = typeof result === 'object' ? result.data : undefined
      if (answer.allowed && data !== undefined) this.#keepData(id, data)
    } catch (error) {
      this.#owner.fail(error instanceof Error ? error : new Error(String(error)))
    }
    this.#native.authorize(id, answer)
  }

  /** A client that leaves at this moment never connects: its data must not stay for ever. */
  #keepData(id: number, data: unknown): void {
    this.#data.set(id, data)
    if (this.#data.size <= maxWaiting) return
    const [oldest] = this.#data.keys()
    if (oldest !== undefined) this.#data.delete(oldest)
  }
}

/** Data of clients that were let in and have not been seen yet: more than can be on their way. */
const maxWaiting = 65_536

/** Gets typed messages as JSON. */
function takesText({ lane }: Subscriber): boolean {
  return lane === 'ws' || lane === 'ws-deflate'
}
