import type { NativeHub } from '../native/hub-layout.js'

const heartbeatMs = 100

const open = new Set<NativeHub>()
let exitHooked = false

/** process.exit() runs no destructors: without this the names of open segments would be left for the next hub to take over. */
function closeAtExit(native: NativeHub): void {
  open.add(native)
  if (exitHooked) return
  exitHooked = true
  process.once('exit', () => {
    for (const each of open) each.closeShm()
  })
}

/** The life of a hub's shared memory: signs of life while the event loop turns, and an end also when the process ends without closing it. */
export class HubSegment {
  readonly #native: NativeHub
  readonly #timer: NodeJS.Timeout

  constructor(native: NativeHub) {
    this.#native = native
    native.beat()
    this.#timer = setInterval(() => native.beat(), heartbeatMs)
    this.#timer.unref()
    closeAtExit(native)
  }

  end(): void {
    clearInterval(this.#timer)
    open.delete(this.#native)
  }
}
