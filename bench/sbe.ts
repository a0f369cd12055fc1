import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sbe } from 'tickwire/sbe'
import { rowInternals } from '../dist/esm/feed/decoder.js'
import { compileProgram, nativeBenches } from './native.ts'
import { type Bench, median } from './report.ts'
import { quoteSchema, quotes, readQuote, TunedReader } from './sbe/quotes.ts'

const messageCount = 4_096 // 270 KiB: in the second-level cache, as after a read
const decoded = 'DataView, an object each'
const tuned = 'DataView, tuned'

function compile(log: (text: string) => void): string {
  const core = fileURLToPath(new URL('../native/', import.meta.url))
  const simdjson = fileURLToPath(new URL('../third_party/simdjson/', import.meta.url))
  const parts = [
    'sbe_schema',
    'sbe_steps',
    'sbe_walk',
    'sbe_decoder',
    'decimal',
    'number',
    'row_writer',
    'symbol_table',
    'description_reader',
    'layout_reader',
  ]
  return compileProgram(
    'sbe_decoder_bench',
    [
      join(nativeBenches, 'sbe_decoder_bench.cc'),
      ...parts.map((name) => join(core, 'decode', `${name}.cc`)),
      join(simdjson, 'simdjson.cpp'),
    ],
    log,
    [simdjson],
  )
}

interface Native {
  readonly ns: readonly number[]
  readonly messages: number
  readonly rows: number
  readonly sum: number
  readonly mallocs: number
}

/** Messages laid back to back, read `passes` times over; returns nanoseconds per message and the sum of a pass. */
function timeReader(
  memory: Uint8Array,
  offsets: Uint32Array,
  passes: number,
  read: (at: number) => number,
): { ns: number; sum: number } {
  let sum = 0
  const start = process.hrtime.bigint()
  for (let pass = 0; pass < passes; pass++) {
    sum = 0
    for (const at of offsets) sum += read(at)
  }
  const ns = Number(process.hrtime.bigint() - start) / (passes * offsets.length)
  if (memory.length === 0) throw new Error('there are no messages')
  return { ns, sum }
}

/**
 * Best bid and ask from SBE messages in memory, on one thread: rows in the core, against the same bytes read by hand in JavaScript.
 */
const bench: Bench = async (context) => {
  const rounds = context.quick ? 5 : 15
  const passes = context.quick ? 50 : 200
  const program = compile(context.log)
  const messages = quotes(messageCount)
  const memory = new Uint8Array(Buffer.concat(messages))
  const view = new DataView(memory.buffer)
  const offsets = new Uint32Array(messages.length)
  let end = 0
  messages.forEach((message, i) => {
    offsets[i] = end
    end += message.length
  })
  const decoder = sbe(quoteSchema, {
    message: 'Quote',
    fields: {
      symbol: sbe.symbol('symbol'),
      time: sbe.int64('time'),
      update: sbe.int64('update'),
      bid: sbe.number('bid'),
      bidSize: sbe.number('bidSize'),
      ask: sbe.number('ask'),
      askSize: sbe.number('askSize'),
    },
  })
  const directory = mkdtempSync(join(tmpdir(), 'tickwire-sbe-'))
  try {
    const [description, file] = [join(directory, 'description.json'), join(directory, 'messages')]
    writeFileSync(description, rowInternals(decoder).description)
    writeFileSync(
      file,
      Buffer.concat(
        messages.map((message) => {
          const length = Buffer.alloc(4)
          length.writeUInt32LE(message.length)
          return Buffer.concat([length, message])
        }),
      ),
    )
    const reader = new TunedReader()
    const readers: Record<string, (at: number) => number> = {
      [decoded]: (at) => {
        const { time, update, bid, bidSize, ask, askSize } = readQuote(memory, view, at)
        return time + update + bid + bidSize + ask + askSize
      },
      [tuned]: (at) => {
        reader.read(memory, view, at)
        return reader.time + reader.update + reader.bid + reader.bidSize + reader.ask + reader.askSize
      },
    }
    const times: Record<string, number[]> = { ours: [], [decoded]: [], [tuned]: [] }
    let mallocs = 0
    for (const read of Object.values(readers)) timeReader(memory, offsets, 20, read)
    for (let round = 0; round < rounds; round++) {
      const ran = spawnSync(program, [description, file, String(passes)], { encoding: 'utf8' })
      if (ran.status !== 0) throw new Error(`sbe_decoder_bench failed: ${ran.stderr}`)
      const native = JSON.parse(ran.stdout) as Native
      if (native.rows !== messageCount) throw new Error(`the core made ${native.rows} rows of ${messageCount} messages`)
      mallocs = native.mallocs
      times['ours']?.push(median(native.ns))
      for (const [side, read] of Object.entries(readers)) {
        const { ns, sum } = timeReader(memory, offsets, passes, read)
        // A product with a power of ten that is not exact, as some write it, differs in the last digits.
        if (Math.abs(sum - native.sum) > 1e-12 * Math.abs(native.sum)) {
          throw new Error(`${side} decoded something else: ${sum} instead of ${native.sum}`)
        }
        times[side]?.push(ns)
      }
    }
    const ns = Object.fromEntries(Object.entries(times).map(([side, all]) => [side, median(all)]))
    for (const [side, each] of Object.entries(ns)) context.log(`${side}: ${each.toFixed(1)} ns per message`)
    const { ours = Number.NaN, ...peers } = ns
    const notes = { runs: rounds, note: `${mallocs} allocations in the core; in memory, one thread` }
    context.emit(
      {
        metric: 'throughput',
        unit: 'messages/s',
        ours: 1e9 / ours,
        peers: Object.fromEntries(Object.entries(peers).map(([side, each]) => [side, 1e9 / each])),
        ...notes,
      },
      'more',
    )
  } finally {
    rmSync(directory, { recursive: true })
  }
}

export default bench
