import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Decimal } from '../../lib/runtime/decimal.js'

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const mantissa = fc.oneof(
  int64,
  fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }),
  fc.bigInt({ min: -1_000n, max: 1_000n }),
)
const scale = fc.integer({ min: 0, max: 18 })

describe('Decimal', () => {
  it.each([
    ['0', 0n, 0],
    ['0.35130000', 35_130_000n, 8],
    ['-12.50', -1_250n, 2],
    ['-0.5', -5n, 1],
    ['0.00', 0n, 2],
    ['-0.00', 0n, 2],
    ['9223372036854775807', 2n ** 63n - 1n, 0],
    ['-9223372036854775808', -(2n ** 63n), 0],
    ['-9.223372036854775808', -(2n ** 63n), 18],
    ['9007199254740993', 9_007_199_254_740_993n, 0],
    ['0.000000000000000001', 1n, 18],
  ])('%s has mantissa %s and scale %s', (text, expected, decimals) => {
    const decimal = Decimal.parse(text)
    expect(decimal.mantissa).toBe(expected)
    expect(decimal.scale).toBe(decimals)
    expect(decimal.toString()).toBe(text === '-0.00' ? '0.00' : text)
    expect(decimal.toNumber()).toBe(Number(text) + 0)
  })

  it.each(['', '.5', '1e5', '+1', ' 1', '1 ', '0x1', '--1', '1.2.3', 'NaN'])('refuses %j', (text) => {
    expect(() => Decimal.parse(text)).toThrow(SyntaxError)
  })

  it('refuses what does not fit', () => {
    expect(() => Decimal.parse('9223372036854775808')).toThrow(RangeError)
    expect(() => Decimal.parse('0.0000000000000000001')).toThrow(RangeError)
    expect(() => Decimal.of(1n, -1)).toThrow(RangeError)
    expect(() => Decimal.of(1n, 0.5)).toThrow(RangeError)
    expect(() => Decimal.of(1n, 19)).toThrow(RangeError)
  })

  it('gives back every mantissa and scale, and its text spells the same decimal', () => {
    fc.assert(
      fc.property(mantissa, scale, (m, s) => {
        const decimal = Decimal.of(m, s)
        expect(decimal.mantissa).toBe(m)
        expect(decimal.scale).toBe(s)
        const again = Decimal.parse(decimal.toString())
        expect(again.mantissa).toBe(m)
        expect(again.scale).toBe(s)
        expect(JSON.parse(JSON.stringify(decimal))).toBe(decimal.toString())
      }),
    )
  })

  it('is the nearest double of its text', () => {
    fc.assert(
      fc.property(mantissa, scale, (m, s) => {
        const decimal = Decimal.of(m, s)
        expect(decimal.toNumber()).toBe(Number(decimal.toString()))
      }),
      { numRuns: 1_000 },
    )
  })

  it('compares exactly, whatever the scales', () => {
    fc.assert(
      fc.property(mantissa, scale, mantissa, scale, (m1, s1, m2, s2) => {
        const difference = m1 * 10n ** BigInt(s2) - m2 * 10n ** BigInt(s1)
        const expected = difference < 0n ? -1 : difference > 0n ? 1 : 0
        expect(Decimal.of(m1, s1).compare(Decimal.of(m2, s2))).toBe(expected)
        expect(Decimal.of(m1, s1).equals(Decimal.of(m2, s2))).toBe(expected === 0)
      }),
      { numRuns: 1_000 },
    )
    expect(Decimal.parse('1.0').equals(Decimal.parse('1.00'))).toBe(true)
    expect(Decimal.parse('9007199254740993').compare(Decimal.parse('9007199254740992.0'))).toBe(1)
  })

  it('has a sign, copies, and converts by context', () => {
    expect(Decimal.parse('-0.01').sign).toBe(-1)
    expect(Decimal.parse('0.00').sign).toBe(0)
    expect(Decimal.parse('4294967296').sign).toBe(1)
    const decimal = Decimal.parse('1.50')
    expect(decimal.copy()).not.toBe(decimal)
    expect(decimal.copy().toString()).toBe('1.50')
    expect(`${decimal}`).toBe('1.50')
    expect(+(decimal as unknown as number)).toBe(1.5)
    expect(decimal < Decimal.parse('1.6')).toBe(true)
  })
})
