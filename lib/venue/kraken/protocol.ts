import { kraken as policy } from '../../policy/venue/kraken.js'
import { textJson } from '../../runtime/exact-json.js'
import type { SessionAnswer, SessionProtocol } from '../../session/protocol.js'
import { fieldOf, textOf } from '../order/fields.js'

const noHeaders = (): undefined => undefined

/** A decimal that goes out as a JSON number, digit by digit: Kraken's WebSocket takes numbers. */
export class Numeral {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/**
 * Requests and answers of Kraken's WebSocket v2. Its ids are integers; prices and sizes are JSON numbers, which are read as text.
 * https://docs.kraken.com/api/docs/guides/spot-ws-intro
 */
export function krakenProtocol(): SessionProtocol {
  // Ids are a prefix, the same for all of a session, and a number.
  let prefix = ''
  return Object.freeze({
    name: 'kraken',
    classify: policy.classify,
    secretFields: Object.freeze(['token']),
    validMs: () => Number.NaN,
    parse: textJson,
    request: (id, method, params) => {
      prefix = id.slice(0, prefixLength)
      return json({ method, params, req_id: Number.parseInt(id.slice(prefixLength), 36) })
    },
    login: () => null,
    answer: (message): SessionAnswer | null => {
      const number = textOf(fieldOf(message, 'req_id'))
      if (!/^\d{1,15}$/.test(number) || typeof fieldOf(message, 'success') !== 'boolean') return null
      const id = prefix + Number(number).toString(36)
      const error = textOf(fieldOf(message, 'error'))
      const status = fieldOf(message, 'success') === true ? 200 : 400
      return { id, status, code: error, message: error, header: noHeaders }
    },
  } satisfies SessionProtocol)
}

/** Of a session's ids: ten hex digits. */
const prefixLength = 10

/** JSON with numerals written as they are. They are decimals already, which was checked when they were made. */
function json(value: unknown): string {
  if (value instanceof Numeral) return value.text
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`
  const fields = Object.entries(value).filter(([, inner]) => inner !== undefined)
  return `{${fields.map(([name, inner]) => `${JSON.stringify(name)}:${json(inner)}`).join(',')}}`
}
