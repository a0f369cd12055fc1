/** The core's end of a conflation region, played in JS: native/base/triple_slot.h. */

import { ConflateLayout, type NativeConflateRegion } from '../../lib/native/addon.js'

const fresh = 4

export class ConflateProducer {
  readonly #bytes: Uint8Array
  readonly #state: Int32Array
  readonly #region: NativeConflateRegion
  readonly #back: number[]

  constructor(memory: ArrayBuffer, region: NativeConflateRegion) {
    this.#bytes = new Uint8Array(memory)
    this.#state = new Int32Array(memory)
    this.#region = region
    this.#back = new Array<number>(region.keys).fill(0)
    for (let slot = 0; slot < region.keys; slot++) this.#state[this.#word(slot)] = 1
  }

  /** Writes a part of the next value: nobody may see it before swapIn(). */
  write(slot: number, row: Uint8Array, from = 0, to = row.length): void {
    const { offset, rowBytes } = this.#region
    const at =
      offset +
      slot * ConflateLayout.stride(rowBytes) +
      ConflateLayout.valuesOffset +
      (this.#back[slot] as number) * rowBytes
    this.#bytes.set(row.subarray(from, to), at + from)
  }

  /** Hands the value over. True when the reader has to be told by a CONFLATED record. */
  swapIn(slot: number): boolean {
    const old = Atomics.exchange(this.#state, this.#word(slot), (this.#back[slot] as number) | fresh)
    this.#back[slot] = old & 3
    return (old & fresh) === 0
  }

  #word(slot: number): number {
    return (this.#region.offset + slot * ConflateLayout.stride(this.#region.rowBytes)) >>> 2
  }
}
