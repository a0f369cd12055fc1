import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ClockOffset, type ClockOffsetOptions } from '../../lib/policy/clock-offset.js'
import { VirtualTime } from '../support/virtual-time.js'

/** Asks a venue whose clock is `offset` ahead and runs faster by `ppm`. */
function setup(options: ClockOffsetOptions = {}, offset = 0, ppm = 0) {
  const time = new VirtualTime()
  const clock = new ClockOffset(options, time)
  const venue = { offset }
  const venueNow = (): number => time.origin + time.now() * (1 + ppm * 1e-6) + venue.offset
  const sample = (thereMs: number, backMs: number): boolean => {
    const sentAt = time.now()
    time.advance(thereMs)
    const told = Math.floor(venueNow())
    time.advance(backMs)
    return clock.add(sentAt, time.now(), told)
  }
  return { time, clock, venue, venueNow, sample, wrongBy: () => Math.abs(clock.now() - venueNow()) }
}

describe('the venue’s clock', () => {
  it('is ours until something is known', () => {
    const { clock, time } = setup({}, 5_000)
    expect(clock.ms).toBe(0)
    expect(clock.errorMs).toBe(Number.POSITIVE_INFINITY)
    expect(clock.timestamp()).toBe(time.origin)
    expect(clock.recvWindow(1_000, 30_000)).toBe(30_000)
    expect(clock.validMs(5_000)).toBe(10_001)
    expect(clock.nextSampleIn()).toBe(0)
  })

  it('is known to within half of the shortest round trips, however the way is split', () => {
    const way = fc.record({
      there: fc.double({ min: 0, max: 20, noNaN: true }),
      back: fc.double({ min: 0, max: 20, noNaN: true }),
      pause: fc.integer({ min: 100, max: 2_000 }),
    })
    fc.assert(
      fc.property(
        fc.integer({ min: -100_000, max: 100_000 }),
        fc.array(way, { minLength: 5, maxLength: 30 }),
        (offset, ways) => {
          const { time, sample, wrongBy, clock } = setup({}, offset)
          for (const { there, back, pause } of ways) {
            sample(there, back)
            time.advance(pause)
          }
          // Five of the last nine round trips are at most 40 ms: half of that, and the rounding.
          expect(wrongBy()).toBeLessThanOrEqual(20.5)
          expect(clock.errorMs).toBeGreaterThan(0)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('is not disturbed by slow round trips', () => {
    const { sample, wrongBy, time } = setup({}, 750)
    for (let i = 0; i < 9; i++) {
      if (i % 2 === 0) sample(5, 5)
      else sample(400, 10)
      time.advance(1_000)
    }
    expect(wrongBy()).toBeLessThan(1)
  })

  it('may be found to run faster than ours', () => {
    const { sample, wrongBy, time, clock } = setup({}, 0, 40)
    for (let i = 0; i < 40; i++) {
      sample(3, 3)
      time.advance(30_000)
    }
    expect(clock.driftPpm).toBeGreaterThan(30)
    expect(clock.driftPpm).toBeLessThan(50)
    // An hour without samples: 144 ms without knowledge of the drift.
    time.advance(3_600_000)
    expect(wrongBy()).toBeLessThan(40)
  })

  it('is followed when it is set, and one mad sample is not believed', () => {
    const { sample, wrongBy, time, clock, venue } = setup({}, 100)
    for (let i = 0; i < 9; i++) {
      sample(5, 5)
      time.advance(1_000)
    }
    expect(clock.add(time.now(), time.now() + 10, time.origin + time.now() + 60_000)).toBe(false)
    expect(clock.nextSampleIn()).toBe(0)
    expect(wrongBy()).toBeLessThan(2)
    expect(sample(5, 5)).toBe(true)
    venue.offset = 3_000
    expect([sample(5, 5), sample(5, 5), sample(5, 5)]).toEqual([false, false, true])
    expect(wrongBy()).toBeLessThan(2)
  })

  it('is asked often at first, then now and then, and at once when it is doubted', () => {
    const { sample, time, clock } = setup({ samples: 3, first: 100, interval: 5_000 })
    const pauses: number[] = []
    for (let i = 0; i < 5; i++) {
      sample(0, 1)
      pauses.push(clock.nextSampleIn())
      time.advance(clock.nextSampleIn())
    }
    expect(pauses).toEqual([100, 100, 100, 5_000, 5_000])
    sample(0, 1)
    clock.doubt()
    expect(clock.nextSampleIn()).toBe(0)
  })

  it('takes nothing from samples that make no sense', () => {
    const { clock } = setup()
    for (const [sent, received, told] of [
      [10, 5, 1_700_000_000_000],
      [0, 5, Number.NaN],
      [0, 5, Number.POSITIVE_INFINITY],
      [Number.NaN, 5, 1_700_000_000_000],
    ] as const) {
      expect(clock.add(sent, received, told)).toBe(false)
    }
    expect(clock.samples).toBe(0)
    expect(() => new ClockOffset({ samples: 2 })).toThrow(
      expect.objectContaining({ issues: [expect.objectContaining({ path: ['samples'] })] }),
    )
  })

  it('tells how long requests have to be valid', () => {
    const { sample, time, clock } = setup()
    for (let i = 0; i < 9; i++) {
      sample(i === 4 ? 80 : 5, 5)
      time.advance(1_000)
    }
    expect(clock.recvWindow(100, 5_000)).toBeGreaterThanOrEqual(185)
    expect(clock.recvWindow(100, 5_000)).toBeLessThan(200)
    expect(clock.recvWindow(100, 150)).toBe(150)
    expect(clock.validMs(5_000)).toBeLessThan(5_010)
  })

  it('gives timestamps that a venue with a window accepts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -600_000, max: 600_000 }),
        fc.array(fc.double({ min: 0, max: 60, noNaN: true }), { minLength: 10, maxLength: 60 }),
        (offset, ways) => {
          const { time, sample, clock, venueNow } = setup({}, offset)
          for (let i = 0; i < 9; i++) {
            sample(ways[i % ways.length] as number, ways[(i + 1) % ways.length] as number)
            time.advance(200)
          }
          for (const way of ways) {
            const timestamp = clock.timestamp()
            time.advance(way)
            // Binance: not more than a second ahead, not older than recvWindow.
            expect(timestamp).toBeLessThan(venueNow() + 1_000)
            expect(venueNow() - timestamp).toBeLessThanOrEqual(clock.recvWindow(100))
          }
        },
      ),
      { numRuns: 100 },
    )
  })
})
