import type { WorkloadName } from '../../examples/venue/cycle.ts'

export type SideName = 'ours' | 'ws' | 'ws-skip-utf8' | 'node'

/** How the core is driven; see `sides/ours.ts`. */
export type OursMode = 'park' | 'spin' | 'inline' | 'spinning-worker' | 'spinning-worker-parked-loop'

/** What a consumer process is asked to do. Handed over as JSON in its first argument. */
export interface Task {
  readonly kind: 'throughput' | 'latency' | 'freshness' | 'blocked' | 'alloc' | 'reconnect'
  readonly side: SideName
  readonly mode?: OursMode
  readonly url: string
  readonly workload: WorkloadName
  /** Messages per cycle. */
  readonly cycle: number
  /** Trust anchor, PEM. */
  readonly ca?: string
  readonly deflate?: boolean
  readonly overflow?: 'block' | 'conflate' | 'dropOldest'
  /** Milliseconds. */
  readonly warmUpMs?: number
  readonly measureMs?: number
  /** Samples, messages or connections, whatever the kind counts. */
  readonly count?: number
  /** CPU for the core's thread. */
  readonly loopCpu?: number
}

/** What each consumer says about the load it has taken. */
export interface Load {
  readonly messages: number
  readonly wallNs: number
  /** CPU time of the JS thread, of the core's thread, of the whole process. */
  readonly mainCpuNs: number
  readonly loopCpuNs: number
  readonly totalCpuNs: number
  /** The same on every side that decoded the same; NaN while no cycle was completed. */
  readonly checksum: number
  /** Cycles with another checksum than the first. */
  readonly badCycles: number
}
