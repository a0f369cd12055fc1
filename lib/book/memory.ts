import { ConflateLayout } from '../native/addon.js'
import { BookReasons, BookStates, BookView } from '../native/book-layout.js'
import { ConflateRegion } from '../runtime/conflation.js'
import { type MemoryViews, viewsOf } from '../runtime/row-window.js'

/** What a book shows that the core has told nothing of yet. */
const nothing = viewsOf(new ArrayBuffer(BookView.levelsWord * 8))
nothing.i64[BookView.lastIdWord] = -1n

/** What a book shows that is in its set no more. */
const ended = viewsOf(new ArrayBuffer(BookView.levelsWord * 8))
ended.i32[BookView.stateHalf] = BookStates.indexOf('stale')
ended.i32[BookView.reasonHalf] = BookReasons.indexOf('ERR_BOOK_DISCONNECTED')
ended.i64[BookView.lastIdWord] = -1n

/** The memory that a book's view lies in, a triple slot, and the value of it that is being read. */
export class BookMemory {
  readonly buffer: ArrayBuffer
  /** Levels of each side in it. */
  readonly depth: number
  i32: Int32Array = nothing.i32
  u32: Uint32Array = nothing.u32
  f64: Float64Array = nothing.f64
  /** The value's first 8-byte word. */
  word = 0
  readonly #views: MemoryViews
  readonly #slot: ConflateRegion
  #isOver = false

  constructor(depth: number) {
    this.buffer = new ArrayBuffer(ConflateLayout.stride(BookView.bytes(depth)))
    this.depth = depth
    this.#views = viewsOf(this.buffer)
    this.#slot = new ConflateRegion(this.#views, { offset: 0, rowBytes: BookView.bytes(depth), keys: 1 })
  }

  /** Goes on to the newest value. False when this is it. */
  take(): boolean {
    if (this.#isOver || !this.#slot.take(0)) return false
    if (this.f64 === nothing.f64) {
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
    if (this.f64 === nothing.f64) return
    this.i32 = ended.i32
    this.u32 = ended.u32
    this.f64 = ended.f64
    this.word = 0
  }

  half(offset: number): number {
    return this.i32[this.word * 2 + offset] as number
  }

  number(offset: number): number {
    return this.f64[this.word + offset] as number
  }
}
