import { z } from 'zod'
import { configFault, parseConfig } from '../runtime/config.js'
import { type BookRole, bookRoleSchema, type NamesOf } from './book-role.js'
import { JsonDecoder } from './decoder.js'
import { type FieldBuilders, type Fields, fieldBuilders } from './field.js'
import { type Path, type Pointer, parsePointer } from './pointer.js'
import type { Shapes } from './row.js'
import { compileShape, type ShapeSource } from './schema-layout.js'

/** Names of the fields that hold symbols. */
export type SymbolNames<F extends Fields> = NamesOf<F, 'symbol'>

/** What a shape can be told besides its fields. */
export interface ShapeOptions<F extends Fields> {
  /** One row per element of the array that stands there (`''`: the message is the array). Default: one row per message. */
  readonly each?: Pointer | undefined
  /**
   * An array whose elements each hold an array of `each`; that pointer then starts at such an element, as do fields with
   * `from: 'within'`. For venues that put several events into a message. Default: `each` starts at the message.
   */
  readonly within?: Pointer | undefined
  /**
   * Messages that have nothing, or null, where the array of `each` should be: `'count'` as malformed (`missing`); `'ignore'`, for
   * venues that confirm a subscription in the same words as they bring its data; or taken for an `'empty'` one. Default `'count'`.
   */
  readonly eachAbsent?: 'count' | 'ignore' | 'empty' | undefined
  /**
   * Symbol field by whose value rows are conflated (`overflow: 'conflate'`); null: one newest row for the whole shape. Default: the
   * first symbol field, null when there is none.
   */
  readonly key?: SymbolNames<F> | null | undefined
  /** What the rows are to order books, for feeds that are given `books`. Default: rows like any other. */
  readonly book?: BookRole<F> | undefined
  /** How copies of its rows that come over several connections are told apart, by key; for an {@link Arbiter}. Default: not at all. */
  readonly sequence?: SequenceRole<F> | undefined
  /**
   * The rows are about the connection, not the market: answers to subscriptions, announcements. Each is delivered by the feed itself
   * (not by its arbiter), whatever `overflow` says. Default false.
   */
  readonly notice?: boolean | undefined
}

/**
 * What the numbers of a shape's rows say. Fields are `int64` and not optional; of `distinct` they may be `text` as well.
 * - `contiguous`: numbers of a key go up by one. Each passes once, also late; what does not come is told.
 * - `increasing`: rows are states: only what is newer than everything before passes.
 * - `distinct`: each number or text passes once, in any order.
 * - `'leader'`: there is no number. Of each key the rows of one connection pass, until it ends or falls silent.
 */
export type SequenceRole<F extends Fields = Fields> =
  | { readonly contiguous: keyof F & string }
  | { readonly increasing: keyof F & string }
  | { readonly distinct: keyof F & string }
  | 'leader'

/** Limits of a schema. */
export interface SchemaLimits {
  /** Objects and arrays open at once, 1…1,024; a deeper message is refused. Default 64. */
  readonly maxDepth?: number | undefined
  /** Rows of one message, 1…1,000,000; a message with more is refused. Default 10,000. */
  readonly maxRows?: number | undefined
}

export interface JsonOptions<F extends Fields, Name extends string> extends ShapeOptions<F>, SchemaLimits {
  /** Name of the shape, 1…255 bytes. Default `'row'`. */
  readonly name?: Name | undefined
}

export interface OneOfOptions<Name extends string> extends SchemaLimits {
  /**
   * Values that pick a shape, instead of its name: one or several, each whole or with a `*` at its start or end for the rest
   * (`{ depth: '*@depth' }`). They are tried in the order of the shapes.
   */
  readonly match?: { readonly [K in Name]?: string | readonly string[] } | undefined
  /** The shape of messages that have no value there. Default: they are refused. */
  readonly absent?: Name | undefined
  /** Messages that no shape wants: `'count'` as malformed (`unknownShape`), or `'ignore'`. Default `'count'`. */
  readonly otherwise?: 'count' | 'ignore' | undefined
}

/** A shape among several: fields, or what `json()` made of fields and options. */
export type Variant = Fields | JsonDecoder

export type Variants = { readonly [name: string]: Variant }

type FieldsOf<V> = V extends JsonDecoder<infer S> ? S[keyof S] : V extends Fields ? V : never

/** The shapes that `json.oneOf` makes of its variants. */
export type ShapesOf<V extends Variants> = { readonly [K in keyof V]: FieldsOf<V[K]> }

/** The builder of JSON projections: what is taken out of each message, under which name and type. */
export interface Json extends FieldBuilders {
  /**
   * Messages of one shape.
   * @throws ConfigError naming the field at fault.
   */
  <const F extends Fields, const Name extends string = 'row'>(
    fields: F,
    options?: JsonOptions<F, Name>,
  ): JsonDecoder<{ readonly [K in Name]: F }>

  /**
   * Messages of several shapes, picked by the value that stands at `pointer`: a string by its text, a number or boolean by
   * its JSON text. A variant is picked by its name, which may hold a `*` at its start or end for the rest (`'*@depth'`), or
   * by `match`.
   * @throws ConfigError naming the shape or field at fault.
   */
  oneOf<const V extends Variants>(
    pointer: Pointer,
    variants: V,
    options?: OneOfOptions<keyof V & string>,
  ): JsonDecoder<ShapesOf<V>>
}

const maxShapes = 255
const maxCases = 4_096
const maxCaseBytes = 1_024

const limits = {
  maxDepth: z.int().min(1).max(1_024).optional(),
  maxRows: z.int().min(1).max(1_000_000).optional(),
}

const pointerSchema = z.union([z.string(), z.array(z.union([z.string(), z.int().min(0)]))], {
  error: 'must be a JSON Pointer or an array of steps',
})

const jsonOptionsSchema = z.strictObject({
  name: z.string().min(1).optional(),
  each: pointerSchema.optional(),
  within: pointerSchema.optional(),
  eachAbsent: z.enum(['count', 'ignore', 'empty']).optional(),
  key: z.string().nullable().optional(),
  book: bookRoleSchema.optional(),
  sequence: z
    .union(
      [
        z.literal('leader'),
        z.strictObject({ contiguous: z.string() }),
        z.strictObject({ increasing: z.string() }),
        z.strictObject({ distinct: z.string() }),
      ],
      { error: "must be 'leader', or one of contiguous, increasing, distinct with a field" },
    )
    .optional(),
  notice: z.boolean().optional(),
  ...limits,
})

const oneOfOptionsSchema = z.strictObject({
  match: z.record(z.string(), z.union([z.string(), z.array(z.string()).min(1)])).optional(),
  absent: z.string().optional(),
  otherwise: z.enum(['count', 'ignore']).optional(),
  ...limits,
})

/** The shape behind a decoder, for its reuse as a variant. */
const sources = new WeakMap<JsonDecoder, ShapeSource>()

function single<F extends Fields, Name extends string>(
  fields: F,
  options: JsonOptions<F, Name> = {},
): JsonDecoder<{ readonly [K in Name]: F }> {
  const {
    name = 'row',
    each,
    within,
    eachAbsent,
    key,
    book,
    sequence,
    notice,
    ...given
  } = parseConfig('schema options', jsonOptionsSchema, options)
  checkFields(fields, [])
  const source: ShapeSource = { name, fields, each, within, eachAbsent, key, book, sequence, notice, at: [] }
  const shape = compileShape(source)
  const decoder = new JsonDecoder(JSON.stringify({ shapes: [shape.description], ...given }), [shape])
  sources.set(decoder, source)
  return decoder as unknown as JsonDecoder<{ readonly [K in Name]: F }>
}

function oneOf<V extends Variants>(
  pointer: Pointer,
  variants: V,
  options: OneOfOptions<keyof V & string> = {},
): JsonDecoder<ShapesOf<V>> {
  const { match = {}, absent, otherwise, ...given } = parseConfig('schema options', oneOfOptionsSchema, options)
  const select = parsePointer(pointer, [])
  if (select.length === 0) throw configFault('schema', [], 'the pointer that picks the shape must not be empty')
  checkFields(variants, [])
  const names = Object.keys(variants)
  if (names.length === 0 || names.length > maxShapes) throw configFault('schema', [], `needs 1 to ${maxShapes} shapes`)
  for (const name of Object.keys(match)) {
    if (!names.includes(name)) throw configFault('schema options', ['match', name], 'there is no shape of this name')
  }
  if (absent !== undefined && !names.includes(absent)) {
    throw configFault('schema options', ['absent'], 'must be the name of a shape')
  }
  const shapes = names.map((name) => compileShape(variantSource(name, variants[name])))
  const cases = names.flatMap((name, shape) => {
    const patterns = match[name] ?? name
    return (typeof patterns === 'string' ? [patterns] : patterns).map((text) => {
      return { ...parsePattern(text, match[name] === undefined ? [name] : ['match', name]), shape }
    })
  })
  if (cases.length > maxCases) throw configFault('schema options', ['match'], `has more than ${maxCases} values`)
  const description = {
    shapes: shapes.map(({ description: shape }) => shape),
    select,
    cases,
    ...(absent !== undefined && { absent: names.indexOf(absent) }),
    ...(otherwise !== undefined && { otherwise }),
    ...given,
  }
  const decoder: JsonDecoder<Shapes> = new JsonDecoder(JSON.stringify(description), shapes)
  return decoder as unknown as JsonDecoder<ShapesOf<V>>
}

function variantSource(name: string, variant: Variant | undefined): ShapeSource {
  if (variant instanceof JsonDecoder) {
    const source = sources.get(variant)
    if (source === undefined) throw configFault('schema', [name], 'must be one shape, not several')
    return { ...source, name, at: [name] }
  }
  checkFields(variant, [name])
  const roles = { book: undefined, sequence: undefined, notice: undefined }
  const none = { each: undefined, within: undefined, eachAbsent: undefined, key: undefined, ...roles }
  return { name, fields: variant as Fields, ...none, at: [name] }
}

/** `abc*` is a prefix, `*abc` a suffix, `abc` the whole value. */
function parsePattern(pattern: string, at: Path): { text: string; mode: 'exact' | 'prefix' | 'suffix' } {
  const isSuffix = pattern.startsWith('*')
  const isPrefix = !isSuffix && pattern.endsWith('*')
  const text = isSuffix ? pattern.slice(1) : isPrefix ? pattern.slice(0, -1) : pattern
  if (text.includes('*')) throw configFault('schema', at, "a '*' may stand once, at the start or at the end")
  if (text === '' && pattern !== '') throw configFault('schema', at, "a '*' alone matches nothing in particular")
  if (Buffer.byteLength(text) > maxCaseBytes) throw configFault('schema', at, `is over ${maxCaseBytes} bytes`)
  return { text, mode: isSuffix ? 'suffix' : isPrefix ? 'prefix' : 'exact' }
}

function checkFields(fields: unknown, at: Path): void {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw configFault('schema', at, 'must be an object')
  }
}

/** The builder of JSON projections. */
export const json: Json = Object.assign(single as Json, { ...fieldBuilders, oneOf: oneOf as Json['oneOf'] })
