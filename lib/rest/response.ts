import { inspect } from 'node:util'
import type { JsonDecoder, SbeDecoder } from '../feed/decoder.js'
import type { Shapes } from '../feed/row.js'
import { type RowOf, readRows } from '../feed/row-reader.js'
import { decoded } from './content-coding.js'
import type { ResponseHeaders } from './fields.js'

/** When things happened, in nanoseconds on the monotonic clock (that of `process.hrtime`). */
export interface ResponseTimes {
  /** The request was written. */
  readonly sentNs: number
  /** The answer's last bytes were read; of a streamed one those of its head. */
  readonly receivedNs: number
  /** The kernel had them; null when it does not say. */
  readonly kernelNs: number | null
}

/** What a response knows of itself before its body. */
export interface ResponseHead {
  readonly status: number
  /** `1.0`, `1.1` or `2`. */
  readonly version: string
  readonly headers: ResponseHeaders
  /** Its connection had been open before the request. */
  readonly reused: boolean
  readonly times: ResponseTimes
}

/** What came for a request, as the client has it. */
export interface RawResponse extends ResponseHead {
  /** The body as text, when it is short, ASCII, and bears no content coding; otherwise null. */
  readonly text: string | null
  /** The body as it came, in memory that may be shared with others. */
  readonly body: Buffer
  readonly bodyBytes: number
  /** Whether its head has a `content-encoding`. */
  readonly coded: boolean
}

/** An answer with its whole body. */
export class HttpResponse implements ResponseHead {
  readonly #raw: RawResponse
  readonly #maxBytes: number
  /** The body when it came in pieces. */
  readonly #whole: Buffer | null
  #plain: Buffer | null = null
  #bytes: Uint8Array | null = null

  /** @param maxBytes of the body once its content coding is undone. @param whole the body when `raw` has only the head. */
  constructor(raw: RawResponse, maxBytes: number, whole: Buffer | null = null) {
    this.#raw = raw
    this.#maxBytes = maxBytes
    this.#whole = whole
  }

  get status(): number {
    return this.#raw.status
  }

  /** `1.0`, `1.1` or `2`. */
  get version(): string {
    return this.#raw.version
  }

  get headers(): ResponseHeaders {
    return this.#raw.headers
  }

  /** Its connection had been open before the request. */
  get reused(): boolean {
    return this.#raw.reused
  }

  get times(): ResponseTimes {
    return this.#raw.times
  }

  /** Status 200…299. */
  get ok(): boolean {
    const { status } = this.#raw
    return status >= 200 && status < 300
  }

  /**
   * The body, its content coding undone.
   * @throws TickwireError `ERR_HTTP_CONTENT_CODING` for a damaged or unknown coding, `ERR_HTTP_BODY_TOO_LARGE`.
   */
  bytes(): Uint8Array {
    // Memory of its own: whoever takes `.buffer` of it shall find nothing else there.
    this.#bytes ??= Uint8Array.prototype.slice.call(this.#decoded())
    return this.#bytes
  }

  /** The body as UTF-8. @throws as `bytes()`. */
  text(): string {
    const text = this.#whole === null ? this.#raw.text : null
    return text ?? this.#decoded().toString('utf8')
  }

  /** The body as JSON. @throws SyntaxError; as `bytes()`. */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T
  }

  /**
   * The body decoded by a schema of `json()` or `json.oneOf()`, or by one of `tickwire/sbe` where the venue answers in SBE, as a feed
   * decodes messages: exact decimals, int64, what the schema does not name left out. Rows by value, with `shape`; none for a body that no shape wanted where that is to be ignored.
   * @throws DecodeError for a body that is not as the schema says; as `bytes()`.
   */
  rows<S extends Shapes>(schema: JsonDecoder<S> | SbeDecoder<S>): RowOf<S>[] {
    return readRows(schema, this.#decoded(), this.times.receivedNs, this.times.kernelNs ?? 0)
  }

  [inspect.custom](): unknown {
    const { status, version, bodyBytes } = this.#raw
    return { status, version, bytes: this.#whole?.length ?? bodyBytes }
  }

  #decoded(): Buffer {
    if (this.#plain === null) {
      const raw = this.#whole ?? this.#raw.body
      const { coded } = this.#raw
      this.#plain =
        !coded || raw.length === 0 ? raw : decoded(raw, this.headers.get('content-encoding'), this.#maxBytes)
    }
    return this.#plain
  }
}
