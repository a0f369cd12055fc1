/** Where the fields of a row lie (`native/decode/row_batch.h`): plain data, made by the schema builder. */

/** How a field is stored that messages of any format can have. */
export type PlainKind = 'number' | 'int64' | 'decimal' | 'symbol' | 'text' | 'bool' | 'levels'

/** How a field is stored. */
export type FieldKind = PlainKind | 'orders'

export interface FieldLayout {
  readonly name: string
  readonly kind: FieldKind
  /** First 8-byte word, counted from the record's start. */
  readonly slot: number
  /** Presence bit of an optional field, otherwise −1. */
  readonly bit: number
  /** `int64` only: read as a double instead of a bigint. */
  readonly asNumber: boolean
  /** `levels` only: decimals instead of doubles. */
  readonly exact: boolean
}

export interface ShapeLayout {
  readonly name: string
  /** 8-byte words of the fixed part, record header and times included. */
  readonly words: number
  /** Word of the presence bits, −1 when no field is optional. */
  readonly flagsSlot: number
  readonly fields: readonly FieldLayout[]
  /** Bytes of the largest record of this shape, a multiple of 8. */
  readonly maxRowBytes: number
  /** Whether rows carry a key to be conflated by. */
  readonly keyed: boolean
}

/** Words of a row that stand before its fields. */
export const rowHeaderWords = 3
