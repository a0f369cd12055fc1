/** A reader on a ring that the test writes, with feeds that note what they are handed. */

import { type JsonDecoder, type RawDecoder, rowInternals } from '../../lib/feed/decoder.js'
import { createConflateMemory } from '../../lib/runtime/conflation.js'
import type { HistogramWriter } from '../../lib/runtime/histogram.js'
import { MessageView } from '../../lib/runtime/message-view.js'
import type { GapRecord, MalformedRecord, PongRecord, StateRecord } from '../../lib/runtime/records.js'
import { type RecordSink, RingReader } from '../../lib/runtime/ring-reader.js'
import { RowBatch } from '../../lib/runtime/row-batch.js'
import { StatsMemory } from '../../lib/runtime/stats.js'
import { SymbolCache, symbolTableBytes } from '../../lib/runtime/symbol-cache.js'
import { ConflateProducer } from './conflate-producer.js'
import { RingProducer, SymbolProducer } from './ring-producer.js'

const maxSymbols = 256

export class ReaderSetup {
  readonly producer: RingProducer
  readonly reader: RingReader
  readonly symbols: SymbolProducer
  readonly cache: SymbolCache
  nudges = 0
  /** The clock. */
  timeNs = 1_000_000

  constructor(capacity = 65_536, start = 0) {
    const { ring, producer } = RingProducer.create(capacity, start)
    const table = new ArrayBuffer(symbolTableBytes(maxSymbols, 65_536))
    this.producer = producer
    this.symbols = new SymbolProducer(table, maxSymbols)
    this.cache = new SymbolCache(table, maxSymbols)
    this.reader = new RingReader(
      ring,
      () => this.timeNs,
      () => this.nudges++,
    )
  }

  attach(
    handle: number,
    decoder: JsonDecoder | RawDecoder,
    options: { keys?: number; maxBatch?: number } = {},
  ): TestSink {
    const sink = new TestSink(this, decoder, options)
    this.reader.attach(handle, sink)
    return sink
  }

  drain(maxRows = Number.POSITIVE_INFINITY): number {
    return this.reader.drain(maxRows, Number.POSITIVE_INFINITY)
  }
}

export class TestSink implements RecordSink {
  readonly batches: readonly RowBatch[]
  readonly message: MessageView
  readonly maxBatch: number
  readonly stats = new StatsMemory()
  readonly delivery: HistogramWriter
  readonly conflate: readonly ConflateProducer[]
  holding = false
  /** Everything, in order. */
  readonly log: unknown[] = []
  rows: (batch: RowBatch) => void = (batch) => {
    for (const row of batch as unknown as Iterable<{ toObject(): object }>) this.log.push(row.toObject())
  }
  messages: (message: MessageView) => void = (message) => void this.log.push(message.data)

  constructor(
    setup: ReaderSetup,
    decoder: JsonDecoder | RawDecoder,
    { keys, maxBatch }: { keys?: number; maxBatch?: number },
  ) {
    const { views } = setup.reader
    this.maxBatch = maxBatch ?? 1_000_000
    this.delivery = this.stats.delivery
    this.message = new MessageView(views, decoder.kind === 'raw' ? decoder.form : 'bytes')
    const { compiled, cursors } = decoder.kind === 'json' ? rowInternals(decoder) : { compiled: [], cursors: [] }
    const memory =
      keys === undefined
        ? null
        : createConflateMemory(compiled.map(({ layout }) => ({ rowBytes: layout.maxRowBytes, keys })))
    this.conflate = memory === null ? [] : memory.regions.map((region) => new ConflateProducer(memory.memory, region))
    this.batches = compiled.map(
      ({ layout }, i) => new RowBatch(layout, cursors[i] as never, views, setup.cache, memory?.readers[i] ?? null),
    )
  }

  onRows(batch: RowBatch): void {
    this.rows(batch)
  }

  onMessage(message: MessageView): void {
    this.messages(message)
  }

  onState(record: StateRecord): void {
    this.log.push({ state: record })
  }

  onGap(record: GapRecord): void {
    this.log.push({ gap: record })
  }

  onMalformed(record: MalformedRecord): void {
    this.log.push({ malformed: record })
  }

  onPong(record: PongRecord): void {
    this.log.push({ pong: record })
  }
}
