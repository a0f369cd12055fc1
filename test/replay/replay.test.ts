/** Captures played into the API of feeds. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytes, Feed, json, text } from 'tickwire'
import { sbe } from 'tickwire/sbe'
import { afterEach, describe, expect, it } from 'vitest'
import { type CaptureRecord, CaptureWriter, openCapture, Recorder } from '../../dist/esm/capture/index.js'
import { replay } from '../../dist/esm/replay/index.js'
import { binance } from '../../dist/esm/venue/binance/index.js'
import { until } from '../e2e/waiting.ts'
import { binanceRecords } from '../mock/recorded.ts'
import { startWsServer } from '../peers/ws-server.ts'
import { chance, cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { Bytes, message as encodeSbe } from '../sbe/encode.ts'

afterEach(cleanUp)

const [market] = binance.market({ symbols: ['BTCUSDT', 'ETHUSDT'] })
const decode = (market as NonNullable<typeof market>).decode
const records = [...binanceRecords({ updates: 200 })]
const texts = records.flatMap((record) => (record.type === 'received' ? [Buffer.from(record.data).toString()] : []))
const second = 1_000_000_000n

const message = (timeNs: bigint, data: string, connection = 0, binary = false): CaptureRecord => ({
  type: 'received',
  timeNs,
  connection,
  binary,
  data: Buffer.from(data),
})
const opened = (connection: number, url: string, timeNs = 0n): CaptureRecord => ({
  type: 'open',
  timeNs,
  connection,
  url,
})

function file(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'tickwire-replay-'))
  onCleanUp(() => rmSync(directory, { recursive: true }))
  return join(directory, name)
}

/** Values as JSON has them, exact decimals as text, big integers too. */
const plain = (rows: readonly object[]): unknown =>
  JSON.parse(JSON.stringify(rows, (_key, value) => (typeof value === 'bigint' ? `${value}n` : value)))

describe('rows', () => {
  it('are those that a feed makes of the same messages, in the same order, with the recorded times', async () => {
    await using server = await startWsServer({
      onConnection: (socket) => {
        for (const each of texts) socket.send(each)
      },
    })
    await using feed = new Feed({ url: server.url, decode })
    const live: object[] = []
    feed.on('rows', (batch) => {
      for (const row of batch) {
        const { rxTimeNs: _rx, kernelTimeNs: _kernel, ...fields } = row.toObject()
        live.push({ shape: row.shape, ...fields })
      }
    })
    await feed.open()
    await until(
      () => feed.stats().messages === texts.length && live.length === Number(feed.stats().rows),
      'all has come',
    )

    const played = replay(records, { decode, speed: 'max' })
    const rows: object[] = []
    const trades: number[] = []
    played.on('rows', (batch) => {
      for (const row of batch) {
        const { rxTimeNs: _rx, kernelTimeNs: _kernel, ...fields } = row.toObject()
        rows.push({ shape: row.shape, ...fields })
      }
    })
    played.on('rows:trades', (batch) => {
      for (const row of batch) trades.push(row.rxTimeNs)
    })
    const stats = await played.run()
    expect(plain(rows)).toEqual(plain(live))
    const expected = records.flatMap((record) =>
      record.type === 'received' && Buffer.from(record.data).toString().includes('@aggTrade')
        ? [Number(record.timeNs)]
        : [],
    )
    expect(trades).toEqual(expected)
    expect(stats).toMatchObject({ records: records.length, messages: texts.length, malformed: 0, lost: 0 })
  })

  it('come by iteration as well, a batch at a time', async () => {
    const prices: string[] = []
    for await (const batch of replay(records, { decode, speed: 'max' })) {
      if (batch.shape === 'trades') for (const row of batch) prices.push(`${row.symbol} ${row.price}`)
    }
    expect(prices).toHaveLength(40)
    const some: string[] = []
    const played = replay(records, { decode, speed: 'max' })
    for await (const batch of played) {
      some.push(batch.shape)
      if (some.length === 3) break
    }
    expect(some).toHaveLength(3)
    await expect(played.run()).rejects.toMatchObject({ code: 'ERR_TICKWIRE_ITERATING' })
  })

  it('of several elements in a message are one run, and messages of any size pass', async () => {
    const each = json({ price: json.number('/p') }, { each: '/data', maxRows: 100_000 })
    const many = JSON.stringify({ data: Array.from({ length: 50_000 }, (_, p) => ({ p })) })
    const lengths: number[] = []
    let sum = 0
    for await (const batch of replay(
      [message(1n, '{"data":[{"p":1},{"p":2}]}'), message(2n, many), message(3n, '{"data":[]}')],
      { decode: each, speed: 'max' },
    )) {
      lengths.push(batch.length)
      for (const row of batch) sum += row.price
    }
    expect(lengths).toEqual([2, 50_000])
    expect(sum).toBe(3 + (49_999 * 50_000) / 2)
  })

  it('of a recording are those of the feed that was recorded, with its times of receipt', async () => {
    const path = file('capture')
    const writer = await CaptureWriter.create(path)
    const recorder = new Recorder(writer)
    await using server = await startWsServer({
      onConnection: (socket) => {
        for (const each of texts) socket.send(each)
      },
    })
    const feed = new Feed({ url: server.url, decode, record: recorder })
    const live: [string, number][] = []
    feed.on('rows', (batch) => {
      for (const row of batch) live.push([row.shape, row.rxTimeNs])
    })
    await feed.open()
    await until(
      () => feed.stats().messages === texts.length && live.length === Number(feed.stats().rows),
      'all has come',
    )
    await feed.close()
    recorder.close()
    await writer.close()
    const rows: [string, number][] = []
    const events: string[] = []
    const played = replay(path, { decode, speed: 'max' })
    played.on('open', ({ url }) => events.push(`open ${url}`))
    played.on('disconnect', ({ code }) => events.push(`disconnect ${code}`))
    played.on('close', (error) => events.push(`close ${error}`))
    for await (const batch of played) for (const row of batch) rows.push([row.shape, row.rxTimeNs])
    expect(rows.map(([shape]) => shape)).toEqual(live.map(([shape]) => shape))
    const offset = (rows[0]?.[1] ?? 0) - (live[0]?.[1] ?? 0)
    for (const [at, [, time]] of rows.entries())
      expect(Math.abs(time - (live[at]?.[1] ?? 0) - offset)).toBeLessThan(1_000)
    expect(events).toEqual([`open ${server.url}/`, 'disconnect 1000', 'close null'])
  })
})

describe('SBE', () => {
  it('is decoded as by a feed; text is not taken for it', async () => {
    const xml = readFileSync(new URL('../sbe/orders.xml', import.meta.url), 'utf8')
    const decoder = sbe(xml, {
      message: 'Fills',
      each: 'fills',
      fields: {
        symbol: sbe.symbol('symbol', { from: 'root' }),
        id: sbe.int64('id', { as: 'number' }),
        amount: sbe.decimal('amount'),
      },
    })
    const rest = new Bytes().u16(8).u8(2)
    for (const id of [5, 6])
      rest
        .u32(id)
        .i32(id * 100)
        .u16(2)
        .u32(0)
        .text8('me')
    rest.u16(17).u32(0)
    const data = encodeSbe(
      { schema: 91, version: 3, template: 2 },
      new Bytes().i8(-2).i64(1n).done(),
      rest.text8('AB').done(),
    )
    const rows: unknown[] = []
    const played = replay([{ ...message(9n, ''), binary: true, data } as CaptureRecord, message(10n, '{}')], {
      decode: decoder,
      speed: 'max',
    })
    played.on('rows', (batch) => {
      for (const row of batch) rows.push([row.symbol, row.id, String(row.amount), row.rxTimeNs])
    })
    expect(await played.run()).toMatchObject({ messages: 2, malformed: 1 })
    expect(rows).toEqual([
      ['AB', 5, '5.00', 9],
      ['AB', 6, '6.00', 9],
    ])
  })
})

describe('messages', () => {
  it('undecoded are byte for byte what was recorded', async () => {
    const recorded = [message(1n, 'text'), message(2n, '\u0001\u0002', 0, true), message(3n, '')]
    const seen: unknown[] = []
    for await (const each of replay(recorded, { decode: bytes(), speed: 'max' }))
      seen.push([Buffer.from(each.data).toString(), each.isBinary, each.rxTimeNs])
    expect(seen).toEqual([
      ['text', false, 1],
      ['\u0001\u0002', true, 2],
      ['', false, 3],
    ])
    const asText: string[] = []
    await replay(recorded, { decode: text(), speed: 'max' })
      .on('message', ({ data }) => asText.push(data))
      .run()
    expect(asText).toEqual(['text', '\u0001\u0002', ''])
  })

  it('that the schema refuses, what was sent, answered and lost: all are told', async () => {
    const told: unknown[] = []
    const played = replay(
      [
        opened(0, 'wss://a'),
        { type: 'sent', timeNs: 1n, connection: 0, binary: false, data: Buffer.from('subscribe') },
        message(2n, '{"s":"A","p":"x"}'),
        message(3n, 'nonsense'),
        { type: 'lost', timeNs: 4n, count: 7 },
        { type: 'answer', timeNs: 5n, url: 'https://a/depth', data: Buffer.from('{}') },
      ],
      { decode: json({ s: json.symbol('/s'), p: json.decimal('/p') }), speed: 'max' },
    )
    played.on('sent', ({ url, data }) => told.push(['sent', url, Buffer.from(data).toString()]))
    played.on('malformed', ({ why, field, sample, timeNs }) =>
      told.push(['malformed', typeof why, field, Buffer.from(sample).toString(), timeNs]),
    )
    played.on('gap', ({ lost }) => told.push(['gap', lost]))
    played.on('answer', ({ url, body }) => told.push(['answer', url, Buffer.from(body).toString()]))
    expect(await played.run()).toMatchObject({ messages: 2, malformed: 2, lost: 7, batches: 0, timeNs: 5n })
    expect(told).toEqual([
      ['sent', 'wss://a', 'subscribe'],
      ['malformed', 'string', 'p', '{"s":"A","p":"x"}', 2n],
      ['malformed', 'string', null, 'nonsense', 3n],
      ['gap', 7],
      ['answer', 'https://a/depth', '{}'],
    ])
  })
})

describe('order', () => {
  it('is that of the times, over connections and captures, however they were written', async () => {
    const random = chance(11)
    const all = Array.from({ length: 3_000 }, (_, i) => message(BigInt(i) * 1_000_000n, String(i), i % 3))
    const captures = [0, 1, 2].map((at) => {
      const own = all.filter((_, i) => i % 3 === at)
      // Out of order by up to half a second.
      return own
        .map((record) => ({ record, key: Number(record.timeNs) + random() * 500e6 }))
        .sort((a, b) => a.key - b.key)
        .map(({ record }) => record)
    })
    expect(captures[0]).not.toEqual(all.filter((_, i) => i % 3 === 0))
    const seen: string[] = []
    for await (const each of replay(captures, { decode: text(), speed: 'max' })) seen.push(each.data)
    expect(seen).toEqual(all.map((_, i) => String(i)))
    const mixed: string[] = []
    for await (const each of replay(captures[0] ?? [], {
      decode: text(),
      speed: 'max',
      window: 500,
    }))
      mixed.push(each.data)
    expect(mixed).toEqual(all.flatMap((_, i) => (i % 3 === 0 ? [String(i)] : [])))
  })

  it('keeps what has the same time as it was written', async () => {
    const recorded = Array.from({ length: 100 }, (_, i) => message(5n, String(i)))
    const seen: string[] = []
    for await (const each of replay(recorded, { decode: text(), speed: 'max' })) seen.push(each.data)
    expect(seen).toEqual(recorded.map((_, i) => String(i)))
  })

  it('begins and ends where it is wanted, for the connections that are wanted', async () => {
    const recorded: CaptureRecord[] = [opened(0, 'wss://a/x'), opened(1, 'wss://b/y')]
    for (let i = 0; i < 20; i++) recorded.push(message(BigInt(i) * second, `${i}`, i % 2))
    const data = async (options: object): Promise<string[]> => {
      const seen: string[] = []
      for await (const each of replay(recorded, { decode: text(), speed: 'max', ...options })) seen.push(each.data)
      return seen
    }
    const numbers = (from: number, to: number, step = 1): string[] =>
      Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => String(from + i * step))
    expect(await data({ from: 5n * second })).toEqual(numbers(5, 20))
    expect(await data({ to: new Date(4_000) })).toEqual(numbers(0, 5))
    expect(await data({ from: new Date(3_000), to: 7n * second })).toEqual(numbers(3, 8))
    expect(await data({ url: 'wss://b/y' })).toEqual(numbers(1, 20, 2))
    expect(await data({ url: /a\/x$/g, from: 10n * second })).toEqual(numbers(10, 20, 2))
    expect(await data({ url: (url: string) => url.startsWith('wss://c') })).toEqual([])
    expect(await data({ from: 100n * second })).toEqual([])
  })
})

describe('rhythm', () => {
  it('is the recorded one, or so many times faster', async () => {
    const recorded = Array.from({ length: 11 }, (_, i) => message(BigInt(i) * 200_000_000n, String(i)))
    const times: number[] = []
    const start = performance.now()
    for await (const _ of replay(recorded, { decode: text(), speed: 10 })) times.push(performance.now() - start)
    for (const [at, time] of times.entries()) expect(time).toBeGreaterThanOrEqual(at * 20 - 2 + (times[0] ?? 0) - 1)
    expect(times.at(-1)).toBeLessThan(2_000)
  })

  it('may change on the way', async () => {
    const recorded = Array.from({ length: 1_000 }, (_, i) => message(BigInt(i) * second, String(i)))
    const played = replay(recorded, { decode: text(), speed: 100 })
    let count = 0
    const start = performance.now()
    for await (const _ of played) if (++count === 5) played.setSpeed('max')
    expect(count).toBe(1_000)
    expect(performance.now() - start).toBeLessThan(3_000)
    expect(() => played.setSpeed(0)).toThrow(RangeError)
  })

  it('leaves others their turns, and ends by a signal while it waits', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const many = Array.from({ length: 100_000 }, (_, i) => message(BigInt(i), '{}'))
    await replay(many, { decode: text(), speed: 'max' }).run()
    clearInterval(timer)
    expect(turns).toBeGreaterThan(3)
    const controller = new AbortController()
    const slow = replay([message(0n, 'a'), message(3_600n * second, 'b')], {
      decode: text(),
      signal: controller.signal,
    })
    const seen: string[] = []
    const closed: unknown[] = []
    slow.on('message', ({ data }) => seen.push(data))
    slow.on('close', (error) => closed.push(error))
    const run = slow.run()
    await until(() => seen.length === 1, 'the first has come')
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(run).rejects.toBe(reason)
    expect(seen).toEqual(['a'])
    expect(closed).toEqual([reason])
  })
})

describe('what is wrong', () => {
  it.each([
    [{}, 'decode'],
    [{ decode: text(), speed: -1 }, 'speed'],
    [{ decode: text(), from: 'now' }, 'from'],
    [{ decode: text(), to: new Date(Number.NaN) }, 'to'],
    [{ decode: text(), url: 7 }, 'url'],
    [{ decode: text(), surprise: 1 }, 'surprise'],
  ])('in options is named', (options, field) => {
    expect(() => replay(records, options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_TICKWIRE_CONFIG', message: expect.stringContaining(field) }),
    )
  })

  it('with a capture ends it', async () => {
    expect(() => replay([] as never, { decode: text() })).toThrow(expect.objectContaining({ code: 'ERR_CAPTURE_OPEN' }))
    await expect(replay('/nowhere', { decode: text() }).run()).rejects.toMatchObject({ code: 'ERR_CAPTURE_OPEN' })
    const path = file('capture')
    await using writer = await CaptureWriter.create(path, { unixOffsetNs: 7n * second })
    for (const record of records.slice(0, 50)) writer.write(record)
    await writer.close()
    const reader = await openCapture(path)
    const times: bigint[] = []
    const played = replay(reader, { decode: text(), speed: 'max' })
    played.on('open', ({ timeNs }) => times.push(timeNs))
    await played.run()
    // The reader's offset counts.
    expect(times).toEqual([(records[0]?.timeNs ?? 0n) + 7n * second])
    await expect(replay(reader, { decode: text(), speed: 'max' }).run()).rejects.toMatchObject({
      code: 'ERR_CAPTURE_CLOSED',
    })
  })
})
