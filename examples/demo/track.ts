import type { Happening, Snapshot } from './side.ts'

const ratePoints = 5
const historyPoints = 60

/** What the screen knows of one side: its newest snapshot, and what follows from several of them. */
export class Track {
  readonly name: string
  #snapshots: Snapshot[] = []
  readonly happenings: (Happening & { readonly side: string; readonly seconds: number })[] = []
  /** p99 over time, for the little chart. */
  readonly p99: number[] = []
  /** The side's process is gone. */
  ended = false

  constructor(name: string) {
    this.name = name
  }

  add(snapshot: Snapshot): void {
    this.#snapshots.push(snapshot)
    if (this.#snapshots.length > ratePoints + 1) this.#snapshots.shift()
    this.p99.push(snapshot.sent.p99)
    if (this.p99.length > historyPoints) this.p99.shift()
  }

  get now(): Snapshot | undefined {
    return this.#snapshots.at(-1)
  }

  /** Messages per second. */
  get rate(): number {
    return this.#perMs((snapshot) => snapshot.messages) * 1000
  }

  /** Share of a CPU that the strategy's thread takes, and the whole process. */
  get mainLoad(): number {
    return this.#perMs((snapshot) => snapshot.mainCpuMs)
  }

  get totalLoad(): number {
    return this.#perMs((snapshot) => snapshot.totalCpuMs)
  }

  #perMs(of: (snapshot: Snapshot) => number): number {
    const first = this.#snapshots[0]
    const last = this.#snapshots.at(-1)
    if (first === undefined || last === undefined || last.atMs === first.atMs) return Number.NaN
    return (of(last) - of(first)) / (last.atMs - first.atMs)
  }
}
