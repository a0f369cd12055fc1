import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { TLSSocket } from 'node:tls'
import { inspect } from 'node:util'
import {
  type ConnectionInfo,
  exponential,
  Feed,
  FeedError,
  type FeedOptions,
  json,
  never,
  type RawDecoder,
  type StateChange,
  text,
} from 'tickwire'
import { describe, expect, it } from 'vitest'
import { createAuthority, localhostCertificates, selfSigned } from '../peers/certificates.ts'
import { answer } from '../peers/misbehaviours.ts'
import { startProxy } from '../peers/proxy.ts'
import { startRawServer } from '../peers/raw-server.ts'
import { startWsServer, type WsServer } from '../peers/ws-server.ts'
import { rejection, until, within } from './waiting.ts'

const { authority, server: good } = localhostCertificates()
const stranger = createAuthority('Stranger')
const day = 86_400_000
const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))

/** Node's TLS server, and how a client reached it. */
function tlsSocket(server: WsServer, n = 0): TLSSocket {
  return server.requests[n]?.socket as TLSSocket
}

type Options = Omit<FeedOptions<RawDecoder<string>>, 'url' | 'decode'>

function feedTo(url: string, options: Options = {}): Feed<RawDecoder<string>> {
  return new Feed({ url, decode: text(), reconnect: never(), ...options })
}

/** The error of an attempt that has to fail. */
async function failure(url: string, options: Options): Promise<FeedError> {
  await using feed = feedTo(url, options)
  const error = await within(rejection(feed.open()), 'the failure')
  expect(error).toBeInstanceOf(FeedError)
  expect(feed.state).toBe('disconnected')
  return error as FeedError
}

describe('a connection over TLS', () => {
  it('is checked by name, says the name, and tells what was agreed', async () => {
    await using server = await startWsServer({ tls: { ...good }, echo: true })
    await using feed = feedTo(`wss://localhost:${server.port}/path?q=1`, {
      tls: { ca: authority.cert, alpn: ['http/1.1'] },
    })
    const echoed: string[] = []
    feed.on('message', (message) => {
      echoed.push(message.data)
    })
    const info = await feed.open()
    expect(info).toMatchObject({ port: server.port, tlsVersion: 'TLSv1.3', alpn: 'http/1.1', tlsResumed: false })
    expect(info.address).toMatch(/^(127\.0\.0\.1|::1)$/)
    expect(info.tlsCipher).toMatch(/^TLS_/)
    expect(info.tlsCipher).toBe(tlsSocket(server).getCipher().standardName)
    expect(feed.connection).toEqual(info)
    expect((tlsSocket(server) as TLSSocket & { servername: string }).servername).toBe('localhost')
    expect(server.requests[0]?.url).toBe('/path?q=1')
    expect(server.requests[0]?.headers.host).toBe(`localhost:${server.port}`)
    feed.send('hello')
    await until(() => echoed.length === 1, 'the echo has come')
    expect(echoed).toEqual(['hello'])
    await feed.close()
    await until(() => server.closeCodes.length === 1, 'the server has seen the end')
    expect(server.closeCodes).toEqual([1000])
    expect(feed.connection).toBeNull()
  })

  it('to an address says no name (RFC 6066 section 3) and is checked by address', async () => {
    await using server = await startWsServer({ tls: { ...good } })
    await using feed = feedTo(server.url, { tls: { ca: authority.cert } })
    await feed.open()
    expect((tlsSocket(server) as TLSSocket & { servername: unknown }).servername).toBe(false)
  })

  it.skipIf(!hasIpv6)('to an IPv6 address is checked by address', async () => {
    await using server = await startWsServer({ tls: { ...good }, host: '::1' })
    await using feed = feedTo(`wss://[::1]:${server.port}`, { tls: { ca: authority.cert } })
    expect(await feed.open()).toMatchObject({ address: '::1' })
    expect(server.requests[0]?.headers.host).toBe(`[::1]:${server.port}`)
  })

  it('can be told the name', async () => {
    const certificate = authority.issue({ commonName: 'feed', hosts: ['feed.example'] })
    await using server = await startWsServer({ tls: { ...certificate } })
    await using feed = feedTo(server.url, { tls: { ca: authority.cert, serverName: 'feed.example' } })
    await feed.open()
    expect((tlsSocket(server) as TLSSocket & { servername: unknown }).servername).toBe('feed.example')
    expect(await failure(server.url, { tls: { ca: authority.cert } })).toMatchObject({ code: 'ERR_TLS_HOSTNAME' })
  })

  it.each(['ec', 'rsa', 'ed25519'] as const)('takes certificates of kind %s, and TLS 1.2 by default', async (key) => {
    const own = createAuthority('Own', key)
    const certificate = own.issue({ commonName: 'localhost', hosts: ['127.0.0.1'], key })
    for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
      await using server = await startWsServer({ tls: { ...certificate, maxVersion } })
      await using feed = feedTo(server.url, { tls: { ca: Buffer.from(own.cert) } })
      expect(await feed.open()).toMatchObject({ tlsVersion: maxVersion })
    }
  })

  it('takes several authorities, and the production profile TLS 1.3', async () => {
    await using server = await startWsServer({ tls: { ...good } })
    const tls = { ca: [stranger.cert, authority.cert], profile: 'production' } as const
    await using feed = feedTo(server.url, { tls })
    expect(await feed.open()).toMatchObject({ tlsVersion: 'TLSv1.3' })
  })

  it('carries messages of all sizes unharmed, both ways', async () => {
    const sizes = [0, 1, 125, 126, 16_383, 16_384, 16_385, 65_535, 65_536, 1_000_000]
    const messages = Array.from({ length: 60 }, (_, i) =>
      String.fromCharCode(97 + (i % 26)).repeat(sizes[i % sizes.length] as number),
    )
    for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
      await using server = await startWsServer({ tls: { ...good, maxVersion }, echo: true })
      await using feed = feedTo(server.url, { tls: { ca: authority.cert } })
      const echoed: string[] = []
      feed.on('message', (message) => {
        echoed.push(message.data)
      })
      await feed.open()
      for (const message of messages) {
        await until(() => feed.sendQueueBytes < 8_000_000, 'there is room to send')
        feed.send(message)
      }
      await until(() => echoed.length === messages.length, 'everything has come back')
      expect(echoed.every((message, i) => message === messages[i])).toBe(true)
      expect(server.received.map(({ data }) => data.length)).toEqual(messages.map((message) => message.length))
    }
  })
})

describe('a session', () => {
  /** Opens, is closed or cut off, opens again: what both connections were. */
  async function twice(maxVersion: 'TLSv1.2' | 'TLSv1.3', end: 'close' | 'cut', resumeSessions: boolean) {
    const reused: boolean[] = []
    await using server = await startWsServer({
      tls: { ...good, maxVersion },
      onConnection: (socket, request) => {
        reused.push((request.socket as TLSSocket).isSessionReused())
        socket.send('hello')
      },
    })
    const reconnect = exponential({ first: 10, storm: { attempts: 1_000 } })
    await using feed = feedTo(server.url, { reconnect, tls: { ca: authority.cert, resumeSessions } })
    const infos: ConnectionInfo[] = []
    let messages = 0
    feed.on('open', (info) => {
      infos.push(info)
    })
    feed.on('message', () => {
      messages += 1
    })
    await feed.open()
    // Tickets of TLS 1.3 come before the first message.
    await until(() => messages === 1, 'the first message has come')
    const first = await server.connection(0)
    if (end === 'cut') first.terminate()
    else first.close(1012)
    await until(() => messages === 2, 'the second connection works')
    expect(infos.length).toBe(2)
    return { client: infos.map(({ tlsResumed }) => tlsResumed), server: reused }
  }

  it.each([
    ['TLSv1.2', 'close'],
    ['TLSv1.2', 'cut'],
    ['TLSv1.3', 'close'],
    ['TLSv1.3', 'cut'],
  ] as const)('of %s is resumed after a reconnect (%s)', async (version, end) => {
    expect(await twice(version, end, true)).toEqual({ client: [false, true], server: [false, true] })
  })

  it('is not resumed when that is not wanted', async () => {
    expect(await twice('TLSv1.3', 'cut', false)).toEqual({ client: [false, false], server: [false, false] })
  })
})

describe('a certificate is refused by its own code', () => {
  const hosts = ['localhost', '127.0.0.1']
  const past = new Date(Date.now() - 2 * day)
  it.each([
    [
      'expired',
      authority.issue({ commonName: 'old', hosts, notBefore: new Date(Date.now() - 9 * day), notAfter: past }),
      'ERR_TLS_CERT_EXPIRED',
    ],
    [
      'not yet valid',
      authority.issue({ commonName: 'young', hosts, notBefore: new Date(Date.now() + 2 * day) }),
      'ERR_TLS_CERT_NOT_YET_VALID',
    ],
    ['of another host', authority.issue({ commonName: 'other', hosts: ['other.example'] }), 'ERR_TLS_HOSTNAME'],
    ['of another address', authority.issue({ commonName: 'other', hosts: ['127.0.0.2'] }), 'ERR_TLS_HOSTNAME'],
    [
      'of a name that only looks like the address',
      authority.issue({ commonName: '127.0.0.1', hosts: ['localhost'] }),
      'ERR_TLS_HOSTNAME',
    ],
    ['self-signed', selfSigned({ commonName: 'self', hosts }), 'ERR_TLS_SELF_SIGNED'],
    ['of an unknown issuer', stranger.issue({ commonName: 'localhost', hosts }), 'ERR_TLS_UNKNOWN_ISSUER'],
  ])('%s', async (_, certificate, code) => {
    await using server = await startWsServer({ tls: { ...certificate } })
    const error = await failure(server.url, { tls: { ca: authority.cert } })
    expect(error).toMatchObject({ code, phase: 'tls' })
    expect(server.requests).toEqual([])
    // What is refused on good grounds can be accepted for a test.
    await using feed = feedTo(server.url, { tls: { verify: false } })
    await feed.open()
  })

  it('of an authority that is not among those of Node', async () => {
    await using server = await startWsServer({ tls: { ...good } })
    expect(await failure(server.url, {})).toMatchObject({ code: 'ERR_TLS_UNKNOWN_ISSUER', phase: 'tls' })
  })

  it('meant for clients', async () => {
    await using server = await startWsServer({
      tls: { ...authority.issue({ commonName: 'client', hosts, use: 'client' }) },
    })
    expect(await failure(server.url, { tls: { ca: authority.cert } })).toMatchObject({ code: 'ERR_TLS_VERIFY' })
  })
})

describe('pins', () => {
  const wrong = Buffer.alloc(32, 7).toString('base64')

  it.each([
    ['the leaf', [good.spkiPin]],
    ['the authority', [authority.spkiPin]],
    ['one of several, with its prefix', [wrong, `sha256/${good.spkiPin}`]],
  ])('that name %s are met', async (_, pins) => {
    await using server = await startWsServer({ tls: { ...good } })
    await using feed = feedTo(server.url, { tls: { ca: authority.cert, pins } })
    await feed.open()
  })

  it('that are not met refuse the server before it gets the request', async () => {
    await using server = await startWsServer({ tls: { ...good } })
    const error = await failure(server.url, { tls: { ca: authority.cert, pins: [wrong, stranger.spkiPin] } })
    expect(error).toMatchObject({ code: 'ERR_TLS_PIN', phase: 'tls' })
    expect(server.requests).toEqual([])
  })

  it('that are met do not replace the other checks', async () => {
    const certificate = authority.issue({ commonName: 'other', hosts: ['other.example'] })
    await using server = await startWsServer({ tls: { ...certificate } })
    const tls = { ca: authority.cert, pins: [certificate.spkiPin] }
    expect(await failure(server.url, { tls })).toMatchObject({ code: 'ERR_TLS_HOSTNAME' })
  })
})

describe('versions and protocols', () => {
  it('a server of TLS 1.2 is refused by the production profile', async () => {
    await using server = await startWsServer({ tls: { ...good, maxVersion: 'TLSv1.2' } })
    const error = await failure(server.url, { tls: { ca: authority.cert, profile: 'production' } })
    expect(error).toMatchObject({ code: 'ERR_TLS_VERSION', phase: 'tls' })
    expect(server.requests).toEqual([])
  })

  it('a server that speaks no TLS is told apart', async () => {
    await using server = await startWsServer()
    const url = server.url.replace('ws:', 'wss:')
    expect(await failure(url, { tls: { ca: authority.cert } })).toMatchObject({ phase: 'tls' })
  })

  it('a server that hangs up in the handshake is told apart', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const { code } = await failure(`wss://127.0.0.1:${port}`, { tls: { ca: authority.cert } })
    expect(['ERR_TLS_TRUNCATED', 'ERR_TLS_HANDSHAKE', 'ECONNRESET', 'ERR_EOF']).toContain(code)
    server.close()
  })

  it('a stream that ends without a farewell of TLS is not taken for a complete one', async () => {
    await using server = await startRawServer(
      async (connection) => {
        await connection.accept()
        await connection.send('last')
        await connection.closed
      },
      { tls: { ...good } },
    )
    await using feed = feedTo(server.url, { tls: { ca: authority.cert } })
    const messages: string[] = []
    const states: StateChange[] = []
    feed.on('message', (message) => {
      messages.push(message.data)
    })
    feed.on('state', (change) => {
      states.push(change)
    })
    feed.on('error', () => {})
    await feed.open()
    await until(() => messages.length === 1, 'the message has come')
    // The TCP connection under the TLS one: its end is no end of TLS.
    for (const socket of server.sockets) if (!('encrypted' in socket)) socket.destroy()
    await until(() => feed.state === 'disconnected' && states.at(-1)?.to === 'disconnected', 'the end is noticed')
    expect(['ERR_TLS_TRUNCATED', 'ECONNRESET']).toContain(states.at(-1)?.reason)
    expect(messages).toEqual(['last'])
  })
})

describe('client certificates', () => {
  const demanding = { ...good, ca: authority.cert, requestCert: true, rejectUnauthorized: true }
  const client = authority.issue({ commonName: 'the client', use: 'client' })

  it('are shown when asked for', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      await using server = await startWsServer({ tls: { ...demanding, maxVersion } })
      await using feed = feedTo(server.url, { tls: { ca: authority.cert, cert: client.cert, key: client.key } })
      await feed.open()
      expect(tlsSocket(server).authorized).toBe(true)
      expect(tlsSocket(server).getPeerCertificate().subject.CN).toBe('the client')
    }
  })

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('that are missing or of strangers fail over %s', async (maxVersion) => {
    await using server = await startWsServer({ tls: { ...demanding, maxVersion } })
    expect(await failure(server.url, { tls: { ca: authority.cert } })).toMatchObject({ phase: 'tls' })
    const { cert, key } = stranger.issue({ commonName: 'stranger', use: 'client' })
    // Node's server completes the handshake before it looks at the issuer, and then hangs up.
    const { code } = await failure(server.url, { tls: { ca: authority.cert, cert, key } })
    expect(['ERR_TLS_HANDSHAKE', 'ERR_TLS_TRUNCATED', 'ERR_EOF', 'ECONNRESET', 'EPIPE']).toContain(code)
    expect(server.requests).toEqual([])
  })

  it('with a key of another certificate fail before anything is sent', async () => {
    await using server = await startWsServer({ tls: { ...demanding } })
    const tls = { ca: authority.cert, cert: client.cert, key: good.key }
    await using feed = feedTo(server.url, { tls })
    const error = await within(rejection(feed.open()), 'the failure')
    expect(error).toMatchObject({ code: 'ERR_TLS_CONFIG' })
    expect(server.requests).toEqual([])
  })
})

describe('through a proxy', () => {
  it('the tunnel is end to end: name, certificate and pins are those of the server', async () => {
    await using server = await startWsServer({ tls: { ...good }, echo: true })
    await using proxy = await startProxy()
    await using feed = feedTo(`wss://localhost:${server.port}`, {
      proxy: proxy.url.replace('ws:', 'http:'),
      tls: { ca: authority.cert, pins: [good.spkiPin] },
    })
    const echoed: string[] = []
    feed.on('message', (message) => {
      echoed.push(message.data)
    })
    const info = await feed.open()
    // The name goes to the proxy as it is: who resolves it is the proxy.
    expect(proxy.targets).toEqual([`localhost:${server.port}`])
    expect(info).toMatchObject({ address: '127.0.0.1', port: proxy.port, tlsVersion: 'TLSv1.3' })
    feed.send('x'.repeat(100_000))
    await until(() => echoed.length === 1, 'the echo has come')
    expect(echoed[0]?.length).toBe(100_000)
  })

  it('credentials are shown to the proxy alone', async () => {
    await using server = await startWsServer({ tls: { ...good } })
    const authorization = `Basic ${Buffer.from('user:pass word').toString('base64')}`
    await using proxy = await startProxy({ authorization })
    const address = proxy.url.replace('ws://', '')
    const tls = { ca: authority.cert }
    await using feed = feedTo(server.url, { tls, proxy: `http://user:pass%20word@${address}` })
    await feed.open()
    expect(JSON.stringify(server.requests[0]?.rawHeaders).toLowerCase()).not.toContain('proxy-authorization')
    for (const proxyUrl of [`http://${address}`, `http://user:wrong@${address}`]) {
      const error = await failure(server.url, { tls, proxy: proxyUrl })
      expect(error).toMatchObject({ code: 'ERR_PROXY_STATUS', detail: 407, phase: 'proxy' })
    }
  })

  it('a refusal of the proxy has its status', async () => {
    await using proxy = await startProxy({ refuse: 503 })
    const error = await failure('wss://nowhere.invalid/', { proxy: proxy.url.replace('ws:', 'http:') })
    expect(error).toMatchObject({ code: 'ERR_PROXY_STATUS', detail: 503, phase: 'proxy' })
    expect(proxy.targets).toEqual(['nowhere.invalid:443'])
  })

  it('the server is still checked', async () => {
    await using server = await startWsServer({ tls: { ...selfSigned({ commonName: 'self', hosts: ['127.0.0.1'] }) } })
    await using proxy = await startProxy()
    const options = { proxy: proxy.url.replace('ws:', 'http:'), tls: { ca: authority.cert } }
    expect(await failure(server.url, options)).toMatchObject({ code: 'ERR_TLS_SELF_SIGNED' })
  })
})

describe('secrets', () => {
  const secret = 'S3cr3tValue'
  const encrypted = { cert: good.cert, key: good.key }

  it('are in no error, event or inspection, whatever fails', async () => {
    await using refusing = await startRawServer(answer(401, { 'X-Reason': 'no' }, 'denied'))
    await using selfSignedServer = await startWsServer({
      tls: { ...selfSigned({ commonName: 'self', hosts: ['127.0.0.1'] }) },
    })
    await using refusingProxy = await startProxy({ refuse: 502 })
    const gone = await startWsServer()
    await gone.close()
    const path = `/ws?listenKey=${secret}`
    const headers = { authorization: `Bearer ${secret}`, 'x-api-key': secret }
    const subscribe = JSON.stringify({ op: 'login', args: [secret] })
    const common = { headers, subscribe }
    const cases: [string, string, Options, string][] = [
      ['status', `${refusing.url}${path}`, common, 'ERR_HANDSHAKE_STATUS'],
      ['refused', `${gone.url}${path}`, common, 'ECONNREFUSED'],
      [
        'certificate',
        `${selfSignedServer.url}${path}`,
        { ...common, tls: { ca: authority.cert } },
        'ERR_TLS_SELF_SIGNED',
      ],
      [
        'proxy',
        `wss://nowhere.invalid${path}`,
        { ...common, proxy: refusingProxy.url.replace('ws://', `http://user:${secret}@`) },
        'ERR_PROXY_STATUS',
      ],
      [
        'key',
        `${selfSignedServer.url}${path}`,
        { ...common, tls: { ...encrypted, key: `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----` } },
        'ERR_TLS_CONFIG',
      ],
      [
        'authority',
        `${selfSignedServer.url}${path}`,
        { ...common, tls: { ca: `-----BEGIN CERTIFICATE-----\n${secret}\n-----END CERTIFICATE-----` } },
        'ERR_TLS_CONFIG',
      ],
    ]
    for (const [what, url, options, code] of cases) {
      const feed = feedTo(url, options)
      const seen: unknown[] = []
      feed.on('state', (change) => seen.push(change))
      feed.on('close', (error) => seen.push(error))
      const error = await within(rejection(feed.open()), `the failure (${what})`)
      expect(error, what).toMatchObject({ code })
      const told = [error, (error as Error).stack, (error as Error).cause, ...seen, feed]
      const everything = inspect(told, { depth: 10 })
      expect(everything, what).not.toContain(secret)
      expect(everything, what).toContain(code)
    }
  })

  it('are in no error about options', () => {
    const decode = json({ n: json.number('/n') })
    for (const options of [
      { url: `wss://user:${secret}@host/`, decode },
      { url: `wss://host/?key=${secret}#${secret}`, decode },
      { url: `no url ${secret}`, decode },
      { url: 'wss://host/', decode, headers: { authorization: `Bearer ${secret}\n` } },
      { url: 'wss://host/', decode, proxy: `https://u:${secret}@proxy` },
      { url: 'wss://host/', decode, tls: { key: secret, cert: secret } },
      { url: 'wss://host/', decode, tls: { pins: [secret] } },
    ]) {
      let error: unknown
      try {
        new Feed(options)
      } catch (thrown) {
        error = thrown
      }
      expect(error).toMatchObject({ code: 'ERR_TICKWIRE_CONFIG' })
      expect(inspect(error, { depth: 10 }).replace(/\n\s+at .*/g, '')).not.toContain(secret)
    }
  })
})
