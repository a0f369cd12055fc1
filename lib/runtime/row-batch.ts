import { RecordKind } from '../native/addon.js'
import type { ConflateRegion } from './conflation.js'
import type { CursorFactory, RowCursor } from './row-cursor.js'
import { type MemoryViews, RowWindow } from './row-window.js'
import type { ShapeLayout } from './shape-layout.js'
import type { SymbolCache } from './symbol-cache.js'

const voidSlot = -1

/** `{ done: false, value: cursor }` for every row, the same object each time. */
interface ReusedResult {
  done: boolean
  value: RowCursor | undefined
}

const finished: ReusedResult = { done: true, value: undefined }

/**
 * A run of records of one shape that lie one after the other in the ring, handed to listeners as an iterable of rows. One object
 * per feed and shape, used again for every run; it is its own iterator, and the iterator's result and the row are one object each.
 *
 * The engine takes only so much of other functions into a listener, and what it leaves out is called for every row. Hence `next()`
 * has as little code as it can do with: where the run ends is found out when it is opened, and what `next()` uses has ordinary
 * names, because a private one is more code with every access.
 */
export class RowBatch {
  readonly shape: string
  readonly #cursor: RowCursor
  private readonly $window: RowWindow
  readonly #ring: MemoryViews
  private readonly $i32: Int32Array
  readonly #region: ConflateRegion | null
  private readonly $result: ReusedResult
  private $conflated = false
  /** 8-byte words of the memory: first record, the one that next() reads, the one behind the run. */
  #begin = 0
  private $next = 0
  private $stop = 0
  /** Conflated records before this word have had their value taken out of the slot. */
  #taken = 0
  /** Rows of the run; of a conflated one −1 until somebody walked it. */
  #length = 0
  /** For the reader: where the first row of a conflated run lies, `first` in 8-byte words of `memory`; −1 when there is none. */
  memory: MemoryViews
  first = -1

  constructor(
    shape: ShapeLayout,
    makeCursor: CursorFactory,
    ring: MemoryViews,
    symbols: SymbolCache,
    region: ConflateRegion | null,
  ) {
    this.shape = shape.name
    this.#ring = ring
    this.memory = ring
    this.$i32 = ring.i32
    this.#region = region
    this.$window = new RowWindow(ring, symbols)
    this.#cursor = makeCursor(this.$window)
    this.$result = { done: false, value: this.#cursor }
  }

  /**
   * For the reader: a run of records of `kind` starts at `word`, goes on at `second` if it is longer than one record, and may reach
   * up to `end`; at most `limit` records of it.
   */
  open(word: number, second: number, end: number, kind: number, limit: number): void {
    const i32 = this.$i32
    const words = second - word
    const bytes = words * 8
    let stop = second
    let records = 1
    while (stop < end && i32[stop * 2 + 1] === kind && records < limit) {
      // Most records are as long as the first: when that is assumed the processor need not wait for one to find the next.
      const own = i32[stop * 2] as number
      if (own === bytes) stop += words
      else stop += own >>> 3
      records++
    }
    this.#begin = word
    this.$next = word
    this.$stop = stop
    this.#length = records
    const conflated = (kind & 0xff) === RecordKind.conflated
    if (conflated || this.$conflated) this.#openConflated(word, conflated)
  }

  #openConflated(word: number, conflated: boolean): void {
    if (conflated !== this.$conflated) {
      this.$conflated = conflated
      this.memory = conflated && this.#region !== null ? this.#region.views : this.#ring
      this.$window.mount(this.memory)
    }
    if (!conflated) return
    this.#length = -1
    this.#taken = word
    this.#take(word)
    const slot = this.$i32[word * 2 + 2] as number
    this.first = slot === voidSlot ? -1 : (this.#region as ConflateRegion).word(slot)
  }

  /** For the reader: the word behind the run, rows that nobody looked at included. The batch is empty from then on. */
  close(): number {
    const end = this.$stop
    if (this.#length < 0) this.#count()
    this.#begin = end
    this.$next = end
    this.#length = 0
    return end
  }

  /** Rows of the run. Walks a conflated one the first time. */
  get length(): number {
    return this.#length < 0 ? this.#count() : this.#length
  }

  /** The last row, or undefined when there is none. Moves the row there; a loop that is under way ends. */
  last(): RowCursor | undefined {
    let last: RowCursor | undefined
    for (const row of this) last = row
    return last
  }

  /** Rows by value. */
  toArray(): Record<string, unknown>[] {
    const rows: Record<string, unknown>[] = []
    for (const row of this) rows.push(row.toObject())
    return rows
  }

  [Symbol.iterator](): Iterator<RowCursor> {
    this.$next = this.#begin
    return this as unknown as Iterator<RowCursor>
  }

  /** The batch is its own iterator. */
  next(): ReusedResult {
    const word = this.$next
    if (word === this.$stop) return finished
    if (this.$conflated) return this.#stepConflated(word)
    this.$next = word + ((this.$i32[word * 2] as number) >>> 3)
    this.$window.word = word
    return this.$result
  }

  /** A loop was left: the rest of the rows is passed over when the batch is closed. */
  return(): ReusedResult {
    return finished
  }

  #stepConflated(word: number): ReusedResult {
    this.#take(word)
    this.$next = word + 2
    const slot = this.$i32[word * 2 + 2] as number
    if (slot === voidSlot) return this.next()
    this.$window.word = (this.#region as ConflateRegion).word(slot)
    return this.$result
  }

  /**
   * Takes the value that the record at `word` announces, once. Every announced value has to be taken, also one that nobody looks
   * at: a slot that stays fresh is never announced again.
   */
  #take(word: number): void {
    if (word < this.#taken) return
    this.#taken = word + 2
    const at = word * 2 + 2
    // The record is ours until the tail passes it: a value that is not new is struck out, and no later pass yields it again.
    if (!(this.#region as ConflateRegion).take(this.$i32[at] as number)) this.$i32[at] = voidSlot
  }

  /** Walks a conflated run: takes what is announced and counts the rows. */
  #count(): number {
    let rows = 0
    for (let word = this.#begin; word !== this.$stop; word += 2) {
      this.#take(word)
      if (this.$i32[word * 2 + 2] !== voidSlot) rows++
    }
    this.#length = rows
    return rows
  }
}
