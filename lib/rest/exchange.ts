import { errorCode } from '../runtime/core.js'
import { HttpError } from './errors.js'
import type { FailedRecord, ResponseRecord } from './records.js'
import { HttpResponse } from './response.js'
import { type BodySource, StreamedResponse } from './streamed-response.js'

/** What the client does for a request under way. */
export interface ExchangeOwner {
  readonly origin: string
  readonly maxBody: number
  hold(id: number, on: boolean): void
  cancel(id: number): void
  /** A whole answer has come to a request for this path and query. */
  answered?(target: string, response: HttpResponse): void
}

/** A request under way, from the call to its answer's last byte. */
export class Exchange {
  readonly id: number
  readonly promise: Promise<HttpResponse | StreamedResponse>
  readonly #owner: ExchangeOwner
  readonly #method: string
  readonly #target: string
  readonly #signal: AbortSignal | undefined
  readonly #started: number
  readonly #onAbort: (() => void) | null
  #resolve!: (response: HttpResponse | StreamedResponse) => void
  #reject!: (error: Error) => void
  #first: ResponseRecord | null = null
  #pieces: Uint8Array[] | null = null
  #streamed: StreamedResponse | null = null

  /** @param started when the request was asked for, by `performance.now()`. */
  constructor(
    owner: ExchangeOwner,
    id: number,
    method: string,
    target: string,
    signal: AbortSignal | undefined,
    started: number,
  ) {
    this.id = id
    this.#owner = owner
    this.#method = method
    this.#target = target
    this.#signal = signal
    this.#started = started
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    if (signal == null) {
      this.#onAbort = null
    } else {
      this.#onAbort = () => owner.cancel(id)
      signal.addEventListener('abort', this.#onAbort, { once: true })
    }
  }

  /** True when that was all of it. */
  onResponse(record: ResponseRecord): boolean {
    if (!record.piecesFollow) {
      this.#done()
      this.#answer(new HttpResponse(record, this.#owner.maxBody))
      return true
    }
    this.#first = record
    if (record.oneBody) return false
    const source: BodySource = {
      hold: (on) => this.#owner.hold(this.id, on),
      cancel: () => this.#owner.cancel(this.id),
    }
    try {
      this.#streamed = new StreamedResponse(record, source)
    } catch (error) {
      source.cancel()
      this.#reject(error as Error)
      return false
    }
    this.#resolve(this.#streamed)
    return false
  }

  onPiece(piece: Uint8Array): void {
    if (this.#streamed !== null) this.#streamed.push(piece)
    else if (this.#pieces === null) this.#pieces = [piece]
    else this.#pieces.push(piece)
  }

  onEnd(): void {
    this.#done()
    if (this.#streamed !== null) this.#streamed.end(null)
    else if (this.#first !== null) {
      this.#answer(new HttpResponse(this.#first, this.#owner.maxBody, Buffer.concat(this.#pieces ?? [])))
    }
  }

  onFailed({ error, text, detail, mayHaveExecuted }: FailedRecord): void {
    this.fail(this.error(errorCode(error) ?? 'ERR_SYSTEM', text, mayHaveExecuted, detail))
  }

  fail(error: HttpError): void {
    this.#done()
    this.#reject(error)
    this.#streamed?.end(error)
  }

  error(code: string, text: string, mayHaveExecuted: boolean, detail = 0, cause?: unknown): HttpError {
    const aborted = code === 'ERR_ABORTED' && this.#signal?.aborted === true
    const query = this.#target.indexOf('?')
    return new HttpError(code, aborted ? 'aborted by its signal' : text, {
      origin: this.#owner.origin,
      method: this.#method,
      path: query < 0 ? this.#target : this.#target.slice(0, query),
      mayHaveExecuted,
      elapsedMs: performance.now() - this.#started,
      detail,
      cause: aborted ? this.#signal?.reason : cause,
    })
  }

  #answer(response: HttpResponse): void {
    this.#owner.answered?.(this.#target, response)
    this.#resolve(response)
  }

  #done(): void {
    if (this.#onAbort !== null) this.#signal?.removeEventListener('abort', this.#onAbort)
  }
}
