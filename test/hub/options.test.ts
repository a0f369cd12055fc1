import { ConfigError, Hub } from 'tickwire'
import { describe, expect, it } from 'vitest'

type Options = Parameters<typeof Hub.listen>[0]

const ws = 'ws://127.0.0.1:0'

/** The options are of the wrong type on purpose. */
async function faultsOf(options: object): Promise<string[]> {
  try {
    await (await Hub.listen({ ws, ...options } as Options)).close()
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).issues.map(({ path }) => path.join('.'))
  }
  throw new Error('the options were accepted')
}

describe('options of a hub', () => {
  it.each([
    ['ws', { ws: undefined }],
    ['ws.0.url', { ws: 'http://127.0.0.1:0' }],
    ['ws.0.url', { ws: 'nonsense' }],
    ['ws.0.url', { ws: 'ws://user:secret@127.0.0.1:0' }],
    ['ws.0.url', { ws: 'ws://127.0.0.1:0/?topics=a' }],
    ['ws.1.url', { ws: [ws, 'tcp://127.0.0.1:0'] }],
    ['ws.0.backlog', { ws: { url: ws, backlog: 0 } }],
    ['ws.0.sendbuffer', { ws: { url: ws, sendbuffer: 1 } }],
    ['ws.0.tls', { ws: 'wss://127.0.0.1:0' }],
    ['tcp.0.url', { tcp: 'tcp://127.0.0.1' }],
    ['tcp.0.url', { tcp: 'tcp://127.0.0.1:0/path' }],
    ['tls.cert', { tls: { cert: 'x', key: '-----BEGIN X' } }],
    ['tls.clientCa', { tls: { cert: '-----BEGIN X', key: '-----BEGIN X', clientCertificate: 'required' } }],
    ['name', { name: '' }],
    ['name', { name: 'ü'.repeat(128) }],
    // biome-ignore lint/suspicious/noThenProperty: the option is called so
    ['slow.then', { slow: { then: 'wait' } }],
    ['slow.pendingBytes', { slow: { pendingBytes: 1 } }],
    ['flush.maxDelay', { flush: { maxDelay: -1 } }],
    ['ring.bytes', { ring: { bytes: 1 } }],
    ['ring.messages', { ring: { messages: 1.5 } }],
    ['store.keys', { store: { keys: 0 } }],
    ['topics.a.retain', { topics: { a: { retain: 'all' } } }],
    ['topics.a.snapshot', { topics: { a: { retain: 'last', snapshot: () => [] } } }],
    ['retain', { retain: true }],
    ['deflate', { deflate: 'yes' }],
    ['limits.connections', { limits: { connections: 0 } }],
    ['limits.acceptRate.perSecond', { limits: { acceptRate: { perSecond: -1 } } }],
    ['limits.maxMessage', { limits: { maxMessage: 2_000_000 } }],
    ['limits.unknown', { limits: { unknown: 1 } }],
    ['heartbeat.ping', { heartbeat: { ping: Number.NaN } }],
    ['origins.0', { origins: ['app.example'] }],
    ['authorize', { authorize: true }],
    ['authorizeTimeout', { authorizeTimeout: 1 }],
    ['health', { health: 'healthz' }],
    ['threads', { threads: 65 }],
    ['threads', { threads: 2, loop: 'inline' }],
    ['loop', { loop: 'fast' }],
    ['closeTimeout', { closeTimeout: -1 }],
    ['signal', { signal: {} }],
  ])('names %s when it is wrong', async (path, options) => {
    expect(await faultsOf(options)).toEqual([path])
  })

  it('names all at once', async () => {
    // biome-ignore lint/suspicious/noThenProperty: the option is called so
    expect(await faultsOf({ name: 5, slow: { then: 1, other: 2 } })).toEqual(['name', 'slow.then', 'slow.other'])
  })

  it('are those of topics as well, at any time', async () => {
    await using hub = await Hub.listen({ ws })
    expect(() => hub.topic('t', { retain: 'x' as 'last' })).toThrow(ConfigError)
    expect(hub.topic('t')).toBe(hub.topic('t'))
  })
})
