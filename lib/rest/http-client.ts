import { inspect } from 'node:util'
import { HttpPoolCounters, type NativeHttpPool } from '../native/addon.js'
import type { Channel } from '../runtime/channel.js'
import { configFault, parseConfig } from '../runtime/config.js'
import { nativeSocket, nativeTls } from '../runtime/connect-options.js'
import { hostOf, parseProxy, parseUrl, portOf } from '../runtime/connect-url.js'
import { core, ensureDefaultCa, errorCode } from '../runtime/core.js'
import { coded } from '../runtime/core-error.js'
import { Emitter, type Listener } from '../runtime/emitter.js'
import { Loop, type LoopTenant, loopInternals } from '../runtime/loop.js'
import type { TrafficRecorder } from '../runtime/traffic.js'
import { acceptedCodings } from './content-coding.js'
import type { HttpError } from './errors.js'
import { Exchange, type ExchangeOwner } from './exchange.js'
import { FieldMemo, fieldLines, type HeadersInput } from './fields.js'
import type { HttpClientOptions, RequestOptions, RequestTimeouts } from './options.js'
import { clientOptionsSchema, type ParsedClientOptions } from './options-schema.js'
import { type HttpClientEvents, PoolSink } from './pool-sink.js'
import type { HttpResponse } from './response.js'
import type { StreamedResponse } from './streamed-response.js'

const subject = 'HTTP client options'

/** Counters of a client since it was made, and its present state. */
export type HttpClientStats = { readonly [K in (typeof HttpPoolCounters)[number]]: number }

/** For clients that write their header fields themselves. */
export interface HttpInternals {
  /** Lines of the header fields that every request carries. */
  readonly fixedFields: string
  /**
   * As `request`. `fields`: as `fieldLines` writes them, the fixed ones among them. `started`: when the request was asked for, by
   * `performance.now()`.
   */
  send(
    method: string,
    target: string,
    fields: string,
    body: string | Uint8Array | undefined,
    timeouts: RequestTimeouts | undefined,
    signal: AbortSignal | undefined,
    started: number,
  ): Promise<HttpResponse>
}

/** Not for users. */
export let httpInternals: (client: HttpClient) => HttpInternals

/**
 * HTTP/1.1 and HTTP/2 to one origin, on a native loop: connections kept open and warm, requests written from the calling thread
 * when one is free, time limits on every phase.
 *
 * ```ts
 * const http = new HttpClient({ origin: 'https://api.example.com', warm: 2 })
 * const response = await http.request({ method: 'POST', path: '/api/v3/order?symbol=BTCUSDT', headers: { 'x-api-key': key } })
 * if (response.ok) use(response.json())
 * ```
 *
 * It neither retries nor follows redirects: what a failed order means is for policies to decide. A client that has nothing under way
 * does not keep the process alive.
 */
export class HttpClient implements AsyncDisposable {
  static {
    httpInternals = (client) => ({
      fixedFields: client.#fields.fixed,
      send: (method, target, fields, body, timeouts, signal, started) =>
        client.#send(method, target, fields, body, false, timeouts, signal, started) as Promise<HttpResponse>,
    })
  }

  /** Scheme, host and port. */
  readonly origin: string
  readonly #options: ParsedClientOptions
  readonly #fields: FieldMemo
  readonly #native: NativeHttpPool
  readonly #channel: Channel
  readonly #tenants: Set<LoopTenant>
  readonly #tenant: LoopTenant
  readonly #emitter = new Emitter<HttpClientEvents>()
  readonly #sink: PoolSink
  readonly #owner: ExchangeOwner
  #closing: Promise<void> | null = null
  #whenIdle: (() => void) | null = null
  #ended = false
  #counters: Float64Array | null = null
  /** What the core has of the last request, and need not be given again. */
  #lastMethod: string | null = null
  #lastFields: string | null = null
  readonly #ownTimeouts = new Float64Array(4)

  /**
   * Checks the options and opens the warm connections.
   * @throws ConfigError naming every option at fault; TickwireError `ERR_HTTP_REQUEST` for header fields that cannot be sent,
   * `ERR_CHANNEL_FULL` when the loop has no room for it.
   */
  constructor(options: HttpClientOptions) {
    const parsed = parseConfig(subject, clientOptionsSchema, options)
    const fault = (message: string): Error => configFault(subject, ['origin'], message)
    const url = parseUrl(parsed.origin, fault)
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw fault('must start with http: or https:')
    if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
      throw fault('must not have a path, query or fragment')
    if (url.username !== '' || url.password !== '') throw fault('must not hold credentials')
    const secure = url.protocol === 'https:'
    if (parsed.tls !== undefined && !secure) throw configFault(subject, ['tls'], 'needs an https: origin')
    this.origin = url.origin
    this.#options = parsed
    const coding = parsed.compress ? `accept-encoding:${acceptedCodings}\n` : ''
    this.#fields = new FieldMemo(fieldLines(parsed.headers) + coding)
    if (secure && parsed.tls?.ca === undefined) ensureDefaultCa()
    const http2 = parsed.http2 === true ? { streams: 100 } : parsed.http2
    const loop = parsed.loop instanceof Loop ? parsed.loop : Loop.of(parsed.loop)
    const internals = loopInternals(loop)
    this.#channel = internals.channel('signal')
    const native = {
      host: hostOf(url),
      port: portOf(url, secure ? 443 : 80, fault),
      authority: url.host,
      tls: secure ? nativeTls(parsed.tls, parsed.tls?.alpn.length ? parsed.tls.alpn : alpn(http2 !== false)) : null,
      proxy: parsed.proxy === undefined ? null : parseProxy(parsed.proxy, subject),
      socket: nativeSocket(parsed.socket),
      connectTimeout: parsed.connections.timeout,
      maxConnections: parsed.connections.max,
      maxStreams: http2 === false ? 1 : http2.streams,
      warm: parsed.warm,
      maxQueue: parsed.limits.queue,
      maxBody: parsed.limits.body,
      maxHead: parsed.limits.head,
      maxFields: parsed.limits.fields,
      keepAlive: parsed.connections.keepAlive,
      queueTimeout: parsed.timeouts.queue,
      headTimeout: parsed.timeouts.head,
      bodyTimeout: parsed.timeouts.body,
      totalTimeout: parsed.timeouts.total,
    }
    this.#native = coded(() => new (core().HttpPool)(this.#channel.native, native))
    this.#sink = new PoolSink(
      this.#emitter,
      () => this.#channel,
      () => this.#onSettled(),
    )
    this.#owner = {
      origin: this.origin,
      maxBody: parsed.limits.body,
      hold: (id, on) => this.#native.hold(id, on),
      cancel: (id) => this.#native.cancel(id),
      ...(parsed.record === undefined ? {} : { answered: recordedBy(parsed.record, this.origin) }),
    }
    this.#channel.attach(this.#native.handle, this.#sink)
    this.#tenants = internals.tenants
    this.#tenant = { close: () => this.close(), abort: () => this.#end('the loop was stopped') }
    this.#tenants.add(this.#tenant)
    if (parsed.warm > 0) this.#native.warm()
    const { signal } = parsed
    if (signal?.aborted) void this.close({ force: true })
    else signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /**
   * Sends a request. Resolves with the answer, whatever its status.
   * @throws HttpError when there is none: see its `code` and `mayHaveExecuted`. TickwireError `ERR_HTTP_REQUEST` when a part of the request
   *   cannot be sent (nothing was).
   */
  request(options: RequestOptions & { readonly stream: true }): Promise<StreamedResponse>
  request(options: RequestOptions & { readonly stream?: false | undefined }): Promise<HttpResponse>
  request(options: RequestOptions): Promise<HttpResponse | StreamedResponse>
  request(options: RequestOptions): Promise<HttpResponse | StreamedResponse> {
    const { method = 'GET', signal } = options
    const started = performance.now()
    let fields: string
    try {
      fields = this.#fields.lines(options.headers)
    } catch (error) {
      return Promise.reject(error)
    }
    const body = options.body ?? (bodied(method) ? '' : undefined)
    return this.#send(method, options.path, fields, body, options.stream === true, options.timeouts, signal, started)
  }

  #send(
    method: string,
    target: string,
    fields: string,
    body: string | Uint8Array | undefined,
    stream: boolean,
    timeouts: RequestTimeouts | undefined,
    signal: AbortSignal | undefined,
    started: number,
  ): Promise<HttpResponse | StreamedResponse> {
    try {
      // Afterwards it would be too late to refuse it.
      if (signal != null && typeof signal.addEventListener !== 'function') throw new TypeError('`signal` is none')
      // Nothing that can wait is done before the request leaves. Answers are handed over by later turns of the event loop.
      let id = -1
      const open = this.#closing === null && signal?.aborted !== true
      if (open) {
        id = this.#native.request(
          method === this.#lastMethod ? undefined : method,
          target,
          fields === this.#lastFields ? undefined : fields,
          body,
          stream,
          timeouts === undefined ? undefined : this.#timeouts(timeouts),
        )
        this.#lastMethod = method
        this.#lastFields = fields
      }
      if (id < 0) throw this.#refused(open ? -id : 0, method, target, signal, started)
      const exchange = new Exchange(this.#owner, id, method, target, signal, started)
      const { exchanges } = this.#sink
      if (exchanges.size === 0) this.#channel.retain()
      exchanges.add(exchange)
      return exchange.promise
    } catch (error) {
      // Of a request that it refused the core may have kept a part.
      this.#lastMethod = null
      this.#lastFields = null
      return Promise.reject(error)
    }
  }

  /** Why a request has not left. @param code the core's, 0: it was not asked. */
  #refused(code: number, method: string, path: string, signal: AbortSignal | undefined, started: number): HttpError {
    const exchange = new Exchange(this.#owner, -1, method, path, undefined, started)
    if (code !== 0) return exchange.error(errorCode(code) ?? 'ERR_SYSTEM', '', false)
    if (signal?.aborted) return exchange.error('ERR_ABORTED', 'aborted by its signal', false, 0, signal.reason)
    return exchange.error('ERR_NOT_OPEN', 'the client is closed', false)
  }

  #timeouts(own: RequestTimeouts): Float64Array {
    const { queue, head, body, total } = this.#options.timeouts
    const all = this.#ownTimeouts
    all[0] = own.queue ?? queue
    all[1] = own.head ?? head
    all[2] = own.body ?? body
    all[3] = own.total ?? total
    return all
  }

  /** `request` with `GET`. */
  get(path: string, options: Omit<RequestOptions, 'path' | 'method' | 'stream'> = {}): Promise<HttpResponse> {
    return this.request({ ...options, path, stream: false })
  }

  /** `request` with `POST`. */
  post(path: string, options: Omit<RequestOptions, 'path' | 'method' | 'stream'> = {}): Promise<HttpResponse> {
    return this.request({ ...options, method: 'POST', path, stream: false })
  }

  /** Counters as of now, also after the end. */
  stats(): HttpClientStats {
    const counters = this.#ended ? this.#counters : this.#native.counters()
    return Object.fromEntries(HttpPoolCounters.map((name, i) => [name, counters?.[i] ?? 0])) as HttpClientStats
  }

  /** Adds a listener. An exception in it stops nobody else and reaches `uncaughtException`. */
  on<E extends keyof HttpClientEvents & string>(event: E, listener: Listener<HttpClientEvents[E]>): this {
    this.#emitter.slot(event).add(listener)
    return this
  }

  /** Adds a listener for the next time only. */
  once<E extends keyof HttpClientEvents & string>(event: E, listener: Listener<HttpClientEvents[E]>): this {
    this.#emitter.slot(event).addOnce(listener)
    return this
  }

  /** Removes a listener. */
  off<E extends keyof HttpClientEvents & string>(event: E, listener: Listener<HttpClientEvents[E]>): this {
    this.#emitter.slot(event).remove(listener)
    return this
  }

  /**
   * Takes no more requests; resolves when those under way are answered and the connections closed.
   * @param options `force`: those under way fail with `ERR_ABORTED`.
   */
  close(options: { readonly force?: boolean } = {}): Promise<void> {
    if (options.force === true && !this.#ended) this.#native.abort()
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  [inspect.custom](): unknown {
    return { origin: this.origin, inFlight: this.#sink.exchanges.size }
  }

  readonly #onAbort = (): void => void this.close({ force: true })

  #onSettled(): void {
    if (this.#sink.exchanges.size > 0) return
    this.#channel.release()
    this.#whenIdle?.()
  }

  async #close(): Promise<void> {
    if (this.#sink.exchanges.size > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve
      })
    }
    this.#end('the client was closed')
  }

  #end(reason: string): void {
    if (this.#ended) return
    this.#closing ??= Promise.resolve()
    this.#counters = this.#native.counters()
    this.#ended = true
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#native.close()
    const left = this.#sink.exchanges.takeAll()
    for (const exchange of left) exchange.fail(exchange.error('ERR_ABORTED', reason, true))
    if (left.length > 0) this.#onSettled()
    this.#tenants.delete(this.#tenant)
    this.#channel.detach(this.#native.handle)
    this.#native.destroy()
  }
}

/** What a recorder is told of each answer; one whose coding cannot be undone is told as empty. */
function recordedBy(recorder: TrafficRecorder, origin: string): NonNullable<ExchangeOwner['answered']> {
  return (target, response) => {
    let body: Uint8Array
    try {
      body = response.bytes()
    } catch {
      body = new Uint8Array(0)
    }
    recorder.answer(origin + target, body, response.times.receivedNs)
  }
}

/** Methods whose requests have a body, if only an empty one. */
export function bodied(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH'
}

function alpn(http2: boolean): readonly string[] {
  return http2 ? ['h2', 'http/1.1'] : ['http/1.1']
}

export type { HeadersInput }
