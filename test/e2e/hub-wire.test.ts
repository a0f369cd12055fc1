import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Hub, Quote, Trade } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { localhostCertificates } from '../peers/certificates.ts'
import { HubClient } from '../peers/hub-client.ts'
import { field, WireClient } from '../peers/wire-client.ts'
import { frameOf, WireType } from '../peers/wire-frames.ts'
import { until, within } from './waiting.ts'

const script = fileURLToPath(new URL('../../examples/wire_client.py', import.meta.url))
const hasPython = spawnSync('python3', ['--version']).status === 0

const listen = (options: Partial<Parameters<typeof Hub.listen>[0]> = {}): Promise<Hub> =>
  Hub.listen({ tcp: 'tcp://127.0.0.1:0', ...options })

const portOf = (hub: Hub): number => hub.address().find(({ protocol }) => protocol !== 'ws')?.port ?? 0
const quote = (bid: string): ReturnType<typeof Quote.message> =>
  Quote.message({ symbol: 'BTCUSDT', bid, ask: '200.00', bidSize: '1.5', askSize: '2' })

const ranges = (...values: readonly (readonly [source: number, from: number, to: number])[]): Buffer[] =>
  values.map(([source, from, to]) => {
    const bytes = Buffer.alloc(18)
    bytes.writeUInt16LE(source, 0)
    bytes.writeBigUInt64LE(BigInt(from), 2)
    bytes.writeBigUInt64LE(BigInt(to), 10)
    return field(2, bytes)
  })

describe('a client of the wire format', () => {
  it('is greeted, and gets typed messages, text, JSON and bytes with their numbers', async () => {
    await using hub = await listen({ name: 'test hub' })
    const connected: unknown[] = []
    hub.on('connect', ({ lane, path }) => connected.push([lane, path]))
    await using client = await WireClient.connect(portOf(hub))
    await client.subscribe(['market'])
    hub.publish('market', quote('100.25'))
    hub.publish('other', 'not for it')
    hub.publish('market', { a: 1 })
    hub.publish('market', 'text', { key: 'ETHUSDT' })
    hub.publish('market', Buffer.from('bytes'))
    hub.publish('market', Trade.message({ symbol: 'ETHUSDT', price: 1, size: 2 }))
    await client.has(5)
    expect(client.messages).toEqual([
      'market 1 quote BTCUSDT 10025e-2 20000e-2 15 20 e-1',
      'market 2 raw 1 {"a":1}',
      'market 3 raw 2 text',
      'market 4 raw 3 bytes',
      'market 5 type 2 ETHUSDT',
    ])
    const welcome = client.of(WireType.welcome)[0]
    expect(welcome?.fields[1]?.[1].toString()).toBe('test hub')
    const sent = client.of(WireType.quote)[0]
    expect(Math.abs(Number(sent?.time) / 1e6 - Date.now())).toBeLessThan(60_000)
    expect(sent).toMatchObject({ domain: 1, length: 32 })
    expect(connected).toEqual([['tcp', '']])
  })

  it('gets retained quotes and snapshots as such, then what follows', async () => {
    await using hub = await listen()
    const state = hub.topic('state', { snapshot: () => ['the state'] })
    state.publish('first')
    hub.publish('quotes', quote('1.00'))
    hub.publish('quotes', quote('2.00'))
    await using client = await WireClient.connect(portOf(hub))
    await client.subscribe(['state', 'quotes'])
    await client.has(2)
    state.publish('second')
    hub.publish('quotes', quote('3.00'))
    await client.has(4)
    expect(client.messages.sort()).toEqual([
      'quotes 2 snapshot quote BTCUSDT 200e-2 20000e-2 15 20 e-1',
      'quotes 3 quote BTCUSDT 300e-2 20000e-2 15 20 e-1',
      'state 1 snapshot raw 2 the state',
      'state 2 raw 2 second',
    ])
  })

  it('may ask for symbols only, again for what it has lost, and stop', async () => {
    await using hub = await listen()
    await using client = await WireClient.connect(portOf(hub))
    await client.subscribe(['all'])
    await client.subscribe(['some'], ['A'], 2)
    for (const key of ['A', 'B', 'A']) {
      hub.publish('all', `all ${key}`, { key })
      hub.publish('some', `some ${key}`, { key })
    }
    await client.has(5)
    expect(client.messages.filter((text) => text.startsWith('some'))).toEqual([
      'some 1 raw 2 some A',
      'some 3 raw 2 some A',
    ])
    const id = hub.topic('all').id
    const request = Buffer.from([9, 0, 0, 0])
    client.say(WireType.resend, field(1, request), ...ranges([id, 2, 3], [id, 7, 8]))
    await client.has(7)
    expect(client.messages.slice(-2)).toEqual(['all 2 resent raw 2 all B', 'all 3 resent raw 2 all A'])
    await until(() => client.of(WireType.resendRefused).length === 1, 'the rest is refused')
    expect(client.of(WireType.resendRefused)[0]?.fields[0]?.[1]).toEqual(request)
    client.say(WireType.unsubscribe, field(1, request), field(2, 'all'))
    client.say(WireType.ping, field(1, Buffer.alloc(8, 7)))
    await until(() => client.of(WireType.pong).length === 1, 'the pong has come')
    expect(client.of(WireType.pong)[0]?.fields).toEqual([[1, Buffer.alloc(8, 7)]])
    hub.publish('all', 'not any more')
    hub.publish('some', 'end', { key: 'A' })
    await client.has(8)
    expect(client.messages.at(-1)).toBe('some 4 raw 2 end')
  })

  it('hears heartbeats, and goodbye at the end', async () => {
    const hub = await listen({ heartbeat: { wire: 50 } })
    await using client = await WireClient.connect(portOf(hub))
    await client.subscribe(['t'])
    await until(() => client.of(WireType.heartbeat).length >= 2, 'heartbeats have come')
    const closing = hub.close()
    await until(() => client.of(WireType.bye).length === 1, 'the hub says goodbye')
    client.socket.end()
    await within(closing, 'the end of the hub')
  })

  it('is authorized by token and name, or told why not', async () => {
    await using hub = await listen({
      authorize: ({ protocol, token, name, path }) => {
        expect([protocol, name, path]).toEqual(['tcp', 'a test', ''])
        return token === 'secret' && { topics: ['given'] }
      },
    })
    await using refused = await WireClient.connect(portOf(hub), 'wrong')
    await until(() => refused.ended, 'it is cut')
    expect(refused.of(WireType.error)[0]?.fields[0]?.[1].readUInt16LE(0)).toBe(2)
    await using client = await WireClient.connect(portOf(hub), 'secret')
    await until(() => [...client.topics.values()].includes('given'), 'it is subscribed')
    hub.publish('given', 'x')
    await client.has(1)
    expect(hub.stats().refusedBy.unauthorized).toBe(1)
  })

  it('that speaks something else, or damaged frames, is cut and harms nobody', async () => {
    await using hub = await listen({ limits: { handshakeTimeout: 200 } })
    await using good = await WireClient.connect(portOf(hub))
    await good.subscribe(['t'])
    const damaged = frameOf({ type: WireType.hello }, field(1, Buffer.from([1, 1])))
    damaged[33] = 77
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', Buffer.alloc(5_000, 0x54), damaged, Buffer.from([0x54, 0x57])]) {
      await using bad = await WireClient.bare(portOf(hub))
      bad.socket.write(bytes)
      await until(() => bad.ended, 'it is cut')
    }
    await using later = await WireClient.connect(portOf(hub))
    await later.subscribe(['t'])
    later.socket.write(Buffer.alloc(300, 1))
    await until(() => later.ended, 'it is cut')
    hub.publish('t', 'still')
    await good.has(1)
    expect(hub.stats()).toMatchObject({ violations: 1, refusedBy: { malformed: 3, handshakeTimeout: 1 } })
  })

  it('may come over TLS, beside WebSocket clients', async () => {
    const { authority, server } = localhostCertificates()
    await using hub = await listen({
      ws: 'ws://127.0.0.1:0',
      tcp: 'tls://127.0.0.1:0',
      tls: { cert: server.cert, key: server.key },
    })
    await using client = await WireClient.connect(portOf(hub), '', { ca: authority.cert })
    await client.subscribe(['t'])
    await using web = await HubClient.connect(`${hub.url}/?topics=t`)
    await until(() => hub.subscribers.size === 2, 'both are there')
    hub.publish('t', quote('1.25'))
    await Promise.all([client.has(1), web.has(1)])
    expect(client.messages).toEqual(['t 1 quote BTCUSDT 125e-2 20000e-2 15 20 e-1'])
    expect(web.values).toEqual([
      { type: 'quote', symbol: 'BTCUSDT', bid: '1.25', ask: '200.00', bidSize: '1.5', askSize: '2' },
    ])
  })

  it.skipIf(!hasPython)(`may be the example in Python${hasPython ? '' : ' (skipped: no python3)'}`, async () => {
    await using hub = await listen()
    const python = spawn('python3', [script, '127.0.0.1', String(portOf(hub)), 'market'], { stdio: 'pipe' })
    let out = ''
    python.stdout.on('data', (chunk) => {
      out += chunk
    })
    const ended = new Promise<void>((resolve) => python.once('close', () => resolve()))
    await until(() => [...hub.subscribers.values()].some(({ topics }) => topics.has('market')), 'it has subscribed')
    hub.publish('market', quote('100.25'))
    hub.publish('market', Trade.message({ symbol: 'ETHUSDT', price: '3.50', size: '0.1', side: 'sell', tradeId: 7 }))
    await until(() => out.includes('trade'), 'it has printed both')
    await hub.close()
    await within(ended, 'the end of the script')
    expect(out.split('\n')).toEqual([
      'quote BTCUSDT 100.25 1.5 200.00 2.0',
      'trade ETHUSDT 3.50 0.1 sell 7',
      expect.stringMatching(/^end/),
      '',
    ])
  })
})
