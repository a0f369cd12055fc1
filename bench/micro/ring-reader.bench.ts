/**
 * What a row costs on the JS thread, from the event ring to a sum in a listener. The ring is written once and read again and again:
 * no core, no socket, no other thread. Needs the built package (`npm run build:ts`); run it with
 * `node bench/micro/ring-reader.bench.ts`. Prints one JSON line per case.
 */

import Benchmark from 'benchmark'
import { type JsonDecoder, rowInternals } from '../../dist/esm/feed/decoder.js'
import { json } from '../../dist/esm/index.js'
import { RecordKind, RingLayout } from '../../dist/esm/native/addon.js'
import { Slot, throwLater } from '../../dist/esm/runtime/emitter.js'
import { HistogramWriter } from '../../dist/esm/runtime/histogram.js'
import { MessageView } from '../../dist/esm/runtime/message-view.js'
import { type RecordSink, RingReader } from '../../dist/esm/runtime/ring-reader.js'
import { RowBatch } from '../../dist/esm/runtime/row-batch.js'
import { SymbolCache, symbolTableBytes } from '../../dist/esm/runtime/symbol-cache.js'

/** Both shapes have rows of 64 bytes, so that they fill a ring without remainder. */
const fields = { symbol: json.symbol('/s'), bid: json.number('/b'), ask: json.number('/a'), exact: json.decimal('/b') }
const quotes = (): JsonDecoder => json.oneOf('/e', { quote: fields, trade: fields }) as unknown as JsonDecoder
const rowBytes = 64
const symbols = 16
const rowsPerRead = 100

interface Quote {
  readonly symbol: string
  readonly bid: number
  readonly ask: number
  readonly exact: { readonly scale: number; toNumber(): number }
}

type Strategy = (rows: Iterable<Quote>) => void

/** A feed's way from the reader to its listeners. */
class BenchSink implements RecordSink {
  readonly batches: readonly RowBatch[]
  readonly message: MessageView
  readonly maxBatch = 1_024
  readonly delivery = new HistogramWriter(new ArrayBuffer(16_384), 0)
  readonly holding = false
  readonly #rows = new Slot<RowBatch>()
  readonly #rowsOf = [new Slot<RowBatch>(), new Slot<RowBatch>()]

  constructor(reader: RingReader, cache: SymbolCache, decoder: JsonDecoder, strategy: Strategy) {
    const { compiled, cursors } = rowInternals(decoder)
    this.message = new MessageView(reader.views, 'bytes')
    this.batches = compiled.map(
      ({ layout }, i) => new RowBatch(layout, cursors[i] as (typeof cursors)[number], reader.views, cache, null),
    )
    this.#rows.add(strategy as unknown as (batch: RowBatch) => void)
  }

  onRows(batch: RowBatch, shape: number): void {
    this.#rows.emit(batch, throwLater)
    this.#rowsOf[shape]?.emit(batch, throwLater)
  }

  onMessage(): void {}
  onState(): void {}
  onGap(): void {}
  onMalformed(): void {}
  onPong(): void {}
}

/** A full ring: record i belongs to feed `feedOf(i)` and shape `shapeOf(i)`. */
class FullRing {
  readonly reader: RingReader
  readonly rows: number
  readonly #i32: Int32Array
  readonly #capacity: number

  constructor(
    capacity: number,
    feeds: number,
    decoders: number,
    strategy: Strategy,
    feedOf: (i: number) => number,
    shapeOf: (i: number) => number,
  ) {
    const ring = new ArrayBuffer(RingLayout.dataOffset + capacity)
    const i32 = new Int32Array(ring)
    const f64 = new Float64Array(ring)
    i32[RingLayout.magicWord] = RingLayout.magic
    i32[RingLayout.versionWord] = RingLayout.version
    i32[RingLayout.capacityWord] = capacity
    this.rows = capacity / rowBytes
    const now = performance.now() * 1e6
    for (let i = 0; i < this.rows; i++) {
      const word = (RingLayout.dataOffset + i * rowBytes) / 8
      i32[word * 2] = rowBytes
      i32[word * 2 + 1] = RecordKind.row | (shapeOf(i) << 8) | (feedOf(i) << 16)
      // A read brings many messages at once.
      f64[word + 1] = now + Math.floor(i / rowsPerRead)
      i32[(word + 3) * 2] = i % symbols
      f64[word + 4] = i % 1_000
      f64[word + 5] = (i % 1_000) + 0.5
      i32[(word + 6) * 2] = i
      i32[(word + 7) * 2] = 2
    }
    this.#i32 = i32
    this.#capacity = capacity
    this.reader = new RingReader(
      ring,
      () => performance.now() * 1e6,
      () => {},
    )
    const cache = symbolCache()
    const schemas = Array.from({ length: decoders }, quotes)
    for (let feed = 0; feed < feeds; feed++) {
      this.reader.attach(feed, new BenchSink(this.reader, cache, schemas[feed % decoders] as JsonDecoder, strategy))
    }
  }

  /** Publishes all records once more and reads them. */
  read(): void {
    Atomics.store(this.#i32, RingLayout.headWord, (Atomics.load(this.#i32, RingLayout.headWord) + this.#capacity) | 0)
    const rows = this.reader.drain(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
    if (rows !== this.rows) throw new Error(`${rows} rows instead of ${this.rows}`)
  }
}

function symbolCache(): SymbolCache {
  const memory = new ArrayBuffer(symbolTableBytes(symbols, 1_024))
  const u32 = new Uint32Array(memory)
  const bytes = Buffer.from(memory)
  for (let i = 0; i < symbols; i++) {
    u32[4 + i * 2] = i * 8
    u32[5 + i * 2] = bytes.write(`SYM${i}`, 16 + symbols * 8 + i * 8)
  }
  return new SymbolCache(memory, symbols)
}

let sum = 0

// One function per case: each sees the rows of its own feeds only, as a strategy does.
const numbers = (): Strategy => (rows) => {
  let total = 0
  for (const { bid, ask } of rows) total += bid + ask
  sum += total
}
const bySymbol = (): Strategy => (rows) => {
  let total = 0
  for (const row of rows) if (row.symbol === 'SYM7') total += row.bid
  sum += total
}
const exact = (): Strategy => (rows) => {
  let total = 0
  for (const row of rows) total += row.exact.toNumber()
  sum += total
}
const nothing = (): Strategy => () => {}

const kib = 1_024
const always0 = (): number => 0
const cases: readonly (readonly [string, FullRing])[] = [
  ['long runs, bid + ask', new FullRing(4_096 * kib, 1, 1, numbers(), always0, always0)],
  ['long runs, bid + ask, ring within the cache', new FullRing(64 * kib, 1, 1, numbers(), always0, always0)],
  ['long runs, symbol compared', new FullRing(4_096 * kib, 1, 1, bySymbol(), always0, always0)],
  ['long runs, decimal to number', new FullRing(4_096 * kib, 1, 1, exact(), always0, always0)],
  ['long runs, nothing read', new FullRing(4_096 * kib, 1, 1, nothing(), always0, always0)],
  ['runs of one row, two shapes', new FullRing(4_096 * kib, 1, 1, numbers(), always0, (i) => i & 1)],
  ['runs of one row, ten feeds of one decoder', new FullRing(4_096 * kib, 10, 1, numbers(), (i) => i % 10, always0)],
  ['runs of one row, ten feeds of ten decoders', new FullRing(4_096 * kib, 10, 10, numbers(), (i) => i % 10, always0)],
]

const suite = new Benchmark.Suite()
for (const [name, ring] of cases) suite.add(name, () => ring.read(), { minSamples: 30 })
suite.on('cycle', ({ target }: { target: Benchmark }) => {
  const rows = cases.find(([name]) => name === target.name)?.[1].rows ?? 1
  // The median of the samples: what a busy machine adds lies on one side.
  const sorted = target.stats.sample.toSorted((a, b) => a - b)
  const seconds = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const nsPerRow = Math.round((seconds / rows) * 1e11) / 100
  console.log(JSON.stringify({ bench: 'ring-reader', case: target.name, nsPerRow, samples: sorted.length }))
})
suite.run()
if (Number.isNaN(sum)) process.exitCode = 1
