import { ConflateLayout } from '../native/addon.js'
import { BookReasons, BookStates, BookView } from '../native/book-layout.js'
import { ConflateRegion } from '../runtime/conflation.js'
import { type MemoryViews, viewsOf } from '../runtime/row-window.js'

interface Empty {
  /** What a book shows that the core has told nothing of yet. */
  readonly nothing: MemoryViews
  /** What it shows when it is in its set no more. */
  readonly ended: MemoryViews
}

/** By depth and orders of each level. */
const empties = new Map<string, Empty>()

const bytesOf = (depth: number, orders: number): number =>
  orders === 0 ? BookView.bytes(depth) : BookView.orderBytes(depth, orders)

function emptyView(depth: number, orders: number): MemoryViews {
  const views = viewsOf(new ArrayBuffer(bytesOf(depth, orders)))
  const { lastIdWord, midWord, spreadWord, microPriceWord } = BookView
  for (const word of [lastIdWord, midWord, spreadWord, microPriceWord]) views.f64[word] = Number.NaN
  for (let i = 0; i < depth * 2; i++) views.f64[BookView.levelsWord + i * BookView.levelWords] = Number.NaN
  return views
}

function emptyOf(depth: number, orders: number): Empty {
  const key = `${depth} ${orders}`
  let empty = empties.get(key)
  if (empty === undefined) {
    empty = { nothing: emptyView(depth, orders), ended: emptyView(depth, orders) }
    empty.ended.i32[BookView.stateHalf] = BookStates.indexOf('stale')
    empty.ended.i32[BookView.reasonHalf] = BookReasons.indexOf('ERR_BOOK_DISCONNECTED')
    empties.set(key, empty)
  }
  return empty
}

/** The memory that a book's view lies in, a triple slot, and the value of it that is being read. */
export class BookMemory {
  readonly buffer: ArrayBuffer
  /** Levels of each side in it. */
  readonly depth: number
  /** Orders of each level in it; 0: it is no book of orders. */
  readonly orders: number
  /** Where asks begin, from the value's start in words. */
  readonly asksAt: number
  i32: Int32Array
  u32: Uint32Array
  f64: Float64Array
  /** The value's first 8-byte word. */
  word = 0
  readonly #views: MemoryViews
  readonly #slot: ConflateRegion
  #isOver = false

  constructor(depth: number, orders = 0) {
    const rowBytes = bytesOf(depth, orders)
    this.buffer = new ArrayBuffer(ConflateLayout.stride(rowBytes))
    this.depth = depth
    this.orders = orders
    this.#views = viewsOf(this.buffer)
    this.asksAt = BookView.levelsWord + depth * BookView.levelWords
    const { nothing } = emptyOf(depth, orders)
    this.i32 = nothing.i32
    this.u32 = nothing.u32
    this.f64 = nothing.f64
    this.#slot = new ConflateRegion(this.#views, { offset: 0, rowBytes, keys: 1 })
  }

  /** Goes on to the newest value. False when this is it. */
  take(): boolean {
    if (this.#isOver || !this.#slot.take(0)) return false
    if (this.f64 !== this.#views.f64) {
      this.i32 = this.#views.i32
      this.u32 = this.#views.u32
      this.f64 = this.#views.f64
    }
    this.word = this.#slot.word(0)
    return true
  }

  /** Nothing comes any more: what had contents is stale from now on. */
  end(): void {
    this.#isOver = true
    const { nothing, ended } = emptyOf(this.depth, this.orders)
    if (this.f64 === nothing.f64) return
    this.i32 = ended.i32
    this.u32 = ended.u32
    this.f64 = ended.f64
    this.word = 0
  }

  // Methods this small are inlined wherever they are called, so that no number is made on the heap to be returned.

  half(offset: number): number {
    return this.i32[this.word * 2 + offset] as number
  }

  at(offset: number): number {
    return this.f64[this.word + offset] as number
  }
}
