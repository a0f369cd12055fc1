import { BookView } from '../native/book-layout.js'
import { Decimal, setDecimal } from '../runtime/decimal.js'
import type { BookMemory } from './memory.js'

/** A price level, kept by value. */
export interface LevelCopy {
  readonly price: number
  readonly size: number
  /** All digits. */
  readonly priceText: string
  readonly sizeText: string
}

/**
 * One level of a book's side: a view. It is the same object whenever it is asked for, and shows what the book shows; keep `copy()`.
 * Where the side has no such level, the price is NaN and the size 0.
 */
export class BookLevel {
  readonly #memory: BookMemory
  /** From the value's start, in words. */
  readonly #at: number
  readonly #index: number
  readonly #countHalf: number
  #price: Decimal | null = null
  #size: Decimal | null = null

  /** @internal */
  constructor(memory: BookMemory, side: 'bids' | 'asks', index: number) {
    const first = BookView.levelsWord + (side === 'bids' ? 0 : memory.depth * BookView.levelWords)
    this.#memory = memory
    this.#at = first + index * BookView.levelWords
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
    const memory = this.#memory
    return this.exists ? (memory.f64[memory.word + this.#at] as number) : Number.NaN
  }

  /** The nearest double; 0 when there is no such level. */
  get size(): number {
    const memory = this.#memory
    return this.exists ? (memory.f64[memory.word + this.#at + 1] as number) : 0
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
    return { price: this.price, size: this.size, priceText: this.priceText, sizeText: this.sizeText }
  }

  #read(view: Decimal, word: number, scaleHalf: number): Decimal {
    if (!this.exists) {
      setDecimal(view, 0, 0, 0)
      return view
    }
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

  /** @internal */
  constructor(memory: BookMemory, side: 'bids' | 'asks') {
    const isBids = side === 'bids'
    this.#memory = memory
    this.#side = side
    this.#countHalf = isBids ? BookView.bidsHalf : BookView.asksHalf
    this.#allHalf = isBids ? BookView.allBidsHalf : BookView.allAsksHalf
    this.#first = BookView.levelsWord + (isBids ? 0 : memory.depth * BookView.levelWords)
  }

  /** Levels that can be read here, 0…`depth`. */
  get length(): number {
    return this.#memory.half(this.#countHalf)
  }

  /** Levels that the core's book has. */
  get total(): number {
    return this.#memory.half(this.#allHalf)
  }

  /** The level `index` from the best. @throws RangeError when it is no integer from 0 to below `depth`. */
  at(index: number): BookLevel {
    return this.#levels[index] ?? this.#make(index)
  }

  /** Price of level `index`; NaN when there is none. */
  price(index: number): number {
    const memory = this.#memory
    if (index >>> 0 !== index || index >= this.length) return Number.NaN
    return memory.f64[memory.word + this.#first + index * BookView.levelWords] as number
  }

  /** Size of level `index`; 0 when there is none. */
  size(index: number): number {
    const memory = this.#memory
    if (index >>> 0 !== index || index >= this.length) return 0
    return memory.f64[memory.word + this.#first + index * BookView.levelWords + 1] as number
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
    if (index >>> 0 !== index || index >= this.#memory.depth) {
      throw new RangeError(`level ${index} of a view of ${this.#memory.depth}`)
    }
    // One behind the other, so that the array never has holes.
    for (let i = this.#levels.length; i <= index; i++) this.#levels.push(new BookLevel(this.#memory, this.#side, i))
    return this.#levels[index] as BookLevel
  }
}
