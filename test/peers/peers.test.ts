import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { ClientFrames, frame } from '../../examples/venue/frames.ts'
import { createAuthority, localhostCertificates, selfSigned } from './certificates.ts'
import * as bad from './misbehaviours.ts'
import { startProxy } from './proxy.ts'
import { pythonServerUnavailable, startPythonServer } from './python-server.ts'
import { type Behaviour, startRawServer } from './raw-server.ts'
import { startWsServer } from './ws-server.ts'

/** The peers themselves, checked with a client that is not ours: a test against a peer proves nothing if the peer is wrong. */

interface Outcome {
  readonly messages: string[]
  readonly error: string
  readonly code: number
}

function visit(url: string, options: WebSocket.ClientOptions & { until?: number } = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: 1000, ...options })
    const messages: string[] = []
    let error = ''
    socket.on('error', (failure: Error & { code?: string }) => {
      error = failure.code ?? failure.message
    })
    socket.on('message', (data) => {
      messages.push(String(data))
      if (messages.length === options.until) socket.close(1000)
    })
    socket.on('close', (code) => resolve({ messages, error, code }))
  })
}

describe('certificates', () => {
  it.each(['ec', 'rsa', 'ed25519'] as const)('of kind %s are valid, for the names they say', (key) => {
    const authority = createAuthority('Authority', key)
    const leaf = authority.issue({ commonName: 'leaf', hosts: ['example.test', '127.0.0.1', '::1'], key })
    const root = new X509Certificate(authority.cert)
    const cert = new X509Certificate(leaf.cert)
    expect(root.ca).toBe(true)
    expect(cert.ca).toBe(false)
    expect(root.verify(root.publicKey)).toBe(true)
    expect(cert.verify(root.publicKey)).toBe(true)
    expect(cert.checkIssued(root)).toBe(true)
    expect(cert.checkHost('example.test')).toBe('example.test')
    expect(cert.checkHost('other.test')).toBeUndefined()
    expect(cert.checkIP('127.0.0.1')).toBe('127.0.0.1')
    expect(cert.checkIP('::1')).toBeDefined()
    expect(cert.checkIP('127.0.0.2')).toBeUndefined()
  })

  it('carry the dates that were asked for', () => {
    const cert = new X509Certificate(
      selfSigned({
        commonName: 'old',
        notBefore: new Date('2001-02-03T04:05:06Z'),
        notAfter: new Date('2051-01-01T00:00:00Z'),
      }).cert,
    )
    expect(new Date(cert.validFrom).toISOString()).toBe('2001-02-03T04:05:06.000Z')
    expect(new Date(cert.validTo).toISOString()).toBe('2051-01-01T00:00:00.000Z')
  })

  it('carry a real TLS connection, both ways authenticated', async () => {
    const { authority, server } = localhostCertificates()
    const client = authority.issue({ commonName: 'client', use: 'client' })
    await using peer = await startRawServer((connection) => connection.write('hello'), {
      tls: { cert: server.cert, key: server.key, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
    })
    const greeting = await new Promise((resolve, reject) => {
      const socket = connect({
        port: peer.port,
        host: '127.0.0.1',
        ca: authority.cert,
        cert: client.cert,
        key: client.key,
      })
      socket.once('data', (data) => {
        resolve(String(data))
        socket.destroy()
      })
      socket.once('error', reject)
    })
    expect(greeting).toBe('hello')
  })
})

describe('frames', () => {
  it.each([0, 1, 125, 126, 65_535, 65_536])('of %i bytes survive masking and any cutting', (length) => {
    const payload = Buffer.from(Array.from({ length }, (_, i) => (i * 7) & 0xff))
    const bytes = frame(payload, { opcode: 2, mask: Uint8Array.of(1, 2, 3, 4) })
    const cutter = new ClientFrames()
    const got = []
    const step = Math.max(1, Math.floor(length / 17))
    for (let at = 0; at < bytes.length; at += step) got.push(...cutter.push(bytes.subarray(at, at + step)))
    expect(got).toHaveLength(1)
    expect(got[0]?.masked).toBe(true)
    expect(got[0]?.payload.equals(payload)).toBe(true)
  })
})

describe('misbehaviours', () => {
  const cases: [string, Behaviour, Partial<Outcome>][] = [
    ['silent', bad.silent, { error: 'Opening handshake has timed out' }],
    ['stall in the handshake', bad.stallInHandshake(60), { error: 'Opening handshake has timed out' }],
    ['status 301', bad.answer(301, { Location: 'ws://127.0.0.1:1/' }), { error: 'Unexpected server response: 301' }],
    ['status 503', bad.answer(503, { 'Retry-After': '1' }, 'busy'), { error: 'Unexpected server response: 503' }],
    [
      'wrong accept key',
      bad.acceptWith(['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Accept: AAAA']),
      { error: 'Invalid Sec-WebSocket-Accept header' },
    ],
    ['garbage', bad.garbageAnswer('SSH-2.0-OpenSSH_9.2\r\n'), { error: 'HPE_INVALID_CONSTANT' }],
    ['endless headers', bad.endlessHeaders(10_000_000), { error: 'HPE_HEADER_OVERFLOW' }],
    ['reserved bit', bad.send(frame('x', { rsv: 2 })), { error: 'WS_ERR_UNEXPECTED_RSV_2_3' }],
    ['masked frame', bad.send(frame('x', { mask: Uint8Array.of(1, 2, 3, 4) })), { error: 'WS_ERR_UNEXPECTED_MASK' }],
    ['huge frame', bad.hugeFrame((1n << 63n) - 1n, 1_000_000), { error: 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH' }],
    ['endless fragments', bad.endlessFragments(100_000, 100), { error: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' }],
    ['reset', bad.dieAfter(10, 'rst'), { code: 1006 }],
    ['end without farewell', bad.dieAfter(10, 'fin'), { code: 1006 }],
    ['going away', bad.dieAfter(10, 'close'), { code: 1001, error: '' }],
  ]
  it.each(cases)('%s', async (_, behaviour, expected) => {
    await using peer = await startRawServer(behaviour)
    expect(await visit(peer.url, { maxPayload: 1_000_000 })).toMatchObject(expected)
    expect(peer.failures).toEqual([])
  })

  it('byte by byte', async () => {
    await using peer = await startRawServer(bad.byteByByte(['{"a":1}', 'é']))
    expect((await visit(peer.url, { until: 2 })).messages).toEqual(['{"a":1}', 'é'])
    expect(await peer.connections[0]?.closeCode()).toBe(1000)
  })

  it('inflate bomb', async () => {
    await using peer = await startRawServer(bad.inflateBomb(64 * 1024 * 1024))
    const outcome = await visit(peer.url, { perMessageDeflate: true, maxPayload: 1_000_000 })
    expect(outcome.error).toBe('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
  })

  it('ping flood', async () => {
    await using peer = await startRawServer(bad.pingFlood(1000))
    const pings = await new Promise<number>((resolve) => {
      let count = 0
      const socket = new WebSocket(peer.url, { autoPong: false })
      socket.on('ping', () => {
        count += 1
        if (count === 400) socket.terminate()
      })
      socket.on('close', () => resolve(count))
    })
    expect(pings).toBeGreaterThanOrEqual(400)
  })
})

describe('servers', () => {
  it('ws: records what clients do', async () => {
    await using peer = await startWsServer({ echo: true })
    const visited = visit(peer.url)
    const socket = await peer.connection(0)
    peer.broadcast('one', 'two')
    socket.close(1001)
    expect(await visited).toEqual({ messages: ['one', 'two'], error: '', code: 1001 })
  })

  it('proxy: carries, refuses, and asks for a password', async () => {
    await using target = await startRawServer((connection) => connection.write('through'))
    await using open = await startProxy()
    await using locked = await startProxy({ authorization: 'Basic eDp5' })
    const ask = (port: number): Promise<string> =>
      new Promise((resolve) => {
        let text = ''
        const socket = connectTcp(port, '127.0.0.1')
        socket.write(`CONNECT 127.0.0.1:${target.port} HTTP/1.1\r\nHost: x\r\n\r\n`)
        socket.on('data', (data) => {
          text += String(data)
          if (text.includes('through')) socket.destroy()
        })
        socket.on('close', () => resolve(text))
      })
    expect(await ask(open.port)).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\nthrough$/s)
    expect(await ask(locked.port)).toMatch(/^HTTP\/1\.1 407 /)
    expect(open.targets).toEqual([`127.0.0.1:${target.port}`])
  })
})

const unavailable = pythonServerUnavailable()
describe.skipIf(unavailable)(`python3-websockets${unavailable ? ` (skipped: ${unavailable})` : ''}`, () => {
  it('streams, fragments, compresses, speaks TLS', { timeout: 20_000 }, async () => {
    const { authority, server } = localhostCertificates()
    const directory = mkdtempSync(join(tmpdir(), 'tickwire-'))
    try {
      writeFileSync(join(directory, 'cert'), server.cert)
      writeFileSync(join(directory, 'key'), server.key)
      await using peer = await startPythonServer({
        deflate: true,
        cert: join(directory, 'cert'),
        key: join(directory, 'key'),
      })
      const options = { ca: authority.cert, perMessageDeflate: true }
      expect((await visit(`${peer.url}/fragments?count=3`, { ...options, until: 3 })).messages).toEqual([
        '{"n":0,"ok":true}',
        '{"n":1,"ok":true}',
        '{"n":2,"ok":true}',
      ])
      expect((await visit(`${peer.url}/stream?count=200`, { ...options, until: 200 })).messages[199]).toMatch(
        /^{"n":199,/,
      )
      expect((await visit(`${peer.url}/ping?count=5`, { ...options, until: 1 })).messages).toEqual(['{"pongs": 5}'])
      expect((await visit(`${peer.url}/close?code=4001&reason=x`, options)).code).toBe(4001)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
