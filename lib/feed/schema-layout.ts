import { z } from 'zod'
import { configFault, parseConfig } from '../runtime/config.js'
import { ConfigError } from '../runtime/errors.js'
import type { FieldKind } from '../runtime/shape-layout.js'
import { type AnyBookRole, describeBookRole } from './book-role.js'
import { type AnyFieldOptions, type Field, type Fields, isField } from './field.js'
import { type Path, type Pointer, parsePointer } from './pointer.js'
import { type CompiledShape, checkFieldName, type FieldSource, layOut } from './row-layout.js'

/** How copies of rows are told apart, as the user gave it. */
export type SequenceSource =
  | 'leader'
  | { readonly [K in 'contiguous' | 'increasing' | 'distinct']?: string | undefined }

/** A shape as the user gave it. */
export interface ShapeSource {
  readonly name: string
  readonly fields: Fields
  readonly each: Pointer | undefined
  readonly within: Pointer | undefined
  readonly eachAbsent: 'count' | 'ignore' | 'empty' | undefined
  /** Undefined: the first symbol field, if there is one; null: none. */
  readonly key: string | null | undefined
  readonly book: AnyBookRole | undefined
  readonly sequence: SequenceSource | undefined
  readonly notice: boolean | undefined
  /** Where it stands in the schema, for errors. */
  readonly at: Path
}

const common = { optional: z.boolean().optional(), from: z.enum(['row', 'within', 'root']).optional() }

const key = z.string().min(1).max(1_024)

const optionsByKind = {
  number: z.strictObject(common),
  decimal: z.strictObject(common),
  symbol: z.strictObject(common),
  bool: z.strictObject(common),
  int64: z.strictObject({ ...common, as: z.enum(['bigint', 'number']).optional() }),
  text: z.strictObject({ ...common, maxBytes: z.int().min(1).max(16_777_216).optional() }),
  levels: z
    .strictObject({
      ...common,
      max: z.int().min(1).max(100_000).optional(),
      exact: z.boolean().optional(),
      priceKey: key.optional(),
      sizeKey: key.optional(),
    })
    .refine(({ priceKey, sizeKey }) => (priceKey === undefined) === (sizeKey === undefined), {
      message: '`priceKey` and `sizeKey` go together',
    }),
  orders: z.strictObject({
    ...common,
    max: z.int().min(1).max(100_000).optional(),
    idKey: key,
    priceKey: key,
    sizeKey: key,
    timeKey: key.optional(),
    act: z.strictObject({ key, change: key, remove: key }).optional(),
  }),
} satisfies Record<FieldKind, z.ZodType>

/**
 * Gives every field its place in the row.
 * @throws ConfigError naming the field at fault.
 */
export function compileShape({
  name,
  fields,
  each,
  within,
  eachAbsent,
  key,
  book,
  sequence,
  notice,
  at,
}: ShapeSource): CompiledShape {
  const sources = Object.entries(fields).map(([fieldName, field]): [string, FieldSource] => {
    const where = [...at, fieldName]
    checkFieldName(fieldName, where)
    if (!isField(field)) throw configFault('schema', where, 'must be made by json.number, json.symbol, …')
    if (within === undefined && field.options.from === 'within') {
      throw configFault('schema', [...where, 'from'], 'needs a `within` of the shape')
    }
    return [fieldName, sourceOf(field, where)]
  })
  const array = each === undefined ? undefined : parsePointer(each, [...at, 'each'])
  if (eachAbsent !== undefined && (array === undefined || array.length === 0)) {
    throw configFault('schema', [...at, 'eachAbsent'], 'needs an `each` that is not the whole message')
  }
  const outer = within === undefined ? undefined : parsePointer(within, [...at, 'within'])
  if (outer !== undefined && (outer.length === 0 || array === undefined || array.length === 0)) {
    throw configFault('schema', [...at, 'within'], 'and `each` must both be given, and not be empty')
  }
  const more = {
    ...(outer !== undefined && { within: outer }),
    ...(array !== undefined && { each: array }),
    ...(eachAbsent !== undefined && { eachAbsent }),
    ...(book !== undefined && { book: describeBookRole(book, fields, array !== undefined, [...at, 'book']) }),
    ...(sequence !== undefined && { sequence: sequenceOf(sequence, sources, at) }),
    ...(notice !== undefined && { notice }),
  }
  // Where rows are the levels of one event, a list without any is an event, too.
  return layOut({ name, fields: sources, key, grouped: book?.side !== undefined, at }, more)
}

function sequenceOf(role: SequenceSource, fields: readonly (readonly [string, FieldSource])[], at: Path): object {
  if (role === 'leader') return { mode: role }
  const [mode, name] = Object.entries(role)[0] as [string, string]
  const field = fields.findIndex(([fieldName]) => fieldName === name)
  const kind = fields[field]?.[1].kind
  const where = [...at, 'sequence', mode]
  if (kind !== 'int64' && !(mode === 'distinct' && kind === 'text')) {
    throw configFault('schema', where, `must name an int64${mode === 'distinct' ? ' or text' : ''} field`)
  }
  if (fields[field]?.[1].optional) throw configFault('schema', where, 'must name a field that is not optional')
  return { mode, field }
}

function sourceOf(field: Field, at: Path): FieldSource {
  const options = checkOptions(field, at)
  const { priceKey, sizeKey, idKey, timeKey, act } = options
  return {
    kind: field.kind,
    optional: options.optional === true,
    asNumber: options.as === 'number',
    exact: options.exact === true,
    max: options.max,
    maxBytes: options.maxBytes,
    from: {
      path: parsePointer(field.pointer, at),
      ...(options.from !== undefined && options.from !== 'row' && { from: options.from }),
      ...(priceKey !== undefined && { priceKey, sizeKey }),
      ...(idKey !== undefined && { idKey }),
      ...(timeKey !== undefined && { timeKey }),
      ...(act !== undefined && { actKey: act.key, change: act.change, remove: act.remove }),
    },
  }
}

function checkOptions(field: Field, at: Path): AnyFieldOptions {
  try {
    return parseConfig('schema', optionsByKind[field.kind] as z.ZodType<AnyFieldOptions>, field.options)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError(
      'schema',
      error.issues.map((issue) => ({ ...issue, path: [...at, ...issue.path] })),
    )
  }
}
