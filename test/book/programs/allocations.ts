/**
 * A book whose memory is written as the core does it, and read after each change in every way that allocates nothing. Tells the bytes that
 * the heap has grown by, per change.
 */
import { getHeapStatistics } from 'node:v8'
import { Book } from '../../../dist/esm/book/book.js'
import { BookMemory } from '../../../dist/esm/book/memory.js'
import { BookView } from '../../../dist/esm/native/book-layout.js'
import { lookAt } from './look.ts'

const depth = 5
const memory = new BookMemory(depth)
const book = new Book('X', memory)
const state = new Int32Array(memory.buffer)
const f64 = new Float64Array(memory.buffer)
const fresh = 4
state[0] = 1
let back = 0

/** The writer's side of a triple slot: native/base/triple_slot.h. */
function write(n: number): void {
  const word = (64 + back * BookView.bytes(depth)) / 8
  const half = word * 2
  state[half + BookView.stateHalf] = 1
  f64[word + BookView.lastIdWord] = n
  state[half + BookView.bidsHalf] = depth
  state[half + BookView.asksHalf] = depth
  f64[word + BookView.rxWord] = n * 1_000
  for (let i = 0; i < depth * 2; i++) {
    const level = word + BookView.levelsWord + i * BookView.levelWords
    f64[level] = 100 + i + (n % 10) / 10
    f64[level + 1] = 1 + (n % 7) / 8
    state[(level + 2) * 2] = 1_000 + n
    state[(level + 4) * 2 + 1] = 1
  }
  back = Atomics.exchange(state, 0, back | fresh) & 3
}

const sums = new Float64Array(3)

function changes(from: number, count: number): void {
  for (let n = from; n < from + count; n++) {
    write(n)
    if (!book.refresh()) throw new Error(`change ${n} was not there`)
    lookAt(book, sums)
  }
}

changes(1, 50_000)
const grown: number[] = []
for (let span = 0; span < 9; span++) {
  const before = getHeapStatistics().used_heap_size
  changes(50_001 + span * 50_000, 50_000)
  const bytes = getHeapStatistics().used_heap_size - before
  // A span with a collection in it says nothing.
  if (bytes >= 0) grown.push(bytes / 50_000)
}
grown.sort((a, b) => a - b)
process.send?.({ bytes: grown[grown.length >> 1], spans: grown.length, last: book.updateId, sum: sums[0] })
