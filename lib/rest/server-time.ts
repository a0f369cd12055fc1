import { Grant } from '../policy/limit/grant.js'
import { systemTime } from '../policy/time.js'
import type { RestCore } from './rest-core.js'
import type { ParsedServerTime, RestSet } from './rest-schema.js'
import { wireRequest } from './wire-request.js'

/** Keeps the venue's clock: asks for its time whenever another sample is wanted. Does not keep the process alive. */
export class ServerTime {
  readonly #core: RestCore
  readonly #set: () => RestSet
  readonly #options: ParsedServerTime
  #timer: NodeJS.Timeout | undefined
  #asking: Promise<void> | null = null
  #stopped = false

  constructor(core: RestCore, set: () => RestSet, options: ParsedServerTime) {
    this.#core = core
    this.#set = set
    this.#options = options
    void this.sample()
  }

  /** Takes a sample now, or joins the one under way. Never rejects. */
  sample(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null
      this.#schedule()
    })
    return this.#asking
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    if (this.#stopped) return
    // A sample that failed has not moved the next one: not at once again.
    const inMs = Math.max(retryMs, this.#core.clock.nextSampleIn())
    this.#timer = setTimeout(() => void this.sample(), Math.ceil(inMs)).unref()
  }

  async #ask(): Promise<void> {
    const core = this.#core
    const { path, read, timeout, weight } = this.#options
    const grant = new Grant()
    try {
      const wire = wireRequest(core, this.#set(), 'GET', path, { weight, count: 0, auth: false })
      await (core.admit(wire, grant, timeout) ?? undefined)
      const { http } = await core.send(this.#set(), wire, grant, { total: timeout }, null, null)
      if (http === null || !http.ok) return
      const { sentNs, receivedNs, kernelNs } = http.times
      const venueTime = read(http.json())
      core.clock.add(ours(sentNs), ours(kernelNs ?? receivedNs), venueTime)
    } catch {
      // No sample; the next one is due soon.
    }
  }
}

/** Shortest time between two samples. */
const retryMs = 100

/** The core's time as policies count it. */
function ours(ns: number): number {
  return ns / 1e6 - systemTime.machineOrigin
}
