import { TickwireError } from '../runtime/errors.js'

/** What an {@link HttpError} tells besides its message. */
export interface HttpErrorDetails {
  readonly origin: string
  readonly method: string
  readonly path: string
  readonly mayHaveExecuted: boolean
  readonly elapsedMs: number
  readonly detail?: number | undefined
  readonly cause?: unknown
}

/**
 * A request without a usable answer. `code` is the core's stable name for the failure: `ECONNREFUSED`, `ECONNRESET`, `ERR_DNS`,
 * `ERR_TLS_HOSTNAME`, `ERR_HTTP_HEAD_TIMEOUT`, `ERR_HTTP_QUEUE_FULL`, `ERR_HTTP_MALFORMED`, `ERR_ABORTED`, …. An answer with a status of
 * 400 and above is an answer, not an error.
 *
 * Neither the message nor the fields hold the query, header fields or the body: they may hold keys and signatures.
 */
export class HttpError extends TickwireError {
  /** Scheme, host and port. */
  readonly origin: string
  readonly method: string
  /** Without its query. */
  readonly path: string
  /**
   * False: the peer cannot have acted on the request, since no byte of it left, or since the peer said so. True: nobody knows. A
   * request that must not happen twice has to be looked up before it is sent again.
   */
  readonly mayHaveExecuted: boolean
  /** From the call to the failure. */
  readonly elapsedMs: number
  /** Number that belongs to the code: errno for system errors, the HTTP/2 error code, the verification result for `ERR_TLS_*`; else 0. */
  readonly detail: number

  constructor(code: string, message: string, details: HttpErrorDetails) {
    const { origin, method, path, detail = 0, cause } = details
    const text = message === '' ? code : `${code}: ${message}`
    super(code, `${method} ${origin}${path}: ${text}`, cause === undefined ? undefined : { cause })
    this.origin = origin
    this.method = method
    this.path = path
    this.mayHaveExecuted = details.mayHaveExecuted
    this.elapsedMs = details.elapsedMs
    this.detail = detail
  }
}
