/** A function in the shape of `fetch`, on the native loop: for everything that needs no policies. */

import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { z } from 'zod'
import { parseConfig } from '../runtime/config.js'
import { HttpClient } from './http-client.js'
import type { HttpClientOptions, RequestTimeouts } from './options.js'

/** What `fetch` takes, as far as it is supported here. */
export interface FetchInit {
  readonly method?: string | undefined
  readonly headers?: HeadersInit | undefined
  readonly body?: string | Uint8Array | ArrayBuffer | URLSearchParams | null | undefined
  /** `'error'` and `'manual'` do not follow. Default `'follow'`, 20 times at most. */
  readonly redirect?: 'follow' | 'error' | 'manual' | undefined
  readonly signal?: AbortSignal | null | undefined
  readonly timeouts?: RequestTimeouts | undefined
}

type HeadersInit = Headers | Readonly<Record<string, string>> | readonly (readonly [string, string])[]

/** Options of {@link createFetch}. */
export interface FetchOptions {
  /** Of every origin's client. */
  readonly http?: Omit<HttpClientOptions, 'origin' | 'signal'> | undefined
  /** Origins whose connections are kept, 1…1,024; the one used longest ago makes room. Default 64. */
  readonly origins?: number | undefined
}

/** `fetch`, and what is kept for it. */
export interface Fetch extends AsyncDisposable {
  (input: string | URL, init?: FetchInit): Promise<Response>
  /** Takes no more requests; resolves when those under way are answered. */
  close(): Promise<void>
}

const mostRedirects = 20
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** Statuses whose `Response` must have no body. */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304])
/** Not taken along to another origin (Fetch standard, HTTP-redirect fetch). */
const confidential = ['authorization', 'cookie', 'proxy-authorization', 'host']
const ofBody = ['content-encoding', 'content-language', 'content-location', 'content-type']

const schema = z.strictObject({
  http: z.custom<object>((value) => typeof value === 'object' && value !== null, 'must be an object').default({}),
  origins: z.int().min(1).max(1_024).default(64),
})

/**
 * A function that is called as `fetch` is and answers with a `Response`, over connections of its own: HTTP/1.1 and HTTP/2, compressed
 * answers, redirects, abort signals. As with `fetch`, no status is an error, and what fails is a `TypeError` whose `cause` is the
 * `HttpError`. Never sends a request twice.
 * @throws ConfigError for wrong options.
 */
export function createFetch(options: FetchOptions = {}): Fetch {
  const { http, origins } = parseConfig('fetch options', schema, options)
  const clients = new Map<string, HttpClient>()
  let closing: Promise<void> | null = null

  const clientOf = (origin: string): HttpClient => {
    let client = clients.get(origin)
    if (client === undefined) {
      client = new HttpClient({ compress: true, ...http, origin })
      if (clients.size >= origins) {
        const [oldest] = clients as Iterable<readonly [string, HttpClient]>
        if (oldest !== undefined) {
          clients.delete(oldest[0])
          void oldest[1].close()
        }
      }
    } else clients.delete(origin)
    // The last in the map is the one used last.
    clients.set(origin, client)
    return client
  }

  const run = async (input: string | URL, init: FetchInit = {}): Promise<Response> => {
    init.signal?.throwIfAborted()
    if (closing !== null) throw new TypeError('fetch failed', { cause: new Error('it was closed') })
    let url = targetOf(input)
    let method = (init.method ?? 'GET').toUpperCase()
    let body = bodyOf(init.body)
    const headers = new Headers(init.headers as Headers | undefined)
    if (init.body instanceof URLSearchParams && !headers.has('content-type')) {
      headers.set('content-type', 'application/x-www-form-urlencoded;charset=UTF-8')
    } else if (typeof init.body === 'string' && !headers.has('content-type')) {
      headers.set('content-type', 'text/plain;charset=UTF-8')
    }
    for (let hops = 0; ; hops++) {
      const path = url.pathname + url.search
      const signal = init.signal ?? undefined
      const request = { method, path, headers: [...headers], body, signal, timeouts: init.timeouts } as const
      let answer: Awaited<ReturnType<typeof stream>>
      try {
        answer = await stream(clientOf(url.origin), request)
      } catch (error) {
        signal?.throwIfAborted()
        throw new TypeError('fetch failed', { cause: error })
      }
      const location = redirects.has(answer.status) ? answer.headers.get('location') : null
      if (location === null || init.redirect === 'manual') return responseOf(answer, url, hops > 0)
      answer.body.destroy()
      if (init.redirect === 'error') throw new TypeError('fetch failed', { cause: new Error('it was redirected') })
      if (hops >= mostRedirects) throw new TypeError('fetch failed', { cause: new Error('too many redirects') })
      if (!URL.canParse(location, url.href))
        throw new TypeError('fetch failed', { cause: new Error('redirected to no URL') })
      const next = targetOf(new URL(location, url))
      const { status } = answer
      if ((status === 303 && method !== 'GET' && method !== 'HEAD') || (status < 303 && method === 'POST')) {
        method = 'GET'
        body = undefined
        for (const name of ofBody) headers.delete(name)
      }
      if (next.origin !== url.origin) for (const name of confidential) headers.delete(name)
      url = next
    }
  }
  const close = (): Promise<void> => {
    closing ??= Promise.all([...clients.values()].map((client) => client.close())).then(() => {})
    return closing
  }
  return Object.assign(run, { close, [Symbol.asyncDispose]: close })
}

function stream(client: HttpClient, request: Parameters<HttpClient['request']>[0]) {
  return client.request({ ...request, stream: true })
}

/** @throws TypeError as `fetch` does. */
function targetOf(input: string | URL): URL {
  if (!URL.canParse(String(input))) throw new TypeError('Invalid URL')
  const url = new URL(input)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError('only http: and https: can be fetched')
  if (url.username !== '' || url.password !== '') throw new TypeError('a URL to be fetched must not hold credentials')
  return url
}

function bodyOf(body: FetchInit['body']): string | Uint8Array | undefined {
  if (body === null || body === undefined) return undefined
  if (body instanceof ArrayBuffer) return new Uint8Array(body)
  return body instanceof URLSearchParams ? body.toString() : body
}

function responseOf(answer: Awaited<ReturnType<typeof stream>>, url: URL, redirected: boolean): Response {
  const { status, headers } = answer
  const empty = bodiless.has(status)
  if (empty) answer.body.resume()
  const body = empty ? null : (Readable.toWeb(answer.body) as ReadableStream<Uint8Array<ArrayBuffer>>)
  const response = new Response(body, { status, headers: [...headers] as [string, string][] })
  Object.defineProperty(response, 'url', { value: url.href.split('#', 1)[0] })
  Object.defineProperty(response, 'redirected', { value: redirected })
  return response
}
