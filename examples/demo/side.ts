import { monoNs } from '../venue/clock.ts'
import { stampBase } from '../venue/messages.ts'
import { Ages, type Quantiles } from './ages.ts'
import { type Market, Strategy } from './strategy.ts'

/** What a side's process tells the screen, several times a second. */
export interface Snapshot {
  /** Milliseconds since the side began. */
  readonly atMs: number
  readonly state: string
  readonly messages: number
  /** Sender's write → strategy; only the embedded simulator stamps its messages. */
  readonly sent: Quantiles
  /** Kernel → strategy and native receive → strategy, by the core's stamps. */
  readonly kernel: Quantiles | null
  readonly native: Quantiles | null
  /** CPU time so far, milliseconds: of the thread that runs the strategy, and of the whole process. */
  readonly mainCpuMs: number
  readonly totalCpuMs: number
  readonly reconnects: number
  readonly malformed: number
  /** Rows dropped or conflated because the strategy was slow. */
  readonly lost: number
  /** Milliseconds in spans of over 100 ms without a message, since the first message. */
  readonly silentMs: number
  readonly markets: readonly Market[]
}

/** Something that happened on a side. */
export interface Happening {
  readonly atMs: number
  readonly text: string
  readonly tone: 'good' | 'bad' | 'plain'
}

export type SideMessage = { readonly snapshot: Snapshot } | { readonly happening: Happening }

/** What a side is told at its start, as JSON in its first argument. */
export interface SideTask {
  readonly url: string
  /** Milliseconds without data after which the connection is given up. */
  readonly idleMs: number
}

export const snapshotIntervalMs = 200
const silenceMs = 100

interface Source {
  readonly state: string
  readonly reconnects: number
  readonly malformed: number
  readonly lost: number
}

/** The part of a side that does not depend on how messages arrive. */
export class Side {
  readonly strategy = new Strategy()
  readonly task = JSON.parse(process.argv[2] ?? '{}') as SideTask
  readonly #began = performance.now()
  readonly #sent = new Ages()
  readonly #kernel = new Ages()
  readonly #native = new Ages()
  #messages = 0
  #lastMessageMs = Number.NaN
  #silentMs = 0

  /** `stamp`: the `T` of the message, stamped or not; the others by the core's stamps, 0 when there is none. */
  onMessage(stamp: number | null, kernelTimeNs = 0, rxTimeNs = 0): void {
    const now = monoNs()
    this.#messages += 1
    // A `T` of wall-clock milliseconds is far below the base.
    if (stamp !== null && stamp >= stampBase) this.#sent.add(now - (stamp - stampBase))
    if (kernelTimeNs > 0) this.#kernel.add(now - kernelTimeNs)
    if (rxTimeNs > 0) this.#native.add(now - rxTimeNs)
    const nowMs = now / 1e6
    const silence = nowMs - this.#lastMessageMs
    if (silence > silenceMs) this.#silentMs += silence
    this.#lastMessageMs = nowMs
  }

  happened(text: string, tone: Happening['tone'] = 'plain'): void {
    this.#tell({ happening: { atMs: this.#elapsed(), text, tone } })
  }

  /** Reports to the parent until it is gone. */
  report(source: () => Source, isNative: boolean): void {
    process.on('SIGINT', () => {})
    process.on('disconnect', () => process.exit(0))
    setInterval(() => {
      const main = process.threadCpuUsage()
      const total = process.cpuUsage()
      const pause = monoNs() / 1e6 - this.#lastMessageMs
      this.#tell({
        snapshot: {
          atMs: this.#elapsed(),
          ...source(),
          messages: this.#messages,
          sent: this.#sent.roll(),
          kernel: isNative ? this.#kernel.roll() : null,
          native: isNative ? this.#native.roll() : null,
          mainCpuMs: (main.user + main.system) / 1000,
          totalCpuMs: (total.user + total.system) / 1000,
          silentMs: this.#silentMs + (pause > silenceMs ? pause : 0),
          markets: this.strategy.markets,
        },
      })
    }, snapshotIntervalMs)
  }

  #elapsed(): number {
    return performance.now() - this.#began
  }

  #tell(message: SideMessage): void {
    if (process.connected) process.send?.(message)
  }
}
