import type { GateScope } from '../limit/route.js'

/** How an attempt to have a request executed ended, as far as that is known. */
export type Outcome =
  /** It was executed, or answered if it only asks. */
  | { readonly kind: 'done' }
  /** It was certainly not executed and may be another time; not before `forMs` milliseconds when that is above 0. */
  | { readonly kind: 'retryable'; readonly forMs: number }
  /** It was certainly not executed, and would not be another time. */
  | { readonly kind: 'fatal' }
  /** It may have been executed, or may be yet. */
  | { readonly kind: 'unknown' }
  /** It was certainly not executed: too many requests. The venue wants silence for `forMs`, from those in `scope`; NaN: it does not say. */
  | { readonly kind: 'limited'; readonly forMs: number; readonly scope: GateScope }
  /** It was certainly not executed: the venue has shut us out. */
  | { readonly kind: 'banned'; readonly forMs: number; readonly scope: GateScope }
  /** It was certainly not executed: its timestamp was wrong by the venue's clock. */
  | { readonly kind: 'skewed' }
  /** The venue knows an order with this client id. */
  | { readonly kind: 'duplicate' }
  /** A look-up has found it: it was executed. */
  | { readonly kind: 'found' }
  /** A look-up has not found it. */
  | { readonly kind: 'absent' }
  /** A look-up did not come to a result; not before `forMs` again when that is above 0. */
  | { readonly kind: 'lookupFailed'; readonly forMs: number }

/** Outcomes without particulars. */
export const Outcomes = Object.freeze({
  done: Object.freeze({ kind: 'done' }),
  retryable: Object.freeze({ kind: 'retryable', forMs: 0 }),
  fatal: Object.freeze({ kind: 'fatal' }),
  unknown: Object.freeze({ kind: 'unknown' }),
  skewed: Object.freeze({ kind: 'skewed' }),
  duplicate: Object.freeze({ kind: 'duplicate' }),
  found: Object.freeze({ kind: 'found' }),
  absent: Object.freeze({ kind: 'absent' }),
  lookupFailed: Object.freeze({ kind: 'lookupFailed', forMs: 0 }),
} as const satisfies Record<string, Outcome>)

/** A complete answer. */
export interface Answer {
  /** HTTP status. */
  readonly status: number
  /** The venue's error code as text, `''` when there is none. */
  readonly code: string
  /** The venue's explanation, `''` when there is none. */
  readonly message: string
  /** A header's value by its name in lower case. */
  header(name: string): string | undefined
  /** When it arrived, in Unix milliseconds on the venue's clock. */
  readonly receivedAt: number
}

/** How far a request came that was not answered. */
export type FailurePhase =
  /** No byte of it had left: name, connection, TLS, or a pool without a free connection. */
  | 'connect'
  /** Some or all of it had left. */
  | 'send'
  /** The answer had begun. */
  | 'receive'

/** A request that was not answered, or not completely. */
export interface Failure {
  readonly phase: FailurePhase
  /** Stable name: `ECONNRESET`, `ERR_TIMEOUT`, …. */
  readonly code: string
}

/** Tells what became of a request. Both functions are pure and have an answer for everything. */
export interface Classifier {
  answer(answer: Answer): Outcome
  failure(failure: Failure): Outcome
}
