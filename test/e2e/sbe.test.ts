import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { Decimal, Feed, type FeedOptions, type Malformed, type SbeDecoder } from 'tickwire'
import { sbe } from 'tickwire/sbe'
import { describe, expect, it } from 'vitest'
import { startWsServer } from '../peers/ws-server.ts'
import { Bytes, message } from '../sbe/encode.ts'
import { until } from './waiting.ts'

type Values = Record<string, unknown>

interface Taken {
  readonly rows: Values[]
  readonly malformed: Malformed[]
  readonly stats: ReturnType<Feed['stats']>
}

/** Serves messages, and collects what a decoder makes of them. */
async function take(
  messages: readonly (string | Uint8Array)[],
  decode: SbeDecoder,
  options: Omit<FeedOptions<SbeDecoder>, 'url' | 'decode'> = {},
): Promise<Taken> {
  await using server = await startWsServer({
    onConnection: (socket) => {
      for (const each of messages) socket.send(each)
    },
  })
  await using feed = new Feed({ url: server.url, decode, samples: { interval: 0 }, ...options })
  const rows: Values[] = []
  const malformed: Malformed[] = []
  feed.on('rows', (batch) => {
    for (const row of batch) rows.push({ shape: batch.shape, ...plain(row.toObject()) })
  })
  feed.on('malformed', (sample) => {
    malformed.push(sample)
  })
  await feed.open()
  await until(() => feed.stats().messages === messages.length, 'all messages have come')
  // Records come in order: once the closing is through, all of them have been handed over.
  await feed.close()
  return { rows, malformed, stats: feed.stats() }
}

/** A row without its times, decimals as their text. */
function plain(object: object): Values {
  const { rxTimeNs: _rx, kernelTimeNs: _kernel, ...rest } = object as Values
  return Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, plainValue(value)]))
}

function plainValue(value: unknown): unknown {
  if (value instanceof Decimal) return value.toString()
  if (!Array.isArray(value)) return value
  return value.map(({ price, size }) => ({ price: plainValue(price), size: plainValue(size) }))
}

/** mantissa × 10^exponent as text with all its decimals, by other means than the core's. */
function scaled(mantissa: bigint, exponent: number): string {
  if (exponent >= 0) return String(mantissa * 10n ** BigInt(exponent))
  const digits = String(mantissa < 0n ? -mantissa : mantissa).padStart(1 - exponent, '0')
  return `${mantissa < 0n ? '-' : ''}${digits.slice(0, exponent)}.${digits.slice(exponent)}`
}

const orders = readFileSync(new URL('../sbe/orders.xml', import.meta.url), 'utf8')
const schema = 91

interface Order {
  readonly when: bigint
  readonly number: bigint
  readonly small: number
  readonly middle: number
  readonly count: number
  readonly ratio: number
  readonly part: number
  readonly price: bigint
  readonly exponent: number
  readonly fee: bigint
  readonly code: string
  readonly side: 'B' | 'S' | 'X'
  readonly state: number
  readonly open: boolean
  readonly flags: number
  readonly later: bigint
  readonly version: number
  readonly more: number
  readonly symbol: string
  readonly note: string
  readonly blob: Uint8Array
}

const orderDecoder = sbe(orders, {
  message: 'Order',
  fields: {
    symbol: sbe.symbol('symbol'),
    when: sbe.int64('when.time'),
    unit: sbe.int64('when.unit', { as: 'number' }),
    number: sbe.int64('number'),
    numberNear: sbe.number('number'),
    small: sbe.number('small', { optional: true }),
    middle: sbe.int64('middle', { as: 'number' }),
    middlePercent: sbe.decimal('middle', { exponent: -2 }),
    count: sbe.int64('count', { optional: true }),
    ratio: sbe.number('ratio', { optional: true }),
    part: sbe.number('part'),
    price: sbe.decimal('price'),
    priceNear: sbe.number('price'),
    fee: sbe.decimal('fee', { optional: true }),
    code: sbe.text('code'),
    codeSymbol: sbe.symbol('code'),
    side: sbe.symbol('side'),
    state: sbe.symbol('state'),
    stateNumber: sbe.number('state'),
    open: sbe.bool('open'),
    real: sbe.bool('real'),
    realName: sbe.symbol('real'),
    maker: sbe.bool('flags.maker'),
    hidden: sbe.bool('flags.hidden'),
    later: sbe.int64('later', { optional: true }),
    note: sbe.text('note', { optional: true }),
  },
})

function encodeOrder(o: Order): Buffer {
  const block = new Bytes()
    .u64(o.when)
    .u64(o.number)
    .i8(o.small)
    .zeros(3)
    .i16(o.middle)
    .u32(o.count)
    .f64(o.ratio)
    .f32(o.part)
    .i64(o.price)
    .i8(o.exponent)
    .i64(o.fee)
    .bytes(Buffer.from(o.code.padEnd(4, '\0'), 'latin1'))
    .bytes(Buffer.from(o.side, 'latin1'))
    .i16(o.state)
    .u8(o.open ? 1 : 0)
    .u16(o.flags)
  if (o.version >= 2) block.i64(o.later)
  // A newer sender's block may go on; an older one has nothing there.
  if (o.version > 3) block.zeros(o.more)
  const rest = new Bytes().text8(o.symbol).text16(o.note)
  if (o.version >= 3) rest.u16(o.blob.length).bytes(o.blob)
  if (o.version > 3) rest.zeros(o.more)
  return message({ schema, version: o.version, template: 1 }, block.done(), rest.done())
}

function expectedOrder(o: Order): Values {
  return {
    shape: 'row',
    symbol: o.symbol,
    when: o.when,
    unit: 9,
    number: o.number,
    numberNear: Number(o.number),
    small: o.small === -128 ? null : o.small,
    middle: o.middle,
    middlePercent: scaled(BigInt(o.middle), -2),
    count: o.count === 4_000_000_000 ? null : BigInt(o.count),
    ratio: Number.isNaN(o.ratio) ? null : o.ratio,
    part: Math.fround(o.part),
    price: scaled(o.price, o.exponent),
    priceNear: Number(`${o.price}e${o.exponent}`),
    fee: o.fee === -(2n ** 63n) ? null : scaled(o.fee, -9),
    code: o.code,
    codeSymbol: o.code,
    side: o.side === 'B' ? 'Buy' : o.side === 'S' ? 'Sell' : '88',
    state: o.state === -2 ? 'Gone' : o.state === 300 ? 'Open' : String(o.state),
    stateNumber: o.state,
    open: o.open,
    real: true,
    realName: 'True',
    maker: (o.flags & 1) !== 0,
    hidden: (o.flags & 512) !== 0,
    later: o.version >= 2 ? o.later : null,
    note: o.note === '' ? null : o.note,
  }
}

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const orderValues: fc.Arbitrary<Order> = fc
  .record({
    when: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    number: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    small: fc.integer({ min: -128, max: 127 }),
    middle: fc.integer({ min: -32_768, max: 32_767 }),
    count: fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constant(4_000_000_000)),
    ratio: fc.double(),
    part: fc.float({ noNaN: true }),
    price: int64,
    exponent: fc.integer({ min: -18, max: 0 }),
    fee: fc.oneof(int64, fc.constant(-(2n ** 63n))),
    code: fc.stringMatching(/^[A-Z]{0,4}$/),
    side: fc.constantFrom('B', 'S', 'X'),
    state: fc.oneof(fc.constantFrom(-2, 300), fc.integer({ min: -32_768, max: 32_767 })),
    open: fc.boolean(),
    flags: fc.integer({ min: 0, max: 65_535 }),
    later: int64,
    version: fc.integer({ min: 0, max: 5 }),
    more: fc.integer({ min: 0, max: 40 }),
    symbol: fc.stringMatching(/^[A-Z0-9]{1,20}$/),
    note: fc.string({ unit: 'grapheme', maxLength: 60 }),
    blob: fc.uint8Array({ maxLength: 30 }),
  })
  // Beyond what a decimal holds; that is refused, and a case of its own below.
  .map((order) => (order.price === -(2n ** 63n) ? { ...order, price: 1n } : order))

describe('SBE from a server', () => {
  it('gives rows equal to the values that were encoded', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(orderValues, { minLength: 1, maxLength: 60 }), async (values) => {
        const { rows, stats, malformed } = await take(values.map(encodeOrder), orderDecoder)
        expect(malformed).toEqual([])
        expect(rows).toEqual(values.map(expectedOrder))
        expect(stats.malformed).toBe(0)
      }),
      { numRuns: 25 },
    )
  })

  interface Fill {
    readonly id: number
    readonly amount: number
    readonly legs: readonly string[]
    readonly owner: string
  }
  interface Fills {
    readonly scale: number
    readonly total: bigint
    readonly fills: readonly Fill[]
    readonly levels: readonly { readonly price: bigint; readonly size: bigint }[]
    readonly symbol: string
    readonly more: number
  }
  const fillsValues: fc.Arbitrary<Fills> = fc.record({
    scale: fc.integer({ min: -9, max: 0 }),
    total: int64,
    fills: fc.array(
      fc.record({
        id: fc.integer({ min: 0, max: 0xffff_ffff }),
        amount: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        legs: fc.array(fc.stringMatching(/^[a-z]{0,9}$/), { maxLength: 4 }),
        owner: fc.stringMatching(/^[a-z]{0,20}$/),
      }),
      { maxLength: 8 },
    ),
    levels: fc.array(
      fc.record({
        price: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
        size: fc.bigInt({ min: 0n, max: 2n ** 62n }),
      }),
      { maxLength: 70 },
    ),
    symbol: fc.constantFrom('A', 'BTCUSDT', 'a-name-longer-than-sixteen'),
    more: fc.integer({ min: 0, max: 9 }),
  })
  const sizeExponent = -3
  const encodeFills = ({ scale, total, fills, levels, symbol, more }: Fills): Buffer => {
    const rest = new Bytes().u16(8 + more).u8(fills.length)
    for (const { id, amount, legs, owner } of fills) {
      rest.u32(id).i32(amount).zeros(more)
      rest.u16(2 + more).u32(legs.length)
      for (const leg of legs) rest.u16(7).zeros(more).text8(leg)
      rest.text8(owner)
    }
    rest.u16(17 + more).u32(levels.length)
    for (const { price, size } of levels) rest.i64(price).i64(size).i8(sizeExponent).zeros(more)
    const block = new Bytes().i8(scale).i64(total).zeros(more)
    return message({ schema, version: 3, template: 2 }, block.done(), rest.text8(symbol).done())
  }

  it('gives a row for each entry of a group', { timeout: 60_000 }, async () => {
    const decoder = sbe(orders, {
      message: 'Fills',
      name: 'fill',
      each: 'fills',
      fields: {
        symbol: sbe.symbol('symbol', { from: 'root' }),
        total: sbe.int64('total', { from: 'root' }),
        id: sbe.int64('id', { as: 'number' }),
        amount: sbe.decimal('amount'),
        amountNear: sbe.number('amount'),
        owner: sbe.symbol('owner'),
        ownerText: sbe.text('owner'),
      },
    })
    await fc.assert(
      fc.asyncProperty(fc.array(fillsValues, { minLength: 1, maxLength: 40 }), async (values) => {
        const { rows, malformed } = await take(values.map(encodeFills), decoder)
        expect(malformed).toEqual([])
        expect(rows).toEqual(
          values.flatMap(({ scale, total, fills, symbol }) =>
            fills.map(({ id, amount, owner }) => ({
              shape: 'fill',
              symbol,
              total,
              id,
              amount: scaled(BigInt(amount), scale),
              amountNear: Number(`${amount}e${scale}`),
              owner,
              ownerText: owner,
            })),
          ),
        )
      }),
      { numRuns: 15 },
    )
  })

  it('gives a group as levels, cut where they are too many', { timeout: 60_000 }, async () => {
    const max = 33
    const decoder = sbe(orders, {
      message: 'Fills',
      fields: {
        symbol: sbe.symbol('symbol'),
        near: sbe.levels('levels', { price: 'price', size: 'size', max }),
        exact: sbe.levels('levels', { price: 'price', size: 'size', exact: true }),
      },
    })
    await fc.assert(
      fc.asyncProperty(fc.array(fillsValues, { minLength: 1, maxLength: 40 }), async (values) => {
        const { rows, malformed, stats } = await take(values.map(encodeFills), decoder)
        expect(malformed).toEqual([])
        expect(rows).toEqual(
          values.map(({ scale, levels, symbol }) => ({
            shape: 'row',
            symbol,
            near: levels.slice(0, max).map(({ price, size }) => ({
              price: Number(`${price}e${scale}`),
              size: Number(`${size}e${sizeExponent}`),
            })),
            exact: levels.map(({ price, size }) => ({
              price: scaled(price, scale),
              size: scaled(size, sizeExponent),
            })),
          })),
        )
        const cut = values.reduce((sum, { levels }) => sum + Math.max(0, levels.length - max), 0)
        expect(stats.levelsCut).toBe(cut)
      }),
      { numRuns: 15 },
    )
  })

  it('skips and counts by kind what it cannot take, with a sample', async () => {
    const decoder = sbe.oneOf(
      orders,
      {
        order: {
          message: 'Order',
          fields: {
            n: sbe.int64('number'),
            price: sbe.decimal('price'),
            small: sbe.int64('small'),
            open: sbe.bool('open'),
            symbol: sbe.symbol('symbol'),
            note: sbe.text('note', { maxBytes: 4 }),
          },
        },
        fill: { message: 'Fills', each: 'fills', fields: { id: sbe.int64('id') } },
      },
      { maxRows: 3 },
    )
    const good: Order = {
      when: 1n,
      number: 7n,
      small: 1,
      middle: 2,
      count: 3,
      ratio: 4,
      part: 5,
      price: 6n,
      exponent: -2,
      fee: 7n,
      code: 'AB',
      side: 'B',
      state: 300,
      open: true,
      flags: 0,
      later: 8n,
      version: 3,
      more: 0,
      symbol: 'S',
      note: 'abcd',
      blob: new Uint8Array(3),
    }
    const whole = encodeOrder(good)
    const changed = (at: number, ...bytes: number[]): Buffer => {
      const copy = Buffer.from(whole)
      copy.set(bytes, at)
      return copy
    }
    const fills: Fills = { scale: 0, total: 0n, fills: [], levels: [], symbol: '', more: 0 }
    const fill: Fill = { id: 1, amount: 1, legs: [], owner: '' }
    const groupAt = 8 + 9
    const counted = (count: number): Buffer => {
      const copy = encodeFills(fills)
      copy.writeUInt8(count, groupAt + 2)
      return copy
    }
    const cases: Record<string, (string | Buffer)[]> = {
      truncated: [
        ...Array.from({ length: whole.length }, (_, i) => whole.subarray(0, i)),
        counted(90),
        changed(0, 255, 255),
      ],
      notBinary: ['{"result":null}'],
      wrongSchema: [changed(4, 92)],
      unknownShape: [changed(2, 9)],
      outOfRange: [changed(8 + 8, 0, 0, 0, 0, 0, 0, 0, 128), changed(8 + 46, 236), changed(8 + 62, 2), counted(101)],
      missing: [
        changed(8 + 16, 128),
        message({ schema, version: 3, template: 1 }, Buffer.alloc(8), new Bytes().text8('S').text16('').u16(0).done()),
      ],
      tooLong: [encodeOrder({ ...good, note: 'abcde' })],
      utf8: [changed(8 + 73 + 1, 255), changed(8 + 73 + 2 + 2, 255)],
      tooManyRows: [encodeFills({ ...fills, fills: Array.from({ length: 4 }, () => fill) })],
    }
    const messages = [...Object.values(cases).flat(), whole]
    const { rows, malformed, stats } = await take(messages, decoder)
    const by = Object.fromEntries(Object.entries(stats.malformedBy).filter(([, count]) => count > 0))
    const expected = Object.fromEntries(Object.entries(cases).map(([kind, all]) => [kind, all.length]))
    expect(by).toEqual(expected)
    expect(rows).toEqual([{ shape: 'order', n: 7n, price: '0.06', small: 1n, open: true, symbol: 'S', note: 'abcd' }])
    expect(malformed.length).toBe(messages.length - 1)
    const sampleOf = (why: string): Malformed | undefined => malformed.find((sample) => sample.why === why)
    expect(sampleOf('missing')).toMatchObject({ shape: 'order', field: 'small' })
    expect(sampleOf('tooLong')).toMatchObject({ shape: 'order', field: 'note' })
    expect(sampleOf('wrongSchema')).toMatchObject({ shape: null, field: null })
  })

  it('leaves out other templates and text when told to', async () => {
    const decoder = sbe(orders, {
      message: 'Fills',
      fields: { total: sbe.int64('total') },
      otherwise: 'ignore',
      text: 'ignore',
    })
    const fills: Fills = { scale: 0, total: 5n, fills: [], levels: [], symbol: '', more: 0 }
    const other = message({ schema, template: 1 }, Buffer.alloc(2))
    const { rows, stats } = await take(['{"id":1}', other, encodeFills(fills)], decoder)
    expect(rows).toEqual([{ shape: 'row', total: 5n }])
    expect(stats).toMatchObject({ malformed: 0, ignored: 2 })
  })

  it('conflates by a symbol', async () => {
    const values = Array.from({ length: 40 }, (_, i) => BigInt(i))
    const fills = (total: bigint): Fills => ({
      scale: 0,
      total,
      fills: [],
      levels: [],
      symbol: `S${total % 2n}`,
      more: 0,
    })
    const decoder = sbe(orders, {
      message: 'Fills',
      fields: { symbol: sbe.symbol('symbol'), total: sbe.int64('total') },
    })
    const { rows } = await take(
      values.map((total) => encodeFills(fills(total))),
      decoder,
      { overflow: 'conflate' },
    )
    const last = (symbol: string) => rows.filter((row) => row['symbol'] === symbol).at(-1)
    expect([last('S0'), last('S1')]).toEqual([
      { shape: 'row', symbol: 'S0', total: 38n },
      { shape: 'row', symbol: 'S1', total: 39n },
    ])
  })
})

const published = new URL('../../../shared/schemas/binance-stream-1-0.xml', import.meta.url)
const isThere = existsSync(published)
const isDemanded = process.env['TICKWIRE_REQUIRE_CAPTURES'] === '1'
const title =
  isThere || isDemanded ? 'Binance market data' : `Binance market data (left out: there is no ${published.pathname})`

describe.skipIf(!isThere && !isDemanded)(title, () => {
  const xml = isThere ? readFileSync(published, 'utf8') : ''
  const levels = { price: 'price', size: 'qty', exact: true } as const
  const depth = {
    symbol: sbe.symbol('symbol'),
    time: sbe.int64('eventTime'),
    bids: sbe.levels('bids', levels),
    asks: sbe.levels('asks', levels),
  }

  /** Reads by hand, at the offsets that the schema comes to. */
  function readByHand(bytes: Buffer): Values[] {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const body = 8
    const behind = body + view.getUint16(0, true)
    const symbolAt = (at: number): string => bytes.toString('utf8', at + 1, at + 1 + view.getUint8(at))
    const time = view.getBigInt64(body, true)
    const entries = (at: number): { list: { price: bigint; size: bigint }[]; end: number } => {
      const [block, count] = [view.getUint16(at, true), view.getUint16(at + 2, true)]
      const list = Array.from({ length: count }, (_, i) => ({
        price: view.getBigInt64(at + 4 + i * block, true),
        size: view.getBigInt64(at + 4 + i * block + 8, true),
      }))
      return { list, end: at + 4 + count * block }
    }
    const book = (exponents: number) => {
      const [price, size] = [view.getInt8(exponents), view.getInt8(exponents + 1)]
      const bids = entries(behind)
      const asks = entries(bids.end)
      const of = ({ list }: typeof bids) =>
        list.map((level) => ({ price: scaled(level.price, price), size: scaled(level.size, size) }))
      return { symbol: symbolAt(asks.end), time, bids: of(bids), asks: of(asks) }
    }
    switch (view.getUint16(2, true)) {
      case 10_000: {
        const [price, size] = [view.getInt8(body + 16), view.getInt8(body + 17)]
        const [block, count] = [view.getUint16(behind, true), view.getUint32(behind + 2, true)]
        const symbol = symbolAt(behind + 6 + block * count)
        return Array.from({ length: count }, (_, i) => {
          const at = behind + 6 + i * block
          return {
            shape: 'trade',
            symbol,
            time,
            matched: view.getBigInt64(body + 8, true),
            id: view.getBigInt64(at, true),
            price: scaled(view.getBigInt64(at + 8, true), price),
            size: scaled(view.getBigInt64(at + 16, true), size),
            maker: view.getUint8(at + 24) === 1,
            best: true,
          }
        })
      }
      case 10_001: {
        const [price, size] = [view.getInt8(body + 16), view.getInt8(body + 17)]
        const value = (at: number): bigint => view.getBigInt64(body + at, true)
        return [
          {
            shape: 'quote',
            symbol: symbolAt(behind),
            time,
            update: value(8),
            bid: Number(`${value(18)}e${price}`),
            bidSize: scaled(value(26), size),
            ask: Number(`${value(34)}e${price}`),
            askSize: scaled(value(42), size),
          },
        ]
      }
      case 10_002:
        return [{ shape: 'snapshot', ...book(body + 16), update: view.getBigInt64(body + 8, true) }]
      default:
        return [
          {
            shape: 'diff',
            ...book(body + 24),
            first: view.getBigInt64(body + 8, true),
            last: view.getBigInt64(body + 16, true),
          },
        ]
    }
  }

  const exponent = fc.integer({ min: -12, max: 0 })
  const amount = fc.bigInt({ min: 0n, max: 2n ** 62n })
  const symbol = fc.constantFrom('BTCUSDT', 'ETHUSDT', '1000SATSUSDT', '币安人生USDT')
  const times = fc.bigInt({ min: 0n, max: 2n ** 60n })
  const side = fc.array(fc.tuple(amount, amount), { maxLength: 30 })
  const header = (template: number) => ({ schema: 1, template })
  const writeSide = (to: Bytes, list: readonly (readonly [bigint, bigint])[]): Bytes => {
    to.u16(16).u16(list.length)
    for (const [price, size] of list) to.i64(price).i64(size)
    return to
  }
  const quote = fc
    .tuple(times, times, exponent, exponent, amount, amount, amount, amount, symbol)
    .map(([time, update, p, s, bid, bidSize, ask, askSize, name]) =>
      message(
        header(10_001),
        new Bytes().i64(time).i64(update).i8(p).i8(s).i64(bid).i64(bidSize).i64(ask).i64(askSize).done(),
        new Bytes().text8(name).done(),
      ),
    )
  const trades = fc
    .tuple(
      times,
      times,
      exponent,
      exponent,
      fc.array(fc.tuple(times, amount, amount, fc.boolean()), { maxLength: 9 }),
      symbol,
    )
    .map(([time, matched, p, s, list, name]) => {
      const rest = new Bytes().u16(25).u32(list.length)
      for (const [id, price, size, maker] of list)
        rest
          .i64(id)
          .i64(price)
          .i64(size)
          .u8(maker ? 1 : 0)
      return message(header(10_000), new Bytes().i64(time).i64(matched).i8(p).i8(s).done(), rest.text8(name).done())
    })
  const snapshot = fc
    .tuple(times, times, exponent, exponent, side, side, symbol)
    .map(([time, update, p, s, bids, asks, name]) =>
      message(
        header(10_002),
        new Bytes().i64(time).i64(update).i8(p).i8(s).done(),
        writeSide(writeSide(new Bytes(), bids), asks).text8(name).done(),
      ),
    )
  const diff = fc
    .tuple(times, times, times, exponent, exponent, side, side, symbol)
    .map(([time, first, last, p, s, bids, asks, name]) =>
      message(
        header(10_003),
        new Bytes().i64(time).i64(first).i64(last).i8(p).i8(s).done(),
        writeSide(writeSide(new Bytes(), bids), asks).text8(name).done(),
      ),
    )

  it('equals what is read by hand', { timeout: 60_000 }, async () => {
    const decoder = sbe.oneOf(xml, {
      trade: {
        message: 'TradesStreamEvent',
        each: 'trades',
        fields: {
          symbol: sbe.symbol('symbol', { from: 'root' }),
          time: sbe.int64('eventTime', { from: 'root' }),
          matched: sbe.int64('transactTime', { from: 'root' }),
          id: sbe.int64('id'),
          price: sbe.decimal('price'),
          size: sbe.decimal('qty'),
          maker: sbe.bool('isBuyerMaker'),
          best: sbe.bool('isBestMatch'),
        },
      },
      quote: {
        message: 'BestBidAskStreamEvent',
        fields: {
          symbol: sbe.symbol('symbol'),
          time: sbe.int64('eventTime'),
          update: sbe.int64('bookUpdateId'),
          bid: sbe.number('bidPrice'),
          bidSize: sbe.decimal('bidQty'),
          ask: sbe.number('askPrice'),
          askSize: sbe.decimal('askQty'),
        },
      },
      snapshot: {
        message: 'DepthSnapshotStreamEvent',
        fields: { ...depth, update: sbe.int64('bookUpdateId') },
      },
      diff: {
        message: 'DepthDiffStreamEvent',
        fields: { ...depth, first: sbe.int64('firstBookUpdateId'), last: sbe.int64('lastBookUpdateId') },
      },
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(quote, trades, snapshot, diff), { minLength: 1, maxLength: 80 }),
        async (messages) => {
          const { rows, malformed } = await take(messages, decoder)
          expect(malformed).toEqual([])
          expect(rows).toEqual(messages.flatMap(readByHand))
        },
      ),
      { numRuns: 20 },
    )
  })
})
