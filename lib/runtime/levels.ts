import { Decimal, setDecimal } from './decimal.js'
import type { RowWindow } from './row-window.js'

/** One price level, kept by value. */
export interface Level<N = number> {
  readonly price: N
  readonly size: N
}

/**
 * Price levels of a row, in the order in which they were received: a view, valid as long as the row that it came from.
 * Iterating it yields one reused object; keep `toArray()`.
 */
export interface Levels extends Iterable<Level> {
  /** Levels that are there, at most the field's `max`. */
  readonly length: number
  /** Price of level `index`. @throws RangeError when there is none. */
  price(index: number): number
  /** Size of level `index`. @throws RangeError when there is none. */
  size(index: number): number
  /** All levels by value. */
  toArray(): Level[]
}

/** Price levels with exact decimals (`exact: true`). */
export interface ExactLevels extends Iterable<Level<Decimal>> {
  /** Levels that are there, at most the field's `max`. */
  readonly length: number
  /** Price of level `index` as the nearest double. @throws RangeError when there is none. */
  price(index: number): number
  /** Size of level `index` as the nearest double. @throws RangeError when there is none. */
  size(index: number): number
  /** Exact price: a view that the next exact price of this field overwrites. @throws RangeError when there is none. */
  priceDecimal(index: number): Decimal
  /** Exact size: a view that the next exact size of this field overwrites. @throws RangeError when there is none. */
  sizeDecimal(index: number): Decimal
  /** All levels by value. */
  toArray(): Level<Decimal>[]
}

function outOfRange(index: number, length: number): RangeError {
  return new RangeError(`level ${index} of ${length}`)
}

/** Where a field's levels lie. */
abstract class LevelsView {
  protected readonly window: RowWindow
  protected first = 0
  length = 0

  constructor(window: RowWindow) {
    this.window = window
  }

  /** Points the view at the levels whose reference stands in `slot` of the window's row. */
  point(slot: number): this {
    const window = this.window
    const at = (window.word + slot) * 2
    this.first = window.word + ((window.u32[at] as number) >>> 3)
    this.length = window.u32[at + 1] as number
    return this
  }
}

/** Levels as doubles: price, size. */
export class NumberLevels extends LevelsView implements Levels {
  price(index: number): number {
    if (index >>> 0 !== index || index >= this.length) throw outOfRange(index, this.length)
    return this.window.f64[this.first + index * 2] as number
  }

  size(index: number): number {
    if (index >>> 0 !== index || index >= this.length) throw outOfRange(index, this.length)
    return this.window.f64[this.first + index * 2 + 1] as number
  }

  toArray(): Level[] {
    return Array.from({ length: this.length }, (_, i) => ({ price: this.price(i), size: this.size(i) }))
  }

  *[Symbol.iterator](): Iterator<Level> {
    const level = { price: 0, size: 0 }
    for (let i = 0; i < this.length; i++) {
      level.price = this.price(i)
      level.size = this.size(i)
      yield level
    }
  }
}

/** Levels as decimals: price mantissa, price scale, size mantissa, size scale. */
export class DecimalLevels extends LevelsView implements ExactLevels {
  readonly #price = new Decimal()
  readonly #size = new Decimal()

  price(index: number): number {
    return this.priceDecimal(index).toNumber()
  }

  size(index: number): number {
    return this.sizeDecimal(index).toNumber()
  }

  priceDecimal(index: number): Decimal {
    return this.#read(this.#price, index, 0)
  }

  sizeDecimal(index: number): Decimal {
    return this.#read(this.#size, index, 2)
  }

  toArray(): Level<Decimal>[] {
    return Array.from({ length: this.length }, (_, i) => ({
      price: this.priceDecimal(i).copy(),
      size: this.sizeDecimal(i).copy(),
    }))
  }

  *[Symbol.iterator](): Iterator<Level<Decimal>> {
    const level = { price: this.#price, size: this.#size }
    for (let i = 0; i < this.length; i++) {
      this.priceDecimal(i)
      this.sizeDecimal(i)
      yield level
    }
  }

  #read(view: Decimal, index: number, part: number): Decimal {
    if (index >>> 0 !== index || index >= this.length) throw outOfRange(index, this.length)
    const u32 = this.window.u32
    const at = (this.first + index * 4 + part) * 2
    setDecimal(view, u32[at] as number, u32[at + 1] as number, u32[at + 2] as number)
    return view
  }
}
