/** Listeners of one event. Emitting allocates nothing and no listener can stop the others. */

/** What a listener is: its return value is ignored. */
export type Listener<T> = (value: T) => void

/** Where an exception of a listener goes. */
export type FailureSink = (error: unknown) => void

/**
 * Lets an exception reach `uncaughtException` on its own turn, as if the listener had been called by the event loop, without
 * unwinding the reader that stands between two records.
 */
export function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}

const none: readonly never[] = []

/** The listeners of one event, in the order in which they were added. */
export class Slot<T> {
  // Copied on every change, so that a listener may add and remove listeners while the event is being emitted.
  #calls: readonly Listener<T>[] = none
  // What the user passed: differs from the call for once().
  #originals: readonly Listener<T>[] = none
  // The call when it is the one: the usual case, and one without a loop.
  #only: Listener<T> | null = null

  get size(): number {
    return this.#calls.length
  }

  add(listener: Listener<T>): void {
    this.#set([...this.#calls, listener], [...this.#originals, listener])
  }

  addOnce(listener: Listener<T>): void {
    const call = (value: T): void => {
      this.#removeAt(this.#calls.indexOf(call))
      listener(value)
    }
    this.#set([...this.#calls, call], [...this.#originals, listener])
  }

  /** Removes the youngest registration of `listener`. */
  remove(listener: Listener<T>): void {
    this.#removeAt(this.#originals.lastIndexOf(listener))
  }

  clear(): void {
    this.#set(none, none)
  }

  emit(value: T, fail: FailureSink): void {
    const only = this.#only
    if (only === null) {
      this.#emitAll(value, fail)
      return
    }
    try {
      only(value)
    } catch (error) {
      fail(error)
    }
  }

  #emitAll(value: T, fail: FailureSink): void {
    const calls = this.#calls
    for (let i = 0; i < calls.length; i++) {
      try {
        ;(calls[i] as Listener<T>)(value)
      } catch (error) {
        fail(error)
      }
    }
  }

  #removeAt(index: number): void {
    if (index < 0) return
    this.#set(
      this.#calls.filter((_, i) => i !== index),
      this.#originals.filter((_, i) => i !== index),
    )
  }

  #set(calls: readonly Listener<T>[], originals: readonly Listener<T>[]): void {
    this.#calls = calls
    this.#originals = originals
    this.#only = calls.length === 1 ? (calls[0] ?? null) : null
  }
}

/** A fixed or growing set of events, typed by a map from name to value. */
export class Emitter<Events extends object> {
  readonly #slots = new Map<string, Slot<unknown>>()

  /** The slot of an event: kept by whoever emits often. */
  slot<K extends keyof Events & string>(event: K): Slot<Events[K]> {
    let slot = this.#slots.get(event)
    if (slot === undefined) {
      slot = new Slot<unknown>()
      this.#slots.set(event, slot)
    }
    return slot as Slot<Events[K]>
  }

  removeAll(event?: string): void {
    if (event !== undefined) this.#slots.get(event)?.clear()
    else for (const slot of this.#slots.values()) slot.clear()
  }

  names(): string[] {
    return [...this.#slots].filter(([, slot]) => slot.size > 0).map(([name]) => name)
  }
}
