import { z } from 'zod'
import { parseConfig } from '../runtime/config.js'
import { type Auth, type AuthClock, type RequestDraft, withParam } from './auth.js'
import { hmacSigner } from './hmac-signer.js'
import { percentEncode } from './query.js'
import type { Secret } from './secret.js'
import type { SignatureEncoding } from './signer.js'

/** Where something is put. */
export type Placement = { readonly header: string } | { readonly query: string }

/** What a scheme may sign. */
export interface SignedParts {
  readonly method: string
  readonly host: string
  readonly path: string
  /** With the parameters that the scheme has added, without the signature. */
  readonly query: string
  readonly body: string
  /** As it is sent; `''` when the scheme has none. */
  readonly timestamp: string
  readonly recvWindow: string
  readonly apiKey: string
}

/** Options of {@link hmac}. */
export interface HmacAuthOptions {
  readonly secret: Secret | string | Uint8Array
  /** How a secret that is text stands for bytes. Default `'utf8'`. */
  readonly secretEncoding?: 'utf8' | 'base64' | 'hex' | undefined
  /** Default `'sha256'`. */
  readonly digest?: 'sha256' | 'sha384' | 'sha512' | undefined
  /** Default `'hex'`. */
  readonly encoding?: SignatureEncoding | undefined
  /** Name of the key. */
  readonly apiKey: string
  /** Where it goes. */
  readonly key: Placement
  /** Where the timestamp goes, and as what: Unix milliseconds, seconds, or ISO 8601. Default: none. */
  readonly timestamp?: (Placement & { readonly format?: 'ms' | 's' | 'iso' | undefined }) | undefined
  /** How long a request is valid, in milliseconds, 1…60,000, and where that goes. Default: none. */
  readonly recvWindow?: (Placement & { readonly ms: number }) | undefined
  /** Further headers: a passphrase, say. */
  readonly headers?: Readonly<Record<string, Secret | string>> | undefined
  /** What is signed. */
  readonly message: (parts: SignedParts) => string
  /** Where the signature goes. */
  readonly signature: Placement
}

const placement = z.union([z.strictObject({ header: z.string().min(1) }), z.strictObject({ query: z.string().min(1) })])
const format = z.enum(['ms', 's', 'iso']).optional()
const validity = z.number().min(1).max(60_000)

const schema = z.strictObject({
  secret: z.custom<Secret | string | Uint8Array>((value) => value !== undefined && value !== null, 'must be given'),
  secretEncoding: z.enum(['utf8', 'base64', 'hex']).default('utf8'),
  digest: z.enum(['sha256', 'sha384', 'sha512']).default('sha256'),
  encoding: z.enum(['hex', 'base64', 'base64url']).default('hex'),
  apiKey: z.string().min(1).max(1_024),
  key: placement,
  timestamp: z
    .union([
      z.strictObject({ header: z.string().min(1), format }),
      z.strictObject({ query: z.string().min(1), format }),
    ])
    .optional(),
  recvWindow: z
    .union([
      z.strictObject({ header: z.string().min(1), ms: validity }),
      z.strictObject({ query: z.string().min(1), ms: validity }),
    ])
    .optional(),
  headers: z.record(z.string(), z.custom<Secret | string>()).default({}),
  message: z.custom<(parts: SignedParts) => string>((value) => typeof value === 'function', 'must be a function'),
  signature: placement,
})

/**
 * A scheme that signs with HMAC, put together: what is signed, how, and where everything goes.
 * @throws ConfigError naming every field that is wrong. SignError `ERR_SIGN_KEY`.
 */
export function hmac(options: HmacAuthOptions): Auth {
  const { secret, secretEncoding, digest, encoding, apiKey, key, timestamp, recvWindow, headers, message, signature } =
    parseConfig('HMAC authentication', schema, options)
  const signer = hmacSigner({ key: secret, keyEncoding: secretEncoding, digest, encoding })
  const window = recvWindow === undefined ? '' : String(recvWindow.ms)
  const further = Object.entries(headers).map(
    ([name, value]) => [name, typeof value === 'string' ? value : value.reveal()] as const,
  )
  return Object.freeze({
    name: `hmac-${digest}`,
    secretHeaders: Object.freeze(
      [...headerNames(key, signature), ...further.map(([name]) => name)].map((name) => name.toLowerCase()),
    ),
    secretParams: Object.freeze(paramNames(key, signature)),
    recvWindow: recvWindow?.ms,
    sign: (draft: RequestDraft, clock: AuthClock): void => {
      const stamp = timestamp === undefined ? '' : stampOf(clock.timestamp(), timestamp.format)
      put(draft, key, apiKey)
      if (timestamp !== undefined) put(draft, timestamp, stamp)
      if (recvWindow !== undefined) put(draft, recvWindow, window)
      for (const [name, value] of further) draft.setHeader(name, value)
      const { method, host, path, query, body } = draft
      const text = message({ method, host, path, query, body, timestamp: stamp, recvWindow: window, apiKey })
      put(draft, signature, signer.sign(text))
    },
  })
}

function put(draft: RequestDraft, where: Placement, value: string): void {
  if ('header' in where) draft.setHeader(where.header, value)
  else draft.query = withParam(draft.query, `${where.query}=${percentEncode(value)}`)
}

function stampOf(ms: number, as: 'ms' | 's' | 'iso' | undefined): string {
  if (as === 'iso') return new Date(ms).toISOString()
  return as === 's' ? String(Math.floor(ms / 1_000)) : String(ms)
}

function headerNames(...places: readonly Placement[]): string[] {
  return places.flatMap((place) => ('header' in place ? [place.header] : []))
}

function paramNames(...places: readonly Placement[]): string[] {
  return places.flatMap((place) => ('query' in place ? [place.query] : []))
}
