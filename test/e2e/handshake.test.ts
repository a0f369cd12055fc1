import { Feed, never, text } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { closeFrame, frame } from '../../examples/venue/frames.ts'
import * as bad from '../peers/misbehaviours.ts'
import { startProxy } from '../peers/proxy.ts'
import { startRawServer } from '../peers/raw-server.ts'
import { startWsServer } from '../peers/ws-server.ts'
import { visit } from './visit.ts'

const good = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Accept: {accept}']

describe('opening handshake', () => {
  it.each([
    [301, { Location: 'http://127.0.0.1:1/' }],
    [302, { Location: 'ws://127.0.0.1:1/' }],
    [400, {}],
    [401, { 'WWW-Authenticate': 'Basic' }],
    [403, {}],
    [404, {}],
    [429, { 'Retry-After': '1' }],
    [500, {}],
    [503, {}],
    [200, {}],
  ])('status %i is an error with the status', async (status, headers) => {
    const got = await visit(bad.answer(status, headers, 'body'))
    expect(got).toMatchObject({ reason: 'ERR_HANDSHAKE_STATUS', detail: status })
  })

  it.each([
    ['no Upgrade', good.slice(1), 'ERR_HANDSHAKE_UPGRADE'],
    ['wrong Upgrade', ['Upgrade: h2c', ...good.slice(1)], 'ERR_HANDSHAKE_UPGRADE'],
    ['no Connection', [good[0] as string, good[2] as string], 'ERR_HANDSHAKE_CONNECTION'],
    ['no accept key', good.slice(0, 2), 'ERR_HANDSHAKE_ACCEPT'],
    [
      'wrong accept key',
      [...good.slice(0, 2), 'Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA='],
      'ERR_HANDSHAKE_ACCEPT',
    ],
    ['two accept keys', [...good, good[2] as string], 'ERR_HANDSHAKE_ACCEPT'],
    ['a subprotocol nobody asked for', [...good, 'Sec-WebSocket-Protocol: x'], 'ERR_HANDSHAKE_SUBPROTOCOL'],
    ['a folded header', [...good, 'X-A: b', ' folded'], 'ERR_HANDSHAKE_MALFORMED'],
    ['a header without a colon', [...good, 'nonsense'], 'ERR_HANDSHAKE_MALFORMED'],
  ] as const)('refuses %s', async (_name, lines, reason) => {
    expect((await visit(bad.acceptWith(lines))).reason).toBe(reason)
  })

  it('takes header names and tokens in any case', async () => {
    const got = await visit(async (connection) => {
      const accepting = bad.acceptWith([
        'UPGRADE: WebSocket',
        'connection: keep-alive, UPGRADE',
        'sec-websocket-accept: {accept}',
      ])
      setTimeout(() => connection.write(closeFrame(1000)), 50)
      await accepting(connection, 0)
    })
    expect(got.reason).toBe('ERR_WS_CLOSED')
  })

  it.each(['HTTP/1.0 101 x\r\n\r\n', 'SSH-2.0-OpenSSH_9\r\n\r\n', '\0\x01\x02\x03\r\n\r\n'])(
    'refuses %j',
    async (garbage) => {
      expect((await visit(bad.garbageAnswer(garbage))).reason).toBe('ERR_HANDSHAKE_MALFORMED')
    },
  )

  it('bounds the size of the answer', async () => {
    expect((await visit(bad.endlessHeaders(1 << 20))).reason).toBe('ERR_HANDSHAKE_TOO_LARGE')
  })

  it.each([0, 1, 20, 80])('times out when the answer stops after %i bytes', async (n) => {
    const got = await visit(bad.stallInHandshake(n), { timeouts: { handshake: 150 } })
    expect(got.reason).toBe('ERR_HANDSHAKE_TIMEOUT')
  })

  it('takes the answer and messages byte by byte', async () => {
    const feed = await visit(async (connection, n) => {
      setTimeout(() => connection.write(closeFrame(1000)), 400)
      await bad.byteByByte(['one', 'two'])(connection, n)
    })
    expect(feed.messages).toEqual(['one', 'two'])
  })

  it('delivers frames that came in the same segment as the answer', async () => {
    const got = await visit(async (connection) => {
      const request = await connection.request()
      const { acceptance } = await import('../../examples/venue/handshake.ts')
      connection.listen()
      await connection.write(Buffer.concat([Buffer.from(acceptance(request)), frame('early'), closeFrame(1000)]))
      await connection.closeCode()
      connection.end()
    })
    expect(got.messages).toEqual(['early'])
  })

  it('names a refused port', async () => {
    const server = await startRawServer(bad.silent)
    const { port } = server
    await server[Symbol.asyncDispose]()
    const feed = new Feed({ url: `ws://127.0.0.1:${port}/`, decode: text(), reconnect: never() })
    await expect(feed.open()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(feed.state).toBe('disconnected')
  })

  it('names a name that does not resolve', async () => {
    const feed = new Feed({ url: 'ws://does-not-exist.invalid/', decode: text(), reconnect: never() })
    await expect(feed.open()).rejects.toMatchObject({ code: 'ERR_DNS' })
  })
})

describe('request', () => {
  it('carries path, query, headers, origin and subprotocols', async () => {
    await using server = await startWsServer({ handleProtocols: (offered) => [...offered][1] ?? false })
    const feed = new Feed({
      url: `${server.url}/stream?streams=a/b%20c`,
      decode: text(),
      headers: { 'X-Key': 'value', 'User-Agent': 'mine' },
      origin: 'https://example.com',
      subprotocols: ['v1', 'v2'],
    })
    await using _ = feed
    const info = await feed.open()
    expect(info.subprotocol).toBe('v2')
    const request = server.requests[0]
    expect(request?.url).toMatch(/\/stream\?streams=a\/b%20c$/)
    expect(request?.headers).toMatchObject({
      'x-key': 'value',
      'user-agent': 'mine',
      origin: 'https://example.com',
      'sec-websocket-protocol': expect.stringMatching(/^v1, ?v2$/),
      'sec-websocket-version': '13',
      host: `127.0.0.1:${server.port}`,
    })
  })

  it('goes through a proxy, with its credentials', async () => {
    await using server = await startWsServer({ echo: true })
    await using proxy = await startProxy({})
    const feed = new Feed({ url: server.url, decode: text(), proxy: `http://127.0.0.1:${proxy.port}` })
    await using _ = feed
    await feed.open()
    const echo = new Promise((resolve) => feed.once('message', (m) => resolve(m.data)))
    feed.send('through the tunnel')
    expect(await echo).toBe('through the tunnel')
  })
})

describe('hostile peers', () => {
  it.each([
    ['2^62 bytes', bad.hugeFrame(1n << 62n, 1 << 20), 'ERR_WS_MESSAGE_TOO_LARGE'],
    ['endless fragments', bad.endlessFragments(1000, 100_000), 'ERR_WS_TOO_MANY_FRAGMENTS'],
    ['a flood of pings', bad.pingFlood(200_000), 'ERR_WS_CONTROL_FLOOD'],
  ] as const)('%s', async (_name, behaviour, reason) => {
    const before = process.memoryUsage.rss()
    const got = await visit(behaviour, { limits: { maxFragments: 1000 } })
    expect(got.reason).toBe(reason)
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 << 20)
  })
})
