import { BookView } from '../native/book-layout.js'
import { Decimal, setDecimal } from '../runtime/decimal.js'
import { orderIdOf, orderIdText } from '../runtime/order-id.js'
import type { BookMemory } from './memory.js'

const { orderWords } = BookView
const two32 = 4_294_967_296

/** An order, kept by value. */
export interface OrderCopy {
  /** As the venue writes it. */
  readonly id: string
  readonly size: number
  /** All digits. */
  readonly sizeText: string
  /** See {@link BookOrder.time}. */
  readonly time: bigint
}

/**
 * One order of a level: a view. It is the same object whenever it is asked for, and shows what the book shows; keep `copy()`. Where the
 * level shows no such order, the id is empty and the size 0.
 */
export class BookOrder {
  readonly #memory: BookMemory
  readonly #queue: OrderQueue
  readonly #index: number
  /** From the value's start, in words. */
  readonly #at: number
  #size: Decimal | null = null

  /** @internal */
  constructor(memory: BookMemory, queue: OrderQueue, index: number, at: number) {
    this.#memory = memory
    this.#queue = queue
    this.#index = index
    this.#at = at
  }

  /** Whether the level shows such an order. */
  get exists(): boolean {
    return this.#index < this.#queue.length
  }

  /** As the venue writes it; a new string with every reading. `''` when there is no such order. */
  get id(): string {
    if (!this.exists) return ''
    const { u32 } = this.#memory
    const half = this.#half
    const word = (at: number): bigint => (BigInt(u32[at + 1] as number) << 32n) | BigInt(u32[at] as number)
    return orderIdText(word(half + 2), word(half))
  }

  /** What is left of it, as the nearest double; 0 when there is no such order. */
  get size(): number {
    return this.exists ? this.#memory.at(this.#at + 2) : 0
  }

  /** The exact size: a view that its next reading overwrites. 0 when there is no such order. */
  get sizeDecimal(): Decimal {
    this.#size ??= new Decimal()
    const { u32 } = this.#memory
    const half = this.#half
    if (this.exists) setDecimal(this.#size, u32[half + 6] as number, u32[half + 7] as number, u32[half + 8] as number)
    else setDecimal(this.#size, 0, 0, 0)
    return this.#size
  }

  /** All digits of the size; `''` when there is no such order. */
  get sizeText(): string {
    return this.exists ? this.sizeDecimal.toString() : ''
  }

  /**
   * When it got its place: nanoseconds since 1970 where the venue writes a point in time (Kraken), else the venue's number. 0n: it says
   * none, or there is no such order. A new bigint with every reading.
   */
  get time(): bigint {
    if (!this.exists) return 0n
    const { u32, i32 } = this.#memory
    const half = this.#half + 10
    return (BigInt(i32[half + 1] as number) << 32n) | BigInt(u32[half] as number)
  }

  /** The same in milliseconds, as the nearest double. NaN when there is none. */
  get timeMs(): number {
    if (!this.exists) return Number.NaN
    const { u32, i32 } = this.#memory
    const half = this.#half + 10
    const ns = (i32[half + 1] as number) * two32 + (u32[half] as number)
    return ns === 0 ? Number.NaN : ns / 1e6
  }

  /** By value. */
  copy(): OrderCopy {
    return { id: this.id, size: this.size, sizeText: this.sizeText, time: this.time }
  }

  /** @internal Whether it has this id, by its four parts. */
  is(id: readonly number[]): boolean {
    const { u32 } = this.#memory
    const half = this.#half
    return (
      this.exists &&
      u32[half] === id[0] &&
      u32[half + 1] === id[1] &&
      u32[half + 2] === id[2] &&
      u32[half + 3] === id[3]
    )
  }

  get #half(): number {
    return (this.#memory.word + this.#at) * 2
  }
}

/**
 * The orders of a level, those first that are filled first: a view of at most as many as the option `orders` of the books says. Of books
 * without it always empty. Iterating yields the orders' views.
 */
export class OrderQueue implements Iterable<BookOrder> {
  readonly #memory: BookMemory
  /** From the value's start, in words. */
  readonly #at: number
  readonly #first: number
  readonly #orders: BookOrder[] = []

  /** @internal `level` counts over both sides, bids first. */
  constructor(memory: BookMemory, level: number) {
    const { depth, orders } = memory
    this.#memory = memory
    this.#at = BookView.queuesWord(depth) + level
    this.#first = BookView.ordersWord(depth) + level * orders * orderWords
  }

  /** Orders that can be read here. */
  get length(): number {
    return this.#memory.orders === 0 ? 0 : this.#memory.half(this.#at * 2 + 1)
  }

  /** Orders that the core has of this level. */
  get total(): number {
    return this.#memory.orders === 0 ? 0 : this.#memory.half(this.#at * 2)
  }

  /** The order that is filled as number `index`, 0 the first. @throws RangeError when it is no integer from 0 to below the books' `orders`. */
  at(index: number): BookOrder {
    return this.#orders[index] ?? this.#make(index)
  }

  /** The place of an order, 0 the first; −1: it is not among those that can be read here. */
  indexOf(id: string): number {
    const parts = orderIdOf(id)
    if (parts === null) return -1
    for (let i = 0; i < this.length; i++) if (this.at(i).is(parts)) return i
    return -1
  }

  *[Symbol.iterator](): Iterator<BookOrder> {
    for (let i = 0; i < this.length; i++) yield this.at(i)
  }

  /** All of them by value. */
  toArray(): OrderCopy[] {
    return Array.from({ length: this.length }, (_, i) => this.at(i).copy())
  }

  #make(index: number): BookOrder {
    const most = this.#memory.orders
    if (index >>> 0 !== index || index >= most) throw new RangeError(`order ${index} of a view of ${most}`)
    for (let i = this.#orders.length; i <= index; i++) {
      this.#orders.push(new BookOrder(this.#memory, this, i, this.#first + i * orderWords))
    }
    return this.#orders[index] as BookOrder
  }
}
