import type { FieldKind } from '../runtime/shape-layout.js'

declare const read: unique symbol
declare const kept: unique symbol

/** A field of a row, wherever its value comes from: carries the types that it will have. */
export interface RowField<Kind extends FieldKind = FieldKind, Read = unknown, Kept = unknown> {
  readonly kind: Kind
  /** Type when read from a row; no property at run time. */
  readonly [read]?: Read
  /** Type in `toObject()`; no property at run time. */
  readonly [kept]?: Kept
}

/** The fields of a row, by name. */
export type RowFields = { readonly [name: string]: RowField }

/** The type of a field when it is read from a row. */
export type FieldRead<F> = F extends RowField<FieldKind, infer Read, unknown> ? Read : never

/** The type of a field in `toObject()`. */
export type FieldKept<F> = F extends RowField<FieldKind, unknown, infer Kept> ? Kept : never
