/** Who asks: https://bybit-exchange.github.io/docs/v5/guide#authentication, …/v5/ws/connect#authentication */

import type { DialectContext, MockRequest } from '../dialect.js'
import type { Account } from '../engine/account.js'
import { signatureIs } from '../signature.js'
import { Refused } from './refused.js'

const wrongSignature = (): Refused =>
  new Refused(10004, 'error sign! please check your signature generation algorithm.')

/** @throws Refused */
export function checkTime(timestamp: unknown, recvWindow: unknown, nowMs: number): void {
  const at = Number(timestamp)
  const window = Number(recvWindow ?? 5_000)
  if (Number.isFinite(at) && at >= nowMs - window && at < nowMs + 1_000) return
  throw new Refused(
    10002,
    `invalid request, please check your server timestamp or recv_window param. req_timestamp[${String(timestamp)}],server_timestamp[${nowMs}],recv_window[${window}]`,
  )
}

/** @throws Refused */
export function checkRest(context: DialectContext, { method, query, body, headers }: MockRequest): Account {
  const apiKey = headers['x-bapi-api-key']
  const account = typeof apiKey === 'string' ? context.account(apiKey) : undefined
  if (account === undefined) throw new Refused(10003, 'API key is invalid.')
  const [at, window = '5000', sign] = [
    headers['x-bapi-timestamp'],
    headers['x-bapi-recv-window'],
    headers['x-bapi-sign'],
  ]
  const text = `${String(at)}${String(apiKey)}${headers['x-bapi-recv-window'] === undefined ? '' : String(window)}${method === 'GET' ? query : body}`
  if (typeof sign !== 'string' || !signatureIs(account, text, sign)) throw wrongSignature()
  checkTime(at, window, context.now())
  return account
}

/** Arguments of a socket's `auth`. @throws Refused */
export function checkLogin(context: DialectContext, args: unknown): Account {
  const [apiKey, expires, sign] = Array.isArray(args) ? args : []
  const account = typeof apiKey === 'string' ? context.account(apiKey) : undefined
  if (account === undefined) throw new Refused(10003, 'API key is invalid.')
  if (typeof sign !== 'string' || !signatureIs(account, `GET/realtime${String(expires)}`, sign)) throw wrongSignature()
  if (!(Number(expires) > context.now())) throw new Refused(10004, 'Params Error: auth expired')
  return account
}
