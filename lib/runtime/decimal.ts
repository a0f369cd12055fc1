import { inspect } from 'node:util'

const powers = Array.from({ length: 19 }, (_, i) => 10 ** i)
const two32 = 4_294_967_296
const maxScale = 18
const pattern = /^(-?)(\d+)(?:\.(\d*))?$/

/** Sets a view to what stands in a row. For row cursors: a view given to the user is never a copy. */
export let setDecimal: (view: Decimal, low: number, high: number, scale: number) => void

/** The halves of a decimal's mantissa, the upper one signed: for encoders, which make no BigInt of it. */
export let decimalLow: (decimal: Decimal) => number
export let decimalHigh: (decimal: Decimal) => number

/**
 * An exact decimal number: `mantissa` / 10^`scale`, the mantissa a signed 64-bit integer, the scale 0…18. It keeps the
 * number of decimals with which it was written: `0.35130000` has scale 8 and prints as `0.35130000`.
 *
 * A Decimal that comes from a row is a view that the field's next reading overwrites; keep `copy()`.
 */
export class Decimal {
  // The mantissa's two halves: reading a row then makes no BigInt.
  #low = 0
  #high = 0
  #scale = 0

  static {
    setDecimal = (view, low, high, scale) => {
      view.#low = low
      view.#high = high | 0
      view.#scale = scale
    }
    decimalLow = (decimal) => decimal.#low
    decimalHigh = (decimal) => decimal.#high
  }

  /**
   * The decimal that `text` spells, without exponent: `-12.50`.
   * @throws SyntaxError when it is no such number. RangeError when it has more than 18 decimals or a mantissa beyond 64 bits.
   */
  static parse(text: string): Decimal {
    const match = pattern.exec(text)
    if (match === null) throw new SyntaxError('not a decimal number')
    const [, sign = '', whole = '', fraction = ''] = match
    return Decimal.of(BigInt(`${sign}${whole}${fraction}`.replace(/^-(?=0*$)/, '')), fraction.length)
  }

  /**
   * `mantissa` / 10^`scale`.
   * @throws RangeError when the mantissa is beyond 64 bits or the scale not an integer 0…18.
   */
  static of(mantissa: bigint, scale: number): Decimal {
    if (BigInt.asIntN(64, mantissa) !== mantissa) throw new RangeError('mantissa is beyond 64 bits')
    if (!Number.isInteger(scale) || scale < 0 || scale > maxScale)
      throw new RangeError('scale is not an integer from 0 to 18')
    const decimal = new Decimal()
    decimal.#low = Number(BigInt.asUintN(32, mantissa))
    decimal.#high = Number(mantissa >> 32n)
    decimal.#scale = scale
    return decimal
  }

  /** All digits as one signed integer. */
  get mantissa(): bigint {
    return (BigInt(this.#high) << 32n) | BigInt(this.#low)
  }

  /** Number of decimals, 0…18. */
  get scale(): number {
    return this.#scale
  }

  /** −1, 0 or 1. */
  get sign(): -1 | 0 | 1 {
    if (this.#high < 0) return -1
    return this.#high === 0 && this.#low === 0 ? 0 : 1
  }

  /** The nearest double. */
  toNumber(): number {
    const mantissa = this.#high * two32 + this.#low
    // Both operands are exact below 2^53 and up to 10^22, so the one rounding is that of the division.
    if (Number.isSafeInteger(mantissa)) return mantissa / (powers[this.#scale] as number)
    return Number(this.toString())
  }

  /** All digits and all decimals, trailing zeros too: the text that was received, unless that had an exponent. */
  toString(): string {
    const mantissa = this.#high * two32 + this.#low
    const digits = Number.isSafeInteger(mantissa) ? String(Math.abs(mantissa)) : String(this.mantissa).replace('-', '')
    const sign = this.#high < 0 ? '-' : ''
    const scale = this.#scale
    if (scale === 0) return sign + digits
    const padded = digits.padStart(scale + 1, '0')
    return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`
  }

  /** The same as `toString()`: exact decimals are strings in JSON. */
  toJSON(): string {
    return this.toString()
  }

  /** Exact comparison of values: −1 when this is less than `other`, 0 when equal (`1.0` equals `1.00`), 1 when greater. */
  compare(other: Decimal): -1 | 0 | 1 {
    if (this.#scale === other.#scale) {
      if (this.#high !== other.#high) return this.#high < other.#high ? -1 : 1
      if (this.#low !== other.#low) return this.#low < other.#low ? -1 : 1
      return 0
    }
    const scale = Math.max(this.#scale, other.#scale)
    const left = (this.#high * two32 + this.#low) * (powers[scale - this.#scale] as number)
    const right = (other.#high * two32 + other.#low) * (powers[scale - other.#scale] as number)
    if (Number.isSafeInteger(left) && Number.isSafeInteger(right)) return left < right ? -1 : left > right ? 1 : 0
    const exactLeft = this.mantissa * 10n ** BigInt(scale - this.#scale)
    const exactRight = other.mantissa * 10n ** BigInt(scale - other.#scale)
    return exactLeft < exactRight ? -1 : exactLeft > exactRight ? 1 : 0
  }

  /** Whether both have the same value, whatever their scales. */
  equals(other: Decimal): boolean {
    return this.compare(other) === 0
  }

  /** A decimal of its own that no row overwrites. */
  copy(): Decimal {
    const decimal = new Decimal()
    decimal.#low = this.#low
    decimal.#high = this.#high
    decimal.#scale = this.#scale
    return decimal
  }

  /** Text in string context, otherwise the nearest double. */
  [Symbol.toPrimitive](hint: string): string | number {
    return hint === 'string' ? this.toString() : this.toNumber()
  }

  [inspect.custom](): string {
    return `Decimal ${this.toString()}`
  }
}
