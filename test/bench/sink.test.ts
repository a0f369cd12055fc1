import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { Messages, messageBytes } from '../../bench/hub/message.ts'
import { type ClassReport, compileSink, type Sink, type SinkReport, startSink } from '../../bench/hub/sink.ts'
import { startWsServer, type WsServer, type WsServerOptions } from '../peers/ws-server.ts'

/** The measuring instrument itself: what it does not notice, no benchmark of the hub would. */

let server: WsServer
let sink: Sink

async function start(
  classes: Parameters<typeof startSink>[0]['classes'],
  options: WsServerOptions = {},
  more: Partial<Parameters<typeof startSink>[0]> = {},
): Promise<void> {
  server = await startWsServer(options)
  sink = await startSink({ port: server.port, classes, ...more }, () => {})
}

/** Reports until one fits. */
async function report(fits: (all: ClassReport, whole: SinkReport) => boolean): Promise<SinkReport> {
  const end = performance.now() + 20_000
  for (;;) {
    const whole = await sink.report()
    const [all] = whole.classes
    if (all && fits(all, whole)) return whole
    if (performance.now() > end) throw new Error(`no such report, but ${JSON.stringify(whole)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function numbered(count: number): Buffer[] {
  const messages = new Messages()
  return Array.from({ length: count }, () => Buffer.from(messages.next()))
}

function sendText(sockets: Iterable<WebSocket>, messages: readonly Buffer[]): void {
  for (const socket of sockets) for (const message of messages) socket.send(message, { binary: false })
}

beforeAll(() => {
  compileSink(() => {})
}, 120_000)

afterEach(async () => {
  await sink?.[Symbol.asyncDispose]()
  await server?.close()
})

describe('the sink', () => {
  it('counts what every connection gets, and finds it whole', async () => {
    await start([{ name: 'all', connections: 50 }])
    const messages = numbered(500)
    sendText(server.clients, messages)
    const whole = await report((all) => all.messages === 50 * 500)
    expect(whole.newest).toBe(500)
    expect(whole.classes[0]).toMatchObject({
      connections: 50,
      open: 50,
      bytes: 50 * 500 * (messageBytes + 4),
      gaps: 0,
      lost: 0,
      backward: 0,
      corrupt: 0,
      other: 0,
      lag: { min: 0, p50: 0, max: 0 },
      perConnection: { min: 500, p50: 500, max: 500 },
      closed: {},
    })
    expect(whole.classes[0]?.checked).toBeGreaterThan((50 * 500) / 128)
  })

  it('tells lost, repeated and overtaken numbers apart', async () => {
    await start([{ name: 'all', connections: 1 }])
    const m = numbered(20)
    const order = [0, 1, 2, 6, 7, 5, 7, 8, 19].map((i) => m[i] as Buffer)
    sendText(server.clients, order)
    const whole = await report((all) => all.messages === order.length)
    // Missing at their place: 4, 5, 6, then 10 to 19. 6 comes late, 8 twice.
    expect(whole.classes[0]).toMatchObject({ gaps: 2, lost: 3 + 10, backward: 2, corrupt: 0 })
  })

  it('finds a flipped bit in what it looks at', async () => {
    await start([{ name: 'all', connections: 1 }])
    const messages = numbered(640)
    for (const message of messages) message[100] = (message[100] ?? 0) ^ 1
    sendText(server.clients, messages)
    const whole = await report((all) => all.messages === 640)
    expect(whole.classes[0]).toMatchObject({ checked: 10, corrupt: 10 })
  })

  it('puts together what arrives in pieces', async () => {
    await start([{ name: 'all', connections: 1 }])
    const socket = await server.connection(0)
    const bytes = Buffer.concat(numbered(100).flatMap((message) => [Buffer.of(0x81, 126, 0, messageBytes), message]))
    const raw = (socket as unknown as { _socket: import('node:net').Socket })._socket
    for (let at = 0; at < bytes.length; at += 61) {
      raw.write(bytes.subarray(at, at + 61))
      if (at % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    const whole = await report((all) => all.messages === 100)
    expect(whole.classes[0]).toMatchObject({ lost: 0, backward: 0, corrupt: 0, bytes: bytes.length })
  })

  it('measures from the stamp', async () => {
    await start([{ name: 'all', connections: 4 }])
    const messages = numbered(10)
    await new Promise((resolve) => setTimeout(resolve, 50))
    sendText(server.clients, messages)
    const first = await report((all) => all.latency.count > 0)
    const latency = first.classes[0]?.latency
    expect(latency?.p50).toBeGreaterThan(49e6)
    expect(latency?.max).toBeLessThan(20e9)
    await report((all) => all.messages === 40)
    // A report begins anew.
    expect((await sink.report()).classes[0]?.latency.count).toBe(0)
  })

  it('stops reading when it is told to, and goes on', async () => {
    await start([
      { name: 'readers', connections: 3 },
      { name: 'stallers', connections: 2, path: '/slow' },
    ])
    expect(server.requests.map((request) => request.url)).toEqual(['/', '/', '/', '/slow', '/slow'])
    await sink.stall('stallers')
    sendText(server.clients, numbered(100))
    const stalled = await report((readers) => readers.messages === 300)
    expect(stalled.classes[1]).toMatchObject({ name: 'stallers', messages: 0, open: 2, lag: { max: 100 } })
    await sink.resume('stallers')
    await report((_, whole) => whole.classes[1]?.messages === 200)
  })

  it('learns of a reset though it does not read', async () => {
    await start([{ name: 'all', connections: 2 }])
    await sink.stall('all')
    sendText(server.clients, numbered(10))
    const socket = await server.connection(0)
    ;(socket as unknown as { _socket: import('node:net').Socket })._socket.resetAndDestroy()
    const whole = await report((all) => all.open === 1)
    expect(whole.classes[0]).toMatchObject({ messages: 0, closed: { 1006: 1 } })
  })

  it('reads as slowly as it is told to', async () => {
    await start([{ name: 'slow', connections: 1, bytesPerSecond: 20_000 }])
    const began = performance.now()
    sendText(server.clients, numbered(200))
    await report((all) => all.messages === 200)
    expect(performance.now() - began).toBeGreaterThan(((200 * messageBytes) / 20_000) * 1000 * 0.9)
  })

  it('waits for the answer to its subscription, and counts such answers apart', async () => {
    await start(
      [{ name: 'all', connections: 2 }],
      {
        onConnection: (socket) => socket.on('message', () => setTimeout(() => socket.send('{"op":"subscribed"}'), 50)),
      },
      { subscribe: '{"op":"subscribe"}', expect: 'subscribed' },
    )
    expect(server.received.map(({ data }) => data.toString())).toEqual(['{"op":"subscribe"}', '{"op":"subscribe"}'])
    expect((await sink.report()).classes[0]).toMatchObject({ other: 2, messages: 0 })
  })

  it('answers pings and keeps close codes', async () => {
    await start([{ name: 'all', connections: 3 }])
    const socket = await server.connection(0)
    const pong = new Promise<Buffer>((resolve) => socket.once('pong', resolve))
    socket.ping('there?')
    expect((await pong).toString()).toBe('there?')
    socket.close(1013, 'too slow')
    ;(await server.connection(1)).terminate()
    const whole = await report((all) => all.open === 1)
    expect(whole.classes[0]?.closed).toEqual({ 1006: 1, 1013: 1 })
  })

  it('says why it cannot connect', async () => {
    server = await startWsServer()
    const options = { port: server.port, classes: [{ name: 'all', connections: 1 }] }
    server.server.options.verifyClient = () => false
    await expect(startSink(options, () => {})).rejects.toThrow(/HTTP\/1.1 401/)
  })
})
