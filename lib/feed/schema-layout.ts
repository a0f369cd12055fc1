import { z } from 'zod'
import { configFault, parseConfig } from '../runtime/config.js'
import { ConfigError } from '../runtime/errors.js'
import { rowMetaNames } from '../runtime/row-cursor.js'
import { type FieldKind, type FieldLayout, rowHeaderWords, type ShapeLayout } from '../runtime/shape-layout.js'
import { type AnyFieldOptions, type Field, type Fields, isField } from './field.js'
import { type Path, type Pointer, parsePointer } from './pointer.js'

const maxFields = 512
const maxOptional = 64
const maxNameBytes = 255
const textDefault = 65_536
const levelsDefault = 1_000

/** A shape as the user gave it. */
export interface ShapeSource {
  readonly name: string
  readonly fields: Fields
  readonly each: Pointer | undefined
  /** Undefined: the first symbol field, if there is one; null: none. */
  readonly key: string | null | undefined
  /** Where it stands in the schema, for errors. */
  readonly at: Path
}

/** A shape for both sides: the core's description of it and the reader's layout. */
export interface CompiledShape {
  /** An element of `shapes` in `docs/schema-format.md`. */
  readonly description: object
  readonly layout: ShapeLayout
  /** The field that can make a row largest, and how many bytes that is; for errors. */
  readonly widest: { readonly name: string; readonly bytes: number }
}

const common = { optional: z.boolean().optional(), from: z.enum(['row', 'root']).optional() }

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
      priceKey: z.string().min(1).max(1_024).optional(),
      sizeKey: z.string().min(1).max(1_024).optional(),
    })
    .refine(({ priceKey, sizeKey }) => (priceKey === undefined) === (sizeKey === undefined), {
      message: '`priceKey` and `sizeKey` go together',
    }),
} satisfies Record<FieldKind, z.ZodType>

/**
 * Gives every field its place in the row.
 * @throws ConfigError naming the field at fault.
 */
export function compileShape({ name, fields, each, key, at }: ShapeSource): CompiledShape {
  checkName(name, at)
  const entries = Object.entries(fields)
  if (entries.length === 0) throw configFault('schema', at, 'has no fields')
  if (entries.length > maxFields) throw configFault('schema', at, `has more than ${maxFields} fields`)
  let word = rowHeaderWords
  let bits = 0
  let variableBytes = 0
  let widest = { name: '', bytes: 0 }
  const layouts: FieldLayout[] = []
  const descriptions: object[] = []
  for (const [fieldName, field] of entries) {
    const where = [...at, fieldName]
    checkName(fieldName, where)
    if ((rowMetaNames as readonly string[]).includes(fieldName)) {
      throw configFault('schema', where, 'every row has a property of this name already')
    }
    if (!isField(field)) throw configFault('schema', where, 'must be made by json.number, json.symbol, …')
    const options = checkOptions(field, where)
    const path = parsePointer(field.pointer, where)
    const optional = options.optional === true
    const slot = word
    word += field.kind === 'decimal' ? 2 : 1
    const bit = optional ? bits++ : -1
    const bytes = variableBytesOf(field.kind, options)
    variableBytes += bytes
    if (bytes > widest.bytes) widest = { name: fieldName, bytes }
    layouts.push({
      name: fieldName,
      kind: field.kind,
      slot,
      bit,
      asNumber: options.as === 'number',
      exact: options.exact === true,
    })
    descriptions.push({
      name: fieldName,
      type: field.kind,
      path,
      slot,
      ...(options.from === 'root' && { from: 'root' }),
      ...(optional && { optional, bit }),
      ...(field.kind === 'levels' && {
        maxLevels: options.max ?? levelsDefault,
        exact: options.exact === true,
        ...(options.priceKey !== undefined && { priceKey: options.priceKey, sizeKey: options.sizeKey }),
      }),
      ...(field.kind === 'text' && { maxBytes: options.maxBytes ?? textDefault }),
    })
  }
  if (bits > maxOptional) throw configFault('schema', at, `has more than ${maxOptional} optional fields`)
  const flagsSlot = bits > 0 ? word++ : -1
  const keyField = keyIndex(key, layouts, at)
  return {
    description: {
      name,
      ...(each !== undefined && { each: parsePointer(each, [...at, 'each']) }),
      words: word,
      ...(flagsSlot >= 0 && { flagsSlot }),
      ...(keyField >= 0 && { keyField }),
      fields: descriptions,
    },
    layout: {
      name,
      words: word,
      flagsSlot,
      fields: layouts,
      maxRowBytes: word * 8 + variableBytes,
      keyed: keyField >= 0,
    },
    widest,
  }
}

/** Bytes behind the fixed part of a row that a field can take. */
function variableBytesOf(kind: FieldKind, options: AnyFieldOptions): number {
  if (kind === 'text') return (((options.maxBytes ?? textDefault) + 7) >>> 3) * 8
  if (kind === 'levels') return (options.max ?? levelsDefault) * (options.exact === true ? 32 : 16)
  return 0
}

function checkName(name: string, at: Path): void {
  if (name === '') throw configFault('schema', at, 'needs a name')
  if (Buffer.byteLength(name) > maxNameBytes) throw configFault('schema', at, `name is over ${maxNameBytes} bytes`)
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

function keyIndex(key: string | null | undefined, layouts: readonly FieldLayout[], at: Path): number {
  if (key === null) return -1
  if (key === undefined) return layouts.findIndex(({ kind }) => kind === 'symbol')
  const index = layouts.findIndex(({ name }) => name === key)
  if (layouts[index]?.kind !== 'symbol') throw configFault('schema', [...at, 'key'], 'must name a symbol field')
  return index
}
