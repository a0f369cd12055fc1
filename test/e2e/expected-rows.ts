import { Decimal, type Fields } from 'tickwire'

/** A shape as the tests describe it: its fields, and the array whose elements are its rows. */
export interface ShapeSpec {
  readonly fields: Fields
  readonly each?: string
}

/** A row with every value as something that can be compared: decimals and exact levels as text. */
export type PlainRow = Record<string, unknown>

/** A JSON number that has not been made a double: its source text. */
class NumberText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** `JSON.parse`, with the text of every number kept. */
function parseKeepingNumbers(message: string): unknown {
  const reviver = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' ? new NumberText(context?.source ?? String(value)) : value
  return JSON.parse(message, reviver as (key: string, value: unknown) => unknown)
}

function at(value: unknown, pointer: string): unknown {
  let here = value
  for (const step of pointer.split('/').slice(1)) here = (here as Record<string, unknown> | undefined)?.[step]
  return here
}

function textOf(value: unknown): string {
  if (value instanceof NumberText) return value.text
  if (typeof value === 'string') return value
  throw new TypeError(`${JSON.stringify(value)} is neither a string nor a number`)
}

/**
 * The rows that a message has to give, by the plainest reading of a schema: a second opinion that shares no code with the decoder.
 * Pointers are strings without escapes, levels are arrays.
 */
export function expectedRows(message: string, { fields, each }: ShapeSpec): PlainRow[] {
  const root = parseKeepingNumbers(message)
  const rows = each === undefined ? [root] : (at(root, each) as unknown[])
  return rows.map((row) => {
    const plain: PlainRow = {}
    for (const [name, { kind, pointer, options }] of Object.entries(fields)) {
      const value = at(options.from === 'root' ? root : row, pointer as string)
      plain[name] = value === undefined || value === null ? null : read(kind, value, options)
    }
    return plain
  })
}

function read(
  kind: string,
  value: unknown,
  options: { exact?: boolean | undefined; as?: string | undefined },
): unknown {
  switch (kind) {
    case 'number':
      return Number(textOf(value))
    case 'int64':
      return options.as === 'number' ? Number(textOf(value)) : BigInt(textOf(value))
    case 'bool':
      return value
    case 'levels':
      return (value as unknown[][]).map(([price, size]) =>
        options.exact === true
          ? { price: textOf(price), size: textOf(size) }
          : { price: Number(textOf(price)), size: Number(textOf(size)) },
      )
    default:
      return textOf(value)
  }
}

/** A row as it was received, read field by field, in the form of `expectedRows`. */
export function plainRow(row: object, { fields }: ShapeSpec): PlainRow {
  const plain: PlainRow = {}
  for (const name of Object.keys(fields)) plain[name] = plainValue((row as Record<string, unknown>)[name])
  return plain
}

function plainValue(value: unknown): unknown {
  if (value instanceof Decimal) return value.toString()
  if (typeof value !== 'object' || value === null) return value
  const levels = Array.isArray(value) ? value : (value as { toArray(): unknown[] }).toArray()
  return levels.map((level) => ({ price: plainValue(level.price), size: plainValue(level.size) }))
}
