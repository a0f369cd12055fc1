import { RowDecoder } from '../feed/decoder.js'
import type { Shapes } from '../feed/row.js'
import type { RowFields } from '../feed/row-field.js'
import type { CompiledShape } from '../feed/row-layout.js'
import { configFault } from '../runtime/config.js'
import type { Values } from './kinds.js'
import { type AllFields, MessageType } from './message-type.js'
import { compiledShape, RowShape } from './row-shape.js'

/** Rows made of messages of the wire format, made by `wire.rows()`. May serve any number of feeds. */
export class WireDecoder<S extends Shapes = Shapes> extends RowDecoder<S> {
  override readonly kind = 'wire'

  constructor(description: string, compiled: readonly CompiledShape[]) {
    super(description, compiled)
    Object.freeze(this)
  }
}

/** What rows are made of: a message type (all of its values), or a selection of its values. */
export type RowSource = MessageType<string, Values, never> | RowShape

type NameOf<T> =
  T extends RowShape<infer Name, RowFields> ? Name : T extends MessageType<infer Name, Values, never> ? Name : never
type FieldsOf<T> =
  T extends RowShape<string, infer F> ? F : T extends MessageType<string, infer V, never> ? AllFields<V> : never

/** The shapes that `wire.rows` makes of its sources. */
export type ShapesOf<T extends readonly RowSource[]> = { readonly [K in T[number] as NameOf<K>]: FieldsOf<K> }

export interface RowsOptions {
  /** Messages of other types: `'ignore'` them, or `'count'` them as malformed (`unknownShape`). Default `'ignore'`. */
  readonly otherwise?: 'ignore' | 'count' | undefined
}

const maxShapes = 255

/**
 * What a receiver makes rows of: message types or selections of their values, one for each type of message.
 * @throws ConfigError naming the source at fault.
 */
export function rows<const T extends readonly RowSource[]>(
  sources: T,
  options: RowsOptions = {},
): WireDecoder<ShapesOf<T>> {
  if (!Array.isArray(sources) || sources.length === 0 || sources.length > maxShapes) {
    throw configFault('schema', [], `needs 1 to ${maxShapes} message types`)
  }
  const { otherwise = 'ignore' } = options
  if (otherwise !== 'ignore' && otherwise !== 'count') {
    throw configFault('schema options', ['otherwise'], "must be 'ignore' or 'count'")
  }
  const names = new Set<string>()
  const types = new Set<number>()
  const shapes = sources.map((source: RowSource, index) => {
    const shape = source instanceof MessageType ? source.all() : source
    if (!(shape instanceof RowShape)) {
      throw configFault('schema', [index], 'must be a message type, or made by select()')
    }
    const { type, compiled } = compiledShape(shape)
    if (names.has(compiled.layout.name)) throw configFault('schema', [index], 'has the name of another')
    if (types.has(type)) throw configFault('schema', [index], 'is of the same message type as another')
    names.add(compiled.layout.name)
    types.add(type)
    return compiled
  })
  const description = JSON.stringify({ shapes: shapes.map(({ description: shape }) => shape), otherwise })
  const decoder: WireDecoder<Shapes> = new WireDecoder(description, shapes)
  return decoder as unknown as WireDecoder<ShapesOf<T>>
}
