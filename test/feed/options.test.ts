import { describe, expect, it, vi } from 'vitest'
import { configure } from '../../lib/feed/configuration.js'
import { ConfigError, exponential, Feed, json, Loop, never, text } from '../../lib/index.js'
import { StatsMemory } from '../../lib/runtime/stats.js'
import { world } from '../support/fake-addon.js'

vi.mock('../../lib/native/loader.js', async () => {
  const { world } = await import('../support/fake-addon.js')
  return { loadAddon: () => world.addon }
})

const decode = json({ symbol: json.symbol('/s'), bid: json.number('/b') }, { key: 'symbol' })
const minimal = { url: 'ws://127.0.0.1:1/', decode }
const pem = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'
const pin = `${'A'.repeat(43)}=`

const native = (options: object) => {
  const configuration = configure({ ...minimal, ...options })
  return configuration.native(new StatsMemory(), configuration.conflateMemory())
}

describe('feed options', () => {
  it('have their documented defaults', () => {
    const { stats, schema, ...rest } = native({})
    expect(stats).toBeInstanceOf(ArrayBuffer)
    expect(schema).toContain('"symbol"')
    expect(rest).toEqual({
      books: null,
      bookRows: false,
      tap: null,
      host: '127.0.0.1',
      port: 1,
      path: '/',
      hostHeader: '127.0.0.1:1',
      tls: null,
      proxy: null,
      socket: {
        noDelay: true,
        recvBuffer: 0,
        sendBuffer: 0,
        busyPollUs: 0,
        kernelTimestamps: true,
        keepAlive: true,
        localAddress: '',
      },
      subprotocols: [],
      headers: [],
      origin: '',
      deflate: null,
      greeting: [],
      connectTimeout: 10_000,
      handshakeTimeout: 10_000,
      closeTimeout: 3_000,
      reconnect: {
        enabled: true,
        first: 100,
        max: 30_000,
        factor: 2,
        jitter: 0.2,
        retries: -1,
        immediate: true,
        stormFloor: 1_000,
        stormAttempts: 3,
        stormWindow: 120_000,
      },
      heartbeat: { ping: 15_000, pongTimeout: 10_000, idle: 0, appPing: '', appPingInterval: 0 },
      limits: { maxMessage: 16_777_216, maxFragments: 65_536, maxSendQueue: 16_777_216, maxPingsPerSecond: 1_000 },
      recvBuffer: 1_048_576,
      readChunk: 524_288,
      overflow: 'block',
      ringWindow: 2_097_152,
      pendingBytes: 4_194_304,
      flushRows: 256,
      format: 'json',
      flushInterval: 0,
      conflateMemory: null,
      conflateRegions: [],
      connectLimit: null,
      arbiter: null,
      arbiterPath: 0,
      sampleBytes: 256,
      sampleInterval: 1_000,
      trigger: 'edge',
    })
  })

  it('reach the core', () => {
    const tls = {
      profile: 'production',
      ca: [pem, Buffer.from(pem)],
      cert: pem,
      key: pem,
      pins: [`sha256/${pin}`, pin],
      alpn: ['http/1.1'],
    }
    expect(
      native({
        url: 'wss://example.com/x?y',
        tls,
        reconnect: never(),
        headers: { authorization: 'Bearer x' },
        subprotocols: ['a', 'b'],
        deflate: { level: 6 },
        subscribe: 'hello',
        heartbeat: { app: { text: 'ping', interval: 20_000 } },
        proxy: 'http://u:p@proxy:3128',
        socket: { localAddress: '::1', trigger: 'level' },
        expect: { rate: 500_000 },
      }),
    ).toMatchObject({
      tls: { onlyTls13: true, ca: `${pem}\n${pem}`, pins: [pin, pin], verify: true, serverName: '', passphrase: '' },
      reconnect: { enabled: false },
      headers: [['authorization', 'Bearer x']],
      subprotocols: ['a', 'b'],
      deflate: { level: 6, clientMaxWindowBits: 15, threshold: 1_024 },
      greeting: ['hello'],
      heartbeat: { appPing: 'ping', appPingInterval: 20_000 },
      proxy: { host: 'proxy', port: 3_128, authorization: 'Basic dTpw' },
      socket: { localAddress: '::1' },
      trigger: 'level',
      // 500,000/s for 50 ms at 160 bytes, up to a power of two.
      recvBuffer: 4_194_304,
    })
    expect(native({ deflate: true })).toMatchObject({ deflate: { level: 1, serverNoContextTakeover: false } })
    expect(native({ recvBuffer: 100_000 })).toMatchObject({ recvBuffer: 131_072, readChunk: 131_072 })
    expect(native({ reconnect: exponential({ retries: 3 }) })).toMatchObject({ reconnect: { retries: 3 } })
    expect(native({ decode: text() })).toMatchObject({ schema: null, limits: { maxMessage: 2_097_152 - 32 } })
  })

  it('give each shape its conflation slots', () => {
    const several = json.oneOf('/e', {
      keyed: json({ s: json.symbol('/s') }, { key: 's' }),
      single: { n: json.number('/n') },
    })
    const options = native({ decode: several, overflow: 'conflate', conflate: { keys: 10 } })
    expect(options.conflateRegions).toEqual([
      { offset: 0, rowBytes: 32, keys: 10 },
      { offset: 1_920, rowBytes: 32, keys: 1 },
    ])
    expect(options.conflateMemory?.byteLength).toBe(1_920 + 192)
  })

  it.each<[string, object, string[]]>([
    ['no options', { url: undefined, decode: undefined }, ['url', 'decode']],
    ['an unknown option', { hartbeat: {} }, ['hartbeat']],
    ['an unknown option within', { heartbeat: { pign: 1 } }, ['heartbeat.pign']],
    ['a negative ping', { heartbeat: { ping: -1 } }, ['heartbeat.ping']],
    ['a ping that is no number', { heartbeat: { ping: '15s' } }, ['heartbeat.ping']],
    [
      'an empty application ping',
      { heartbeat: { app: { text: '', interval: 0 } } },
      ['heartbeat.app.text', 'heartbeat.app.interval'],
    ],
    ['two faults', { overflow: 'drop', timeouts: { close: 0 } }, ['overflow', 'timeouts.close']],
    ['a decoder that is none', { decode: { bid: json.number('/b') } }, ['decode']],
    ['conflated messages', { decode: text(), overflow: 'conflate' }, ['overflow']],
    ['TLS options without TLS', { tls: {} }, ['tls']],
    ['a certificate without key', { url: 'wss://x', tls: { cert: pem } }, ['tls.key']],
    ['a CA that is no PEM', { url: 'wss://x', tls: { ca: 'x' } }, ['tls.ca']],
    ['a bad pin', { url: 'wss://x', tls: { pins: ['sha256/abc'] } }, ['tls.pins.0']],
    ['a bad header name', { headers: { 'a b': '1' } }, ['headers.a b']],
    ['a header with a line break', { headers: { a: '1\r\nb: 2' } }, ['headers.a']],
    ['a header of the handshake', { headers: { 'Sec-WebSocket-Key': 'x' } }, ['headers.Sec-WebSocket-Key']],
    ['a repeated subprotocol', { subprotocols: ['a', 'a'] }, ['subprotocols']],
    ['a bad subprotocol', { subprotocols: ['a b'] }, ['subprotocols.0']],
    ['a host name to bind to', { socket: { localAddress: 'localhost' } }, ['socket.localAddress']],
    ['window bits out of range', { deflate: { clientMaxWindowBits: 8 } }, ['deflate.clientMaxWindowBits']],
    ['a policy by name', { reconnect: 'exponential' }, ['reconnect']],
    ['a policy out of range', { reconnect: { ...exponential(), jitter: 2 } }, ['reconnect.jitter']],
    ['both sizes', { recvBuffer: 65_536, expect: { rate: 1 } }, ['recvBuffer']],
    ['a window beyond half the ring', { queue: { bytes: 3_000_000 } }, ['queue.bytes']],
    ['raw messages beyond half the ring', { decode: text(), limits: { maxMessage: 3_000_000 } }, ['limits.maxMessage']],
    ['rows beyond half the ring', { decode: json({ t: json.text('/t', { maxBytes: 4_000_000 }) }) }, ['decode.row.t']],
    [
      'rows beyond what is kept back',
      { decode: json({ t: json.text('/t') }), overflow: 'dropOldest', queue: { pendingBytes: 8_192 } },
      ['decode.row.t'],
    ],
    [
      'raw messages beyond the queue',
      { decode: text(), queue: { bytes: 4_096 }, limits: { maxMessage: 4_096 } },
      ['limits.maxMessage'],
    ],
    [
      'too much to conflate',
      { decode: json({ s: json.symbol('/s'), t: json.text('/t') }, { key: 's' }), overflow: 'conflate' },
      ['conflate.bytes'],
    ],
    ['a schema that the core refuses', { decode: json({ REFUSED: json.number('/x') }) }, ['decode']],
    ['a loop that is none', { loop: 'turbo' }, ['loop']],
    ['a signal that is none', { signal: {} }, ['signal']],
    ['a message that is none', { subscribe: [1] }, ['subscribe']],
    ['a proxy over TLS', { proxy: 'https://x' }, ['proxy']],
    ['credentials in the URL', { url: 'wss://u:p@x' }, ['url']],
  ])('refuse %s', (_, options, paths) => {
    const make = (): unknown => new Feed({ ...minimal, ...options } as never)
    expect(make).toThrow(ConfigError)
    try {
      make()
    } catch (error) {
      expect((error as ConfigError).code).toBe('ERR_TICKWIRE_CONFIG')
      expect((error as ConfigError).issues.map(({ path }) => path.join('.'))).toEqual(paths)
    }
  })

  it('name the field in the message and keep secrets out of it', () => {
    const options = {
      ...minimal,
      url: 'wss://x',
      headers: { authorization: 'hunter2\n' },
      tls: { key: 'hunter2', passphrase: 5 },
      heartbeat: { ping: -1 },
    }
    let message = ''
    try {
      new Feed(options as never)
    } catch (error) {
      message = String((error as Error).stack) + JSON.stringify(error)
    }
    expect(message).toContain('heartbeat.ping: ')
    expect(message).toContain('headers.authorization: ')
    expect(message).not.toContain('hunter2')
  })

  it('connect to nothing and start no loop', () => {
    const loops = world.loops.length
    new Feed(minimal)
    new Feed({ ...minimal, loop: 'spin' })
    expect(world.loops.length).toBe(loops)
    expect(world.channels).toEqual([])
    expect(world.feeds).toEqual([])
  })
})

describe('loop options', () => {
  it.each([
    [{ mode: 'fast' }, 'mode'],
    [{ cpu: -1 }, 'cpu'],
    [{ cpu: 1.5 }, 'cpu'],
    [{ mode: 'inline', cpu: 0 }, 'cpu'],
    [{ ring: 100_000 }, 'ring'],
    [{ ring: 32_768 }, 'ring'],
    [{ symbols: 0 }, 'symbols'],
    [{ symbolText: 1 }, 'symbolText'],
    [{ threads: 2 }, 'threads'],
  ])('refuse %j', (options, path) => {
    expect(() => new Loop(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_TICKWIRE_CONFIG', issues: [expect.objectContaining({ path: [path] })] }),
    )
  })

  it('reach the core', () => {
    const loop = new Loop({ mode: 'spin', cpu: 1 })
    expect(world.loops.at(-1)).toMatchObject({ mode: 'spin', cpu: 1 })
    expect(loop.cpuTimeNs()).toBe(42)
    new Loop()
    expect(world.loops.at(-1)).toMatchObject({ mode: 'park', cpu: -1 })
  })

  it('have one shared loop per mode', () => {
    expect(Loop.default).toBe(Loop.of('park'))
    expect(Loop.of('inline')).not.toBe(Loop.default)
  })
})
