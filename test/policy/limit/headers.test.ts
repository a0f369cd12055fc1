import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { amountOf, parseHttpDate, parseRetryAfter } from '../../../lib/policy/limit/headers.js'

const now = Date.UTC(2026, 6, 24, 12, 0, 0)

describe('HTTP dates', () => {
  it.each([
    ['Sun, 06 Nov 1994 08:49:37 GMT', Date.UTC(1994, 10, 6, 8, 49, 37)],
    ['Sunday, 06-Nov-94 08:49:37 GMT', Date.UTC(1994, 10, 6, 8, 49, 37)],
    ['Sun Nov  6 08:49:37 1994', Date.UTC(1994, 10, 6, 8, 49, 37)],
    ['Friday, 24-Jul-26 12:00:10 GMT', Date.UTC(2026, 6, 24, 12, 0, 10)],
    ['Monday, 01-Jan-70 00:00:00 GMT', Date.UTC(2070, 0, 1)],
    ['Saturday, 01-Jan-77 00:00:00 GMT', Date.UTC(1977, 0, 1)],
  ])('%s', (text, expected) => {
    expect(parseHttpDate(text, now)).toBe(expected)
  })

  it('are what Date writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 7_258_118_400 }), (seconds) => {
        expect(parseHttpDate(new Date(seconds * 1_000).toUTCString(), now)).toBe(seconds * 1_000)
      }),
    )
  })

  it.each([
    '',
    'tomorrow',
    '2026-07-24T12:00:00Z',
    'Fri, 24 Jly 2026 12:00:00 GMT',
    'Fri, 24 Jul 2026 25:00:00 GMT',
    'Fri, 00 Jul 2026 12:00:00 GMT',
  ])('are not read out of %j', (text) => {
    expect(parseHttpDate(text, now)).toBeNaN()
  })
})

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['1.5', 1_500],
    ['Fri, 24 Jul 2026 12:00:30 GMT', 30_000],
    ['Fri, 24 Jul 2026 11:00:00 GMT', 0],
    ['999999999', 259_200_000],
    ['-1', Number.NaN],
    ['soon', Number.NaN],
    [undefined, Number.NaN],
  ])('%j', (text, expected) => {
    expect(parseRetryAfter(text, now)).toBe(expected)
  })

  it('is a number in its bounds or NaN, whatever is sent', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const ms = parseRetryAfter(text, now)
        expect(Number.isNaN(ms) || (ms >= 0 && ms <= 259_200_000)).toBe(true)
      }),
    )
  })
})

it('amounts are plain numbers', () => {
  const header = (name: string): string | undefined => ({ a: '12', b: '0.5', c: '-1', d: '' })[name]
  expect(['a', 'b', 'c', 'd', 'e', ''].map((name) => amountOf(header, name))).toEqual([12, 0.5, -1, -1, -1, -1])
})
