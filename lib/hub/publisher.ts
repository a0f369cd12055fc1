import { ContentKind, type NativeHub, type NativeSnapshotMessage, noKey, PublishStatus } from '../native/hub-layout.js'
import { TickwireError } from '../runtime/errors.js'
import type { WireMessage } from '../wire/message-type.js'
import { contentOf, isTyped, TypedEncoder } from './content.js'
import type { PublishOptions } from './options.js'
import type { HubMessage, Snapshot } from './topic-options.js'

/** Takes messages of a hub's topics to the core. */
export class Publisher {
  readonly #native: NativeHub
  readonly #maxMessage: number
  readonly #keys = new Map<string, number>()
  readonly #encoder: TypedEncoder
  /** Somebody waits for the JSON of typed messages: as the core said last. */
  #textWanted = false

  constructor(native: NativeHub, maxMessage: number) {
    this.#native = native
    this.#maxMessage = maxMessage
    this.#encoder = new TypedEncoder((symbol) => this.#keyOf(symbol))
  }

  /** WebSocket clients have gone: the core is to be asked again. */
  forgetText(): void {
    this.#textWanted = false
  }

  /** False when the hub is overloaded. @throws TickwireError, TypeError, EncodeError. */
  publish(topic: number, message: HubMessage, options: PublishOptions | undefined): boolean {
    if (typeof message === 'string') {
      return this.#taken(this.#native.publish(topic, this.#key(options), message, 0))
    }
    if (isTyped(message)) return this.#publishTyped(topic, message, options)
    const { data, kind } = contentOf(message, options?.text === true)
    return this.#taken(this.#native.publish(topic, this.#key(options), data, kind))
  }

  /** How many were taken, in order. @throws as `publish`, when none was. */
  publishAll(topic: number, messages: readonly HubMessage[], options: PublishOptions | undefined): number {
    if (messages.length === 0) return 0
    if (messages.every((message) => typeof message === 'string')) {
      return this.#count(this.#native.publishAll(topic, this.#key(options), messages, ContentKind.byValue))
    }
    if (messages.some(isTyped)) return this.#publishEach(topic, messages, options)
    const contents = messages.map((message) => contentOf(message, options?.text === true))
    const kinds = contents.map(({ kind }) => kind)
    const kind = kinds[0] as number
    const data = contents.map((content) => content.data)
    const key = this.#key(options)
    return this.#count(this.#native.publishAll(topic, key, data, kinds.every((each) => each === kind) ? kind : kinds))
  }

  /** @throws TickwireError when it is a status other than that of an overloaded hub. */
  #count(result: number): number {
    if (result < 0) this.#taken(result)
    return Math.max(0, result)
  }

  /** @throws as `publish`. */
  publishSnapshot(topic: number, snapshot: Snapshot): void {
    const entries: readonly (readonly [string | undefined, HubMessage])[] =
      snapshot instanceof Map
        ? [...(snapshot as ReadonlyMap<string, HubMessage>)]
        : (snapshot as readonly HubMessage[]).map((message) => [undefined, message] as const)
    this.#taken(
      this.#native.publishSnapshot(
        topic,
        entries.map(([key, message]) => this.#part(key, message)),
      ) || 1,
    )
  }

  /** One at a time: the encoder's memory holds one payload. */
  #publishEach(topic: number, messages: readonly HubMessage[], options: PublishOptions | undefined): number {
    let count = 0
    for (const message of messages) {
      if (!this.publish(topic, message, options)) break
      count++
    }
    return count
  }

  #publishTyped(topic: number, message: WireMessage, options: PublishOptions | undefined): boolean {
    const { payload, size, key, type, mentions } = this.#encoder.encode(message)
    const by = options?.key === undefined ? key : this.#keyOf(options.key)
    const also = by === key || key === noKey ? mentions : [...(mentions ?? []), key]
    let text = this.#textWanted ? textOf(message) : null
    let result = this.#native.publishTyped(topic, by, type, payload, size, also, text)
    if (result === -PublishStatus.textNeeded) {
      this.#textWanted = true
      text = textOf(message)
      result = this.#native.publishTyped(topic, by, type, payload, size, also, text)
    }
    return this.#taken(result)
  }

  #part(key: string | undefined, message: HubMessage): NativeSnapshotMessage {
    if (!isTyped(message)) {
      const { data, kind } = contentOf(message, false)
      return { key: key === undefined ? noKey : this.#keyOf(key), kind, content: data, mentions: null, text: null }
    }
    const typed = this.#encoder.encode(message)
    return {
      key: key === undefined ? typed.key : this.#keyOf(key),
      kind: typed.type,
      content: typed.payload.slice(0, typed.size),
      mentions: key === undefined || typed.key === noKey ? typed.mentions : [...(typed.mentions ?? []), typed.key],
      text: textOf(message),
    }
  }

  #key(options: PublishOptions | undefined): number {
    const name = options?.key
    return name === undefined ? noKey : this.#keyOf(name)
  }

  #keyOf(name: string): number {
    let id = this.#keys.get(name)
    if (id === undefined) {
      id = this.#native.key(name)
      this.#keys.set(name, id)
    }
    return id
  }

  /** False for a refusal. @throws TickwireError for everything else that is no success. */
  #taken(result: number): boolean {
    if (result > 0) return true
    switch (-result) {
      case PublishStatus.refused:
        return false
      case PublishStatus.tooLarge:
        throw new TickwireError('ERR_HUB_MESSAGE_TOO_LARGE', `a message has more than ${this.#maxMessage} bytes`)
      case PublishStatus.keyLimit:
        throw new TickwireError('ERR_HUB_KEY_LIMIT', 'more pairs of topic and key than store.keys')
      case PublishStatus.closed:
        throw new TickwireError('ERR_HUB_CLOSING', 'the hub is closed')
      default:
        throw new TickwireError('ERR_SYSTEM', `the core refused a message with status ${-result}`)
    }
  }
}

function textOf({ type, message }: WireMessage): string {
  return type.toText(message as never)
}
