/** Who asks: https://www.okx.com/docs-v5/en/#overview-rest-authentication, …#overview-websocket-login */

import type { DialectContext, MockRequest } from '../dialect.js'
import type { Account } from '../engine/account.js'
import { hmacIs } from '../signature.js'
import { Refused } from './refused.js'

/** For how long what was signed is valid. */
const validMs = 30_000
const base64 = { encoding: 'base64' } as const

/** @throws Refused */
export function checkRest(context: DialectContext, { method, path, query, body, headers }: MockRequest): Account {
  const header = (name: string): string => {
    const value = headers[`ok-access-${name}`]
    return typeof value === 'string' ? value : ''
  }
  if (header('key') === '') throw new Refused('50103', 'Request header "OK-ACCESS-KEY" cannot be empty.', 401)
  const account = context.account(header('key'))
  if (account === undefined) throw new Refused('50111', 'Invalid OK-ACCESS-KEY', 401)
  if (header('passphrase') !== account.credentials.passphrase)
    throw new Refused('50105', 'Request header "OK-ACCESS-PASSPHRASE" incorrect.', 401)
  const timestamp = header('timestamp')
  const at = Date.parse(timestamp)
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(timestamp) || Number.isNaN(at))
    throw new Refused('50112', 'Invalid OK-ACCESS-TIMESTAMP', 401)
  if (Math.abs(context.now() - at) > validMs) throw new Refused('50102', 'Timestamp request expired', 401)
  const text = timestamp + method + path + (query === '' ? '' : `?${query}`) + body
  if (!hmacIs(account, text, header('sign'), base64)) throw new Refused('50113', 'Invalid Sign', 401)
  return account
}

/** The argument of a socket's `login`. @throws Refused */
export function checkLogin(context: DialectContext, arg: unknown): Account {
  const { apiKey, passphrase, timestamp, sign } = (typeof arg === 'object' && arg !== null ? arg : {}) as Record<
    string,
    unknown
  >
  const account = typeof apiKey === 'string' ? context.account(apiKey) : undefined
  if (account === undefined) throw new Refused('60005', 'Invalid apiKey')
  if (passphrase !== account.credentials.passphrase) throw new Refused('60024', 'Wrong passphrase')
  const seconds = Number(timestamp)
  if (!Number.isFinite(seconds)) throw new Refused('60004', 'Invalid timestamp')
  if (Math.abs(context.now() - seconds * 1_000) > validMs) throw new Refused('60006', 'Timestamp request expired')
  if (typeof sign !== 'string' || !hmacIs(account, `${String(timestamp)}GET/users/self/verify`, sign, base64))
    throw new Refused('60007', 'Invalid sign')
  return account
}
