import type { ClassReport, SinkReport } from '../../../bench/hub/sink.ts'
import type { Kind, Policy } from './kinds.ts'

/** What the publisher's process tells, several times a second. Counters are since its start. */
export interface HubSnapshot {
  readonly atMs: number
  readonly published: number
  readonly deliveries: number
  readonly bytes: number
  readonly writes: number
  readonly skipped: number
  readonly conflated: number
  readonly disconnects: number
  readonly cpuMs: number
  readonly rssBytes: number
}

/** What the slow policy did since the last time, taken together. */
export interface SlowDeed {
  readonly policy: Policy
  readonly phase: 'began' | 'ended'
  readonly subscribers: number
  readonly missed: number
}

export type HubMessage =
  | { readonly url: string }
  | { readonly snapshot: HubSnapshot; readonly deeds: readonly SlowDeed[] }

interface Point {
  readonly hub: HubSnapshot
  readonly sink: SinkReport
}

const ratePoints = 6
const historyPoints = 60

/** The newest reports of both ends, and what follows from several of them. */
export class Track {
  readonly kinds: readonly Kind[]
  /** p99 of those who read all, over time, for the little chart. */
  readonly p99: number[] = []
  #points: Point[] = []
  #firstRss = Number.NaN

  constructor(kinds: readonly Kind[]) {
    this.kinds = kinds
  }

  add(hub: HubSnapshot, sink: SinkReport): void {
    this.#points.push({ hub, sink })
    if (this.#points.length > ratePoints) this.#points.shift()
    if (Number.isNaN(this.#firstRss)) this.#firstRss = hub.rssBytes
    this.p99.push(sink.classes.find(({ name }) => name === 'fast')?.latency.p99 || Number.NaN)
    if (this.p99.length > historyPoints) this.p99.shift()
  }

  get hub(): HubSnapshot | undefined {
    return this.#points.at(-1)?.hub
  }

  /** Growth of the publisher's memory since the first report, bytes. */
  get growth(): number {
    return (this.hub?.rssBytes ?? Number.NaN) - this.#firstRss
  }

  /** Of the publisher, per second. */
  rate(of: (hub: HubSnapshot) => number): number {
    const [first, last] = [this.#points[0], this.#points.at(-1)]
    if (!first || !last || first === last) return Number.NaN
    return ((of(last.hub) - of(first.hub)) / (last.hub.atMs - first.hub.atMs)) * 1000
  }

  class(name: string): ClassReport | undefined {
    return this.#points.at(-1)?.sink.classes.find((each) => each.name === name)
  }

  /** Messages per second that one of a kind gets. */
  classRate(name: string): number {
    const [first, last] = [this.#points[0], this.#points.at(-1)]
    if (!first || !last || first === last) return Number.NaN
    const messages = (point: Point): number =>
      point.sink.classes.find((each) => each.name === name)?.messages ?? Number.NaN
    const connections = this.class(name)?.connections ?? Number.NaN
    return ((messages(last) - messages(first)) / connections / (last.sink.atNs - first.sink.atNs)) * 1e9
  }
}
