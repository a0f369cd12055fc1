import { z } from 'zod'
import { Rest } from '../rest/rest.js'
import type { RestRequest } from '../rest/rest-options.js'
import type { RestResponse } from '../rest/rest-response.js'
import { parseConfig } from '../runtime/config.js'
import { Emitter, type Listener, throwLater } from '../runtime/emitter.js'
import type { SessionRequest } from './options.js'
import type { SessionParams } from './protocol.js'
import { RequestSession, type SessionResponse } from './request-session.js'
import { SessionError } from './session-error.js'

/** The same request over REST. */
export interface RestForm {
  /** `'POST'`. */
  readonly method: string
  readonly path: string
  readonly request: RestRequest
}

/** Options of an {@link OrderEntry}. */
export interface OrderEntryOptions {
  readonly session: RequestSession
  /** Should share its limits and clock with the session (`SessionOptions.rest`), and have a `lookup`. */
  readonly rest: Rest
  /** How a request of the session is written over REST. */
  readonly toRest: (method: string, params: SessionParams) => RestForm
}

/** One request, whichever way it goes. */
export interface OrderRequest extends Omit<SessionRequest, 'wait'> {
  /** The client id that `params` carry: with it an order of unknown fate can be looked up. */
  readonly idempotencyKey?: string | undefined
  /** Executing it twice is the same as once. Default false. */
  readonly idempotent?: boolean | undefined
}

/** An answer, and the way that it came. */
export type OrderResult =
  | { readonly via: 'session'; readonly body: unknown; readonly response: SessionResponse }
  | { readonly via: 'rest'; readonly body: unknown; readonly response: RestResponse }

export interface OrderEntryEvents {
  /** A request goes on over REST. `uncertain`: it may have been executed already, and is looked up first if it is an order. */
  failover: { readonly method: string; readonly code: string; readonly uncertain: boolean }
}

/** Failures of a session after which REST may do better: the way was at fault, or the venue will take it another time. */
const elsewhere: ReadonlySet<string> = new Set([
  'ERR_NOT_OPEN',
  'ERR_SESSION_LOST',
  'ERR_SESSION_TIMEOUT',
  'ERR_SESSION_UNKNOWN',
  'ERR_SESSION_IN_FLIGHT',
  'ERR_SESSION_RETRYABLE',
  'ERR_SESSION_SKEWED',
  'ERR_SESSION_LIMITED',
  'ERR_SESSION_BANNED',
  'ERR_SEND_QUEUE_FULL',
])

const schema = z.strictObject({
  session: z.instanceof(RequestSession, { error: 'must be a RequestSession' }),
  rest: z.instanceof(Rest, { error: 'must be a Rest' }),
  toRest: z.custom<OrderEntryOptions['toRest']>((value) => typeof value === 'function', 'must be a function'),
})

/**
 * Orders over a WebSocket session, and over REST when that is not to be had. What the session may have executed is never sent again before
 * a look-up over REST has made certain that it was not.
 */
export class OrderEntry {
  readonly session: RequestSession
  readonly rest: Rest
  readonly #toRest: OrderEntryOptions['toRest']
  readonly #emitter = new Emitter<OrderEntryEvents>()

  /** @throws ConfigError naming every option at fault. */
  constructor(options: OrderEntryOptions) {
    const { session, rest, toRest } = parseConfig('order entry options', schema, options)
    this.session = session
    this.rest = rest
    this.#toRest = toRest
  }

  /**
   * Sends a request over the session when that is ready, else over REST.
   * @throws SessionError when the venue refuses it over the session; RestError otherwise.
   */
  async request(method: string, params: SessionParams, request: OrderRequest = {}): Promise<OrderResult> {
    const { idempotencyKey, idempotent = false, timeout, ...common } = request
    let uncertainSince: number | undefined
    try {
      const response = await this.session.request(method, params, { ...common, timeout })
      return Object.freeze({ via: 'session' as const, body: response.body, response })
    } catch (error) {
      if (!(error instanceof SessionError) || !elsewhere.has(error.code)) throw error
      if (error.mayHaveExecuted) uncertainSince = error.sentAt
      const event = Object.freeze({ method, code: error.code, uncertain: error.mayHaveExecuted })
      this.#emitter.slot('failover').emit(event, throwLater)
    }
    const form = this.#toRest(method, params)
    const validMs = uncertainSince === undefined ? undefined : notNaN(this.session.protocol.validMs(this.session.clock))
    const response = await this.rest.request(form.method, form.path, {
      kind: 'order',
      validMs,
      ...defined(common),
      ...form.request,
      idempotencyKey,
      idempotent,
      uncertainSince,
    })
    return Object.freeze({ via: 'rest' as const, body: response.json(), response })
  }

  on<E extends keyof OrderEntryEvents & string>(event: E, listener: Listener<OrderEntryEvents[E]>): this {
    this.#emitter.slot(event).add(listener)
    return this
  }

  once<E extends keyof OrderEntryEvents & string>(event: E, listener: Listener<OrderEntryEvents[E]>): this {
    this.#emitter.slot(event).addOnce(listener)
    return this
  }

  off<E extends keyof OrderEntryEvents & string>(event: E, listener: Listener<OrderEntryEvents[E]>): this {
    this.#emitter.slot(event).remove(listener)
    return this
  }
}

function notNaN(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value
}

/** Without what is undefined, which would hide defaults. */
function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>
}
