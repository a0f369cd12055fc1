// A producer on a thread of its own: writes the rows 1…n of 40, 48, 56… bytes into a ring in shared memory, as fast as there is room.
import { workerData } from 'node:worker_threads'

const { ring, rows, dataOffset, headWord, tailWord } = workerData
const i32 = new Int32Array(ring)
const f64 = new Float64Array(ring)
const capacity = ring.byteLength - dataOffset
let write = 0

function room(bytes) {
  while (capacity - ((write - Atomics.load(i32, tailWord)) >>> 0) < bytes) {
    // The reader has to come round: two threads may share a core here.
    Atomics.wait(i32, tailWord, Atomics.load(i32, tailWord), 1)
  }
}

for (let n = 1; n <= rows; n++) {
  const bytes = 40 + (n % 5) * 8
  const toEnd = capacity - (write & (capacity - 1))
  room(bytes <= toEnd ? bytes : bytes + toEnd)
  if (bytes > toEnd) {
    const at = dataOffset + (write & (capacity - 1))
    i32[at / 4] = toEnd
    i32[at / 4 + 1] = 0
    write = (write + toEnd) | 0
  }
  const at = (dataOffset + (write & (capacity - 1))) / 8
  i32[at * 2] = bytes
  i32[at * 2 + 1] = 1
  f64[at + 1] = 1
  f64[at + 2] = 0
  f64[at + 3] = n
  for (let word = at + 4; word < at + bytes / 8; word++) f64[word] = -n
  write = (write + bytes) | 0
  if (n % 7 === 0 || n === rows) Atomics.store(i32, headWord, write)
}
