import type { Decimal } from '../runtime/decimal.js'
import type { ExactLevels, Level, Levels } from '../runtime/levels.js'
import type { OrderChange, Orders } from '../runtime/orders.js'
import type { FieldKind } from '../runtime/shape-layout.js'
import type { Pointer } from './pointer.js'
import type { RowField } from './row-field.js'

/** A field of a row. Made by `json.number`, `json.decimal`, …; carries the types that the row's field will have. */
export interface Field<Kind extends FieldKind = FieldKind, Read = unknown, Kept = unknown>
  extends RowField<Kind, Read, Kept> {
  readonly pointer: Pointer
  readonly options: AnyFieldOptions
}

/** What every field can be told. */
export interface FieldOptions {
  /** The value may be missing or `null`; it then reads as `null`. Default false: the message is refused. */
  readonly optional?: boolean | undefined
  /**
   * Where the pointer starts in a shape with `each`: at the row, at the whole message, or at the element of `within` that the row's array
   * stands in. Default `'row'`.
   */
  readonly from?: 'row' | 'within' | 'root' | undefined
}

export interface Int64Options extends FieldOptions {
  /** `'number'`: read as a double without making a bigint; NaN for values beyond ±(2^53 − 1). Default `'bigint'`. */
  readonly as?: 'bigint' | 'number' | undefined
}

export interface TextOptions extends FieldOptions {
  /** Bytes (UTF-8) of the longest text, 1…16,777,216; a longer one refuses the message. Default 65,536. */
  readonly maxBytes?: number | undefined
}

export interface LevelsOptions extends FieldOptions {
  /** Levels kept, 1…100,000; further ones are left out and counted as `levelsCut`. Default 1,000. */
  readonly max?: number | undefined
  /** Prices and sizes as exact decimals. Default false: doubles. */
  readonly exact?: boolean | undefined
  /** Levels are objects: the key of the price. Together with `sizeKey`. Default: arrays `[price, size, …]`. */
  readonly priceKey?: string | undefined
  /** Levels are objects: the key of the size. */
  readonly sizeKey?: string | undefined
}

/** Orders are objects: under which keys they say what. */
export interface OrdersOptions extends FieldOptions {
  /** Orders kept, 1…100,000; further ones are left out and counted as `levelsCut`. Default 1,000. */
  readonly max?: number | undefined
  /** The order's id: 1…24 digits, capital letters and `-`. Another one refuses the message. */
  readonly idKey: string
  readonly priceKey: string
  /** What is left of the order. */
  readonly sizeKey: string
  /** When the order got its place: a point in time by RFC 3339, or an integer. Default: there is none, and orders stand as they come. */
  readonly timeKey?: string | undefined
  /** What becomes of the order: changed or removed where these texts stand at `key`, else added. Default: all are added. */
  readonly act?: { readonly key: string; readonly change: string; readonly remove: string } | undefined
}

/** All options that some kind of field has. */
export type AnyFieldOptions = Int64Options & TextOptions & LevelsOptions & Partial<OrdersOptions>

/** The fields of a row, by name. */
export type Fields = { readonly [name: string]: Field }

type OrNull<O, T> = O extends { readonly optional: true } ? T | null : T

/** Makes fields. */
export interface FieldBuilders {
  /** A JSON number, or a string that holds one, as the nearest double. */
  number<const O extends FieldOptions = FieldOptions>(
    pointer: Pointer,
    options?: O,
  ): Field<'number', OrNull<O, number>, OrNull<O, number>>
  /** An integer within ±2^63, exact: a bigint, or with `as: 'number'` a double. */
  int64<const O extends Int64Options = Int64Options>(
    pointer: Pointer,
    options?: O,
  ): Field<
    'int64',
    OrNull<O, O extends { readonly as: 'number' } ? number : bigint>,
    OrNull<O, O extends { readonly as: 'number' } ? number : bigint>
  >
  /** A number as it was written, with all its decimals (at most 18): see {@link Decimal}. */
  decimal<const O extends FieldOptions = FieldOptions>(
    pointer: Pointer,
    options?: O,
  ): Field<'decimal', OrNull<O, Decimal>, OrNull<O, Decimal>>
  /**
   * Text of few different values (at most 255 bytes each), such as an instrument's name: the same string object each time,
   * without allocation after its first occurrence. The loop's `symbols` and `symbolText` bound how many there can be.
   */
  symbol<const O extends FieldOptions = FieldOptions>(
    pointer: Pointer,
    options?: O,
  ): Field<'symbol', OrNull<O, string>, OrNull<O, string>>
  /** Any text, as a new string with every reading. Values that are not strings give their JSON text. */
  text<const O extends TextOptions = TextOptions>(
    pointer: Pointer,
    options?: O,
  ): Field<'text', OrNull<O, string>, OrNull<O, string>>
  /** `true` or `false`. */
  bool<const O extends FieldOptions = FieldOptions>(
    pointer: Pointer,
    options?: O,
  ): Field<'bool', OrNull<O, boolean>, OrNull<O, boolean>>
  /** An array of price levels. */
  levels<const O extends LevelsOptions = LevelsOptions>(
    pointer: Pointer,
    options?: O,
  ): O extends { readonly exact: true }
    ? Field<'levels', OrNull<O, ExactLevels>, OrNull<O, Level<Decimal>[]>>
    : Field<'levels', OrNull<O, Levels>, OrNull<O, Level[]>>
  /** An array of orders, for books of orders. */
  orders<const O extends OrdersOptions>(
    pointer: Pointer,
    options: O,
  ): Field<'orders', OrNull<O, Orders>, OrNull<O, OrderChange[]>>
}

class FieldSpec {
  readonly kind: FieldKind
  readonly pointer: Pointer
  readonly options: AnyFieldOptions

  constructor(kind: FieldKind, pointer: Pointer, options: AnyFieldOptions) {
    this.kind = kind
    this.pointer = pointer
    this.options = options
  }
}

/** Whether `value` was made by one of the builders. */
export function isField(value: unknown): value is Field {
  return value instanceof FieldSpec
}

function builder(kind: FieldKind) {
  return (pointer: Pointer, options: AnyFieldOptions = {}): Field => new FieldSpec(kind, pointer, options)
}

export const fieldBuilders = {
  number: builder('number'),
  int64: builder('int64'),
  decimal: builder('decimal'),
  symbol: builder('symbol'),
  text: builder('text'),
  bool: builder('bool'),
  levels: builder('levels'),
  orders: builder('orders'),
} as FieldBuilders
