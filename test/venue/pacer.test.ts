/** The pace of what is sent on a connection. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Pacer } from '../../lib/venue/market-data/pacer.js'

const unlimited = Number.POSITIVE_INFINITY

describe('Pacer', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  /** When each was sent, and how often the owner was told to wait. */
  function start(perSecond: number, perHour: number) {
    const times: number[] = []
    const rig = { times, blocked: 0, open: true }
    const pacer = new Pacer<number>(
      { perSecond, perHour },
      () => {
        if (rig.open) times.push(performance.now())
        return rig.open
      },
      () => rig.blocked++,
    )
    return Object.assign(rig, { pacer })
  }
  const most = (times: readonly number[], spanMs: number): number =>
    Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + spanMs).length))

  it('keeps within a second and an hour, whatever is asked for', () => {
    const { pacer, times } = start(5, 100)
    expect(pacer.burst).toBe(4)
    pacer.restart(3)
    for (let i = 0; i < 50; i++) {
      pacer.push(...Array.from({ length: 7 }, (_, n) => n))
      vi.advanceTimersByTime(i * 731)
    }
    vi.advanceTimersByTime(4 * 3_600_000)
    expect(times.length).toBe(350)
    expect(most(times, 1_000)).toBe(4)
    expect(most(times, 3_600_000)).toBe(100)
    // What a connection was opened with counts.
    expect(times.filter((at) => at - (times[0] as number) < 3_600_000).length).toBeLessThanOrEqual(97 + 3)
  })

  it('tells when the hour is used up, and not when a second is', () => {
    const rig = start(5, 10)
    rig.pacer.push(1, 2, 3, 4, 5, 6)
    expect(rig.blocked).toBe(0)
    vi.advanceTimersByTime(2_000)
    rig.pacer.push(1, 2, 3, 4, 5)
    vi.advanceTimersByTime(2_000)
    expect(rig.times.length).toBe(10)
    expect(rig.blocked).toBe(1)
    // Whoever did not listen is told again.
    rig.pacer.push(6)
    expect(rig.blocked).toBe(2)
    // A new connection may send as much again.
    rig.pacer.restart(0)
    rig.pacer.push(1, 2)
    expect(rig.times.length).toBe(12)
  })

  it('sends without limits what has none, and drops what waits when the connection is gone', () => {
    const free = start(unlimited, unlimited)
    free.pacer.push(...Array.from({ length: 1_000 }, (_, n) => n))
    expect(free.times.length).toBe(1_000)
    const rig = start(2, unlimited)
    rig.pacer.push(1, 2, 3)
    rig.open = false
    vi.advanceTimersByTime(10_000)
    rig.open = true
    vi.advanceTimersByTime(10_000)
    expect(rig.times.length).toBe(1)
  })
})
