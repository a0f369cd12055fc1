import { createHash } from 'node:crypto'
import { z } from 'zod'
import { configFault, parseConfig } from '../../runtime/config.js'
import type { Cells } from './meter.js'
import { type MemoryLimitStore, tooManyKeys } from './store.js'

/** Options of a {@link SharedLimitStore}. */
export interface SharedLimitStoreOptions {
  /** Different keys that the memory has room to name, 16…65,536; all who share it say the same. Default 1,024. */
  readonly keys?: number | undefined
  /**
   * A holder of the lock that has not moved for so many milliseconds is taken for dead, 10…10,000. Default 200. The lock is held for a
   * microsecond; what a dead holder had half done errs towards too much being counted.
   */
  readonly staleMs?: number | undefined
}

const optionsSchema = z.strictObject({
  keys: z.int().min(16).max(65_536).default(1_024),
  staleMs: z.number().min(10).max(10_000).default(200),
})

/** Header, in 32-bit words: magic, version, keys, lock, times locked, keys in use, and as doubles the origin and the cells in use. */
const magic = 0x54574c4d
const version = 1
const Word = { magic: 0, version: 1, keys: 2, lock: 3, times: 4, used: 5 } as const
const Double = { origin: 4, allocated: 5 } as const
const headerBytes = 64
/** A directory entry: 128 bits of the key's SHA-256, first cell, cells. No cells: the entry is free. */
const entryWords = 8

/** Spins before the waiting thread gives its CPU away, and how long it does. */
const spins = 200
const napMs = 0.05

/**
 * Keeps counts in memory that several threads or processes see: a `SharedArrayBuffer`, or an `ArrayBuffer` over a shared-memory segment.
 * The first to come lays it out; the buffer must be zeros until then. One lock guards everything; see `docs/policies.md`.
 */
export class SharedLimitStore implements MemoryLimitStore {
  readonly kind = 'memory'
  readonly machineOrigin: number
  readonly #words: Int32Array
  readonly #doubles: Float64Array
  readonly #keys: number
  readonly #staleMs: number
  /** Where the cells begin, in doubles. */
  readonly #cellsAt: number
  readonly #me = 1 + Math.floor(Math.random() * 0x7ffffffe)
  readonly #nap = new Int32Array(new SharedArrayBuffer(4))

  /**
   * @param buffer at least {@link sharedLimitBytes} long, a multiple of 8 bytes.
   * @param machineOrigin `machineOrigin` of the `Time` in use: what the counts' clock begins at when this store is the first.
   * @throws ConfigError when the buffer is too small, or was laid out for another number of keys.
   */
  constructor(buffer: ArrayBuffer | SharedArrayBuffer, machineOrigin: number, options: SharedLimitStoreOptions = {}) {
    const { keys, staleMs } = parseConfig('shared limit store', optionsSchema, options)
    const cellsAt = (headerBytes + keys * entryWords * 4) / 8
    if (buffer.byteLength % 8 !== 0 || buffer.byteLength < cellsAt * 8 + 64) {
      throw configFault('shared limit store', ['buffer'], 'is too small or no multiple of 8 bytes')
    }
    this.#words = new Int32Array(buffer)
    this.#doubles = new Float64Array(buffer)
    this.#keys = keys
    this.#staleMs = staleMs
    this.#cellsAt = cellsAt
    this.lock()
    try {
      this.#layOut(machineOrigin)
    } finally {
      this.unlock()
    }
    this.machineOrigin = this.#doubles[Double.origin] as number
  }

  /** Different keys in use. */
  get size(): number {
    return Atomics.load(this.#words, Word.used)
  }

  cells(key: string, words: number): Cells {
    const digest = createHash('sha256').update(`${words} ${key}`).digest()
    this.lock()
    try {
      return { numbers: this.#doubles, at: this.#find(digest, words) }
    } finally {
      this.unlock()
    }
  }

  lock(): void {
    if (Atomics.compareExchange(this.#words, Word.lock, 0, this.#me) !== 0) this.#wait()
    Atomics.add(this.#words, Word.times, 1)
  }

  unlock(): void {
    // Only our own: somebody may have taken us for dead.
    Atomics.compareExchange(this.#words, Word.lock, this.#me, 0)
  }

  forget(): void {}

  /** Waits for the lock; takes it away from a holder that does not move. */
  #wait(): void {
    const words = this.#words
    let spun = 0
    let holder = Atomics.load(words, Word.lock)
    let times = Atomics.load(words, Word.times)
    let since = performance.now()
    while (Atomics.compareExchange(words, Word.lock, 0, this.#me) !== 0) {
      if (++spun < spins) continue
      Atomics.wait(this.#nap, 0, 0, napMs)
      const nowHolder = Atomics.load(words, Word.lock)
      const nowTimes = Atomics.load(words, Word.times)
      if (nowHolder !== holder || nowTimes !== times) {
        holder = nowHolder
        times = nowTimes
        since = performance.now()
      } else if (holder !== 0 && performance.now() - since > this.#staleMs) {
        if (Atomics.compareExchange(words, Word.lock, holder, this.#me) === holder) return
      }
    }
  }

  #layOut(machineOrigin: number): void {
    const words = this.#words
    if (words[Word.magic] === magic) {
      if (words[Word.version] === version && words[Word.keys] === this.#keys) return
      throw configFault(
        'shared limit store',
        ['keys'],
        'the memory was laid out by another version or for another number of keys',
      )
    }
    if (words[Word.magic] !== 0) throw configFault('shared limit store', ['buffer'], 'holds something else')
    words[Word.version] = version
    words[Word.keys] = this.#keys
    this.#doubles[Double.origin] = machineOrigin
    this.#doubles[Double.allocated] = 0
    words[Word.magic] = magic
  }

  /** The key's first cell. New keys take the next free cells; an entry counts once its number of cells is written, which is last. */
  #find(digest: Buffer, count: number): number {
    const words = this.#words
    const start = digest.readUInt32LE(0) % this.#keys
    for (let i = 0; i < this.#keys; i++) {
      const entry = headerBytes / 4 + ((start + i) % this.#keys) * entryWords
      if (words[entry + 5] === 0) return this.#allocate(entry, digest, count)
      if (holds(words, entry, digest)) return this.#cellsAt + (words[entry + 4] as number)
    }
    throw tooManyKeys(this.#keys)
  }

  #allocate(entry: number, digest: Buffer, count: number): number {
    const words = this.#words
    const first = this.#doubles[Double.allocated] as number
    if (this.#cellsAt + first + count > this.#doubles.length) throw tooManyKeys(words[Word.used] as number)
    this.#doubles[Double.allocated] = first + count
    for (let i = 0; i < 4; i++) words[entry + i] = digest.readInt32LE(i * 4)
    words[entry + 4] = first
    words[entry + 5] = count
    words[Word.used] = (words[Word.used] as number) + 1
    return this.#cellsAt + first
  }
}

function holds(words: Int32Array, entry: number, digest: Buffer): boolean {
  for (let i = 0; i < 4; i++) if (words[entry + i] !== digest.readInt32LE(i * 4)) return false
  return true
}

/** Bytes that a {@link SharedLimitStore} needs for so many keys with so many numbers in all (a sliding window: 6 + 2 × entries). */
export function sharedLimitBytes(keys: number, numbers: number): number {
  return headerBytes + keys * entryWords * 4 + numbers * 8 + 64
}
