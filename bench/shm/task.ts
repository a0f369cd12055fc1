/** What one pair of ends is asked to do. Handed over as JSON in the first argument, to both. */
export interface PipeTask {
  readonly kind: 'latency' | 'throughput'
  readonly side: PipeSide
  /** Bytes of a message, at least 8. */
  readonly bytes: number
  readonly warmUpMs: number
  readonly measureMs: number
  /** Where segments and sockets of this run lie. */
  readonly directory: string
}

export const pipeSides = ['ours', 'postMessage', 'ipc', 'zeromq'] as const
export type PipeSide = (typeof pipeSides)[number]

export interface LatencyResult {
  /** Half of the way there and back, nanoseconds. */
  readonly p50: number
  readonly p99: number
  readonly count: number
}

export interface ThroughputResult {
  readonly messagesPerSecond: number
}

/** Messages on their way at most, and how many of them the other end confirms at a time. */
export const window = 16_384
export const confirmEvery = 1_024
