import { Decimal } from '../runtime/decimal.js'
import type { Values } from './kinds.js'
import { type DecimalInput, Scaled } from './scaled.js'

/**
 * A message of a type of that name as JSON text: `type`, then its values by name. Prices, sizes and all other decimals are strings, exact;
 * levels are `["price","size"]`; integers are numbers up to 2^53 and strings beyond; bytes are base64; what is not there is left out.
 *
 * @throws TypeError for a decimal that is none.
 */
export function messageText(type: string, values: Values, message: object): string {
  const out: Record<string, unknown> = { type }
  for (const name of Object.keys(values)) {
    const value = (message as { readonly [name: string]: unknown })[name]
    if (value === undefined || value === null) continue
    switch (values[name]?.kind) {
      case 'decimal':
        out[name] = decimalText(value as DecimalInput)
        break
      case 'levels':
        out[name] = (value as readonly unknown[]).map(levelText)
        break
      case 'int64':
        out[name] = integerText(value as bigint | number)
        break
      default:
        out[name] = value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
    }
  }
  return JSON.stringify(out)
}

function levelText(level: unknown): readonly [string, string] {
  if (Array.isArray(level)) return [decimalText(level[0] as DecimalInput), decimalText(level[1] as DecimalInput)]
  const { price, size } = level as { price: DecimalInput; size: DecimalInput }
  return [decimalText(price), decimalText(size)]
}

function integerText(value: bigint | number): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}

const plain = /^-?\d+(?:\.\d+)?$/
const scaled = new Scaled()

/** The number without exponent. @throws TypeError for what is none. */
function decimalText(value: DecimalInput): string {
  const text = String(value)
  if (plain.test(text)) return text
  const fault = scaled.read(value)
  if (fault !== null) throw new TypeError(`${text} ${fault}`)
  return Decimal.of(scaled.big ?? BigInt(scaled.mantissa), scaled.scale).toString()
}
