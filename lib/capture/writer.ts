import { randomBytes } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import type { z } from 'zod'
import { parseConfig } from '../runtime/config.js'
import { compress, encodeBlockHeader, encodeFileHeader, maxBlockBytes } from './block.js'
import { crc32c } from './crc32c.js'
import { CaptureError, toCaptureError } from './errors.js'
import { type CaptureWriterOptions, writerSchema } from './options.js'
import type { CaptureRecord } from './record.js'
import { BlockEncoder, overhead } from './record-codec.js'

type Options = z.output<typeof writerSchema>

/** Counters of a {@link CaptureWriter}. */
export interface CaptureWriterStats {
  /** Records taken. */
  readonly records: number
  /** Records that were not taken, because the queue was full or the file had failed. */
  readonly lost: number
  /** Blocks in the file. */
  readonly blocks: number
  /** Bytes of the file. */
  readonly fileBytes: number
  /** Bytes, before compression, that are not in the file yet. */
  readonly waitingBytes: number
}

/**
 * Writes a capture. {@link write} copies and returns; compression and the disk work elsewhere. When they cannot follow, records
 * are lost rather than waited for, and the file says at that place how many.
 */
export class CaptureWriter {
  readonly path: string
  readonly #file: FileHandle
  readonly #options: Options
  /** Bytes after which a block is written: one more record, and one that tells of losses, still keep it within what readers take. */
  readonly #blockBytes: number
  readonly #fileId = randomBytes(8).readBigUInt64LE()
  readonly #encoder = new BlockEncoder()
  #tail: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | null = null
  #closing: Promise<void> | null = null
  #error: CaptureError | null = null
  #queued = 0
  #sequence = 0
  #position = 0
  #blocks = 0
  #records = 0
  #lost = 0
  /** Of `#lost`, those that the file does not tell of yet. */
  #untold = 0
  #lastTime = 0n

  private constructor(path: string, file: FileHandle, options: Options) {
    this.path = path
    this.#file = file
    this.#options = options
    this.#blockBytes = Math.min(options.blockBytes, maxBlockBytes - options.maxRecordBytes - overhead)
  }

  /**
   * Makes the file.
   * @throws ConfigError, CaptureError `ERR_CAPTURE_OPEN`, `ERR_CAPTURE_NO_SPACE`, `ERR_CAPTURE_WRITE`.
   */
  static async create(path: string, options: CaptureWriterOptions = {}): Promise<CaptureWriter> {
    const checked = parseConfig('capture writer options', writerSchema, options)
    let file: FileHandle
    try {
      file = await open(path, checked.overwrite ? 'w' : 'wx')
    } catch (error) {
      throw toCaptureError(error, 'ERR_CAPTURE_OPEN', path)
    }
    const writer = new CaptureWriter(path, file, checked)
    try {
      await writer.#append(encodeFileHeader(writer.#fileId))
    } catch (error) {
      await file.close().catch(() => {})
      throw toCaptureError(error, 'ERR_CAPTURE_WRITE', path)
    }
    return writer
  }

  /** Why nothing is written any more; null while all is well. {@link flush} and {@link close} reject with it. */
  get error(): CaptureError | null {
    return this.#error
  }

  stats(): CaptureWriterStats {
    return {
      records: this.#records,
      lost: this.#lost,
      blocks: this.#blocks,
      fileBytes: this.#position,
      waitingBytes: this.#queued + this.#encoder.length,
    }
  }

  /**
   * Takes a record; its `data` may be reused at once. Never waits, nor throws for what the disk does.
   * @returns whether it was taken; if not, it is lost and counted, and the file will say so even if it is written again. Who can wait
   * calls `flush()` before `stats().waitingBytes` reaches `queueBytes`: below it, records are taken.
   * @throws CaptureError `ERR_CAPTURE_RECORD`, `ERR_CAPTURE_TOO_LONG`, `ERR_CAPTURE_CLOSED`; the record is not counted then.
   */
  write(record: CaptureRecord): boolean {
    if (this.#closing !== null) throw new CaptureError('ERR_CAPTURE_CLOSED', `${this.path}: the writer is closed`)
    if (this.#error !== null || this.#queued + this.#encoder.length >= this.#options.queueBytes) {
      this.#lost++
      this.#untold++
      return false
    }
    this.#tellLost(record.timeNs)
    this.#encoder.add(record, this.#options.maxRecordBytes)
    this.#records++
    if (this.#encoder.length >= this.#blockBytes) this.#cut()
    else if (this.#timer === null) {
      this.#timer = setTimeout(() => this.#cut(), this.#options.flushInterval)
      // A capture alone keeps no process alive; what it may still hold is one interval's records.
      this.#timer.unref()
    }
    return true
  }

  /**
   * Settles when all that was taken so far has been handed to the operating system.
   * @throws CaptureError the {@link error} that ended the writing.
   */
  async flush(): Promise<void> {
    this.#cut()
    await this.#tail
    if (this.#error !== null) throw this.#error
  }

  /**
   * Writes what is left and closes the file. May be called again.
   * @throws CaptureError the {@link error} that ended the writing.
   */
  close(): Promise<void> {
    this.#closing ??= this.#finish()
    return this.#closing
  }

  /** Same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #finish(): Promise<void> {
    if (this.#untold > 0 && this.#error === null) this.#tellLost(this.#lastTime)
    this.#cut()
    await this.#tail
    try {
      // An empty block is the end: without it, a file cut between two blocks would pass for a whole one.
      if (this.#error === null) await this.#writeBlock(Buffer.alloc(0), 0)
    } catch (error) {
      this.#error = toCaptureError(error, 'ERR_CAPTURE_WRITE', this.path)
    }
    try {
      await this.#file.close()
    } catch (error) {
      // Some file systems tell only now that the disk is full.
      this.#error ??= toCaptureError(error, 'ERR_CAPTURE_WRITE', this.path)
    }
    if (this.#error !== null) throw this.#error
  }

  #tellLost(timeNs: bigint): void {
    if (this.#untold > 0) {
      this.#encoder.add({ type: 'lost', timeNs, count: this.#untold }, this.#options.maxRecordBytes)
      this.#untold = 0
    }
    this.#lastTime = timeNs
  }

  #cut(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const { records } = this.#encoder
    if (records === 0) return
    const raw = this.#encoder.take()
    this.#queued += raw.length
    this.#tail = this.#tail.then(async () => {
      try {
        if (this.#error === null) await this.#writeBlock(raw, records)
      } catch (error) {
        this.#error = toCaptureError(error, 'ERR_CAPTURE_WRITE', this.path)
      } finally {
        this.#queued -= raw.length
      }
    })
  }

  async #writeBlock(raw: Buffer, records: number): Promise<void> {
    const { compression, unixOffsetNs } = this.#options
    const packed = raw.length === 0 ? raw : await compress(raw, compression)
    // What does not shrink is stored as it is.
    const isSmaller = packed.length < raw.length
    const stored = isSmaller ? packed : raw
    const header = encodeBlockHeader({
      sequence: this.#sequence++,
      fileId: this.#fileId,
      unixOffsetNs,
      storedBytes: stored.length,
      rawBytes: raw.length,
      records,
      compression: isSmaller ? compression : 'none',
      checksum: crc32c(stored),
    })
    await this.#append(Buffer.concat([header, stored]))
    if (records > 0) this.#blocks++
  }

  async #append(bytes: Buffer): Promise<void> {
    let done = 0
    while (done < bytes.length) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done)
      done += bytesWritten
      this.#position += bytesWritten
    }
  }
}
