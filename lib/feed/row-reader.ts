/** A schema applied to messages that are here already: answers of an HTTP API. */

import type { NativeRowReader } from '../native/addon.js'
import { core } from '../runtime/core.js'
import type { RowCursor } from '../runtime/row-cursor.js'
import { RowWindow, viewsOf } from '../runtime/row-window.js'
import type { ShapeLayout } from '../runtime/shape-layout.js'
import { SymbolCache, symbolTableBytes } from '../runtime/symbol-cache.js'
import { type JsonDecoder, type RowDecoder, rowInternals, SbeDecoder } from './decoder.js'
import { refusalOf } from './refusal.js'
import type { RowObject, Shapes } from './row.js'

/** Different symbols that one schema may meet in answers; an answer with more is refused (`tooManySymbols`). */
const maxSymbols = 65_536
const symbolText = 1_048_576
const rowHeaderWords = 3

/** A row by value, with the name of its shape. */
export type RowOf<S extends Shapes> = {
  [K in keyof S & string]: RowObject<S[K]> & { readonly shape: K }
}[keyof S & string]

/** The core's decoder of messages that JS holds. `symbols`: memory of `symbolTableBytes(most, …)` bytes. */
export function nativeRowReader(decoder: RowDecoder, symbols: ArrayBuffer, most: number): NativeRowReader {
  const format = decoder instanceof SbeDecoder ? 'sbe' : 'json'
  return new (core().RowReader)(rowInternals(decoder).description, symbols, most, format)
}

/** What a schema keeps for reading: layouts that were learned, symbols that were met. Made with the first message. */
class RowReader {
  readonly #native: NativeRowReader
  readonly #layouts: readonly ShapeLayout[]
  readonly #window: RowWindow
  readonly #cursors: readonly RowCursor[]

  constructor(schema: RowDecoder) {
    const { compiled, cursors } = rowInternals(schema)
    const memory = new ArrayBuffer(symbolTableBytes(maxSymbols, symbolText))
    this.#native = nativeRowReader(schema, memory, maxSymbols)
    this.#layouts = compiled.map(({ layout }) => layout)
    this.#window = new RowWindow(viewsOf(new ArrayBuffer(8)), new SymbolCache(memory, maxSymbols))
    this.#cursors = cursors.map((make) => make(this.#window))
  }

  read(message: Uint8Array, rxTimeNs: number, kernelTimeNs: number): Record<string, unknown>[] {
    const result = this.#native.read(message)
    if (typeof result === 'number') throw refusalOf(result, this.#layouts)
    const rows: Record<string, unknown>[] = []
    if (result.byteLength < rowHeaderWords * 8) return rows
    const views = viewsOf(result)
    this.#window.mount(views)
    for (let word = 0; word * 8 < result.byteLength; word += (views.i32[word * 2] as number) >>> 3) {
      views.f64[word + 1] = rxTimeNs
      views.f64[word + 2] = kernelTimeNs
      this.#window.word = word
      const cursor = this.#cursors[((views.i32[word * 2 + 1] as number) >>> 8) & 0xff] as RowCursor
      const row = cursor.toObject()
      row['shape'] = cursor.shape
      rows.push(row)
    }
    return rows
  }
}

const readers = new WeakMap<RowDecoder, RowReader>()

/**
 * The rows of a message, by value. Times are what every row of it bears.
 * @throws DecodeError.
 */
export function readRows<S extends Shapes>(
  schema: JsonDecoder<S> | SbeDecoder<S>,
  message: Uint8Array,
  rxTimeNs: number,
  kernelTimeNs: number,
): RowOf<S>[] {
  let reader = readers.get(schema)
  if (reader === undefined) {
    reader = new RowReader(schema)
    readers.set(schema, reader)
  }
  return reader.read(message, rxTimeNs, kernelTimeNs) as unknown as RowOf<S>[]
}
