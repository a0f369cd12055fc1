import type { BreakerChange } from '../policy/breaker/breaker.js'
import type { GateScope } from '../policy/limit/route.js'
import type { HttpConnection, HttpDisconnect } from './pool-sink.js'

/** An attempt or look-up did not bring the result; what comes next. */
export interface RestRetry {
  readonly method: string
  /** Without its query. */
  readonly path: string
  /** Where it went: scheme, host and port; null when it did not leave. */
  readonly endpoint: string | null
  /** Attempts so far. */
  readonly attempt: number
  /** Look-ups so far. */
  readonly lookups: number
  /** HTTP status, 0 when there was no answer. */
  readonly status: number
  /** Of the failure or the venue; `''` when there is none. */
  readonly code: string
  /** What it was taken for: `unknown`, `limited`, `retryable`, …. */
  readonly outcome: string
  readonly next: 'retry' | 'lookup'
  /** Milliseconds from now. */
  readonly inMs: number
}

/** Events of a {@link Rest}. None of them holds queries, header fields or bodies. */
export interface RestEvents {
  retry: RestRetry
  /** A circuit breaker has changed its state. */
  breaker: BreakerChange & { readonly endpoint: string }
  /** Calls or probes have changed what is thought of an endpoint. */
  health: {
    readonly endpoint: string
    readonly healthy: boolean
    readonly by: 'calls' | 'probes'
    readonly forMs: number
  }
  /** The venue wants silence from `scope`, for so many milliseconds. */
  blocked: { readonly scope: GateScope; readonly route: string; readonly forMs: number }
  connect: HttpConnection & { readonly endpoint: string }
  disconnect: HttpDisconnect & { readonly endpoint: string }
}
