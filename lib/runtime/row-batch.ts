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
 * The run's end is found by walking it: records go on as long as their second word is the same and the memory does not end.
 */
export class RowBatch {
  readonly shape: string
  readonly #cursor: RowCursor
  readonly #window: RowWindow
  readonly #ring: MemoryViews
  readonly #i32: Int32Array
  readonly #region: ConflateRegion | null
  readonly #result: ReusedResult
  #conflated = false
  /** 8-byte words of the memory: first record, the one that next() reads, end of what may belong to the run. */
  #begin = 0
  #next = 0
  #end = 0
  #kind = 0
  #limit = 0
  #left = 0
  /** Records before this word have had their value taken out of the conflation slot. */
  #taken = 0
  /** Rows of the whole run, −1 until somebody walked it; then `#stop` is the word behind it. */
  #length = -1
  #stop = 0
  /** For the reader: where the first row lies, `first` in 8-byte words of `memory`; −1 when there is none. */
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
    this.#i32 = ring.i32
    this.#region = region
    this.#window = new RowWindow(ring, symbols)
    this.#cursor = makeCursor(this.#window)
    this.#result = { done: false, value: this.#cursor }
  }

  /**
   * For the reader: a run of records of `kind` starts at `word`, goes on at `second` if it is longer than one record, and may reach
   * up to `end`; at most `limit` rows of it.
   */
  open(word: number, second: number, end: number, kind: number, limit: number): void {
    this.#kind = kind
    this.#begin = word
    this.#next = word
    this.#limit = limit
    this.#left = limit
    this.first = word
    const conflated = (kind & 0xff) === RecordKind.conflated
    if (conflated || this.#conflated) {
      this.#openConflated(word, end, conflated)
    } else if (second >= end || this.#i32[second * 2 + 1] !== kind) {
      // Shapes that take turns make runs of one record: what there is to find out about such a run is known already.
      this.#end = second
      this.#stop = second
      this.#length = 1
    } else {
      this.#end = end
      this.#length = -1
    }
  }

  #openConflated(word: number, end: number, conflated: boolean): void {
    this.#end = end
    this.#length = -1
    if (conflated !== this.#conflated) {
      this.#conflated = conflated
      this.memory = conflated && this.#region !== null ? this.#region.views : this.#ring
      this.#window.mount(this.memory)
    }
    if (!conflated) return
    this.#taken = word
    this.#take(word)
    const slot = this.#i32[word * 2 + 2] as number
    this.first = slot === voidSlot ? -1 : (this.#region as ConflateRegion).word(slot)
  }

  /** For the reader: the word behind the run, rows that nobody looked at included. The batch is empty from then on. */
  close(): number {
    if (this.#length < 0) this.#length = this.#count()
    const end = this.#stop
    this.#begin = end
    this.#next = end
    this.#end = end
    this.#length = 0
    return end
  }

  /** Rows of the run. Walks it the first time. */
  get length(): number {
    if (this.#length < 0) this.#length = this.#count()
    return this.#length
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
    this.#next = this.#begin
    this.#left = this.#limit
    return this as unknown as Iterator<RowCursor>
  }

  /** The batch is its own iterator. */
  next(): ReusedResult {
    const i32 = this.#i32
    const word = this.#next
    if (word >= this.#end || this.#left === 0 || i32[word * 2 + 1] !== this.#kind) return this.#finish(word)
    if (this.#conflated) return this.#stepConflated(word)
    this.#left--
    this.#next = word + ((i32[word * 2] as number) >>> 3)
    this.#window.word = word
    return this.#result
  }

  /** An iteration has come to the end: then nobody has to walk the run again. */
  #finish(word: number): ReusedResult {
    if (!this.#conflated && this.#length < 0) {
      this.#length = this.#limit - this.#left
      this.#stop = word
    }
    return finished
  }

  /** A loop was left: the rest of the rows is passed over when the batch is closed. */
  return(): ReusedResult {
    return finished
  }

  #stepConflated(word: number): ReusedResult {
    this.#take(word)
    this.#left--
    this.#next = word + 2
    const slot = this.#i32[word * 2 + 2] as number
    if (slot === voidSlot) return this.next()
    this.#window.word = (this.#region as ConflateRegion).word(slot)
    return this.#result
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
    if (!(this.#region as ConflateRegion).take(this.#i32[at] as number)) this.#i32[at] = voidSlot
  }

  /** Walks the run: finds its end, takes what is announced and counts the rows. */
  #count(): number {
    const i32 = this.#i32
    const kind = this.#kind
    const end = this.#end
    let rows = 0
    let word = this.#begin
    for (let left = this.#limit; word < end && left !== 0 && i32[word * 2 + 1] === kind; left--) {
      if (this.#conflated) {
        this.#take(word)
        if (i32[word * 2 + 2] === voidSlot) rows--
      }
      rows++
      word += (i32[word * 2] as number) >>> 3
    }
    this.#stop = word
    return rows
  }
}
