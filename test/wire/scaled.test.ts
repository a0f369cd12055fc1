import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Decimal } from '../../lib/runtime/decimal.js'
import { type DecimalInput, Scaled } from '../../lib/wire/scaled.js'

const scaled = new Scaled()

/** Mantissa and scale as `read` gives them, put together from the halves that are written. */
function read(value: DecimalInput): string {
  const problem = scaled.read(value)
  if (problem !== null) return problem
  return `${(BigInt(scaled.high) << 32n) | BigInt(scaled.low)}e-${scaled.scale}`
}

describe('exact numbers', () => {
  it.each([
    ['0', '0e-0'],
    ['-0', '0e-0'],
    ['-0.00', '0e-2'],
    ['25.35190000', '2535190000e-8'],
    ['-1', '-1e-0'],
    ['1.', '1e-0'],
    ['007', '7e-0'],
    ['999999999999999', '999999999999999e-0'],
    ['9999999999999999', '9999999999999999e-0'],
    ['123456789.012345', '123456789012345e-6'],
    ['9223372036854775807', '9223372036854775807e-0'],
    ['-9.223372036854775807', '-9223372036854775807e-18'],
    ['1e3', '1000e-0'],
    ['1.50e1', '150e-1'],
    ['1E-18', '1e-18'],
    ['10e-19', '1e-18'],
    ['0e-400', '0e-18'],
    [1e-7, '1e-7'],
    [0.1 + 0.2, '30000000000000004e-17'],
    [123456.789, '123456789e-3'],
    [-0, '0e-0'],
    [1e18, '1000000000000000000e-0'],
    [17976931348.623158, '17976931348623158e-6'],
    [5n, '5e-0'],
    [-(2n ** 63n) + 1n, '-9223372036854775807e-0'],
    [Decimal.parse('-12.50'), '-1250e-2'],
    [Decimal.of(2n ** 62n, 3), '4611686018427387904e-3'],
  ] as [DecimalInput, string][])('%s is %s', (value, expected) => {
    expect(read(value)).toBe(expected)
  })

  it.each([
    ['9223372036854775808'],
    ['-9223372036854775808'],
    [-(2n ** 63n)],
    [Decimal.of(-(2n ** 63n), 0)],
    ['1e19'],
    ['1e999999'],
    ['1e-19'],
    ['0.1234567890123456789'],
    ['+1'],
    [' 1'],
    ['1 '],
    ['1_000'],
    ['0x1f'],
    ['--1'],
    ['-'],
    ['.'],
    ['e5'],
    ['Infinity'],
    ['1'.repeat(500)],
    [Number.NaN],
    [5e-324],
    [Number.MAX_VALUE],
    [null as never],
    [true as never],
  ] as [DecimalInput][])('refuses %s', (value) => {
    expect(scaled.read(value)).not.toBeNull()
  })

  it('come back from text as they were written', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }), fc.nat(18), (mantissa, scale) => {
        const decimal = Decimal.of(mantissa, scale)
        expect(read(decimal.toString())).toBe(`${mantissa}e-${scale}`)
        expect(read(decimal)).toBe(`${mantissa}e-${scale}`)
      }),
      { numRuns: 2_000 },
    )
  })

  it('stand for the number that was given, in the shortest way', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }),
          fc.tuple(fc.integer({ min: -1e9, max: 1e9 }), fc.nat(8)).map(([m, s]) => m / 10 ** s),
        ),
        (value) => {
          if (scaled.read(value) !== null) {
            expect(Math.abs(value) < 1e-1).toBe(true) // too many decimals
            return
          }
          const text = Decimal.of((BigInt(scaled.high) << 32n) | BigInt(scaled.low), scaled.scale).toString()
          expect(Number(text)).toBe(value + 0)
          expect(scaled.scale === 0 || !text.endsWith('0')).toBe(true)
        },
      ),
      { numRuns: 5_000 },
    )
  })

  it('get more decimals, or are refused', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }),
        fc.nat(18),
        fc.nat(18),
        (mantissa, scale, more) => {
          scaled.read(Decimal.of(mantissa, scale))
          const to = Math.max(scale, more)
          const expected = mantissa * 10n ** BigInt(to - scale)
          const fits = expected < 2n ** 63n && expected > -(2n ** 63n)
          expect(scaled.rescale(to)).toBe(fits)
          if (fits) expect((BigInt(scaled.high) << 32n) | BigInt(scaled.low)).toBe(expected)
        },
      ),
      { numRuns: 2_000 },
    )
  })
})
