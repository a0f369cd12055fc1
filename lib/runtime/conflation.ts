import { ConflateLayout, type NativeConflateRegion } from '../native/addon.js'
import { type MemoryViews, viewsOf } from './row-window.js'

const fresh = 4

/**
 * The reader's side of one shape's conflation slots. Each slot holds the newest value of one key in three places: one belongs to
 * the core, one to the reader, and the third lies in the middle. An exchange of the state word swaps the reader's place with
 * the middle one; what comes back is the reader's alone until its next exchange, so a value can be read at leisure and is
 * never torn.
 */
export class ConflateRegion {
  readonly views: MemoryViews
  readonly #state: Int32Array
  readonly #offset: number
  readonly #stride: number
  readonly #rowBytes: number
  /** By slot: the place that the reader owns. */
  readonly #front: Uint8Array

  constructor(views: MemoryViews, region: NativeConflateRegion) {
    this.views = views
    this.#state = new Int32Array(views.u8.buffer)
    this.#offset = region.offset
    this.#stride = ConflateLayout.stride(region.rowBytes)
    this.#rowBytes = region.rowBytes
    this.#front = new Uint8Array(region.keys).fill(2)
  }

  /** Takes the newest value of a slot. False when the value that the reader has already is still the newest. */
  take(slot: number): boolean {
    const word = (this.#offset + slot * this.#stride) >>> 2
    if ((Atomics.load(this.#state, word) & fresh) === 0) return false
    // Sequentially consistent: the value's bytes, written before the core's exchange, are seen after ours.
    this.#front[slot] = Atomics.exchange(this.#state, word, this.#front[slot] as number) & 3
    return true
  }

  /** First 8-byte word of the value that was taken last. */
  word(slot: number): number {
    const front = this.#front[slot] as number
    return (this.#offset + slot * this.#stride + ConflateLayout.valuesOffset + front * this.#rowBytes) >>> 3
  }
}

/** Memory for the conflation slots of all shapes of a feed. */
export interface ConflateMemory {
  readonly memory: ArrayBuffer
  readonly regions: readonly NativeConflateRegion[]
  readonly readers: readonly ConflateRegion[]
}

/** Bytes that {@link createConflateMemory} takes for one shape. */
export function conflateRegionBytes(rowBytes: number, keys: number): number {
  return ConflateLayout.stride(rowBytes) * keys
}

/** @param shapes by shape: bytes of the largest row, a multiple of 8, and the number of keys. */
export function createConflateMemory(shapes: readonly { rowBytes: number; keys: number }[]): ConflateMemory {
  let offset = 0
  const regions = shapes.map(({ rowBytes, keys }) => {
    const region = { offset, rowBytes, keys }
    offset += conflateRegionBytes(rowBytes, keys)
    return region
  })
  const memory = new ArrayBuffer(offset)
  const views = viewsOf(memory)
  return { memory, regions, readers: regions.map((region) => new ConflateRegion(views, region)) }
}
