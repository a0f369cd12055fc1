/** Batches of rows made of messages that JS holds, as a feed hands them over. */

import { type NativeRowReader, RecordKind } from '../native/addon.js'
import { MessageView, messageHeaderBytes } from '../runtime/message-view.js'
import { RowBatch } from '../runtime/row-batch.js'
import { type MemoryViews, viewsOf } from '../runtime/row-window.js'
import { SymbolCache, symbolTableBytes } from '../runtime/symbol-cache.js'
import { type RawDecoder, RowDecoder, rowInternals } from './decoder.js'
import { type DecodeError, refusalOf } from './refusal.js'
import { nativeRowReader } from './row-reader.js'

const maxSymbols = 65_536
const symbolText = 1_048_576
const firstBytes = 262_144

/** What becomes of a message. */
export interface MessageSink {
  /** Rows of one shape that follow each other; valid during the call. */
  rows(batch: RowBatch, shape: number): void
  message(view: MessageView): void
  /** It is not as the schema says. */
  refused(error: DecodeError): void
}

/** Decodes by a feed's decoder, on this thread. One memory and one batch per shape, used again for every message. */
export class MessageDecoder {
  readonly #decoder: RowDecoder | RawDecoder
  readonly #native: NativeRowReader | null
  readonly #symbols: SymbolCache
  #views: MemoryViews
  #batches: readonly RowBatch[] = []
  #message: MessageView

  constructor(decoder: RowDecoder | RawDecoder) {
    this.#decoder = decoder
    const memory = new ArrayBuffer(symbolTableBytes(maxSymbols, symbolText))
    this.#symbols = new SymbolCache(memory, maxSymbols)
    this.#native = decoder instanceof RowDecoder ? nativeRowReader(decoder, memory, maxSymbols) : null
    this.#views = viewsOf(new ArrayBuffer(firstBytes))
    this.#message = new MessageView(this.#views, 'bytes')
    this.#prepare()
  }

  /** Hands the message over in pieces; batches are made one at a time, and only while the sink has use for them. */
  *decode(
    message: Uint8Array,
    binary: boolean,
    timeNs: number,
    sink: MessageSink,
  ): Generator<RowBatch | MessageView, void, undefined> {
    if (this.#native === null) {
      const view = this.#raw(message, binary, timeNs)
      sink.message(view)
      yield view
      view.close()
      return
    }
    const result = this.#native.read(message, binary)
    if (typeof result === 'number') {
      const { compiled } = rowInternals(this.#decoder as RowDecoder)
      sink.refused(
        refusalOf(
          result,
          compiled.map(({ layout }) => layout),
        ),
      )
      return
    }
    this.#room(result.byteLength)
    const { u8, i32, f64 } = this.#views
    u8.set(new Uint8Array(result))
    const end = result.byteLength / 8
    for (let word = 0; word < end; word += (i32[word * 2] as number) >>> 3) {
      i32[word * 2 + 1] = (i32[word * 2 + 1] as number) | RecordKind.row
      f64[word + 1] = timeNs
      f64[word + 2] = 0
    }
    for (let word = 0; word < end; ) {
      const kind = i32[word * 2 + 1] as number
      const shape = (kind >>> 8) & 0xff
      const batch = this.#batches[shape] as RowBatch
      batch.open(word, word + ((i32[word * 2] as number) >>> 3), end, kind, end)
      sink.rows(batch, shape)
      yield batch
      word = batch.close()
    }
  }

  #raw(message: Uint8Array, binary: boolean, timeNs: number): MessageView {
    const total = messageHeaderBytes + Math.ceil(message.length / 8) * 8
    this.#room(total)
    const { u8, i32, f64 } = this.#views
    i32[0] = total
    i32[1] = binary ? RecordKind.binary : RecordKind.text
    f64[1] = timeNs
    f64[2] = 0
    i32[6] = message.length
    u8.set(message, messageHeaderBytes)
    this.#message.open(0)
    return this.#message
  }

  #room(bytes: number): void {
    if (bytes <= this.#views.u8.length) return
    this.#views = viewsOf(new ArrayBuffer(2 ** Math.ceil(Math.log2(bytes))))
    this.#prepare()
  }

  /** A batch is of one memory. */
  #prepare(): void {
    const decoder = this.#decoder
    if (!(decoder instanceof RowDecoder)) {
      this.#message = new MessageView(this.#views, decoder.form)
      return
    }
    const { compiled, cursors } = rowInternals(decoder)
    this.#batches = compiled.map(
      ({ layout }, i) => new RowBatch(layout, cursors[i] as (typeof cursors)[number], this.#views, this.#symbols, null),
    )
  }
}
