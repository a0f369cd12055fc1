import { inspect } from 'node:util'
import type { JsonDecoder, SbeDecoder } from '../feed/decoder.js'
import type { Shapes } from '../feed/row.js'
import type { RowOf } from '../feed/row-reader.js'
import type { ResponseHeaders } from './fields.js'
import type { HttpResponse, ResponseTimes } from './response.js'

/** An answer, with how it was come by. */
export class RestResponse {
  /** Where it came from: scheme, host and port. */
  readonly endpoint: string
  /** Number of the attempt that it answers, from 1. */
  readonly attempt: number
  /** From the call to the answer, with everything that was waited for. */
  readonly elapsedMs: number
  /** The request's own answer was lost: this is what the look-up found. */
  readonly found: boolean
  readonly #http: HttpResponse
  #json: unknown
  #parsed = false

  constructor(http: HttpResponse, endpoint: string, attempt: number, elapsedMs: number, found = false) {
    this.#http = http
    this.endpoint = endpoint
    this.attempt = attempt
    this.elapsedMs = elapsedMs
    this.found = found
  }

  get status(): number {
    return this.#http.status
  }

  /** Status 200…299. */
  get ok(): boolean {
    return this.#http.ok
  }

  /** `1.0`, `1.1` or `2`. */
  get version(): string {
    return this.#http.version
  }

  get headers(): ResponseHeaders {
    return this.#http.headers
  }

  /** Its connection had been open before the request. */
  get reused(): boolean {
    return this.#http.reused
  }

  get times(): ResponseTimes {
    return this.#http.times
  }

  /** The body, its content coding undone. @throws TickwireError `ERR_HTTP_CONTENT_CODING`, `ERR_HTTP_BODY_TOO_LARGE`. */
  bytes(): Uint8Array {
    return this.#http.bytes()
  }

  /** The body as UTF-8. @throws as `bytes()`. */
  text(): string {
    return this.#http.text()
  }

  /** The body as JSON, parsed once: the same value each time. @throws SyntaxError; as `bytes()`. */
  json<T = unknown>(): T {
    if (!this.#parsed) {
      this.#json = this.#http.json()
      this.#parsed = true
    }
    return this.#json as T
  }

  /** The body decoded by a schema, as `HttpResponse.rows()`. @throws DecodeError; as `bytes()`. */
  rows<S extends Shapes>(schema: JsonDecoder<S> | SbeDecoder<S>): RowOf<S>[] {
    return this.#http.rows(schema)
  }

  /** The same answer, to the attempt of that number. */
  at(attempt: number, elapsedMs: number): RestResponse {
    const response = new RestResponse(this.#http, this.endpoint, attempt, elapsedMs, this.found)
    response.#json = this.#json
    response.#parsed = this.#parsed
    return response
  }

  /** The same answer, as the result of a look-up. */
  asFound(attempt: number, elapsedMs: number): RestResponse {
    const response = new RestResponse(this.#http, this.endpoint, attempt, elapsedMs, true)
    response.#json = this.#json
    response.#parsed = this.#parsed
    return response
  }

  [inspect.custom](): unknown {
    const { status, version, endpoint, attempt, found } = this
    return { status, version, endpoint, attempt, found }
  }
}
