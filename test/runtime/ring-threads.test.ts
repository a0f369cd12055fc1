import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { type JsonDecoder, rowInternals } from '../../lib/feed/decoder.js'
import { json } from '../../lib/feed/json.js'
import { RingLayout } from '../../lib/native/addon.js'
import { MessageView } from '../../lib/runtime/message-view.js'
import { type RecordSink, RingReader } from '../../lib/runtime/ring-reader.js'
import { RowBatch } from '../../lib/runtime/row-batch.js'
import { StatsMemory } from '../../lib/runtime/stats.js'
import { SymbolCache, symbolTableBytes } from '../../lib/runtime/symbol-cache.js'

const rows = 500_000

describe('reader and a producer on another thread', () => {
  it('agree on every byte', async () => {
    const { dataOffset, headWord, tailWord, magicWord, magic, versionWord, version, capacityWord } = RingLayout
    // Shared memory stands in for the memory that the core's threads see by its address.
    const ring = new SharedArrayBuffer(dataOffset + 65_536) as unknown as ArrayBuffer
    const i32 = new Int32Array(ring)
    i32[magicWord] = magic
    i32[versionWord] = version
    i32[capacityWord] = 65_536
    const decoder: JsonDecoder = json({ n: json.number('/n'), second: json.number('/m') })
    const { compiled, cursors } = rowInternals(decoder)
    const reader = new RingReader(
      ring,
      () => 1,
      () => {},
    )
    const symbols = new SymbolCache(new ArrayBuffer(symbolTableBytes(1, 8)), 1)
    const stats = new StatsMemory()
    let last = 0
    let wrong = 0
    const sink: RecordSink = {
      batches: compiled.map(({ layout }, i) => {
        const cursor = cursors[i]
        if (cursor === undefined) throw new Error('no cursor')
        return new RowBatch(layout, cursor, reader.views, symbols, null)
      }),
      message: new MessageView(reader.views, 'bytes'),
      maxBatch: 1_000,
      delivery: stats.delivery,
      holding: false,
      onRows: (batch) => {
        for (const value of batch) {
          const row = value as unknown as { readonly n: number; readonly second: number }
          // Rows of 40 bytes and more: the second field belongs to the row as well.
          if (row.n !== last + 1 || row.second !== -row.n) wrong++
          last = row.n
        }
      },
      onMessage: () => {},
      onState: () => {},
      onGap: () => {},
      onMalformed: () => {},
      onPong: () => {},
    }
    reader.attach(0, sink)
    const worker = new Worker(new URL('../support/ring-writer.mjs', import.meta.url), {
      workerData: { ring, rows, dataOffset, headWord, tailWord },
    })
    const failed = new Promise<never>((_, reject) => worker.once('error', reject))
    const read = async (): Promise<void> => {
      while (last < rows) {
        if (reader.drain(10_000, Number.POSITIVE_INFINITY) === 0) await turn()
      }
    }
    await Promise.race([read(), failed])
    expect(wrong).toBe(0)
    expect(last).toBe(rows)
    expect(stats.snapshot().latency.nativeToJs.count).toBe(rows)
    await worker.terminate()
  }, 60_000)
})
