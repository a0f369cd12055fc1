import { TickwireError } from '../runtime/errors.js'

/** What a {@link SessionError} tells besides its message. */
export interface SessionErrorDetails {
  readonly session: string
  readonly method: string
  readonly mayHaveExecuted: boolean
  readonly elapsedMs: number
  readonly status?: number | undefined
  readonly venueCode?: string | undefined
  readonly venueMessage?: string | undefined
  readonly retryAfterMs?: number | undefined
  readonly sentAt?: number | undefined
  readonly cause?: unknown
}

/**
 * A request over a session that did not succeed:
 *
 * - `ERR_SESSION_REFUSED`, `ERR_SESSION_DUPLICATE`: the venue refuses it; its client id is another order's;
 * - `ERR_SESSION_RETRYABLE`: the venue did not execute it and may another time;
 * - `ERR_SESSION_LIMITED`, `ERR_SESSION_BANNED`: the venue wants silence; `ERR_SESSION_SKEWED`: its timestamp was wrong;
 * - `ERR_SESSION_UNKNOWN`: the venue does not say whether it was executed; `ERR_SESSION_TIMEOUT`: it said nothing;
 * - `ERR_SESSION_LOST`: the connection was lost before the answer, or before it was sent (`mayHaveExecuted` says which);
 * - `ERR_SESSION_LOGIN`: the venue refuses the login;
 * - `ERR_SESSION_IN_FLIGHT`: too many are under way; `ERR_NOT_OPEN`: not connected, or not logged in yet;
 * - `ERR_SEND_QUEUE_FULL`, `ERR_RATE_LIMIT_*`, `ERR_SIGN_*`, `ERR_ABORTED`.
 */
export class SessionError extends TickwireError {
  /** Name of the session. */
  readonly session: string
  readonly method: string
  /** False: it was certainly not executed, and will not be. */
  readonly mayHaveExecuted: boolean
  /** From the call to the failure. */
  readonly elapsedMs: number
  /** As of HTTP, 0 when there was no answer. */
  readonly status: number
  readonly venueCode: string
  readonly venueMessage: string
  /** Milliseconds after which it may be tried again; NaN: not known. */
  readonly retryAfterMs: number
  /** When it was sent, on `performance.now()`'s clock; NaN: it was not. */
  readonly sentAt: number

  constructor(code: string, message: string, details: SessionErrorDetails) {
    const { session, method, cause } = details
    super(
      code,
      `${session} ${method}: ${message === '' ? code : `${code}: ${message}`}`,
      cause === undefined ? undefined : { cause },
    )
    this.session = session
    this.method = method
    this.mayHaveExecuted = details.mayHaveExecuted
    this.elapsedMs = details.elapsedMs
    this.status = details.status ?? 0
    this.venueCode = details.venueCode ?? ''
    this.venueMessage = details.venueMessage ?? ''
    this.retryAfterMs = details.retryAfterMs ?? Number.NaN
    this.sentAt = details.sentAt ?? Number.NaN
  }
}
