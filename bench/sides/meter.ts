import { Tally } from './tally.ts'
import type { Load } from './task.ts'

/**
 * Measures a stream that never pauses, from the end of one cycle to the end of another: the connection is warm, the code
 * compiled and the buffers are full at both.
 */
export class Meter {
  readonly tally: Tally
  /** CPU time of the core's thread. */
  loopCpuNs: () => number = () => 0
  #start: { at: number; messages: number; main: number; total: number; loop: number } | null = null
  readonly #warmUntil: number
  readonly #measureMs: number
  readonly #onDone: (load: Load) => void
  #done = false

  constructor(cycle: number, warmUpMs: number, measureMs: number, onDone: (load: Load) => void) {
    this.tally = new Tally(cycle, () => this.#onCycle())
    this.#warmUntil = performance.now() + warmUpMs
    this.#measureMs = measureMs
    this.#onDone = onDone
  }

  #onCycle(): void {
    if (this.#done) return
    const now = performance.now()
    if (this.#start === null) {
      if (now >= this.#warmUntil) this.#start = { at: now, messages: this.tally.messages, ...this.#cpu() }
      return
    }
    if (now - this.#start.at < this.#measureMs) return
    this.#done = true
    const { main, total, loop } = this.#cpu()
    this.#onDone({
      messages: this.tally.messages - this.#start.messages,
      wallNs: (now - this.#start.at) * 1e6,
      mainCpuNs: main - this.#start.main,
      loopCpuNs: loop - this.#start.loop,
      totalCpuNs: total - this.#start.total,
      checksum: this.tally.checksum,
      badCycles: this.tally.badCycles,
    })
  }

  #cpu(): { main: number; total: number; loop: number } {
    const main = process.threadCpuUsage()
    const total = process.cpuUsage()
    return { main: (main.user + main.system) * 1e3, total: (total.user + total.system) * 1e3, loop: this.loopCpuNs() }
  }
}
