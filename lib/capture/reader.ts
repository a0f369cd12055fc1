import type { FileHandle } from 'node:fs/promises'
import {
  type BlockHeader,
  blockHeaderBytes,
  blockMagic,
  decodeBlockHeader,
  decodeFileHeader,
  decompress,
  fileHeaderBytes,
  version,
} from './block.js'
import { crc32c } from './crc32c.js'
import { CaptureError, toCaptureError } from './errors.js'
import type { CaptureRecord } from './record.js'
import { decodeBlock } from './record-codec.js'

/** What a reader has seen so far. A capture is whole when it was read to its end, `ended` is true and nothing is counted as left out. */
export interface CaptureReaderStats {
  /** Records handed out. */
  readonly records: number
  /** Intact blocks (text format: 0). */
  readonly blocks: number
  /** Blocks with an intact header whose contents are damaged. */
  readonly damagedBlocks: number
  /** Blocks larger than `maxBlockBytes`, which were passed over unread: not damage, but what a higher limit would show. */
  readonly oversizedBlocks: number
  /** Blocks of which not even the header is intact, by the numbers of those after them. */
  readonly missingBlocks: number
  /** Bytes that belong to no intact block. */
  readonly skippedBytes: number
  /** Whether the file ends within a block, or with something that is none. */
  readonly truncated: boolean
  /** Whether the writer closed the file: if not, nobody knows what is missing at its end. Text format: always true. */
  readonly ended: boolean
}

/** How both formats are read. */
export interface CaptureSource {
  read(): AsyncGenerator<CaptureRecord[]>
  stats(): Omit<CaptureReaderStats, 'records'>
  unixOffsetNs(): bigint
}

const scanBytes = 65_536

/** Blocks of the binary format. Holds one block at a time. */
export class BlockSource implements CaptureSource {
  readonly #file: FileHandle
  readonly #path: string
  readonly #maxBlockBytes: number
  #fileId: bigint | null = null
  #unixOffsetNs = 0n
  #nextSequence = 0
  #blocks = 0
  #damagedBlocks = 0
  #oversizedBlocks = 0
  #missingBlocks = 0
  #skippedBytes = 0
  #truncated = false
  #ended = false

  constructor(file: FileHandle, path: string, maxBlockBytes: number) {
    this.#file = file
    this.#path = path
    this.#maxBlockBytes = maxBlockBytes
  }

  unixOffsetNs(): bigint {
    return this.#unixOffsetNs
  }

  stats(): Omit<CaptureReaderStats, 'records'> {
    return {
      blocks: this.#blocks,
      damagedBlocks: this.#damagedBlocks,
      oversizedBlocks: this.#oversizedBlocks,
      missingBlocks: this.#missingBlocks,
      skippedBytes: this.#skippedBytes,
      truncated: this.#truncated,
      ended: this.#ended,
    }
  }

  async *read(): AsyncGenerator<CaptureRecord[]> {
    const start = await this.#at(0, fileHeaderBytes)
    const found = decodeFileHeader(start)
    if (found !== null && found.version !== version) {
      throw new CaptureError(
        'ERR_CAPTURE_VERSION',
        `${this.#path}: version ${found.version} of the format is not known`,
      )
    }
    if (found === null) this.#skippedBytes += start.length
    this.#fileId = found?.fileId ?? null
    if (start.length < fileHeaderBytes) {
      this.#truncated = true
      return
    }

    let position = fileHeaderBytes
    for (;;) {
      const bytes = await this.#at(position, blockHeaderBytes)
      if (bytes.length === 0) return
      const header = decodeBlockHeader(bytes)
      if (header === null || !this.#isNext(header)) {
        const next = await this.#find(position + 1)
        this.#skippedBytes += next.position - position
        if (!next.found) {
          this.#truncated = true
          return
        }
        position = next.position
        continue
      }
      const size = blockHeaderBytes + header.storedBytes
      const records = await this.#contents(header, position + blockHeaderBytes)
      this.#fileId ??= header.fileId
      this.#unixOffsetNs = header.unixOffsetNs
      if (records === 'truncated') {
        const rest = await this.#remaining(position)
        this.#skippedBytes += rest
        this.#truncated = true
        return
      }
      // The header is intact, so its length is right: nothing within the block is taken for another one.
      position += size
      this.#missingBlocks += header.sequence - this.#nextSequence
      this.#nextSequence = header.sequence + 1
      if (records === 'damaged' || records === 'oversized') {
        if (records === 'damaged') this.#damagedBlocks++
        else this.#oversizedBlocks++
        this.#skippedBytes += size
        continue
      }
      if (header.records === 0) {
        this.#ended = true
        continue
      }
      this.#ended = false
      this.#blocks++
      yield records
    }
  }

  /** A capture may hold another capture's bytes; only blocks of this file, in their order, are blocks. */
  #isNext(header: BlockHeader): boolean {
    return (this.#fileId === null || header.fileId === this.#fileId) && header.sequence >= this.#nextSequence
  }

  async #contents(
    header: BlockHeader,
    position: number,
  ): Promise<CaptureRecord[] | 'damaged' | 'oversized' | 'truncated'> {
    if (header.storedBytes > this.#maxBlockBytes || header.rawBytes > this.#maxBlockBytes) {
      const last = await this.#at(position + header.storedBytes - 1, 1)
      return last.length === 1 ? 'oversized' : 'truncated'
    }
    const stored = await this.#at(position, header.storedBytes)
    if (stored.length < header.storedBytes) return 'truncated'
    if (crc32c(stored) !== header.checksum) return 'damaged'
    const raw = await decompress(stored, header)
    return (raw === null ? null : decodeBlock(raw, header.records)) ?? 'damaged'
  }

  async #find(from: number): Promise<{ readonly found: boolean; readonly position: number }> {
    let position = from
    for (;;) {
      const bytes = await this.#at(position, scanBytes)
      for (let at = bytes.indexOf(blockMagic); at >= 0; at = bytes.indexOf(blockMagic, at + 1)) {
        const header = decodeBlockHeader(
          at + blockHeaderBytes <= bytes.length
            ? bytes.subarray(at, at + blockHeaderBytes)
            : await this.#at(position + at, blockHeaderBytes),
        )
        if (header !== null && this.#isNext(header)) return { found: true, position: position + at }
      }
      if (bytes.length < scanBytes) return { found: false, position: position + bytes.length }
      // The last bytes may be the beginning of what is looked for.
      position += bytes.length - (blockMagic.length - 1)
    }
  }

  async #remaining(position: number): Promise<number> {
    const { size } = await this.#file.stat()
    return Math.max(0, size - position)
  }

  /** Bytes at a position; fewer only at the end of the file. */
  async #at(position: number, length: number): Promise<Buffer> {
    // At first what is there is not known, and a damaged length must not make a gigabyte of memory.
    const buffer = Buffer.allocUnsafe(length <= scanBytes ? length : Math.min(length, await this.#remaining(position)))
    let done = 0
    try {
      while (done < buffer.length) {
        const { bytesRead } = await this.#file.read(buffer, done, buffer.length - done, position + done)
        if (bytesRead === 0) break
        done += bytesRead
      }
    } catch (error) {
      throw toCaptureError(error, 'ERR_CAPTURE_READ', this.#path)
    }
    return buffer.subarray(0, done)
  }
}
