import { describe, expect, it } from 'vitest'
import { bytes, type JsonDecoder, rowInternals, text } from '../../lib/feed/decoder.js'
import { json } from '../../lib/feed/json.js'
import type { Row } from '../../lib/feed/row.js'
import { RingReader } from '../../lib/runtime/ring-reader.js'
import type { RowBatch } from '../../lib/runtime/row-batch.js'
import type { ShapeLayout } from '../../lib/runtime/shape-layout.js'
import { ReaderSetup } from '../support/reader-setup.js'
import { encodeRow, type FieldValue } from '../support/ring-producer.js'

function layoutOf(decoder: JsonDecoder): ShapeLayout {
  const [shape] = rowInternals(decoder).compiled
  if (shape === undefined) throw new Error('no shape')
  return shape.layout
}

const everything = json({
  symbol: json.symbol('/s'),
  price: json.number('/p'),
  exact: json.decimal('/p'),
  id: json.int64('/i'),
  small: json.int64('/i', { as: 'number' }),
  ok: json.bool('/o'),
  note: json.text('/n', { maxBytes: 200 }),
  bids: json.levels('/b', { max: 10 }),
  asks: json.levels('/a', { max: 10, exact: true }),
  maybeNumber: json.number('/mn', { optional: true }),
  maybeText: json.text('/mt', { optional: true, maxBytes: 64 }),
  maybeLevels: json.levels('/ml', { optional: true, max: 4 }),
})
type FieldsOfRow = typeof everything extends JsonDecoder<infer S> ? S[keyof S] : never
const layout = layoutOf(everything)

const full: Record<string, FieldValue> = {
  symbol: 'BTCUSDT',
  price: 0.3513,
  exact: { mantissa: 35_130_000n, scale: 8 },
  id: 9_223_372_036_854_775_807n,
  small: -9_007_199_254_740_991n,
  ok: true,
  note: 'naïve "text" ☃',
  bids: [
    { price: 1.5, size: 2 },
    { price: 1.4, size: 3 },
  ],
  asks: [{ price: { mantissa: 150n, scale: 2 }, size: { mantissa: -7n, scale: 0 } }],
  maybeNumber: 0,
  maybeText: '',
  maybeLevels: [],
}

const trade = json({ price: json.number('/p') }, { name: 'trade' })
const tradeLayout = layoutOf(trade)

const twoShapes = json.oneOf('/e', {
  trade: { price: json.number('/p') },
  quote: { bid: json.number('/b'), ask: json.number('/a') },
})

function setupTrades(options: { capacity?: number; start?: number; maxBatch?: number } = {}) {
  const setup = new ReaderSetup(options.capacity, options.start)
  const sink = setup.attach(3, trade, options.maxBatch === undefined ? {} : { maxBatch: options.maxBatch })
  const put = (price: number, rxTimeNs = 1): boolean =>
    setup.producer.row(3, 0, encodeRow(tradeLayout, { price }, setup.symbols, { handle: 3, rxTimeNs }))
  return { setup, sink, put }
}

const pricesOf = (batch: RowBatch): number[] => batch.toArray().map((row) => row['price'] as number)

describe('row', () => {
  it('reads every kind of field', () => {
    const setup = new ReaderSetup()
    const sink = setup.attach(0, everything)
    setup.producer.row(0, 0, encodeRow(layout, full, setup.symbols, { rxTimeNs: 123.5, kernelTimeNs: 99 }))
    setup.producer.publish()
    sink.rows = (batch) => {
      for (const value of batch) {
        const row = value as unknown as Row<FieldsOfRow>
        sink.log.push(+row.exact, `${row.exact}`, row.shape)
        const { asks, bids } = row
        sink.log.push(asks.price(0), asks.size(0), String(asks.sizeDecimal(0)))
        expect(() => asks.price(1)).toThrow(RangeError)
        expect(() => asks.price(-1)).toThrow(RangeError)
        expect(() => asks.price(0.5)).toThrow(RangeError)
        sink.log.push(
          [...bids].length,
          Array.from(bids, ({ price, size }) => price * size),
        )
        sink.log.push(row.toJSON())
      }
    }
    expect(setup.drain()).toBe(1)
    const kept = sink.log.pop() as Record<string, unknown>
    expect(sink.log).toEqual([0.3513, '0.35130000', 'row', 1.5, -7, '-7', 2, [3, 4.199999999999999]])
    expect(JSON.parse(JSON.stringify({ ...kept, id: String(kept['id']) }))).toEqual({
      rxTimeNs: 123.5,
      kernelTimeNs: 99,
      symbol: 'BTCUSDT',
      price: 0.3513,
      exact: '0.35130000',
      id: '9223372036854775807',
      small: -9_007_199_254_740_991,
      ok: true,
      note: 'naïve "text" ☃',
      bids: [
        { price: 1.5, size: 2 },
        { price: 1.4, size: 3 },
      ],
      asks: [{ price: '1.50', size: '-7' }],
      maybeNumber: 0,
      maybeText: '',
      maybeLevels: [],
    })
  })

  it('reads absent optional fields as null, each by its own bit', () => {
    const setup = new ReaderSetup()
    const sink = setup.attach(0, everything)
    for (const absent of ['maybeNumber', 'maybeText', 'maybeLevels']) {
      setup.producer.row(0, 0, encodeRow(layout, { ...full, [absent]: null }, setup.symbols))
    }
    setup.producer.publish()
    setup.drain()
    const nulls = sink.log.map((row) =>
      Object.entries(row as object).flatMap(([name, value]) => (value === null ? [name] : [])),
    )
    expect(nulls).toEqual([['maybeNumber'], ['maybeText'], ['maybeLevels']])
  })

  it('reads presence bits beyond 32', () => {
    const fields = Object.fromEntries(
      Array.from({ length: 64 }, (_, i) => [`f${i}`, json.number(`/f${i}`, { optional: true })]),
    )
    const decoder = json(fields)
    const wide = layoutOf(decoder)
    const setup = new ReaderSetup()
    const sink = setup.attach(0, decoder)
    const values = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`f${i}`, i % 3 === 0 ? i : null]))
    setup.producer.row(0, 0, encodeRow(wide, values, setup.symbols))
    setup.producer.publish()
    setup.drain()
    expect(sink.log).toEqual([{ ...values, rxTimeNs: 1, kernelTimeNs: 0 }])
  })

  it('reads int64 as number only where that is exact', () => {
    const setup = new ReaderSetup()
    const decoder = json({ small: json.int64('/i', { as: 'number' }) })
    const sink = setup.attach(0, decoder)
    const values = [
      0n,
      -1n,
      2n ** 32n,
      -(2n ** 32n) - 1n,
      2n ** 53n - 1n,
      -(2n ** 53n) + 1n,
      2n ** 53n,
      2n ** 63n - 1n,
      -(2n ** 63n),
    ]
    for (const small of values) {
      setup.producer.row(0, 0, encodeRow(layoutOf(decoder), { small }, setup.symbols))
    }
    setup.producer.publish()
    setup.drain()
    const read = sink.log.map((row) => (row as { small: number }).small)
    expect(read).toEqual([
      0,
      -1,
      2 ** 32,
      -(2 ** 32) - 1,
      2 ** 53 - 1,
      -(2 ** 53) + 1,
      Number.NaN,
      Number.NaN,
      Number.NaN,
    ])
  })

  it('hands out the same string for a symbol every time', () => {
    const setup = new ReaderSetup()
    const decoder = json({ symbol: json.symbol('/s') })
    const sink = setup.attach(0, decoder)
    for (const symbol of ['A', 'é☃', 'A', '', 'A']) {
      setup.producer.row(0, 0, encodeRow(layoutOf(decoder), { symbol }, setup.symbols))
    }
    setup.producer.publish()
    setup.drain()
    expect(sink.log.map((row) => (row as { symbol: string }).symbol)).toEqual(['A', 'é☃', 'A', '', 'A'])
  })
})

describe('batch', () => {
  it('is one object whose iterator and row are reused', () => {
    const { setup, sink, put } = setupTrades()
    for (let i = 0; i < 3; i++) put(i)
    setup.producer.publish()
    sink.rows = (batch) => {
      const iterator = batch[Symbol.iterator]()
      const first = iterator.next()
      const row = first.value
      expect(iterator.next()).toBe(first)
      expect(first.value).toBe(row)
      expect(batch[Symbol.iterator]()).toBe(iterator)
      sink.log.push(batch)
    }
    setup.drain()
    put(8)
    put(9)
    setup.producer.publish()
    setup.drain()
    expect(sink.log).toHaveLength(2)
    expect(sink.log[1]).toBe(sink.log[0])
  })

  it('can be iterated again, left early, counted and asked for its last row', () => {
    const { setup, sink, put } = setupTrades()
    for (let i = 1; i <= 4; i++) put(i)
    setup.producer.publish()
    sink.rows = (batch) => {
      for (const row of batch) {
        sink.log.push((row as unknown as { price: number }).price)
        break
      }
      sink.log.push(batch.length, pricesOf(batch), (batch.last() as unknown as { price: number }).price, batch.length)
    }
    expect(setup.drain()).toBe(4)
    expect(sink.log).toEqual([1, 4, [1, 2, 3, 4], 4, 4])
  })

  it('passes over rows that nobody looked at', () => {
    const { setup, sink, put } = setupTrades()
    for (let i = 1; i <= 4; i++) put(i)
    setup.producer.gap(3, 5n)
    setup.producer.publish()
    sink.rows = () => {}
    expect(setup.drain()).toBe(4)
    expect(sink.log).toEqual([{ gap: { lost: 5, timeNs: 1 } }])
    expect(setup.producer.used).toBe(0)
  })

  it('is empty once it was handed over', () => {
    const { setup, sink, put } = setupTrades()
    put(1)
    setup.producer.publish()
    let kept: RowBatch | undefined
    sink.rows = (batch) => {
      kept = batch
    }
    setup.drain()
    put(2)
    setup.producer.publish()
    expect(kept?.length).toBe(0)
    expect([...(kept as RowBatch)]).toEqual([])
    expect(kept?.last()).toBeUndefined()
  })

  it('holds at most what the feed allows', () => {
    const { setup, sink, put } = setupTrades({ maxBatch: 3 })
    for (let i = 1; i <= 7; i++) put(i)
    setup.producer.publish()
    sink.rows = (batch) => void sink.log.push([batch.length, pricesOf(batch)])
    setup.drain()
    expect(sink.log).toEqual([
      [3, [1, 2, 3]],
      [3, [4, 5, 6]],
      [1, [7]],
    ])
  })

  it('keeps the order of shapes and feeds', () => {
    const setup = new ReaderSetup()
    const log: unknown[] = []
    const shapes = rowInternals(twoShapes).compiled.map((shape) => shape.layout)
    for (const handle of [0, 1]) {
      const sink = setup.attach(handle, twoShapes)
      sink.rows = (batch) => void log.push([handle, batch.shape, batch.length])
    }
    const put = (handle: number, shape: number): void => {
      const values = shape === 0 ? { price: 1 } : { bid: 1, ask: 2 }
      setup.producer.row(handle, shape, encodeRow(shapes[shape] as never, values, setup.symbols))
    }
    for (const [handle, shape] of [
      [0, 0],
      [0, 0],
      [0, 1],
      [1, 1],
      [1, 1],
      [1, 0],
      [0, 0],
    ] as const)
      put(handle, shape)
    setup.producer.publish()
    expect(setup.drain()).toBe(7)
    expect(log).toEqual([
      [0, 'trade', 2],
      [0, 'quote', 1],
      [1, 'quote', 2],
      [1, 'trade', 1],
      [0, 'trade', 1],
    ])
  })
})

describe('reader', () => {
  it('refuses memory that is no ring of its version', () => {
    expect(
      () =>
        new RingReader(
          new ArrayBuffer(256 + 65_536),
          () => 0,
          () => {},
        ),
    ).toThrow(expect.objectContaining({ code: 'ERR_TICKWIRE_RING' }))
  })

  it('does not go on over a record that cannot be', () => {
    const { setup, put } = setupTrades()
    put(1)
    setup.reader.views.i32[64] = 12
    setup.producer.publish()
    expect(() => setup.drain()).toThrow(expect.objectContaining({ code: 'ERR_TICKWIRE_RING' }))
  })

  it('sees nothing before it is published', () => {
    const { setup, sink, put } = setupTrades()
    put(1)
    expect(setup.drain()).toBe(0)
    setup.producer.publish()
    put(2)
    expect(setup.drain()).toBe(1)
    setup.producer.publish()
    expect(setup.drain()).toBe(1)
    expect(sink.log).toHaveLength(2)
  })

  it('passes over feeds that it does not know', () => {
    const { setup, sink, put } = setupTrades()
    setup.producer.message(9, 'stray')
    put(1)
    setup.reader.detach(3)
    setup.producer.publish()
    expect(setup.drain()).toBe(0)
    expect(sink.log).toEqual([])
    expect(setup.producer.used).toBe(0)
  })

  it('goes on at the front of the ring when it is told to', () => {
    for (const start of [0, 0xffff_ff00]) {
      const { setup, sink, put } = setupTrades({ start })
      const seen: number[] = []
      sink.rows = (batch) => seen.push(...pricesOf(batch))
      let price = 0
      let restarts = 0
      // Places of restarts all over the ring, with whole laps in between.
      for (let round = 0; round < 300; round++) {
        for (let i = 0; i < 1 + ((round * 7) % 90); i++) put(price++)
        setup.producer.publish()
        setup.reader.drain(10_000, Number.POSITIVE_INFINITY)
        if (round % 3 === 0) restarts += setup.producer.restart() ? 1 : 0
        else if (round % 3 === 1) expect(put(price++)).toBe(true)
      }
      setup.producer.publish()
      setup.reader.drain(10_000, Number.POSITIVE_INFINITY)
      expect(seen).toEqual(Array.from({ length: price }, (_, i) => i))
      expect(setup.producer.used).toBe(0)
      expect(restarts).toBeGreaterThan(20)
      // A feed with the number that such records carry does not see them.
      expect(sink.log).toEqual([])
    }
  })

  it('hands over at most as many rows as asked for', () => {
    const { setup, sink, put } = setupTrades()
    for (let i = 1; i <= 5; i++) put(i)
    setup.producer.publish()
    expect([setup.drain(2), setup.drain(0), setup.drain(1), setup.drain(10), setup.drain(1)]).toEqual([2, 0, 1, 2, 0])
    expect(sink.log).toHaveLength(5)
  })

  it('stops when its time is up', () => {
    const { setup, sink, put } = setupTrades({ maxBatch: 1 })
    for (let i = 1; i <= 5; i++) put(i)
    setup.producer.publish()
    sink.rows = () => {
      setup.timeNs += 600_000
    }
    expect(setup.reader.drain(100, 1_000_000)).toBe(2)
    expect(setup.reader.drain(100, 1_000_000)).toBe(2)
    expect(setup.reader.drain(100, 1_000_000)).toBe(1)
  })

  it('gives space back while it drains, and tells a core that waits for it', () => {
    const { setup, sink, put } = setupTrades({ capacity: 262_144, maxBatch: 64 })
    while (put(1));
    setup.producer.publish()
    setup.producer.announceStarved()
    const used: number[] = []
    sink.rows = () => void used.push(setup.producer.used)
    setup.drain()
    expect(Math.min(...used)).toBeLessThan(70_000)
    expect(setup.producer.used).toBe(0)
    expect(setup.nudges).toBe(1)
    expect(setup.producer.starved).toBe(false)
  })

  it('sleeps only when nothing waits', () => {
    const { setup, put } = setupTrades()
    expect(setup.reader.sleep()).toBe(true)
    expect(setup.producer.sleeping).toBe(true)
    put(1)
    expect(setup.producer.publish()).toBe(true)
    expect(setup.producer.sleeping).toBe(false)
    put(2)
    expect(setup.producer.publish()).toBe(false)
    expect(setup.reader.sleep()).toBe(false)
    expect(setup.producer.sleeping).toBe(false)
    setup.drain()
    expect(setup.reader.sleep()).toBe(true)
  })

  it('is not drained from inside a listener', () => {
    const { setup, sink, put } = setupTrades({ maxBatch: 1 })
    put(1)
    put(2)
    setup.producer.publish()
    sink.rows = (batch) => void sink.log.push(setup.drain(), pricesOf(batch))
    expect(setup.drain()).toBe(2)
    expect(sink.log).toEqual([0, [1], 0, [2]])
  })

  it('stands still in front of a batch that is held', () => {
    const { setup, sink, put } = setupTrades({ maxBatch: 2 })
    for (let i = 1; i <= 5; i++) put(i)
    setup.producer.publish()
    let held: RowBatch | undefined
    sink.holding = true
    sink.rows = (batch) => {
      held = batch
    }
    expect(setup.drain()).toBe(2)
    expect(setup.reader.held).toBe(true)
    const before = setup.producer.used
    expect(setup.drain()).toBe(0)
    expect(pricesOf(held as RowBatch)).toEqual([1, 2])
    setup.reader.release(sink)
    expect(setup.producer.used).toBeLessThan(before)
    expect(held?.length).toBe(0)
    setup.drain()
    expect(pricesOf(held as RowBatch)).toEqual([3, 4])
    setup.reader.detach(3)
    expect(setup.reader.held).toBe(false)
    expect(setup.drain()).toBe(0)
    expect(setup.producer.used).toBe(0)
  })

  it('reads control records', () => {
    const { setup, sink } = setupTrades()
    const { producer } = setup
    producer.state(3, 'connected', 'reconnecting', {
      error: 300,
      attempt: 70_000,
      detail: -5,
      delayMs: 12.5,
      text: 'é',
      timeNs: 7,
    })
    producer.state(3, 'reconnecting', 'disconnected')
    producer.gap(3, 2n ** 33n + 1n, 8)
    producer.malformed(3, 'wrongType', {
      shape: 2,
      field: -1,
      length: 99,
      sample: Uint8Array.of(1, 2, 3),
      suppressed: 4,
    })
    producer.malformed(3, 'notText', { field: 500 })
    producer.pong(3, 1.5e6)
    producer.publish()
    setup.drain()
    expect(sink.log).toEqual([
      {
        state: {
          timeNs: 7,
          from: 'connected',
          to: 'reconnecting',
          error: 300,
          attempt: 70_000,
          detail: -5,
          delayMs: 12.5,
          text: 'é',
        },
      },
      {
        state: {
          timeNs: 1,
          from: 'reconnecting',
          to: 'disconnected',
          error: 0,
          attempt: 0,
          detail: 0,
          delayMs: null,
          text: '',
        },
      },
      { gap: { lost: 2 ** 33 + 1, timeNs: 8 } },
      {
        malformed: {
          timeNs: 1,
          why: 'wrongType',
          shape: 2,
          field: -1,
          length: 99,
          sample: Uint8Array.of(1, 2, 3),
          suppressed: 4,
        },
      },
      {
        malformed: {
          timeNs: 1,
          why: 'notText',
          shape: 0,
          field: 500,
          length: 0,
          sample: new Uint8Array(),
          suppressed: 0,
        },
      },
      { pong: { timeNs: 1, rttNs: 1.5e6 } },
    ])
  })

  it('counts the latency of every row and message', () => {
    const { setup, sink, put } = setupTrades()
    put(1, setup.timeNs - 1_000)
    put(2, setup.timeNs - 500)
    setup.producer.publish()
    setup.drain()
    const { nativeToJs } = sink.stats.snapshot().latency
    expect(nativeToJs.count).toBe(2)
    expect(nativeToJs.meanNs).toBe(1_000)
  })

  it('has handles up to 65535', () => {
    const setup = new ReaderSetup()
    const sink = setup.attach(65_535, trade)
    setup.producer.row(65_535, 0, encodeRow(tradeLayout, { price: 4 }, setup.symbols))
    setup.producer.publish()
    expect(setup.drain()).toBe(1)
    expect(sink.log).toEqual([{ price: 4, rxTimeNs: 1, kernelTimeNs: 0 }])
  })
})

describe('message', () => {
  it('is text or bytes as the decoder says, whatever came', () => {
    const setup = new ReaderSetup()
    const texts = setup.attach(0, text())
    const binaries = setup.attach(1, bytes())
    const data = new TextEncoder().encode('x☃')
    for (const handle of [0, 1]) {
      setup.producer.message(handle, 'x☃', 5, 3)
      setup.producer.message(handle, data)
      setup.producer.message(handle, '')
    }
    setup.producer.publish()
    for (const sink of [texts, binaries]) {
      sink.messages = (message) => {
        const { data: payload, isBinary, byteLength, rxTimeNs, kernelTimeNs } = message
        sink.log.push([
          typeof payload === 'string' ? payload : [...payload],
          isBinary,
          byteLength,
          rxTimeNs,
          kernelTimeNs,
        ])
        expect(message.memory.subarray(message.byteOffset, message.byteOffset + byteLength)).toEqual(
          Buffer.from(message.copy()),
        )
      }
    }
    expect(setup.drain()).toBe(6)
    expect(texts.log).toEqual([
      ['x☃', false, 4, 5, 3],
      ['x☃', true, 4, 1, 0],
      ['', false, 0, 1, 0],
    ])
    expect(binaries.log).toEqual([
      [[...data], false, 4, 5, 3],
      [[...data], true, 4, 1, 0],
      [[], false, 0, 1, 0],
    ])
  })

  it('shares the memory of the ring, and copies on demand', () => {
    const setup = new ReaderSetup()
    const sink = setup.attach(0, bytes())
    setup.producer.message(0, Uint8Array.of(1, 2))
    setup.producer.publish()
    sink.messages = (message) => {
      expect(message.bytes().buffer).toBe(setup.reader.views.u8.buffer)
      expect(message.copy().buffer).not.toBe(setup.reader.views.u8.buffer)
    }
    setup.drain()
  })
})
