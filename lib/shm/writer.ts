import { type NativeShmSegment, nativeShm } from '../native/shm.js'
import { parseConfig } from '../runtime/config.js'
import { ShmError, toShmError } from './errors.js'
import { ShmLayout } from './layout.js'
import { type ShmWriterOptions, shmNameSchema, shmWriterSchema } from './options.js'
import { RingWriter } from './ring-writer.js'

const { parkedWord } = ShmLayout
/** Reservations up to this length are made in memory beside the ring: a view on the ring itself would cost more than copying. */
const besideBytes = 2_048
/** A string's bytes are not counted before it is written when it cannot be longer than this. */
const uncountedBytes = 4_096

const openSegments = new Set<NativeShmSegment>()
let exitHooked = false

/** process.exit() runs no destructors: without this the names of open writers would be left for the next one to take over. */
function closeAtExit(segment: NativeShmSegment): void {
  openSegments.add(segment)
  if (exitHooked) return
  exitHooked = true
  process.once('exit', () => {
    for (const open of openSegments) open.close()
  })
}

/**
 * The writing end of a ring in shared memory: messages for any number of readers in other processes of this machine, without a
 * copy through the kernel and without a native call per message.
 *
 * Writing never waits. A reader that is slower than a whole ring loses the oldest messages and knows how many.
 */
export class ShmWriter implements Disposable {
  readonly name: string
  /** Differs for every start of a writer of this name; grows. */
  readonly epoch: number
  /** Bytes of the longest message. */
  readonly maxMessage: number
  readonly #native: NativeShmSegment
  readonly #ring: RingWriter
  readonly #i32: Int32Array
  readonly #timer: NodeJS.Timeout | null = null
  readonly #signal: AbortSignal | undefined
  readonly #beside = Buffer.from(new ArrayBuffer(besideBytes))
  readonly #besideWords = new Int32Array(this.#beside.buffer)
  readonly #views: (Buffer | undefined)[] = new Array(besideBytes + 1)
  /** Bytes that are reserved; −1: none. */
  #reserved = -1
  #closed = false

  /** @internal */
  private constructor(name: string, native: NativeShmSegment, heartbeat: number, signal: AbortSignal | undefined) {
    this.name = name
    this.epoch = native.epoch
    this.#native = native
    const { memory, ring, table, dataOffset } = native
    this.#ring = new RingWriter(memory, { ring, table, dataOffset })
    this.#i32 = new Int32Array(memory)
    this.maxMessage = this.#ring.maxPayload
    if (heartbeat > 0) {
      native.beat()
      this.#timer = setInterval(() => native.beat(), heartbeat)
      this.#timer.unref()
    }
    this.#signal = signal
    signal?.addEventListener('abort', this.#abort, { once: true })
  }

  /**
   * Makes the segment `name` and becomes its writer. A segment that a dead writer left behind is replaced; its readers follow.
   * @throws ConfigError for wrong options. ShmError: `ERR_SHM_WRITER_ACTIVE` while another writer lives, `ERR_SHM_OWNER`,
   * `ERR_SHM_PERMISSION`, `ERR_SHM_NO_SPACE`, `ERR_SHM_EXTERNAL_BUFFER` and others, see {@link ShmError}.
   */
  static create(name: string, options: ShmWriterOptions = {}): ShmWriter {
    parseConfig('name of a segment', shmNameSchema, name)
    const { bytes, table, mode, directory, heartbeat, signal } = parseConfig('writer options', shmWriterSchema, options)
    signal?.throwIfAborted()
    let native: NativeShmSegment
    try {
      native = new (nativeShm().ShmSegment)({
        role: 'writer',
        name,
        directory: directory ?? '',
        owner: -1,
        ring: bytes,
        table,
        mode,
        firstPosition: 0,
      })
    } catch (error) {
      throw toShmError(error, name)
    }
    closeAtExit(native)
    return new ShmWriter(name, native, heartbeat, signal)
  }

  /** Messages that were written. */
  get sequence(): number {
    return this.#ring.sequence
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Path of the segment's file. */
  get path(): string {
    return this.#native.path
  }

  /**
   * Writes a message, a string as UTF-8, and shows it to readers.
   * @throws ShmError `ERR_SHM_TOO_LONG`, `ERR_SHM_CLOSED`.
   */
  write(message: Uint8Array | string): void {
    this.append(message)
    this.publish()
  }

  /** As write(), but readers see it with the next publish() or write(): cheaper for several messages at once. */
  append(message: Uint8Array | string): void {
    if (this.#closed) throw this.#closedError()
    this.#reserved = -1
    if (typeof message === 'string') this.#appendText(message)
    else if (message.length > this.maxMessage) throw this.#tooLong(message.length)
    else this.#ring.append(message)
  }

  /** Shows readers what was appended or committed, and wakes those that sleep. */
  publish(): void {
    if (this.#closed) throw this.#closedError()
    this.#ring.publish()
    // Our store of the position, then this load; a reader that wants to sleep stores the word, then loads the position. All
    // are sequentially consistent, so that one of the two sees the other's store.
    if (Atomics.load(this.#i32, parkedWord) !== 0) this.#native.wake()
  }

  /**
   * Room for a message of up to `bytes`, to be encoded in place; its contents are arbitrary at first. commit() makes a message of
   * it; the buffer must not be used after that. A second reserve(), write() or append() in between replaces the first.
   * @throws ShmError `ERR_SHM_TOO_LONG`, `ERR_SHM_CLOSED`.
   */
  reserve(bytes: number): Buffer {
    if (this.#closed) throw this.#closedError()
    if (!Number.isInteger(bytes) || bytes < 0) throw new RangeError(`reserve() of ${bytes} bytes`)
    if (bytes > this.maxMessage) throw this.#tooLong(bytes)
    this.#reserved = bytes
    if (bytes <= besideBytes) {
      this.#views[bytes] ??= this.#beside.subarray(0, bytes)
      return this.#views[bytes]
    }
    const offset = this.#ring.reserve(bytes)
    return this.#ring.memory.subarray(offset, offset + bytes)
  }

  /**
   * Makes a message of the first `bytes` of what was reserved (default: all of it), and shows it to readers unless `publish` is
   * false.
   * @throws ShmError `ERR_SHM_CLOSED`. RangeError when so many bytes were not reserved.
   */
  commit(bytes: number = this.#reserved, publish = true): void {
    if (this.#closed) throw this.#closedError()
    const reserved = this.#reserved
    if (reserved < 0 || !Number.isInteger(bytes) || bytes < 0 || bytes > reserved) {
      throw new RangeError(reserved < 0 ? 'commit() without reserve()' : `commit() of ${bytes} bytes of ${reserved}`)
    }
    this.#reserved = -1
    if (reserved <= besideBytes) this.#ring.appendWords(this.#besideWords, this.#beside, bytes)
    else this.#ring.commit(bytes)
    if (publish) this.publish()
  }

  /**
   * Adds an entry to the table: what every reader gets however late it comes, such as definitions that messages refer to. Visible at
   * once, before every message that is published later.
   * @throws ShmError `ERR_SHM_NO_SPACE` when the table is full, `ERR_SHM_CLOSED`.
   */
  define(entry: Uint8Array | string): void {
    if (this.#closed) throw this.#closedError()
    const bytes = typeof entry === 'string' ? Buffer.from(entry) : entry
    if (!this.#ring.appendTable(bytes)) {
      throw new ShmError('ERR_SHM_NO_SPACE', `${this.name}: no room for ${bytes.length} bytes in the table`)
    }
  }

  /** Says that no more will come and gives up the name. Readers still get what was published. */
  close(): void {
    if (this.#closed) return
    if (this.#ring.unpublished) this.publish()
    this.#closed = true
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#signal?.removeEventListener('abort', this.#abort)
    openSegments.delete(this.#native)
    this.#native.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  readonly #abort = (): void => this.close()

  #appendText(text: string): void {
    // A UTF-16 unit makes at most three bytes.
    let most = text.length * 3
    if (most > uncountedBytes || most > this.maxMessage) {
      most = Buffer.byteLength(text)
      if (most > this.maxMessage) throw this.#tooLong(most)
    }
    const offset = this.#ring.reserve(most)
    this.#ring.commit(this.#ring.memory.write(text, offset, most, 'utf8'))
  }

  #tooLong(bytes: number): ShmError {
    return new ShmError('ERR_SHM_TOO_LONG', `${this.name}: a message of ${bytes} bytes, at most ${this.maxMessage} fit`)
  }

  #closedError(): ShmError {
    return new ShmError('ERR_SHM_CLOSED', `${this.name}: the writer is closed`)
  }
}
