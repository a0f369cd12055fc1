/**
 * A book whose memory is written as the core does it, and read after each change in every way that allocates nothing. Tells the bytes that
 * the heap has grown by, per change.
 */
import { getHeapStatistics } from 'node:v8'
import { Book } from '../../../dist/esm/book/book.js'
import { BookMemory } from '../../../dist/esm/book/memory.js'
import { BookView } from '../../../dist/esm/native/book-layout.js'
import { lookAt, lookAtOrders } from './look.ts'

const depth = 5
/** Of each level: 0 for a book of levels. */
const orders = Number(process.argv[2] ?? 0)
const stride = orders === 0 ? BookView.bytes(depth) : BookView.orderBytes(depth, orders)
const memory = new BookMemory(depth, orders)
const book = new Book('X', memory)
const state = new Int32Array(memory.buffer)
const f64 = new Float64Array(memory.buffer)
const fresh = 4
state[0] = 1
let back = 0

/** The writer's side of a triple slot: native/base/triple_slot.h. */
function write(n: number): void {
  const word = (64 + back * stride) / 8
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
  for (let i = 0; i < depth * 2 && orders > 0; i++) {
    const queue = (word + BookView.queuesWord(depth) + i) * 2
    state[queue] = orders + 1
    state[queue + 1] = orders
    for (let k = 0; k < orders; k++) {
      const order = word + BookView.ordersWord(depth) + (i * orders + k) * BookView.orderWords
      state[order * 2] = n
      f64[order + 2] = 1 + ((n + k) % 7) / 8
      state[(order + 3) * 2] = 1_000 + k
      state[(order + 4) * 2] = 2
      state[(order + 5) * 2 + 1] = 390_000_000 + n
    }
  }
  back = Atomics.exchange(state, 0, back | fresh) & 3
}

const sums = new Float64Array(3)

function changes(from: number, count: number): void {
  for (let n = from; n < from + count; n++) {
    write(n)
    if (!book.refresh()) throw new Error(`change ${n} was not there`)
    lookAt(book, sums)
    if (orders > 0) lookAtOrders(book, orders, sums)
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
