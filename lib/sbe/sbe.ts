import { z } from 'zod'
import { SbeDecoder } from '../feed/decoder.js'
import { type CompiledShape, checkFieldName, type FieldSource, layOut } from '../feed/row-layout.js'
import { configFault, parseConfig } from '../runtime/config.js'
import { ConfigError } from '../runtime/errors.js'
import type { PlainKind } from '../runtime/shape-layout.js'
import {
  type AnySbeOptions,
  isSbeField,
  type SbeField,
  type SbeFieldBuilders,
  type SbeFields,
  sbeFieldBuilders,
} from './field.js'
import { type Body, readSchema, type Schema } from './schema.js'
import { sourceOf } from './source.js'

/** What rows are made of one kind of message. */
export interface SbeShape<F extends SbeFields = SbeFields> {
  /** Name of the message in the schema. */
  readonly message: string
  readonly fields: F
  /** One row per entry of this group of the message. Default: one row per message. */
  readonly each?: string | undefined
  /**
   * Symbol field by whose value rows are conflated (`overflow: 'conflate'`); null: one newest row for the whole shape. Default: the
   * first symbol field, null when there is none.
   */
  readonly key?: string | null | undefined
}

export interface SbeOptions {
  /** Messages of other templates: `'count'` as malformed (`unknownShape`), or `'ignore'`. Default `'count'`. */
  readonly otherwise?: 'count' | 'ignore' | undefined
  /** Text messages, such as answers to a subscription: `'count'` as malformed (`notBinary`), or `'ignore'`. Default `'count'`. */
  readonly text?: 'count' | 'ignore' | undefined
  /** Rows of one message, 1…1,000,000; a message with more is refused. Default 10,000. */
  readonly maxRows?: number | undefined
}

export interface SbeProjection<F extends SbeFields, Name extends string> extends SbeShape<F>, SbeOptions {
  /** Name of the shape, 1…255 bytes. Default `'row'`. */
  readonly name?: Name | undefined
}

export type SbeShapes = { readonly [name: string]: SbeShape }

/** The builder of SBE projections: what is taken out of each message, under which name and type. */
export interface Sbe extends SbeFieldBuilders {
  /**
   * Messages of one template.
   * @param xml the message schema (FIX Simple Binary Encoding 1.0), one document.
   * @throws ConfigError naming the element and attribute of the schema, or the field of the projection, at fault.
   */
  <const F extends SbeFields, const Name extends string = 'row'>(
    xml: string,
    projection: SbeProjection<F, Name>,
  ): SbeDecoder<{ readonly [K in Name]: F }>

  /**
   * Messages of several templates, each with its shape.
   * @throws ConfigError as `sbe()`.
   */
  oneOf<const V extends SbeShapes>(
    xml: string,
    shapes: V,
    options?: SbeOptions,
  ): SbeDecoder<{ readonly [K in keyof V]: V[K]['fields'] }>
}

const maxShapes = 255

const shapeFields = {
  message: z.string(),
  fields: z.custom<SbeFields>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'must be an object',
  ),
  each: z.string().optional(),
  key: z.string().nullable().optional(),
}
const optionFields = {
  otherwise: z.enum(['count', 'ignore']).optional(),
  text: z.enum(['count', 'ignore']).optional(),
  maxRows: z.int().min(1).max(1_000_000).optional(),
}
const shapeSchema = z.strictObject(shapeFields)
const optionsSchema = z.strictObject(optionFields)
const projectionSchema = z.strictObject({ ...shapeFields, ...optionFields, name: z.string().min(1).optional() })

const common = { optional: z.boolean().optional(), from: z.enum(['row', 'root']).optional() }
const exponent = z.union([z.int().min(-127).max(127), z.string().min(1)]).optional()
const optionsByKind = {
  number: z.strictObject({ ...common, exponent }),
  decimal: z.strictObject({ ...common, exponent }),
  symbol: z.strictObject(common),
  bool: z.strictObject(common),
  int64: z.strictObject({ ...common, as: z.enum(['bigint', 'number']).optional() }),
  text: z.strictObject({ ...common, maxBytes: z.int().min(1).max(16_777_216).optional() }),
  levels: z.strictObject({
    ...common,
    price: z.string().min(1),
    size: z.string().min(1),
    priceExponent: exponent,
    sizeExponent: exponent,
    max: z.int().min(1).max(100_000).optional(),
    exact: z.boolean().optional(),
  }),
} satisfies Record<PlainKind, z.ZodType>

function single(xml: string, projection: SbeProjection<SbeFields, string>): SbeDecoder {
  const { name = 'row', otherwise, text, maxRows, ...shape } = parseConfig('schema', projectionSchema, projection)
  const schema = readSchema(xml)
  return decoderOf(schema, [compileShape(schema, name, shape, [])], { otherwise, text, maxRows })
}

function oneOf(xml: string, shapes: SbeShapes, options: SbeOptions = {}): SbeDecoder {
  const given = parseConfig('schema options', optionsSchema, options)
  if (typeof shapes !== 'object' || shapes === null) throw configFault('schema', [], 'must be an object')
  const names = Object.keys(shapes)
  if (names.length === 0 || names.length > maxShapes) throw configFault('schema', [], `needs 1 to ${maxShapes} shapes`)
  const schema = readSchema(xml)
  const messages = new Set<string>()
  const compiled = names.map((name) => {
    const shape = under([name], () => parseConfig('schema', shapeSchema, shapes[name]))
    if (messages.has(shape.message)) {
      throw configFault('schema', [name, 'message'], 'is that of another shape')
    }
    messages.add(shape.message)
    return compileShape(schema, name, shape, [name])
  })
  return decoderOf(schema, compiled, given)
}

function decoderOf(schema: Schema, shapes: readonly CompiledShape[], options: SbeOptions): SbeDecoder {
  const { otherwise, text, maxRows } = options
  const description = {
    schema: schema.id,
    ...(schema.bigEndian && { bigEndian: true }),
    header: schema.header,
    shapes: shapes.map(({ description: shape }) => shape),
    ...(otherwise !== undefined && { otherwise }),
    ...(text !== undefined && { text }),
    ...(maxRows !== undefined && { maxRows }),
  }
  return new SbeDecoder(JSON.stringify(description), shapes)
}

function compileShape(schema: Schema, name: string, shape: SbeShape, at: readonly string[]): CompiledShape {
  const message = schema.messages.get(shape.message)
  if (message === undefined) {
    throw configFault('schema', [...at, 'message'], `the schema has no message ${JSON.stringify(shape.message)}`)
  }
  const each = shape.each === undefined ? undefined : message.groups.get(shape.each)
  if (shape.each !== undefined && each === undefined) {
    throw configFault('schema', [...at, 'each'], `the message has no group ${JSON.stringify(shape.each)}`)
  }
  const fields = Object.entries(shape.fields).map(([fieldName, field]): [string, FieldSource] => {
    const where = [...at, 'fields', fieldName]
    checkFieldName(fieldName, where)
    if (!isSbeField(field)) throw configFault('schema', where, 'must be made by sbe.number, sbe.symbol, …')
    const options = under(where, () => optionsOf(field))
    return [
      fieldName,
      {
        kind: field.kind,
        optional: options.optional === true,
        asNumber: options.as === 'number',
        exact: options.exact === true,
        max: options.max,
        maxBytes: options.maxBytes,
        from: sourceOf(field, { message, each }, where),
      },
    ]
  })
  return layOut(
    { name, fields, key: shape.key, at },
    {
      template: message.id,
      ...(shape.each !== undefined && { each: [...message.groups.keys()].indexOf(shape.each) }),
      ...partsOf(message),
    },
  )
}

function optionsOf(field: SbeField): AnySbeOptions {
  return parseConfig('schema', optionsByKind[field.kind] as z.ZodType<AnySbeOptions>, field.options)
}

/** How the core walks over groups and data. */
function partsOf({ groups, data }: Body): object {
  return {
    ...(groups.size > 0 && {
      groups: [...groups.values()].map((group) => ({
        size: group.size,
        blockLength: group.blockLength,
        count: group.count,
        ...(group.most !== undefined && Number.isSafeInteger(group.most) && { most: group.most }),
        ...(group.since > 0 && { since: group.since }),
        ...partsOf(group),
      })),
    }),
    ...(data.size > 0 && {
      data: [...data.values()].map(({ length, start, since }) => ({ length, start, ...(since > 0 && { since }) })),
    }),
  }
}

/** Errors of `check` with the place where its subject stands. */
function under<T>(at: readonly (string | number)[], check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError(
      'schema',
      error.issues.map((issue) => ({ ...issue, path: [...at, ...issue.path] })),
    )
  }
}

/** The builder of SBE projections. */
export const sbe: Sbe = Object.assign(single as unknown as Sbe, {
  ...sbeFieldBuilders,
  oneOf: oneOf as unknown as Sbe['oneOf'],
})
