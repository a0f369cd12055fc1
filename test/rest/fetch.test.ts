import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { createFetch, type Fetch, type FetchOptions, HttpError } from '../../dist/esm/rest/index.js'
import { rejection } from '../e2e/waiting.ts'
import { answer, cleanUp, cut, hang, onCleanUp, trust, VenueServer } from './venue-server.ts'

afterEach(cleanUp)

function make(options: FetchOptions = {}): Fetch {
  const made = createFetch(options)
  onCleanUp(() => made.close())
  return made
}

/** The same question to Node's fetch and to ours: what the standard says is what both do. */
async function both(url: string, init: Parameters<Fetch>[1] = {}) {
  const describe = async (response: Response) => ({
    status: response.status,
    ok: response.ok,
    url: response.url,
    redirected: response.redirected,
    type: response.headers.get('content-type'),
    text: await response.text(),
  })
  const ours = await describe(await make()(url, init))
  expect(ours).toEqual(await describe(await fetch(url, init as RequestInit)))
  return ours
}

const echo = (request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse): void => {
  const pieces: Buffer[] = []
  request.on('data', (piece: Buffer) => pieces.push(piece))
  request.on('end', () => {
    const { 'content-type': type, authorization, cookie } = request.headers
    answer(200, {
      method: request.method,
      url: request.url,
      type,
      authorization,
      cookie,
      body: String(Buffer.concat(pieces)),
    })(request, response)
  })
}

describe('createFetch', () => {
  it('answers as fetch does', async () => {
    const server = await VenueServer.start(echo)
    await both(`${server.origin}/a?b=c#d`)
    await both(`${server.origin}/`, { method: 'post', body: 'text' })
    await both(`${server.origin}/`, { method: 'PUT', body: new URLSearchParams({ a: '1 2' }) })
    await both(`${server.origin}/`, { method: 'PUT', body: Uint8Array.of(65, 66), headers: { 'content-type': 'x/y' } })
    await both(`${server.origin}/`, { method: 'DELETE', headers: new Headers({ authorization: 'me' }) })
  })

  it('statuses are answers, also those without a body', async () => {
    const server = await VenueServer.start((request, response) => {
      response.statusCode = Number(request.url?.slice(1))
      response.end()
    })
    for (const status of [204, 205, 304, 404, 500])
      expect((await both(`${server.origin}/${status}`)).status).toBe(status)
  })

  it('follows redirects as the standard says, and keeps secrets from other origins', async () => {
    const other = await VenueServer.start(echo)
    const server = await VenueServer.start((request, response) => {
      const [, status, ...rest] = request.url?.split('/') ?? []
      if (status === 'end') echo(request, response)
      else response.writeHead(Number(status), { location: rest[0] === 'away' ? `${other.origin}/x` : '/end' }).end()
    })
    for (const status of [301, 302, 303, 307, 308]) {
      for (const method of ['POST', 'PUT', 'GET']) {
        const body = method === 'GET' ? undefined : 'b'
        const seen = await both(`${server.origin}/${status}`, { method, body, headers: { authorization: 'me' } })
        expect(seen.redirected).toBe(true)
        const away = await both(`${server.origin}/${status}/away`, { method, body, headers: { authorization: 'me' } })
        expect(away.text).not.toContain('"me"')
      }
    }
    const loop = await VenueServer.start((_request, response) => void response.writeHead(302, { location: '/' }).end())
    expect(await rejection(make()(loop.origin))).toBeInstanceOf(TypeError)
    expect(loop.seen).toHaveLength(21)
    expect(await rejection(make()(`${server.origin}/301`, { redirect: 'error' }))).toBeInstanceOf(TypeError)
    expect((await make()(`${server.origin}/301`, { redirect: 'manual' })).status).toBe(301)
  })

  it('undoes compression, streams, and speaks TLS and HTTP/2', async () => {
    const large = 'x'.repeat(2_000_000)
    for (const kind of ['http', 'https', 'http2'] as const) {
      const server = await VenueServer.start((_request, response) => {
        response.setHeader('content-encoding', 'gzip')
        response.end(gzipSync(large))
      }, kind)
      const response = await make({ http: kind === 'http' ? {} : trust })(server.origin)
      expect(await response.text()).toBe(large)
    }
  })

  it('fails as fetch does, with the HttpError as cause', async () => {
    const server = await VenueServer.start(cut)
    const error = (await rejection(make()(server.origin))) as TypeError
    expect(error).toBeInstanceOf(TypeError)
    expect(error.cause).toBeInstanceOf(HttpError)
    expect(await rejection(make()('nonsense'))).toBeInstanceOf(TypeError)
    expect(await rejection(make()('ftp://a'))).toBeInstanceOf(TypeError)
    const silent = await VenueServer.start(hang)
    const reason = new Error('enough')
    expect(await rejection(make()(silent.origin, { signal: AbortSignal.abort(reason) }))).toBe(reason)
    const stop = new AbortController()
    const stopped = rejection(make()(silent.origin, { signal: stop.signal }))
    setTimeout(() => stop.abort(reason), 20)
    expect(await stopped).toBe(reason)
  })

  it('keeps no more origins than it may', async () => {
    const servers = await Promise.all([1, 2, 3].map(() => VenueServer.start(answer(200))))
    const ours = make({ origins: 2 })
    for (let i = 0; i < 9; i++) expect((await ours(servers[i % 3]?.origin as string)).status).toBe(200)
    await ours.close()
    expect(await rejection(ours(servers[0]?.origin as string))).toBeInstanceOf(TypeError)
  })
})
