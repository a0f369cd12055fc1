import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Hub } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { HubClient } from '../peers/hub-client.ts'
import { until, within } from './waiting.ts'

const listen = (options: Partial<Parameters<typeof Hub.listen>[0]> = {}): Promise<Hub> =>
  Hub.listen({ ws: 'ws://127.0.0.1:0', ...options })

/** A bare connection, and what came on it. */
class Bare {
  readonly socket: Socket
  received = Buffer.alloc(0)
  ended = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk])
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.ended = true
    })
  }

  static async to(hub: Hub): Promise<Bare> {
    const socket = connect(hub.address()[0]?.port ?? 0, '127.0.0.1')
    const bare = new Bare(socket)
    await once(socket, 'connect')
    return bare
  }

  /** The handshake of a client that has read RFC 6455; what follows is its own. */
  static async upgraded(hub: Hub): Promise<Bare> {
    const bare = await Bare.to(hub)
    bare.socket.write(
      'GET /?topics=t HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    )
    await until(() => bare.received.includes('\r\n\r\n'), 'the handshake is answered')
    bare.received = bare.received.subarray(bare.received.indexOf('\r\n\r\n') + 4)
    return bare
  }

  get status(): number {
    return Number(/^HTTP\/1\.1 (\d+)/.exec(this.received.toString('latin1'))?.[1])
  }

  /** Code of the close frame that came last. */
  get closeCode(): number {
    const at = this.received.lastIndexOf(0x88)
    return at < 0 ? 0 : this.received.readUInt16BE(at + 2)
  }

  end(): Promise<void> {
    return until(() => this.ended, 'the hub has cut the connection')
  }
}

/** The same on every run. */
function noise(length: number, seed: number): Buffer {
  let state = seed + 1
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state >>> 24
    }),
  )
}

const mask = Buffer.alloc(4)
const frame = (head: number, payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from([head, 0x80 | payload.length]), mask, payload])

/** Somebody who behaves, and is not to notice. */
async function expectServed(hub: Hub): Promise<void> {
  await using client = await HubClient.connect(`${hub.url}/?topics=well`)
  await until(() => [...hub.subscribers.values()].some(({ path }) => path === '/'), 'it is there')
  await client.subscribe(['well too'])
  hub.publish('well', 'served')
  await client.got('served')
}

describe('a hub faced with', () => {
  it.each([
    ['noise', () => noise(20_000, 1), 400],
    ['a long line', () => Buffer.from(`GET /${'a'.repeat(10_000)} HTTP/1.1\r\n`), 414],
    ['many headers', () => Buffer.from(`GET / HTTP/1.1\r\n${'X-Y: z\r\n'.repeat(2_000)}\r\n`), 431],
    ['TLS on a plain port', () => Buffer.from('16030100f1010000ed0303', 'hex'), 400],
    [
      'a key that is none',
      () =>
        Buffer.from(
          'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n',
        ),
      400,
    ],
  ])('%s instead of a request answers once and cuts', async (_, bytes, status) => {
    await using hub = await listen()
    const bare = await Bare.to(hub)
    bare.socket.write(bytes())
    await bare.end()
    expect(bare.status).toBe(status)
    await until(() => hub.stats().connections === 0, 'it is forgotten')
    expect(hub.stats()).toMatchObject({ refusedBy: { malformed: 1 }, admitted: 0 })
    await expectServed(hub)
  })

  it.each([
    ['an unmasked frame', Buffer.from([0x81, 1, 0x61]), 1002],
    ['a reserved bit', frame(0xc1, Buffer.from('a')), 1002],
    ['an unknown opcode', frame(0x83, Buffer.from('a')), 1002],
    ['a fragmented ping', frame(0x09, Buffer.from('a')), 1002],
    ['text that is no UTF-8', frame(0x81, Buffer.from([0xff])), 1007],
    ['a frame of 2^63 bytes', Buffer.from([0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4]), 1009],
    ['a frame above the limit', Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 1, 2, 3, 4]), 1009],
  ])('%s closes with a code', async (_, bytes, code) => {
    await using hub = await listen({ closeTimeout: 100 })
    const gone: (string | null)[] = []
    hub.on('disconnect', ({ reason }) => gone.push(reason))
    const bare = await Bare.upgraded(hub)
    bare.socket.write(bytes)
    await bare.end()
    expect(bare.closeCode).toBe(code)
    await until(() => gone.length === 1, 'the end is told')
    expect(hub.stats()).toMatchObject({ violations: 1, subscribers: 0 })
    await expectServed(hub)
  })

  it('noise behind the handshake, at any place, never harms it', async () => {
    await using hub = await listen()
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const bare = await Bare.upgraded(hub)
        const good = frame(0x81, Buffer.from('{"op":"ping"}'))
        bare.socket.write(Buffer.concat([good, good.subarray(0, i % good.length), noise(300, i)]))
        bare.socket.end()
        await bare.end()
      }),
    )
    await until(() => hub.stats().connections === 0, 'all have gone')
    await expectServed(hub)
  })

  it('floods of messages closes with 1008', async () => {
    await using hub = await listen({ closeTimeout: 100, limits: { inboundMessagesPerSecond: 50 } })
    const bare = await Bare.upgraded(hub)
    bare.socket.write(Buffer.concat(Array.from({ length: 500 }, () => frame(0x81, Buffer.from('{"op":"ping"}')))))
    await bare.end()
    expect(bare.closeCode).toBe(1008)
    expect(hub.stats().violations).toBe(1)
  })

  it('more subscriptions than allowed refuses those beyond', async () => {
    await using hub = await listen({ limits: { subscriptions: 3, unpublishedTopics: 5 } })
    await using client = await HubClient.connect(hub.url)
    await using other = await HubClient.connect(hub.url)
    for (const topic of 'abcd') client.send({ op: 'subscribe', topics: [topic] })
    await client.has(4)
    expect(client.values[3]).toMatchObject({ op: 'error', code: 'ERR_HUB_SUBSCRIPTION_LIMIT', topic: 'd' })
    for (const topic of 'xyz') other.send({ op: 'subscribe', topics: [topic] })
    await other.has(3)
    expect(other.values[2]).toMatchObject({ op: 'error', code: 'ERR_HUB_TOPIC_LIMIT', topic: 'z' })
  })

  it('slow handshakes cuts them, and serves others meanwhile', async () => {
    await using hub = await listen({ limits: { handshakeTimeout: 300 } })
    const slow = await Promise.all(Array.from({ length: 50 }, () => Bare.to(hub)))
    const drip = setInterval(() => {
      for (const { socket } of slow) if (!socket.destroyed) socket.write('G')
    }, 50)
    await expectServed(hub)
    await Promise.all(slow.map((bare) => bare.end()))
    clearInterval(drip)
    await until(() => hub.stats().pendingHandshakes === 0, 'they are forgotten')
    const { handshakeTimeout, malformed } = hub.stats().refusedBy
    expect(handshakeTimeout + malformed).toBe(50)
  })

  it('floods of connections keeps its limits, in all and per address', async () => {
    await using hub = await listen({ limits: { connections: 20, connectionsPerAddress: 15 } })
    const refused: string[] = []
    hub.on('refused', ({ reason }) => refused.push(reason))
    const results = await Promise.allSettled(Array.from({ length: 40 }, () => HubClient.connect(hub.url)))
    const open = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    expect(open).toHaveLength(15)
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ status: 429 })
    }
    expect(hub.stats().refusedBy.connectionsPerAddress).toBe(25)
    expect(refused.every((reason) => reason === 'connectionsPerAddress')).toBe(true)
    await Promise.all(open.map((client) => client[Symbol.asyncDispose]()))
    await until(() => hub.stats().connections === 0, 'there is room again')
    await expectServed(hub)
  })

  it('floods of attempts keeps to the rate', async () => {
    await using hub = await listen({ limits: { acceptRatePerAddress: { perSecond: 1, burst: 5 } } })
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => HubClient.connect(hub.url)))
    const open = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    expect(open.length).toBeGreaterThanOrEqual(5)
    expect(open.length).toBeLessThan(12)
    expect(hub.stats().refusedBy.acceptRatePerAddress).toBe(12 - open.length)
    await Promise.all(open.map((client) => client[Symbol.asyncDispose]()))
  })

  it('clients that fall silent pings them, and cuts who does not answer', async () => {
    await using hub = await listen({ heartbeat: { ping: 100, idle: 1_500 } })
    await using alive = await HubClient.connect(hub.url)
    await using silent = await HubClient.connect(hub.url, { autoPong: false })
    const gone = await within(
      new Promise<{ reason: string | null; path: string }>((resolve) =>
        hub.once('disconnect', ({ reason, subscriber }) => resolve({ reason, path: subscriber.path })),
      ),
      'the end of the silent one',
    )
    expect(gone.reason).toBe('ERR_IDLE')
    expect(alive.pings).toBeGreaterThan(0)
    expect(alive.closed).toBeNull()
    await until(() => silent.closed !== null, 'it has noticed')
    expect(hub.stats()).toMatchObject({ idleDisconnects: 1, subscribers: 1 })
  })
})
