import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeMeter, meterWords } from '../../../lib/policy/limit/make-meter.js'
import type { Meter } from '../../../lib/policy/limit/meter.js'
import {
  decayingCounter,
  fixedWindow,
  type MeterSpec,
  slidingWindow,
  tokenBucket,
} from '../../../lib/policy/limit/meter-spec.js'

/** Close to the size of real Unix times, and on no boundary. */
const start = 1_700_000_000_123

function meterOf(spec: MeterSpec): Meter {
  return makeMeter(spec, { numbers: new Float64Array(meterWords(spec)), at: 0 })
}

interface Step {
  /** Milliseconds that pass before it. */
  readonly pause: number
  readonly weight: number
  readonly cancel: boolean
  /** How late the venue counts it, as a share of what is allowed, and how wrong our clock is, −1…1. */
  readonly delay: number
  readonly error: number
}

interface Counted {
  /** At the venue. */
  readonly at: number
  readonly weight: number
  readonly cancel: boolean
}

const steps = (weights: fc.Arbitrary<number>): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      pause: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 30, noNaN: true }), fc.integer({ min: 0, max: 700 })),
      weight: weights,
      cancel: fc.boolean(),
      delay: fc.double({ min: 0, max: 1, noNaN: true }),
      error: fc.double({ min: -1, max: 1, noNaN: true }),
    }),
    { minLength: 1, maxLength: 300 },
  )

/** Tries everything and tells what was granted, as the venue counts it. */
function play(spec: MeterSpec, list: readonly Step[], reserve: number): Counted[] {
  const meter = meterOf(spec)
  const counted: Counted[] = []
  let now = 0
  for (const { pause, weight, cancel, delay, error } of list) {
    now += pause
    const clockError = spec.kind === 'fixed' ? spec.clockError * error : 0
    const venueNow = start + now + clockError
    if (meter.room(now, venueNow, weight, cancel ? 1 : 1 - reserve) > 0) continue
    meter.take(now, venueNow, weight)
    counted.push({ at: start + now + delay * spec.margin, weight, cancel })
  }
  return counted.sort((a, b) => a.at - b.at)
}

const total = (list: readonly Counted[]): number => list.reduce((sum, { weight }) => sum + weight, 0)
const close = 1e-6

/** The most that was counted within any stretch that begins with a request. */
function worstStretch(counted: readonly Counted[], window: number): number {
  return Math.max(0, ...counted.map(({ at }) => total(counted.filter((c) => c.at >= at && c.at < at + window))))
}

const integers = fc.integer({ min: 1, max: 7 })
const fractions = fc.double({ min: 0.01, max: 7, noNaN: true })

describe('sliding window', () => {
  const exact = slidingWindow({ limit: 20, window: 1_000, margin: 40 })
  const merged = slidingWindow({ limit: 200, window: 1_000, margin: 40, entries: 16 })

  it.each([
    ['a log of grants', exact, integers],
    ['a log of fractional grants, more than it has entries', exact, fractions],
    ['merged entries', merged, fc.integer({ min: 1, max: 40 })],
  ])('never grants more than the limit within any window: %s', (_name, spec, weights) => {
    fc.assert(
      fc.property(steps(weights), (list) => {
        expect(worstStretch(play(spec, list, 0), 1_000)).toBeLessThanOrEqual(spec.limit + close)
      }),
      { numRuns: 150 },
    )
  })

  it('waits exactly as long as it must, or a granule longer when entries are merged', () => {
    const log = meterOf(slidingWindow({ limit: 10, window: 1_000 }))
    for (let i = 0; i < 10; i++) log.take(i * 10, 0, 1)
    expect(log.room(500, 0, 1, 1)).toBe(500)
    expect(log.room(500, 0, 3, 1)).toBe(520)
    expect(log.room(999.999, 0, 1, 1)).toBeGreaterThan(0)
    expect(log.room(1_000, 0, 1, 1)).toBe(0)
    expect(log.room(1_000, 0, 2, 1)).toBe(10)

    const few = meterOf(slidingWindow({ limit: 100, window: 1_000, entries: 12 }))
    for (let i = 0; i < 100; i++) few.take(i * 5, 0, 1)
    const wait = few.room(500, 0, 1, 1)
    expect(wait).toBeGreaterThanOrEqual(500)
    expect(wait).toBeLessThanOrEqual(600)
  })

  it('keeps a bounded log however much passes', () => {
    const spec = slidingWindow({ limit: 1_000_000, window: 10_000 })
    expect(meterWords(spec)).toBeLessThan(1_100)
    const meter = meterOf(spec)
    for (let now = 0; now < 30_000; now += 0.1) meter.take(now, 0, 1)
    expect(meter.level(30_000, 0)).toBeGreaterThanOrEqual(100_000)
    expect(meter.level(30_000, 0)).toBeLessThan(100_500)
  })
})

describe('token bucket', () => {
  const spec = tokenBucket({ capacity: 12, refill: 30, per: 1_000, margin: 50 })

  it('never grants more than the bucket held and was refilled with, between any two requests', () => {
    const rate = 0.03
    fc.assert(
      fc.property(steps(fractions), (list) => {
        const counted = play(spec, list, 0)
        for (const [i, first] of counted.entries()) {
          let sum = 0
          for (const later of counted.slice(i)) {
            sum += later.weight
            expect(sum).toBeLessThanOrEqual(12 + rate * (later.at - first.at) + close)
          }
        }
      }),
      { numRuns: 150 },
    )
  })

  it('is the same as a decaying counter', () => {
    const bucket = meterOf(tokenBucket({ capacity: 20, refill: 1, per: 2_000 }))
    const counter = meterOf(decayingCounter({ limit: 20, decay: 0.5 }))
    for (const meter of [bucket, counter]) {
      meter.take(0, 0, 18)
      expect(meter.room(0, 0, 2, 1)).toBe(0)
      expect(meter.room(0, 0, 3, 1)).toBeCloseTo(2_000)
      expect(meter.level(10_000, 0)).toBeCloseTo(13)
      expect(meter.level(36_000, 0)).toBeCloseTo(0)
    }
  })

  it('does not rise when the clock of another user is behind', () => {
    const meter = meterOf(spec)
    meter.take(1_000, 0, 5)
    expect(meter.level(900, 0)).toBe(5)
    meter.take(900, 0, 5)
    expect(meter.level(1_000, 0)).toBe(10)
  })
})

describe('fixed window', () => {
  it.each([
    [0, 0],
    [60, 0],
    [60, 25],
  ])('never exceeds the limit in a window of the venue, margin %d, clock error %d', (margin, clockError) => {
    const spec = fixedWindow({ limit: 20, window: 1_000, margin, clockError })
    fc.assert(
      fc.property(steps(integers), (list) => {
        const perWindow = new Map<number, number>()
        for (const { at, weight } of play(spec, list, 0)) {
          const index = Math.floor(at / 1_000)
          perWindow.set(index, (perWindow.get(index) ?? 0) + weight)
        }
        for (const used of perWindow.values()) expect(used).toBeLessThanOrEqual(20)
      }),
      { numRuns: 150 },
    )
  })

  it('begins at multiples of the window on the venue’s clock', () => {
    const meter = meterOf(fixedWindow({ limit: 5, window: 60_000 }))
    const minute = 28_333_333 * 60_000
    meter.take(0, minute + 59_000, 5)
    expect(meter.room(0, minute + 59_000, 1, 1)).toBe(1_000)
    expect(meter.room(0, minute + 59_999.5, 1, 1)).toBe(0.5)
    expect(meter.room(0, minute + 60_000, 5, 1)).toBe(0)
  })

  it('counts on both sides of a boundary what may arrive on either', () => {
    const meter = meterOf(fixedWindow({ limit: 10, window: 1_000, margin: 100, clockError: 20 }))
    meter.take(0, 1_500, 4)
    meter.take(0, 1_890, 3)
    // Until the venue has certainly begun the next window, this one goes on.
    expect(meter.level(0, 2_010)).toBe(7)
    meter.take(0, 2_015, 2)
    expect(meter.level(0, 2_020)).toBe(5)
    expect(meter.room(0, 2_020, 6, 1)).toBe(1_000)
    expect(meter.level(0, 3_020)).toBe(0)
  })

  it('waits for the window after next when the next one is full by then', () => {
    const meter = meterOf(fixedWindow({ limit: 10, window: 1_000, margin: 100 }))
    meter.take(0, 1_950, 10)
    expect(meter.room(0, 1_960, 1, 1)).toBe(1_040)
  })

  it('stays in its window when the venue’s clock turns out to be behind', () => {
    const meter = meterOf(fixedWindow({ limit: 10, window: 1_000 }))
    meter.take(0, 5_100, 6)
    expect(meter.level(0, 4_900)).toBe(6)
    meter.take(0, 4_950, 4)
    expect(meter.room(0, 5_200, 1, 1)).toBe(800)
  })
})

describe('the reserve', () => {
  it.each([
    ['sliding window', slidingWindow({ limit: 20, window: 1_000 })],
    ['token bucket', tokenBucket({ capacity: 20, refill: 10 })],
    ['fixed window', fixedWindow({ limit: 20, window: 1_000 })],
  ])('is left to cancels by everybody else: %s', (_name, spec) => {
    fc.assert(
      fc.property(steps(integers), (list) => {
        // After any number of other requests, cancels worth the reserve are granted at once.
        const meter = meterOf(spec)
        let now = 0
        for (const { pause, weight } of list) {
          now += pause
          if (meter.room(now, start + now, weight, 0.75) === 0) meter.take(now, start + now, weight)
          expect(meter.room(now, start + now, 5, 1)).toBe(0)
        }
        const mixed = play(spec, list, 0.25)
        if (spec.kind === 'sliding') expect(worstStretch(mixed, 1_000)).toBeLessThanOrEqual(20 + close)
      }),
      { numRuns: 100 },
    )
  })

  it('makes requests that need it impossible for others only', () => {
    const meter = meterOf(slidingWindow({ limit: 10, window: 1_000 }))
    expect(meter.room(0, 0, 9, 0.8)).toBe(Number.POSITIVE_INFINITY)
    expect(meter.room(0, 0, 9, 1)).toBe(0)
    expect(meter.room(0, 0, 11, 1)).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('what a wait is worth', () => {
  it.each([
    ['sliding window', slidingWindow({ limit: 20, window: 1_000, margin: 10 })],
    ['token bucket', tokenBucket({ capacity: 20, refill: 10, margin: 10 })],
    ['fixed window', fixedWindow({ limit: 20, window: 1_000, margin: 30, clockError: 10 })],
  ])('after it there is room, and not much earlier: %s', (_name, spec) => {
    fc.assert(
      fc.property(steps(integers), integers, (list, weight) => {
        const meter = meterOf(spec)
        let now = 0
        for (const step of list) {
          now += step.pause
          if (meter.room(now, start + now, step.weight, 1) === 0) meter.take(now, start + now, step.weight)
        }
        const wait = meter.room(now, start + now, weight, 1)
        if (wait === 0) return
        expect(meter.room(now + wait * 0.99 - 0.001, start + now + wait * 0.99 - 0.001, weight, 1)).toBeGreaterThan(0)
        expect(meter.room(now + wait + 0.001, start + now + wait + 0.001, weight, 1)).toBe(0)
      }),
      { numRuns: 200 },
    )
  })
})

describe('what the venue says', () => {
  const now = 10
  const venueNow = start + 10

  it.each([
    ['sliding window', slidingWindow({ limit: 100, window: 1_000 })],
    ['token bucket', tokenBucket({ capacity: 100, refill: 1 })],
    ['fixed window', fixedWindow({ limit: 100, window: 60_000 })],
  ])('counts what others used once, however many answers tell of it: %s', (_name, spec) => {
    const meter = meterOf(spec)
    meter.take(now, venueNow, 5)
    const first = meter.mark(now, venueNow)
    meter.take(now, venueNow, 5)
    const second = meter.mark(now, venueNow)
    // Others used 30 before either was counted.
    meter.observe(now, venueNow, 35, first)
    expect(meter.level(now, venueNow)).toBeCloseTo(40)
    meter.observe(now, venueNow, 40, second)
    expect(meter.level(now, venueNow)).toBeCloseTo(40)
    // An answer that was overtaken takes nothing back.
    meter.observe(now, venueNow, 5, first)
    expect(meter.level(now, venueNow)).toBeCloseTo(40)
    // 10 more of others.
    meter.take(now, venueNow, 1)
    meter.observe(now, venueNow, 51, meter.mark(now, venueNow))
    expect(meter.level(now, venueNow)).toBeCloseTo(51)
  })

  it('leaves a window alone when the answer may speak of the one before', () => {
    const meter = meterOf(fixedWindow({ limit: 100, window: 1_000 }))
    meter.take(0, 5_900, 80)
    const mark = meter.mark(0, 5_900)
    meter.observe(0, 6_010, 95, mark)
    expect(meter.level(0, 6_010)).toBe(0)
    meter.take(0, 6_020, 1)
    meter.observe(0, 6_030, 4, meter.mark(0, 6_020))
    expect(meter.level(0, 6_030)).toBe(4)
  })

  it('is believed without a mark only as far as it exceeds all that was granted', () => {
    const meter = meterOf(fixedWindow({ limit: 100, window: 60_000 }))
    meter.take(now, venueNow, 10)
    meter.observe(now, venueNow, 8, Number.NaN)
    expect(meter.level(now, venueNow)).toBe(10)
    meter.observe(now, venueNow, 25, Number.NaN)
    expect(meter.level(now, venueNow)).toBe(25)
  })

  it('cannot make a bucket overflow for days', () => {
    const meter = meterOf(tokenBucket({ capacity: 100, refill: 100 }))
    meter.observe(now, venueNow, 1e15, Number.NaN)
    expect(meter.room(now, venueNow, 1, 1)).toBeLessThanOrEqual(1_010)
  })

  it('lowers a limit and raises it again, never above the specified one', () => {
    const meter = meterOf(slidingWindow({ limit: 100, window: 1_000 }))
    meter.observeLimit(20)
    expect(meter.room(0, 0, 21, 1)).toBe(Number.POSITIVE_INFINITY)
    meter.observeLimit(400)
    expect(meter.limit).toBe(100)
    meter.observeLimit(0)
    meter.observeLimit(Number.NaN)
    expect(meter.limit).toBe(100)
    meter.observeLimit(0.001)
    expect(meter.limit).toBe(1)
  })
})

describe('options', () => {
  it.each([
    [() => tokenBucket({ capacity: 0, refill: 1 }), ['capacity']],
    [() => tokenBucket({ capacity: 2, refill: 1_000, margin: 100 }), ['margin']],
    [() => decayingCounter({ limit: 2, decay: 0 }), ['decay']],
    [() => slidingWindow({ limit: 2, window: 0 }), ['window']],
    [() => slidingWindow({ limit: 2, window: 10, entries: 4 }), ['entries']],
    [() => fixedWindow({ limit: 2, window: 100, margin: 60, clockError: 20 }), ['margin']],
    [() => fixedWindow({ limit: 2, window: 100, usedHeader: 'X-Used' }), ['usedHeader']],
    [() => fixedWindow({ limit: 2, widow: 100 } as never), ['window']],
  ])('are refused by the field: %#', (make, path) => {
    expect(make).toThrow(
      expect.objectContaining({
        code: 'ERR_TICKWIRE_CONFIG',
        issues: expect.arrayContaining([expect.objectContaining({ path })]),
      }),
    )
  })
})
