import type { Endpoint } from '../policy/balance/endpoint.js'
import type { ClockOffset } from '../policy/clock-offset.js'
import type { Grant } from '../policy/limit/grant.js'
import { Limiter } from '../policy/limit/limiter.js'
import type { RemoteLimiter } from '../policy/limit/remote-limiter.js'
import type { Route } from '../policy/limit/route.js'
import type { RetryBudget } from '../policy/retry/budget.js'
import { httpClassifier } from '../policy/retry/classify.js'
import { type Classifier, type Outcome, Outcomes } from '../policy/retry/outcome.js'
import { noError, type VenueError } from '../policy/venue/venue.js'
import { type Emitter, throwLater } from '../runtime/emitter.js'
import { TickwireError } from '../runtime/errors.js'
import type { RequestDraft } from '../sign/auth.js'
import { HttpError } from './errors.js'
import { FieldMemo, fieldLine } from './fields.js'
import { bodied } from './http-client.js'
import type { RequestTimeouts } from './options.js'
import type { SentParts } from './redaction.js'
import type { RestEndpoints, RestTarget } from './rest-endpoints.js'
import type { RestEvents } from './rest-events.js'
import { RestResponse } from './rest-response.js'
import type { RestSet } from './rest-schema.js'
import { type BodyType, kindOf } from './wire-request.js'

/** A request, complete but for its signature. */
export interface WireRequest {
  readonly method: string
  /** Without query. */
  readonly path: string
  readonly query: string
  /** Path and query. */
  readonly target: string
  readonly body: string | Uint8Array | undefined
  /** Header fields, also those that every request carries: "name:value\n" for each, names in lower case. */
  readonly fields: string
  readonly signed: boolean
  readonly route: Route
  readonly weight: number
  readonly count: number
  readonly priority: number | undefined
  readonly key: string | undefined
  readonly signal: AbortSignal | undefined
}

/** Who wants to know that a request has left. */
export interface Departure {
  /** @param when by `performance.now()`, right before it did; called at once after that. */
  left(when: number): void
}

/** How one attempt ended. */
export interface Sent {
  readonly outcome: Outcome
  /** Null: no circuit breaker lets anything through. */
  readonly endpoint: Endpoint | null
  readonly http: RestResponse | null
  readonly failure: HttpError | null
  readonly venue: VenueError
  readonly parts: SentParts
}

/** Counters of a client. */
export interface RestCounters {
  requests: number
  answered: number
  failed: number
  attempts: number
  lookups: number
}

/** Collects what a signature adds. */
class Draft implements RequestDraft, SentParts {
  readonly method: string
  readonly host: string
  readonly path: string
  query: string
  body: string
  fields: string

  constructor(wire: WireRequest, host: string, body: string) {
    this.method = wire.method
    this.host = host
    this.path = wire.path
    this.query = wire.query
    this.body = body
    this.fields = wire.fields
  }

  setHeader(name: string, value: string): void {
    this.fields += fieldLine(name, value)
  }
}

const nothingSent: SentParts = Object.freeze({ fields: '', query: '' })

/** Paths whose routes are remembered. */
const mostPaths = 1_000

/** What requests of a client share: where they go, what they may, and what time it is there. */
export class RestCore {
  readonly endpoints: RestEndpoints
  readonly limiter: Limiter | RemoteLimiter
  readonly clock: ClockOffset
  readonly budget: RetryBudget
  readonly emitter: Emitter<RestEvents>
  readonly account: string
  /** Local address that requests leave from, as limits count it. */
  readonly ip: string
  /** Limit of all of an attempt, in milliseconds; 0: none. */
  readonly totalMs: number
  readonly silence: number
  /** Writes the header fields of requests, by what their bodies say of themselves. */
  readonly fields: Readonly<Record<BodyType, FieldMemo>>
  readonly #usualRoutes = new Map<string, Map<string, Route>>()
  readonly counters: RestCounters = { requests: 0, answered: 0, failed: 0, attempts: 0, lookups: 0 }
  /** Called when the client ends by force. */
  readonly onStop = new Set<() => void>()
  /** It has. */
  stopped = false
  /** Asks for the venue's time at once; done when there was an answer, or none. */
  refreshTime: () => Promise<void> = () => Promise.resolve()

  constructor(parts: {
    readonly endpoints: RestEndpoints
    readonly limiter: Limiter | RemoteLimiter
    readonly clock: ClockOffset
    readonly budget: RetryBudget
    readonly emitter: Emitter<RestEvents>
    readonly account: string
    readonly ip: string
    readonly totalMs: number
    readonly silence: number
  }) {
    this.endpoints = parts.endpoints
    this.limiter = parts.limiter
    this.clock = parts.clock
    this.budget = parts.budget
    this.emitter = parts.emitter
    this.account = parts.account
    this.ip = parts.ip
    this.totalMs = parts.totalMs
    this.silence = parts.silence
    const fixed = this.endpoints.fixedFields
    this.fields = {
      plain: new FieldMemo(fixed),
      json: new FieldMemo(`${fixed}content-type:application/json\n`),
      form: new FieldMemo(`${fixed}content-type:application/x-www-form-urlencoded\n`),
    }
  }

  /** The route of requests that say nothing else of how they are counted. */
  usualRoute(verb: string, path: string): Route {
    let ofPath = this.#usualRoutes.get(path)
    const known = ofPath?.get(verb)
    if (known !== undefined) return known
    const { account, ip } = this
    const route = this.limiter.route({ endpoint: `${verb} ${path}`, kind: kindOf(verb), account, instrument: '', ip })
    if (ofPath === undefined) {
      // Paths that hold ids: all of them are only looked up again.
      if (this.#usualRoutes.size >= mostPaths) this.#usualRoutes.clear()
      ofPath = new Map()
      this.#usualRoutes.set(path, ofPath)
    }
    ofPath.set(verb, route)
    return route
  }

  /**
   * Null when the limits allow the request now; otherwise resolves when they do.
   * @throws LimitError
   */
  admit(wire: WireRequest, grant: Grant, wait: number | undefined): Promise<void> | null {
    const { limiter } = this
    const { route, weight, count, priority, signal } = wire
    // Who asks for less importance than its kind has must not overtake those in between.
    const usual = priority === undefined || priority <= route.priority
    if (usual && limiter instanceof Limiter && limiter.tryAcquire(route, weight, count, grant) === 0) return null
    return limiter.acquire(route, { weight, count, priority, grant, wait, signal })
  }

  /**
   * Sends a request that the limits have allowed, on the calling thread when a connection is free. Rejects when it cannot be sent at all, or
   * was aborted. `departure` hears of it as soon as it has left, or failed to.
   */
  send(
    set: RestSet,
    wire: WireRequest,
    grant: Grant,
    timeouts: RequestTimeouts | undefined,
    avoid: Endpoint | null,
    departure: Departure | null,
  ): Promise<Sent> {
    const { balancer } = this.endpoints
    const endpoint = balancer.pick(wire.key, avoid)
    if (endpoint === null) return Promise.resolve(noEndpoint(this.endpoints.readyIn()))
    const target = this.endpoints.target(endpoint)
    const ticket = target.enter()
    if (ticket === 0) {
      balancer.abandon(endpoint)
      return Promise.resolve(noEndpoint(target.readyIn()))
    }
    let parts: SentParts
    let body = wire.body
    try {
      if (wire.signed && set.auth !== null) {
        const draft = new Draft(wire, target.host, textOf(body))
        set.auth.sign(draft, this.clock)
        parts = draft
        if (draft.body !== '' || body !== undefined) body = draft.body
      } else parts = wire
    } catch (error) {
      balancer.abandon(endpoint)
      target.abandon(ticket)
      return Promise.reject(error)
    }
    const started = performance.now()
    const { method, path, query, signal } = wire
    const full = parts.query === query ? wire.target : `${path}?${parts.query}`
    const content = body ?? (bodied(method) ? '' : undefined)
    const answered = target.send(method, full, parts.fields, content, timeouts, signal, started)
    departure?.left(started)
    this.counters.attempts++
    return answered.then(
      (answer) => {
        const response = new RestResponse(answer, endpoint.id, 0, 0)
        const failed = answer.status >= 500
        balancer.done(endpoint, performance.now() - started, failed)
        target.leave(ticket, failed)
        return this.#answered(set, wire, grant, endpoint, response, parts)
      },
      (error: unknown) => this.#failed(set, endpoint, target, ticket, performance.now() - started, error, parts),
    )
  }

  /** What answers and failures mean. */
  classifier({ policies, venue }: RestSet): Classifier {
    const { classify } = policies.retry
    return venue !== null && classify === httpClassifier ? venue.classify : classify
  }

  #answered(
    set: RestSet,
    wire: WireRequest,
    grant: Grant,
    endpoint: Endpoint,
    response: RestResponse,
    parts: SentParts,
  ): Sent {
    const header = (name: string): string | undefined => response.headers.get(name) ?? undefined
    const { limiter } = this
    // A store that fails here fails again with the next request, which is then refused.
    if (limiter instanceof Limiter) limiter.observe(wire.route, header, grant)
    else limiter.observe(wire.route, header, grant).catch(() => {})
    const venue = set.venue === null ? noError : set.venue.error(parsed(response))
    const { status } = response
    const outcome = this.classifier(set).answer({ status, ...venue, header, receivedAt: this.clock.now() })
    if (outcome.kind === 'limited' || outcome.kind === 'banned') this.#block(wire.route, outcome)
    else if (outcome.kind === 'skewed') this.clock.doubt()
    return { outcome, endpoint, http: response, failure: null, venue, parts }
  }

  #failed(
    set: RestSet,
    endpoint: Endpoint,
    target: RestTarget,
    ticket: number,
    tookMs: number,
    error: unknown,
    parts: SentParts,
  ): Sent {
    const { balancer } = this.endpoints
    if (!(error instanceof HttpError) || blameless.has(error.code)) {
      balancer.abandon(endpoint)
      target.abandon(ticket)
      if (!(error instanceof HttpError) || error.code === 'ERR_ABORTED') throw error
    } else {
      balancer.done(endpoint, tookMs, true)
      target.leave(ticket, true)
    }
    const phase = error.mayHaveExecuted ? 'send' : 'connect'
    const outcome = this.classifier(set).failure({ phase, code: error.code })
    return { outcome, endpoint, http: null, failure: error, venue: noError, parts }
  }

  #block(route: Route, { scope, forMs }: Extract<Outcome, { readonly forMs: number; readonly scope: string }>): void {
    const silence = Number.isNaN(forMs) ? this.silence : forMs
    void Promise.resolve(this.limiter.block(route, scope, silence)).catch(() => {})
    const event = Object.freeze({ scope, route: route.spec.endpoint, forMs: silence })
    this.emitter.slot('blocked').emit(event, throwLater)
  }
}

/** Failures that do not speak against the endpoint: ended by us, our queue was full, or it retired a connection in good order. */
const blameless: ReadonlySet<string> = new Set([
  'ERR_ABORTED',
  'ERR_HTTP_QUEUE_FULL',
  'ERR_NOT_OPEN',
  'ERR_HTTP2_REFUSED',
])

function noEndpoint(readyInMs: number): Sent {
  const outcome = { kind: 'retryable', forMs: readyInMs } as const
  return { outcome, endpoint: null, http: null, failure: null, venue: noError, parts: nothingSent }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A body as it is signed. @throws TickwireError for bytes that are no UTF-8: no scheme could sign them as they are sent. */
function textOf(body: string | Uint8Array | undefined): string {
  if (body === undefined) return ''
  if (typeof body === 'string') return body
  try {
    return strict.decode(body)
  } catch {
    throw new TickwireError('ERR_HTTP_REQUEST', 'a body that is to be signed must be UTF-8')
  }
}

/** The body as JSON, null when it is none. */
function parsed(response: RestResponse): unknown {
  try {
    const first = response.bytes()[0]
    return first === 0x7b || first === 0x5b ? response.json() : null
  } catch {
    return null
  }
}

/** The outcome of a look-up that the venue did not answer. */
export function lookupFailed(outcome: Outcome): Outcome {
  if (outcome.kind !== 'limited' && outcome.kind !== 'banned' && outcome.kind !== 'retryable')
    return Outcomes.lookupFailed
  return { kind: 'lookupFailed', forMs: outcome.forMs }
}
