import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HistogramLayout } from '../../lib/native/addon.js'
import { bucketOf, bucketTop, HistogramWriter, snapshotHistogram } from '../../lib/runtime/histogram.js'

const memoryOf = (): ArrayBuffer => new ArrayBuffer(64 + HistogramLayout.bytes)

/** The layout's definition, in integers. */
function referenceBucket(v: bigint): number {
  if (v < 32n) return Number(v)
  const e = BigInt(v.toString(2).length - 1)
  const bucket = (e - 4n) * 32n + ((v >> (e - 5n)) & 31n)
  return bucket < 1_152n ? Number(bucket) : 1_151
}

describe('latency histogram', () => {
  it('puts values into the buckets that the layout defines', () => {
    for (const v of [
      0,
      1,
      31,
      32,
      33,
      63,
      64,
      65,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 39,
      2 ** 40 - 1,
      2 ** 40,
      2 ** 52,
    ]) {
      expect(bucketOf(v), String(v)).toBe(referenceBucket(BigInt(v)))
    }
    fc.assert(
      fc.property(fc.maxSafeNat(), (v) => bucketOf(v) === referenceBucket(BigInt(v))),
      { numRuns: 2_000 },
    )
  })

  it('knows the top of every bucket', () => {
    for (let bucket = 0; bucket < HistogramLayout.buckets - 1; bucket++) {
      expect(bucketOf(bucketTop(bucket))).toBe(bucket)
      expect(bucketOf(bucketTop(bucket) + 1)).toBe(bucket + 1)
    }
  })

  it('counts, sums and keeps the maximum, also beyond 32 bits', () => {
    const memory = memoryOf()
    const writer = new HistogramWriter(memory, 64)
    writer.record(3_000_000_000, 5)
    writer.record(10_000_000_000, 1)
    writer.record(-5, 2)
    writer.record(7.9, 1)
    const words = new BigUint64Array(memory, 64)
    expect(words[0]).toBe(9n)
    expect(words[1]).toBe(25_000_000_007n)
    expect(words[2]).toBe(10_000_000_000n)
    const snapshot = snapshotHistogram(memory, 64)
    expect(snapshot.count).toBe(9)
    expect(snapshot.maxNs).toBe(10_000_000_000)
    expect(snapshot.meanNs).toBeCloseTo(25_000_000_007 / 9)
  })

  it('carries counts over 2^32', () => {
    const memory = memoryOf()
    const writer = new HistogramWriter(memory, 64)
    writer.record(1, 4_000_000_000)
    writer.record(1, 4_000_000_000)
    expect(snapshotHistogram(memory, 64).count).toBe(8_000_000_000)
  })

  it('has percentiles that are never too low and at most 1/32 too high', () => {
    const value = fc.oneof(fc.nat(100), fc.nat(1_000_000), fc.integer({ min: 0, max: 2 ** 39 }))
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 200 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, q) => {
          const memory = memoryOf()
          const writer = new HistogramWriter(memory, 64)
          for (const v of values) writer.record(v, 1)
          const sorted = values.toSorted((a, b) => a - b)
          const exact = sorted[Math.max(1, Math.ceil(q * values.length)) - 1] as number
          const measured = snapshotHistogram(memory, 64).percentileNs(q)
          expect(measured).toBeGreaterThanOrEqual(exact)
          expect(measured).toBeLessThanOrEqual(exact * (1 + 1 / 32))
        },
      ),
    )
  })

  it('gives the difference of two snapshots', () => {
    const memory = memoryOf()
    const writer = new HistogramWriter(memory, 64)
    writer.record(1_000_000, 10)
    const before = snapshotHistogram(memory, 64)
    writer.record(100, 3)
    const since = snapshotHistogram(memory, 64).since(before)
    expect(since.count).toBe(3)
    expect(since.meanNs).toBe(100)
    expect(since.p50Ns).toBe(bucketTop(bucketOf(100)))
    expect(since.maxNs).toBe(bucketTop(bucketOf(100)))
  })

  it('has no percentiles without samples', () => {
    const snapshot = snapshotHistogram(memoryOf(), 64)
    expect(snapshot.count).toBe(0)
    expect(snapshot.p99Ns).toBeNaN()
    expect(snapshot.meanNs).toBeNaN()
    expect(() => snapshot.percentileNs(1.1)).toThrow(RangeError)
  })
})
