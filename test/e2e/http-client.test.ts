import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createH2cServer, createSecureServer, type Http2SecureServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { Loop } from 'tickwire'
import { afterEach, describe, expect, it } from 'vitest'
import { HttpClient, type HttpClientOptions, HttpError } from '../../dist/esm/rest/index.js'
import { localhostCertificates } from '../peers/certificates.ts'
import { until } from './waiting.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const certificates = localhostCertificates()

async function listening(server: Server | Http2SecureServer | ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A server that speaks whatever bytes the test wants. */
async function rawServer(serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    serve(socket)
  })
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
  })
  return listening(server)
}

function client(options: HttpClientOptions): HttpClient {
  const made = new HttpClient(options)
  cleanups.push(() => made.close({ force: true }))
  return made
}

async function body(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

const echo: Handler = (request, response) => {
  const answer = (bytes: Buffer): void => {
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify({
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: bytes.toString('latin1'),
      }),
    )
  }
  // A client that is closed under way is none of the server's business.
  body(request).then(answer, () => {})
}

interface Kind {
  readonly name: string
  readonly version: string
  start(handler: Handler): Promise<{ readonly origin: string; readonly options: Omit<HttpClientOptions, 'origin'> }>
}

const { cert, key } = certificates.server
const ca = certificates.authority.cert

const kinds: readonly Kind[] = [
  {
    name: 'http/1.1',
    version: '1.1',
    start: async (handler) => ({ origin: `http://127.0.0.1:${await listening(createServer(handler))}`, options: {} }),
  },
  {
    name: 'http/1.1 over TLS',
    version: '1.1',
    start: async (handler) => ({
      origin: `https://localhost:${await listening(createHttpsServer({ cert, key }, handler))}`,
      options: { tls: { ca } },
    }),
  },
  {
    name: 'http/2 over TLS',
    version: '2',
    start: async (handler) => ({
      origin: `https://localhost:${await listening(
        createSecureServer({ cert, key }, handler as unknown as Parameters<typeof createSecureServer>[1]),
      )}`,
      options: { tls: { ca } },
    }),
  },
]

describe.each(kinds)('HttpClient over $name', ({ start, version }) => {
  it('sends what it was given and reads what comes', async () => {
    const { origin, options } = await start(echo)
    const http = client({ origin, ...options, headers: { 'X-Client': 'one' } })
    const response = await http.request({
      method: 'POST',
      path: '/order?symbol=BTCUSDT&note=%C3%A9',
      headers: { 'X-Api-Key': 'k', accept: ['a/b', 'c/d'] },
      body: 'side=BUY',
    })
    expect(response.status).toBe(200)
    expect(response.ok).toBe(true)
    expect(response.version).toBe(version)
    expect(response.headers.get('Content-Type')).toBe('application/json')
    const seen = response.json<{ method: string; url: string; headers: Record<string, string>; body: string }>()
    expect(seen).toMatchObject({ method: 'POST', url: '/order?symbol=BTCUSDT&note=%C3%A9', body: 'side=BUY' })
    expect(seen.headers).toMatchObject({
      'x-client': 'one',
      'x-api-key': 'k',
      accept: 'a/b, c/d',
      'content-length': '8',
    })
    const { sentNs, receivedNs } = response.times
    expect(receivedNs).toBeGreaterThan(sentNs)
  })

  it('takes every method, an empty body, binary bodies and large ones', async () => {
    const { origin, options } = await start(echo)
    const http = client({ origin, ...options })
    for (const method of ['GET', 'DELETE', 'PUT', 'PATCH', 'OPTIONS']) {
      const seen = (await http.request({ method, path: '/' })).json<{ method: string; body: string }>()
      expect(seen).toMatchObject({ method, body: '' })
    }
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    const seen = (await http.post('/', { body: bytes })).json<{ body: string }>()
    expect(Buffer.from(seen.body, 'latin1')).toEqual(Buffer.from(bytes))
    const large = 'x'.repeat(3_000_000)
    expect((await http.post('/', { body: large })).json<{ body: string }>().body).toBe(large)
  })

  it('answers HEAD, 204 and 304 have no body', async () => {
    const { origin, options } = await start((request, response) => {
      response.statusCode = Number(request.url?.slice(1))
      if (request.method === 'HEAD') response.setHeader('content-length', '1000')
      response.end()
    })
    const http = client({ origin, ...options })
    const head = await http.request({ method: 'HEAD', path: '/200' })
    expect(head.headers.get('content-length')).toBe('1000')
    expect(head.bytes()).toHaveLength(0)
    for (const status of [204, 304]) expect((await http.get(`/${status}`)).status).toBe(status)
    expect((await http.get('/503')).status).toBe(503)
  })

  it('keeps connections and uses them again', async () => {
    const { origin, options } = await start(echo)
    const http = client({ origin, ...options })
    for (let i = 0; i < 50; i++) {
      const response = await http.get(`/${i}`)
      expect(response.reused).toBe(i > 0)
    }
    expect(http.stats()).toMatchObject({ requests: 50, responses: 50, reused: 49, connects: 1, open: 1, inFlight: 0 })
  })

  it('carries many at once', async () => {
    const { origin, options } = await start((request, response) => {
      setTimeout(() => echo(request, response), Math.random() * 20)
    })
    const http = client({ origin, ...options })
    const answers = await Promise.all(Array.from({ length: 300 }, (_, i) => http.get(`/${i}`)))
    expect(answers.map((a) => a.json<{ url: string }>().url)).toEqual(answers.map((_, i) => `/${i}`))
    const { connects } = http.stats()
    // A hundred streams are what one connection takes.
    expect(connects).toBeLessThanOrEqual(version === '2' ? 3 : 64)
  })

  it('has warm connections before the first request', async () => {
    const { origin, options } = await start(echo)
    const http = client({ origin, ...options, warm: 2 })
    await until(() => http.stats().open === 2, 'open is 2')
    expect((await http.get('/')).reused).toBe(true)
  })

  it('undoes content codings, and refuses damaged and swollen ones', async () => {
    const text = JSON.stringify({ price: '65000.10', filler: 'z'.repeat(50_000) })
    const coded: Record<string, Buffer> = {
      gzip: gzipSync(text),
      deflate: deflateSync(text),
      br: brotliCompressSync(text),
      zstd: zstdCompressSync(text),
    }
    const { origin, options } = await start((request, response) => {
      const [, coding = '', damage] = (request.url ?? '').split('/')
      response.setHeader('content-encoding', coding)
      const bytes = coded[coding] ?? gzipSync('x'.repeat(100_000))
      response.end(damage === 'damaged' ? bytes.subarray(0, bytes.length - 9) : bytes)
    })
    const http = client({ origin, ...options, compress: true, limits: { body: 60_000 } })
    for (const coding of Object.keys(coded)) {
      expect((await http.get(`/${coding}`)).text()).toBe(text)
      const damaged = await http.get(`/${coding}/damaged`)
      expect(() => damaged.text()).toThrow(expect.objectContaining({ code: 'ERR_HTTP_CONTENT_CODING' }))
      const pieces: Buffer[] = []
      for await (const piece of (await http.request({ path: `/${coding}`, stream: true })).body) pieces.push(piece)
      expect(Buffer.concat(pieces).toString()).toBe(text)
    }
    const swollen = client({ origin, ...options, limits: { body: 40_000 } })
    const response = await swollen.get('/gzip')
    expect(() => response.bytes()).toThrow(expect.objectContaining({ code: 'ERR_HTTP_BODY_TOO_LARGE' }))
    const unknown = await http.get('/snappy')
    expect(() => unknown.bytes()).toThrow(expect.objectContaining({ code: 'ERR_HTTP_CONTENT_CODING' }))
  })

  it('hands over a large body whole, also when it is larger than the ring', async () => {
    const bytes = Buffer.alloc(3_000_000, 'abcdefgh')
    const { origin, options } = await start((_, response) => response.end(bytes))
    await using loop = new Loop({ ring: 65_536 })
    const http = client({ origin, ...options, loop })
    const answers = await Promise.all([http.get('/1'), http.get('/2'), http.get('/3')])
    for (const answer of answers) expect(Buffer.compare(answer.bytes(), bytes)).toBe(0)
    await http.close()
  })

  it('streams a body no faster than it is read', async () => {
    let written = 0
    const { origin, options } = await start((_, response) => {
      const piece = Buffer.alloc(65_536, 's')
      const more = (): void => {
        while (written < 1_000) {
          written++
          if (!response.write(piece)) {
            response.once('drain', more)
            return
          }
        }
        response.end()
      }
      more()
    })
    const http = client({ origin, ...options, timeouts: { total: 0, body: 0 } })
    const { body: stream } = await http.request({ path: '/', stream: true })
    await new Promise((resolve) => setTimeout(resolve, 300))
    const before = written
    expect(before).toBeLessThan(900)
    let total = 0
    for await (const piece of stream) total += (piece as Buffer).length
    expect(total).toBe(65_536_000)
    expect((await http.get('/')).status).toBe(200)
  })

  it('gives up a stream that nobody reads on', async () => {
    const { origin, options } = await start((_, response) => {
      const timer = setInterval(() => response.write('x'.repeat(1_000)), 1)
      response.on('close', () => clearInterval(timer))
    })
    const http = client({ origin, ...options })
    const response = await http.request({ path: '/', stream: true })
    for await (const _ of response.body) break
    await until(() => http.stats().inFlight === 0, 'inFlight is 0')
  })

  it('ends requests by their signal', async () => {
    const { origin, options } = await start(() => {})
    const http = client({ origin, ...options })
    await expect(http.get('/', { signal: AbortSignal.abort(new Error('no')) })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
      mayHaveExecuted: false,
    })
    const controller = new AbortController()
    const request = http.get('/', { signal: controller.signal })
    await until(() => http.stats().inFlight === 1, 'inFlight is 1')
    controller.abort(new Error('changed my mind'))
    const error = await request.catch((e: unknown) => e as HttpError)
    expect(error).toMatchObject({ code: 'ERR_ABORTED', mayHaveExecuted: true, cause: { message: 'changed my mind' } })
    expect(http.stats().inFlight).toBe(0)
  })

  it('limits the time to the head, between pieces, and of all', async () => {
    const { origin, options } = await start((request, response) => {
      if (request.url === '/silent') return
      response.writeHead(200)
      response.write('some')
      if (request.url === '/slow') {
        const timer = setInterval(() => response.write('.'), 20)
        response.on('close', () => clearInterval(timer))
      }
    })
    const http = client({ origin, ...options })
    const failure = async (path: string, timeouts: object): Promise<HttpError> =>
      http.get(path, { timeouts }).then(
        () => {
          throw new Error('answered')
        },
        (error: unknown) => error as HttpError,
      )
    expect(await failure('/silent', { head: 60 })).toMatchObject({
      code: 'ERR_HTTP_HEAD_TIMEOUT',
      mayHaveExecuted: true,
    })
    expect(await failure('/stalls', { body: 60 })).toMatchObject({ code: 'ERR_HTTP_BODY_TIMEOUT' })
    const total = await failure('/slow', { total: 150 })
    expect(total.code).toBe('ERR_HTTP_TIMEOUT')
    expect(total.elapsedMs).toBeGreaterThanOrEqual(140)
  })

  it('closes after what is under way, and refuses more', async () => {
    const { origin, options } = await start((request, response) => {
      setTimeout(() => echo(request, response), 80)
    })
    const http = client({ origin, ...options })
    const under = http.get('/1')
    const closed = http.close()
    await expect(http.get('/2')).rejects.toMatchObject({ code: 'ERR_NOT_OPEN', mayHaveExecuted: false })
    expect((await under).status).toBe(200)
    await closed
    const forced = client({ origin, ...options })
    const cut = forced.get('/3')
    await until(() => forced.stats().inFlight === 1, 'inFlight is 1')
    const failure = expect(cut).rejects.toMatchObject({ code: 'ERR_ABORTED', mayHaveExecuted: true })
    await forced.close({ force: true })
    await failure
  })
})

describe('HttpClient', () => {
  it('keeps secrets out of its errors', async () => {
    const port = await rawServer((socket) => socket.once('data', () => socket.resetAndDestroy()))
    const http = client({ origin: `http://127.0.0.1:${port}`, headers: { 'x-mbx-apikey': 'SECRETKEY' } })
    const error = await http
      .post('/order?signature=SECRETSIGN', { body: 'SECRETBODY' })
      .catch((e: unknown) => e as HttpError)
    expect(error).toBeInstanceOf(HttpError)
    expect(error).toMatchObject({ code: 'ECONNRESET', method: 'POST', path: '/order', mayHaveExecuted: true })
    const { inspect } = await import('node:util')
    for (const text of [inspect(error), String(error), JSON.stringify(error), inspect(http, { showHidden: true })]) {
      expect(text).not.toContain('SECRET')
    }
  })

  it('says that nothing was sent when nobody listens', async () => {
    const port = await rawServer(() => {})
    const gone = await rawServer(() => {})
    await cleanups.pop()?.()
    await cleanups.pop()?.()
    const http = client({ origin: `http://127.0.0.1:${gone}` })
    await expect(http.get('/')).rejects.toMatchObject({ code: 'ECONNREFUSED', mayHaveExecuted: false })
    const unnamed = client({ origin: 'http://no-such-host.invalid' })
    await expect(unnamed.get('/')).rejects.toMatchObject({ code: 'ERR_DNS', mayHaveExecuted: false })
    expect(port).toBeGreaterThan(0)
  })

  it('checks certificates', async () => {
    const port = await listening(createHttpsServer({ cert, key }, echo))
    const stranger = client({ origin: `https://localhost:${port}` })
    await expect(stranger.get('/')).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_TLS_/),
      mayHaveExecuted: false,
    })
    const misnamed = client({ origin: `https://127.0.0.1:${port}`, tls: { ca, serverName: 'other.example' } })
    await expect(misnamed.get('/')).rejects.toMatchObject({ code: 'ERR_TLS_HOSTNAME' })
  })

  it('refuses what would be another request on the wire', async () => {
    const http = client({ origin: 'http://127.0.0.1:9' })
    const bad = [
      { path: 'no-slash' },
      { path: '/a b' },
      { path: '/a\r\nHost: evil' },
      { path: '/#x' },
      { path: '/', method: 'GE T' },
      { path: '/', method: 'CONNECT' },
      { path: '/', headers: { 'x-a': 'b\r\nx-c: d' } },
      { path: '/', headers: { 'x a': 'b' } },
      { path: '/', headers: { host: 'evil' } },
      { path: '/', headers: { 'Content-Length': '5' } },
      { path: '/', headers: { 'transfer-encoding': 'chunked' } },
    ]
    for (const options of bad) {
      await expect(http.request(options), JSON.stringify(options)).rejects.toMatchObject({ code: 'ERR_HTTP_REQUEST' })
    }
  })

  it('bounds its queue, and the wait in it', async () => {
    const port = await rawServer(() => {})
    const http = client({
      origin: `http://127.0.0.1:${port}`,
      connections: { max: 1 },
      limits: { queue: 2 },
      timeouts: { queue: 80, head: 1_000 },
    })
    const first = http.get('/1').catch((e: unknown) => e as HttpError)
    await until(() => http.stats().inFlight === 1 && http.stats().waiting === 0, 'the first is in flight')
    const waiting = [http.get('/2'), http.get('/3')].map((p) => p.catch((e: unknown) => e as HttpError))
    await expect(http.get('/4')).rejects.toMatchObject({ code: 'ERR_HTTP_QUEUE_FULL', mayHaveExecuted: false })
    for (const error of await Promise.all(waiting)) {
      expect(error).toMatchObject({ code: 'ERR_HTTP_QUEUE_TIMEOUT', mayHaveExecuted: false })
    }
    expect(await first).toMatchObject({ code: 'ERR_HTTP_HEAD_TIMEOUT', mayHaveExecuted: true })
  })

  it.each([
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 'ERR_HTTP_MALFORMED'],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'ERR_HTTP_MALFORMED',
    ],
    ['no HTTP', 'nonsense\r\n\r\n', 'ERR_HTTP_MALFORMED'],
    ['a cut body', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab', 'ERR_HTTP_TRUNCATED'],
    ['a huge head', `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(70_000)}\r\n\r\n`, 'ERR_HTTP_HEAD_TOO_LARGE'],
    [
      'a huge body',
      `HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n${'x'.repeat(100_000)}`,
      'ERR_HTTP_BODY_TOO_LARGE',
    ],
  ])('names what is wrong with an answer: %s', async (_, answer, code) => {
    const port = await rawServer((socket) => socket.once('data', () => socket.end(answer)))
    const http = client({ origin: `http://127.0.0.1:${port}`, limits: { body: 90_000 } })
    await expect(http.get('/')).rejects.toMatchObject({ code, mayHaveExecuted: true })
  })

  it('never takes a late answer for the next request', async () => {
    const port = await rawServer((socket) => {
      socket.on('data', () =>
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2'),
      )
    })
    const http = client({ origin: `http://127.0.0.1:${port}` })
    for (let i = 0; i < 5; i++) expect((await http.get('/')).text()).toBe('1')
  })

  it('opens a new connection when the server closes between requests', async () => {
    const server = createServer({ keepAliveTimeout: 1 }, (_, response) => {
      response.setHeader('connection', 'close')
      response.end('x')
    })
    const http = client({ origin: `http://127.0.0.1:${await listening(server)}` })
    for (let i = 0; i < 10; i++) expect((await http.get('/')).text()).toBe('x')
    expect(http.stats().connects).toBe(10)
  })

  it('uses http/1.1 where http/2 is not wanted or not offered, and honours the peer’s stream limit', async () => {
    const streams: number[] = []
    let now = 0
    const server = createSecureServer(
      { cert, key, allowHTTP1: true, settings: { maxConcurrentStreams: 3 } },
      (_, response) => {
        streams.push(++now)
        setTimeout(() => {
          now--
          response.end('x')
        }, 10)
      },
    )
    const origin = `https://localhost:${await listening(server)}`
    const one = client({ origin, tls: { ca }, http2: false })
    expect((await one.get('/')).version).toBe('1.1')
    streams.length = 0
    const two = client({ origin, tls: { ca }, connections: { max: 1 } })
    expect((await two.get('/')).version).toBe('2')
    const answers = await Promise.all(Array.from({ length: 30 }, () => two.get('/')))
    expect(answers.every((answer) => answer.status === 200)).toBe(true)
    expect(Math.max(...streams)).toBe(3)
  })

  it('tells refused streams from those that may have been executed', async () => {
    const server = createSecureServer({ cert, key })
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {})
      if (headers[':path'] === '/refused') stream.close(7)
      else if (headers[':path'] === '/internal') stream.close(2)
      else stream.session?.goaway(0, 1)
    })
    const http = client({ origin: `https://localhost:${await listening(server)}`, tls: { ca } })
    await expect(http.get('/refused')).rejects.toMatchObject({ code: 'ERR_HTTP2_REFUSED', mayHaveExecuted: false })
    await expect(http.get('/internal')).rejects.toMatchObject({
      code: 'ERR_HTTP2_STREAM_RESET',
      detail: 2,
      mayHaveExecuted: true,
    })
    await expect(http.get('/goaway')).rejects.toMatchObject({ code: 'ERR_HTTP2_REFUSED', mayHaveExecuted: false })
  })

  it('survives a server that breaks http/2', async () => {
    const server = createH2cServer()
    server.on('session', (session) => session.destroy())
    await listening(server as unknown as Server)
    const { createServer: createTlsServer } = await import('node:tls')
    const broken = createTlsServer({ cert, key, ALPNProtocols: ['h2'] }, (socket) => {
      socket.on('error', () => {})
      socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    const http = client({ origin: `https://localhost:${await listening(broken as unknown as Server)}`, tls: { ca } })
    await expect(http.get('/')).rejects.toBeInstanceOf(HttpError)
  })

  it('works inline, spinning, and in several clients on one loop', async () => {
    const port = await listening(createServer(echo))
    for (const mode of ['inline', 'spin', 'backoff'] as const) {
      await using loop = new Loop({ mode })
      const clients = [1, 2, 3].map(() => client({ origin: `http://127.0.0.1:${port}`, loop }))
      const answers = await Promise.all(clients.flatMap((http) => [http.get('/a'), http.post('/b', { body: 'x' })]))
      expect(answers.every((answer) => answer.status === 200)).toBe(true)
    }
  })

  it('refuses wrong options by name', () => {
    const issue = (options: unknown) => {
      try {
        new HttpClient(options as HttpClientOptions)
        return null
      } catch (error) {
        return (error as { issues: { path: unknown[] }[] }).issues[0]?.path
      }
    }
    expect(issue({})).toEqual(['origin'])
    expect(issue({ origin: 'ftp://x' })).toEqual(['origin'])
    expect(issue({ origin: 'http://x/path' })).toEqual(['origin'])
    expect(issue({ origin: 'http://user:pw@x' })).toEqual(['origin'])
    expect(issue({ origin: 'http://x', tls: {} })).toEqual(['tls'])
    expect(issue({ origin: 'http://x', warm: 65 })).toEqual(['warm'])
    expect(issue({ origin: 'http://x', timeouts: { head: -1 } })).toEqual(['timeouts', 'head'])
    expect(issue({ origin: 'http://x', what: 1 })).toEqual(['what'])
  })
})
