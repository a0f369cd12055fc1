/** Decimals as the text that they were written in: compared and subtracted exactly, never rounded. */

const pattern = /^(-?)(\d{1,64})(?:\.(\d{0,64}))?$/

interface Scaled {
  readonly digits: bigint
  readonly scale: number
}

function scaled(text: string): Scaled | null {
  const match = pattern.exec(text)
  if (match === null) return null
  const [, sign = '', whole = '', fraction = ''] = match
  return { digits: BigInt(`${sign}${whole}${fraction}`), scale: fraction.length }
}

/** Text that is a decimal without exponent, of up to 64 digits before and after the point; null for anything else. */
export function decimalOf(value: unknown): string | null {
  return typeof value === 'string' && scaled(value) !== null ? value : null
}

/** The same, and null for zero too: how venues write that there is none. */
export function nonZeroOf(value: unknown): string | null {
  const text = decimalOf(value)
  return text === null || /^-?0*\.?0*$/.test(text) ? null : text
}

function aligned(a: string, b: string): { readonly left: bigint; readonly right: bigint; readonly scale: number } {
  const left = scaled(a) ?? { digits: 0n, scale: 0 }
  const right = scaled(b) ?? { digits: 0n, scale: 0 }
  const scale = Math.max(left.scale, right.scale)
  return {
    left: left.digits * 10n ** BigInt(scale - left.scale),
    right: right.digits * 10n ** BigInt(scale - right.scale),
    scale,
  }
}

/** −1, 0 or 1. What is no decimal counts as zero. */
export function compareDecimals(a: string, b: string): -1 | 0 | 1 {
  if (a === b) return 0
  const { left, right } = aligned(a, b)
  return left < right ? -1 : left > right ? 1 : 0
}

/** `a − b`, with the decimals of the longer of the two. */
export function subtractDecimals(a: string, b: string): string {
  const { left, right, scale } = aligned(a, b)
  const difference = left - right
  const sign = difference < 0n ? '-' : ''
  const digits = String(difference < 0n ? -difference : difference).padStart(scale + 1, '0')
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** `a + b`, exactly. */
export function addDecimals(a: string, b: string): string {
  return subtractDecimals(a, negated(b))
}

/** The same with the other sign; of zero zero. */
export function negated(text: string): string {
  return subtractDecimals('0', text)
}

/** A number as JSON writes it, `1e-8` included, as a decimal written out; null for anything else, and for exponents beyond 64. */
export function writtenOut(value: unknown): string | null {
  if (typeof value !== 'string') return null
  const match = /^(-?)(\d{1,64})(?:\.(\d{1,64}))?(?:[eE]([+-]?\d{1,3}))?$/.exec(value)
  if (match === null) return null
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const shift = Number(exponent)
  if (shift === 0) return decimalOf(value)
  if (Math.abs(shift) > 64) return null
  const digits = whole + fraction
  const point = whole.length + shift
  if (point <= 0) return decimalOf(`${sign}0.${'0'.repeat(-point)}${digits}`)
  const padded = digits.padEnd(point, '0')
  const text = sign + padded.slice(0, point).replace(/^0+(?=\d)/, '')
  return decimalOf(point < padded.length ? `${text}.${padded.slice(point)}` : text)
}
