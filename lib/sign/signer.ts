/** How a signature is written. */
export type SignatureEncoding = 'hex' | 'base64' | 'base64url'

/** Signs text (as UTF-8) or bytes with a key that was prepared once. Shows nothing of the key. */
export interface Signer {
  readonly algorithm: string
  /** @throws SignError `ERR_SIGN_FAILED` */
  sign(data: string | Uint8Array): string
}
