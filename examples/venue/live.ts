import { writeStamp } from './clock.ts'
import { frame } from './frames.ts'
import { stampBase } from './messages.ts'
import type { Session } from './session.ts'
import { Simulator } from './simulator.ts'

export interface LiveOptions {
  /** Messages per second, on the average. */
  readonly rate: number
  readonly seed: number
  /** Messages to play round and round instead of the simulator's. */
  readonly texts: readonly string[] | null
}

/** Clients that leave so much unread are cut off, as venues do. */
const maxBacklog = 32 * 1024 * 1024

const stampKey = `"T":${stampBase}`

/** One stream for everybody: each message is framed once and written to every connection. */
export class Live {
  readonly #options: LiveOptions
  readonly #simulator: Simulator
  readonly #sessions = new Set<Session>()
  #next = 0
  #sent = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: LiveOptions) {
    this.#options = options
    this.#simulator = new Simulator({ seed: options.seed, combined: true, stamped: true })
  }

  get sessions(): ReadonlySet<Session> {
    return this.#sessions
  }

  get sent(): number {
    return this.#sent
  }

  add(session: Session): void {
    this.#sessions.add(session)
    session.on('close', () => this.#sessions.delete(session))
    if (this.#timer === undefined) this.#start()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #start(): void {
    let due = 0
    let last = performance.now()
    this.#timer = setInterval(() => {
      const now = performance.now()
      // Markets come in gusts: calm most of the time, several times the rate for a few milliseconds.
      due += ((now - last) / 1000) * this.#options.rate * gust(now)
      last = now
      if (this.#sessions.size === 0) due = 0
      const count = Math.floor(due)
      if (count === 0) return
      due -= count
      this.#broadcast(Math.min(count, this.#options.rate))
    }, 1)
  }

  #broadcast(count: number): void {
    const frames: Buffer[] = []
    for (let i = 0; i < count; i++) frames.push(frame(this.#text()))
    const batch = Buffer.concat(frames)
    for (let at = batch.indexOf(stampKey); at >= 0; at = batch.indexOf(stampKey, at + 20)) writeStamp(batch, at + 4)
    this.#sent += count
    for (const session of this.#sessions) {
      if (session.backlog > maxBacklog) session.reset()
      else if (!session.stalled) session.send(batch)
    }
  }

  #text(): string {
    const texts = this.#options.texts
    if (texts === null) return this.#simulator.next()
    const text = texts[this.#next] ?? ''
    this.#next = (this.#next + 1) % texts.length
    return text
  }
}

/** Factor on the rate at a time in ms; 1 on the average: 20 ms of every 500 ms at six times the rate, the rest at 0.79. */
function gust(ms: number): number {
  return ms % 500 < 20 ? 6 : (500 - 20 * 6) / 480
}
