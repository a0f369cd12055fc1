import { inspect } from 'node:util'
import { ClockOffset } from '../policy/clock-offset.js'
import { Limiter, type LimiterStats } from '../policy/limit/limiter.js'
import type { RemoteLimiter, RemoteLimiterStats } from '../policy/limit/remote-limiter.js'
import { RetryBudget } from '../policy/retry/budget.js'
import { Emitter, type Listener } from '../runtime/emitter.js'
import type { Auth } from '../sign/auth.js'
import type { HttpClientOptions } from './options.js'
import { Probes } from './probes.js'
import { RestCall } from './rest-call.js'
import { RestCore, type RestCounters } from './rest-core.js'
import { type RestEndpointStats, RestEndpoints } from './rest-endpoints.js'
import { RestError } from './rest-error.js'
import type { RestEvents } from './rest-events.js'
import type { RestChanges, RestOptions, RestRequest } from './rest-options.js'
import type { RestResponse } from './rest-response.js'
import { checkRestOptions, firstSet, nextSet, type RestSet } from './rest-schema.js'
import { ServerTime } from './server-time.js'

/** What a client has done, and where it stands. */
export interface RestStats extends Readonly<RestCounters> {
  /** Requests under way, with those that wait. */
  readonly inFlight: number
  readonly endpoints: readonly RestEndpointStats[]
  readonly limits: LimiterStats | RemoteLimiterStats
  /** The venue's clock: what is added to ours, by how much that may be wrong, and of how many samples it is. */
  readonly clock: { readonly ms: number; readonly errorMs: number; readonly samples: number }
}

/**
 * Requests to a venue: signed, kept within its limits, sent to the best of several endpoints, sent again when that does no harm.
 *
 * ```ts
 * const rest = new Rest({ endpoints: ['https://api.example.com', 'https://api2.example.com'], auth, venue: binance, warm: 2 })
 * const response = await rest.post('/api/v3/order', { query: { symbol, side, … }, idempotencyKey: clientOrderId })
 * ```
 *
 * A request resolves with an answer that says it was done; everything else is a `RestError`, which tells whether it may have been executed.
 * What is not idempotent is never sent twice unless a look-up has made certain that it was not, and will not be, executed.
 */
export class Rest implements AsyncDisposable {
  /** For WebSocket sessions that are to share its counts. */
  readonly limiter: Limiter | RemoteLimiter
  /** The venue's clock. */
  readonly clock: ClockOffset
  readonly #core: RestCore
  readonly #ownLimiter: boolean
  readonly #probes: Probes | null
  readonly #time: ServerTime | null
  readonly #signal: AbortSignal | undefined
  #set: RestSet
  #inFlight = 0
  #closing: Promise<void> | null = null
  #whenIdle: (() => void) | null = null

  /**
   * Checks the options and opens the warm connections.
   * @throws ConfigError naming every option at fault.
   */
  constructor(options: RestOptions) {
    const parsed = checkRestOptions(options)
    const http = parsed.http as Omit<HttpClientOptions, 'origin'>
    this.#set = firstSet(options, parsed)
    const { policies } = this.#set
    this.clock = parsed.clock ?? new ClockOffset()
    const { limiter, store, queue } = options
    this.#ownLimiter = limiter === undefined
    this.limiter = limiter ?? new Limiter({ rules: policies.limits, store, queue, clock: this.clock })
    const emitter = new Emitter<RestEvents>()
    this.#core = new RestCore({
      endpoints: new RestEndpoints({ ...http, warm: parsed.warm }, this.#set, emitter),
      limiter: this.limiter,
      clock: this.clock,
      budget: new RetryBudget(policies.retry, performance.now()),
      emitter,
      account: parsed.account,
      ip: http.socket?.localAddress ?? '',
      totalMs: http.timeouts?.total ?? 30_000,
      silence: parsed.silence,
    })
    this.#probes = parsed.probe === undefined ? null : new Probes(this.#core, parsed.probe)
    this.#time = parsed.serverTime === undefined ? null : new ServerTime(this.#core, () => this.#set, parsed.serverTime)
    if (this.#time !== null) this.#core.refreshTime = () => this.#time?.sample() ?? Promise.resolve()
    this.#signal = parsed.signal
    if (this.#signal?.aborted) void this.close({ force: true })
    else this.#signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** What signs requests, null when nothing does. */
  get auth(): Auth | null {
    return this.#set.auth
  }

  /** Resolves when the venue's time is known well enough to sign by it (three samples); at once without `serverTime`. */
  async ready(): Promise<void> {
    while (this.#time !== null && this.clock.samples < 3 && this.#closing === null) {
      await this.#time.sample()
      if (this.clock.samples < 3) await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /**
   * Sends a request. It leaves before this returns when limits and connections allow that.
   * @param path starts with a slash; may have a query. @throws RestError
   */
  request(method: string, path: string, request: RestRequest = {}): Promise<RestResponse> {
    const core = this.#core
    core.counters.requests++
    const { signal } = request
    let call: RestCall
    try {
      if (this.#closing !== null) throw early('ERR_NOT_OPEN', 'the client is closed', method, path)
      if (signal?.aborted) throw early('ERR_ABORTED', 'aborted by its signal', method, path, signal.reason)
      call = new RestCall(core, this.#set, method, path, request)
    } catch (error) {
      core.counters.failed++
      return Promise.reject(error instanceof RestError ? error : unsendable(error, method, path))
    }
    this.#inFlight++
    return call.run().then(this.#onAnswered, this.#onFailed)
  }

  get(path: string, request?: RestRequest): Promise<RestResponse> {
    return this.request('GET', path, request)
  }

  post(path: string, request?: RestRequest): Promise<RestResponse> {
    return this.request('POST', path, request)
  }

  put(path: string, request?: RestRequest): Promise<RestResponse> {
    return this.request('PUT', path, request)
  }

  delete(path: string, request?: RestRequest): Promise<RestResponse> {
    return this.request('DELETE', path, request)
  }

  /**
   * Puts policies, endpoints, signature or look-up in force for requests that come from now on; those under way keep what they began with.
   * What was counted and learnt stays: limits by the names of their rules and meters, breakers, latencies.
   * @throws ConfigError naming what is wrong; then nothing has changed.
   */
  use(changes: RestChanges): void {
    const before = this.#set
    const set = nextSet(before, changes)
    const { limits, retry } = set.policies
    this.#core.endpoints.use(before, set)
    if (changes.limits !== undefined) this.limiter.use(limits)
    if (retry !== before.policies.retry) this.#core.budget.use(retry, performance.now())
    this.#set = set
    this.#probes?.schedule()
  }

  /** Asks for the venue's time at once, as after a refused timestamp. Resolves when it was told, or not; never rejects. */
  refreshTime(): Promise<void> {
    return this.#closing === null ? this.#core.refreshTime() : Promise.resolve()
  }

  stats(): RestStats {
    const { ms, errorMs, samples } = this.clock
    return {
      ...this.#core.counters,
      inFlight: this.#inFlight,
      endpoints: this.#core.endpoints.stats(),
      limits: this.limiter.stats(),
      clock: { ms, errorMs, samples },
    }
  }

  /** Adds a listener. An exception in it stops nobody else and reaches `uncaughtException`. */
  on<E extends keyof RestEvents & string>(event: E, listener: Listener<RestEvents[E]>): this {
    this.#core.emitter.slot(event).add(listener)
    return this
  }

  /** Adds a listener for the next time only. */
  once<E extends keyof RestEvents & string>(event: E, listener: Listener<RestEvents[E]>): this {
    this.#core.emitter.slot(event).addOnce(listener)
    return this
  }

  /** Removes a listener. */
  off<E extends keyof RestEvents & string>(event: E, listener: Listener<RestEvents[E]>): this {
    this.#core.emitter.slot(event).remove(listener)
    return this
  }

  /**
   * Takes no more requests; resolves when those under way have ended and the connections are closed.
   * @param options `force`: those under way fail with `ERR_ABORTED`.
   */
  close(options: { readonly force?: boolean } = {}): Promise<void> {
    if (options.force === true && !this.#core.stopped) {
      this.#core.stopped = true
      for (const stop of [...this.#core.onStop]) stop()
      if (this.#ownLimiter) this.limiter.close()
      void this.#core.endpoints.close(true)
    }
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  [inspect.custom](): unknown {
    const endpoints = this.#core.endpoints.balancer.endpoints.map(({ id }) => id)
    return { endpoints, inFlight: this.#inFlight }
  }

  readonly #onAbort = (): void => void this.close({ force: true })

  readonly #onAnswered = (response: RestResponse): RestResponse => {
    this.#core.counters.answered++
    this.#ended()
    return response
  }

  readonly #onFailed = (error: unknown): never => {
    this.#core.counters.failed++
    this.#ended()
    throw error
  }

  #ended(): void {
    this.#inFlight--
    if (this.#inFlight === 0) this.#whenIdle?.()
  }

  async #close(): Promise<void> {
    this.#probes?.stop()
    this.#time?.stop()
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve
      })
    }
    this.#signal?.removeEventListener('abort', this.#onAbort)
    if (this.#ownLimiter) this.limiter.close()
    await this.#core.endpoints.close(this.#core.stopped)
  }
}

/** A request that was not begun. */
function early(code: string, message: string, method: string, path: string, cause?: unknown): RestError {
  const bare = String(path).split('?', 1)[0] ?? ''
  return new RestError(code, message, {
    method,
    path: bare,
    endpoint: null,
    attempt: 0,
    lookups: 0,
    elapsedMs: 0,
    mayHaveExecuted: false,
    cause,
  })
}

/** A request that could not be begun. The errors of our own checks show no values. */
function unsendable(error: unknown, method: string, path: string): RestError {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  return early(typeof code === 'string' ? code : 'ERR_REST_REQUEST', String(message ?? ''), method, path)
}
