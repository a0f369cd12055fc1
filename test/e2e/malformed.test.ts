import {
  bytes,
  Feed,
  type FeedOptions,
  type JsonDecoder,
  json,
  Loop,
  type Malformed,
  type MalformedKind,
  never,
  text,
} from 'tickwire'
import { describe, expect, it } from 'vitest'
import { startWsServer } from '../peers/ws-server.ts'
import { until } from './waiting.ts'

type Options = Omit<FeedOptions<JsonDecoder>, 'url' | 'decode'>

interface Taken {
  readonly rows: Record<string, unknown>[]
  readonly malformed: Malformed[]
  readonly stats: ReturnType<Feed['stats']>
}

/** Serves messages, and collects what a decoder makes of them. `end` has to be the last row's `n`. */
async function take(
  messages: readonly (string | Uint8Array)[],
  decode: JsonDecoder,
  options: Options = {},
): Promise<Taken> {
  await using server = await startWsServer({
    onConnection: (socket) => {
      for (const message of messages) socket.send(message)
    },
  })
  await using feed = new Feed({ url: server.url, decode, samples: { interval: 0 }, ...options })
  const rows: Record<string, unknown>[] = []
  const malformed: Malformed[] = []
  feed.on('rows', (batch) => {
    for (const row of batch) rows.push(values(row.toObject()))
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

/** A row without its times. */
function values(object: object): Record<string, unknown> {
  const { rxTimeNs: _rx, kernelTimeNs: _kernel, ...rest } = object as Record<string, unknown>
  return rest
}

const { number, int64, decimal, symbol, bool, levels } = json

describe('every kind of malformed message', () => {
  const plain = json({ n: number('/n'), s: json.text('/s', { optional: true, maxBytes: 8 }) })
  const shapes = json.oneOf('/e', { a: { n: number('/n') }, b: { n: number('/n') } })
  const nested = json({ n: number('/n') }, { maxDepth: 4 })
  const many = json({ n: number('/n') }, { each: '/d', maxRows: 2 })
  const goodOf = (decoder: JsonDecoder): string =>
    decoder === many ? '{"d":[{"n":7}]}' : decoder === shapes ? '{"e":"b","n":7}' : '{"n":7}'

  const cases: [MalformedKind, JsonDecoder, (string | Uint8Array)[], Partial<Malformed>][] = [
    ['syntax', plain, ['{"n":1,}', '{"n":01}', 'nothing', '{"n":1} x', "{'n':1}", '\ufeff{"n":1}'], { shape: null }],
    ['truncated', plain, ['{"n":1', '{"n', '[', '{"n":"abc'], { shape: null, field: null }],
    ['depth', nested, ['{"n":1,"x":[[[[1]]]]}', '['.repeat(1_000) + ']'.repeat(1_000)], { shape: null }],
    ['utf8', plain, ['{"n":1,"s":"\\ud800"}', '{"n":1,"s":"\\udc00x"}'], {}],
    [
      'wrongType',
      plain,
      ['{"n":true}', '{"n":[1]}', '{"n":{}}', '{"n":"1 "}', '{"n":""}', '{"n":"+1"}'],
      { field: 'n' },
    ],
    ['outOfRange', plain, ['{"n":1e999}', '{"n":"-1e400"}'], { shape: 'row', field: 'n' }],
    ['missing', plain, ['{}', '{"n":null}', '{"m":1}'], { shape: 'row', field: 'n' }],
    ['unknownShape', shapes, ['{"e":"c","n":1}', '{"n":1}', '{"e":null}', '{"e":{}}'], { shape: null, field: null }],
    ['tooLong', plain, ['{"n":1,"s":"123456789"}', '{"n":1,"s":"ääää5"}'], { shape: 'row', field: 's' }],
    ['tooManyRows', many, ['{"d":[{"n":1},{"n":2},{"n":3}]}'], { shape: 'row', field: null }],
    ['notText', plain, [Buffer.from('{"n":1}'), Buffer.alloc(0)], { shape: null, field: null }],
  ]

  it.each(cases)('%s is counted and shown, and the stream goes on', async (why, decoder, bad, details) => {
    const messages = bad.flatMap((message) => [goodOf(decoder), message])
    messages.push(goodOf(decoder))
    const { rows, malformed, stats } = await take(messages, decoder)
    expect(rows.map(({ n }) => n)).toEqual(Array(bad.length + 1).fill(7))
    expect(malformed.map((each) => each.why)).toEqual(Array(bad.length).fill(why))
    for (const [i, sample] of malformed.entries()) {
      const message = Buffer.from(bad[i] as string)
      expect(sample).toMatchObject({ ...details, length: message.length, suppressed: 0 })
      expect(Buffer.from(sample.sample).equals(message.subarray(0, 256))).toBe(true)
    }
    expect(stats).toMatchObject({ malformed: bad.length, rows: bad.length + 1, messages: messages.length })
    const nonzero = Object.entries(stats.malformedBy).filter(([, count]) => count > 0)
    expect(nonzero).toEqual([[why, bad.length]])
  })

  it('tooManySymbols: what is known already goes on', async () => {
    const loop = new Loop({ symbols: 2, symbolText: 1_024 })
    const decoder = json({ s: symbol('/s') })
    const messages = ['A', 'B', 'C', 'A', 'C', 'B'].map((s) => JSON.stringify({ s }))
    const { rows, malformed, stats } = await take(messages, decoder, { loop })
    await loop.close()
    expect(rows.map(({ s }) => s)).toEqual(['A', 'B', 'A', 'B'])
    expect(malformed).toMatchObject([
      { why: 'tooManySymbols', length: 9 },
      { why: 'tooManySymbols', length: 9 },
    ])
    expect(stats.malformedBy).toMatchObject({ tooManySymbols: 2 })
  })

  it('tooLong: also symbols of over 255 bytes', async () => {
    const decoder = json({ s: symbol('/s') })
    const messages = [255, 256, 254].map((length) => JSON.stringify({ s: 'x'.repeat(length) }))
    const { rows, malformed } = await take(messages, decoder)
    expect(rows.map(({ s }) => (s as string).length)).toEqual([255, 254])
    expect(malformed).toMatchObject([{ why: 'tooLong', field: 's' }])
  })
})

describe('samples', () => {
  it('are bounded in size', async () => {
    const message = `{"n":${'9'.repeat(10_000)}x}`
    for (const size of [0, 1, 100, 65_536]) {
      const { malformed } = await take([message], json({ n: number('/n') }), { samples: { bytes: size, interval: 0 } })
      expect(malformed.length).toBe(1)
      expect(malformed[0]?.length).toBe(message.length)
      expect(Buffer.from(malformed[0]?.sample ?? []).toString()).toBe(message.slice(0, size))
    }
  })

  it('are bounded in time, and the counters miss none', async () => {
    const messages = Array.from({ length: 5_000 }, (_, i) => (i % 10 === 0 ? `{"n":${i}}` : `bad ${i}`))
    const { rows, malformed, stats } = await take(messages, json({ n: number('/n') }), {
      samples: { interval: 3_600_000 },
    })
    expect(rows.length).toBe(500)
    expect(malformed.length).toBe(1)
    expect(Buffer.from(malformed[0]?.sample ?? []).toString()).toBe('bad 1')
    expect(stats).toMatchObject({ malformed: 4_500, samplesSuppressed: 4_499 })
  })

  it('tell how many had none of their own', async () => {
    const messages = Array.from({ length: 3_000 }, (_, i) => `bad ${i}`)
    const { malformed, stats } = await take([...messages, '{"n":1}'], json({ n: number('/n') }), {
      samples: { interval: 1 },
    })
    const told = malformed.reduce((sum, { suppressed }) => sum + suppressed, 0)
    expect(malformed.length).toBeGreaterThan(0)
    expect(told).toBeLessThanOrEqual(stats.samplesSuppressed)
    expect(malformed.length + stats.samplesSuppressed).toBe(3_000)
  })
})

describe('values that are not there', () => {
  it('optional fields read as null, missing or null alike; others refuse the message', async () => {
    const optional = { optional: true } as const
    const decoder = json({
      i: number('/i'),
      n: number('/n', optional),
      b: int64('/b', optional),
      d: decimal('/d', optional),
      s: symbol('/s', optional),
      t: json.text('/t', optional),
      f: bool('/f', optional),
      l: levels('/l', optional),
      x: levels('/l', { optional: true, exact: true }),
      deep: number('/o/p/0', optional),
    })
    const full = { i: 1, n: 0, b: 0, d: '0.0', s: '', t: '', f: false, l: [], o: { p: [0] } }
    const nulls = { i: 2, n: null, b: null, d: null, s: null, t: null, f: null, l: null, o: null }
    const messages = [full, nulls, { i: 3 }, { i: null }, {}, { ...full, i: 4 }].map((each) => JSON.stringify(each))
    const { rows, malformed } = await take(messages, decoder)
    expect(rows.map(({ d, ...row }) => ({ ...row, d: d === null ? null : String(d) }))).toEqual([
      { i: 1, n: 0, b: 0n, d: '0.0', s: '', t: '', f: false, l: [], x: [], deep: 0 },
      { i: 2, n: null, b: null, d: null, s: null, t: null, f: null, l: null, x: null, deep: null },
      { i: 3, n: null, b: null, d: null, s: null, t: null, f: null, l: null, x: null, deep: null },
      { i: 4, n: 0, b: 0n, d: '0.0', s: '', t: '', f: false, l: [], x: [], deep: 0 },
    ])
    expect(malformed).toMatchObject([
      { why: 'missing', field: 'i' },
      { why: 'missing', field: 'i' },
    ])
  })

  it('an unusable value of an optional field still refuses the message', async () => {
    const decoder = json({ n: number('/n', { optional: true }) })
    const { rows, malformed } = await take(['{"n":"x"}', '{"n":{}}', '{"n":1}'], decoder)
    expect(rows).toEqual([{ n: 1 }])
    expect(malformed.map(({ why, field }) => [why, field])).toEqual([
      ['wrongType', 'n'],
      ['wrongType', 'n'],
    ])
  })

  it('one unusable row refuses the message, not the ones around it', async () => {
    const decoder = json({ n: number('/n') }, { each: '' })
    const { rows, malformed } = await take(['[{"n":1},{"n":2}]', '[{"n":3},{}]', '[]', '[{"n":4}]'], decoder)
    expect(rows.map(({ n }) => n)).toEqual([1, 2, 4])
    expect(malformed).toMatchObject([{ why: 'missing', field: 'n' }])
  })

  it('levels beyond the maximum are cut and counted', async () => {
    const decoder = json({ l: levels('/l', { max: 3 }) })
    const side = (count: number) => JSON.stringify({ l: Array.from({ length: count }, (_, i) => [String(i), '1']) })
    const { rows, stats } = await take([side(2), side(3), side(10)], decoder)
    expect(rows.map(({ l }) => (l as { price: number }[]).map(({ price }) => price))).toEqual([
      [0, 1],
      [0, 1, 2],
      [0, 1, 2],
    ])
    expect(stats).toMatchObject({ levelsCut: 7, malformed: 0 })
  })
})

describe('messages that no shape wants', () => {
  const messages = ['{"e":"a","n":1}', '{"e":"other","n":2}', '{"n":3}', '{"e":7}', '{"e":"a","n":4}', 'bad']
  const variants = { a: { n: number('/n') } }

  it('are counted as malformed by default', async () => {
    const { rows, stats } = await take(messages, json.oneOf('/e', variants))
    expect(rows.map(({ n }) => n)).toEqual([1, 4])
    expect(stats).toMatchObject({ malformed: 4, ignored: 0 })
    expect(stats.malformedBy).toMatchObject({ unknownShape: 3, syntax: 1 })
  })

  it('are ignored when that is wanted; what is no JSON is still malformed', async () => {
    const { rows, stats, malformed } = await take(messages, json.oneOf('/e', variants, { otherwise: 'ignore' }))
    expect(rows.map(({ n }) => n)).toEqual([1, 4])
    expect(stats).toMatchObject({ malformed: 1, ignored: 3 })
    expect(malformed).toMatchObject([{ why: 'syntax' }])
  })

  it('can be given a shape when they name none', async () => {
    const decoder = json.oneOf('/e', variants, { absent: 'a', otherwise: 'ignore' })
    const { rows, stats } = await take(messages, decoder)
    expect(rows.map(({ n }) => n)).toEqual([1, 3, 4])
    expect(stats).toMatchObject({ malformed: 1, ignored: 2 })
  })
})

describe('undecoded messages', () => {
  const sent: (string | Buffer)[] = ['', 'a', 'ä€😀', 'x'.repeat(100_000), Buffer.from([0, 255, 128]), Buffer.alloc(0)]

  it('text() gives strings, and keeps what they were', async () => {
    await using server = await startWsServer({
      onConnection: (socket) => {
        for (const message of sent) socket.send(message)
      },
    })
    await using feed = new Feed({ url: server.url, decode: text() })
    const got: { data: string; isBinary: boolean; byteLength: number; copy: Uint8Array }[] = []
    feed.on('message', (message) => {
      const { data, isBinary, byteLength } = message
      expect(message.rxTimeNs).toBeGreaterThan(0)
      got.push({ data, isBinary, byteLength, copy: message.copy() })
    })
    await feed.open()
    await until(() => got.length === sent.length, 'all have come')
    for (const [i, message] of got.entries()) {
      const raw = Buffer.from(sent[i] as string)
      expect(message.data).toBe(raw.toString('utf8'))
      expect(message.isBinary).toBe(typeof sent[i] !== 'string')
      expect(message.byteLength).toBe(raw.length)
      expect(raw.equals(message.copy)).toBe(true)
    }
  })

  it('bytes() gives views of the ring; copies outlive them', async () => {
    await using server = await startWsServer({
      onConnection: (socket) => {
        for (let i = 0; i < 2_000; i++) socket.send(Buffer.alloc(10_000, i % 251))
      },
    })
    // A small ring: the memory behind the views is used again many times.
    await using loop = new Loop({ ring: 65_536 })
    await using feed = new Feed({ url: server.url, decode: bytes(), loop })
    const copies: Uint8Array[] = []
    let firstBuffer: ArrayBufferLike | undefined
    let shared = true
    feed.on('message', (message) => {
      firstBuffer ??= message.data.buffer
      shared &&= message.data.buffer === firstBuffer && message.memory.buffer === firstBuffer
      expect(message.memory[message.byteOffset]).toBe(message.data[0])
      copies.push(message.copy())
    })
    await feed.open()
    await until(() => copies.length === 2_000, 'all have come')
    expect(shared).toBe(true)
    expect(copies.every((copy, i) => copy.length === 10_000 && copy.every((byte) => byte === i % 251))).toBe(true)
  })
})

describe('async iteration', () => {
  it('holds the stream back: nothing is lost, nothing piles up', async () => {
    const count = 30_000
    await using server = await startWsServer({
      onConnection: (socket) => {
        for (let i = 0; i < count; i++) socket.send(`{"n":${i}}`)
      },
    })
    await using loop = new Loop({ ring: 65_536 })
    await using feed = new Feed({ url: server.url, decode: json({ n: number('/n') }), loop, batch: { rows: 64 } })
    await feed.open()
    let next = 0
    let batches = 0
    for await (const batch of feed) {
      // The consumer dawdles now and then: the batch must stay what it is.
      if (batches++ % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
      expect(batch.length).toBeLessThanOrEqual(64)
      for (const row of batch) {
        if (row.n !== next) expect(row.n).toBe(next)
        next += 1
      }
      if (next === count) break
    }
    expect(next).toBe(count)
    const stats = feed.stats()
    expect(stats).toMatchObject({ rows: count, dropped: 0, conflated: 0, malformed: 0 })
    expect(stats.pauses).toBeGreaterThan(0)
    expect(batches).toBeGreaterThanOrEqual(count / 64)
  })

  it('a consumer that rests stops the sender', async () => {
    const message = JSON.stringify({ n: 1, pad: 'x'.repeat(1_000) })
    const most = 200_000
    let sent = 0
    await using server = await startWsServer({
      onConnection: (socket) => {
        const pour = (): void => {
          while (sent < most && socket.bufferedAmount < 100_000) {
            socket.send(message)
            sent += 1
          }
          if (sent < most && socket.readyState === socket.OPEN) setTimeout(pour, 1)
        }
        pour()
      },
    })
    const decode = json({ n: number('/n'), pad: json.text('/pad') })
    await using feed = new Feed({ url: server.url, decode, recvBuffer: 16_384, socket: { recvBuffer: 16_384 } })
    await feed.open()
    const iterator = feed[Symbol.asyncIterator]()
    const first = await iterator.next()
    expect(first.done).toBe(false)
    // Until nothing moves any more: then the socket is unread and the sender stands still.
    await until(() => feed.stats().pauses > 0, 'the feed has stopped reading')
    let before = -1
    await until(() => {
      const same = sent === before
      before = sent
      return same
    }, 'the sender stands still')
    expect(sent).toBeLessThan(most)
    const held = feed.stats().rows
    expect(held).toBeLessThan(most)
    await iterator.next()
    await until(() => feed.stats().rows > held || sent > before, 'it goes on')
    await iterator.return?.()
  })

  it('ends with the feed, and throws its failure', async () => {
    await using server = await startWsServer({ onConnection: (socket) => socket.send('{"n":1}') })
    const decode = json({ n: number('/n') })
    const feed = new Feed({ url: server.url, decode })
    await feed.open()
    const seen: number[] = []
    for await (const batch of feed) {
      for (const row of batch) seen.push(row.n)
      void feed.close()
    }
    expect(seen).toEqual([1])
    await feed.close()
    expect(feed.state).toBe('disconnected')

    const failing = new Feed({ url: server.url, decode, reconnect: never() })
    await failing.open()
    const iterating = (async () => {
      for await (const batch of failing) {
        for (const row of batch) seen.push(row.n)
        for (const socket of server.clients) socket.close(4_321, 'go away')
      }
    })()
    await expect(iterating).rejects.toMatchObject({ code: 'ERR_WS_CLOSED', detail: 4_321 })
    expect(seen).toEqual([1, 1])
  })

  it('of undecoded messages works alike', async () => {
    await using server = await startWsServer({
      onConnection: (socket) => {
        for (let i = 0; i < 500; i++) socket.send(`message ${i}`)
      },
    })
    await using feed = new Feed({ url: server.url, decode: text() })
    await feed.open()
    const seen: string[] = []
    for await (const message of feed) {
      await Promise.resolve()
      seen.push(message.data)
      if (seen.length === 500) break
    }
    expect(seen).toEqual(Array.from({ length: 500 }, (_, i) => `message ${i}`))
  })
})
