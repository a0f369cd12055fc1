/** The smallest first: a binary heap. */
export class Heap<T> {
  readonly #items: T[] = []
  readonly #before: (a: T, b: T) => boolean

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = items[parent] as T
      if (!this.#before(item, above)) break
      items[at] = above
      at = parent
    }
    items[at] = item
  }

  pop(): T | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (items.length === 0 || last === undefined) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      const right = child + 1
      if (right < items.length && this.#before(items[right] as T, items[child] as T)) child = right
      const below = items[child] as T
      if (!this.#before(below, last)) break
      items[at] = below
      at = child
    }
    items[at] = last
    return first
  }

  /** All items, in no particular order. */
  items(): readonly T[] {
    return this.#items
  }

  /** Drops the items that fail the test. */
  keep(test: (item: T) => boolean): void {
    const kept = this.#items.filter(test)
    this.#items.length = 0
    for (const item of kept) this.push(item)
  }
}
