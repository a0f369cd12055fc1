/** Error classes. Every error that tickwire throws, rejects with or emits is a {@link TickwireError} with a stable `code`. */

/** Base class of all errors of this package. Branch on `code`; messages are for people and may change. */
export class TickwireError extends Error {
  /** Stable name of the failure. */
  readonly code: string

  constructor(code: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
  }

  override get name(): string {
    return this.constructor.name
  }
}

/** One fault of a configuration. */
export interface ConfigIssue {
  /** Where it stands, from the outermost option inwards: `['heartbeat', 'ping']`. */
  readonly path: readonly (string | number)[]
  /** What is wrong, without the offending value (which may be a secret). */
  readonly message: string
}

/** Wrong options; thrown where they are given, before anything is opened. `code` is `ERR_TICKWIRE_CONFIG`. */
export class ConfigError extends TickwireError {
  /** All faults that were found, at least one. */
  readonly issues: readonly ConfigIssue[]

  /** @param subject what was being configured, as it shall appear in the message. */
  constructor(subject: string, issues: readonly ConfigIssue[]) {
    const lines = issues.map((issue) => `  ${formatPath(issue.path)}${issue.message}`)
    super('ERR_TICKWIRE_CONFIG', `Invalid ${subject}:\n${lines.join('\n')}`)
    this.issues = issues
  }
}

/** The part of a connection's life in which a failure arose. */
export type FeedPhase = 'dns' | 'connect' | 'proxy' | 'tls' | 'handshake' | 'session' | 'policy' | 'user' | 'core'

/** What a {@link FeedError} tells besides its message. */
export interface FeedErrorDetails {
  /** See {@link FeedError.detail}. */
  readonly detail?: number | undefined
  /** `name` of the feed. */
  readonly feed: string
  /** Attempts to connect since the last connection that carried data. */
  readonly attempt?: number | undefined
  readonly cause?: unknown
}

/**
 * A failure of a feed. `code` is the core's stable name for it: `ECONNREFUSED`, `ECONNRESET`, `EPIPE`, `ETIMEDOUT`, `ERR_DNS`,
 * `ERR_TLS_HOSTNAME`, `ERR_HANDSHAKE_STATUS`, `ERR_WS_CLOSED`, `ERR_IDLE`, `ERR_RETRIES_EXHAUSTED`, `ERR_ABORTED`, ….
 */
export class FeedError extends TickwireError {
  /**
   * Number that belongs to the code: errno for system errors, the HTTP status for `ERR_HANDSHAKE_STATUS` and
   * `ERR_PROXY_STATUS`, the close code for `ERR_WS_*`, the verification result for `ERR_TLS_*`; 0 when there is none.
   */
  readonly detail: number
  readonly phase: FeedPhase
  /** `name` of the feed. */
  readonly feed: string
  /** Attempts to connect since the last connection that carried data. */
  readonly attempt: number

  constructor(code: string, message: string, details: FeedErrorDetails) {
    const text = message === '' ? code : `${code}: ${message}`
    super(code, `${details.feed}: ${text}`, details.cause === undefined ? undefined : { cause: details.cause })
    this.detail = details.detail ?? 0
    this.phase = phaseOf(code)
    this.feed = details.feed
    this.attempt = details.attempt ?? 0
  }
}

const phases: Readonly<Record<string, FeedPhase>> = {
  ERR_DNS: 'dns',
  ECONNREFUSED: 'connect',
  EHOSTUNREACH: 'connect',
  ENETUNREACH: 'connect',
  EADDRNOTAVAIL: 'connect',
  EMFILE: 'connect',
  ERR_CONNECT_TIMEOUT: 'connect',
  ECONNRESET: 'session',
  EPIPE: 'session',
  ETIMEDOUT: 'session',
  ERR_EOF: 'session',
  ERR_IDLE: 'session',
  ERR_PONG_TIMEOUT: 'session',
  ERR_RETRIES_EXHAUSTED: 'policy',
  ERR_ABORTED: 'user',
  ERR_WS_CLOSED_BY_USER: 'user',
  ERR_NOT_OPEN: 'user',
  ERR_SEND_QUEUE_FULL: 'user',
  ERR_INVALID_URL: 'user',
}

function phaseOf(code: string): FeedPhase {
  const known = phases[code]
  if (known !== undefined) return known
  if (code.startsWith('ERR_TLS_')) return 'tls'
  if (code.startsWith('ERR_HANDSHAKE_')) return 'handshake'
  if (code.startsWith('ERR_PROXY_')) return 'proxy'
  if (code.startsWith('ERR_WS_')) return 'session'
  return 'core'
}

function formatPath(path: readonly (string | number)[]): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[A-Za-z_$][\w$]*$/.test(step)) text += text === '' ? step : `.${step}`
    else text += `[${JSON.stringify(step)}]`
  }
  return text === '' ? '' : `${text}: `
}
