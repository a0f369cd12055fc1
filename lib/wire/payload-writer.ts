import type { Scaled } from './scaled.js'

/** Bytes of the largest payload. */
export const maxPayload = 16_777_216

const firstBytes = 4_096

/**
 * Writes fields (tag, length, value; `docs/wire-format.md`) into memory that is used again for the next message and grows to what the
 * largest needs.
 */
export class PayloadWriter {
  /** The memory. Replaced when it grows. */
  bytes: Buffer = Buffer.alloc(firstBytes)
  #view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length)
  /** Bytes written. */
  length = 0

  clear(): void {
    this.length = 0
  }

  /**
   * Begins a field of `size` bytes, which the caller then fills.
   * @returns where they start, or −1 when the payload would become too large.
   */
  open(tag: number, size: number): number {
    const head = size < 255 ? 2 : 6
    const at = this.length
    const end = at + head + size
    if (end > this.bytes.length && !this.#grow(end)) return -1
    const bytes = this.bytes
    bytes[at] = tag
    bytes[at + 1] = Math.min(size, 255)
    if (size >= 255) this.#view.setUint32(at + 2, size, true)
    this.length = end
    return at + head
  }

  u8(at: number, value: number): void {
    this.bytes[at] = value
  }

  u32(at: number, value: number): void {
    this.#view.setUint32(at, value, true)
  }

  i32(at: number, value: number): void {
    this.#view.setInt32(at, value, true)
  }

  f64(at: number, value: number): void {
    this.#view.setFloat64(at, value, true)
  }

  i64(at: number, value: bigint): void {
    this.#view.setBigInt64(at, value, true)
  }

  /** A safe integer as i64. */
  integer(at: number, value: number): void {
    this.#view.setUint32(at, value >>> 0, true)
    this.#view.setInt32(at + 4, Math.floor(value / 4_294_967_296), true)
  }

  /** A safe integer from 0 to 2^48 − 1 as u48. */
  u48(at: number, value: number): void {
    this.#view.setUint32(at, value >>> 0, true)
    this.#view.setUint16(at + 4, Math.floor(value / 4_294_967_296), true)
  }

  mantissa(at: number, value: Scaled): void {
    this.#view.setUint32(at, value.low, true)
    this.#view.setInt32(at + 4, value.high, true)
  }

  /** −2^63 as i64: no price. */
  none(at: number): void {
    this.#view.setUint32(at, 0, true)
    this.#view.setUint32(at + 4, 0x8000_0000, true)
  }

  /** Text of `size` bytes in UTF-8. */
  text(at: number, text: string, size: number): void {
    this.bytes.write(text, at, size, 'utf8')
  }

  #grow(needed: number): boolean {
    if (needed > maxPayload) return false
    const grown = Buffer.alloc(Math.min(maxPayload, 2 ** Math.ceil(Math.log2(needed))))
    this.bytes.copy(grown, 0, 0, this.length)
    this.bytes = grown
    this.#view = new DataView(grown.buffer, grown.byteOffset, grown.length)
    return true
  }
}
