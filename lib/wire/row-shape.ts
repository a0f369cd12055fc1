import { z } from 'zod'
import type { RowFields } from '../feed/row-field.js'
import { type CompiledShape, checkFieldName, type FieldSource, layOut } from '../feed/row-layout.js'
import { configFault, parseConfig } from '../runtime/config.js'
import { ConfigError } from '../runtime/errors.js'
import type { PlainKind } from '../runtime/shape-layout.js'
import type { ValueSpec, Values } from './kinds.js'
import { type AnyWireFieldOptions, conversions, defaultKind, isWireField } from './row-fields.js'

declare const fields: unique symbol

export interface RowShapeOptions<Field extends string = string> {
  /** Name of the rows' shape, 1…255 bytes. Default: the message type's. */
  readonly name?: string | undefined
  /**
   * Symbol field by whose value rows are conflated (`overflow: 'conflate'`); null: one newest row for the whole shape. Default: the
   * first symbol field, null when there is none.
   */
  readonly key?: Field | null | undefined
}

/** A shape's compiled side; not part of the public surface. */
export let compiledShape: (shape: RowShape) => { readonly type: number; readonly compiled: CompiledShape }

/** What rows are made of the messages of one type. Made by `Quote.select({...})` and the like. */
export class RowShape<Name extends string = string, F extends RowFields = RowFields> {
  readonly name: Name
  /** The types of the fields; no property at run time. */
  declare readonly [fields]?: F
  readonly #type: number
  readonly #compiled: CompiledShape

  static {
    compiledShape = (shape) => ({ type: shape.#type, compiled: shape.#compiled })
  }

  constructor(name: Name, type: number, compiled: CompiledShape) {
    this.name = name
    this.#type = type
    this.#compiled = compiled
    Object.freeze(this)
  }
}

const shapeOptionsSchema = z.strictObject({
  name: z.string().min(1).optional(),
  key: z.string().nullable().optional(),
})

const optional = { optional: z.boolean().optional() }

const optionsByKind = {
  number: z.strictObject(optional),
  decimal: z.strictObject(optional),
  symbol: z.strictObject(optional),
  bool: z.strictObject(optional),
  int64: z.strictObject({ ...optional, as: z.enum(['bigint', 'number']).optional() }),
  text: z.strictObject({ ...optional, maxBytes: z.int().min(1).max(16_777_216).optional() }),
  levels: z.strictObject({
    ...optional,
    max: z.int().min(1).max(100_000).optional(),
    exact: z.boolean().optional(),
  }),
} satisfies Record<PlainKind, z.ZodType>

/** @throws ConfigError naming the field at fault. */
export function shapeOf<Name extends string, F extends RowFields>(
  typeName: Name,
  type: number,
  values: Values,
  tags: { readonly [name: string]: number } | null,
  selection: unknown,
  options: unknown = {},
): RowShape<Name, F> {
  const { name = typeName, key } = parseConfig('schema options', shapeOptionsSchema, options)
  if (typeof selection !== 'object' || selection === null || Array.isArray(selection)) {
    throw configFault('schema', [], 'must be an object')
  }
  const sources = Object.entries(selection).map(([fieldName, selected]): [string, FieldSource] => {
    checkFieldName(fieldName, [fieldName])
    return [fieldName, sourceOf(fieldName, selected, values, tags)]
  })
  const compiled = layOut({ name, fields: sources, key, at: [] }, { type })
  return new RowShape(name as Name, type, compiled)
}

function sourceOf(
  fieldName: string,
  selected: unknown,
  values: Values,
  tags: { readonly [name: string]: number } | null,
): FieldSource {
  const given = isWireField(selected) ? selected : null
  const of = given === null ? selected : given.of
  if (typeof of !== 'string') {
    throw configFault('schema', [fieldName], 'must be the name of a value, or made by wire.number, wire.symbol, …')
  }
  const value = Object.hasOwn(values, of) ? values[of] : undefined
  if (value === undefined)
    throw configFault('schema', [fieldName], `messages of this type have no ${JSON.stringify(of)}`)
  const kind = given === null ? defaultKind(value.kind) : given.kind
  if (!conversions[value.kind].includes(kind)) {
    throw configFault('schema', [fieldName], `${of} cannot be read as ${kind}`)
  }
  const options = given === null ? { optional: value.optional === true } : checkOptions(kind, given.options, fieldName)
  return {
    kind,
    optional: options.optional === true,
    asNumber: options.as === 'number',
    exact: options.exact === true,
    max: options.max,
    maxBytes: options.maxBytes,
    from: origin(of, value, tags),
  }
}

function origin(of: string, { kind }: ValueSpec, tags: { readonly [name: string]: number } | null): object {
  return tags !== null && Object.hasOwn(tags, of) ? { tag: tags[of], kind } : { of }
}

function checkOptions(kind: PlainKind, options: unknown, fieldName: string): AnyWireFieldOptions {
  try {
    return parseConfig('schema', optionsByKind[kind] as z.ZodType<AnyWireFieldOptions>, options)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError(
      'schema',
      error.issues.map((issue) => ({ ...issue, path: [fieldName, ...issue.path] })),
    )
  }
}
