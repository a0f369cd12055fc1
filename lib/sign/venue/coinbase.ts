import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'
import type { Auth, AuthClock, RequestDraft } from '../auth.js'
import { es256Jwt, type JwtSigner } from '../es256-jwt.js'
import type { PrivateKey } from '../key-signer.js'

/** Options of {@link CoinbaseAuth}. */
export interface CoinbaseAuthOptions {
  /** `organizations/…/apiKeys/…`. */
  readonly keyName: string
  /** EC key on P-256, in PEM. */
  readonly privateKey: PrivateKey
  /** For tests. Default: random. */
  readonly nonce?: (() => string) | undefined
}

const schema = z.strictObject({
  keyName: z.string().min(1).max(512),
  privateKey: z.custom<PrivateKey>((value) => value !== undefined && value !== null, 'must be a private key in PEM'),
  nonce: z.custom<() => string>((value) => typeof value === 'function', 'must be a function').optional(),
})

/** Seconds for which a token is valid: the venue takes no more. */
const lifetime = 120

/** Signs for Coinbase Advanced Trade: a token for each request, REST and WebSocket. */
export class CoinbaseAuth implements Auth {
  readonly name = 'coinbase'
  readonly secretHeaders: readonly string[] = Object.freeze(['authorization'])
  readonly secretParams: readonly string[] = Object.freeze([])
  readonly #keyName: string
  readonly #jwt: JwtSigner

  /** @throws ConfigError naming every field that is wrong. SignError `ERR_SIGN_KEY`. */
  constructor(options: CoinbaseAuthOptions) {
    const { keyName, privateKey, nonce } = parseConfig('Coinbase key', schema, options)
    this.#keyName = keyName
    this.#jwt = es256Jwt({ key: privateKey, keyId: keyName, nonce })
  }

  sign(draft: RequestDraft, clock: AuthClock): void {
    draft.setHeader('Authorization', `Bearer ${this.token(clock, `${draft.method} ${draft.host}${draft.path}`)}`)
  }

  /** A token; `uri` (`GET host/path`) for REST, none for messages of the WebSocket. */
  token(clock: AuthClock, uri?: string): string {
    const now = Math.floor(clock.timestamp() / 1_000)
    const claims = { sub: this.#keyName, iss: 'cdp', nbf: now, exp: now + lifetime }
    return this.#jwt.token(uri === undefined ? claims : { ...claims, uri })
  }
}
