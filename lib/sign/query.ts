import { Decimal } from '../runtime/decimal.js'
import { SignError } from './errors.js'

/** A parameter's value. Text is sent as it is; `undefined` is left out; arrays are written as JSON, as Binance wants them. */
export type QueryValue = string | number | bigint | boolean | Decimal | readonly (string | number)[] | undefined

/** Parameters in the order in which they are sent. */
export type QueryParams = Readonly<Record<string, QueryValue>>

/**
 * A number written out: its shortest digits that are read back as the same number, never with an exponent, never rounded.
 * @throws SignError `ERR_SIGN_VALUE` for what is not finite.
 */
export function decimalText(value: number): string {
  if (!Number.isFinite(value)) throw new SignError('ERR_SIGN_VALUE', 'a parameter is no finite number')
  const text = String(value)
  const at = text.indexOf('e')
  if (at < 0) return Object.is(value, -0) ? '0' : text
  const sign = text.startsWith('-') ? '-' : ''
  const [whole = '', fraction = ''] = text.slice(sign.length, at).split('.')
  const digits = whole + fraction
  const point = whole.length + Number(text.slice(at + 1))
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  if (point >= digits.length) return sign + digits.padEnd(point, '0')
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}

/**
 * A value as text, not encoded yet.
 * @throws SignError `ERR_SIGN_VALUE` for what cannot be written exactly.
 */
export function valueText(value: Exclude<QueryValue, undefined>): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return decimalText(value)
  if (typeof value === 'bigint' || typeof value === 'boolean' || value instanceof Decimal) return String(value)
  if (Array.isArray(value)) {
    return `[${value.map((item: string | number) => (typeof item === 'number' ? decimalText(item) : JSON.stringify(item))).join(',')}]`
  }
  throw new SignError('ERR_SIGN_VALUE', 'a parameter is of a kind that cannot be sent')
}

/** What needs no encoding (RFC 3986 section 2.3). */
const plain = /^[A-Za-z0-9\-._~]*$/

/** Percent-encodes all but unreserved characters, which encodeURIComponent leaves some of. */
export function percentEncode(text: string): string {
  if (plain.test(text)) return text
  try {
    return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  } catch {
    throw new SignError('ERR_SIGN_VALUE', 'a parameter is no well-formed text')
  }
}

/**
 * `a=1&b=2`, percent-encoded, in the order given: exactly what is signed is what is sent.
 * @throws SignError `ERR_SIGN_VALUE`
 */
export function encodeQuery(params: QueryParams): string {
  let query = ''
  for (const name of Object.keys(params)) {
    const value = params[name]
    if (value === undefined) continue
    if (query !== '') query += '&'
    query += `${percentEncode(name)}=${percentEncode(valueText(value))}`
  }
  return query
}

/** The same sorted by name and not encoded: what Binance's WebSocket API signs. */
export function sortedPlainQuery(params: QueryParams): string {
  const names = Object.keys(params).sort()
  return names
    .flatMap((name) => {
      const value = params[name]
      return value === undefined ? [] : [`${name}=${valueText(value)}`]
    })
    .join('&')
}
