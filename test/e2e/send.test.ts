import { setTimeout } from 'node:timers/promises'
import { bytes, Feed, FeedError, json, never, type Pong, text } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { localhostCertificates } from '../peers/certificates.ts'
import { silent } from '../peers/misbehaviours.ts'
import { Opcode, type RawConnection, startRawServer } from '../peers/raw-server.ts'
import { startWsServer } from '../peers/ws-server.ts'
import { until, within } from './waiting.ts'

const kib = 1024
const loops = ['park', 'spin', 'inline'] as const

/** Bytes that differ at every place and from size to size. */
function pattern(size: number): Buffer {
  const data = Buffer.alloc(size)
  for (let i = 0; i < size; i++) data[i] = (Math.imul(i + size, 0x9e37_79b1) >>> 13) & 0xff
  return data
}

function thrown(call: () => void): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

/** Sends with each call until one is refused, at most `most` times. Returns the refusal and how many were taken. */
function fill(
  feed: Feed,
  message: (n: number) => string | Uint8Array,
  most: number,
): { taken: number; error: unknown } {
  for (let n = 0; n < most; n++) {
    try {
      feed.send(message(n))
    } catch (error) {
      return { taken: n, error }
    }
  }
  return { taken: most, error: null }
}

describe('what is sent arrives', () => {
  it.each(loops)('text and binary of all sizes, in order (%s)', async (loop) => {
    const sizes = [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 125, 126, 127, 1_000, 65_535, 65_536, 65_537, 300_001, 1_048_576]
    const messages = sizes.flatMap((size): (string | Buffer)[] => [pattern(size), 'ä€😀x'.repeat(size / 10)])
    await using server = await startWsServer()
    await using feed = new Feed({ url: server.url, decode: bytes(), loop })
    await feed.open()
    for (const message of messages) feed.send(message)
    await until(() => server.received.length === messages.length, 'all messages have arrived')
    for (const [i, { data, binary }] of server.received.entries()) {
      const sent = messages[i] as string | Buffer
      expect(binary).toBe(typeof sent !== 'string')
      expect(data.equals(Buffer.from(sent as string)), `message ${i} of ${data.length} bytes`).toBe(true)
    }
    const stats = feed.stats()
    expect(stats.sent).toBe(messages.length)
    expect(stats.sentBytes).toBe(messages.reduce((sum, message) => sum + Buffer.byteLength(message), 0))
    await until(() => feed.sendQueueBytes === 0, 'the queue is empty')
  })

  it('the same with compression, and over TLS', async () => {
    const { authority, server: certificate } = localhostCertificates()
    await using server = await startWsServer({ tls: { ...certificate }, perMessageDeflate: true })
    await using feed = new Feed({ url: server.url, decode: text(), deflate: true, tls: { ca: authority.cert } })
    expect(await feed.open()).toMatchObject({ deflate: true, tlsVersion: 'TLSv1.3' })
    const messages = [0, 1, 1_023, 1_024, 70_000, 1_048_576].flatMap((size) => [pattern(size), 'abc'.repeat(size / 3)])
    for (const message of messages) feed.send(message)
    await until(() => server.received.length === messages.length, 'all messages have arrived')
    for (const [i, { data }] of server.received.entries()) {
      expect(data.equals(Buffer.from(messages[i] as string)), `message ${i}`).toBe(true)
    }
  })

  it('views of larger memory are sent as what they show', async () => {
    const memory = pattern(1_000)
    await using server = await startWsServer()
    await using feed = new Feed({ url: server.url, decode: bytes() })
    await feed.open()
    feed.send(memory.subarray(13, 113))
    feed.send(new Uint8Array(memory.buffer, memory.byteOffset + 500, 17))
    await until(() => server.received.length === 2, 'both have arrived')
    expect(server.received[0]?.data.equals(memory.subarray(13, 113))).toBe(true)
    expect(server.received[1]?.data.equals(memory.subarray(500, 517))).toBe(true)
    // What was sent is the user's again.
    const reused = Buffer.from('first')
    feed.send(reused)
    reused.write('later')
    await until(() => server.received.length === 3, 'the third has arrived')
    expect(server.received[2]?.data.toString()).toBe('first')
  })

  it('in batches, in their order', async () => {
    await using server = await startWsServer()
    await using feed = new Feed({ url: server.url, decode: bytes() })
    await feed.open()
    feed.send('before')
    feed.sendBatch(Array.from({ length: 500 }, (_, i) => (i % 3 === 0 ? pattern(i) : `message ${i}`)))
    feed.sendBatch([])
    feed.send('after')
    await until(() => server.received.length === 502, 'everything has arrived')
    expect(server.received[0]?.data.toString()).toBe('before')
    expect(server.received[501]?.data.toString()).toBe('after')
    for (let i = 0; i < 500; i++) {
      const { data, binary } = server.received[i + 1] as (typeof server.received)[number]
      expect(binary).toBe(i % 3 === 0)
      expect(data.equals(i % 3 === 0 ? pattern(i) : Buffer.from(`message ${i}`))).toBe(true)
    }
    expect(feed.stats().sent).toBe(502)
  })

  it('masked, each frame by a key of its own (RFC 6455 section 5.3)', async () => {
    // The server looks at the wire itself: a masking key that is constant or 0 shows.
    const keys = new Set<string>()
    const wire: Buffer[] = []
    await using server = await startRawServer(async (connection) => {
      await connection.accept()
      connection.socket.on('data', (chunk: Buffer) => wire.push(chunk))
      await connection.closed
    })
    await using feed = new Feed({ url: server.url, decode: text(), heartbeat: { ping: 0 }, timeouts: { close: 50 } })
    await feed.open()
    for (let i = 0; i < 100; i++) feed.send('0123456789')
    await until(() => (server.connections[0]?.frames.length ?? 0) >= 100, 'all frames have arrived')
    for (const received of server.connections[0]?.frames ?? []) {
      expect(received).toMatchObject({ masked: true, fin: true, rsv: 0, opcode: Opcode.text })
      expect(received.payload.toString()).toBe('0123456789')
    }
    const all = Buffer.concat(wire)
    for (let i = 0; i < 100; i++) keys.add(all.toString('hex', i * 16 + 2, i * 16 + 6))
    expect(keys.size).toBeGreaterThan(95)
  })

  it('what to subscribe comes first, after every reconnect', async () => {
    await using server = await startWsServer()
    const subscribe = ['first', pattern(300), 'third']
    await using feed = new Feed({ url: server.url, decode: text(), subscribe })
    feed.on('open', () => feed.send('after open'))
    await feed.open()
    for (let n = 0; n < 3; n++) {
      await until(() => server.received.filter(({ connection }) => connection === n).length === 4, `round ${n} is over`)
      const round = server.received.filter(({ connection }) => connection === n)
      expect(round.map(({ binary }) => binary)).toEqual([false, true, false, false])
      expect(round.map(({ data }) => data.toString('latin1'))).toEqual([
        'first',
        pattern(300).toString('latin1'),
        'third',
        'after open',
      ])
      if (n < 2) feed.reconnect()
    }
  })
})

describe('when the server does not read', () => {
  const limit = 256 * kib

  /** A server that reads nothing until it is told to. */
  async function stubborn() {
    let connection!: RawConnection
    const server = await startRawServer(async (accepted) => {
      connection = accepted
      await accepted.accept()
      accepted.socket.pause()
      await accepted.closed
    })
    const feed = new Feed({
      url: server.url,
      decode: text(),
      limits: { maxSendQueue: limit },
      heartbeat: { ping: 0 },
      timeouts: { close: 50 },
      socket: { sendBuffer: 16 * kib },
    })
    await feed.open()
    await until(() => connection?.socket.isPaused(), 'the server has stopped reading')
    return {
      feed,
      connection,
      async [Symbol.asyncDispose]() {
        await feed.close()
        await server.close()
      },
    }
  }

  const numbered = (n: number): string => `${n}:`.padEnd(1_000 + (n % 7) * 500, String(n % 10))

  it('the queue grows, refuses with its own code at its limit, and drains in order', async () => {
    await using pair = await stubborn()
    const { feed, connection } = pair
    expect(feed.sendQueueBytes).toBe(0)
    let { taken, error } = fill(feed, numbered, 100_000)
    // The kernel may take some more once it has made its buffers larger.
    for (let again = 0; again < 50 && feed.sendQueueBytes <= limit - 10_000; again++) {
      await setTimeout(20)
      const before = taken
      const more = fill(feed, (n) => numbered(before + n), 100_000)
      taken += more.taken
      error = more.error
    }
    expect(error).toBeInstanceOf(FeedError)
    expect(error).toMatchObject({ code: 'ERR_SEND_QUEUE_FULL', phase: 'user', feed: feed.name })
    expect(feed.sendQueueBytes).toBeGreaterThan(limit - 10_000)
    expect(feed.sendQueueBytes).toBeLessThanOrEqual(limit)
    // Refused is refused: the connection lives on, and what was refused is not sent after all.
    expect(feed.state).toBe('connected')
    expect(thrown(() => feed.send(pattern(10_000)))).toMatchObject({ code: 'ERR_SEND_QUEUE_FULL' })
    expect(feed.stats().sent).toBe(taken)

    connection.socket.resume()
    await until(() => feed.sendQueueBytes === 0, 'the queue has drained')
    feed.send('the last')
    await until(() => connection.frames.length === taken + 1, 'everything that was taken has arrived')
    for (const [n, received] of connection.frames.slice(0, taken).entries()) {
      expect(received.payload.equals(Buffer.from(numbered(n))), `message ${n}`).toBe(true)
    }
    expect(connection.frames[taken]?.payload.toString()).toBe('the last')
    expect(feed.stats().sent).toBe(taken + 1)
  })

  it('a batch is taken as a whole or not at all', async () => {
    await using pair = await stubborn()
    const { feed, connection } = pair
    const { taken } = fill(feed, numbered, 100_000)
    const queued = feed.sendQueueBytes
    const batch = Array.from({ length: 20 }, () => 'x'.repeat(1_000))
    expect(thrown(() => feed.sendBatch(batch))).toMatchObject({ code: 'ERR_SEND_QUEUE_FULL' })
    expect(feed.sendQueueBytes).toBeLessThanOrEqual(queued)
    connection.socket.resume()
    await until(() => feed.sendQueueBytes === 0, 'the queue has drained')
    feed.sendBatch(batch)
    await until(() => connection.frames.length === taken + 20, 'the batch has arrived')
    const tail = connection.frames.slice(taken).map(({ payload }) => payload.toString())
    expect(tail).toEqual(batch)
  })

  it('a message that no queue could hold is told apart', async () => {
    await using pair = await stubborn()
    expect(thrown(() => pair.feed.send(pattern(limit + 1)))).toMatchObject({ code: 'ERR_WS_MESSAGE_TOO_LARGE' })
    expect(pair.feed.sendQueueBytes).toBe(0)
    expect(pair.feed.state).toBe('connected')
  })

  it('order holds between direct and queued sends, through many fills and drains', async () => {
    await using pair = await stubborn()
    const { feed, connection } = pair
    let next = 0
    while (next < 3_000) {
      const { taken } = fill(feed, (n) => numbered(next + n), 100_000)
      next += taken
      connection.socket.resume()
      // The loop empties the queue while this thread goes on sending.
      const goal = next + 200
      await until(() => {
        next += fill(feed, (n) => numbered(next + n), 7).taken
        return next >= goal
      }, 'the queue moves')
      connection.socket.pause()
    }
    connection.socket.resume()
    await until(() => connection.frames.length === next, 'everything has arrived')
    const wrong = connection.frames.findIndex(({ payload }, n) => payload.toString() !== numbered(n))
    expect(wrong).toBe(-1)
  })
})

describe('a feed that is not open', () => {
  it('refuses to send, with its own code', async () => {
    await using server = await startWsServer()
    const feed = new Feed({ url: server.url, decode: json({ n: json.number('/n') }), reconnect: never() })
    const refusals = (): unknown[] => [
      thrown(() => feed.send('x')),
      thrown(() => feed.sendBatch(['x'])),
      thrown(() => feed.ping()),
    ]
    const refused = { code: 'ERR_NOT_OPEN', phase: 'user' }
    expect(refusals()).toMatchObject([refused, refused, refused])
    expect(feed.sendQueueBytes).toBe(0)
    await feed.open()
    feed.send('now')
    await feed.close()
    expect(refusals()).toMatchObject([refused, refused, refused])
    expect(thrown(() => feed.reconnect())).toMatchObject(refused)
    await until(() => server.closeCodes.length === 1, 'the server has seen the end')
    expect(server.received.map(({ data }) => data.toString())).toEqual(['now'])
  })

  it('also while it connects', async () => {
    await using server = await startRawServer(silent)
    const feed = new Feed({ url: server.url, decode: text(), reconnect: never() })
    const opening = feed.open().catch(() => {})
    await server.connection(0)
    for (const call of [() => feed.send('x'), () => feed.sendBatch(['x']), () => feed.ping()]) {
      expect(thrown(call)).toMatchObject({ code: 'ERR_NOT_OPEN', phase: 'user' })
    }
    await feed.close()
    await opening
  })

  it('while it closes, what is still taken still arrives', async () => {
    await using server = await startWsServer()
    for (let round = 0; round < 20; round++) {
      const feed = new Feed({ url: server.url, decode: text() })
      await feed.open()
      const closing = feed.close()
      const { taken, error } = fill(feed, (n) => String(n), 50)
      if (taken < 50) expect(error).toMatchObject({ code: 'ERR_NOT_OPEN' })
      await closing
      await until(() => server.closeCodes.length === round + 1, 'the server has seen the end')
      const received = server.received.filter(({ connection }) => connection === round)
      expect(received.map(({ data }) => data.toString())).toEqual(Array.from({ length: taken }, (_, n) => String(n)))
      expect(server.closeCodes[round]).toBe(1_000)
    }
  })

  it('also between two connections; nothing of before is sent to the next', async () => {
    let refuse = false
    await using server = await startRawServer(async (connection) => {
      if (refuse) {
        connection.reset()
        return
      }
      await connection.accept()
      await connection.closed
    })
    const feed = new Feed({ url: server.url, decode: text(), timeouts: { close: 50 } })
    await feed.open()
    refuse = true
    server.connections[0]?.reset()
    await until(() => feed.state === 'reconnecting', 'the loss is noticed')
    const error = thrown(() => feed.send('lost'))
    expect(error).toMatchObject({ code: 'ERR_NOT_OPEN' })
    refuse = false
    await until(() => feed.state === 'connected', 'it is open again')
    feed.send('new')
    const connection = server.connections.at(-1) as RawConnection
    const received = await within(connection.frame(), 'the message')
    expect(received?.payload.toString()).toBe('new')
    await feed.close()
  })

  it('arguments of other types are refused as such', async () => {
    await using server = await startWsServer()
    await using feed = new Feed({ url: server.url, decode: text() })
    await feed.open()
    for (const bad of [undefined, null, 1, {}, [], new ArrayBuffer(3)]) {
      expect(thrown(() => feed.send(bad as never))).toBeInstanceOf(TypeError)
      expect(thrown(() => feed.sendBatch([bad] as never))).toBeInstanceOf(TypeError)
    }
    feed.send('ok')
    await until(() => server.received.length === 1, 'the good one has arrived')
  })
})

describe('pings', () => {
  it('are answered by pong events with their round trip', async () => {
    await using server = await startWsServer()
    await using feed = new Feed({ url: server.url, decode: text(), heartbeat: { ping: 0 } })
    const pongs: Pong[] = []
    feed.on('pong', (pong) => {
      pongs.push(pong)
    })
    const start = performance.now()
    await feed.open()
    for (let n = 1; n <= 5; n++) {
      feed.ping()
      await until(() => pongs.length === n, `pong ${n} has come`)
    }
    const whole = performance.now() - start
    for (const { rttMs } of pongs) {
      expect(rttMs).toBeGreaterThan(0)
      expect(rttMs).toBeLessThan(whole)
    }
    expect(pongs.every(({ timeNs }, i) => i === 0 || timeNs > (pongs[i - 1] as Pong).timeNs)).toBe(true)
    expect(server.pings).toBe(5)
    expect(feed.stats().pongs).toBe(5)
  })

  it('of the heartbeat are too', async () => {
    await using server = await startWsServer()
    await using feed = new Feed({ url: server.url, decode: text(), heartbeat: { ping: 10 } })
    const pongs: Pong[] = []
    feed.on('pong', (pong) => {
      pongs.push(pong)
    })
    await feed.open()
    await until(() => pongs.length >= 3, 'three have come')
    for (const { rttMs } of pongs) expect(rttMs).toBeGreaterThan(0)
    expect(server.pings).toBeGreaterThanOrEqual(pongs.length)
    expect(feed.stats().pongs).toBeGreaterThanOrEqual(pongs.length)
  })

  it('of the server are answered with their own data, also while much is being sent', async () => {
    await using server = await startWsServer()
    await using feed = new Feed({ url: server.url, decode: text() })
    await feed.open()
    const socket = await server.connection(0)
    const answers: string[] = []
    socket.on('pong', (data) => answers.push(data.toString()))
    for (let i = 0; i < 100; i++) {
      socket.ping(`ping ${i}`)
      feed.send(pattern(10_000))
    }
    await until(() => answers.includes('ping 99') && server.received.length === 100, 'all is answered')
    // Of several pings only the last has to be answered (RFC 6455 section 5.5.3), but never another than was sent.
    expect(answers.every((answer, i) => i === 0 || Number(answer.slice(5)) > Number(answers[i - 1]?.slice(5)))).toBe(
      true,
    )
    expect(feed.stats().pings).toBe(100)
  })

  it('texts of the application are sent at their interval, whatever else is', async () => {
    await using server = await startWsServer()
    const heartbeat = { ping: 0, app: { text: '{"op":"ping"}', interval: 20 } }
    await using feed = new Feed({ url: server.url, decode: text(), heartbeat })
    await feed.open()
    feed.send('mine')
    const pings = (): number => server.received.filter(({ data }) => data.toString() === '{"op":"ping"}').length
    await until(() => pings() >= 3, 'three have come')
    expect(server.received.some(({ data }) => data.toString() === 'mine')).toBe(true)
  })
})
