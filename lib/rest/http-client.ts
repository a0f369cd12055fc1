import { inspect } from 'node:util'
import { HttpPoolCounters, type NativeHttpPool, RecordKind } from '../native/addon.js'
import type { Channel } from '../runtime/channel.js'
import { configFault, parseConfig } from '../runtime/config.js'
import { nativeSocket, nativeTls } from '../runtime/connect-options.js'
import { hostOf, parseProxy, parseUrl, portOf } from '../runtime/connect-url.js'
import { ControlSink } from '../runtime/control-sink.js'
import { core, ensureDefaultCa, errorCode } from '../runtime/core.js'
import { Emitter, type Listener } from '../runtime/emitter.js'
import { Loop, type LoopTenant, loopInternals } from '../runtime/loop.js'
import type { MemoryViews } from '../runtime/row-window.js'
import type { TrafficRecorder } from '../runtime/traffic.js'
import { acceptedCodings } from './content-coding.js'
import { Exchange, type ExchangeOwner } from './exchange.js'
import { fieldLines, type HeadersInput } from './fields.js'
import type { HttpClientOptions, RequestOptions } from './options.js'
import { clientOptionsSchema, type ParsedClientOptions } from './options-schema.js'
import { readConnection, readFailed, readPiece, readResponse, requestOf } from './records.js'
import type { HttpResponse } from './response.js'
import type { StreamedResponse } from './streamed-response.js'

const subject = 'HTTP client options'

/** Counters of a client since it was made, and its present state. */
export type HttpClientStats = { readonly [K in (typeof HttpPoolCounters)[number]]: number }

/** A connection that opened. */
export interface HttpConnection {
  readonly address: string
  readonly port: number
  /** `'1'` or `'2'`. */
  readonly version: string
  /** '' when it is not TLS. */
  readonly tlsVersion: string
  readonly tlsCipher: string
  readonly alpn: string
  /** A TLS session was resumed. */
  readonly tlsResumed: boolean
}

/** Why a connection closed, or could not be opened. */
export interface HttpDisconnect {
  /** Whether it had been open. */
  readonly opened: boolean
  /** Stable code; null for an orderly end. */
  readonly code: string | null
  readonly detail: number
  readonly message: string
}

export interface HttpClientEvents {
  connect: HttpConnection
  disconnect: HttpDisconnect
}

/** Takes the pool's records to the requests that they belong to. */
class PoolSink extends ControlSink {
  readonly exchanges = new Map<number, Exchange>()
  readonly #emitter: Emitter<HttpClientEvents>
  readonly #settled: () => void
  readonly #channel: () => Channel

  constructor(emitter: Emitter<HttpClientEvents>, channel: () => Channel, settled: () => void) {
    super()
    this.#emitter = emitter
    this.#channel = channel
    this.#settled = settled
  }

  override onOther(type: number, word: number, views: MemoryViews): void {
    if (type === RecordKind.httpConnection) {
      this.#onConnection(word, views)
      return
    }
    const id = requestOf(views, word)
    if (type === RecordKind.httpResponse) {
      const record = readResponse(views, word)
      if (this.exchanges.get(record.id)?.onResponse(record) === true) this.#forget(record.id)
    } else if (type === RecordKind.httpPiece) {
      this.exchanges.get(id)?.onPiece(readPiece(views, word))
    } else if (type === RecordKind.httpEnd) {
      this.exchanges.get(id)?.onEnd()
      this.#forget(id)
    } else if (type === RecordKind.httpFailed) {
      this.exchanges.get(id)?.onFailed(readFailed(views, word))
      this.#forget(id)
    }
  }

  #forget(id: number): void {
    if (this.exchanges.delete(id)) this.#settled()
  }

  #onConnection(word: number, views: MemoryViews): void {
    const { open, major, error, detail, text } = readConnection(views, word)
    const { fail } = this.#channel()
    if (!open) {
      const code = errorCode(error)
      this.#emitter.slot('disconnect').emit({ opened: major !== 0, code, detail, message: text }, fail)
      return
    }
    const [address = '', port = '0', tlsVersion = '', tlsCipher = '', alpn = '', resumed = ''] = text.split('\n')
    this.#emitter.slot('connect').emit(
      {
        address,
        port: Number(port),
        version: String(major),
        tlsVersion,
        tlsCipher,
        alpn,
        tlsResumed: resumed === '1',
      },
      fail,
    )
  }
}

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
  /** Scheme, host and port. */
  readonly origin: string
  readonly #options: ParsedClientOptions
  readonly #fields: string
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

  /**
   * Checks the options and opens the warm connections.
   * @throws ConfigError naming every option at fault; TickwireError `ERR_HTTP_REQUEST` for header fields that cannot be sent.
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
    this.#fields = fieldLines(parsed.headers) + (parsed.compress ? `accept-encoding:${acceptedCodings}\n` : '')
    if (secure && parsed.tls?.ca === undefined) ensureDefaultCa()
    const http2 = parsed.http2 === true ? { streams: 100 } : parsed.http2
    const loop = parsed.loop instanceof Loop ? parsed.loop : Loop.of(parsed.loop)
    const internals = loopInternals(loop)
    this.#channel = internals.channel('signal')
    this.#native = new (core().HttpPool)(this.#channel.native, {
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
    })
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
    const { method = 'GET', path, headers, signal, stream = false } = options
    let exchange: Exchange
    let id: number
    try {
      exchange = new Exchange(this.#owner, method, path, signal)
      if (signal?.aborted) throw exchange.error('ERR_ABORTED', '', false)
      if (this.#closing !== null) throw exchange.error('ERR_NOT_OPEN', 'the client is closed', false)
      const fields = headers === undefined ? this.#fields : this.#fields + fieldLines(headers)
      const body = options.body ?? (method === 'POST' || method === 'PUT' || method === 'PATCH' ? '' : undefined)
      const { queue, head, body: piece, total } = this.#options.timeouts
      const own = options.timeouts
      id = this.#native.request(
        method,
        path,
        fields,
        body,
        stream,
        own?.queue ?? queue,
        own?.head ?? head,
        own?.body ?? piece,
        own?.total ?? total,
      )
      if (id < 0) throw exchange.error(errorCode(-id) ?? 'ERR_SYSTEM', '', false)
    } catch (error) {
      return Promise.reject(error)
    }
    exchange.id = id
    if (this.#sink.exchanges.size === 0) this.#channel.retain()
    this.#sink.exchanges.set(id, exchange)
    return exchange.promise
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
    const left = [...this.#sink.exchanges.values()]
    this.#sink.exchanges.clear()
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

function alpn(http2: boolean): readonly string[] {
  return http2 ? ['h2', 'http/1.1'] : ['http/1.1']
}

export type { HeadersInput }
