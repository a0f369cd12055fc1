import type { Exchange } from './exchange.js'

/**
 * Requests under way by their id. Its lower half is an index that the core uses again as soon as a request has ended for it: an array
 * finds them without hashing ids that are too large for small integers.
 */
export class Exchanges {
  #size = 0
  readonly #slots: (Exchange | null)[] = []
  /** Those whose index was used again before their answer was read. */
  readonly #displaced = new Map<number, Exchange>()

  get size(): number {
    return this.#size
  }

  get(id: number): Exchange | null {
    const exchange = this.#slots[id & 0xffff] ?? null
    if (exchange !== null && exchange.id === id) return exchange
    return this.#displaced.size === 0 ? null : (this.#displaced.get(id) ?? null)
  }

  add(exchange: Exchange): void {
    const slots = this.#slots
    const index = exchange.id & 0xffff
    while (slots.length <= index) slots.push(null)
    const before = slots[index] ?? null
    if (before !== null) this.#displaced.set(before.id, before)
    slots[index] = exchange
    this.#size++
  }

  remove(exchange: Exchange): void {
    const index = exchange.id & 0xffff
    if (this.#slots[index] === exchange) this.#slots[index] = null
    else if (!this.#displaced.delete(exchange.id)) return
    this.#size--
  }

  /** All of them, which are none then. */
  takeAll(): Exchange[] {
    const all = [...this.#slots.filter((exchange) => exchange !== null), ...this.#displaced.values()]
    this.#slots.length = 0
    this.#displaced.clear()
    this.#size = 0
    return all
  }
}
