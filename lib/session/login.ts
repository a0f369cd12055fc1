import type { Outcome } from '../policy/retry/outcome.js'
import type { SessionAnswer } from './protocol.js'

/** What becomes of a login. */
export interface LoginSink {
  done(): void
  /** `retryMs` NaN: the venue refuses it for good. */
  failed(answer: SessionAnswer | null, text: string, retryMs: number): void
  /** It was not answered: the connection is of no use. */
  unanswered(): void
  outcome(answer: SessionAnswer): Outcome
}

/** Between two tries on one connection, in milliseconds: venues shut out who hammers at the door. */
const firstPause = 1_000
const longestPause = 30_000

/** The login of one connection: until it is done, the connection is lost, or the venue refuses it for good. */
export class Login {
  readonly #prefix: string
  readonly #timeoutMs: number
  readonly #send: (id: string) => string | null
  readonly #sink: LoginSink
  #timer: NodeJS.Timeout | undefined
  #tries = 0
  /** Of the try under way; null: none is. */
  #id: string | null = null
  #text = ''

  /** @param send sends the login under an id; null: the venue wants none. */
  constructor(prefix: string, timeoutMs: number, send: (id: string) => string | null, sink: LoginSink) {
    this.#prefix = prefix
    this.#timeoutMs = timeoutMs
    this.#send = send
    this.#sink = sink
  }

  start(): void {
    const id = `${this.#prefix}${this.#tries++}`
    let text: string | null
    try {
      text = this.#send(id)
    } catch {
      // The connection is gone; whoever owns it hears of that.
      return
    }
    if (text === null) {
      this.#sink.done()
      return
    }
    this.#id = id
    this.#text = text
    this.#timer = setTimeout(() => {
      this.#id = null
      this.#sink.failed(null, this.#text, 0)
      this.#sink.unanswered()
    }, this.#timeoutMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#id = null
  }

  /** Whether it was the answer to the login. */
  onAnswer(answer: SessionAnswer): boolean {
    if (this.#id === null || (answer.id !== null && answer.id !== this.#id)) return false
    this.stop()
    const outcome = this.#sink.outcome(answer)
    if (outcome.kind === 'done') {
      this.#sink.done()
      return true
    }
    if (outcome.kind === 'fatal' || outcome.kind === 'duplicate') {
      this.#sink.failed(answer, this.#text, Number.NaN)
      return true
    }
    const wanted = 'forMs' in outcome && outcome.forMs > 0 ? outcome.forMs : 0
    const pause = Math.min(longestPause, firstPause * 2 ** Math.min(10, this.#tries - 1))
    const retryMs = Math.max(wanted, pause)
    this.#sink.failed(answer, this.#text, retryMs)
    this.#timer = setTimeout(() => this.start(), retryMs)
    return true
  }
}
