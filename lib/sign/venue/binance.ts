import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'
import { type Auth, type AuthClock, type RequestDraft, withParam } from '../auth.js'
import { hmacSigner } from '../hmac-signer.js'
import { ed25519Signer, type PrivateKey, rsaSigner } from '../key-signer.js'
import { percentEncode, type QueryParams, sortedPlainQuery } from '../query.js'
import type { Secret } from '../secret.js'
import type { Signer } from '../signer.js'

/** Options of {@link BinanceAuth}: the name of the key, and one of the three kinds of key that there are. */
export interface BinanceAuthOptions {
  readonly apiKey: string
  /** HMAC-SHA256. */
  readonly secret?: Secret | string | undefined
  /** RSA or Ed25519, in PEM; `keyType` says which. */
  readonly privateKey?: PrivateKey | undefined
  /** Default `'ed25519'`. */
  readonly keyType?: 'ed25519' | 'rsa' | undefined
  readonly passphrase?: Secret | string | undefined
  /** Milliseconds for which a request is valid, 1…60,000. Default 5,000. */
  readonly recvWindow?: number | undefined
}

const schema = z
  .strictObject({
    apiKey: z.string().min(1).max(256),
    secret: z.custom<Secret | string>().optional(),
    privateKey: z.custom<PrivateKey>().optional(),
    keyType: z.enum(['ed25519', 'rsa']).default('ed25519'),
    passphrase: z.custom<Secret | string>().optional(),
    recvWindow: z.number().min(1).max(60_000).default(5_000),
  })
  .refine(({ secret, privateKey }) => (secret === undefined) !== (privateKey === undefined), {
    path: ['secret'],
    message: 'give either `secret` or `privateKey`',
  })

/** Signs for Binance Spot: REST, WebSocket API and FIX. */
export class BinanceAuth implements Auth {
  readonly name = 'binance'
  readonly secretHeaders: readonly string[] = Object.freeze(['x-mbx-apikey'])
  readonly secretParams: readonly string[] = Object.freeze(['signature', 'apiKey'])
  readonly recvWindow: number
  readonly #apiKey: string
  readonly #signer: Signer

  /** @throws ConfigError naming every field that is wrong. SignError `ERR_SIGN_KEY`. */
  constructor(options: BinanceAuthOptions) {
    const { apiKey, secret, privateKey, keyType, passphrase, recvWindow } = parseConfig('Binance key', schema, options)
    this.#apiKey = apiKey
    this.recvWindow = recvWindow
    if (secret !== undefined) this.#signer = hmacSigner({ key: secret })
    else {
      const key = { key: privateKey as PrivateKey, passphrase }
      this.#signer = keyType === 'rsa' ? rsaSigner(key) : ed25519Signer(key)
    }
  }

  sign(draft: RequestDraft, clock: AuthClock): void {
    draft.setHeader('X-MBX-APIKEY', this.#apiKey)
    const query = withParam(draft.query, `recvWindow=${this.recvWindow}&timestamp=${clock.timestamp()}`)
    draft.query = `${query}&signature=${percentEncode(this.#signer.sign(query + draft.body))}`
  }

  /** Parameters of a request over the WebSocket API, completed and signed. */
  params(params: QueryParams, clock: AuthClock): QueryParams {
    const complete = { ...params, apiKey: this.#apiKey, recvWindow: this.recvWindow, timestamp: clock.timestamp() }
    return { ...complete, signature: this.#signer.sign(sortedPlainQuery(complete)) }
  }

  /** `RawData` of a FIX Logon. Only Ed25519 keys are taken there. */
  fixLogon(senderCompId: string, targetCompId: string, msgSeqNum: number, sendingTime: string): string {
    return this.#signer.sign(['A', senderCompId, targetCompId, String(msgSeqNum), sendingTime].join('\u0001'))
  }
}
