import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { parseConfig } from '../runtime/config.js'
import { SignError } from './errors.js'
import { type PrivateKey, PrivateKeySigner, readPrivateKey } from './key-signer.js'
import type { Secret } from './secret.js'
import type { Signer } from './signer.js'

/** Options of {@link es256Jwt}. */
export interface Es256JwtOptions {
  /** EC key on P-256, in PEM. */
  readonly key: PrivateKey
  readonly passphrase?: Secret | string | undefined
  /** Name of the key: header `kid`. */
  readonly keyId: string
  /** 16 bytes or so for the header `nonce`, in hex. Default: random. */
  readonly nonce?: (() => string) | undefined
}

/** Claims of a token: registered ones (RFC 7519) and others. */
export type JwtClaims = Readonly<Record<string, string | number | boolean>>

/** Makes tokens. */
export interface JwtSigner {
  readonly algorithm: string
  token(claims: JwtClaims): string
}

const text = z.custom<PrivateKey>((value) => value !== undefined && value !== null, 'must be a private key in PEM')
const schema = z.strictObject({
  key: text,
  passphrase: z.custom<Secret | string>().optional(),
  keyId: z.string().min(1).max(512),
  nonce: z.custom<() => string>((value) => typeof value === 'function', 'must be a function').optional(),
})

/**
 * JSON Web Tokens (RFC 7519) signed with ECDSA on P-256 and SHA-256 (RFC 7518 section 3.4).
 * @throws ConfigError for wrong options. SignError `ERR_SIGN_KEY` for another kind of key.
 */
export function es256Jwt(options: Es256JwtOptions): JwtSigner {
  const { key, passphrase, keyId, nonce = randomNonce } = parseConfig('ES256 signer', schema, options)
  const object = readPrivateKey(key, passphrase, 'ec')
  if (object.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new SignError('ERR_SIGN_KEY', 'the private key is not on the curve P-256')
  }
  const input = { key: object, dsaEncoding: 'ieee-p1363' } as const
  const signer: Signer = new PrivateKeySigner('es256', 'sha256', input, 'base64url')
  return Object.freeze({
    algorithm: 'es256',
    token: (claims: JwtClaims): string => {
      const header = encoded({ alg: 'ES256', typ: 'JWT', kid: keyId, nonce: nonce() })
      const signed = `${header}.${encoded(claims)}`
      return `${signed}.${signer.sign(signed)}`
    },
  })
}

function encoded(value: JwtClaims): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function randomNonce(): string {
  return randomBytes(16).toString('hex')
}
