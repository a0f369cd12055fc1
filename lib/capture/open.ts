import { type FileHandle, open } from 'node:fs/promises'
import { parseConfig } from '../runtime/config.js'
import { blockHeaderBytes, fileHeaderBytes, looksLikeCapture } from './block.js'
import { CaptureError, toCaptureError } from './errors.js'
import { type CaptureReaderOptions, readerSchema } from './options.js'
import { BlockSource, type CaptureReaderStats, type CaptureSource } from './reader.js'
import type { CaptureRecord } from './record.js'
import { TextSource } from './text-source.js'

/**
 * Records of a capture, in the order in which they were written: iterate over it once. Holds one block, or one piece of a text file, in
 * memory. A record's `data` stays valid, and keeps its block's memory alive.
 */
export class CaptureReader implements AsyncIterable<CaptureRecord>, AsyncDisposable {
  readonly path: string
  readonly format: 'binary' | 'text'
  readonly #file: FileHandle
  readonly #source: CaptureSource
  readonly #signal: AbortSignal | undefined
  #records = 0
  #isTaken = false
  #closing: Promise<void> | null = null

  /** Use {@link openCapture}. */
  constructor(path: string, format: 'binary' | 'text', file: FileHandle, source: CaptureSource, signal?: AbortSignal) {
    this.path = path
    this.format = format
    this.#file = file
    this.#source = source
    this.#signal = signal
  }

  /** Nanoseconds to add to the records' times for those since 1970; known with the first record. 0 for the text format. */
  get unixOffsetNs(): bigint {
    return this.#source.unixOffsetNs()
  }

  /** What was read and what was damaged so far; of the whole file, once the iteration has ended. */
  stats(): CaptureReaderStats {
    return { records: this.#records, ...this.#source.stats() }
  }

  /**
   * Closes the file when it ends, in whichever way. Damage is skipped and counted in {@link stats}.
   * @throws CaptureError `ERR_CAPTURE_READ`, `ERR_CAPTURE_VERSION`, `ERR_CAPTURE_CLOSED` (or iterated over before); for the text
   * format `ERR_CAPTURE_FORMAT`, `ERR_CAPTURE_TOO_LONG`; the signal's reason.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<CaptureRecord, void, undefined> {
    for await (const records of this.#pieces()) {
      for (const record of records) {
        this.#check()
        this.#records++
        yield record
      }
    }
  }

  /**
   * The same in the pieces in which it is read, for who has no use for a promise per record.
   * @throws as the iteration.
   */
  async *pieces(): AsyncGenerator<readonly CaptureRecord[], void, undefined> {
    for await (const records of this.#pieces()) {
      this.#records += records.length
      yield records
    }
  }

  async *#pieces(): AsyncGenerator<readonly CaptureRecord[], void, undefined> {
    if (this.#isTaken || this.#closing !== null) {
      throw new CaptureError('ERR_CAPTURE_CLOSED', `${this.path}: closed, or iterated over before`)
    }
    this.#isTaken = true
    try {
      this.#signal?.throwIfAborted()
      for await (const records of this.#source.read()) {
        this.#check()
        yield records
      }
    } finally {
      await this.close()
    }
  }

  #check(): void {
    this.#signal?.throwIfAborted()
    if (this.#closing !== null) throw new CaptureError('ERR_CAPTURE_CLOSED', `${this.path}: closed`)
  }

  /** Closes the file. May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#file.close()
    return this.#closing
  }

  /** Same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Opens a capture of either format (docs/capture.md).
 * @throws ConfigError, CaptureError `ERR_CAPTURE_OPEN`, `ERR_CAPTURE_READ`, `ERR_CAPTURE_FORMAT` when it is neither; the signal's reason.
 */
export async function openCapture(path: string, options: CaptureReaderOptions = {}): Promise<CaptureReader> {
  const { maxBlockBytes, maxLineBytes, signal } = parseConfig('capture reader options', readerSchema, options)
  signal?.throwIfAborted()
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    throw toCaptureError(error, 'ERR_CAPTURE_OPEN', path)
  }
  try {
    const start = Buffer.alloc(fileHeaderBytes + blockHeaderBytes)
    const { bytesRead } = await file.read(start, 0, start.length, 0)
    const beginning = start.subarray(0, bytesRead)
    if (looksLikeCapture(beginning)) {
      return new CaptureReader(path, 'binary', file, new BlockSource(file, path, maxBlockBytes), signal)
    }
    if (/^(?:[\r\n]|\d+[.:]|[a-z]+:\/\/)/.test(beginning.toString('latin1'))) {
      return new CaptureReader(path, 'text', file, new TextSource(file, path, maxLineBytes), signal)
    }
  } catch (error) {
    await file.close()
    throw toCaptureError(error, 'ERR_CAPTURE_READ', path)
  }
  await file.close()
  throw new CaptureError('ERR_CAPTURE_FORMAT', `${path} is no capture`)
}
