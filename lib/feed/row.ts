/** The types of rows and batches, as they follow from a schema. */

import type { FieldKept, FieldRead, RowFields } from './row-field.js'

/** What every row has besides its fields. Times are monotonic (the clock of `process.hrtime`). */
export interface RowMeta<Name extends string, Kept> {
  /** The shape that the row is of. */
  readonly shape: Name
  /** When the core had read the bytes, in nanoseconds. */
  readonly rxTimeNs: number
  /** When the kernel had received them, in nanoseconds; 0 when it gave no stamp. */
  readonly kernelTimeNs: number
  /** The row by value, to be kept: decimals are copies, levels arrays. */
  toObject(): Kept
  /** The same as `toObject()`. */
  toJSON(): Kept
}

/** A row by value. */
export type RowObject<F extends RowFields> = {
  readonly [K in keyof F]: FieldKept<F[K]>
} & { readonly rxTimeNs: number; readonly kernelTimeNs: number }

/**
 * A row: one reused object that stands on one row after the other. Reading a field allocates nothing (but for `int64` as
 * bigint and `text`). Valid until the loop goes on; keep `toObject()`, or single fields (decimals by `copy()`).
 */
export type Row<F extends RowFields, Name extends string = string> = RowMeta<Name, RowObject<F>> & {
  readonly [K in keyof F]: FieldRead<F[K]>
}

/**
 * Rows of one shape that came directly after each other. One reused object: valid until the listener returns (async
 * iteration: until the next batch is asked for), empty afterwards. It may be iterated several times, one loop at a time.
 */
export interface Rows<F extends RowFields, Name extends string = string> extends Iterable<Row<F, Name>> {
  /** The shape of all its rows. */
  readonly shape: Name
  /** Number of rows. Counted when asked for. */
  readonly length: number
  /** The youngest row; undefined when there is none. Ends a loop that is under way. */
  last(): Row<F, Name> | undefined
  /** All rows by value. */
  toArray(): RowObject<F>[]
  [Symbol.iterator](): Iterator<Row<F, Name>, undefined>
}

/** Shapes by name. */
export type Shapes = { readonly [name: string]: RowFields }

/** Rows of any of the shapes; `shape` tells which. */
export type AnyRows<S extends Shapes> = { [K in keyof S & string]: Rows<S[K], K> }[keyof S & string]

/** A message as it was received (`text()`, `bytes()`). One reused object: valid until the listener returns. */
export interface Message<T extends string | Uint8Array = string | Uint8Array> {
  /**
   * The payload: decoded (`text()`; bad UTF-8 in a binary message becomes U+FFFD) or as a view of the ring's memory (`bytes()`), made anew
   * with every reading.
   */
  readonly data: T
  /** Whether it came as a binary message. */
  readonly isBinary: boolean
  readonly byteLength: number
  /** Where the payload starts in `memory`: for parsers that need no view of their own, and so allocate nothing. */
  readonly byteOffset: number
  /** The event ring. Read-only: writing into it breaks the feed. */
  readonly memory: Uint8Array
  /** When the core had read the last bytes, in nanoseconds, monotonic. */
  readonly rxTimeNs: number
  /** When the kernel had received them, in nanoseconds; 0 when it gave no stamp. */
  readonly kernelTimeNs: number
  /** The payload as text. */
  text(): string
  /** The payload as a view of the ring's memory: valid as long as the message. */
  bytes(): Uint8Array
  /** The payload in memory of its own. */
  copy(): Uint8Array
}
