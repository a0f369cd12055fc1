import { type NativeAuthorizeAnswer, SlowPolicies } from '../native/hub-layout.js'
import { TickwireError } from '../runtime/errors.js'
import type { SlowPolicy } from './options.js'
import type { HubRecord } from './records.js'

const notAllowed = 403
/** The user's function failed: not the client's fault. */
const unavailable = 503

/** A connection that asks to come in. */
export interface AuthorizeRequest {
  readonly protocol: 'ws' | 'tcp'
  /** Over TLS. */
  readonly secure: boolean
  /** The client's, numeric. */
  readonly address: string
  readonly port: number
  /** Path of the request, as it was sent; '' over TCP, as the next four. */
  readonly path: string
  readonly query: URLSearchParams
  /** By name in lower case; several of one name are joined by ', '. */
  readonly headers: Readonly<Record<string, string>>
  /** '' when there is none: no browser. */
  readonly origin: string
  /** Agreed subprotocol: `'tickwire.v1'` or ''. */
  readonly subprotocol: string
  /** `Authorization: Bearer …`, else `?token=`, else that of Hello; '' when there is none. */
  readonly token: string
  /** The client's name for itself; '' over WebSocket. */
  readonly name: string
  /** Subject of its verified certificate (RFC 2253); '' without one. */
  readonly tlsSubject: string
  /** What it subscribes to by its address: names, or `['*']`. */
  readonly topics: readonly string[]
  /** And the keys that it wants of these; empty: all. */
  readonly keys: readonly string[]
}

/** What a client that may come in may do. */
export interface Admission {
  /** False: it may not. Default true. */
  readonly allow?: boolean | undefined
  /** HTTP status of the refusal, 400…599. Default 403. */
  readonly status?: number | undefined
  /** Subscriptions in place of those that it asked for; `['*']`: all topics. */
  readonly topics?: readonly string[] | undefined
  /** Likewise keys. */
  readonly keys?: readonly string[] | undefined
  /** What it may subscribe to: names, and prefixes that end in `*`. Default: everything. */
  readonly access?: readonly string[] | undefined
  /** Slow policy in place of the hub's. */
  readonly slow?: SlowPolicy | undefined
  /** Becomes `subscriber.data`. */
  readonly data?: unknown
}

/** True: to everything. False: 403. A number: that HTTP status. */
export type AuthorizeResult = boolean | number | Admission

/** Reads the record of a request. */
export function authorizeRequest({ numbers, texts }: HubRecord): AuthorizeRequest {
  const text = (i: number): string => texts[i]?.toString() ?? ''
  const fixedTexts = 9
  const topicCount = numbers[5] ?? 0
  const names = texts.slice(fixedTexts).map((bytes) => bytes.toString())
  let query: URLSearchParams | undefined
  let headers: Readonly<Record<string, string>> | undefined
  return {
    protocol: numbers[1] === 1 ? 'tcp' : 'ws',
    secure: numbers[2] === 1,
    address: text(0),
    port: numbers[3] ?? 0,
    path: text(1),
    get query() {
      query ??= new URLSearchParams(text(2))
      return query
    },
    get headers() {
      headers ??= parseHeaders(texts[3]?.toString('latin1') ?? '')
      return headers
    },
    origin: text(4),
    subprotocol: text(5),
    token: text(6),
    name: text(7),
    tlsSubject: text(8),
    topics: numbers[4] === 1 ? ['*'] : names.slice(0, topicCount),
    keys: names.slice(topicCount),
  }
}

/** The core has checked the lines. Without a prototype: names are the client's choice. */
function parseHeaders(lines: string): Readonly<Record<string, string>> {
  const headers: Record<string, string> = Object.create(null)
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon < 0) continue
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    const before = headers[name]
    headers[name] = before === undefined ? value : `${before}, ${value}`
  }
  return headers
}

const refusal = (status: number): NativeAuthorizeAnswer => ({
  allowed: false,
  status,
  topics: null,
  keys: null,
  access: null,
  slow: -1,
})

/** For a function that threw. */
export const failedAnswer = refusal(unavailable)

const texts = (value: unknown): boolean => Array.isArray(value) && value.every((each) => typeof each === 'string')

/**
 * What the core is told.
 * @throws TickwireError `ERR_HUB_AUTHORIZE` when the function's answer makes no sense.
 */
export function nativeAnswer(result: AuthorizeResult): NativeAuthorizeAnswer {
  if (result === false) return refusal(notAllowed)
  if (typeof result === 'number') return refusal(status(result))
  const given: unknown = result === true ? {} : result
  if (typeof given !== 'object' || given === null) throw fault('must be a boolean, an HTTP status or an object')
  const { allow, status: code, topics, keys, access, slow } = given as Admission
  if (allow !== undefined && typeof allow !== 'boolean') throw fault('`allow` must be a boolean')
  if (allow === false) return refusal(status(code ?? notAllowed))
  for (const [name, value] of Object.entries({ topics, keys, access })) {
    if (value !== undefined && !texts(value)) throw fault(`\`${name}\` must be an array of strings`)
  }
  const policy = slow === undefined ? -1 : SlowPolicies.indexOf(slow)
  if (slow !== undefined && policy < 0) throw fault(`\`slow\` must be one of ${SlowPolicies.join(', ')}`)
  return {
    allowed: true,
    status: 0,
    topics: topics ?? null,
    keys: keys ?? null,
    access: access ?? null,
    slow: policy,
  }
}

function status(value: number): number {
  if (!Number.isInteger(value) || value < 400 || value > 599) throw fault('a status must be 400…599')
  return value
}

function fault(message: string): TickwireError {
  return new TickwireError('ERR_HUB_AUTHORIZE', `the answer of authorize(): ${message}`)
}
