import { maxPayload, recordBytes, type ShmGeometry, ShmLayout, ShmRecordKind, toBits } from './layout.js'

const { blocks, recordHeader, firstPositionWord, publishedWord, oldestWord, tableEndWord, startsWord } = ShmLayout
const { tableOffset, tableHeader, tableAlign } = ShmLayout
/** From so many bytes on the engine's own copying, which costs a view, is faster than a loop. */
const loopBytes = 320

/**
 * The writer's half of the ring's protocol (`native/shm/ring_writer.h`), on an ArrayBuffer over the segment.
 *
 * `Atomics` on it are as on a SharedArrayBuffer: V8 makes the same sequentially consistent instructions for both, and moves no other
 * access across them. Positions are pairs of signed 32-bit words, which the engine does not box; a BigInt is made only where
 * both halves of a stored position change, once in 4 GiB.
 */
export class RingWriter {
  /** The whole segment. */
  readonly memory: Buffer
  readonly maxPayload: number
  readonly #i32: Int32Array
  readonly #bits: BigInt64Array
  readonly #dataOffset: number
  readonly #tableBytes: number
  readonly #capacity: number
  readonly #mask: number
  readonly #blockMask: number
  readonly #blockShift: number
  /** End of the committed records. */
  #low: number
  #high: number
  #publishedLow: number
  #publishedHigh: number
  #oldestHigh: number
  /** Bytes behind the end that readers know may be overwritten; they end a block. */
  #room = 0
  /** Bytes from the oldest record that readers may read to the end. */
  #kept = 0
  /** Of the next record. */
  #sequenceLow = 1
  #sequenceHigh = 0
  /** Bytes of the pad record in front of what was reserved. */
  #pad = 0
  #tableEnd = 0
  /** By block: the first record that starts in it in this lap, if one does. */
  readonly #starts = new Int32Array(blocks)
  readonly #started = new Uint8Array(blocks)
  /** Upper halves of the starts in the header. */
  readonly #startsHigh = new Int32Array(blocks)

  /** @param memory a segment that was formatted and that nothing was written to since. */
  constructor(memory: ArrayBuffer, geometry: ShmGeometry) {
    this.memory = Buffer.from(memory)
    this.#i32 = new Int32Array(memory)
    this.#bits = new BigInt64Array(memory)
    this.#dataOffset = geometry.dataOffset
    this.#tableBytes = geometry.table
    this.#capacity = geometry.ring
    this.#mask = geometry.ring - 1
    this.#blockMask = geometry.ring / blocks - 1
    this.#blockShift = Math.log2(geometry.ring / blocks)
    this.maxPayload = maxPayload(geometry.ring)
    this.#low = this.#i32[firstPositionWord] as number
    this.#high = this.#i32[firstPositionWord + 1] as number
    this.#publishedLow = this.#low
    this.#publishedHigh = this.#high
    this.#oldestHigh = this.#high
    this.#startsHigh.fill(this.#high)
  }

  /** Sequence of the last committed record; 0 before the first. */
  get sequence(): number {
    return (this.#sequenceHigh >>> 0) * 0x1_0000_0000 + (this.#sequenceLow >>> 0) - 1
  }

  get tableUsed(): number {
    return this.#tableEnd
  }

  get unpublished(): boolean {
    return this.#low !== this.#publishedLow || this.#high !== this.#publishedHigh
  }

  /** Byte offset in `memory` of room for a payload of up to `bytes` ≤ maxPayload. What was there is lost to readers. */
  reserve(bytes: number): number {
    const need = recordBytes(bytes)
    const toEnd = this.#capacity - (this.#low & this.#mask)
    const pad = need > toEnd ? toEnd : 0
    this.#pad = pad
    if (pad + need > this.#room) this.#claim(pad + need)
    return this.#dataOffset + ((this.#low + pad) & this.#mask) + recordHeader
  }

  /** Completes the record that was reserved, with `bytes` ≤ what was reserved. */
  commit(bytes: number): void {
    if (this.#pad !== 0) {
      this.#startRecord(ShmRecordKind.pad, this.#pad - recordHeader)
      this.#advance(this.#pad)
      this.#pad = 0
    }
    this.#startRecord(ShmRecordKind.data, bytes)
    this.#advance(recordBytes(bytes))
    this.#sequenceLow = (this.#sequenceLow + 1) | 0
    if (this.#sequenceLow === 0) this.#sequenceHigh = (this.#sequenceHigh + 1) | 0
  }

  append(payload: Uint8Array): void {
    const bytes = payload.length
    const offset = this.reserve(bytes)
    this.memory.set(payload, offset)
    this.commit(bytes)
  }

  /** As append(), of the first `bytes` behind `words`. */
  appendWords(words: Int32Array, source: Uint8Array, bytes: number): void {
    const offset = this.reserve(bytes)
    if (bytes < loopBytes) {
      const i32 = this.#i32
      const at = offset >>> 2
      const count = (bytes + 3) >>> 2
      for (let i = 0; i < count; i++) i32[at + i] = words[i] as number
    } else {
      this.memory.set(source.subarray(0, bytes), offset)
    }
    this.commit(bytes)
  }

  /** Lets readers see all that was committed. */
  publish(): void {
    const low = this.#low
    const high = this.#high
    // Not before the records themselves: a sequentially consistent store releases.
    if (high === this.#publishedHigh) Atomics.store(this.#i32, publishedWord, low)
    else Atomics.store(this.#bits, publishedWord >> 1, toBits(low, high))
    this.#publishedLow = low
    this.#publishedHigh = high
  }

  /** Adds to the table, visible at once. False when it is full. */
  appendTable(entry: Uint8Array): boolean {
    const need = (tableHeader + entry.length + tableAlign - 1) & -tableAlign
    if (need > this.#tableBytes - this.#tableEnd) return false
    const at = tableOffset + this.#tableEnd
    const word = at >>> 2
    this.#i32[word] = entry.length
    this.#i32[word + 1] = 0
    this.memory.set(entry, at + tableHeader)
    this.#tableEnd += need
    Atomics.store(this.#i32, tableEndWord, this.#tableEnd)
    return true
  }

  #advance(bytes: number): void {
    const before = this.#low
    this.#low = (before + bytes) | 0
    if (this.#low >>> 0 < before >>> 0) this.#high = (this.#high + 1) | 0
    this.#room -= bytes
    this.#kept += bytes
  }

  #startRecord(kind: number, bytes: number): void {
    const i32 = this.#i32
    const low = this.#low
    const offset = low & this.#mask
    const word = (this.#dataOffset + offset) >>> 2
    i32[word] = bytes
    i32[word + 1] = kind
    i32[word + 2] = this.#sequenceLow
    i32[word + 3] = this.#sequenceHigh
    const block = offset >>> this.#blockShift
    if (this.#started[block] === 0) this.#noteStart(block)
  }

  #noteStart(block: number): void {
    this.#started[block] = 1
    this.#starts[block] = this.#low
    if (this.#startsHigh[block] === this.#high) Atomics.store(this.#i32, startsWord + 2 * block, this.#low)
    else Atomics.store(this.#bits, (startsWord >> 1) + block, toBits(this.#low, this.#high))
    this.#startsHigh[block] = this.#high
  }

  /** Tells readers, before the first byte changes, that the blocks of the next `bytes` are being overwritten. */
  #claim(bytes: number): void {
    // So that the oldest record is never one that readers do not know of, however much is appended at once.
    if (this.unpublished) this.publish()
    const inBlock = this.#low & this.#blockMask
    const room = ((inBlock + bytes + this.#blockMask) & ~this.#blockMask) - inBlock
    const first = (this.#low & this.#mask) + this.#room
    const blocksNow = (room - this.#room + this.#blockMask) >>> this.#blockShift
    const firstBlock = ((first + this.#blockMask) >>> this.#blockShift) % blocks
    for (let i = 0; i < blocksNow; i++) this.#started[(firstBlock + i) % blocks] = 0
    this.#room = room
    if (room + this.#kept <= this.#capacity) return // a first lap overwrites nothing
    // Records that start in the blocks behind those stay.
    const behind = this.#capacity - room
    const count = (behind + this.#blockMask) >>> this.#blockShift
    let kept = 0
    for (let i = 0; i < count; i++) {
      const block = (firstBlock + blocksNow + i) % blocks
      if (this.#started[block] === 0) continue // covered by a record that starts in front of it
      kept = (this.#low - (this.#starts[block] as number)) >>> 0
      break
    }
    this.#kept = kept
    const low = (this.#low - kept) | 0
    const high = low >>> 0 > this.#low >>> 0 ? (this.#high - 1) | 0 : this.#high
    if (high === this.#oldestHigh) Atomics.store(this.#i32, oldestWord, low)
    else Atomics.store(this.#bits, oldestWord >> 1, toBits(low, high))
    this.#oldestHigh = high
    // A sequentially consistent store alone lets later plain stores overtake it on some CPUs; none of them overtakes a load
    // behind it.
    Atomics.load(this.#i32, oldestWord)
  }
}
