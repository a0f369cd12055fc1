import { bytes, exponential, Feed, type FeedStats, json, type LatencySnapshot, Loop } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { frame, startRawServer } from '../peers/raw-server.ts'
import { startWsServer } from '../peers/ws-server.ts'
import { until } from './waiting.ts'

const decode = json({ n: json.number('/n') })

/** What every distribution has to fulfil. */
function expectSane(latency: LatencySnapshot, count: number): void {
  expect(latency.count).toBe(count)
  const { p50Ns, p99Ns, p999Ns, maxNs, meanNs } = latency
  expect(latency.percentileNs(0)).toBeGreaterThanOrEqual(0)
  expect(p50Ns).toBeLessThanOrEqual(p99Ns)
  expect(p99Ns).toBeLessThanOrEqual(p999Ns)
  expect(p999Ns).toBeLessThanOrEqual(maxNs)
  expect(latency.percentileNs(1)).toBe(maxNs)
  expect(latency.percentileNs(0.5)).toBe(p50Ns)
  expect(meanNs).toBeLessThanOrEqual(maxNs)
  expect(meanNs).toBeGreaterThanOrEqual(latency.percentileNs(0) / 1.04 - 1)
}

describe('counters', () => {
  it('are zero before, and agree with what was sent, to the byte', async () => {
    // Written byte by byte by hand: the server knows exactly what it has put on the wire.
    const messages = Array.from({ length: 1_000 }, (_, i) => (i % 100 === 99 ? 'bad' : `{"n":${i}}`))
    let wireBytes = 0
    await using server = await startRawServer(async (connection) => {
      await connection.accept()
      // What the acceptance took: the feed counts everything that it reads.
      wireBytes += connection.socket.bytesWritten
      const frames = messages.map((message) => frame(message))
      for (const each of frames) wireBytes += each.length
      await connection.write(Buffer.concat(frames))
      for (let i = 0; i < 3; i++) {
        const ping = frame(`ping ${i}`, { opcode: 9 })
        wireBytes += ping.length
        await connection.write(ping)
        // Its pong before the next: what is on its way together may be taken by one read.
        await connection.frame(({ opcode, payload }) => opcode === 10 && payload.toString() === `ping ${i}`)
      }
      await connection.closed
    })
    await using feed = new Feed({ url: server.url, decode, heartbeat: { ping: 0 }, timeouts: { close: 100 } })
    const before = feed.stats()
    for (const [name, value] of Object.entries(before)) if (typeof value === 'number') expect(value, name).toBe(0)
    expect(before).toMatchObject({ state: 'disconnected', latency: { nativeToJs: { count: 0, p50Ns: Number.NaN } } })

    let rows = 0
    feed.on('rows', (batch) => {
      rows += batch.length
    })
    await feed.open()
    feed.send('abc')
    feed.sendBatch(['de', Buffer.from([1, 2, 3, 4])])
    await until(() => rows === 990 && feed.stats().pings === 3, 'everything has come')
    const stats = feed.stats()
    expect(stats).toMatchObject({
      state: 'connected',
      messages: 1_000,
      bytes: wireBytes,
      payloadBytes: messages.reduce((sum, message) => sum + message.length, 0),
      rows: 990,
      malformed: 10,
      malformedBy: { syntax: 10 },
      ignored: 0,
      dropped: 0,
      conflated: 0,
      connects: 1,
      reconnects: 0,
      failures: 0,
      pings: 3,
      pongs: 0,
      sent: 3,
      sentBytes: 9,
      controlLost: 0,
    })
    expect(stats.reads).toBeGreaterThanOrEqual(3)
    expect(stats.wakes).toBeGreaterThanOrEqual(1)
    expect(stats.samplesSuppressed).toBe(9)
  })

  it('count connections, and start anew with open()', async () => {
    let refusals = 0
    await using server = await startRawServer(async (connection, n) => {
      if (n === 1 || n === 2) {
        refusals += 1
        connection.reset()
        return
      }
      await connection.accept()
      await connection.send('{"n":1}')
      await connection.closed
    })
    const reconnect = exponential({ first: 5, storm: { attempts: 1_000 } })
    const feed = new Feed({ url: server.url, decode, reconnect, timeouts: { close: 50 } })
    await feed.open()
    await until(() => feed.stats().rows === 1, 'the row has come')
    feed.reconnect()
    await until(() => feed.stats().rows === 2, 'the next connection works')
    expect(feed.stats()).toMatchObject({ connects: 2, reconnects: 1, failures: refusals })
    expect(refusals).toBe(2)
    await feed.close()
    // They stay readable after the end.
    expect(feed.stats()).toMatchObject({ state: 'disconnected', connects: 2, rows: 2 })
    await feed.open()
    expect(feed.stats()).toMatchObject({ connects: 1, reconnects: 0, failures: 0 })
    await feed.close()
  })

  it('are plain data', async () => {
    await using server = await startWsServer({ onConnection: (socket) => socket.send('{"n":1}') })
    await using feed = new Feed({ url: server.url, decode })
    await feed.open()
    await until(() => feed.stats().latency.nativeToJs.count === 1, 'the row has been handed over')
    const stats = feed.stats()
    const copy = JSON.parse(JSON.stringify(stats)) as FeedStats
    expect(copy).toMatchObject({ rows: 1, latency: { nativeToJs: { count: 1 } } })
    expect(Object.keys(copy).filter((name) => name.startsWith('reserved'))).toEqual([])
  })
})

describe('latency distributions', () => {
  it('have a sample for every message and row, and percentiles that fit', async () => {
    const count = 20_000
    await using server = await startWsServer({
      onConnection: (socket) => {
        for (let i = 0; i < count; i++) socket.send(`{"n":${i}}`)
      },
    })
    await using feed = new Feed({ url: server.url, decode })
    let rows = 0
    const start = performance.now()
    feed.on('rows', (batch) => {
      for (const row of batch) {
        expect(row.rxTimeNs).toBeGreaterThan(0)
        rows += 1
      }
    })
    await feed.open()
    await until(() => rows === count, 'everything has come')
    const wholeNs = (performance.now() - start) * 1e6
    const { latency } = feed.stats()
    expectSane(latency.nativeToJs, count)
    expect(latency.nativeToJs.maxNs).toBeLessThan(wholeNs)
    expectSane(latency.nativeToRing, count)
    expect(latency.nativeToRing.maxNs).toBeLessThan(wholeNs)
    if (process.platform === 'linux') {
      expectSane(latency.kernelToNative, count)
      expect(latency.kernelToNative.maxNs).toBeLessThan(wholeNs)
    }
    expect(() => latency.nativeToJs.percentileNs(1.1)).toThrow(RangeError)
  })

  it('show what JS was late by, and the time between two looks', async () => {
    await using server = await startWsServer()
    await using feed = new Feed({ url: server.url, decode })
    let rows = 0
    feed.on('rows', (batch) => {
      rows += batch.length
    })
    await feed.open()
    server.broadcast('{"n":1}')
    await until(() => rows === 1, 'the first row has come')
    const before = feed.stats()
    server.broadcast('{"n":2}')
    await until(() => feed.stats().rows === 2, 'the second has been read') // by the core
    const blockedMs = 200
    const start = performance.now()
    server.broadcast('{"n":3}', '{"n":4}')
    // Their bytes are with the kernel when the event loop has gone round; then JS is deaf.
    await new Promise(setImmediate)
    while (performance.now() - start < blockedMs);
    await until(() => rows === 4, 'all have come')
    const after = feed.stats()
    const between = after.latency.nativeToJs.since(before.latency.nativeToJs)
    expect(between.count).toBe(3)
    expectSane(after.latency.nativeToJs, 4)
    expect(after.rows - before.rows).toBe(3)
    // The receive times are those of the core's thread, which nobody has blocked: the wait shows in the last step alone.
    expect(after.latency.nativeToJs.count).toBe(before.latency.nativeToJs.count + 3)
  })

  it('kernel stamps can be left out', async () => {
    await using server = await startWsServer({ onConnection: (socket) => socket.send('{"n":1}') })
    await using feed = new Feed({ url: server.url, decode, socket: { kernelTimestamps: false } })
    const stamps: number[] = []
    feed.on('rows', (batch) => {
      for (const row of batch) stamps.push(row.kernelTimeNs)
    })
    await feed.open()
    await until(() => stamps.length === 1, 'the row has come')
    expect(stamps).toEqual([0])
    expect(feed.stats().latency.kernelToNative.count).toBe(0)
  })

  it('stamps follow each other on one clock', async () => {
    await using server = await startWsServer({
      onConnection: (socket) => {
        for (let i = 0; i < 2_000; i++) socket.send(`{"n":${i}}`)
      },
    })
    const start = Number(process.hrtime.bigint())
    await using feed = new Feed({ url: server.url, decode })
    const times: { rx: number; kernel: number; seen: number }[] = []
    feed.on('rows', (batch) => {
      for (const row of batch) {
        times.push({ rx: row.rxTimeNs, kernel: row.kernelTimeNs, seen: Number(process.hrtime.bigint()) })
      }
    })
    await feed.open()
    await until(() => times.length === 2_000, 'everything has come')
    // Kernel stamps come from the wall clock and are brought over: a step of it may show, a millisecond must not matter.
    const slack = 5e6
    for (const [i, { rx, kernel, seen }] of times.entries()) {
      expect(rx).toBeGreaterThan(start)
      expect(rx).toBeLessThanOrEqual(seen)
      if (i > 0) expect(rx).toBeGreaterThanOrEqual((times[i - 1] as { rx: number }).rx)
      if (kernel !== 0) {
        expect(kernel).toBeGreaterThan(start - slack)
        expect(kernel).toBeLessThan(rx + slack)
      }
    }
    if (process.platform === 'linux') expect(times.every(({ kernel }) => kernel > 0)).toBe(true)
  })
})

describe('while JS reads nothing', () => {
  it('the counters tell how the feed stands', async () => {
    const count = 5_000
    const size = 1_000
    await using server = await startWsServer()
    await using loop = new Loop({ ring: 65_536 })
    await using feed = new Feed({ url: server.url, decode: bytes(), loop, wake: 'poll', recvBuffer: 16_384 })
    await feed.open()
    let messages = 0
    feed.on('message', () => {
      messages += 1
    })
    const socket = await server.connection(0)
    for (let i = 0; i < count; i++) socket.send(Buffer.alloc(size, i % 256))
    await until(() => feed.stats().pauses > 0, 'the feed has stopped reading')
    const blocked = feed.stats()
    expect(blocked.state).toBe('connected')
    expect(messages).toBe(0)
    expect(blocked.messages).toBeGreaterThan(0)
    // At most what the ring and the receive buffer hold.
    expect(blocked.payloadBytes).toBeLessThanOrEqual(65_536 + 16_384 + size)
    expect(blocked.latency.nativeToJs.count).toBe(0)

    let polled = 0
    await until(() => {
      polled += feed.poll()
      return polled === count
    }, 'everything has been polled')
    expect(messages).toBe(count)
    expect(feed.stats()).toMatchObject({ messages: count, payloadBytes: count * size, dropped: 0 })
    expect(feed.stats().latency.nativeToJs.count).toBe(count)
  })

  it('poll() hands over what it is asked for and no more', async () => {
    await using server = await startWsServer()
    await using loop = new Loop()
    await using feed = new Feed({ url: server.url, decode, loop, wake: 'poll' })
    const seen: number[] = []
    feed.on('rows', (batch) => {
      for (const row of batch) seen.push(row.n)
    })
    await feed.open()
    server.broadcast(...Array.from({ length: 10 }, (_, i) => `{"n":${i}}`))
    await until(() => feed.stats().rows === 10, 'the core has them')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(seen).toEqual([])
    expect(feed.poll(3)).toBe(3)
    expect(seen).toEqual([0, 1, 2])
    expect(loop.poll(4)).toBe(4)
    expect(feed.poll()).toBe(3)
    expect(feed.poll()).toBe(0)
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('what a listener throws comes out of poll()', async () => {
    await using server = await startWsServer()
    await using feed = new Feed({ url: server.url, decode, wake: 'poll' })
    let calls = 0
    feed.on('rows', () => {
      calls += 1
      throw new Error(`call ${calls}`)
    })
    const seen: number[] = []
    feed.on('rows', (batch) => {
      for (const row of batch) seen.push(row.n)
    })
    await feed.open()
    server.broadcast('{"n":1}')
    await until(() => feed.stats().rows === 1, 'the core has it')
    expect(() => feed.poll()).toThrow('call 1')
    expect(seen).toEqual([1])
    expect(feed.poll()).toBe(0)
  })
})
