import type { MessageForm } from '../runtime/message-view.js'
import type { CursorFactory } from '../runtime/row-cursor.js'
import { cursorFactory } from '../runtime/row-cursor.js'
import type { Shapes } from './row.js'
import type { CompiledShape } from './row-layout.js'

declare const shapes: unique symbol
declare const data: unique symbol

/** What the layers below need of a decoder that makes rows. */
export interface RowInternals {
  /** What the core is told (`docs/schema-format.md`). */
  readonly description: string
  readonly compiled: readonly CompiledShape[]
  readonly cursors: readonly CursorFactory[]
}

/** A decoder's inner side; not part of the public surface. */
export let rowInternals: (decoder: RowDecoder) => RowInternals

/** A decoder that makes rows of one or several shapes. May serve any number of feeds. */
export abstract class RowDecoder<S extends Shapes = Shapes> {
  abstract readonly kind: string
  /** Names of the shapes. */
  readonly names: readonly string[]
  /** The types of the rows; no property at run time. */
  declare readonly [shapes]?: S
  readonly #internals: RowInternals

  static {
    rowInternals = (decoder) => decoder.#internals
  }

  constructor(description: string, compiled: readonly CompiledShape[]) {
    this.names = compiled.map(({ layout }) => layout.name)
    this.#internals = { description, compiled, cursors: compiled.map(({ layout }) => cursorFactory(layout)) }
  }
}

/** A compiled JSON projection, made by `json()` or `json.oneOf()`. May serve any number of feeds. */
export class JsonDecoder<S extends Shapes = Shapes> extends RowDecoder<S> {
  override readonly kind = 'json'

  constructor(description: string, compiled: readonly CompiledShape[]) {
    super(description, compiled)
    Object.freeze(this)
  }
}

/** A compiled projection of SBE messages, made by `sbe()` or `sbe.oneOf()` of `tickwire/sbe`. May serve any number of feeds. */
export class SbeDecoder<S extends Shapes = Shapes> extends RowDecoder<S> {
  override readonly kind = 'sbe'

  constructor(description: string, compiled: readonly CompiledShape[]) {
    super(description, compiled)
    Object.freeze(this)
  }
}

/** Messages as they are, made by `text()` or `bytes()`. */
export class RawDecoder<T extends string | Uint8Array = string | Uint8Array> {
  readonly kind = 'raw'
  readonly form: MessageForm
  /** The type of a message's data; no property at run time. */
  declare readonly [data]?: T

  constructor(form: MessageForm) {
    this.form = form
    Object.freeze(this)
  }
}

/** What a feed makes of messages. */
export type Decoder = JsonDecoder | SbeDecoder | RawDecoder

/** Messages as text, decoded when `data` is read. */
export function text(): RawDecoder<string> {
  return new RawDecoder('text')
}

/** Messages as bytes, without a copy: `data` is a view of the ring's memory. */
export function bytes(): RawDecoder<Uint8Array> {
  return new RawDecoder('bytes')
}

export function isDecoder(value: unknown): value is Decoder {
  return value instanceof JsonDecoder || value instanceof SbeDecoder || value instanceof RawDecoder
}
