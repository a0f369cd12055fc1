import { TapLayout } from '../native/addon.js'
import type { TrafficEvent, TrafficSource } from '../runtime/traffic.js'

const kinds = ['open', 'close', 'received', 'sent'] as const

/** The memory into which the core copies what goes over a feed's connections, read from this side. */
export class FeedTap implements TrafficSource {
  readonly url: string
  readonly memory: ArrayBuffer
  readonly #i32: Int32Array
  readonly #u64: BigUint64Array
  readonly #f64: Float64Array
  readonly #bytes: Uint8Array
  readonly #mask: number
  /** Everything before it was handed over; a byte count modulo 2^32. */
  #tail = 0

  /** @param bytes a power of two. */
  constructor(url: string, bytes: number) {
    this.url = url
    this.memory = new ArrayBuffer(TapLayout.dataOffset + bytes)
    this.#i32 = new Int32Array(this.memory)
    this.#u64 = new BigUint64Array(this.memory)
    this.#f64 = new Float64Array(this.memory)
    this.#bytes = new Uint8Array(this.memory)
    this.#mask = bytes - 1
  }

  drain(visit: (event: TrafficEvent) => void): number {
    const i32 = this.#i32
    const head = Atomics.load(i32, TapLayout.headWord)
    while (this.#tail !== head) {
      const at = TapLayout.dataOffset + (this.#tail & this.#mask)
      const word = at / 4
      const total = i32[word] as number
      const about = i32[word + 1] as number
      const kind = kinds[about & 0xff]
      if (kind !== undefined) {
        const from = at + TapLayout.recordHeaderBytes
        visit({
          kind,
          timeNs: this.#f64[at / 8 + 1] as number,
          binary: (about & 0x100) !== 0,
          code: about >>> 16,
          data: this.#bytes.subarray(from, from + (i32[word + 4] as number)),
        })
      }
      this.#tail = (this.#tail + total) | 0
      // Released one by one: a long read makes room while it goes on.
      Atomics.store(i32, TapLayout.tailWord, this.#tail)
    }
    return Number(Atomics.load(this.#u64, TapLayout.lostLong))
  }
}
