import type { RowField } from '../feed/row-field.js'
import type { Decimal } from '../runtime/decimal.js'
import type { ExactLevels, Level, Levels } from '../runtime/levels.js'
import type { PlainKind } from '../runtime/shape-layout.js'
import type { ValueKind, Values } from './kinds.js'

/** What every field of a row can be told. */
export interface WireFieldOptions {
  /** The message may be without the value; the field is then null. Default false: such a message is refused and counted. */
  readonly optional?: boolean | undefined
}

export interface WireInt64Options extends WireFieldOptions {
  /** `'number'`: read as a double without making a bigint; NaN beyond ±(2^53 − 1). Default `'bigint'`. */
  readonly as?: 'bigint' | 'number' | undefined
}

export interface WireTextOptions extends WireFieldOptions {
  /** Bytes (UTF-8) of the longest text, 1…16,777,216; a longer one refuses the message. Default 65,536. */
  readonly maxBytes?: number | undefined
}

export interface WireLevelsOptions extends WireFieldOptions {
  /** Levels kept, 1…100,000; further ones are left out and counted as `levelsCut`. Default 1,000. */
  readonly max?: number | undefined
  /** Prices and sizes as exact decimals. Default false: doubles. */
  readonly exact?: boolean | undefined
}

export type AnyWireFieldOptions = WireInt64Options & WireTextOptions & WireLevelsOptions

/** A field of a row that is made from a value of a message. Made by `wire.number`, `wire.decimal`, …. */
export interface WireField<
  Kind extends PlainKind = PlainKind,
  Of extends string = string,
  Read = unknown,
  Kept = unknown,
> extends RowField<Kind, Read, Kept> {
  /** The value's name in the message. */
  readonly of: Of
  readonly options: AnyWireFieldOptions
}

type OrNull<O, T> = O extends { readonly optional: true } ? T | null : T
type Simple<Kind extends PlainKind, Of extends string, T> = WireField<Kind, Of, T, T>
type Integer<O> = O extends { readonly as: 'number' } ? number : bigint

/** Makes fields of rows; `of` is the name of a value of the message. */
export interface WireFieldBuilders {
  /** The nearest double of a decimal, a number or an integer. */
  number<const Of extends string, const O extends WireFieldOptions = WireFieldOptions>(
    of: Of,
    options?: O,
  ): Simple<'number', Of, OrNull<O, number>>
  /** An integer, exact: a bigint, or with `as: 'number'` a double. */
  int64<const Of extends string, const O extends WireInt64Options = WireInt64Options>(
    of: Of,
    options?: O,
  ): Simple<'int64', Of, OrNull<O, Integer<O>>>
  /** A decimal, exact: see {@link Decimal}. */
  decimal<const Of extends string, const O extends WireFieldOptions = WireFieldOptions>(
    of: Of,
    options?: O,
  ): Simple<'decimal', Of, OrNull<O, Decimal>>
  /** A symbol, or a word such as a side: the same string object each time. */
  symbol<const Of extends string, const O extends WireFieldOptions = WireFieldOptions>(
    of: Of,
    options?: O,
  ): Simple<'symbol', Of, OrNull<O, string>>
  /** Text, as a new string with every reading. */
  text<const Of extends string, const O extends WireTextOptions = WireTextOptions>(
    of: Of,
    options?: O,
  ): Simple<'text', Of, OrNull<O, string>>
  /** `true` or `false`. */
  bool<const Of extends string, const O extends WireFieldOptions = WireFieldOptions>(
    of: Of,
    options?: O,
  ): Simple<'bool', Of, OrNull<O, boolean>>
  /** Price levels. */
  levels<const Of extends string, const O extends WireLevelsOptions = WireLevelsOptions>(
    of: Of,
    options?: O,
  ): O extends { readonly exact: true }
    ? WireField<'levels', Of, OrNull<O, ExactLevels>, OrNull<O, Level<Decimal>[]>>
    : WireField<'levels', Of, OrNull<O, Levels>, OrNull<O, Level[]>>
}

/** What the values of a message can become. */
export const conversions: { readonly [K in ValueKind]: readonly PlainKind[] } = {
  number: ['number'],
  int64: ['int64', 'number'],
  decimal: ['number', 'decimal'],
  symbol: ['symbol'],
  text: ['text'],
  bool: ['bool'],
  levels: ['levels'],
  word: ['symbol'],
}

type Sources = { number: 'number' | 'int64' | 'decimal'; symbol: 'symbol' | 'word' } & {
  [K in 'int64' | 'decimal' | 'text' | 'bool' | 'levels']: K
}

/** Names of the values that a field of this kind can be made from. */
type NamesFor<V extends Values, Kind extends PlainKind> = {
  [K in keyof V & string]: V[K]['kind'] extends Sources[Kind] ? K : never
}[keyof V & string]

/** A field for the rows of messages with these values: the name of a value, or what one of the builders made of it. */
export type Selectable<V extends Values> =
  | (keyof V & string)
  | { [Kind in PlainKind]: WireField<Kind, NamesFor<V, Kind>> }[PlainKind]

/** The fields of a row, by name. */
export type Selection<V extends Values> = { readonly [name: string]: Selectable<V> }

type Default<S> = S extends { readonly kind: 'decimal' | 'number' }
  ? RowField<'number', Maybe<S, number>, Maybe<S, number>>
  : S extends { readonly kind: 'int64' }
    ? RowField<'int64', Maybe<S, bigint>, Maybe<S, bigint>>
    : S extends { readonly kind: 'bool' }
      ? RowField<'bool', Maybe<S, boolean>, Maybe<S, boolean>>
      : S extends { readonly kind: 'symbol' }
        ? RowField<'symbol', Maybe<S, string>, Maybe<S, string>>
        : S extends { readonly kind: 'text' }
          ? RowField<'text', Maybe<S, string>, Maybe<S, string>>
          : S extends { readonly kind: 'word'; readonly words: readonly (infer W)[] }
            ? RowField<'symbol', W, W>
            : S extends { readonly kind: 'levels' }
              ? RowField<'levels', Maybe<S, Levels>, Maybe<S, Level[]>>
              : never

type Maybe<S, T> = S extends { readonly optional: true } ? T | null : T

/** The row fields that a selection makes. */
export type Selected<V extends Values, F> = {
  readonly [K in keyof F]: F[K] extends keyof V ? Default<V[F[K]]> : F[K] extends RowField ? F[K] : never
}

/** The row fields when nothing is selected: every value, under its own name. */
export type Everything<V extends Values> = { readonly [K in keyof V]: Default<V[K]> }

/** The kind of field that a value becomes when nothing else is said. */
export function defaultKind(kind: ValueKind): PlainKind {
  return kind === 'decimal' ? 'number' : kind === 'word' ? 'symbol' : kind
}

class WireFieldSpec {
  readonly kind: PlainKind
  readonly of: string
  readonly options: AnyWireFieldOptions

  constructor(kind: PlainKind, of: string, options: AnyWireFieldOptions) {
    this.kind = kind
    this.of = of
    this.options = options
    Object.freeze(this)
  }
}

/** Whether `value` was made by one of the builders. */
export function isWireField(value: unknown): value is WireField {
  return value instanceof WireFieldSpec
}

function builder(kind: PlainKind) {
  return (of: string, options: AnyWireFieldOptions = {}): WireField => new WireFieldSpec(kind, of, options)
}

export const wireFieldBuilders = {
  number: builder('number'),
  int64: builder('int64'),
  decimal: builder('decimal'),
  symbol: builder('symbol'),
  text: builder('text'),
  bool: builder('bool'),
  levels: builder('levels'),
} as WireFieldBuilders
