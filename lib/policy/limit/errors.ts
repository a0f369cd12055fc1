import { TickwireError } from '../../runtime/errors.js'

/**
 * Why a request may not be sent:
 * - `ERR_RATE_LIMIT_DEADLINE`: not before its deadline;
 * - `ERR_RATE_LIMIT_QUEUE_FULL`: too many wait, or one of more importance took its place;
 * - `ERR_RATE_LIMIT_WEIGHT`: it weighs more than a limit ever allows;
 * - `ERR_RATE_LIMIT_KEYS`: more different keys than there is memory for;
 * - `ERR_RATE_LIMIT_BLOCKED`: the venue wants silence, or has banned us, until later than its deadline;
 * - `ERR_RATE_LIMIT_CLOSED`: the limiter was closed;
 * - `ERR_RATE_LIMIT_STORE`: the store that is shared with others failed; `cause` says how.
 */
export type LimitErrorCode =
  | 'ERR_RATE_LIMIT_DEADLINE'
  | 'ERR_RATE_LIMIT_QUEUE_FULL'
  | 'ERR_RATE_LIMIT_WEIGHT'
  | 'ERR_RATE_LIMIT_KEYS'
  | 'ERR_RATE_LIMIT_BLOCKED'
  | 'ERR_RATE_LIMIT_CLOSED'
  | 'ERR_RATE_LIMIT_STORE'

/** A request was not granted. It was certainly not sent. */
export class LimitError extends TickwireError {
  declare readonly code: LimitErrorCode
  /** Milliseconds from then on after which it might have been granted; Infinity: never, NaN: not known. */
  readonly retryAfterMs: number

  constructor(code: LimitErrorCode, message: string, retryAfterMs: number, cause?: unknown) {
    super(code, message, cause === undefined ? undefined : { cause })
    this.retryAfterMs = retryAfterMs
  }
}
