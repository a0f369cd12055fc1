import { constants, createPrivateKey, sign as cryptoSign, type KeyObject, type SignKeyObjectInput } from 'node:crypto'
import { z } from 'zod'
import { parseConfig } from '../runtime/config.js'
import { SignError } from './errors.js'
import { Secret, secretBytes } from './secret.js'
import type { SignatureEncoding, Signer } from './signer.js'

/** A private key in PEM, as text, bytes or a secret. */
export type PrivateKey = Secret | string | Uint8Array

/** What signers with private keys have in common. */
export interface KeySignerOptions {
  readonly key: PrivateKey
  /** The key's passphrase. Default: none. */
  readonly passphrase?: Secret | string | undefined
  /** Default `'base64'`. */
  readonly encoding?: SignatureEncoding | undefined
}

/** Options of {@link rsaSigner}. */
export interface RsaSignerOptions extends KeySignerOptions {
  /** Default `'pkcs1'` (RSASSA-PKCS1-v1_5). */
  readonly padding?: 'pkcs1' | 'pss' | undefined
  /** Default `'sha256'`. */
  readonly digest?: 'sha256' | 'sha384' | 'sha512' | undefined
}

/** Signs with a private key. These take tens of microseconds (RSA: about a millisecond), so they may be left to another thread. */
export interface KeySigner extends Signer {
  /** As `sign`, on a thread of libuv's pool. */
  signAsync(data: string | Uint8Array): Promise<string>
}

const isText = (value: unknown): boolean => value instanceof Secret || typeof value === 'string'
const isKey = (value: unknown): boolean => isText(value) || value instanceof Uint8Array

const common = {
  key: z.custom<PrivateKey>(isKey, 'must be a private key in PEM: a Secret, text or bytes'),
  passphrase: z.custom<Secret | string>(isText, 'must be a Secret or text').optional(),
  encoding: z.enum(['hex', 'base64', 'base64url']).default('base64'),
}

const keySchema = z.strictObject(common)
const rsaSchema = z.strictObject({
  ...common,
  padding: z.enum(['pkcs1', 'pss']).default('pkcs1'),
  digest: z.enum(['sha256', 'sha384', 'sha512']).default('sha256'),
})

/**
 * Reads a private key of a certain type.
 * @throws SignError `ERR_SIGN_KEY`, without anything of the key.
 */
export function readPrivateKey(key: PrivateKey, passphrase: Secret | string | undefined, type: string): KeyObject {
  let object: KeyObject
  try {
    object = createPrivateKey({
      key: Buffer.from(secretBytes(Secret.from(key))),
      format: 'pem',
      ...(passphrase === undefined ? {} : { passphrase: Buffer.from(secretBytes(Secret.from(passphrase))) }),
    })
  } catch {
    throw new SignError('ERR_SIGN_KEY', 'the private key is no PEM, or its passphrase is wrong')
  }
  if (object.asymmetricKeyType !== type) throw new SignError('ERR_SIGN_KEY', `the private key is not of type ${type}`)
  return object
}

/** Signs with one private key, always in the same way. */
export class PrivateKeySigner implements KeySigner {
  readonly algorithm: string
  readonly #digest: string | null
  readonly #input: SignKeyObjectInput
  readonly #encoding: SignatureEncoding

  constructor(algorithm: string, digest: string | null, input: SignKeyObjectInput, encoding: SignatureEncoding) {
    this.algorithm = algorithm
    this.#digest = digest
    this.#input = input
    this.#encoding = encoding
  }

  sign(data: string | Uint8Array): string {
    try {
      return cryptoSign(this.#digest, bytesOf(data), this.#input).toString(this.#encoding)
    } catch {
      throw new SignError('ERR_SIGN_FAILED', 'node:crypto failed')
    }
  }

  signAsync(data: string | Uint8Array): Promise<string> {
    return new Promise((resolve, reject) => {
      cryptoSign(this.#digest, bytesOf(data), this.#input, (error, signature) => {
        if (error === null) resolve(signature.toString(this.#encoding))
        else reject(new SignError('ERR_SIGN_FAILED', 'node:crypto failed'))
      })
    })
  }
}

/**
 * Prepares an RSA key.
 * @throws ConfigError for wrong options. SignError `ERR_SIGN_KEY`.
 */
export function rsaSigner(options: RsaSignerOptions): KeySigner {
  const { key, passphrase, encoding, padding, digest } = parseConfig('RSA signer', rsaSchema, options)
  const object = readPrivateKey(key, passphrase, 'rsa')
  const input =
    padding === 'pss'
      ? { key: object, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : { key: object, padding: constants.RSA_PKCS1_PADDING }
  return new PrivateKeySigner(`rsa-${padding}-${digest}`, digest, input, encoding)
}

/**
 * Prepares an Ed25519 key.
 * @throws ConfigError for wrong options. SignError `ERR_SIGN_KEY`.
 */
export function ed25519Signer(options: KeySignerOptions): KeySigner {
  const { key, passphrase, encoding } = parseConfig('Ed25519 signer', keySchema, options)
  return new PrivateKeySigner('ed25519', null, { key: readPrivateKey(key, passphrase, 'ed25519') }, encoding)
}

function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data) : data
}
