import { Decimal, setDecimal } from './decimal.js'
import { orderIdText } from './order-id.js'
import type { RowWindow } from './row-window.js'

const words = 8
const acts = ['add', 'change', 'remove'] as const

/** What a message says of an order, kept by value. */
export interface OrderChange {
  readonly act: (typeof acts)[number]
  /** As the venue writes it. */
  readonly id: string
  /** 0 where `remove` does not say it, as the size. */
  readonly price: Decimal
  /** What is left of the order. */
  readonly size: Decimal
  /** Nanoseconds since 1970 where the venue writes a point in time, else its number; 0n: it says none. */
  readonly time: bigint
}

/**
 * Orders of a row, in the order in which they were received: a view, valid as long as the row that it came from. Iterating it makes an
 * object for each; books are the way to read them without.
 */
export interface Orders extends Iterable<OrderChange> {
  /** Orders that are there, at most the field's `max`. */
  readonly length: number
  /** All by value. */
  toArray(): OrderChange[]
}

/** Where a field's orders lie. */
export class RowOrders implements Orders {
  readonly #window: RowWindow
  #first = 0
  length = 0

  constructor(window: RowWindow) {
    this.#window = window
  }

  /** Points the view at the orders whose reference stands in `slot` of the window's row. */
  point(slot: number): this {
    const { u32, word } = this.#window
    const at = (word + slot) * 2
    this.#first = word + ((u32[at] as number) >>> 3)
    this.length = u32[at + 1] as number
    return this
  }

  toArray(): OrderChange[] {
    return [...this]
  }

  *[Symbol.iterator](): Iterator<OrderChange> {
    const { i64, u32 } = this.#window
    for (let i = 0, at = this.#first; i < this.length; i++, at += words) {
      yield {
        act: acts[u32[at * 2] as number] ?? 'add',
        id: orderIdText(i64[at + 1] as bigint, i64[at + 2] as bigint),
        price: this.#decimal(at + 3),
        size: this.#decimal(at + 5),
        time: i64[at + 7] as bigint,
      }
    }
  }

  #decimal(word: number): Decimal {
    const { u32 } = this.#window
    const decimal = new Decimal()
    setDecimal(decimal, u32[word * 2] as number, u32[word * 2 + 1] as number, u32[word * 2 + 2] as number)
    return decimal
  }
}
