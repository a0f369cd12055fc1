/** Tokens: https://docs.cdp.coinbase.com/coinbase-app/authentication-authorization/api-key-authentication */

import { verify } from 'node:crypto'
import type { DialectContext, MockRequest } from '../dialect.js'
import type { Account } from '../engine/account.js'
import { parseObject } from '../server/json.js'

/** The account that a token is of; null when it is not right. @param uri what a request asks for; null: a socket. */
export function accountOf(context: DialectContext, token: unknown, uri: string | null): Account | null {
  const [head = '', claims = '', signature = ''] = typeof token === 'string' ? token.split('.') : []
  const { alg, kid } = decoded(head)
  const account = alg === 'ES256' && typeof kid === 'string' ? context.account(kid) : undefined
  const publicKey = account?.credentials.publicKey
  if (account === undefined || publicKey?.asymmetricKeyType !== 'ec') return null
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' as const }
  if (!verify('sha256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url'))) return null
  const { sub, iss, nbf, exp, uri: asked } = decoded(claims)
  const seconds = context.now() / 1_000
  const inTime =
    typeof nbf === 'number' && typeof exp === 'number' && nbf <= seconds + 5 && exp > seconds && exp - nbf <= 120
  return sub === kid && iss === 'cdp' && inTime && (uri === null || asked === uri) ? account : null
}

export function accountOfRequest(context: DialectContext, { method, path, headers }: MockRequest): Account | null {
  const [scheme, token] = String(headers.authorization).split(' ')
  return scheme === 'Bearer' ? accountOf(context, token, `${method} ${headers.host}${path}`) : null
}

function decoded(part: string): Readonly<Record<string, unknown>> {
  return parseObject(Buffer.from(part, 'base64url').toString('utf8')) ?? {}
}
