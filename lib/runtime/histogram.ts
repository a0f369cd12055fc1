/** Log-linear latency histograms in memory that both sides see (`HistogramLayout`). */

import { HistogramLayout } from '../native/addon.js'

const { headerBytes, buckets, bytes } = HistogramLayout
const two30 = 1_073_741_824
const two32 = 4_294_967_296
const headerWords = headerBytes / 8

/** The bucket that a value in nanoseconds falls into. */
export function bucketOf(ns: number): number {
  if (ns < 32) return Math.floor(ns)
  if (ns < two30) {
    const value = ns | 0
    const exponent = 31 - Math.clz32(value)
    return (exponent - 4) * 32 + ((value >>> (exponent - 5)) & 31)
  }
  const exponent = ns < two32 ? 31 - Math.clz32(ns) : 63 - Math.clz32(ns / two32)
  const bucket = (exponent - 4) * 32 + (Math.floor(ns / 2 ** (exponent - 5)) & 31)
  return bucket < buckets ? bucket : buckets - 1
}

/** The largest integer value that falls into a bucket. */
export function bucketTop(bucket: number): number {
  if (bucket < 32) return bucket
  const exponent = Math.floor(bucket / 32) + 4
  return (32 + (bucket % 32) + 1) * 2 ** (exponent - 5) - 1
}

/** Writes the samples that arise on the JS thread: the only writer of its histogram. Allocates nothing. */
export class HistogramWriter {
  readonly #u32: Uint32Array
  /** Samples that are not entered yet: received when, delivered when, how many. */
  readonly #times = new Float64Array(2)
  #waiting = 0

  constructor(memory: ArrayBuffer, byteOffset: number) {
    this.#u32 = new Uint32Array(memory, byteOffset, bytes / 4)
  }

  /**
   * `count` samples from the time `from[at]` to the time `to[0]`. Samples of the same times are entered together: rows of one read
   * that are handed over one by one cost little. Times come in typed arrays because numbers that are no small integers are
   * allocated when they are passed on.
   */
  deliver(from: Float64Array, at: number, to: Float64Array, count: number): void {
    const times = this.#times
    if (from[at] !== times[0] || to[0] !== times[1]) {
      this.flush()
      times[0] = from[at] as number
      times[1] = to[0] as number
    }
    this.#waiting += count
  }

  /** Enters what `deliver` was told. To be called before the histogram is read. */
  flush(): void {
    if (this.#waiting === 0) return
    const times = this.#times
    this.record((times[1] as number) - (times[0] as number), this.#waiting)
    this.#waiting = 0
  }

  /** `count` samples of `ns` nanoseconds; negative ones (clocks of different sources) count as 0. */
  record(ns: number, count: number): void {
    const value = ns > 0 ? Math.floor(ns) : 0
    const u32 = this.#u32
    add(u32, 0, count)
    add(u32, 1, value * count)
    if (value > (u32[5] as number) * two32 + (u32[4] as number)) {
      u32[4] = value % two32
      u32[5] = Math.floor(value / two32)
    }
    add(u32, headerWords + bucketOf(value), count)
  }
}

// 64-bit words in two halves: bigints would allocate.
function add(u32: Uint32Array, word: number, n: number): void {
  const low = (u32[word * 2] as number) + n
  if (low < two32) {
    u32[word * 2] = low
    return
  }
  u32[word * 2] = low % two32
  u32[word * 2 + 1] = (u32[word * 2 + 1] as number) + Math.floor(low / two32)
}

/** A latency distribution at one moment, in nanoseconds. Percentiles are right to 1/32 (about 3 %) and never too low. */
export interface LatencySnapshot {
  /** Samples. */
  readonly count: number
  /** NaN without samples, like the percentiles. */
  readonly meanNs: number
  readonly maxNs: number
  readonly p50Ns: number
  readonly p99Ns: number
  readonly p999Ns: number
  /** The value that the share `q` of the samples does not exceed. @throws RangeError when `q` is not within 0…1. */
  percentileNs(q: number): number
  /** The samples between `earlier`, a snapshot of the same stage, and this one; its `maxNs` is right to 1/32 only. */
  since(earlier: LatencySnapshot): LatencySnapshot
}

class Snapshot implements LatencySnapshot {
  readonly count: number
  readonly meanNs: number
  readonly maxNs: number
  readonly p50Ns: number
  readonly p99Ns: number
  readonly p999Ns: number
  readonly #sum: number
  readonly #counts: Float64Array

  constructor(counts: Float64Array, sum: number, max: number) {
    this.#counts = counts
    this.#sum = sum
    // From the buckets themselves, so that percentiles fit what was copied while the writer went on.
    let count = 0
    for (let i = 0; i < counts.length; i++) count += counts[i] as number
    this.count = count
    this.meanNs = count === 0 ? Number.NaN : sum / count
    this.maxNs = count === 0 ? Number.NaN : max
    ;[this.p50Ns, this.p99Ns, this.p999Ns] = this.#percentiles([0.5, 0.99, 0.999]) as [number, number, number]
  }

  percentileNs(q: number): number {
    if (!(q >= 0 && q <= 1)) throw new RangeError('a percentile is a share from 0 to 1')
    return this.#percentiles([q])[0] as number
  }

  /** Of ascending shares, in one pass: statistics are asked for again and again. */
  #percentiles(shares: readonly number[]): number[] {
    const counts = this.#counts
    let bucket = 0
    let seen = counts[0] as number
    return shares.map((q) => {
      if (this.count === 0) return Number.NaN
      const rank = Math.max(1, Math.ceil(q * this.count))
      while (seen < rank && bucket < buckets - 1) seen += counts[++bucket] as number
      return bucket === buckets - 1 ? this.maxNs : Math.min(bucketTop(bucket), this.maxNs)
    })
  }

  since(earlier: LatencySnapshot): LatencySnapshot {
    if (!(earlier instanceof Snapshot)) throw new TypeError('not a latency snapshot')
    const before = earlier.#counts
    const counts = this.#counts.map((n, i) => Math.max(0, n - (before[i] as number)))
    const top = counts.findLastIndex((n) => n > 0)
    const max = top < 0 ? 0 : Math.min(this.maxNs, top === buckets - 1 ? this.maxNs : bucketTop(top))
    return new Snapshot(counts, Math.max(0, this.#sum - earlier.#sum), max)
  }
}

/** Copies the histogram at `byteOffset`; reading costs its writer nothing. */
export function snapshotHistogram(memory: ArrayBuffer, byteOffset: number): LatencySnapshot {
  const u32 = new Uint32Array(memory, byteOffset, bytes / 4)
  const counts = new Float64Array(buckets)
  for (let i = 0; i < buckets; i++) counts[i] = load(u32, headerWords + i)
  return new Snapshot(counts, load(u32, 1), load(u32, 2))
}

// A 64-bit word whose writer may be at it: by its halves, since a bigint for each bucket is garbage. The upper one looks the same before and
// after the lower one was read unless that has just begun anew.
function load(u32: Uint32Array, word: number): number {
  for (;;) {
    const high = Atomics.load(u32, word * 2 + 1)
    const low = Atomics.load(u32, word * 2)
    if (Atomics.load(u32, word * 2 + 1) === high) return high * two32 + low
  }
}
