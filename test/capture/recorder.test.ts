/** Recording of feeds, sessions and HTTP clients while they work. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exponential, Feed, json, text } from 'tickwire'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type CaptureRecord,
  CaptureWriter,
  openCapture,
  Recorder,
  type RecorderOptions,
} from '../../dist/esm/capture/index.js'
import { Redaction } from '../../dist/esm/capture/redact.js'
import { HttpClient } from '../../dist/esm/rest/index.js'
import { binanceSession, RequestSession } from '../../dist/esm/session/index.js'
import { BinanceAuth } from '../../dist/esm/sign/index.js'
import { until } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'
import { answer, cleanUp, onCleanUp, VenueServer } from '../rest/venue-server.ts'

afterEach(cleanUp)

/** A file, its writer and a recorder; `records` closes them and reads the file. */
async function recording(options: RecorderOptions = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'tickwire-recorder-'))
  onCleanUp(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'capture')
  const writer = await CaptureWriter.create(path)
  const recorder = new Recorder(writer, options)
  onCleanUp(() => recorder.close())
  const records = async (): Promise<CaptureRecord[]> => {
    recorder.close()
    await writer.close()
    const list: CaptureRecord[] = []
    for await (const record of await openCapture(path)) list.push(record)
    return list
  }
  return { recorder, writer, records }
}

const textOf = (record: CaptureRecord): string => ('data' in record ? Buffer.from(record.data).toString() : '')
const ofType = (records: readonly CaptureRecord[], type: CaptureRecord['type']): CaptureRecord[] =>
  records.filter((record) => record.type === type)

it('an address whose path is a key is recorded without it', () => {
  const redaction = new Redaction([])
  const listenKey = 'pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1'
  expect(redaction.url(`wss://fstream.example/private/ws/${listenKey}`)).toBe(
    'wss://fstream.example/private/ws/[secret]',
  )
  expect(redaction.url(`wss://x.example/${listenKey}?token=${listenKey}&a=1`)).not.toContain(listenKey)
  const open = 'wss://stream.example/ws/btcusdt@depth/ethusdt@kline_1m/bnbusdt@aggTrade'
  expect(redaction.url(open)).toBe(open)
})

describe('a feed', () => {
  it('goes on as without, and all of its traffic is in the file in its order', async () => {
    const { recorder, records } = await recording()
    await using server = await startWsServer({
      onConnection: (socket) => {
        socket.send('{"s":"A","p":1.5}')
        socket.send(Buffer.from([1, 2, 3]))
        socket.send('not json')
      },
    })
    const feed = new Feed({
      url: `${server.url}/path?listenKey=abcdef&x=1`,
      decode: json({ symbol: json.symbol('/s'), price: json.number('/p') }),
      subscribe: ['{"method":"SUBSCRIBE","id":1}', Buffer.from([9])],
      record: recorder,
    })
    const rows: string[] = []
    feed.on('rows', (batch) => {
      for (const row of batch) rows.push(`${row.symbol} ${row.price}`)
    })
    const before = BigInt(Date.now()) * 1_000_000n
    await feed.open()
    await until(() => feed.stats().messages === 3, 'all has come')
    feed.send('{"method":"LIST","id":2}')
    feed.sendBatch(['a', Buffer.from([7, 8])])
    await until(() => server.received.length === 5, 'all was sent')
    await feed.close(1000, 'done')
    expect(rows).toEqual(['A 1.5'])
    const all = await records()
    expect(
      all.map((record) => [
        record.type,
        'binary' in record ? record.binary : null,
        record.type === 'open' ? record.url : record.type === 'close' ? record.code : textOf(record),
      ]),
    ).toEqual([
      ['open', null, `${server.url}/path?listenKey=%5Bsecret%5D&x=1`],
      ['sent', false, '{"method":"SUBSCRIBE","id":1}'],
      ['sent', true, '\t'],
      ['received', false, '{"s":"A","p":1.5}'],
      ['received', true, '\u0001\u0002\u0003'],
      ['received', false, 'not json'],
      ['sent', false, '{"method":"LIST","id":2}'],
      ['sent', false, 'a'],
      ['sent', true, '\u0007\b'],
      ['close', null, 1000],
    ])
    // Unix times; the wall clock of a virtual machine may be set while the test runs.
    for (const { timeNs } of all) {
      expect(timeNs).toBeGreaterThan(before - 1_000_000_000n)
      expect(timeNs).toBeLessThan(BigInt(Date.now()) * 1_000_000n + 1_000_000_000n)
    }
    expect(recorder.stats()).toEqual({ records: 10, lost: 0, connections: 1, feeds: 0 })
  })

  it.each(['block', 'dropOldest'] as const)(
    'that is behind (%s) is recorded whole, each message once',
    async (overflow) => {
      const messages = Array.from({ length: 20_000 }, (_, i) => JSON.stringify({ i, pad: 'x'.repeat(i % 200) }))
      const { recorder, records } = await recording()
      await using server = await startWsServer({
        onConnection: (socket) => {
          for (const message of messages) socket.send(message)
        },
      })
      await using feed = new Feed({
        url: server.url,
        decode: text(),
        overflow,
        queue: { bytes: 65_536, ...(overflow === 'dropOldest' ? { pendingBytes: 65_536 } : {}) },
        limits: { maxMessage: 1_000 },
        record: recorder,
      })
      let seen = 0
      feed.on('message', () => seen++)
      await feed.open()
      await until(() => feed.stats().messages === messages.length, 'all has come')
      if (overflow === 'block') await until(() => seen === messages.length, 'all was handed over')
      expect(ofType(await records(), 'received').map(textOf)).toEqual(messages)
      expect(recorder.stats().lost).toBe(0)
    },
  )

  it('says in the file what was lost while this thread was busy', async () => {
    const messages = Array.from({ length: 3_000 }, (_, i) => `${i}:${'y'.repeat(100)}`)
    const { recorder, records } = await recording({ tapBytes: 65_536 })
    await using server = await startWsServer()
    await using feed = new Feed({ url: server.url, decode: text(), record: recorder })
    await feed.open()
    server.broadcast(...messages)
    // The server writes with the next turns of this thread; the core reads while it stands still.
    const end = performance.now() + 10_000
    while (feed.stats().messages < messages.length && performance.now() < end) {
      await new Promise(setImmediate)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    }
    const all = await records()
    const lost = ofType(all, 'lost').reduce((sum, record) => sum + (record.type === 'lost' ? record.count : 0), 0)
    const received = ofType(all, 'received').map(textOf)
    expect(lost).toBeGreaterThan(0)
    expect(received.length + lost).toBe(messages.length)
    expect(recorder.stats().lost).toBe(lost)
    // What is there is whole, and in order.
    const known = new Set(messages)
    for (const message of received) expect(known.has(message)).toBe(true)
    expect(received.map((message) => Number.parseInt(message, 10))).toEqual(
      [...received].map((message) => Number.parseInt(message, 10)).sort((a, b) => a - b),
    )
  })

  it('that connects anew has a connection of its own for each time', async () => {
    const { recorder, records } = await recording()
    await using server = await startWsServer({ onConnection: (socket, _request, n) => socket.send(String(n)) })
    await using feed = new Feed({
      url: server.url,
      decode: text(),
      reconnect: exponential({ first: 10, max: 10 }),
      record: recorder,
    })
    await feed.open()
    await until(() => feed.stats().messages === 1, 'the first has come')
    ;(await server.connection(0)).terminate()
    await until(() => feed.stats().messages === 2, 'the second has come')
    await feed.close()
    const all = await records()
    expect(all.map((record) => [record.type, 'connection' in record ? record.connection : null])).toEqual([
      ['open', 0],
      ['received', 0],
      ['close', 0],
      ['open', 1],
      ['received', 1],
      ['close', 1],
    ])
  })

  it('refuses what is no recorder', () => {
    for (const record of [{}, { tapBytes: 1_000, attach: () => {}, answer: () => {} }, 'file'])
      expect(() => new Feed({ url: 'ws://127.0.0.1:1', decode: text(), record: record as never })).toThrow(/record/)
  })
})

describe('secrets', () => {
  it.each([
    ['{"op":"login","args":[{"apiKey":"K1","passphrase":"P1","timestamp":"1","sign":"S1"}]}', ['K1', 'P1', 'S1']],
    ['{"op":"auth","args":["K2",1711010121452,"S2"]}', ['K2', 'S2', '1711010121452']],
    ['{"id":1,"method":"session.logon","params":{"apiKey":"K3","signature":"S3","timestamp":1}}', ['K3', 'S3']],
    ['{"method":"subscribe","params":{"channel":"executions","token":"T4"}}', ['T4']],
    ['{"type":"subscribe","channel":"user","jwt":"J5"}', ['J5']],
    ['{"weird":{"MySecret":["W6"]}}', ['W6']],
    ['broken {"signature":"S7"', ['S7']],
  ])('of %s are not in the file', async (message, secrets) => {
    const { recorder, records } = await recording({ secretFields: ['mysecret'] })
    await using server = await startWsServer()
    await using feed = new Feed({ url: server.url, decode: text(), subscribe: message, record: recorder })
    await feed.open()
    feed.send(message)
    await until(() => server.received.length === 2, 'it was sent')
    expect(server.received.map(({ data }) => data.toString())).toEqual([message, message])
    const sent = ofType(await records(), 'sent').map(textOf)
    expect(sent).toHaveLength(2)
    for (const each of sent) for (const secret of secrets) expect(each).not.toContain(secret)
  })

  it('of a session that signs are not in the file', async () => {
    const { recorder, records } = await recording()
    await using server = await startWsServer({
      onConnection: (socket) =>
        socket.on('message', (data) =>
          socket.send(JSON.stringify({ id: JSON.parse(String(data)).id, status: 200, result: {} })),
        ),
    })
    const auth = new BinanceAuth({ apiKey: 'ApiKey-77aa', secret: 'Secret-99bb' })
    const session = new RequestSession({
      url: server.url,
      protocol: binanceSession({ auth }),
      connection: { record: recorder },
    })
    onCleanUp(() => session.close())
    await session.open()
    await session.request('order.place', { symbol: 'BTCUSDT', quantity: '1' })
    const { signature } = JSON.parse(String(server.received[0]?.data)).params
    const [sent] = ofType(await records(), 'sent').map(textOf)
    expect(sent).toContain('"symbol":"BTCUSDT"')
    expect(sent).not.toContain('ApiKey-77aa')
    expect(sent).not.toContain(signature)
  })
})

describe('an HTTP client', () => {
  it('has addresses, without secrets, and bodies of its answers in the file', async () => {
    const { recorder, records } = await recording()
    const server = await VenueServer.start(answer(200, { lastUpdateId: 7 }))
    await using http = new HttpClient({ origin: server.origin, record: recorder })
    const response = await http.get('/api/v3/depth?symbol=A&signature=abc&timestamp=1')
    expect(response.json()).toEqual({ lastUpdateId: 7 })
    const [record] = await records()
    expect(record).toMatchObject({
      type: 'answer',
      url: `${server.origin}/api/v3/depth?symbol=A&signature=%5Bsecret%5D&timestamp=1`,
    })
    expect(textOf(record as CaptureRecord)).toBe('{"lastUpdateId":7}')
  })
})

describe('a recorder', () => {
  it('that is closed leaves its feeds alone', async () => {
    const { recorder, records } = await recording()
    await using server = await startWsServer()
    await using feed = new Feed({ url: server.url, decode: text(), record: recorder })
    await feed.open()
    server.broadcast('one')
    await until(() => feed.stats().messages === 1, 'it has come')
    recorder.close()
    server.broadcast('two')
    await until(() => feed.stats().messages === 2, 'it has come')
    feed.send('three')
    expect((await records()).map(textOf).filter((each) => each !== '')).toEqual(['one'])
  })

  it('refuses wrong options', async () => {
    const { writer } = await recording()
    for (const options of [{ tapBytes: 100_000 }, { interval: 0 }, { surprise: 1 }])
      expect(() => new Recorder(writer, options as never)).toThrow(
        expect.objectContaining({ code: 'ERR_TICKWIRE_CONFIG' }),
      )
    await writer.close()
  })
})
