import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'
import type { Auth, AuthClock, RequestDraft } from '../auth.js'
import { hmacSigner } from '../hmac-signer.js'
import { Secret } from '../secret.js'
import type { Signer } from '../signer.js'

/** Options of {@link OkxAuth}. */
export interface OkxAuthOptions {
  readonly apiKey: string
  readonly secret: Secret | string
  readonly passphrase: Secret | string
}

const text = z.custom<Secret | string>((value) => value instanceof Secret || typeof value === 'string', 'must be text')
const schema = z.strictObject({ apiKey: z.string().min(1).max(256), secret: text, passphrase: text })

/** Signs for OKX v5: REST and WebSocket. */
export class OkxAuth implements Auth {
  readonly name = 'okx'
  readonly secretHeaders: readonly string[] = Object.freeze(['ok-access-key', 'ok-access-sign', 'ok-access-passphrase'])
  readonly secretParams: readonly string[] = Object.freeze([])
  /** A request expires 30 seconds after its timestamp. https://www.okx.com/docs-v5/en/#overview-rest-authentication */
  readonly recvWindow = 30_000
  readonly #apiKey: string
  readonly #passphrase: Secret
  readonly #signer: Signer

  /** @throws ConfigError naming every field that is wrong. SignError `ERR_SIGN_KEY`. */
  constructor(options: OkxAuthOptions) {
    const { apiKey, secret, passphrase } = parseConfig('OKX key', schema, options)
    this.#apiKey = apiKey
    this.#passphrase = Secret.from(passphrase)
    this.#signer = hmacSigner({ key: secret, encoding: 'base64' })
  }

  sign(draft: RequestDraft, clock: AuthClock): void {
    const timestamp = new Date(clock.timestamp()).toISOString()
    const target = draft.query === '' ? draft.path : `${draft.path}?${draft.query}`
    draft.setHeader('OK-ACCESS-KEY', this.#apiKey)
    draft.setHeader('OK-ACCESS-PASSPHRASE', this.#passphrase.reveal())
    draft.setHeader('OK-ACCESS-TIMESTAMP', timestamp)
    draft.setHeader('OK-ACCESS-SIGN', this.#signer.sign(timestamp + draft.method + target + draft.body))
  }

  /** Argument of the WebSocket's `login`. It holds the passphrase: not for logs. */
  login(clock: AuthClock): { apiKey: string; passphrase: string; timestamp: string; sign: string } {
    const timestamp = String(Math.floor(clock.timestamp() / 1_000))
    const sign = this.#signer.sign(`${timestamp}GET/users/self/verify`)
    return { apiKey: this.#apiKey, passphrase: this.#passphrase.reveal(), timestamp, sign }
  }
}
