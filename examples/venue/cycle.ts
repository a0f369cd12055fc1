import { type DeflateAgreement, deflateMessages } from './deflate.ts'
import { frame } from './frames.ts'
import { stampBase } from './messages.ts'
import { Simulator, type SimulatorOptions } from './simulator.ts'

/** What a replay plays; consumers need the same names to know what to decode. */
export const workloads = {
  /** Book tickers of about 150 bytes. */
  ticker: { mix: { bookTicker: 1 } },
  /** Four shapes, evenly. */
  shapes: { mix: { bookTicker: 1, aggTrade: 1, depthUpdate: 1, kline: 1 }, depth: 5 },
  /** Depth updates with 20 levels on each side. */
  depth: { mix: { depthUpdate: 1 }, depth: 20 },
} as const satisfies Record<string, SimulatorOptions>

export type WorkloadName = keyof typeof workloads

export function isWorkload(name: string): name is WorkloadName {
  return Object.hasOwn(workloads, name)
}

export interface CycleOptions {
  readonly workload: WorkloadName
  readonly messages: number
  readonly seed: number
  /** The messages have room for the sender's clock. */
  readonly stamped: boolean
  readonly deflate: DeflateAgreement | null
}

/** Framed messages that may be sent round and round. */
export interface Cycle {
  readonly messages: number
  readonly bytes: Buffer
  /** Start of each frame in `bytes`, and the end of the last. */
  readonly starts: Uint32Array
  /** Where a message's sixteen digits are in `bytes`. */
  readonly stamps: Uint32Array
}

export function cycleTexts(options: Omit<CycleOptions, 'deflate'>): string[] {
  const { workload, seed, stamped, messages } = options
  return new Simulator({ ...workloads[workload], seed, stamped }).take(messages)
}

export async function buildCycle(options: CycleOptions): Promise<Cycle> {
  const texts = cycleTexts(options)
  if (options.stamped && options.deflate) throw new RangeError('a compressed message has no room for a clock')
  const frames = options.deflate
    ? (await deflateMessages(texts, options.deflate)).map((payload) => frame(payload, { rsv: 4 }))
    : texts.map((text) => frame(text))

  const starts = new Uint32Array(frames.length + 1)
  const stamps = new Uint32Array(options.stamped ? frames.length : 0)
  const blank = `"T":${stampBase}`
  let at = 0
  frames.forEach((bytes, i) => {
    starts[i] = at
    if (options.stamped) stamps[i] = at + bytes.indexOf(blank) + 4
    at += bytes.length
  })
  starts[frames.length] = at
  return { messages: frames.length, bytes: Buffer.concat(frames), starts, stamps }
}
