import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { decoders } from './content-coding.js'
import type { ResponseHeaders } from './fields.js'
import type { ResponseHead, ResponseTimes } from './response.js'

/** Bytes that may wait for the reader before the core is told to read no further. */
const highWaterMark = 256 * 1_024

/** The core's side of a streamed body. */
export interface BodySource {
  hold(on: boolean): void
  /** Nobody reads any further. */
  cancel(): void
}

/** An answer whose body is read in pieces: `for await (const piece of response.body)`. A body that is not read is to be destroyed. */
export class StreamedResponse implements ResponseHead {
  readonly status: number
  readonly version: string
  readonly headers: ResponseHeaders
  readonly reused: boolean
  readonly times: ResponseTimes
  /** The body, its content coding undone; errors with an `HttpError`. */
  readonly body: Readable
  readonly #raw: Readable
  readonly #source: BodySource
  #held = false
  #ended = false

  constructor(head: ResponseHead, source: BodySource) {
    this.status = head.status
    this.version = head.version
    this.headers = head.headers
    this.reused = head.reused
    this.times = head.times
    this.#source = source
    this.#raw = new Readable({
      highWaterMark,
      read: () => this.#hold(false),
      destroy: (error, callback) => {
        if (!this.#ended) source.cancel()
        this.#ended = true
        callback(error)
      },
    })
    const stages = decoders(this.headers.get('content-encoding'))
    const last = stages.at(-1)
    this.body = last ?? this.#raw
    // Errors of a stage reach the last one's reader, and destroying the last one destroys them all.
    if (last !== undefined) pipeline([this.#raw, ...stages]).catch(() => {})
  }

  /** Status 200…299. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300
  }

  /** For the client: a piece has come. The bytes are the stream's. */
  push(piece: Uint8Array): void {
    if (!this.#ended && !this.#raw.push(piece)) this.#hold(true)
  }

  /** For the client: the body has ended, by `error` or null. */
  end(error: Error | null): void {
    if (this.#ended) return
    this.#ended = true
    if (error === null) this.#raw.push(null)
    else this.#raw.destroy(error)
  }

  #hold(on: boolean): void {
    if (this.#held === on || this.#ended) return
    this.#held = on
    this.#source.hold(on)
  }
}
