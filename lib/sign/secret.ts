import { inspect } from 'node:util'
import { SignError } from './errors.js'

/** What is shown in place of a secret. */
const shown = '[secret]'

/** A secret's bytes. For signers: not part of the public surface. */
export let secretBytes: (secret: Secret) => Uint8Array

/**
 * A key, passphrase or token that shows itself to nobody: not in text, JSON, `inspect`, errors or copies. Signers take it as it is.
 */
export class Secret {
  #bytes: Uint8Array

  static {
    secretBytes = (secret) => secret.#bytes
  }

  /**
   * @param value text or bytes; they are copied.
   * @param encoding how text stands for bytes: as UTF-8 (the default), or as base64 or hex of them.
   * @throws SignError `ERR_SIGN_KEY` when the value is empty, or the text not in the encoding.
   */
  constructor(value: string | Uint8Array, encoding: 'utf8' | 'base64' | 'hex' = 'utf8') {
    this.#bytes = typeof value === 'string' ? decode(value, encoding) : Uint8Array.from(value)
    if (this.#bytes.length === 0) throw new SignError('ERR_SIGN_KEY', 'a secret must not be empty')
  }

  /** What is given, as a secret. */
  static from(value: Secret | string | Uint8Array, encoding: 'utf8' | 'base64' | 'hex' = 'utf8'): Secret {
    return value instanceof Secret ? value : new Secret(value, encoding)
  }

  /** The secret itself, as UTF-8: for what has to be sent as it is. Whoever calls this is answerable for where it goes. */
  reveal(): string {
    return Buffer.from(this.#bytes).toString('utf8')
  }

  /** Overwrites the bytes kept here. Signers that were made of it go on. */
  [Symbol.dispose](): void {
    this.#bytes.fill(0)
  }

  toString(): string {
    return shown
  }

  toJSON(): string {
    return shown
  }

  [Symbol.toPrimitive](): string {
    return shown
  }

  [inspect.custom](): string {
    return shown
  }
}

function decode(text: string, encoding: 'utf8' | 'base64' | 'hex'): Uint8Array {
  if (encoding === 'hex' && !/^([0-9a-f]{2})*$/i.test(text)) throw new SignError('ERR_SIGN_KEY', 'a secret is not hex')
  if (encoding === 'base64' && !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    throw new SignError('ERR_SIGN_KEY', 'a secret is not base64')
  }
  return Uint8Array.from(Buffer.from(text, encoding))
}
