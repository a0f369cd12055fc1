import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { exponential, Feed, json, never, type StateChange, text } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { frame, Opcode } from '../../examples/venue/frames.ts'
import * as bad from '../peers/misbehaviours.ts'
import { startRawServer } from '../peers/raw-server.ts'
import { startWsServer } from '../peers/ws-server.ts'

const calm = { first: 20, max: 100, storm: { floor: 0, attempts: 3, window: 120_000 } } as const

/** Resolves when `count` changes to `to` have been seen. */
function reached(feed: { on(event: 'state', listener: (s: StateChange) => void): unknown }, to: string, count = 1) {
  return new Promise<StateChange[]>((resolve) => {
    const all: StateChange[] = []
    let left = count
    feed.on('state', (s) => {
      all.push(s)
      if (s.to === to && --left === 0) resolve([...all])
    })
  })
}

describe('reconnection', () => {
  it.each([
    ['rst', 'ECONNRESET'],
    ['fin', 'ERR_EOF'],
    ['close', 'ERR_WS_CLOSED'],
  ] as const)('recovers from %s, with the reason %s', async (how, reason) => {
    await using server = await startRawServer(async (c, n) => {
      await c.accept()
      await c.send(`hello ${n}`)
      await sleep(20)
      if (n > 0) return c.part()
      await (how === 'close' ? c.close(1001, 'away').then(() => c.end()) : how === 'rst' ? c.reset() : c.end())
      await c.closed
    })
    const feed = new Feed({ url: `ws://127.0.0.1:${server.port}`, decode: text(), reconnect: exponential(calm) })
    await using _ = feed
    const seen: string[] = []
    feed.on('message', (m) => seen.push(m.data))
    const states = reached(feed, 'connected', 2)
    await feed.open()
    const changes = await states
    expect(changes.map((s) => s.to)).toEqual(['connecting', 'connected', 'reconnecting', 'connecting', 'connected'])
    expect(changes[2]).toMatchObject({ from: 'connected', reason, delayMs: 0 })
    await expect.poll(() => seen).toEqual(['hello 0', 'hello 1'])
    expect(feed.stats()).toMatchObject({ connects: 2, reconnects: 1 })
  })

  it('replays the subscriptions on every connection, before anything else is sent', async () => {
    const heard: string[][] = []
    await using server = await startWsServer({
      onConnection: (socket, _request, n) => {
        const mine: string[] = []
        heard[n] = mine
        socket.on('message', (m) => {
          mine.push(m.toString())
          if (mine.length === 2) socket.send('data')
          if (mine.length === 2 && n < 2) setTimeout(() => socket.terminate(), 10)
        })
      },
    })
    const feed = new Feed({
      url: server.url,
      decode: text(),
      reconnect: exponential(calm),
      subscribe: ['sub a', 'sub b'],
    })
    await using _ = feed
    const third = reached(feed, 'connected', 3)
    await feed.open()
    await third
    await expect.poll(() => heard.map((h) => h.join())).toEqual(['sub a,sub b', 'sub a,sub b', 'sub a,sub b'])
  })

  it('backs off while no data flows, and not merely because connections open', async () => {
    await using server = await startRawServer(async (c) => {
      await c.accept()
      c.reset()
    })
    const policy = exponential({ ...calm, first: 40, max: 1000, jitter: 0 })
    const feed = new Feed({ url: `ws://127.0.0.1:${server.port}`, decode: text(), reconnect: policy })
    await using _ = feed
    const states = reached(feed, 'reconnecting', 4)
    await feed.open()
    const delays = (await states).filter((s) => s.to === 'reconnecting').map((s) => s.delayMs)
    expect(delays).toEqual([40, 80, 160, 320])
  })

  it('holds the storm floor after three attempts', async () => {
    await using server = await startRawServer(async (c) => {
      await c.accept()
      await c.send('data')
      await sleep(10)
      c.reset()
    })
    const feed = new Feed({
      url: `ws://127.0.0.1:${server.port}`,
      decode: text(),
      reconnect: exponential({ first: 10 }),
    })
    await using _ = feed
    const states = reached(feed, 'reconnecting', 3)
    await feed.open()
    const delays = (await states).filter((s) => s.to === 'reconnecting').map((s) => s.delayMs ?? 0)
    expect(delays.slice(0, 2)).toEqual([0, 0])
    expect(delays[2]).toBeGreaterThanOrEqual(1000)
  })

  it('gives up after the retries and says so once', async () => {
    await using server = await startRawServer(bad.answer(503))
    const policy = exponential({ ...calm, first: 5, max: 10, retries: 3 })
    const feed = new Feed({ url: `ws://127.0.0.1:${server.port}`, decode: text(), reconnect: policy })
    const errors: unknown[] = []
    const closes: unknown[] = []
    feed.on('error', (e) => errors.push(e.code))
    feed.on('close', (e) => closes.push(e?.code))
    await expect(feed.open()).rejects.toMatchObject({ code: 'ERR_RETRIES_EXHAUSTED' })
    expect(feed.state).toBe('disconnected')
    expect(feed.stats().failures).toBe(4)
    expect(errors).toEqual(['ERR_RETRIES_EXHAUSTED'])
    expect(closes).toEqual(['ERR_RETRIES_EXHAUSTED'])
  })

  it('survives 1,000 resets without a descriptor, a thread or memory more', async () => {
    const count = (what: string) => (process.platform === 'linux' ? readdirSync(`/proc/self/${what}`).length : 0)
    await using server = await startRawServer(async (c, n) => {
      await c.accept()
      await c.send(`{"n":${n}}`)
      if (n < 1000) {
        await new Promise(setImmediate)
        c.reset()
      }
    })
    const policy = exponential({ ...calm, first: 1, max: 5 })
    const feed = new Feed({
      url: `ws://127.0.0.1:${server.port}`,
      decode: json({ n: json.number('/n') }),
      reconnect: policy,
    })
    await using _ = feed
    let last = -1
    let rows = 0
    feed.on('rows', (batch) => {
      for (const row of batch) {
        last = row.n
        rows++
      }
    })
    await feed.open()
    await expect.poll(() => last, { timeout: 25_000 }).toBeGreaterThanOrEqual(100)
    globalThis.gc?.()
    const before = { fds: count('fd'), threads: count('task'), rss: process.memoryUsage.rss() }
    await expect.poll(() => last, { timeout: 25_000, interval: 100 }).toBe(1000)
    expect(count('fd')).toBeLessThanOrEqual(before.fds + 4)
    expect(count('task')).toBeLessThanOrEqual(before.threads)
    expect(process.memoryUsage.rss() - before.rss).toBeLessThan(64 << 20)
    expect(rows).toBeGreaterThan(900)
    expect(feed.stats().reconnects).toBe(1000)
  }, 60_000)
})

describe('heartbeat', () => {
  it('reconnects when a pong does not come', async () => {
    await using server = await startRawServer(async (c) => {
      await c.accept()
      await c.closed
    })
    const feed = new Feed({
      url: `ws://127.0.0.1:${server.port}`,
      decode: text(),
      reconnect: exponential(calm),
      heartbeat: { ping: 50, pongTimeout: 50 },
    })
    await using _ = feed
    const states = reached(feed, 'reconnecting')
    await feed.open()
    expect((await states).find((s) => s.to === 'reconnecting')).toMatchObject({ reason: 'ERR_PONG_TIMEOUT' })
    const first = await server.connection(0)
    expect(await first.frame((f) => f.opcode === Opcode.ping)).toMatchObject({ masked: true })
  })

  it('reconnects when data stops although pings are answered', async () => {
    await using server = await startWsServer({
      onConnection: (socket) => {
        socket.send('one')
        const timer = setInterval(() => socket.ping(), 20)
        socket.on('close', () => clearInterval(timer))
      },
    })
    const feed = new Feed({
      url: server.url,
      decode: text(),
      reconnect: exponential(calm),
      heartbeat: { ping: 20, idle: 200 },
    })
    await using _ = feed
    const states = reached(feed, 'reconnecting')
    await feed.open()
    expect((await states).find((s) => s.to === 'reconnecting')).toMatchObject({ reason: 'ERR_IDLE' })
    expect(feed.stats().pongs).toBeGreaterThan(0)
    expect(feed.stats().pings).toBeGreaterThan(0)
  })

  it('sends the application ping', async () => {
    await using server = await startWsServer()
    const feed = new Feed({
      url: server.url,
      decode: text(),
      heartbeat: { app: { text: '{"op":"ping"}', interval: 30 } },
    })
    await using _ = feed
    await feed.open()
    await expect.poll(() => server.received.length).toBeGreaterThan(2)
    expect(new Set(server.received.map((m) => m.data.toString()))).toEqual(new Set(['{"op":"ping"}']))
  })

  it('measures the round trip', async () => {
    await using server = await startWsServer()
    const feed = new Feed({ url: server.url, decode: text(), heartbeat: { ping: 20 } })
    await using _ = feed
    const pong = new Promise<number>((resolve) => feed.once('pong', (p) => resolve(p.rttMs)))
    await feed.open()
    expect(await pong).toBeGreaterThan(0)
  })
})

describe('no policy', () => {
  it('ends with the connection', async () => {
    await using server = await startRawServer(async (c) => {
      await c.accept()
      await c.write(frame('x'))
      c.reset()
    })
    const feed = new Feed({ url: `ws://127.0.0.1:${server.port}`, decode: text(), reconnect: never() })
    const closed = new Promise((resolve) => feed.on('close', (e) => resolve(e?.code)))
    feed.on('error', () => {})
    await feed.open()
    expect(await closed).toBe('ECONNRESET')
    expect(feed.state).toBe('disconnected')
  })
})
