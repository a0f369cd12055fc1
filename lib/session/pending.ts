import type { Grant } from '../policy/limit/grant.js'
import type { Route } from '../policy/limit/route.js'
import type { SessionResponse } from './request-session.js'

/** Gives a request up. */
type GiveUp = (code: string, message: string, cause?: unknown) => void

/** A request that has been sent and not answered yet. */
export class Pending {
  readonly method: string
  readonly route: Route
  readonly grant: Grant
  /** As it was sent: holds secrets, kept to take them out of what the venue says. */
  readonly text: string
  readonly started: number
  readonly sentAt = performance.now()
  readonly epoch: number
  readonly promise: Promise<SessionResponse>
  #resolve!: (response: SessionResponse) => void
  #reject!: (error: Error) => void
  #timer: NodeJS.Timeout | undefined
  #signal: AbortSignal | undefined
  #onAbort: () => void = () => {}

  constructor(parts: {
    readonly method: string
    readonly route: Route
    readonly grant: Grant
    readonly text: string
    readonly started: number
    readonly epoch: number
  }) {
    this.method = parts.method
    this.route = parts.route
    this.grant = parts.grant
    this.text = parts.text
    this.started = parts.started
    this.epoch = parts.epoch
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Gives up after so many milliseconds, and when the signal is aborted. */
  watch(timeoutMs: number, signal: AbortSignal | undefined, giveUp: GiveUp): void {
    this.#timer = setTimeout(() => giveUp('ERR_SESSION_TIMEOUT', 'it was not answered in time'), timeoutMs)
    if (signal === undefined) return
    this.#signal = signal
    this.#onAbort = () => giveUp('ERR_ABORTED', 'aborted by its signal', signal.reason)
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  resolve(response: SessionResponse): void {
    this.#release()
    this.#resolve(response)
  }

  reject(error: Error): void {
    this.#release()
    this.#reject(error)
  }

  #release(): void {
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }
}

/** Arguments of logins have no names: texts as long as this are taken for secrets. */
const shortestUnnamed = 8

/** The values of secret fields in a message that was sent; without names, all longer texts of its `args`. */
export function secretsIn(text: string, fields: readonly string[]): string[] {
  const secrets: string[] = []
  try {
    collect(JSON.parse(text), fields, false, secrets)
  } catch {
    // Not JSON: nothing is known of its parts, so all of it counts.
    secrets.push(text)
  }
  return secrets
}

function collect(value: unknown, fields: readonly string[], inArgs: boolean, into: string[]): void {
  if (typeof value === 'string') {
    if (inArgs && value.length >= shortestUnnamed) into.push(value)
  } else if (Array.isArray(value)) {
    for (const item of value) collect(item, fields, inArgs, into)
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      if (fields.includes(name) && typeof inner === 'string') into.push(inner)
      else
        collect(
          inner,
          fields,
          name === 'args' && Array.isArray(inner) && inner.every((x) => typeof x !== 'object'),
          into,
        )
    }
  }
}
