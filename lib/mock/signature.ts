/** Looking at signatures from the venue's side. */

import { createHmac, timingSafeEqual, verify } from 'node:crypto'
import type { Account } from './engine/account.js'

/** Whether `signature` is the account's HMAC of `text`. */
export function hmacIs(
  { credentials: { secret } }: Account,
  text: string,
  signature: string,
  { digest = 'sha256', encoding = 'hex' }: { readonly digest?: string; readonly encoding?: 'hex' | 'base64' } = {},
): boolean {
  if (secret === null) return false
  const expected = createHmac(digest, secret).update(text, 'utf8').digest()
  const given = Buffer.from(signature, encoding)
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/** Whether it is the HMAC-SHA512 of `data`, in base64. */
export function hmacDigestIs(secret: Uint8Array, data: Uint8Array, signature: string): boolean {
  const expected = createHmac('sha512', secret).update(data).digest()
  const given = Buffer.from(signature, 'base64')
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/** Whether it is right by whichever key the account has: HMAC in hex, Ed25519 or RSA (PKCS #1 v1.5 with SHA-256) in base64. */
export function signatureIs(account: Account, text: string, signature: string): boolean {
  const { publicKey } = account.credentials
  if (publicKey === null) return hmacIs(account, text, signature)
  const digest = publicKey.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  return verify(digest, Buffer.from(text, 'utf8'), publicKey, Buffer.from(signature, 'base64'))
}
