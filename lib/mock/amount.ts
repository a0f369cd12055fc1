/** Amounts of money as integers of 10^-18: sums are exact, and so are products of what has nine decimals each. */

export const one = 10n ** 18n

const pattern = /^(\d{1,20})(?:\.(\d{1,18}))?$/

/** A decimal without sign or exponent; null for anything else, or for more than 18 decimals. */
export function parseAmount(text: unknown): bigint | null {
  const match = typeof text === 'string' ? pattern.exec(text) : null
  if (match === null) return null
  const [, whole = '', fraction = ''] = match
  return BigInt(whole + fraction.padEnd(18, '0'))
}

/** The same for what is known to be one. */
export function amount(text: string): bigint {
  const value = parseAmount(text)
  if (value === null) throw new RangeError(`${text} is no amount`)
  return value
}

/** With exactly `decimals` decimals, 0…18; what is beyond is cut off. */
export function formatAmount(value: bigint, decimals: number): string {
  const sign = value < 0n ? '-' : ''
  const digits = String(value < 0n ? -value : value).padStart(19, '0')
  const whole = digits.slice(0, -18)
  return decimals === 0 ? sign + whole : `${sign}${whole}.${digits.slice(-18).slice(0, decimals)}`
}

/** Without zeros at its end. */
export function plainAmount(value: bigint): string {
  return formatAmount(value, 18).replace(/\.?0+$/, '')
}

/** `a × b`, cut off beyond 18 decimals. */
export function times(a: bigint, b: bigint): bigint {
  return (a * b) / one
}

/** `a ÷ b`, cut off beyond 18 decimals; 0 when `b` is. */
export function divide(a: bigint, b: bigint): bigint {
  return b === 0n ? 0n : (a * one) / b
}

/** Decimals that `value` needs, 0…18. */
export function decimalsOf(value: bigint): number {
  if (value === 0n) return 0
  const text = String(value)
  return Math.max(0, 18 - (text.length - text.replace(/0+$/, '').length))
}

export function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
