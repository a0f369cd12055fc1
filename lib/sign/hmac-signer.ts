import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import type { NativeHmac } from '../native/addon.js'
import { AddonLoadError } from '../native/loader.js'
import { parseConfig } from '../runtime/config.js'
import { core } from '../runtime/core.js'
import { SignError } from './errors.js'
import { Secret, secretBytes } from './secret.js'
import type { SignatureEncoding, Signer } from './signer.js'

/** Hash functions of HMAC. */
export type HmacDigest = 'sha256' | 'sha384' | 'sha512'

/** Options of {@link hmacSigner}. */
export interface HmacSignerOptions {
  /** The key. Text is taken as `keyEncoding` says. */
  readonly key: Secret | string | Uint8Array
  /** How a key that is text stands for bytes. Default `'utf8'`. */
  readonly keyEncoding?: 'utf8' | 'base64' | 'hex' | undefined
  /** Default `'sha256'`. */
  readonly digest?: HmacDigest | undefined
  /** Default `'hex'`. */
  readonly encoding?: SignatureEncoding | undefined
  /**
   * Who computes: `'native'`, the core; `'node'`, node:crypto; `'auto'`, the core where it can be loaded. Both give the same. Default
   * `'auto'`.
   */
  readonly backend?: 'auto' | 'native' | 'node' | undefined
}

/** Signs with HMAC. */
export interface HmacSigner extends Signer {
  readonly backend: 'native' | 'node'
  /** Signs `prefix` followed by SHA-256 of `data`, as Kraken wants it. */
  signDigestOf(prefix: string | Uint8Array, data: string | Uint8Array): string
}

const isKey = (value: unknown): boolean =>
  value instanceof Secret || typeof value === 'string' || value instanceof Uint8Array

const schema = z.strictObject({
  key: z.custom<Secret | string | Uint8Array>(isKey, 'must be a Secret, text or bytes'),
  keyEncoding: z.enum(['utf8', 'base64', 'hex']).default('utf8'),
  digest: z.enum(['sha256', 'sha384', 'sha512']).default('sha256'),
  encoding: z.enum(['hex', 'base64', 'base64url']).default('hex'),
  backend: z.enum(['auto', 'native', 'node']).default('auto'),
})

/**
 * Prepares a key for HMAC.
 * @throws ConfigError for wrong options. SignError `ERR_SIGN_KEY` for a key that is not in its encoding. AddonLoadError for `'native'`
 * when there is no core.
 */
export function hmacSigner(options: HmacSignerOptions): HmacSigner {
  const { key, keyEncoding, digest, encoding, backend } = parseConfig('HMAC signer', schema, options)
  const secret = Secret.from(key, keyEncoding)
  if (backend !== 'node') {
    try {
      return new NativeSigner(digest, secret, encoding)
    } catch (error) {
      if (backend === 'native' || !(error instanceof AddonLoadError)) throw error
    }
  }
  return new NodeSigner(digest, secret, encoding)
}

/** The hash states after the key are kept in the core and copied for each signature. */
class NativeSigner implements HmacSigner {
  readonly backend = 'native'
  readonly algorithm: string
  readonly #native: NativeHmac

  constructor(digest: HmacDigest, secret: Secret, encoding: SignatureEncoding) {
    this.algorithm = `hmac-${digest}`
    this.#native = new (core().Hmac)(digest, secretBytes(secret), encoding)
  }

  sign(data: string | Uint8Array): string {
    return this.#native.sign(data)
  }

  signDigestOf(prefix: string | Uint8Array, data: string | Uint8Array): string {
    return this.#native.signDigestOf(prefix, data)
  }
}

class NodeSigner implements HmacSigner {
  readonly backend = 'node'
  readonly algorithm: string
  readonly #digest: HmacDigest
  readonly #key: KeyObject
  readonly #encoding: SignatureEncoding

  constructor(digest: HmacDigest, secret: Secret, encoding: SignatureEncoding) {
    this.algorithm = `hmac-${digest}`
    this.#digest = digest
    this.#key = createSecretKey(secretBytes(secret))
    this.#encoding = encoding
  }

  sign(data: string | Uint8Array): string {
    try {
      return createHmac(this.#digest, this.#key).update(data).digest(this.#encoding)
    } catch {
      throw new SignError('ERR_SIGN_FAILED', 'node:crypto failed')
    }
  }

  signDigestOf(prefix: string | Uint8Array, data: string | Uint8Array): string {
    try {
      const inner = hash('sha256', data, 'buffer')
      return createHmac(this.#digest, this.#key).update(prefix).update(inner).digest(this.#encoding)
    } catch {
      throw new SignError('ERR_SIGN_FAILED', 'node:crypto failed')
    }
  }
}
