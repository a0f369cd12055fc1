import { configFault } from '../runtime/config.js'
import { rowMetaNames } from '../runtime/row-cursor.js'
import { type FieldKind, type FieldLayout, rowHeaderWords, type ShapeLayout } from '../runtime/shape-layout.js'
import type { Path } from './pointer.js'

const maxFields = 512
const maxOptional = 64
const maxNameBytes = 255
const textDefault = 65_536
const levelsDefault = 1_000

/** A field of a shape on its way to a place in the row. */
export interface FieldSource {
  readonly kind: FieldKind
  readonly optional: boolean
  /** `int64` only. */
  readonly asNumber: boolean
  /** `levels` only. */
  readonly exact: boolean
  /** `levels` and `orders` only: how many are kept. Default 1,000. */
  readonly max: number | undefined
  /** `text` only: bytes at most. Default 65,536. */
  readonly maxBytes: number | undefined
  /** What the core is told of where the value comes from. */
  readonly from: object
}

/** A shape on its way to a layout. */
export interface LayoutSource {
  readonly name: string
  readonly fields: readonly (readonly [name: string, field: FieldSource])[]
  /** Undefined: the first symbol field, if there is one; null: none. */
  readonly key: string | null | undefined
  /** Whether rows have a word that tells the lists of a message apart, for the core alone. Default false. */
  readonly grouped?: boolean
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

/**
 * Checks a field's name.
 * @throws ConfigError naming the field.
 */
export function checkFieldName(name: string, at: Path): void {
  checkName(name, at)
  if ((rowMetaNames as readonly string[]).includes(name)) {
    throw configFault('schema', at, 'every row has a property of this name already')
  }
}

/**
 * Gives every field its place in the row.
 * @param more what the description of the shape holds besides.
 * @throws ConfigError naming the field at fault.
 */
export function layOut({ name, fields, key, grouped = false, at }: LayoutSource, more: object): CompiledShape {
  checkName(name, at)
  if (fields.length === 0) throw configFault('schema', at, 'has no fields')
  if (fields.length > maxFields) throw configFault('schema', at, `has more than ${maxFields} fields`)
  let word = rowHeaderWords
  let bits = 0
  let variableBytes = 0
  let widest = { name: '', bytes: 0 }
  const layouts: FieldLayout[] = []
  const descriptions: object[] = []
  for (const [fieldName, field] of fields) {
    const { kind, optional, asNumber, exact } = field
    const slot = word
    word += kind === 'decimal' ? 2 : 1
    const bit = optional ? bits++ : -1
    const bytes = variableBytesOf(field)
    variableBytes += bytes
    if (bytes > widest.bytes) widest = { name: fieldName, bytes }
    layouts.push({ name: fieldName, kind, slot, bit, asNumber, exact })
    descriptions.push({
      name: fieldName,
      type: kind,
      slot,
      ...field.from,
      ...(optional && { optional, bit }),
      ...(kind === 'levels' && { maxLevels: field.max ?? levelsDefault, exact }),
      ...(kind === 'orders' && { maxLevels: field.max ?? levelsDefault }),
      ...(kind === 'text' && { maxBytes: field.maxBytes ?? textDefault }),
    })
  }
  if (bits > maxOptional) throw configFault('schema', at, `has more than ${maxOptional} optional fields`)
  const flagsSlot = bits > 0 ? word++ : -1
  const groupSlot = grouped ? word++ : -1
  const keyField = keyIndex(key, layouts, at)
  return {
    description: {
      name,
      ...more,
      words: word,
      ...(flagsSlot >= 0 && { flagsSlot }),
      ...(groupSlot >= 0 && { groupSlot }),
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
function variableBytesOf({ kind, maxBytes, max, exact }: FieldSource): number {
  if (kind === 'text') return (((maxBytes ?? textDefault) + 7) >>> 3) * 8
  if (kind === 'levels') return (max ?? levelsDefault) * (exact ? 32 : 16)
  if (kind === 'orders') return (max ?? levelsDefault) * 64
  return 0
}

function checkName(name: string, at: Path): void {
  if (name === '') throw configFault('schema', at, 'needs a name')
  if (Buffer.byteLength(name) > maxNameBytes) throw configFault('schema', at, `name is over ${maxNameBytes} bytes`)
}

function keyIndex(key: string | null | undefined, layouts: readonly FieldLayout[], at: Path): number {
  if (key === null) return -1
  if (key === undefined) return layouts.findIndex(({ kind }) => kind === 'symbol')
  const index = layouts.findIndex(({ name }) => name === key)
  if (layouts[index]?.kind !== 'symbol') throw configFault('schema', [...at, 'key'], 'must name a symbol field')
  return index
}
