import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'
import type { Auth, AuthClock, RequestDraft } from '../auth.js'
import { hmacSigner } from '../hmac-signer.js'
import { type PrivateKey, rsaSigner } from '../key-signer.js'
import type { Secret } from '../secret.js'
import type { Signer } from '../signer.js'

/** Options of {@link BybitAuth}: the name of the key, and a secret or an RSA key. */
export interface BybitAuthOptions {
  readonly apiKey: string
  /** HMAC-SHA256. */
  readonly secret?: Secret | string | undefined
  /** RSA, in PEM. */
  readonly privateKey?: PrivateKey | undefined
  readonly passphrase?: Secret | string | undefined
  /** Milliseconds for which a request is valid, 1…60,000. Default 5,000. */
  readonly recvWindow?: number | undefined
}

const schema = z
  .strictObject({
    apiKey: z.string().min(1).max(256),
    secret: z.custom<Secret | string>().optional(),
    privateKey: z.custom<PrivateKey>().optional(),
    passphrase: z.custom<Secret | string>().optional(),
    recvWindow: z.int().min(1).max(60_000).default(5_000),
  })
  .refine(({ secret, privateKey }) => (secret === undefined) !== (privateKey === undefined), {
    path: ['secret'],
    message: 'give either `secret` or `privateKey`',
  })

/** Signs for Bybit v5: REST and WebSocket. */
export class BybitAuth implements Auth {
  readonly name = 'bybit'
  readonly secretHeaders: readonly string[] = Object.freeze(['x-bapi-api-key', 'x-bapi-sign'])
  readonly secretParams: readonly string[] = Object.freeze([])
  readonly recvWindow: number
  readonly #apiKey: string
  readonly #signer: Signer

  /** @throws ConfigError naming every field that is wrong. SignError `ERR_SIGN_KEY`. */
  constructor(options: BybitAuthOptions) {
    const { apiKey, secret, privateKey, passphrase, recvWindow } = parseConfig('Bybit key', schema, options)
    this.#apiKey = apiKey
    this.recvWindow = recvWindow
    this.#signer =
      secret !== undefined ? hmacSigner({ key: secret }) : rsaSigner({ key: privateKey as PrivateKey, passphrase })
  }

  sign(draft: RequestDraft, clock: AuthClock): void {
    const timestamp = String(clock.timestamp())
    const window = String(this.recvWindow)
    const payload = draft.method === 'GET' ? draft.query : draft.body
    draft.setHeader('X-BAPI-API-KEY', this.#apiKey)
    draft.setHeader('X-BAPI-TIMESTAMP', timestamp)
    draft.setHeader('X-BAPI-RECV-WINDOW', window)
    draft.setHeader('X-BAPI-SIGN', this.#signer.sign(timestamp + this.#apiKey + window + payload))
  }

  /** Arguments of the WebSocket's `auth`, valid for `validMs` from now. Default 10,000. */
  login(clock: AuthClock, validMs = 10_000): readonly [apiKey: string, expires: number, signature: string] {
    const expires = clock.timestamp() + validMs
    return [this.#apiKey, expires, this.#signer.sign(`GET/realtime${expires}`)]
  }
}
