/** Who trades at the exchanges of tests: the same account everywhere. */
import { generateKeyPairSync } from 'node:crypto'

export const key = 'name-of-the-key'
export const secret = Buffer.from('a secret of a test, not one of an account').toString('base64')
export const passphrase = 'pass-phrase-1'
export const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  type: 'sec1',
  format: 'pem',
}) as string

/** Another key of the same account at Binance. */
export const ed25519 = generateKeyPairSync('ed25519')
