import { inspect } from 'node:util'
import { RecordKind } from '../native/addon.js'
import type { MemoryViews } from './row-window.js'

/** Bytes of a text or binary record before its payload. */
export const messageHeaderBytes = 32

/** How `data` is given. */
export type MessageForm = 'text' | 'bytes'

/**
 * A message as it was received, where it lies in the ring. One object per feed, used again for every message; valid until the
 * listener returns (or the next message is asked for). Nothing is decoded or copied before it is asked for.
 */
export class MessageView {
  readonly #ring: MemoryViews
  readonly #form: MessageForm
  #word = 0
  #isBinary = false
  #byteOffset = 0
  #byteLength = 0

  constructor(ring: MemoryViews, form: MessageForm) {
    this.#ring = ring
    this.#form = form
  }

  /** For the reader: the record at `word`. */
  open(word: number): void {
    const { i32 } = this.#ring
    this.#word = word
    this.#isBinary = ((i32[word * 2 + 1] as number) & 0xff) === RecordKind.binary
    this.#byteOffset = word * 8 + messageHeaderBytes
    this.#byteLength = i32[word * 2 + 6] as number
  }

  /** For the reader: the word behind the record. The message is empty from then on. */
  close(): number {
    this.#byteLength = 0
    return this.#word + ((this.#ring.i32[this.#word * 2] as number) >>> 3)
  }

  get data(): string | Uint8Array {
    return this.#form === 'text' ? this.text() : this.bytes()
  }

  get isBinary(): boolean {
    return this.#isBinary
  }

  get byteLength(): number {
    return this.#byteLength
  }

  get byteOffset(): number {
    return this.#byteOffset
  }

  get memory(): Uint8Array {
    return this.#ring.u8
  }

  get rxTimeNs(): number {
    return this.#ring.f64[this.#word + 1] as number
  }

  get kernelTimeNs(): number {
    return this.#ring.f64[this.#word + 2] as number
  }

  text(): string {
    return this.#ring.u8.toString('utf8', this.#byteOffset, this.#byteOffset + this.#byteLength)
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.#ring.u8.buffer, this.#byteOffset, this.#byteLength)
  }

  copy(): Uint8Array {
    return this.bytes().slice()
  }

  [inspect.custom](): unknown {
    return { isBinary: this.#isBinary, byteLength: this.#byteLength, data: this.data }
  }
}
