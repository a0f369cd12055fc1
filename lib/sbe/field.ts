import type { RowField } from '../feed/row-field.js'
import type { Decimal } from '../runtime/decimal.js'
import type { ExactLevels, Level, Levels } from '../runtime/levels.js'
import type { PlainKind } from '../runtime/shape-layout.js'

/** A field of a row that is made of an SBE message. Made by `sbe.number`, `sbe.decimal`, …; carries the types that it will have. */
export interface SbeField<Kind extends PlainKind = PlainKind, Read = unknown, Kept = unknown>
  extends RowField<Kind, Read, Kept> {
  readonly path: string
  readonly options: AnySbeOptions
}

/** What every field can be told. */
export interface SbeFieldOptions {
  /**
   * The value may be null, or not be there because the sender's schema is older than the field; it then reads as `null`.
   * Default false: the message is refused.
   */
  readonly optional?: boolean | undefined
  /** Where the path starts: at the row, or at the message also when the shape has `each`. Default `'row'`. */
  readonly from?: 'row' | 'root' | undefined
}

export interface SbeNumberOptions extends SbeFieldOptions {
  /**
   * The value is multiplied by ten to this power: a number, or the path of the field that holds it (of the row or else of the message).
   * Default: what the schema says by an attribute `exponent` of a namespace of its own, as Binance's do; a composite of
   * mantissa and exponent needs nothing; else 0.
   */
  readonly exponent?: number | string | undefined
}

export interface SbeInt64Options extends SbeFieldOptions {
  /** `'number'`: read as a double without making a bigint; NaN for values beyond ±(2^53 − 1). Default `'bigint'`. */
  readonly as?: 'bigint' | 'number' | undefined
}

export interface SbeTextOptions extends SbeFieldOptions {
  /** Bytes (UTF-8) of the longest text, 1…16,777,216; a longer one refuses the message. Default 65,536. */
  readonly maxBytes?: number | undefined
}

export interface SbeLevelsOptions extends SbeFieldOptions {
  /** Path of the price within an entry of the group. */
  readonly price: string
  /** Path of the size within an entry of the group. */
  readonly size: string
  /** As {@link SbeNumberOptions.exponent}. */
  readonly priceExponent?: number | string | undefined
  /** As {@link SbeNumberOptions.exponent}. */
  readonly sizeExponent?: number | string | undefined
  /** Levels kept, 1…100,000; further ones are left out and counted as `levelsCut`. Default 1,000. */
  readonly max?: number | undefined
  /** Prices and sizes as exact decimals. Default false: doubles. */
  readonly exact?: boolean | undefined
}

/** All options that some kind of field has. */
export type AnySbeOptions = SbeNumberOptions & SbeInt64Options & SbeTextOptions & Partial<SbeLevelsOptions>

/** The fields of a row, by name. */
export type SbeFields = { readonly [name: string]: SbeField }

type OrNull<O, T> = O extends { readonly optional: true } ? T | null : T
type Int64<O> = O extends { readonly as: 'number' } ? number : bigint

/**
 * Makes fields. A path is the name of a field, of variable-length data or (`levels`) of a group; members of composites and choices of
 * sets follow a dot: `'price'`, `'timestamp.time'`, `'flags.maker'`.
 */
export interface SbeFieldBuilders {
  /** A number as the nearest double: mantissa and exponent are put together first. */
  number<const O extends SbeNumberOptions = SbeNumberOptions>(
    path: string,
    options?: O,
  ): SbeField<'number', OrNull<O, number>, OrNull<O, number>>
  /** An integer, an enum or a set by its encoded value, exact: a bigint, or with `as: 'number'` a double. Beyond 2^63 − 1 it refuses the message. */
  int64<const O extends SbeInt64Options = SbeInt64Options>(
    path: string,
    options?: O,
  ): SbeField<'int64', OrNull<O, Int64<O>>, OrNull<O, Int64<O>>>
  /** An exact number with its decimals (at most 18): see {@link Decimal}. */
  decimal<const O extends SbeNumberOptions = SbeNumberOptions>(
    path: string,
    options?: O,
  ): SbeField<'decimal', OrNull<O, Decimal>, OrNull<O, Decimal>>
  /**
   * Text of few different values (at most 255 bytes each), or an enum by the name of its value (one that the schema does not
   * have: its number): the same string object each time.
   */
  symbol<const O extends SbeFieldOptions = SbeFieldOptions>(
    path: string,
    options?: O,
  ): SbeField<'symbol', OrNull<O, string>, OrNull<O, string>>
  /** Variable-length data or an array of characters, as a new string with every reading. With `optional`, empty data is `null`. */
  text<const O extends SbeTextOptions = SbeTextOptions>(
    path: string,
    options?: O,
  ): SbeField<'text', OrNull<O, string>, OrNull<O, string>>
  /** A choice of a set, or a value that is 0 or 1. */
  bool<const O extends SbeFieldOptions = SbeFieldOptions>(
    path: string,
    options?: O,
  ): SbeField<'bool', OrNull<O, boolean>, OrNull<O, boolean>>
  /** A group of the message as price levels. */
  levels<const O extends SbeLevelsOptions>(
    path: string,
    options: O,
  ): O extends { readonly exact: true }
    ? SbeField<'levels', OrNull<O, ExactLevels>, OrNull<O, Level<Decimal>[]>>
    : SbeField<'levels', OrNull<O, Levels>, OrNull<O, Level[]>>
}

class SbeFieldSpec {
  readonly kind: PlainKind
  readonly path: string
  readonly options: AnySbeOptions

  constructor(kind: PlainKind, path: string, options: AnySbeOptions) {
    this.kind = kind
    this.path = path
    this.options = options
  }
}

/** Whether `value` was made by one of the builders. */
export function isSbeField(value: unknown): value is SbeField {
  return value instanceof SbeFieldSpec
}

function builder(kind: PlainKind) {
  return (path: string, options: AnySbeOptions = {}): SbeField => new SbeFieldSpec(kind, path, options)
}

export const sbeFieldBuilders = {
  number: builder('number'),
  int64: builder('int64'),
  decimal: builder('decimal'),
  symbol: builder('symbol'),
  text: builder('text'),
  bool: builder('bool'),
  levels: builder('levels'),
} as SbeFieldBuilders
