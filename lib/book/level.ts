import { BookView } from '../native/book-layout.js'
import { Decimal, setDecimal } from '../runtime/decimal.js'
import type { BookMemory } from './memory.js'
import { type OrderCopy, OrderQueue } from './order.js'

const { levelWords } = BookView

/** A price level, kept by value. */
export interface LevelCopy {
  readonly price: number
  readonly size: number
  /** All digits. */
  readonly priceText: string
  readonly sizeText: string
  /** Of books of orders: those that can be read. */
  readonly orders?: readonly OrderCopy[]
}

/**
 * One level of a book's side: a view. It is the same object whenever it is asked for, and shows what the book shows; keep `copy()`.
 * Where the side has no such level, the price is NaN and the size 0.
 */
export class BookLevel {
  /** The orders of this level, of books of orders (option `orders`); else it is empty. */
  readonly orders: OrderQueue
  readonly #memory: BookMemory
  /** From the value's start, in words. */
  readonly #at: number
  readonly #index: number
  readonly #countHalf: number
  #price: Decimal | null = null
  #size: Decimal | null = null

  /** @internal */
  constructor(memory: BookMemory, side: 'bids' | 'asks', index: number) {
    const first = side === 'bids' ? BookView.levelsWord : memory.asksAt
    this.orders = new OrderQueue(memory, side === 'bids' ? index : memory.depth + index)
    this.#memory = memory
    this.#at = first + index * levelWords
    this.#index = index
    this.#countHalf = side === 'bids' ? BookView.bidsHalf : BookView.asksHalf
  }

  /** Whether the side has such a level. */
  get exists(): boolean {
    const memory = this.#memory
    return this.#index < (memory.i32[memory.word * 2 + this.#countHalf] as number)
  }

  /** The nearest double; NaN when there is no such level. */
  get price(): number {
    return this.#memory.at(this.#at)
  }

  /** The nearest double; 0 when there is no such level. */
  get size(): number {
    return this.#memory.at(this.#at + 1)
  }

  /** The exact price: a view that its next reading overwrites. 0 when there is no such level. */
  get priceDecimal(): Decimal {
    this.#price ??= new Decimal()
    return this.#read(this.#price, 2, 1)
  }

  /** The exact size: a view that its next reading overwrites. 0 when there is no such level. */
  get sizeDecimal(): Decimal {
    this.#size ??= new Decimal()
    return this.#read(this.#size, 3, 0)
  }

  /** All digits of the price, as the venue wrote them; '' when there is no such level. */
  get priceText(): string {
    return this.exists ? this.priceDecimal.toString() : ''
  }

  /** All digits of the size, as the venue wrote them; '' when there is no such level. */
  get sizeText(): string {
    return this.exists ? this.sizeDecimal.toString() : ''
  }

  /** By value. */
  copy(): LevelCopy {
    const { price, size, priceText, sizeText } = this
    return this.#memory.orders === 0
      ? { price, size, priceText, sizeText }
      : { price, size, priceText, sizeText, orders: this.orders.toArray() }
  }

  #read(view: Decimal, word: number, scaleHalf: number): Decimal {
    const { u32, word: base } = this.#memory
    const half = (base + this.#at + word) * 2
    const scale = u32[(base + this.#at + 4) * 2 + scaleHalf] as number
    setDecimal(view, u32[half] as number, u32[half + 1] as number, scale)
    return view
  }
}

/** The levels of one side of a book, the best first: a view of at most the books' `depth`. Iterating yields the levels' views. */
export class BookSide implements Iterable<BookLevel> {
  readonly #memory: BookMemory
  readonly #side: 'bids' | 'asks'
  readonly #levels: BookLevel[] = []
  readonly #countHalf: number
  readonly #allHalf: number
  readonly #first: number
  readonly #depth: number

  /** @internal */
  constructor(memory: BookMemory, side: 'bids' | 'asks') {
    const isBids = side === 'bids'
    this.#memory = memory
    this.#side = side
    this.#countHalf = isBids ? BookView.bidsHalf : BookView.asksHalf
    this.#allHalf = isBids ? BookView.allBidsHalf : BookView.allAsksHalf
    this.#first = isBids ? BookView.levelsWord : memory.asksAt
    this.#depth = memory.depth
  }

  /** Levels that can be read here, 0…`depth`. */
  get length(): number {
    return this.#memory.half(this.#countHalf)
  }

  /** Levels that the core's book has. */
  get total(): number {
    return this.#memory.half(this.#allHalf)
  }

  /** Orders that the core has of all its levels; of books without orders 0. */
  get orders(): number {
    const { bidOrdersHalf, askOrdersHalf } = BookView
    return this.#memory.half(this.#side === 'bids' ? bidOrdersHalf : askOrdersHalf)
  }

  /** The level `index` from the best. @throws RangeError when it is no integer from 0 to below `depth`. */
  at(index: number): BookLevel {
    return this.#levels[index] ?? this.#make(index)
  }

  /** Price of level `index`, an integer; NaN when there is none. */
  price(index: number): number {
    return index >>> 0 < this.#depth ? this.#memory.at(this.#first + index * levelWords) : Number.NaN
  }

  /** Size of level `index`, an integer; 0 when there is none. */
  size(index: number): number {
    return index >>> 0 < this.#depth ? this.#memory.at(this.#first + 1 + index * levelWords) : 0
  }

  /** Sizes of the best `levels` together. */
  volume(levels: number = this.length): number {
    const n = Math.min(levels, this.length)
    let sum = 0
    for (let i = 0; i < n; i++) sum += this.size(i)
    return sum
  }

  *[Symbol.iterator](): Iterator<BookLevel> {
    for (let i = 0; i < this.length; i++) yield this.at(i)
  }

  /** All of them by value. */
  toArray(): LevelCopy[] {
    return Array.from({ length: this.length }, (_, i) => this.at(i).copy())
  }

  #make(index: number): BookLevel {
    if (index >>> 0 !== index || index >= this.#depth) {
      throw new RangeError(`level ${index} of a view of ${this.#depth}`)
    }
    // One behind the other, so that the array never has holes.
    for (let i = this.#levels.length; i <= index; i++) this.#levels.push(new BookLevel(this.#memory, this.#side, i))
    return this.#levels[index] as BookLevel
  }
}
