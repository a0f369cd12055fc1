import { FeedStates, HistogramLayout, MalformedKinds, StatCounters, StatsLayout } from '../native/addon.js'
import { HistogramWriter, type LatencySnapshot, snapshotHistogram } from './histogram.js'
import type { FeedState, MalformedKind } from './records.js'

type Reserved = 'reserved1' | 'malformed'

/** Counters that only feeds in the wire format have. */
const wireCounters = [
  'duplicates',
  'copyLagNs',
  'gaps',
  'missing',
  'recovered',
  'leftOut',
  'heartbeats',
  'skippedBytes',
  'overrun',
] as const

type WireCounter = (typeof wireCounters)[number]

/** Counters of a feed since it was opened. */
export type FeedCounters = { readonly [K in Exclude<(typeof StatCounters)[number], Reserved | WireCounter>]: number }

/** Everything a feed counts, at one moment. Plain data but for the latency snapshots' methods. */
export interface FeedStats extends FeedCounters {
  /** As of now; events may lag behind. */
  readonly state: FeedState
  /** Messages refused. */
  readonly malformed: number
  /** Messages refused, by reason. */
  readonly malformedBy: { readonly [K in MalformedKind]: number }
  readonly latency: {
    /** Kernel's receive stamp → read by the core, per message; no samples where the kernel gives no stamps. */
    readonly kernelToNative: LatencySnapshot
    /** Read by the core → visible in the event ring, per message; those of one read share their time. */
    readonly nativeToRing: LatencySnapshot
    /**
     * Read by the core → handed to JS, per row or message: the whole way through core and ring. Every row of a batch counts
     * with the receive time of the batch's first and the moment at which the batch was handed over.
     */
    readonly nativeToJs: LatencySnapshot
  }
}

/** Everything a feed in the wire format counts. */
export interface WireFeedStats extends FeedStats {
  /** @internal Of an arbiter's feeds. */
  readonly copyLagNs: number
  /** Messages that had come before, and were dropped. */
  readonly duplicates: number
  /** Ranges of sequence numbers that did not come when they were due. */
  readonly gaps: number
  /** Messages in them. */
  readonly missing: number
  /** Of these, came after all. */
  readonly recovered: number
  /** Messages that the sender left out because newer ones of their key took their place. */
  readonly leftOut: number
  /** Heartbeats of the sender. */
  readonly heartbeats: number
  /** Bytes that belonged to no intact frame. */
  readonly skippedBytes: number
  /** Records of shared memory that were overwritten before they were read. */
  readonly overrun: number
}

const [kernelToNative, nativeToRing, nativeToJs] = [0, 1, 2].map(
  (i) => StatsLayout.histogramsOffset + i * HistogramLayout.bytes,
) as [number, number, number]

const connectsOffset = StatsLayout.countersOffset + StatCounters.indexOf('connects') * 8

/** The memory in which the core counts, and JS its own part. */
export class StatsMemory {
  readonly memory: ArrayBuffer
  /** Samples of `nativeToJs`. */
  readonly delivery: HistogramWriter
  readonly #state: Int32Array
  readonly #connects: BigUint64Array
  readonly #counters: BigUint64Array

  /** @param bytes of the memory; more than a feed's when others count behind it. */
  constructor(bytes: number = StatsLayout.bytes) {
    this.memory = new ArrayBuffer(bytes)
    this.delivery = new HistogramWriter(this.memory, nativeToJs)
    this.#state = new Int32Array(this.memory, StatsLayout.stateOffset, 4)
    this.#connects = new BigUint64Array(this.memory, connectsOffset, 1)
    this.#counters = new BigUint64Array(this.memory, StatsLayout.countersOffset, StatCounters.length)
  }

  /** Number of the greeting that the connection got. */
  get greeting(): number {
    return Atomics.load(this.#state, StatsLayout.greetingOffset / 4)
  }

  get state(): FeedState {
    return FeedStates[Atomics.load(this.#state, 0)] ?? 'disconnected'
  }

  /** Connections that opened so far, as of now. */
  get connects(): number {
    return Number(Atomics.load(this.#connects, 0))
  }

  /** Of an arbiter's feeds. */
  arbitration(): { rows: number; duplicates: number; copyLagNs: number; bytes: number } {
    const read = (name: (typeof StatCounters)[number]): number =>
      Number(Atomics.load(this.#counters, StatCounters.indexOf(name)))
    return { rows: read('rows'), duplicates: read('duplicates'), copyLagNs: read('copyLagNs'), bytes: read('bytes') }
  }

  /** All counters, those of the wire format included. */
  snapshot(): WireFeedStats {
    const memory = this.memory
    this.delivery.flush()
    const { malformed, reserved1: _1, ...counters } = readCounters(memory, StatsLayout.countersOffset, StatCounters)
    return {
      state: this.state,
      ...counters,
      malformed,
      malformedBy: readCounters(memory, StatsLayout.malformedOffset, MalformedKinds),
      latency: {
        kernelToNative: snapshotHistogram(memory, kernelToNative),
        nativeToRing: snapshotHistogram(memory, nativeToRing),
        nativeToJs: snapshotHistogram(memory, nativeToJs),
      },
    }
  }
}

/** Counters as of now, by name. */
export function readCounters<K extends string>(
  memory: ArrayBuffer,
  offset: number,
  names: readonly K[],
): Record<K, number> {
  const words = new BigUint64Array(memory, offset, names.length)
  return Object.fromEntries(names.map((name, i) => [name, Number(Atomics.load(words, i))])) as Record<K, number>
}

/** The snapshot without what only the wire format counts. */
export function feedStats(all: WireFeedStats): FeedStats {
  const stats: { [name: string]: unknown } = { ...all }
  for (const name of wireCounters) delete stats[name]
  return stats as unknown as FeedStats
}
