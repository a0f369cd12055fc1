import type { GiveUpReason } from '../policy/retry/decide.js'
import { TickwireError } from '../runtime/errors.js'
import type { RestResponse } from './rest-response.js'

/** What a {@link RestError} tells besides its message. */
export interface RestErrorDetails {
  readonly method: string
  readonly path: string
  readonly endpoint: string | null
  readonly attempt: number
  readonly lookups: number
  readonly elapsedMs: number
  readonly mayHaveExecuted: boolean
  readonly retryAfterMs?: number | undefined
  readonly venueCode?: string | undefined
  readonly venueMessage?: string | undefined
  readonly response?: RestResponse | null | undefined
  readonly cause?: unknown
}

/** The code for each reason to give up. */
export const giveUpCodes: Readonly<Record<GiveUpReason, string>> = Object.freeze({
  fatal: 'ERR_REST_REFUSED',
  duplicate: 'ERR_REST_DUPLICATE',
  deadline: 'ERR_REST_DEADLINE',
  attempts: 'ERR_REST_ATTEMPTS',
  budget: 'ERR_REST_BUDGET',
  limited: 'ERR_REST_LIMITED',
  banned: 'ERR_REST_BANNED',
  unknown: 'ERR_REST_UNKNOWN',
  lookup: 'ERR_REST_LOOKUP',
})

/**
 * A request that did not succeed. `code` says why nothing more was tried:
 *
 * - `ERR_REST_REFUSED`: the venue refuses it; `ERR_REST_DUPLICATE`: its client id is another order's;
 * - `ERR_REST_DEADLINE`, `ERR_REST_ATTEMPTS`, `ERR_REST_BUDGET`: no time, attempts or retry budget left;
 * - `ERR_REST_LIMITED`, `ERR_REST_BANNED`: the venue wants silence, for longer than deadline or attempts allow;
 * - `ERR_REST_UNKNOWN`: it may have been executed and cannot be looked up; `ERR_REST_LOOKUP`: no look-up came to a result;
 * - `ERR_REST_NO_ENDPOINT`: no circuit breaker lets anything through;
 * - `ERR_RATE_LIMIT_*`: our own limits do not allow it (see `LimitError`); `ERR_SIGN_*`; `ERR_HTTP_REQUEST`: it cannot be sent;
 * - `ERR_ABORTED`: by its signal, or the client was closed by force; `ERR_NOT_OPEN`: the client is closed.
 *
 * Neither message nor fields hold queries, header fields or bodies; what venues say is searched for the request's secrets.
 */
export class RestError extends TickwireError {
  readonly method: string
  /** Without its query. */
  readonly path: string
  /** Where the last attempt went: scheme, host and port; null when there was none. */
  readonly endpoint: string | null
  /** HTTP status of the last answer, 0 when there was none. */
  readonly status: number
  /** Attempts that were made. */
  readonly attempt: number
  /** Look-ups that were made. */
  readonly lookups: number
  /** From the call to the failure. */
  readonly elapsedMs: number
  /** False: it was certainly not executed, and will not be. True: nobody knows. */
  readonly mayHaveExecuted: boolean
  /** Milliseconds after which it may be tried again, as far as is known; NaN: not known. */
  readonly retryAfterMs: number
  /** The venue's own code, `''` when there is none. */
  readonly venueCode: string
  readonly venueMessage: string
  readonly #response: RestResponse | null

  constructor(code: string, message: string, details: RestErrorDetails) {
    const { method, path, endpoint, response = null, cause } = details
    super(
      code,
      `${method} ${endpoint ?? ''}${path}: ${message === '' ? code : `${code}: ${message}`}`,
      cause === undefined ? undefined : { cause },
    )
    this.method = method
    this.path = path
    this.endpoint = endpoint
    this.status = response?.status ?? 0
    this.attempt = details.attempt
    this.lookups = details.lookups
    this.elapsedMs = details.elapsedMs
    this.mayHaveExecuted = details.mayHaveExecuted
    this.retryAfterMs = details.retryAfterMs ?? Number.NaN
    this.venueCode = details.venueCode ?? ''
    this.venueMessage = details.venueMessage ?? ''
    this.#response = response
  }

  /** The last answer, null when there was none. Shown neither by `inspect` nor in JSON: what it holds is for the caller to judge. */
  get response(): RestResponse | null {
    return this.#response
  }
}
