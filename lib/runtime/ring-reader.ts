import { FeedStates, RecordKind, RingLayout } from '../native/addon.js'
import { TickwireError } from './errors.js'
import type { HistogramWriter } from './histogram.js'
import type { MessageView } from './message-view.js'
import {
  type GapRecord,
  type MalformedRecord,
  type PongRecord,
  readGap,
  readMalformed,
  readPong,
  readState,
  type StateRecord,
} from './records.js'
import type { RowBatch } from './row-batch.js'
import { type MemoryViews, viewsOf } from './row-window.js'

const { headWord, tailWord, sleepingWord, starvedWord, dataOffset, magicWord, versionWord, capacityWord } = RingLayout
const dataWord = dataOffset / 8
const connected = FeedStates.indexOf('connected')

/** The core gets space back at the latest after so many bytes, also in the middle of a drain. */
const freeAfterBytes = 65_536
/** Words of one batch: then its space can be given back. */
const batchWords = freeAfterBytes / 8
/** Rows as far as small integers go: no limit in practice. */
const noLimit = 0x3fff_ffff
/** How far the clock may lag behind while many small batches are handed over. */
const stampNs = 5_000
const maxUnstamped = 256

/** Whom the reader hands the records of one feed to. None of these calls throws. */
export interface RecordSink {
  /** By shape. */
  readonly batches: readonly RowBatch[]
  readonly message: MessageView
  /** Rows per batch at most. */
  readonly maxBatch: number
  /** Latency from receipt to delivery. */
  readonly delivery: HistogramWriter
  /** Somebody still works on what was handed over last: the reader stands still until `release()`. */
  readonly holding: boolean
  onRows(batch: RowBatch, shape: number): void
  onMessage(message: MessageView): void
  onState(record: StateRecord): void
  onGap(record: GapRecord): void
  onMalformed(record: MalformedRecord): void
  onPong(record: PongRecord): void
  /** A record of another kind, at `word`: those of sinks that are no feeds. */
  onOther?(type: number, word: number, views: MemoryViews): void
}

/**
 * JS's end of the event ring: reads the records that lie between tail and head, hands each to its feed and moves tail.
 *
 * The ring is an ordinary ArrayBuffer that the core writes from another thread. `Atomics` works on it as on a shared one:
 * V8 makes the same sequentially consistent instructions for both and moves no other access across them. Hence all bytes
 * that the core wrote before it published a head are there once `Atomics.load` has returned that head, and no read of a
 * record is moved behind the `Atomics.store` of the tail that gives it back. Between tail and head nobody but the reader touches
 * the memory.
 *
 * Positions are byte counts modulo 2^32, kept as signed integers, which the engine holds without boxing them.
 */
export class RingReader {
  readonly views: MemoryViews
  readonly capacity: number
  readonly #i32: Int32Array
  readonly #f64: Float64Array
  readonly #mask: number
  /** The word behind the ring. */
  readonly #endWord: number
  readonly #nowNs: () => number
  readonly #nudge: () => void
  readonly #sinks: (RecordSink | undefined)[] = []
  /** Everything before it was handed over. */
  #tail = 0
  /** The position that lies at the front of the ring. */
  #origin = 0
  /** Tail as the core knows it. */
  #freed = 0
  #draining = false
  #holder: RecordSink | null = null
  #held: { close(): number } | null = null
  #heldWord = 0
  /** Rows and messages of the drain that is under way. */
  #count = 0
  /** The clock as it was read last, and when the time of a drain is over; in an array, as fields they would be allocated anew with
   *  every reading. */
  readonly #now = new Float64Array(2)
  /** Deliveries since the clock was read, and after how many it is read again. */
  #unstamped = 0
  #stampEvery = 1

  /**
   * @param ring formatted by the core.
   * @param nowNs the clock of the records' times.
   * @param nudge called when space was freed that the core waits for.
   * @throws TickwireError `ERR_TICKWIRE_RING` when the memory is no ring of this version.
   */
  constructor(ring: ArrayBuffer, nowNs: () => number, nudge: () => void) {
    this.views = viewsOf(ring)
    this.#i32 = this.views.i32
    this.#f64 = this.views.f64
    this.capacity = ring.byteLength - dataOffset
    this.#mask = this.capacity - 1
    this.#endWord = ring.byteLength / 8
    this.#nowNs = nowNs
    this.#nudge = nudge
    const { magic, version } = RingLayout
    if (
      this.#i32[magicWord] !== magic ||
      this.#i32[versionWord] !== version ||
      this.#i32[capacityWord] !== this.capacity
    ) {
      throw new TickwireError('ERR_TICKWIRE_RING', 'the event ring is not of the version that this package reads')
    }
    this.#tail = Atomics.load(this.#i32, tailWord)
    this.#freed = this.#tail
  }

  attach(handle: number, sink: RecordSink): void {
    while (this.#sinks.length <= handle) this.#sinks.push(undefined)
    this.#sinks[handle] = sink
  }

  /** Records of this feed are passed over from now on. */
  detach(handle: number): void {
    const sink = this.#sinks[handle]
    if (sink !== undefined) this.release(sink)
    this.#sinks[handle] = undefined
  }

  /** Whether the reader stands still because a feed's consumer works on what it got. */
  get held(): boolean {
    return this.#held !== null
  }

  /** The consumer of `sink` is done with what it was handed over. No effect when it was not the one that the reader waits for. */
  release(sink: RecordSink): void {
    if (this.#holder !== sink || this.#held === null) return
    const end = this.#held.close()
    this.#tail = (this.#tail + (end - this.#heldWord) * 8) | 0
    this.#held = null
    this.#holder = null
    if (!this.#draining) this.#free()
  }

  /** The last drain stopped behind the opening of a connection, for those who wait for it; records may follow. */
  paused = false
  /** The last drain stopped because its time was over. */
  expired = false
  /** Nanoseconds that the next drain gives itself; 0: it goes on with the time of the last. */
  #budget = 0

  /** Whether records wait. */
  get pending(): boolean {
    return Atomics.load(this.#i32, headWord) !== this.#tail
  }

  /**
   * Hands over what has been published when it is called, at most `maxRows` rows and messages and not much longer than `budgetNs`.
   * Returns the number of rows and messages. 0 when called from inside itself.
   */
  drain(maxRows: number, budgetNs: number): number {
    this.#budget = budgetNs
    return this.drainMore(maxRows)
  }

  /** As drain(), on what is left of the last drain()'s time. */
  drainMore(maxRows: number): number {
    if (this.#draining || this.#held !== null) return 0
    this.#draining = true
    this.paused = false
    this.expired = false
    try {
      this.#count = 0
      // As an integer for the engine too, which keeps a number that was infinite as a double.
      this.#drain(Math.min(maxRows, noLimit) | 0)
      return this.#count
    } finally {
      this.#draining = false
      this.#free()
    }
  }

  /** Asks the core for a signal with the next records. False when there are some already. */
  sleep(): boolean {
    // We store `sleeping`, then load head; the core stores head, then loads `sleeping`. All four are sequentially consistent, so
    // one of the two sees the other's store and no record is left lying with both asleep.
    Atomics.store(this.#i32, sleepingWord, 1)
    if (!this.pending) return true
    Atomics.store(this.#i32, sleepingWord, 0)
    return false
  }

  #drain(maxRows: number): void {
    const i32 = this.#i32
    const mask = this.#mask
    const sinks = this.#sinks
    const head = Atomics.load(i32, headWord)
    let tail = this.#tail
    if (head === tail) return
    this.#stampEvery = 1
    this.#unstamped = 0
    this.#restamp()
    const now = this.#now
    if (this.#budget > 0) {
      now[1] = (now[0] as number) + this.#budget
      this.#budget = 0
    }
    while (tail !== head && this.#count < maxRows) {
      const word = dataWord + (((tail - this.#origin) & mask) >>> 3)
      const length = i32[word * 2] as number
      const available = (head - tail) | 0
      if (length < 8 || (length & 7) !== 0 || length > available) throw this.#corrupt(length)
      const kind = i32[word * 2 + 1] as number
      const sink = sinks[kind >>> 16]
      const type = kind & 0xff
      let next = word + (length >>> 3)
      if (type === RecordKind.restart) {
        this.#origin = (tail + length) | 0
      } else if (sink !== undefined) {
        if (type === RecordKind.row || type === RecordKind.conflated) {
          next = this.#rows(sink, word, kind, length, available, maxRows)
        } else if (type === RecordKind.text || type === RecordKind.binary) {
          next = this.#message(sink, word)
        } else if (type !== RecordKind.pad) {
          this.#control(sink, type, word)
        }
        if (this.#held !== null) return
      }
      tail = (tail + (next - word) * 8) | 0
      this.#tail = tail
      if (((tail - this.#freed) | 0) >= freeAfterBytes) this.#free()
      if (type === RecordKind.state && this.paused) return
      if (++this.#unstamped >= this.#stampEvery) {
        this.#restamp()
        if ((now[0] as number) > (now[1] as number)) {
          this.expired = true
          return
        }
      }
    }
  }

  /** Hands over the run of rows that starts at `word`. Returns the word behind it. */
  #rows(sink: RecordSink, word: number, kind: number, length: number, available: number, maxRows: number): number {
    const shape = (kind >>> 8) & 0xff
    const batch = sink.batches[shape]
    const second = word + (length >>> 3)
    if (batch === undefined) return second
    const toEnd = this.#endWord - word
    let words = available >>> 3
    if (words > toEnd) words = toEnd
    // A record that is longer than a batch makes a batch by itself.
    if (words > batchWords) words = length > freeAfterBytes ? length >>> 3 : batchWords
    let limit = maxRows - this.#count
    if (limit > sink.maxBatch) limit = sink.maxBatch
    batch.open(word, second, word + words, kind, limit)
    sink.onRows(batch, shape)
    const n = batch.length
    this.#count += n
    if ((kind & 0xff) === RecordKind.row) sink.delivery.deliver(this.#f64, word + 1, this.#now, n)
    else if (batch.first >= 0) sink.delivery.deliver(batch.memory.f64, batch.first + 1, this.#now, n)
    if (!sink.holding) return batch.close()
    this.#hold(sink, batch, word)
    return word
  }

  #message(sink: RecordSink, word: number): number {
    const message = sink.message
    message.open(word)
    sink.onMessage(message)
    this.#count++
    sink.delivery.deliver(this.#f64, word + 1, this.#now, 1)
    if (!sink.holding) return message.close()
    this.#hold(sink, message, word)
    return word
  }

  #hold(sink: RecordSink, held: { close(): number }, word: number): void {
    this.#holder = sink
    this.#held = held
    this.#heldWord = word
  }

  #control(sink: RecordSink, type: number, word: number): void {
    if (type === RecordKind.state) {
      // Whoever waits for it (`await feed.open()`) goes on before the rows behind it: it may listen or iterate only then.
      this.paused = (((this.#i32[word * 2 + 4] as number) >>> 8) & 0xff) === connected
      sink.onState(readState(this.views, word))
    } else if (type === RecordKind.gap) sink.onGap(readGap(this.views, word))
    else if (type === RecordKind.malformed) sink.onMalformed(readMalformed(this.views, word))
    else if (type === RecordKind.pong) sink.onPong(readPong(this.views, word))
    else {
      sink.onOther?.(type, word, this.views)
      if (type === RecordKind.book) this.#count++
    }
  }

  /**
   * Looks at the clock, and decides after how many deliveries to look again: reading it costs as much as handing over several
   * rows, and its error need not be smaller than the time that a listener takes.
   */
  #restamp(): void {
    const now = this.#now
    const before = now[0] as number
    now[0] = this.#nowNs()
    if (this.#unstamped > 0) {
      const each = ((now[0] as number) - before) / this.#unstamped
      this.#stampEvery = each * maxUnstamped <= stampNs ? maxUnstamped : Math.max(1, Math.floor(stampNs / each))
    }
    this.#unstamped = 0
  }

  #free(): void {
    if (this.#tail === this.#freed) return
    this.#freed = this.#tail
    const i32 = this.#i32
    Atomics.store(i32, tailWord, this.#tail)
    // The core sets `starved`, then looks at tail once more; we store tail, then look at `starved`: one of us sees the other.
    if (Atomics.load(i32, starvedWord) !== 0 && Atomics.exchange(i32, starvedWord, 0) !== 0) this.#nudge()
  }

  #corrupt(length: number): TickwireError {
    return new TickwireError('ERR_TICKWIRE_RING', `a record of ${length} bytes in the event ring`)
  }
}
