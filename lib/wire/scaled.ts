import { Decimal, decimalHigh, decimalLow } from '../runtime/decimal.js'

/**
 * What prices and sizes are given as, all exact: a decimal string (`'25.35190000'`, as it was written, exponent allowed), a
 * {@link Decimal}, a bigint, or a number, which stands for the shortest decimal that reads back as it (`0.1` is 0.1).
 */
export type DecimalInput = string | number | bigint | Decimal

/** Decimals at most. */
export const maxScale = 18

const two32 = 4_294_967_296
const maxMantissa = 2n ** 63n - 1n
const powers = Array.from({ length: 23 }, (_, i) => 10 ** i)
const bigPowers = Array.from({ length: 39 }, (_, i) => 10n ** BigInt(i))
const numberPattern = /^(-?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$/

/**
 * A decimal number being encoded: a mantissa and its scale. One is used for many numbers, and while mantissas are safe integers none
 * of its methods allocates.
 */
export class Scaled {
  /** The mantissa, when it is a safe integer; otherwise `big` holds it. */
  mantissa = 0
  big: bigint | null = null
  /** 0…18. */
  scale = 0

  /** @returns null, or what is wrong with `value`. */
  read(value: DecimalInput): string | null {
    if (typeof value === 'number') return this.#number(value)
    if (typeof value === 'string') return this.#text(value)
    if (value instanceof Decimal) return this.#decimal(value)
    if (typeof value === 'bigint') return this.#exact(value, 0)
    return 'is not a decimal: a string, number, bigint or Decimal'
  }

  /**
   * Gives the number more decimals, `scale` in all.
   * @returns false when it is then beyond 64 bits.
   */
  rescale(scale: number): boolean {
    const by = scale - this.scale
    this.scale = scale
    if (by === 0) return true
    if (this.big === null) {
      const mantissa = this.mantissa * (powers[by] as number)
      if (Number.isSafeInteger(mantissa)) {
        this.mantissa = mantissa
        return true
      }
      this.big = BigInt(this.mantissa)
    }
    this.big *= bigPowers[by] as bigint
    return fits(this.big)
  }

  /** Whether the mantissa is below zero. */
  get negative(): boolean {
    return this.big === null ? this.mantissa < 0 : this.big < 0n
  }

  /** Low half of the mantissa, unsigned. */
  get low(): number {
    return this.big === null ? this.mantissa >>> 0 : Number(BigInt.asUintN(32, this.big))
  }

  /** High half of the mantissa, signed. */
  get high(): number {
    return this.big === null ? Math.floor(this.mantissa / two32) : Number(this.big >> 32n)
  }

  copyFrom(other: Scaled): void {
    this.mantissa = other.mantissa
    this.big = other.big
    this.scale = other.scale
  }

  #set(mantissa: number, scale: number): null {
    this.mantissa = mantissa
    this.big = null
    this.scale = scale
    return null
  }

  #exact(mantissa: bigint, scale: number): string | null {
    if (!fits(mantissa)) return `has more digits than 64 bits hold`
    const number = Number(mantissa)
    if (Number.isSafeInteger(number)) return this.#set(number, scale)
    this.mantissa = Number.NaN
    this.big = mantissa
    this.scale = scale
    return null
  }

  #number(value: number): string | null {
    // -0 has no sign in an integer.
    if (Number.isSafeInteger(value)) return this.#set(value + 0, 0)
    if (!Number.isFinite(value)) return 'is not a finite number'
    for (let scale = 1; scale <= maxScale; scale++) {
      const power = powers[scale] as number
      const mantissa = Math.round(value * power)
      // Both are exact, so that the division is the correctly rounded value of the decimal: if it is ours, the decimal is it.
      if (!Number.isSafeInteger(mantissa)) break
      if (mantissa / power === value) return this.#set(mantissa, scale)
    }
    // Digits beyond 2^53, or an exponent.
    return this.#text(String(value))
  }

  #decimal(value: Decimal): string | null {
    const mantissa = decimalHigh(value) * two32 + decimalLow(value)
    if (Number.isSafeInteger(mantissa)) return this.#set(mantissa, value.scale)
    return this.#exact(value.mantissa, value.scale)
  }

  #text(text: string): string | null {
    const length = text.length
    let at = 0
    const negative = text.charCodeAt(0) === 45
    if (negative) at = 1
    let mantissa = 0
    let scale = 0
    let point = -1
    const first = at
    // Fifteen digits are a safe integer whatever they are.
    if (length - at > 16 || length === at) return this.#long(text)
    for (; at < length; at++) {
      const digit = text.charCodeAt(at) - 48
      if (digit >= 0 && digit <= 9) mantissa = mantissa * 10 + digit
      else if (digit === -2 && point < 0 && at > first) point = at
      else return this.#long(text)
    }
    if (point >= 0) scale = length - point - 1
    else if (length - first > 15) return this.#long(text)
    return this.#set(negative && mantissa !== 0 ? -mantissa : mantissa, scale)
  }

  #long(text: string): string | null {
    if (text.length > 400) return 'is not a decimal number'
    const match = numberPattern.exec(text)
    if (match === null) return 'is not a decimal number'
    const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
    let mantissa = BigInt(whole + fraction)
    if (sign === '-') mantissa = -mantissa
    let scale = fraction.length - Number(exponent)
    if (mantissa === 0n) return this.#set(0, Math.min(Math.max(scale, 0), maxScale))
    // An exponent may leave zeros behind that say nothing.
    while (scale > maxScale && mantissa % 10n === 0n && exponent !== '0') {
      mantissa /= 10n
      scale--
    }
    if (scale > maxScale) return `has more than ${maxScale} decimals`
    if (scale < 0) {
      if (-scale > maxScale) return 'has more digits than 64 bits hold'
      mantissa *= bigPowers[-scale] as bigint
      scale = 0
    }
    return this.#exact(mantissa, scale)
  }
}

function fits(mantissa: bigint): boolean {
  // -2^63 stands for no price.
  return mantissa <= maxMantissa && mantissa >= -maxMantissa
}
