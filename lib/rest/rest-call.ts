import type { Endpoint } from '../policy/balance/endpoint.js'
import { LimitError } from '../policy/limit/errors.js'
import { Grant } from '../policy/limit/grant.js'
import { Attempts } from '../policy/retry/attempts.js'
import type { Decision, GiveUpReason } from '../policy/retry/decide.js'
import { type Outcome, Outcomes } from '../policy/retry/outcome.js'
import type { RetryPolicy } from '../policy/retry/policy.js'
import { throwLater } from '../runtime/emitter.js'
import { HttpError } from './errors.js'
import type { RequestTimeouts } from './options.js'
import { redacted, secretsOf } from './redaction.js'
import { type Departure, lookupFailed, type RestCore, type Sent, type WireRequest } from './rest-core.js'
import { giveUpCodes, RestError } from './rest-error.js'
import type { LookupContext, LookupResult, RestRequest } from './rest-options.js'
import type { RestResponse } from './rest-response.js'
import type { RestSet } from './rest-schema.js'
import { wireRequest } from './wire-request.js'

/** Look-ups go before other queries: somebody waits to know what has become of an order. */
const lookupPriority = 1

/** The peer did not look at a request: GOAWAY, REFUSED_STREAM. */
const unlookedAt = 'ERR_HTTP2_REFUSED'
/** How often an attempt is moved to another connection for that. */
const mostMoves = 3

/** One request, from the call to its end: attempts, look-ups, and what is between them. */
export class RestCall implements Departure {
  readonly #core: RestCore
  readonly #set: RestSet
  readonly #request: RestRequest
  readonly #wire: WireRequest
  #made: Attempts | null = null
  readonly #grant = new Grant()
  readonly #start = performance.now()
  /** How the last attempt ended; of look-ups the venue's last answer. */
  #last: Sent | null = null
  #endpoint: Endpoint | null = null
  /** The answer to the last attempt. */
  #answer: RestResponse | null = null
  /** What leaves next is the same attempt on another connection. */
  #moving = false
  /** What a look-up has found. */
  #found: RestResponse | null = null

  /** @throws RestError, TickwireError when the request cannot be sent. */
  constructor(core: RestCore, set: RestSet, method: string, path: string, request: RestRequest) {
    this.#core = core
    this.#set = set
    this.#request = request
    const wire = wireRequest(core, set, method, path, request)
    this.#wire = wire
  }

  /**
   * The first attempt leaves before this returns, when the limits allow that; what need not be done before comes afterwards.
   * @throws RestError
   */
  run(): Promise<RestResponse> {
    if (this.#request.uncertainSince !== undefined) return this.#goOn(this.#begin(), null)
    return this.#goOn(atOnce, this.#depart())
  }

  /** @param underWay the attempt that was decided, when it has left already. */
  async #goOn(first: Decision, underWay: Promise<Sent> | null): Promise<RestResponse> {
    let decision = first
    let sending = underWay
    for (;;) {
      if (decision.do === 'finish') return this.#result()
      if (decision.do === 'giveUp') throw this.#givenUp(decision.reason, decision.mayHaveExecuted)
      if (decision.inMs > 0) await this.#pause(decision.inMs)
      const outcome: Outcome = decision.do === 'retry' ? await this.#attempt(sending) : await this.#lookup()
      sending = null
      decision = this.#attempts.next(outcome, performance.now())
      if (decision.do === 'retry' || decision.do === 'lookup') this.#tell(outcome, decision)
    }
  }

  get #policy(): RetryPolicy {
    const { retry } = this.#set.policies
    const { deadline } = this.#request
    return deadline === undefined ? retry : { ...retry, deadline }
  }

  get #attempts(): Attempts {
    if (this.#made !== null) return this.#made
    const { idempotent, idempotencyKey, validMs } = this.#request
    const { auth, lookup } = this.#set
    const { budget, clock } = this.#core
    const recvWindow = this.#wire.signed ? auth?.recvWindow : undefined
    this.#made = new Attempts(
      this.#policy,
      {
        idempotent: idempotent ?? idempotentMethods.has(this.#wire.method),
        canLookup: idempotencyKey !== undefined && lookup !== null,
        validMs: validMs ?? (recvWindow === undefined ? Number.NaN : clock.validMs(recvWindow)),
      },
      budget,
      Math.random,
      this.#start,
    )
    return this.#made
  }

  /** An attempt that was made by other means, and whose fate is open, counts as the first. */
  #begin(): Decision {
    const { uncertainSince = Number.NaN } = this.#request
    this.#attempts.sending(uncertainSince)
    return this.#attempts.next(Outcomes.unknown, performance.now())
  }

  /** Lets it leave, before this returns when the limits allow that. */
  #depart(): Promise<Sent> {
    const core = this.#core
    const left = this.#leftMs()
    try {
      if (left <= 0) throw this.#givenUp('deadline', this.#attempts.mayHaveExecuted)
      const wait = left === Number.POSITIVE_INFINITY ? undefined : left
      const admitted = core.admit(this.#wire, this.#grant, wait)
      return admitted === null ? this.#send(this.#endpoint) : admitted.then(() => this.#send(this.#endpoint))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #send(avoid: Endpoint | null): Promise<Sent> {
    return this.#core.send(this.#set, this.#wire, this.#grant, this.#timeouts(), avoid, this)
  }

  /** Sends it once, unless it is `underWay`. No endpoint: fails at once, which is what circuit breakers are for. */
  async #attempt(underWay: Promise<Sent> | null): Promise<Outcome> {
    if (this.#last?.outcome.kind === 'skewed') await this.#core.refreshTime()
    let sent: Sent
    try {
      sent = await (underWay ?? this.#depart())
      // A connection was retired under it: that is nobody's fault, and no reason to wait.
      for (let moves = 0; moves < mostMoves && sent.failure?.code === unlookedAt && this.#leftMs() > 0; moves++) {
        this.#moving = true
        sent = await this.#send(null)
      }
    } catch (error) {
      throw this.#thrown(error)
    }
    this.#last = sent
    this.#answer = sent.http
    if (sent.endpoint === null) {
      throw this.#error('ERR_REST_NO_ENDPOINT', 'no circuit breaker lets a request through', {
        mayHaveExecuted: this.#attempts.mayHaveExecuted,
        retryAfterMs: sent.outcome.kind === 'retryable' ? sent.outcome.forMs : Number.NaN,
      })
    }
    // The next attempt goes elsewhere when this endpoint is at fault, not when the request or a limit is.
    const { status = 0 } = sent.http ?? {}
    this.#endpoint = sent.failure !== null || status >= 500 ? sent.endpoint : null
    return sent.outcome
  }

  left(now: number): void {
    if (this.#moving) this.#attempts.resending(now)
    else this.#attempts.sending(now)
    this.#moving = false
  }

  async #lookup(): Promise<Outcome> {
    const { lookup } = this.#set
    const { idempotencyKey, signal } = this.#request
    if (lookup === null || idempotencyKey === undefined) return Outcomes.lookupFailed
    this.#core.counters.lookups++
    this.#attempts.lookingUp(performance.now())
    const patience = Math.max(1, this.#policy.certainty - this.#attempts.elapsed(performance.now()))
    const stop = new AbortController()
    const until = AbortSignal.any([stop.signal, ...(signal === undefined ? [] : [signal])])
    const context: LookupContext = Object.freeze({
      idempotencyKey,
      method: this.#wire.method,
      path: this.#wire.path,
      request: this.#request,
      attempt: this.#attempts.attempt,
      lookup: this.#attempts.lookups,
      signal: until,
      ask: (method: string, path: string, request: RestRequest = {}) => this.#ask(method, path, request, until),
    })
    const late = this.#pause(patience).then((): LookupResult => ({ retryAfterMs: 0 }))
    // The one that loses the race may fail unheard.
    late.catch(() => {})
    try {
      const result = await Promise.race([lookup(context), late])
      if (result === 'absent') return Outcomes.absent
      if ('found' in result) {
        this.#found = result.found
        return Outcomes.found
      }
      return { kind: 'lookupFailed', forMs: result.retryAfterMs }
    } catch (error) {
      if (signal?.aborted) throw this.#thrown(error)
      if (this.#core.stopped) throw this.#thrown(error)
      const forMs = error instanceof RestError && error.retryAfterMs > 0 ? error.retryAfterMs : 0
      return { kind: 'lookupFailed', forMs }
    } finally {
      stop.abort()
      this.#wake?.()
    }
  }

  /** A look-up's question: sent once, charged on the limits. */
  async #ask(method: string, path: string, request: RestRequest, signal: AbortSignal): Promise<RestResponse> {
    const core = this.#core
    const started = performance.now()
    const { account = this.#request.account, instrument = this.#request.instrument } = request
    const wire = wireRequest(core, this.#set, method, path, {
      kind: 'query',
      priority: lookupPriority,
      ...request,
      account,
      instrument,
      signal,
    })
    const grant = new Grant()
    let sent: Sent
    try {
      const admitted = core.admit(wire, grant, undefined)
      if (admitted !== null) await admitted
      sent = await core.send(this.#set, wire, grant, request.timeouts, null, null)
    } catch (error) {
      throw this.#thrown(error)
    }
    const { outcome, http } = sent
    if (http !== null && (outcome.kind === 'done' || outcome.kind === 'fatal')) {
      return http.at(1, performance.now() - started)
    }
    const failed = lookupFailed(outcome)
    throw this.#error(sent.failure?.code ?? 'ERR_REST_LOOKUP', 'the look-up was not answered', {
      mayHaveExecuted: true,
      retryAfterMs: failed.kind === 'lookupFailed' ? failed.forMs : 0,
    })
  }

  #result(): RestResponse {
    const elapsedMs = performance.now() - this.#start
    const { attempt } = this.#attempts
    if (this.#found !== null) return this.#found.asFound(attempt, elapsedMs)
    return this.#answer?.at(attempt, elapsedMs) as RestResponse
  }

  /** Milliseconds in which an attempt has to be answered; Infinity when the request sets no limit. */
  #leftMs(): number {
    const { deadline } = this.#request
    return deadline === undefined ? Number.POSITIVE_INFINITY : deadline - (performance.now() - this.#start)
  }

  /** The request's own, within its deadline. */
  #timeouts(): RequestTimeouts | undefined {
    const { timeouts, deadline } = this.#request
    if (deadline === undefined) return timeouts
    const usual = timeouts?.total ?? this.#core.totalMs
    const left = Math.max(1, this.#leftMs())
    return { ...timeouts, total: usual === 0 ? left : Math.min(usual, left) }
  }

  #wake: (() => void) | null = null

  /** @throws RestError `ERR_ABORTED` */
  #pause(ms: number): Promise<void> {
    const { signal } = this.#request
    const { onStop } = this.#core
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        onStop.delete(stop)
        signal?.removeEventListener('abort', stop)
        resolve()
      }
      const stop = (): void => {
        reject(this.#aborted())
        end()
      }
      const timer = setTimeout(end, Math.min(Math.ceil(ms), 2_147_483_647))
      onStop.add(stop)
      signal?.addEventListener('abort', stop)
      this.#wake = end
      if (signal?.aborted || this.#core.stopped) stop()
    })
  }

  #tell(outcome: Outcome, decision: Extract<Decision, { readonly inMs: number }>): void {
    const slot = this.#core.emitter.slot('retry')
    if (slot.size === 0) return
    const last = this.#last
    const { method, path } = this.#wire
    slot.emit(
      Object.freeze({
        method,
        path,
        endpoint: last?.endpoint?.id ?? null,
        attempt: this.#attempts.attempt,
        lookups: this.#attempts.lookups,
        status: last?.http?.status ?? 0,
        code: this.#clean(last?.failure?.code ?? last?.venue.code ?? ''),
        outcome: outcome.kind,
        next: decision.do,
        inMs: decision.inMs,
      }),
      throwLater,
    )
  }

  #givenUp(reason: GiveUpReason, mayHaveExecuted: boolean): RestError {
    const last = this.#last
    const { failure = null, venue, outcome } = last ?? {}
    const says = failure?.code ?? (venue?.code || venue?.message ? `${venue.code} ${venue.message}`.trim() : '')
    const status = last?.http ? `status ${last.http.status}` : ''
    const text = [status, this.#clean(says)].filter((part) => part !== '').join(', ')
    // That the venue wants silence is of more use than that there are no attempts left for afterwards.
    const told = outcome?.kind === 'limited' || outcome?.kind === 'banned' ? outcome.kind : reason
    return this.#error(giveUpCodes[told], text, {
      mayHaveExecuted,
      retryAfterMs: outcome !== undefined && 'forMs' in outcome && outcome.forMs > 0 ? outcome.forMs : Number.NaN,
      cause: failure ?? undefined,
    })
  }

  /** What was thrown on the way, as an error of this request. */
  #thrown(error: unknown): RestError {
    if (error instanceof RestError) return error
    const certain = !this.#attempts.mayHaveExecuted
    if (error instanceof HttpError && error.code === 'ERR_ABORTED') {
      return this.#aborted(!certain || error.mayHaveExecuted)
    }
    if (this.#request.signal?.aborted) return this.#aborted()
    if (error instanceof LimitError) {
      const { code, message, retryAfterMs } = error
      return this.#error(code, message, { mayHaveExecuted: !certain, retryAfterMs, cause: error })
    }
    const given = (error as { code?: unknown } | null)?.code
    const code = typeof given === 'string' && given.startsWith('ERR_') ? given : 'ERR_REST_REQUEST'
    const message = error instanceof Error ? this.#clean(error.message) : ''
    // No cause: what others throw may show what they were given.
    return this.#error(code, message, { mayHaveExecuted: !certain })
  }

  #aborted(mayHaveExecuted: boolean = this.#attempts.mayHaveExecuted): RestError {
    const { signal } = this.#request
    if (!signal?.aborted) return this.#error('ERR_ABORTED', 'the client was closed', { mayHaveExecuted })
    return this.#error('ERR_ABORTED', 'aborted by its signal', { mayHaveExecuted, cause: signal.reason })
  }

  #error(
    code: string,
    message: string,
    details: { readonly mayHaveExecuted: boolean; readonly retryAfterMs?: number; readonly cause?: unknown },
  ): RestError {
    const last = this.#last
    const attempt = this.#attempts.attempt
    const elapsedMs = performance.now() - this.#start
    const { method, path } = this.#wire
    return new RestError(code, message, {
      method,
      path,
      endpoint: last?.endpoint?.id ?? null,
      attempt,
      lookups: this.#attempts.lookups,
      elapsedMs,
      venueCode: this.#clean(last?.venue.code ?? ''),
      venueMessage: this.#clean(last?.venue.message ?? ''),
      response: last?.http?.at(attempt, elapsedMs) ?? null,
      ...details,
    })
  }

  #clean(text: string): string {
    if (text === '' || this.#last === null) return text
    return redacted(text, secretsOf(this.#set.auth, this.#last.parts))
  }
}

const atOnce: Decision = Object.freeze({ do: 'retry', inMs: 0 })

/** Done twice they are the same as once, as far as HTTP and venues' cancels by id go. */
const idempotentMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE'])
