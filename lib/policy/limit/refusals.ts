import { LimitError, type LimitErrorCode } from './errors.js'

const texts: Readonly<Record<LimitErrorCode, string>> = {
  ERR_RATE_LIMIT_DEADLINE: 'the rate limit does not allow this request before its deadline',
  ERR_RATE_LIMIT_QUEUE_FULL: 'too many requests wait for the rate limit',
  ERR_RATE_LIMIT_WEIGHT: 'the request weighs more than a rate limit ever allows',
  ERR_RATE_LIMIT_KEYS: 'too many different rate limit keys',
  ERR_RATE_LIMIT_BLOCKED: 'the venue refuses requests until after the deadline of this one',
  ERR_RATE_LIMIT_CLOSED: 'the limiter was closed',
  ERR_RATE_LIMIT_STORE: 'the store of rate limit counts failed',
}

/** Makes the errors of a limiter and counts them. */
export class Refusals {
  readonly #counts: Record<LimitErrorCode, number> = {
    ERR_RATE_LIMIT_DEADLINE: 0,
    ERR_RATE_LIMIT_QUEUE_FULL: 0,
    ERR_RATE_LIMIT_WEIGHT: 0,
    ERR_RATE_LIMIT_KEYS: 0,
    ERR_RATE_LIMIT_BLOCKED: 0,
    ERR_RATE_LIMIT_CLOSED: 0,
    ERR_RATE_LIMIT_STORE: 0,
  }

  make(code: LimitErrorCode, retryAfterMs: number): LimitError {
    this.#counts[code]++
    return new LimitError(code, texts[code], retryAfterMs)
  }

  /** Counts an error that somebody else made. */
  count(error: unknown): unknown {
    if (error instanceof LimitError) this.#counts[error.code]++
    return error
  }

  counts(): Record<LimitErrorCode, number> {
    return { ...this.#counts }
  }
}

/** @throws LimitError when one of them is no number from 0. */
export function checkAmounts(first: number, second: number): void {
  if (first >= 0 && second >= 0) return
  throw new LimitError('ERR_RATE_LIMIT_WEIGHT', 'weight, count, priority and wait must be numbers from 0', Number.NaN)
}
