/** Who asks: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security */

import type { DialectContext, MockRequest } from '../dialect.js'
import type { Account } from '../engine/account.js'
import { signatureIs } from '../signature.js'
import { missing, Refused } from './refused.js'

export type Params = Readonly<Record<string, string>>

const wrongKey = (): Refused => new Refused(-2015, 'Invalid API-key, IP, or permissions for action.', 401)
const wrongSignature = (): Refused => new Refused(-1022, 'Signature for this request is not valid.')

/** The account of a key. @throws Refused */
export function accountOf(context: DialectContext, apiKey: string | undefined): Account {
  if (apiKey === undefined || apiKey === '') throw new Refused(-2014, 'API-key format invalid.', 401)
  const account = context.account(apiKey)
  if (account === undefined) throw wrongKey()
  return account
}

/** Whether it came in time. @throws Refused */
export function checkTime(params: Params, nowMs: number): void {
  const { timestamp, recvWindow = '5000' } = params
  if (timestamp === undefined || !/^\d{13,16}$/.test(timestamp)) throw missing('timestamp')
  if (!/^\d{1,5}(\.\d{1,3})?$/.test(recvWindow) || Number(recvWindow) > 60_000)
    throw new Refused(-1131, 'recvWindow must be less than 60000')
  // Sixteen digits are microseconds.
  const atMs = timestamp.length > 13 ? Number(timestamp) / 1_000 : Number(timestamp)
  if (atMs >= nowMs + 1_000)
    throw new Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
  if (nowMs - atMs > Number(recvWindow))
    throw new Refused(-1021, 'Timestamp for this request is outside of the recvWindow.')
}

/** Of REST: query and body as they were sent, without the signature. @throws Refused */
export function checkRest(context: DialectContext, request: MockRequest, params: Params): Account {
  const account = accountOf(context, request.headers['x-mbx-apikey'] as string | undefined)
  const { signature } = params
  if (signature === undefined || signature === '') throw missing('signature')
  const unsigned = (text: string): string =>
    text
      .split('&')
      .filter((pair) => !pair.startsWith('signature='))
      .join('&')
  if (!signatureIs(account, unsigned(request.query) + unsigned(request.body), signature)) throw wrongSignature()
  checkTime(params, context.now())
  return account
}

/** Of the WebSocket API: all parameters but the signature, sorted by name, not encoded. @throws Refused */
export function checkWs(context: DialectContext, params: Params): Account {
  const { signature, ...rest } = params
  const account = accountOf(context, params['apiKey'])
  if (signature === undefined || signature === '') throw missing('signature')
  const text = Object.keys(rest)
    .sort()
    .map((name) => `${name}=${rest[name]}`)
    .join('&')
  if (!signatureIs(account, text, signature)) throw wrongSignature()
  checkTime(params, context.now())
  return account
}
