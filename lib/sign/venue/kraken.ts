import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'
import type { Auth, AuthClock, RequestDraft } from '../auth.js'
import { SignError } from '../errors.js'
import { type HmacSigner, hmacSigner } from '../hmac-signer.js'
import { Secret } from '../secret.js'

/** Options of {@link KrakenAuth}. */
export interface KrakenAuthOptions {
  readonly apiKey: string
  /** In base64, as the venue shows it. */
  readonly secret: Secret | string
  /**
   * Numbers that never fall, for this key. Default: the venue's time in microseconds, or one more than the last; several processes with one
   * key each need their own, or a wide enough nonce window at the venue.
   */
  readonly nonce?: (() => number) | undefined
}

const schema = z.strictObject({
  apiKey: z.string().min(1).max(256),
  secret: z.custom<Secret | string>((value) => value instanceof Secret || typeof value === 'string', 'must be text'),
  nonce: z.custom<() => number>((value) => typeof value === 'function', 'must be a function').optional(),
})

/** Signs for Kraken Spot's private endpoints, and challenges of Kraken Futures. */
export class KrakenAuth implements Auth {
  readonly name = 'kraken'
  readonly secretHeaders: readonly string[] = Object.freeze(['api-key', 'api-sign'])
  readonly secretParams: readonly string[] = Object.freeze([])
  readonly #apiKey: string
  readonly #signer: HmacSigner
  readonly #nonce: (() => number) | undefined
  #last = 0

  /** @throws ConfigError naming every field that is wrong. SignError `ERR_SIGN_KEY`. */
  constructor(options: KrakenAuthOptions) {
    const { apiKey, secret, nonce } = parseConfig('Kraken key', schema, options)
    this.#apiKey = apiKey
    // A Secret holds the bytes already; text is the base64 of them.
    const key = Secret.from(secret, 'base64')
    this.#signer = hmacSigner({ key, digest: 'sha512', encoding: 'base64' })
    this.#nonce = nonce
  }

  /** Puts a nonce into the body, which is a form or a JSON object. */
  sign(draft: RequestDraft, clock: AuthClock): void {
    const nonce = this.#next(clock)
    draft.body = withNonce(draft.body, nonce)
    draft.setHeader('API-Key', this.#apiKey)
    draft.setHeader('API-Sign', this.#signer.signDigestOf(draft.path, nonce + draft.body))
  }

  /** Answer to a challenge of Kraken Futures' WebSocket. */
  challenge(text: string): string {
    return this.#signer.signDigestOf('', text)
  }

  #next(clock: AuthClock): string {
    const next = this.#nonce === undefined ? Math.max(clock.timestamp() * 1_000, this.#last + 1) : this.#nonce()
    if (!Number.isSafeInteger(next)) throw new SignError('ERR_SIGN_VALUE', 'a nonce is no integer')
    this.#last = Math.max(this.#last, next)
    return String(next)
  }
}

function withNonce(body: string, nonce: string): string {
  if (body === '') return `nonce=${nonce}`
  if (!body.startsWith('{')) return `nonce=${nonce}&${body}`
  const rest = body.slice(1)
  return rest.trimStart().startsWith('}') ? `{"nonce":"${nonce}"${rest}` : `{"nonce":"${nonce}",${rest}`
}
