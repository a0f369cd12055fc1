export interface Quantiles {
  readonly count: number
  /** Nanoseconds. */
  readonly p50: number
  readonly p99: number
  readonly p999: number
}

const perOctave = 16
const buckets = 48 * perOctave

/** Distribution of times over the last few seconds: logarithmic buckets 1/16 of an octave wide, in windows that roll on. */
export class Ages {
  readonly #windows: readonly Uint32Array[]
  readonly #sum = new Uint32Array(buckets)
  #current = 0

  constructor(windows = 25) {
    this.#windows = Array.from({ length: windows }, () => new Uint32Array(buckets))
  }

  add(ns: number): void {
    const bucket = ns <= 1 ? 0 : Math.min(buckets - 1, Math.floor(Math.log2(ns) * perOctave))
    const window = this.#windows[this.#current]
    if (window) window[bucket] = (window[bucket] ?? 0) + 1
  }

  /** Begins a new window, forgets the oldest, and tells about those that remain. */
  roll(): Quantiles {
    this.#sum.fill(0)
    let count = 0
    for (const window of this.#windows) {
      for (let i = 0; i < buckets; i++) {
        const n = window[i] ?? 0
        if (n === 0) continue
        this.#sum[i] = (this.#sum[i] ?? 0) + n
        count += n
      }
    }
    this.#current = (this.#current + 1) % this.#windows.length
    this.#windows[this.#current]?.fill(0)
    return { count, p50: this.#at(count, 0.5), p99: this.#at(count, 0.99), p999: this.#at(count, 0.999) }
  }

  #at(count: number, q: number): number {
    if (count === 0) return Number.NaN
    let left = Math.ceil(count * q)
    for (let i = 0; i < buckets; i++) {
      left -= this.#sum[i] ?? 0
      if (left <= 0) return 2 ** ((i + 0.5) / perOctave)
    }
    return Number.NaN
  }
}
