/**
 * What a row costs on the JS thread when four shapes take turns at random, as in `feed-json`'s second part: from the event ring to the
 * benches' strategy, which reads every field. The ring is written once and read again and again: no core, no socket, no other
 * thread. Needs the built package (`npm run build:ts`); run it with `node bench/micro/shapes.bench.ts`. One JSON line per case.
 */

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { RowDecoder } from '../../dist/esm/feed/decoder.js'
import { rowInternals } from '../../dist/esm/feed/decoder.js'
import { type AnyEvents, Delivery } from '../../dist/esm/feed/delivery.js'
import { RecordKind, RingLayout } from '../../dist/esm/native/addon.js'
import type { Channel } from '../../dist/esm/runtime/channel.js'
import { Emitter } from '../../dist/esm/runtime/emitter.js'
import { RingReader } from '../../dist/esm/runtime/ring-reader.js'
import type { FieldLayout, ShapeLayout } from '../../dist/esm/runtime/shape-layout.js'
import { StatsMemory } from '../../dist/esm/runtime/stats.js'
import { SymbolCache, symbolTableBytes } from '../../dist/esm/runtime/symbol-cache.js'
import { listenToAll, listenToEach, shapes } from '../sides/shapes.ts'
import { Tally } from '../sides/tally.ts'

const names = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT']
const capacity = 1 << 20
const levels = 5
const rowsPerRead = 1_000

function symbolCache(): SymbolCache {
  const memory = new ArrayBuffer(symbolTableBytes(names.length, 1_024))
  const u32 = new Uint32Array(memory)
  const bytes = Buffer.from(memory)
  names.forEach((name, i) => {
    u32[4 + i * 2] = i * 8
    u32[5 + i * 2] = bytes.write(name, 16 + names.length * 8 + i * 8)
  })
  return new SymbolCache(memory, names.length)
}

/** Numbers in a fixed order that looks like none. */
class Draw {
  #state = 12_345
  below(n: number): number {
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return (this.#state >>> 8) % n
  }
}

/** A ring full of rows, and the way from it to a strategy. */
class FullRing {
  readonly reader: RingReader
  rows = 0
  readonly #i32: Int32Array
  readonly #f64: Float64Array
  readonly #draw = new Draw()

  constructor(decoder: RowDecoder, listen: (emitter: Emitter<AnyEvents>) => void) {
    const ring = new ArrayBuffer(RingLayout.dataOffset + capacity)
    this.#i32 = new Int32Array(ring)
    this.#f64 = new Float64Array(ring)
    this.#i32[RingLayout.magicWord] = RingLayout.magic
    this.#i32[RingLayout.versionWord] = RingLayout.version
    this.#i32[RingLayout.capacityWord] = capacity
    const layouts = rowInternals(decoder).compiled.map(({ layout }) => layout)
    this.#fill(layouts)
    const now = (): number => performance.now() * 1e6
    this.reader = new RingReader(ring, now, () => {})
    const emitter = new Emitter<AnyEvents>()
    listen(emitter)
    const delivery = new Delivery(decoder, emitter, 1_024, now, {
      state: () => {},
      fail: (error) => {
        throw error
      },
      channel: () => null,
    })
    const channel = { reader: this.reader, symbols: symbolCache() } as unknown as Channel
    delivery.start(channel, new StatsMemory(), null)
    this.reader.attach(0, delivery)
  }

  #fill(layouts: readonly ShapeLayout[]): void {
    const read = performance.now() * 1e6
    const start = RingLayout.dataOffset / 8
    const end = start + capacity / 8
    let word = start
    for (;;) {
      const shape = this.#draw.below(layouts.length)
      const layout = layouts[shape] as ShapeLayout
      const most = layout.words + 2 * 2 * levels
      if (word + most >= end) break
      const bytes = this.#row(layout, word) * 8
      this.#i32[word * 2] = bytes
      this.#i32[word * 2 + 1] = RecordKind.row | (shape << 8)
      this.#f64[word + 1] = read + Math.floor(this.rows / rowsPerRead)
      this.rows++
      word += bytes / 8
    }
    this.#i32[word * 2] = (end - word) * 8
    this.#i32[word * 2 + 1] = RecordKind.pad
  }

  /** Returns the row's words. */
  #row(layout: ShapeLayout, word: number): number {
    let words = layout.words
    for (const field of layout.fields) words += this.#field(field, word, words)
    return words
  }

  /** Returns the words that the field takes behind the row's fixed part. */
  #field({ kind, slot }: FieldLayout, word: number, behind: number): number {
    const i32 = this.#i32
    const at = word + slot
    switch (kind) {
      case 'symbol':
        i32[at * 2] = this.#draw.below(names.length)
        return 0
      case 'int64':
        i32[at * 2] = 1_000_000 + this.#draw.below(1_000_000)
        i32[at * 2 + 1] = this.#draw.below(16)
        return 0
      case 'bool':
        this.#f64[at] = this.#draw.below(2)
        return 0
      case 'levels': {
        i32[at * 2] = behind * 8
        i32[at * 2 + 1] = levels
        for (let i = 0; i < levels * 2; i++) this.#f64[word + behind + i] = this.#draw.below(100_000) / 16
        return levels * 2
      }
      default:
        this.#f64[at] = this.#draw.below(1_000_000) / 16
        return 0
    }
  }

  /** Publishes all records once more and reads them. */
  read(): void {
    Atomics.store(this.#i32, RingLayout.headWord, (Atomics.load(this.#i32, RingLayout.headWord) + capacity) | 0)
    const rows = this.reader.drain(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
    if (rows !== this.rows) throw new Error(`${rows} rows instead of ${this.rows}`)
  }
}

const wanted = process.argv[2]
for (const [name, listen] of Object.entries({ one: listenToAll, each: listenToEach })) {
  // A process of its own for each: what the engine has seen of the other one's rows would count.
  if (wanted === undefined) {
    spawnSync(process.execPath, [fileURLToPath(import.meta.url), name], { stdio: 'inherit' })
    continue
  }
  if (wanted !== name) continue
  const tally = new Tally(8_192)
  const ring = new FullRing(shapes, (emitter) => {
    const on = (event: string, listener: (value: unknown) => void): void => emitter.slot(event).add(listener)
    listen({ on } as unknown as Parameters<typeof listen>[0], tally)
  })
  const samples: number[] = []
  for (let i = 0; i < 1_200; i++) {
    const from = performance.now()
    ring.read()
    if (i >= 400) samples.push(((performance.now() - from) * 1e6) / ring.rows)
  }
  samples.sort((a, b) => a - b)
  // The median: what a busy machine adds lies on one side.
  const rounded = (ns: number | undefined): number => Math.round((ns ?? Number.NaN) * 100) / 100
  const [best] = samples
  const nsPerRow = rounded(samples[samples.length >> 1])
  console.log(JSON.stringify({ bench: 'shapes', case: name, nsPerRow, best: rounded(best), messages: tally.messages }))
}
