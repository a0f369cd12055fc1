import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytes, rowInternals } from '../../lib/feed/decoder.js'
import { json } from '../../lib/feed/json.js'
import type { RowBatch } from '../../lib/runtime/row-batch.js'
import { ReaderSetup } from '../support/reader-setup.js'
import { encodeRow } from '../support/ring-producer.js'

const decoder = json.oneOf('/e', {
  small: { n: json.number('/n') },
  wide: {
    n: json.number('/n'),
    note: json.text('/t', { maxBytes: 30_000, optional: true }),
    symbol: json.symbol('/s'),
  },
  deep: { levels: json.levels('/l', { max: 100 }), n: json.number('/n') },
})
const shapes = rowInternals(decoder).compiled.map(({ layout }) => layout)

type Step =
  | { readonly do: 'small' | 'gap' | 'stray'; readonly feed: number }
  | { readonly do: 'wide'; readonly feed: number; readonly text: string | null; readonly symbol: number }
  | { readonly do: 'deep'; readonly feed: number; readonly levels: number }
  | { readonly do: 'raw'; readonly length: number }
  | { readonly do: 'publish' }
  | { readonly do: 'drain'; readonly rows: number; readonly look: 'all' | 'none' | 'first' | 'twice' }

const feed = fc.integer({ min: 0, max: 1 })
const length = fc.oneof(fc.nat(40), fc.nat(3_000), fc.nat(20_000))
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('small' as const), feed }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('gap' as const, 'stray' as const), feed }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('wide' as const),
      feed,
      text: fc.oneof(
        fc.constant(null),
        length.map((n) => '☃é.'.repeat(n / 4)),
      ),
      symbol: fc.nat(200),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('deep' as const), feed, levels: fc.nat(100) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('raw' as const), length }) },
  { weight: 4, arbitrary: fc.constant<Step>({ do: 'publish' }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('drain' as const),
      rows: fc.oneof(fc.nat(5), fc.constant(1_000_000)),
      look: fc.constantFrom('all' as const, 'none' as const, 'first' as const, 'twice' as const),
    }),
  },
)

/** Writes and reads as the steps say; `expected` is what was published, `seen` what was handed over. */
function play(steps: readonly Step[], start: number, maxBatch: number): void {
  const setup = new ReaderSetup(65_536, start)
  const expected: string[] = []
  const written: string[] = []
  const seen: string[] = []
  let count = 0
  let look: 'all' | 'none' | 'first' | 'twice' = 'all'
  for (const handle of [0, 1]) {
    const sink = setup.attach(handle, decoder, { maxBatch })
    sink.rows = (batch) => readBatch(handle, batch)
    sink.onGap = ({ lost }) => void seen.push(`${handle} gap ${lost}`)
  }
  const raw = setup.attach(2, bytes())
  raw.messages = (message) =>
    void seen.push(`raw ${message.byteLength} ${message.bytes().every((b) => b === message.byteLength % 251)}`)

  function readBatch(handle: number, batch: RowBatch): void {
    const rows: string[] = []
    const once = (): void => {
      for (const row of batch) {
        rows.push(`${handle} ${batch.shape} ${JSON.stringify(row)}`)
        if (look === 'first') break
      }
    }
    if (look === 'none') {
      for (let i = 0; i < batch.length; i++) seen.push(`${handle} ${batch.shape} ?`)
      return
    }
    once()
    if (look === 'twice') {
      const first = rows.splice(0)
      once()
      expect(rows).toEqual(first)
    }
    for (let i = rows.length; i < batch.length; i++) rows.push(`${handle} ${batch.shape} ?`)
    expect(batch.length).toBe(rows.length)
    expect(batch.length).toBeLessThanOrEqual(maxBatch)
    seen.push(...rows)
  }

  function write(handle: number, shape: number, values: Record<string, never>): void {
    const layout = shapes[shape]
    if (layout === undefined) throw new Error('no such shape')
    const row = encodeRow(layout, values, setup.symbols, { rxTimeNs: ++count, kernelTimeNs: -count })
    if (!setup.producer.row(handle, shape, row)) return
    const meta = { rxTimeNs: count, kernelTimeNs: -count }
    written.push(`${handle} ${layout.name} ${JSON.stringify({ ...meta, ...values })}`)
  }

  for (const now of steps) {
    switch (now.do) {
      case 'small':
        write(now.feed, 0, { n: count as never })
        break
      case 'wide':
        write(now.feed, 1, { n: count as never, note: now.text as never, symbol: `S${now.symbol}` as never })
        break
      case 'deep': {
        const levels = Array.from({ length: now.levels }, (_, i) => ({ price: i, size: count }))
        write(now.feed, 2, { levels: levels as never, n: count as never })
        break
      }
      case 'gap':
        if (setup.producer.gap(now.feed, BigInt(++count))) written.push(`${now.feed} gap ${count}`)
        break
      case 'stray':
        setup.producer.message(77, 'for nobody')
        break
      case 'raw':
        if (setup.producer.message(2, new Uint8Array(now.length).fill(now.length % 251)))
          written.push(`raw ${now.length} true`)
        break
      case 'publish':
        setup.producer.publish()
        expected.push(...written.splice(0))
        break
      case 'drain': {
        look = now.look
        const before = seen.filter((entry) => !entry.includes(' gap ')).length
        const rows = setup.drain(now.rows)
        expect(rows).toBe(seen.filter((entry) => !entry.includes(' gap ')).length - before)
        expect(rows).toBeLessThanOrEqual(now.rows)
        break
      }
    }
  }
  look = 'all'
  setup.producer.publish()
  expected.push(...written)
  setup.drain()
  expect(seen).toHaveLength(expected.length)
  for (const [i, entry] of seen.entries()) {
    const whole = expected[i] as string
    if (entry.endsWith(' ?')) expect(whole.startsWith(entry.slice(0, -1))).toBe(true)
    else expect(entry).toBe(whole)
  }
  expect(setup.producer.used).toBe(0)
  expect(setup.reader.sleep()).toBe(true)
}

describe('reader and any producer', () => {
  it('agree on every record, in order, whatever is read when', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 120, size: 'max' }),
        // Positions count modulo 2^32 and start anywhere: here also shortly before they wrap and before they turn negative.
        fc.constantFrom(0, 2 ** 31 - 4_096, 2 ** 32 - 4_096, 65_528),
        fc.constantFrom(1, 2, 7, 1_000_000),
        play,
      ),
      { numRuns: 300 },
    )
  }, 60_000)
})

/** Reads a run of `count` records of `bytes` bytes each, with further records of the same kind behind the head. */
function playLongRun(
  bytes: number,
  count: number,
  beyond: number,
  start: number,
  look: 'all' | 'none' | 'first',
): void {
  const fields = bytes / 8 - 3
  const numbers = json(Object.fromEntries(Array.from({ length: fields }, (_, i) => [`f${i}`, json.number(`/f${i}`)])))
  const [shape] = rowInternals(numbers).compiled
  if (shape === undefined) throw new Error('no shape')
  const setup = new ReaderSetup(262_144, start)
  const sink = setup.attach(0, numbers)
  const seen: number[] = []
  sink.rows = (batch) => {
    let rows = 0
    if (look !== 'none') {
      for (const row of batch as unknown as Iterable<{ f0: number }>) {
        seen.push(row.f0)
        rows++
        if (look === 'first') break
      }
    }
    if (look === 'all') expect(batch.length).toBe(rows)
    for (; rows < batch.length; rows++) seen.push(Number.NaN)
  }
  let next = 0
  const put = (rows: number): void => {
    for (let i = 0; i < rows; i++) {
      const values = Object.fromEntries(Array.from({ length: fields }, (_, field) => [`f${field}`, next]))
      const row = encodeRow(shape.layout, values, setup.symbols)
      expect(row).toHaveLength(bytes)
      if (!setup.producer.row(0, 0, row)) throw new Error('the ring is too small for the test')
      next++
    }
  }
  const check = (total: number): void => {
    expect(seen).toHaveLength(total)
    for (const [i, n] of seen.entries()) if (!Number.isNaN(n)) expect(n).toBe(i)
  }
  put(count)
  setup.producer.publish()
  // Written, but not published: a reader that goes beyond the head finds records there that look like more of the run.
  put(beyond)
  expect(setup.drain()).toBe(count)
  check(count)
  setup.producer.publish()
  expect(setup.drain()).toBe(beyond)
  check(count + beyond)
  expect(setup.producer.used).toBe(0)
}

describe('reader and runs that are longer than a batch', () => {
  const lengths = Array.from({ length: 24 }, (_, i) => 32 + i * 8)

  it('reads up to the head and never beyond', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...lengths).chain((bytes) => {
          const perBatch = Math.ceil(65_536 / bytes)
          const most = Math.floor(190_000 / bytes)
          return fc.tuple(
            fc.constant(bytes),
            // Most of all where a batch's bound falls into the last records before the head.
            fc.oneof(
              fc.integer({ min: perBatch - 2, max: perBatch + 2 }),
              fc.integer({ min: 2 * perBatch - 2, max: 2 * perBatch + 2 }),
              fc.integer({ min: perBatch, max: most }),
            ),
          )
        }),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(0, 8, 131_072, 2 ** 31 - 4_096, 2 ** 32 - 4_096),
        fc.constantFrom('all' as const, 'none' as const, 'first' as const),
        ([bytes, count], beyond, start, look) => playLongRun(bytes, count, beyond, start, look),
      ),
      { numRuns: 60 },
    )
  }, 60_000)

  it.each(['all', 'none', 'first'] as const)('reads 72-byte rows to the last one: %s', (look) => {
    for (const count of [910, 911, 912, 1_000, 1_821, 1_822, 2_500]) playLongRun(72, count, 3, 0, look)
  })
})
