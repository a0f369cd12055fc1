/** A figure; further keys say how it came about. */
export interface Figure {
  readonly metric: string
  readonly unit: string
  readonly ours: number
  /** How ours was driven, where that is varied. */
  readonly mode?: string
  readonly peers: Readonly<Record<string, number>>
  /** The least that could have been counted: stands for nothing at all in ratios. */
  readonly resolution?: number
  /** Rounds of which the figure is the median. */
  readonly runs?: number
  /** Who ran where. */
  readonly cpus?: string
  readonly note?: string
  /** Further figures that belong to it, in the same unit. */
  readonly also?: Readonly<Record<string, number>>
}

export interface BenchContext {
  /** Done within 45 seconds, at the price of noisier figures. */
  readonly quick: boolean
  /** Prints a line with the ratios to the peers: above 1 means that we are better. */
  emit(figure: Figure, better: 'more' | 'less'): void
  /** Prints a line that is complete already. */
  print(line: string): void
  /** For people: goes to stderr. */
  log(text: string): void
}

/** What a file of this directory exports. */
export type Bench = (context: BenchContext) => Promise<void>

export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** The smallest value with at least the share `q` of all values at or below it. */
export function quantile(sorted: Float64Array, q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN
}

/** Four significant digits: more would be noise. */
export function rounded(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : value
}
