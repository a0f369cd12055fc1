import type { Encoding } from './encoding.js'
import { headerValues, type Values } from './kinds.js'
import { messageText } from './message-text.js'
import type { Everything, Selected, Selection } from './row-fields.js'
import { type RowShape, type RowShapeOptions, shapeOf } from './row-shape.js'

declare const input: unique symbol

/** The values that every message has. */
export type HeaderValues = typeof headerValues

/** How a message type writes its payload. */
export interface PayloadEncoder<Input> {
  encode(encoding: Encoding, message: Input): void
}

/** A type's encoder; not part of the public surface. */
export let payloadEncoder: <Input>(type: MessageType<string, Values, Input>) => PayloadEncoder<Input>

/**
 * A type of message of the wire format: {@link Quote}, {@link Trade}, … or what `wire.type()` made. It says what is published (with
 * which fields) and what rows receivers can make of it.
 */
export class MessageType<Name extends string = string, V extends Values = Values, Input = never> {
  readonly name: Name
  /** Number on the wire: 1…255. */
  readonly id: number
  /** Whom its messages are for: 1 market data, 2 signals, 3 executions, 4…255 the user's. */
  readonly domain: number
  /** What its messages consist of, by name. */
  readonly values: V
  /** The type of what is published; no property at run time. */
  declare readonly [input]?: (message: Input) => void
  readonly #tags: { readonly [name: string]: number } | null
  readonly #encoder: PayloadEncoder<Input>

  static {
    payloadEncoder = (type) => type.#encoder
  }

  /** @param tags of a user type's fields; null for a type of the format itself. */
  constructor(
    identity: { readonly name: Name; readonly id: number; readonly domain: number },
    values: V,
    tags: { readonly [name: string]: number } | null,
    encoder: PayloadEncoder<Input>,
  ) {
    this.name = identity.name
    this.id = identity.id
    this.domain = identity.domain
    this.values = values
    this.#tags = tags
    this.#encoder = encoder
    Object.freeze(this)
  }

  /**
   * Which values become fields of a receiver's rows, under which name and as what: the name of a value, or `wire.decimal('bid')` and
   * the like. The names of values are those of `values`, and `sequence`, `sendTime`, `topic`, `snapshot`, `resent`, `conflated`.
   * @throws ConfigError naming the field at fault.
   */
  select<const F extends Selection<V & HeaderValues>>(
    fields: F,
    options?: RowShapeOptions<keyof F & string>,
  ): RowShape<Name, Selected<V & HeaderValues, F>> {
    return shapeOf(this.name, this.id, { ...headerValues, ...this.values }, this.#tags, fields, options)
  }

  /** Every value under its own name, with `topic`, `sequence` and `sendTime`: what a type stands for where a selection is expected. */
  all(): RowShape<Name, AllFields<V>> {
    const names = [...Object.keys(this.values), 'topic', 'sequence', 'sendTime']
    const fields = Object.fromEntries(names.map((name) => [name, name]))
    return shapeOf(this.name, this.id, { ...headerValues, ...this.values }, this.#tags, fields, {})
  }

  /** A message to be published. */
  message(message: Input): WireMessage {
    return { type: this, message }
  }

  /**
   * A message as JSON text, for receivers that do not speak the wire format: `type`, then its values by name. Decimals are strings, exact;
   * levels are `["price","size"]`; integers are numbers, beyond 2^53 strings; what is not there is left out.
   */
  toText(message: Input): string {
    return messageText(this.name, this.values, message as object)
  }
}

/** The fields of a type's rows when nothing is selected. */
export type AllFields<V extends Values> = Everything<V> &
  Everything<Pick<HeaderValues, 'topic' | 'sequence' | 'sendTime'>>

/** A message together with its type: made by a type's `message()`. */
export interface WireMessage {
  readonly type: MessageType
  readonly message: unknown
}
