/** Records as bytes of a block (docs/capture.md). */

import { CaptureError } from './errors.js'
import type { CaptureRecord } from './record.js'

const kinds = { open: 0, close: 1, received: 2, sent: 3, answer: 4, lost: 5 } as const
const binaryFlag = 0x80
const maxTime = 2n ** 63n - 1n
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** The most that a record has besides URL, reason and data: kind, connection, time, two lengths or code. */
export const overhead = 40

function wrong(message: string): CaptureError {
  return new CaptureError('ERR_CAPTURE_RECORD', message)
}

function checkInteger(value: number, name: string, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) throw wrong(`${name} must be an integer of 0…${max}`)
}

/** The text's UTF-8. Half a surrogate pair has none, and would be read back as something else. */
function encodeText(text: string, name: string): Uint8Array {
  if (/\p{Surrogate}/u.test(text)) throw wrong(`${name} holds half a surrogate pair`)
  return Buffer.from(text)
}

/** Bytes of one block as they come, in memory that is reused from block to block. */
export class BlockEncoder {
  #bytes = Buffer.allocUnsafe(65_536)
  #length = 0
  #lastTime = 0n
  #records = 0

  get length(): number {
    return this.#length
  }

  get records(): number {
    return this.#records
  }

  /**
   * Adds a record, or nothing at all.
   * @throws CaptureError `ERR_CAPTURE_RECORD`, `ERR_CAPTURE_TOO_LONG` when it is longer than `maxBytes`.
   */
  add(record: CaptureRecord, maxBytes: number): void {
    const { timeNs } = record
    if (typeof timeNs !== 'bigint' || timeNs < 0n || timeNs > maxTime)
      throw wrong('timeNs must be a bigint of 0…2^63-1')
    if ('connection' in record) checkInteger(record.connection, 'connection', 0xffff_ffff)
    if (record.type === 'close') checkInteger(record.code, 'code', 0xffff)
    if (record.type === 'lost') checkInteger(record.count, 'count', Number.MAX_SAFE_INTEGER)
    const url = 'url' in record ? encodeText(record.url, 'url') : null
    const tail = 'data' in record ? record.data : record.type === 'close' ? encodeText(record.reason, 'reason') : null
    const size = overhead + (url?.length ?? 0) + (tail?.length ?? 0)
    if (size > maxBytes) {
      throw new CaptureError('ERR_CAPTURE_TOO_LONG', `a record of ${size} bytes is longer than the ${maxBytes} allowed`)
    }

    this.#reserve(size)
    const binary = 'binary' in record && record.binary ? binaryFlag : 0
    this.#bytes[this.#length++] = kinds[record.type] | binary
    const delta = timeNs - this.#lastTime
    this.#varint(delta < 0n ? -delta * 2n - 1n : delta * 2n)
    if ('connection' in record) this.#varint(BigInt(record.connection))
    if (record.type === 'close') this.#varint(BigInt(record.code))
    if (record.type === 'lost') this.#varint(BigInt(record.count))
    if (url) this.#span(url)
    if (tail) this.#span(tail)
    this.#lastTime = timeNs
    this.#records++
  }

  /** A copy of what was added; the encoder begins anew. */
  take(): Buffer {
    const bytes = Buffer.from(this.#bytes.subarray(0, this.#length))
    this.#length = 0
    this.#lastTime = 0n
    this.#records = 0
    return bytes
  }

  #reserve(size: number): void {
    const needed = this.#length + size
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }

  #varint(value: bigint): void {
    let rest = value
    while (rest > 0x7fn) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.#bytes[this.#length++] = Number(rest)
  }

  #span(bytes: Uint8Array): void {
    this.#varint(BigInt(bytes.length))
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }
}

/**
 * All records of a block, whose `data` are views of `block`; null when it is not exactly `count` records: then none of it is to
 * be believed.
 */
export function decodeBlock(block: Uint8Array, count: number): CaptureRecord[] | null {
  const records: CaptureRecord[] = []
  const cursor = new Cursor(block)
  let timeNs = 0n
  try {
    for (let i = 0; i < count; i++) {
      const kind = cursor.byte()
      const zigzag = cursor.varint()
      timeNs += zigzag & 1n ? -((zigzag + 1n) >> 1n) : zigzag >> 1n
      if (timeNs < 0n || timeNs > maxTime) return null
      const record = cursor.record(kind, timeNs)
      if (record === null) return null
      records.push(record)
    }
  } catch {
    // Cut off within a record, a number beyond its range, a text that is not UTF-8.
    return null
  }
  return cursor.atEnd ? records : null
}

class Cursor {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw new RangeError('cut off')
    return byte
  }

  varint(): bigint {
    let value = 0n
    // 64 bits and the sign are ten bytes at most.
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new RangeError('no number')
  }

  integer(max: number): number {
    const value = this.varint()
    if (value > BigInt(max)) throw new RangeError('beyond its range')
    return Number(value)
  }

  span(): Uint8Array {
    const length = this.integer(this.#bytes.length - this.#at)
    if (length > this.#bytes.length - this.#at) throw new RangeError('cut off')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  text(): string {
    return utf8.decode(this.span())
  }

  record(kind: number, timeNs: bigint): CaptureRecord | null {
    switch (kind) {
      case kinds.open:
        return { type: 'open', timeNs, connection: this.integer(0xffff_ffff), url: this.text() }
      case kinds.close: {
        const connection = this.integer(0xffff_ffff)
        return { type: 'close', timeNs, connection, code: this.integer(0xffff), reason: this.text() }
      }
      case kinds.received:
      case kinds.sent:
      case kinds.received | binaryFlag:
      case kinds.sent | binaryFlag: {
        const type = (kind & ~binaryFlag) === kinds.received ? 'received' : 'sent'
        const connection = this.integer(0xffff_ffff)
        return { type, timeNs, connection, binary: (kind & binaryFlag) !== 0, data: this.span() }
      }
      case kinds.answer:
        return { type: 'answer', timeNs, url: this.text(), data: this.span() }
      case kinds.lost:
        return { type: 'lost', timeNs, count: this.integer(Number.MAX_SAFE_INTEGER) }
      default:
        return null
    }
  }
}
