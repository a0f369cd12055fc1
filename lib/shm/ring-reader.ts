import { ShmError } from './errors.js'
import { maxPayload, recordBytes, type ShmGeometry, ShmLayout, ShmRecordKind } from './layout.js'

const { blocks, recordAlign, recordHeader, firstPositionWord, publishedWord, oldestWord, startsWord } = ShmLayout
const { tableOffset, tableHeader, tableAlign, tableEndWord } = ShmLayout
/** From so many bytes on the engine's own copying, which costs a view, is faster than a loop. */
const loopBytes = 320
/** Payloads up to this length have a view that is made once. */
const keptViews = 2_048
/** How often to look for a record to begin with while the writer overwrites one after the other. */
const attempts = 16
/** Fewer looks than this that found nothing before one that did: the reader is close behind the writer. */
const closeLooks = 8
/** So often in a row close behind, each time with fewer records than a batch, before it looks less often. */
const closeStreak = 16
const batch = 64
/** Fewer than this behind a pause, and messages come one by one: pauses would only delay them. */
const several = 4
/** Loads of private memory, some 6 ns each, before a look at the writer's. */
const shortestPause = 32
const longestPause = 512
/** On these CPUs loads are done in their order without being told. */
const loadsInOrder = process.arch === 'x64' || process.arch === 'ia32'

/**
 * Where to begin. `newest`: with what comes from now on; after a loss: as near to the end as the writer has noted a record. `oldest`: with the oldest
 * record that is there. `start`: as `oldest`, and what was overwritten since the segment was made counts as lost.
 */
export type ShmFrom = 'newest' | 'oldest' | 'start'

/** Whom a ring's reader hands messages and losses. */
export interface RingSink {
  /** `data` is private memory, used again for the next message. False: no more for now. */
  onMessage(data: Buffer): boolean
  /** So many records were overwritten before they could be read. */
  onLost(count: number): void
}

/**
 * A reader's half of the ring's protocol (`native/shm/ring_reader.h`), on an ArrayBuffer over a segment that need not be writable.
 * Nothing that is read from there is believed before it is checked. Every message is copied out, then looked after whether
 * the writer has come round meanwhile; what is handed over is whole and does not change.
 */
export class RingReader {
  readonly #i32: Int32Array
  readonly #u8: Uint8Array
  readonly #bits: BigUint64Array
  readonly #dataOffset: number
  readonly #dataWord: number
  readonly #tableBytes: number
  readonly #capacity: number
  readonly #mask: number
  readonly #maxPayload: number
  readonly #resume: ShmFrom
  /** Start of the next record. */
  #low = 0
  #high = 0
  /** Its sequence; both 0: not known yet. */
  #sequenceLow = 0
  #sequenceHigh = 0
  #lost = 0
  #corrupt = false
  #polling = false
  #tableAt = 0
  /** The message that is handed over, and views of its memory by length. */
  #message = Buffer.from(new ArrayBuffer(65_536))
  #messageWords = new Int32Array(this.#message.buffer)
  readonly #views: (Buffer | undefined)[] = new Array(keptViews + 1)
  readonly #fence = new Int32Array(1)
  #emptyLooks = 0
  #closeLooks = 0
  #pause = 0

  /** @throws ShmError `ERR_SHM_CORRUPT`. */
  constructor(memory: ArrayBuffer, geometry: ShmGeometry, start: ShmFrom, resume: ShmFrom) {
    this.#i32 = new Int32Array(memory)
    this.#u8 = new Uint8Array(memory)
    this.#bits = new BigUint64Array(memory)
    this.#dataOffset = geometry.dataOffset
    this.#dataWord = geometry.dataOffset / 4
    this.#tableBytes = geometry.table
    this.#capacity = geometry.ring
    this.#mask = geometry.ring - 1
    this.#maxPayload = maxPayload(geometry.ring)
    this.#resume = resume
    this.#join(start)
  }

  /** Records that were overwritten before they could be read, since this reader began. */
  get lost(): number {
    return this.#lost
  }

  /** Sequence of the message that was handed over or passed by last; 0 when it is not known. */
  get sequence(): number {
    return Math.max(0, (this.#sequenceHigh >>> 0) * 0x1_0000_0000 + (this.#sequenceLow >>> 0) - 1)
  }

  /** Halves of the position that a sleeper waits to be passed. */
  get low(): number {
    return this.#low
  }

  get high(): number {
    return this.#high
  }

  /** The segment holds what no writer leaves behind; nothing is read any more. */
  get corrupt(): boolean {
    return this.#corrupt
  }

  /** Whether something waits to be read. */
  get pending(): boolean {
    if (this.#corrupt) return false
    const i32 = this.#i32
    return Atomics.load(i32, publishedWord) !== this.#low || Atomics.load(i32, publishedWord + 1) !== this.#high
  }

  /**
   * Hands over at most `max` messages that are published. Returns how many. 0 when called from inside itself.
   * @throws ShmError `ERR_SHM_CORRUPT` once, when the segment holds what no writer leaves behind. What the sink throws.
   */
  poll(sink: RingSink, max: number): number {
    if (this.#polling || this.#corrupt) return 0
    this.#polling = true
    try {
      return this.#poll(sink, max)
    } finally {
      this.#polling = false
    }
  }

  #poll(sink: RingSink, max: number): number {
    const i32 = this.#i32
    const mask = this.#mask
    let count = 0
    while (count < max) {
      for (let i = this.#pause; i > 0; i--) Atomics.load(this.#fence, 0)
      const high = Atomics.load(i32, publishedWord + 1)
      const low = Atomics.load(i32, publishedWord)
      // The halves belong together when the upper one has not changed meanwhile.
      if (Atomics.load(i32, publishedWord + 1) !== high) continue
      if (low === this.#low && high === this.#high) {
        if (++this.#emptyLooks >= closeLooks) this.#pause = this.#closeLooks = 0
        return count
      }
      const available = ((high - this.#high) | 0) * 0x1_0000_0000 + ((low >>> 0) - (this.#low >>> 0))
      if (available < 0 || (available & (recordAlign - 1)) !== 0) throw this.#fail('a published position')
      const close = this.#emptyLooks < closeLooks
      const before = count
      this.#emptyLooks = 0
      let left = available
      while (left > 0 && count < max) {
        const offset = this.#low & mask
        const word = this.#dataWord + (offset >>> 2)
        const bytes = i32[word] as number
        const kind = i32[word + 1] as number
        const sequenceLow = i32[word + 2] as number
        const sequenceHigh = i32[word + 3] as number
        const toEnd = this.#capacity - offset
        // As unsigned: a length that is negative here is beyond every limit.
        const fits = bytes >>> 0 <= (kind === ShmRecordKind.pad ? this.#capacity : this.#maxPayload)
        const whole = fits ? recordBytes(bytes) : 0
        const isData = kind === ShmRecordKind.data
        const plausible =
          fits && whole <= left && (isData ? whole <= toEnd : kind === ShmRecordKind.pad && whole === toEnd)
        if (plausible && isData) this.#copy(word + recordHeader / 4, bytes)
        if (this.#overtaken()) {
          if (!this.#recover(sink)) return count
          break
        }
        if (!plausible) throw this.#fail('a record')
        if (sequenceLow !== this.#sequenceLow || sequenceHigh !== this.#sequenceHigh) {
          if (this.#sequenceLow !== 0 || this.#sequenceHigh !== 0) throw this.#fail('a sequence')
          this.#sequenceLow = sequenceLow
          this.#sequenceHigh = sequenceHigh
        }
        left -= whole
        const from = this.#low
        this.#low = (from + whole) | 0
        if (this.#low >>> 0 < from >>> 0) this.#high = (this.#high + 1) | 0
        if (!isData) continue
        this.#sequenceLow = (sequenceLow + 1) | 0
        if (this.#sequenceLow === 0) this.#sequenceHigh = (sequenceHigh + 1) | 0
        count++
        if (!sink.onMessage(this.#view(bytes))) return count
      }
      this.#pace(close, count - before)
    }
    return count
  }

  /**
   * Close behind a writer that does not stop, both ends want the same cache lines with every message, which slows them down to a few
   * messages per microsecond. Looking less often lets several messages come between two looks. Where messages come one by one
   * there are many looks between them, and nothing waits.
   */
  #pace(close: boolean, records: number): void {
    if (!close || (this.#pause > 0 && records < several)) this.#pause = this.#closeLooks = 0
    else if (records < batch && ++this.#closeLooks >= closeStreak) {
      this.#closeLooks = 0
      this.#pause = Math.min(longestPause, Math.max(shortestPause, this.#pause * 2))
    }
  }

  /** Entries of the table that were not handed over yet, copied. @throws as poll(). */
  readTable(): Buffer[] {
    const entries: Buffer[] = []
    if (this.#corrupt) return entries
    const end = Atomics.load(this.#i32, tableEndWord)
    if (
      end < 0 ||
      end > this.#tableBytes ||
      end % tableAlign !== 0 ||
      Atomics.load(this.#i32, tableEndWord + 1) !== 0
    ) {
      throw this.#fail('the end of the table')
    }
    while (this.#tableAt < end) {
      const at = tableOffset + this.#tableAt
      const bytes = this.#i32[at / 4] as number
      const room = end - this.#tableAt - tableHeader
      if (bytes < 0 || bytes > room || this.#i32[at / 4 + 1] !== 0) throw this.#fail('an entry of the table')
      entries.push(Buffer.from(this.#u8.subarray(at + tableHeader, at + tableHeader + bytes)))
      this.#tableAt += (tableHeader + bytes + tableAlign - 1) & -tableAlign
    }
    return entries
  }

  /** Copies `bytes` from word `from` on to where messages are handed over. */
  #copy(from: number, bytes: number): void {
    if (bytes < loopBytes) {
      const i32 = this.#i32
      const words = this.#messageWords
      const count = (bytes + 3) >>> 2
      for (let i = 0; i < count; i++) words[i] = i32[from + i] as number
      return
    }
    if (bytes > this.#message.length) {
      this.#message = Buffer.from(new ArrayBuffer(2 ** Math.ceil(Math.log2(bytes))))
      this.#messageWords = new Int32Array(this.#message.buffer)
      this.#views.fill(undefined)
    }
    this.#message.set(this.#u8.subarray(from * 4, from * 4 + bytes))
  }

  #view(bytes: number): Buffer {
    if (bytes > keptViews) return this.#message.subarray(0, bytes)
    this.#views[bytes] ??= this.#message.subarray(0, bytes)
    return this.#views[bytes]
  }

  /** Whether what was read at the reader's position may have been overwritten before it was read. */
  #overtaken(): boolean {
    const i32 = this.#i32
    // The plain reads before must be done before the loads below. A sequentially consistent store comes after them, and such a
    // load after that store.
    if (!loadsInOrder) Atomics.store(this.#fence, 0, 0)
    // The lower half first: when the upper one changes in between, the pair is too large, and recover() looks again.
    const low = Atomics.load(i32, oldestWord)
    const high = Atomics.load(i32, oldestWord + 1)
    if (high === this.#high) return low >>> 0 > this.#low >>> 0
    return high >>> 0 > this.#high >>> 0
  }

  get #position(): bigint {
    return (BigInt(this.#high >>> 0) << 32n) | BigInt(this.#low >>> 0)
  }

  #load(word: number): bigint {
    return Atomics.load(this.#bits, word >> 1)
  }

  #beginAt(position: bigint, sequence: bigint): void {
    this.#low = Number(BigInt.asIntN(32, position))
    this.#high = Number(BigInt.asIntN(32, position >> 32n))
    this.#sequenceLow = Number(BigInt.asIntN(32, sequence))
    this.#sequenceHigh = Number(BigInt.asIntN(32, sequence >> 32n))
    if ((this.#low & (recordAlign - 1)) !== 0) throw this.#fail('a position')
  }

  #overtakenAt(position: bigint): boolean {
    if (!loadsInOrder) Atomics.store(this.#fence, 0, 0)
    return this.#load(oldestWord) > position
  }

  /** The header at `position`; null when no writer can have written it. `available`: published bytes from there on. */
  #headerAt(position: bigint, available: bigint): { whole: bigint; isData: boolean; sequence: bigint } | null {
    const offset = Number(position & BigInt(this.#mask))
    const word = this.#dataWord + (offset >>> 2)
    const bytes = (this.#i32[word] as number) >>> 0
    const kind = this.#i32[word + 1] as number
    const sequence = this.#bits[(word >> 1) + 1] as bigint
    const toEnd = this.#capacity - offset
    if (bytes > this.#capacity) return null
    const whole = recordBytes(bytes)
    const isData = kind === ShmRecordKind.data
    const fits = isData ? bytes <= this.#maxPayload && whole <= toEnd : kind === ShmRecordKind.pad && whole === toEnd
    return fits && BigInt(whole) <= available ? { whole: BigInt(whole), isData, sequence } : null
  }

  /** The newest start of a record that the writer has noted down before `published`; the oldest record when there is none. */
  #boundaryNear(published: bigint): bigint {
    let best = this.#load(oldestWord)
    for (let block = 0; block < blocks; block++) {
      const start = this.#load(startsWord + 2 * block)
      if (start < published && start > best && start % BigInt(recordAlign) === 0n) best = start
    }
    return best
  }

  /** Overtaken, or taken for it: goes on at a record that is still there and counts those in between. */
  #recover(sink: RingSink): boolean {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const published = this.#load(publishedWord)
      const oldest = this.#load(oldestWord)
      if (oldest <= this.#position) return true
      const target = this.#resume === 'newest' ? this.#boundaryNear(published) : oldest
      if (target === published) return false // nothing complete is there at the moment
      if (target % BigInt(recordAlign) !== 0n) throw this.#fail('the oldest position')
      if (target > published || target <= this.#position) continue // the writer has moved on between the loads
      const header = this.#headerAt(target, published - target)
      if (this.#overtakenAt(target)) continue
      const expected = (BigInt(this.#sequenceHigh >>> 0) << 32n) | BigInt(this.#sequenceLow >>> 0)
      if (header === null || header.sequence < expected) throw this.#fail('a record')
      this.#beginAt(target, header.sequence)
      if (expected !== 0n && header.sequence !== expected) {
        const count = Number(header.sequence - expected)
        this.#lost += count
        sink.onLost(count)
      }
      return true
    }
    return false
  }

  #join(start: ShmFrom): void {
    const first = this.#load(firstPositionWord)
    if (start === 'start') {
      this.#beginAt(first, 1n)
      return
    }
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (start === 'oldest' ? this.#joinOldest(first) : this.#joinNewest(first)) return
    }
    // A writer that laps this so many times in a row: begin with the first record that is caught.
    this.#beginAt(this.#load(publishedWord), 0n)
  }

  /** Begins behind the last published record, whose sequence is found by walking there from the nearest noted start. */
  #joinNewest(first: bigint): boolean {
    const published = this.#load(publishedWord)
    let at = this.#boundaryNear(published)
    let sequence = published === first ? 1n : 0n
    while (at < published) {
      const header = at % BigInt(recordAlign) === 0n ? this.#headerAt(at, published - at) : null
      if (this.#overtakenAt(at)) return false
      if (header === null) throw this.#fail('a record')
      at += header.whole
      sequence = header.sequence + (header.isData ? 1n : 0n)
    }
    this.#beginAt(published, sequence)
    return true
  }

  #joinOldest(first: bigint): boolean {
    const published = this.#load(publishedWord)
    const oldest = this.#load(oldestWord)
    if (oldest > published) return false
    this.#beginAt(oldest, oldest === published && oldest === first ? 1n : 0n)
    if (oldest === published) return true
    const header = this.#headerAt(oldest, published - oldest)
    if (this.#overtakenAt(oldest)) return false
    if (header === null) throw this.#fail('a record')
    this.#beginAt(oldest, header.sequence)
    return true
  }

  #fail(what: string): ShmError {
    this.#corrupt = true
    return new ShmError('ERR_SHM_CORRUPT', `the segment holds ${what} that no writer leaves behind`)
  }
}
