import { ContentKind, noKey } from '../native/hub-layout.js'
import { WireEncoder } from '../wire/encoder.js'
import type { Values } from '../wire/kinds.js'
import { MessageType, type WireMessage } from '../wire/message-type.js'
import type { HubMessage } from './topic-options.js'

/** What is sent for an untyped message. */
export interface Content {
  readonly data: string | Uint8Array
  /** A {@link ContentKind}. */
  readonly kind: number
}

export function isTyped(message: HubMessage): message is WireMessage {
  return typeof message === 'object' && (message as Partial<WireMessage>).type instanceof MessageType
}

/** @throws TypeError for what is no message, or cannot be written as JSON. */
export function contentOf(message: Exclude<HubMessage, WireMessage>, asText: boolean): Content {
  if (typeof message === 'string') return { data: message, kind: ContentKind.byValue }
  if (message instanceof Uint8Array) return { data: message, kind: asText ? ContentKind.text : ContentKind.byValue }
  const json = typeof message === 'object' && message !== null ? JSON.stringify(message) : undefined
  if (json === undefined) throw new TypeError('a message is a string, a Uint8Array, a typed message or an object')
  return { data: json, kind: ContentKind.json }
}

/** A typed message as it is handed to the core; `payload` until the next one is encoded. */
export interface TypedContent {
  readonly payload: Uint8Array
  readonly size: number
  readonly key: number
  /** domain × 256 + type. */
  readonly type: number
  readonly mentions: readonly number[] | null
}

/** Encodes typed messages with the hub's own numbers for symbols. */
export class TypedEncoder {
  readonly #encoder: WireEncoder
  readonly #numbers: (symbol: string) => number
  readonly #symbolFields = new Map<MessageType, readonly string[]>()

  constructor(numbers: (symbol: string) => number) {
    this.#numbers = numbers
    this.#encoder = new WireEncoder(numbers)
  }

  /** @throws EncodeError naming the field that cannot be represented. */
  encode(message: WireMessage): TypedContent {
    const encoder = this.#encoder
    const size = encoder.encodeMessage(message)
    const { type } = message
    const key = encoder.key
    return {
      payload: encoder.bytes,
      size,
      key: key ?? noKey,
      type: type.domain * 256 + type.id,
      mentions: this.#mentions(message, key),
    }
  }

  /** The numbers of symbols in it besides the one it is about. */
  #mentions({ type, message }: WireMessage, key: number | null): readonly number[] | null {
    let fields = this.#symbolFields.get(type)
    if (fields === undefined) {
      fields = Object.entries(type.values as Values).flatMap(([name, spec]) => (spec.kind === 'symbol' ? [name] : []))
      this.#symbolFields.set(type, fields)
    }
    if (fields.length < 2) return null
    const found = fields.flatMap((name) => {
      const symbol = (message as { readonly [name: string]: unknown })[name]
      return typeof symbol === 'string' ? [this.#numbers(symbol)] : []
    })
    return found.filter((number) => number !== key)
  }
}
