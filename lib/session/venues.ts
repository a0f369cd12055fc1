/** The request/response protocols of three venues. */

import { type BinanceRateLimit, binance, observeBinanceRateLimits } from '../policy/venue/binance.js'
import { bybit } from '../policy/venue/bybit.js'
import { okx } from '../policy/venue/okx.js'
import { fieldOf, textOf } from '../policy/venue/venue.js'
import { type QueryParams, type QueryValue, valueText } from '../sign/query.js'
import type { BinanceAuth } from '../sign/venue/binance.js'
import type { BybitAuth } from '../sign/venue/bybit.js'
import type { OkxAuth } from '../sign/venue/okx.js'
import type { SessionAnswer, SessionProtocol } from './protocol.js'

/** Options of {@link binanceSession}. */
export interface BinanceSessionOptions {
  readonly auth: BinanceAuth
  /** Log in once per connection (`session.logon`), instead of signing every request. Ed25519 keys only. Default false. */
  readonly logon?: boolean | undefined
}

const noHeaders = (): undefined => undefined

/** Binance's WebSocket API: https://developers.binance.com/docs/binance-spot-api-docs/websocket-api */
export function binanceSession({ auth, logon = false }: BinanceSessionOptions): SessionProtocol {
  return Object.freeze({
    name: 'binance',
    classify: binance.classify,
    secretFields: Object.freeze(['apiKey', 'signature']),
    validMs: (clock) => clock.validMs(auth.recvWindow),
    request: (id, method, params, clock, signed) => {
      const given = params as QueryParams
      const { recvWindow } = auth
      const complete = !signed
        ? given
        : logon
          ? { ...given, recvWindow, timestamp: clock.timestamp() }
          : auth.params(given, clock)
      return JSON.stringify({ id, method, params: written(complete) })
    },
    login: (id, clock) =>
      logon ? JSON.stringify({ id, method: 'session.logon', params: auth.params({}, clock) }) : null,
    answer: (message): SessionAnswer | null => {
      const status = fieldOf(message, 'status')
      const id = textOf(fieldOf(message, 'id'))
      if (typeof status !== 'number' || id === '') return null
      return { id, status, ...binance.error(fieldOf(message, 'error')), header: noHeaders }
    },
    observe: (message, limiter, route, grant) => {
      const limits = fieldOf(message, 'rateLimits')
      if (!Array.isArray(limits)) return
      observeBinanceRateLimits(limiter, route, limits.filter(isRateLimit), grant)
    },
  } satisfies SessionProtocol)
}

/** Bybit's order entry (`/v5/trade`): https://bybit-exchange.github.io/docs/v5/websocket/trade/guideline */
export function bybitSession({ auth }: { readonly auth: BybitAuth }): SessionProtocol {
  return Object.freeze({
    name: 'bybit',
    classify: bybit.classify,
    secretFields: Object.freeze([]),
    validMs: (clock) => clock.validMs(auth.recvWindow),
    request: (id, method, params, clock) => {
      const header = { 'X-BAPI-TIMESTAMP': String(clock.timestamp()), 'X-BAPI-RECV-WINDOW': String(auth.recvWindow) }
      return JSON.stringify({ reqId: id, header, op: method, args: [params] }, exactly)
    },
    login: (id, clock) => JSON.stringify({ reqId: id, op: 'auth', args: auth.login(clock) }),
    answer: (message): SessionAnswer | null => {
      if (fieldOf(message, 'retCode') === undefined) return null
      const id = fieldOf(message, 'op') === 'auth' ? null : textOf(fieldOf(message, 'reqId'))
      if (id === '') return null
      const headers = fieldOf(message, 'header')
      return { id, status: 200, ...bybit.error(message), header: (name) => headerOf(headers, name) }
    },
  } satisfies SessionProtocol)
}

/** OKX's private WebSocket: https://www.okx.com/docs-v5/en/#order-book-trading-trade-ws-place-order */
export function okxSession({ auth }: { readonly auth: OkxAuth }): SessionProtocol {
  return Object.freeze({
    name: 'okx',
    classify: okx.classify,
    secretFields: Object.freeze(['apiKey', 'passphrase', 'sign']),
    validMs: () => Number.NaN,
    request: (id, method, params) => JSON.stringify({ id, op: method, args: [params] }, exactly),
    login: (_id, clock) => JSON.stringify({ op: 'login', args: [auth.login(clock)] }),
    answer: (message): SessionAnswer | null => {
      const event = fieldOf(message, 'event')
      const id = event === 'login' ? null : textOf(fieldOf(message, 'id'))
      if (event === 'error' && id === '') {
        // Of the login alone: everything else that is sent carries an id.
        return { id: null, status: 200, ...okx.error(message), header: noHeaders }
      }
      if (id === '' || fieldOf(message, 'code') === undefined) return null
      return { id, status: 200, ...okx.error(message), header: noHeaders }
    },
  } satisfies SessionProtocol)
}

/** Numbers as they are signed; integers, text and flags as they are. */
function written(params: QueryParams): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(params)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, plain(value) ? value : valueText(value as Exclude<QueryValue, undefined>)]),
  )
}

function plain(value: QueryValue): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value) || Array.isArray(value)
}

/** For JSON.stringify: integers of any size, as text. Decimals are text already. */
function exactly(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

function headerOf(headers: unknown, name: string): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined
  for (const [key, value] of Object.entries(headers)) if (key.toLowerCase() === name) return textOf(value)
  return undefined
}

function isRateLimit(value: unknown): value is BinanceRateLimit {
  return (
    typeof fieldOf(value, 'rateLimitType') === 'string' &&
    typeof fieldOf(value, 'interval') === 'string' &&
    Number.isSafeInteger(fieldOf(value, 'intervalNum')) &&
    typeof fieldOf(value, 'count') === 'number'
  )
}
