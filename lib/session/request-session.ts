import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { Feed } from '../feed/feed.js'
import { ClockOffset } from '../policy/clock-offset.js'
import { LimitError } from '../policy/limit/errors.js'
import { Grant } from '../policy/limit/grant.js'
import { Limiter } from '../policy/limit/limiter.js'
import type { RemoteLimiter } from '../policy/limit/remote-limiter.js'
import type { Route } from '../policy/limit/route.js'
import type { Outcome } from '../policy/retry/outcome.js'
import { redacted } from '../rest/redaction.js'
import { Emitter, type Listener, throwLater } from '../runtime/emitter.js'
import { FeedError, TickwireError } from '../runtime/errors.js'
import { exactJson } from '../runtime/exact-json.js'
import { Login } from './login.js'
import {
  checkSessionOptions,
  feedOptions,
  type ParsedSessionOptions,
  type SessionOptions,
  type SessionRequest,
} from './options.js'
import { Pending, secretsIn } from './pending.js'
import type { SessionAnswer, SessionParams, SessionProtocol } from './protocol.js'
import { SessionError, type SessionErrorDetails } from './session-error.js'

/** An answer over a session. */
export interface SessionResponse {
  /** As of HTTP; 200 where the venue has none. */
  readonly status: number
  /** The whole message, parsed. */
  readonly body: unknown
  /** From the call to the answer. */
  readonly elapsedMs: number
  /** Number of the connection that it came on, from 1. */
  readonly epoch: number
}

/** What a session has done, and where it stands. */
export interface SessionStats {
  readonly ready: boolean
  /** Number of the connection, from 1; 0 before the first. */
  readonly epoch: number
  readonly requests: number
  readonly answered: number
  readonly failed: number
  /** Answers to requests that had been given up. */
  readonly late: number
  /** Messages that are no JSON. */
  readonly unread: number
  readonly inFlight: number
}

export interface SessionEvents {
  /** Connected and logged in: requests can be sent. */
  ready: { readonly epoch: number }
  /** The connection was lost; what was under way has failed. It is being opened again unless `close` follows. */
  lost: { readonly epoch: number; readonly reason: string }
  /** A login was refused or not answered; the next try comes after so many milliseconds, NaN: there is none. */
  login: { readonly error: SessionError; readonly retryMs: number }
  /** A parsed message that answers nothing. */
  message: unknown
  /** The session has ended; null when that was asked for. The last event. */
  close: Error | null
}

/**
 * Requests and answers on one WebSocket, matched by id: orders without a connection's set-up and HTTP's head. Logs in with every connection.
 * A request belongs to the connection that it was made on: when that is lost it fails, and nothing is ever sent again by itself.
 */
export class RequestSession implements AsyncDisposable {
  readonly clock: ClockOffset
  readonly protocol: SessionProtocol
  readonly #options: ParsedSessionOptions
  readonly #limiter: Limiter | RemoteLimiter
  readonly #feed: Feed<ReturnType<typeof feedOptions>['decode']>
  readonly #emitter = new Emitter<SessionEvents>()
  readonly #pending = new Map<string, Pending>()
  /** Different for each session, so that a venue's log tells them apart. */
  readonly #prefix = randomBytes(5).toString('hex')
  #nextId = 0
  #epoch = 0
  #ready = false
  #lost = new AbortController()
  #login: Login | null = null
  #opening: { readonly promise: Promise<void>; resolve(): void; reject(error: Error): void } | null = null
  #refused: SessionError | null = null
  readonly #parse: (text: string) => unknown
  readonly #counters = { requests: 0, answered: 0, failed: 0, late: 0, unread: 0 }
  /** Requests under way, with those that wait for limits. */
  #inFlight = 0

  /** @throws ConfigError naming every option at fault. */
  constructor(options: SessionOptions) {
    const parsed = checkSessionOptions(options)
    this.#options = parsed
    this.protocol = parsed.protocol
    this.#parse = parsed.protocol.parse?.bind(parsed.protocol) ?? exactJson
    this.clock = parsed.rest?.clock ?? parsed.clock ?? new ClockOffset()
    this.#limiter = parsed.rest?.limiter ?? parsed.limiter ?? new Limiter({ rules: [] })
    this.#feed = new Feed(feedOptions(options))
    this.#feed.on('open', () => this.#onOpen())
    this.#feed.on('state', ({ from, reason }) => {
      if (from === 'connected') this.#onLost(reason ?? 'closed')
    })
    this.#feed.on('message', ({ data }) => this.#onMessage(data))
    this.#feed.on('error', () => {})
    this.#feed.on('close', (error) => this.#onClose(error))
  }

  get name(): string {
    return this.#feed.name
  }

  /** Connected and logged in, as of now. */
  get ready(): boolean {
    return this.#ready && this.#feed.state === 'connected' && this.#feed.connects === this.#epoch
  }

  /** Number of the connection, from 1; 0 before the first. */
  get epoch(): number {
    return this.#epoch
  }

  /**
   * Connects and logs in, and does so again whenever the connection is lost. Resolves with the first login.
   * @throws FeedError when the reconnect policy gives up; SessionError `ERR_SESSION_LOGIN` when the venue refuses the login for good.
   */
  open(): Promise<void> {
    if (this.#opening !== null) return this.#opening.promise
    let resolve!: () => void
    let reject!: (error: Error) => void
    const promise = new Promise<void>((yes, no) => {
      resolve = yes
      reject = no
    })
    this.#epoch = 0
    this.#refused = null
    this.#opening = { promise, resolve, reject }
    this.#feed.open().catch((error: Error) => reject(this.#refused ?? error))
    return promise
  }

  /**
   * Sends a request; it leaves before this returns when the limits allow that. Resolves with an answer that says it was done.
   * @throws SessionError
   */
  async request(method: string, params: SessionParams = {}, options: SessionRequest = {}): Promise<SessionResponse> {
    const started = performance.now()
    this.#counters.requests++
    this.#inFlight++
    try {
      const response = await this.#exchange(method, params, options, started)
      this.#counters.answered++
      return response
    } catch (error) {
      this.#counters.failed++
      throw this.#asError(error, method, started, options.signal)
    } finally {
      this.#inFlight--
    }
  }

  /**
   * Gives the connection up and opens another, as when the venue says that this one is about to end. What is under way fails.
   * @throws FeedError `ERR_NOT_OPEN`
   */
  reconnect(): void {
    this.#feed.reconnect()
  }

  stats(): SessionStats {
    return { ready: this.ready, epoch: this.#epoch, ...this.#counters, inFlight: this.#inFlight }
  }

  /** Adds a listener. An exception in it stops nobody else and reaches `uncaughtException`. */
  on<E extends keyof SessionEvents & string>(event: E, listener: Listener<SessionEvents[E]>): this {
    this.#emitter.slot(event).add(listener)
    return this
  }

  once<E extends keyof SessionEvents & string>(event: E, listener: Listener<SessionEvents[E]>): this {
    this.#emitter.slot(event).addOnce(listener)
    return this
  }

  off<E extends keyof SessionEvents & string>(event: E, listener: Listener<SessionEvents[E]>): this {
    this.#emitter.slot(event).remove(listener)
    return this
  }

  /** Closes with a closing handshake. What is under way fails. */
  close(): Promise<void> {
    return this.#feed.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  [inspect.custom](): unknown {
    return { name: this.name, ready: this.ready, epoch: this.#epoch, inFlight: this.#inFlight }
  }

  #exchange(method: string, params: SessionParams, options: SessionRequest, started: number): Promise<SessionResponse> {
    const { signal } = options
    if (signal?.aborted)
      throw this.#error('ERR_ABORTED', 'aborted by its signal', method, started, { cause: signal.reason })
    if (!this.ready) throw this.#error('ERR_NOT_OPEN', 'not connected and logged in', method, started)
    if (this.#inFlight > this.#options.inFlight) {
      throw this.#error('ERR_SESSION_IN_FLIGHT', 'too many requests are under way', method, started)
    }
    const { kind = 'order', account = this.#options.account, instrument = '', route: endpoint = method } = options
    const route = this.#limiter.route({ endpoint, kind, account, instrument })
    const grant = new Grant()
    const admitted = this.#admit(route, grant, options)
    if (admitted === null) return this.#send(method, params, options, started, route, grant)
    const epoch = this.#epoch
    return admitted.then(() => {
      // What was meant for one connection is not sent on the next.
      if (epoch !== this.#epoch || !this.ready) {
        throw this.#error('ERR_SESSION_LOST', 'the connection was lost before it was sent', method, started)
      }
      return this.#send(method, params, options, started, route, grant)
    })
  }

  #admit(route: Route, grant: Grant, options: SessionRequest): Promise<void> | null {
    const { weight = 1, count = 1, priority, wait, signal } = options
    const limiter = this.#limiter
    const usual = priority === undefined || priority <= route.priority
    if (usual && limiter instanceof Limiter && limiter.tryAcquire(route, weight, count, grant) === 0) return null
    const lost = this.#lost.signal
    const until = signal === undefined ? lost : AbortSignal.any([lost, signal])
    return limiter.acquire(route, { weight, count, priority, grant, wait, signal: until })
  }

  #send(
    method: string,
    params: SessionParams,
    options: SessionRequest,
    started: number,
    route: Route,
    grant: Grant,
  ): Promise<SessionResponse> {
    const id = `${this.#prefix}${(this.#nextId++).toString(36)}`
    const text = this.protocol.request(id, method, params, this.clock, options.auth ?? true)
    this.#feed.send(text)
    const pending = new Pending({ method, route, grant, text, started, epoch: this.#epoch })
    this.#pending.set(id, pending)
    const give = (code: string, message: string, cause?: unknown): void => {
      this.#pending.delete(id)
      pending.reject(this.#unanswered(code, message, pending, cause))
    }
    const { timeout = this.#options.timeouts.answer, signal } = options
    pending.watch(timeout, signal, give)
    return pending.promise
  }

  #onOpen(): void {
    this.#epoch++
    this.#lost = new AbortController()
    const { login } = this.#options.timeouts
    const send = (id: string): string | null => {
      const text = this.protocol.login(id, this.clock)
      if (text !== null) this.#feed.send(text)
      return text
    }
    this.#login = new Login(`${this.#prefix}login${this.#epoch}x`, login, send, {
      done: () => this.#onReady(),
      failed: (answer, text, retryMs) => this.#onLoginFailed(answer, text, retryMs),
      unanswered: () => this.#feed.reconnect(),
      outcome: (answer) => {
        const outcome = this.#outcome(answer)
        if (outcome.kind === 'skewed') this.#doubtClock()
        return outcome
      },
    })
    this.#login.start()
  }

  #onReady(): void {
    this.#ready = true
    this.#opening?.resolve()
    this.#emitter.slot('ready').emit(Object.freeze({ epoch: this.#epoch }), throwLater)
  }

  #onLoginFailed(answer: SessionAnswer | null, text: string, retryMs: number): void {
    const secrets = secretsIn(text, this.protocol.secretFields)
    const says = redacted(`${answer?.code ?? ''} ${answer?.message ?? ''}`.trim(), secrets)
    const error = this.#error('ERR_SESSION_LOGIN', says || 'the login was not answered', 'login', performance.now(), {
      status: answer?.status,
      venueCode: redacted(answer?.code ?? '', secrets),
      venueMessage: redacted(answer?.message ?? '', secrets),
      retryAfterMs: retryMs,
    })
    this.#emitter.slot('login').emit(Object.freeze({ error, retryMs }), throwLater)
    if (!Number.isNaN(retryMs)) return
    this.#refused = error
    this.#opening?.reject(error)
    void this.#feed.close()
  }

  #onLost(reason: string): void {
    this.#ready = false
    this.#login?.stop()
    this.#login = null
    this.#lost.abort(new TickwireError('ERR_SESSION_LOST', 'the connection was lost before it was sent'))
    for (const pending of this.#pending.values()) {
      pending.reject(this.#unanswered('ERR_SESSION_LOST', `the connection was lost: ${reason}`, pending))
    }
    this.#pending.clear()
    this.#emitter.slot('lost').emit(Object.freeze({ epoch: this.#epoch, reason }), throwLater)
  }

  #onClose(error: FeedError | null): void {
    const opening = this.#opening
    this.#opening = null
    // One that is settled already does not mind.
    opening?.promise.catch(() => {})
    opening?.reject(
      this.#refused ?? error ?? new FeedError('ERR_ABORTED', 'closed before it was open', { feed: this.name }),
    )
    this.#emitter.slot('close').emit(this.#refused ?? error, throwLater)
  }

  #onMessage(data: string): void {
    let message: unknown
    try {
      message = this.#parse(data)
    } catch {
      this.#counters.unread++
      return
    }
    const answer = this.protocol.answer(message)
    if (answer === null) {
      this.#emitter.slot('message').emit(message, throwLater)
      return
    }
    if (this.#login?.onAnswer(answer) === true) return
    const pending = answer.id === null ? undefined : this.#pending.get(answer.id)
    if (pending === undefined) {
      this.#counters.late++
      return
    }
    this.#pending.delete(answer.id as string)
    this.#settle(pending, answer, message)
  }

  #settle(pending: Pending, answer: SessionAnswer, message: unknown): void {
    const { route, grant } = pending
    const header = (name: string): string | undefined => answer.header(name)
    // A store that fails here fails again with the next request, which is then refused.
    void Promise.resolve(this.#limiter.observe(route, header, grant)).catch(() => {})
    if (this.#limiter instanceof Limiter) this.protocol.observe?.(message, this.#limiter, route, grant)
    const outcome = this.#outcome(answer)
    if (outcome.kind === 'limited' || outcome.kind === 'banned') {
      const forMs = Number.isNaN(outcome.forMs) ? this.#options.silence : outcome.forMs
      void Promise.resolve(this.#limiter.block(route, outcome.scope, forMs)).catch(() => {})
    } else if (outcome.kind === 'skewed') this.#doubtClock()
    const elapsedMs = performance.now() - pending.started
    if (outcome.kind === 'done') {
      pending.resolve(Object.freeze({ status: answer.status, body: message, elapsedMs, epoch: pending.epoch }))
      return
    }
    const secrets = secretsIn(pending.text, this.protocol.secretFields)
    const venueCode = redacted(answer.code, secrets)
    const venueMessage = redacted(answer.message, secrets)
    const code = codes[outcome.kind] ?? 'ERR_SESSION_REFUSED'
    pending.reject(
      this.#error(code, `${venueCode} ${venueMessage}`.trim(), pending.method, pending.started, {
        mayHaveExecuted: outcome.kind === 'unknown',
        status: answer.status,
        venueCode,
        venueMessage,
        retryAfterMs: 'forMs' in outcome ? outcome.forMs : Number.NaN,
        sentAt: pending.sentAt,
      }),
    )
  }

  #outcome({ status, code, message, header }: SessionAnswer): Outcome {
    return this.protocol.classify.answer({ status, code, message, header, receivedAt: this.clock.now() })
  }

  #doubtClock(): void {
    this.clock.doubt()
    void this.#options.rest?.refreshTime()
  }

  #unanswered(code: string, message: string, pending: Pending, cause?: unknown): SessionError {
    const { method, started, sentAt } = pending
    return this.#error(code, message, method, started, { mayHaveExecuted: true, sentAt, cause })
  }

  #asError(error: unknown, method: string, started: number, signal: AbortSignal | undefined): Error {
    if (error instanceof SessionError) return error
    if (signal?.aborted)
      return this.#error('ERR_ABORTED', 'aborted by its signal', method, started, { cause: signal.reason })
    if (error instanceof LimitError) {
      const { code, message, retryAfterMs } = error
      return this.#error(code, message, method, started, { retryAfterMs })
    }
    // Nothing of it has left: the protocol refused it, or the socket did not take it.
    if (error instanceof FeedError && !ownFaults.has(error.code)) {
      return this.#error('ERR_SESSION_LOST', `the connection was lost: ${error.code}`, method, started)
    }
    if (error instanceof TickwireError) return this.#error(error.code, error.message, method, started)
    return this.#error('ERR_SESSION_REQUEST', 'it cannot be written', method, started)
  }

  #error(
    code: string,
    message: string,
    method: string,
    started: number,
    details: Partial<SessionErrorDetails> = {},
  ): SessionError {
    const elapsedMs = performance.now() - started
    return new SessionError(code, message, {
      session: this.name,
      method,
      mayHaveExecuted: false,
      elapsedMs,
      ...details,
    })
  }
}

/** Refusals of `Feed.send` that are not about the connection. */
const ownFaults: ReadonlySet<string> = new Set(['ERR_NOT_OPEN', 'ERR_SEND_QUEUE_FULL', 'ERR_WS_MESSAGE_TOO_LARGE'])

const codes: Readonly<Partial<Record<Outcome['kind'], string>>> = {
  fatal: 'ERR_SESSION_REFUSED',
  duplicate: 'ERR_SESSION_DUPLICATE',
  retryable: 'ERR_SESSION_RETRYABLE',
  limited: 'ERR_SESSION_LIMITED',
  banned: 'ERR_SESSION_BANNED',
  skewed: 'ERR_SESSION_SKEWED',
  unknown: 'ERR_SESSION_UNKNOWN',
}
