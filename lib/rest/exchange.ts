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
  id = -1
  readonly promise: Promise<HttpResponse | StreamedResponse>
  readonly #owner: ExchangeOwner
  readonly #method: string
  readonly #path: string
  readonly #target: string
  readonly #signal: AbortSignal | undefined
  readonly #started = performance.now()
  #resolve!: (response: HttpResponse | StreamedResponse) => void
  #reject!: (error: Error) => void
  #first: ResponseRecord | null = null
  #pieces: Uint8Array[] = []
  #streamed: StreamedResponse | null = null

  constructor(owner: ExchangeOwner, method: string, target: string, signal: AbortSignal | undefined) {
    this.#owner = owner
    this.#method = method
    this.#target = target
    const query = target.indexOf('?')
    this.#path = query < 0 ? target : target.slice(0, query)
    this.#signal = signal
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  readonly #onAbort = (): void => {
    if (this.id >= 0) this.#owner.cancel(this.id)
  }

  /** True when that was all of it. */
  onResponse(record: ResponseRecord): boolean {
    if (!record.piecesFollow) {
      this.#done()
      this.#answer(new HttpResponse(record.head, record.body, this.#owner.maxBody))
      return true
    }
    this.#first = record
    if (record.oneBody) return false
    const source: BodySource = {
      hold: (on) => this.#owner.hold(this.id, on),
      cancel: () => this.#owner.cancel(this.id),
    }
    try {
      this.#streamed = new StreamedResponse(record.head, source)
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
    else this.#pieces.push(piece)
  }

  onEnd(): void {
    this.#done()
    if (this.#streamed !== null) this.#streamed.end(null)
    else if (this.#first !== null) {
      this.#answer(new HttpResponse(this.#first.head, Buffer.concat(this.#pieces), this.#owner.maxBody))
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

  error(code: string, text: string, mayHaveExecuted: boolean, detail = 0): HttpError {
    const aborted = code === 'ERR_ABORTED' && this.#signal?.aborted === true
    return new HttpError(code, aborted ? 'aborted by its signal' : text, {
      origin: this.#owner.origin,
      method: this.#method,
      path: this.#path,
      mayHaveExecuted,
      elapsedMs: performance.now() - this.#started,
      detail,
      cause: aborted ? this.#signal?.reason : undefined,
    })
  }

  #answer(response: HttpResponse): void {
    this.#owner.answered?.(this.#target, response)
    this.#resolve(response)
  }

  #done(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }
}
