/** Calls that are due later, none of which keeps the process alive. */
export class Timers {
  readonly #timers = new Set<NodeJS.Timeout>()
  #isClosed = false

  /** Calls back unless this is closed before, or what this gives back is called. Real milliseconds. */
  later(ms: number, act: () => void): () => void {
    if (this.#isClosed) return () => {}
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      act()
    }, ms)
    timer.unref()
    this.#timers.add(timer)
    return () => {
      clearTimeout(timer)
      this.#timers.delete(timer)
    }
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }
}
