/** The core's end of the event ring, played in JS: writes records as native/base/event_ring.h does. */

import { FeedStates, MalformedKinds, RecordKind, RingLayout } from '../../lib/native/addon.js'
import type { FieldLayout, ShapeLayout } from '../../lib/runtime/shape-layout.js'

const {
  magic,
  version,
  magicWord,
  versionWord,
  capacityWord,
  headWord,
  tailWord,
  sleepingWord,
  starvedWord,
  dataOffset,
} = RingLayout

export type DecimalValue = { readonly mantissa: bigint; readonly scale: number }
export type FieldValue =
  | number
  | bigint
  | boolean
  | string
  | null
  | DecimalValue
  | readonly { readonly price: number; readonly size: number }[]
  | readonly { readonly price: DecimalValue; readonly size: DecimalValue }[]

export class RingProducer {
  readonly #i32: Int32Array
  readonly #view: DataView
  readonly #bytes: Uint8Array
  readonly capacity: number
  #write = 0
  #published = 0
  /** The position at the front of the ring. */
  #origin = 0

  /** @param start position at which the ring begins its life: to test that positions may wrap around 2^32. */
  constructor(memory: ArrayBuffer, start = 0) {
    this.#i32 = new Int32Array(memory)
    this.#view = new DataView(memory)
    this.#bytes = new Uint8Array(memory)
    this.capacity = memory.byteLength - dataOffset
    this.#i32.fill(0, 0, dataOffset / 4)
    this.#i32[magicWord] = magic
    this.#i32[versionWord] = version
    this.#i32[capacityWord] = this.capacity
    this.#i32[headWord] = start
    this.#i32[tailWord] = start
    this.#write = start | 0
    this.#published = start | 0
  }

  static create(capacity = 65_536, start = 0): { ring: ArrayBuffer; producer: RingProducer } {
    const ring = new ArrayBuffer(dataOffset + capacity)
    return { ring, producer: new RingProducer(ring, start) }
  }

  get used(): number {
    return (this.#write - Atomics.load(this.#i32, tailWord)) >>> 0
  }

  get starved(): boolean {
    return Atomics.load(this.#i32, starvedWord) !== 0
  }

  announceStarved(): void {
    Atomics.store(this.#i32, starvedWord, 1)
  }

  get sleeping(): boolean {
    return Atomics.load(this.#i32, sleepingWord) !== 0
  }

  /** Byte offset for a record, null when the reader has not freed enough. */
  #reserve(bytes: number): number | null {
    const offset = (this.#write - this.#origin) & (this.capacity - 1)
    const toEnd = this.capacity - offset
    const need = bytes <= toEnd ? bytes : bytes + toEnd
    if (this.capacity - this.used < need) return null
    if (bytes <= toEnd) return dataOffset + offset
    this.#view.setUint32(dataOffset + offset, toEnd, true)
    this.#view.setUint32(dataOffset + offset + 4, RecordKind.pad, true)
    this.#write = (this.#write + toEnd) | 0
    return dataOffset
  }

  /**
   * Goes on at the front, as the core does when everything was taken: false when it was not, or before 8 KiB. No more than these may follow
   * before it is read, as here nothing leads past the record.
   */
  restart(): boolean {
    const offset = (this.#write - this.#origin) & (this.capacity - 1)
    if (this.used !== 0 || offset < 8_192 || !this.record(RecordKind.restart, 0, 0, 8, () => {})) return false
    this.#origin = this.#write
    return true
  }

  /** A record of which the caller fills in what follows the header. False when there is no room. */
  record(
    kind: number,
    shape: number,
    handle: number,
    bytes: number,
    fill: (view: DataView, at: number) => void,
  ): boolean {
    const length = (bytes + 7) & ~7
    const at = this.#reserve(length)
    if (at === null) return false
    this.#bytes.fill(0, at, at + length)
    this.#view.setUint32(at, length, true)
    this.#view.setUint32(at + 4, (kind | (shape << 8) | (handle << 16)) >>> 0, true)
    fill(this.#view, at)
    this.#write = (this.#write + length) | 0
    return true
  }

  /** Publishes. True when the reader sleeps and the caller has to wake it. */
  publish(): boolean {
    if (this.#write === this.#published) return false
    this.#published = this.#write
    Atomics.store(this.#i32, headWord, this.#write)
    return Atomics.load(this.#i32, sleepingWord) !== 0 && Atomics.exchange(this.#i32, sleepingWord, 0) !== 0
  }

  row(handle: number, shape: number, bytes: Uint8Array): boolean {
    return this.record(RecordKind.row, shape, handle, bytes.length, (_, at) => {
      this.#bytes.set(bytes.subarray(8), at + 8)
    })
  }

  conflated(handle: number, shape: number, slot: number): boolean {
    return this.record(RecordKind.conflated, shape, handle, 16, (view, at) => view.setUint32(at + 8, slot, true))
  }

  message(handle: number, data: string | Uint8Array, rxTimeNs = 1, kernelTimeNs = 0): boolean {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
    const kind = typeof data === 'string' ? RecordKind.text : RecordKind.binary
    return this.record(kind, 0, handle, 32 + bytes.length, (view, at) => {
      view.setFloat64(at + 8, rxTimeNs, true)
      view.setFloat64(at + 16, kernelTimeNs, true)
      view.setUint32(at + 24, bytes.length, true)
      this.#bytes.set(bytes, at + 32)
    })
  }

  state(
    handle: number,
    from: (typeof FeedStates)[number],
    to: (typeof FeedStates)[number],
    more: { error?: number; attempt?: number; detail?: number; delayMs?: number; text?: string; timeNs?: number } = {},
  ): boolean {
    const text = new TextEncoder().encode(more.text ?? '')
    return this.record(RecordKind.state, 0, handle, 40 + text.length, (view, at) => {
      view.setFloat64(at + 8, more.timeNs ?? 1, true)
      view.setUint8(at + 16, FeedStates.indexOf(from))
      view.setUint8(at + 17, FeedStates.indexOf(to))
      view.setUint16(at + 18, more.error ?? 0, true)
      view.setUint32(at + 20, more.attempt ?? 0, true)
      view.setInt32(at + 24, more.detail ?? 0, true)
      view.setUint32(at + 28, text.length, true)
      view.setFloat64(at + 32, more.delayMs ?? Number.NaN, true)
      this.#bytes.set(text, at + 40)
    })
  }

  gap(handle: number, lost: bigint, timeNs = 1): boolean {
    return this.record(RecordKind.gap, 0, handle, 24, (view, at) => {
      view.setFloat64(at + 8, timeNs, true)
      view.setBigUint64(at + 16, lost, true)
    })
  }

  malformed(
    handle: number,
    why: (typeof MalformedKinds)[number],
    more: { shape?: number; field?: number; length?: number; sample?: Uint8Array; suppressed?: number } = {},
  ): boolean {
    const sample = more.sample ?? new Uint8Array()
    return this.record(RecordKind.malformed, 0, handle, 32 + sample.length, (view, at) => {
      view.setFloat64(at + 8, 1, true)
      view.setUint8(at + 16, MalformedKinds.indexOf(why))
      view.setUint8(at + 17, more.shape ?? 0)
      view.setInt16(at + 18, more.field ?? -1, true)
      view.setUint32(at + 20, more.length ?? sample.length, true)
      view.setUint32(at + 24, sample.length, true)
      view.setUint32(at + 28, more.suppressed ?? 0, true)
      this.#bytes.set(sample, at + 32)
    })
  }

  pong(handle: number, rttNs: number): boolean {
    return this.record(RecordKind.pong, 0, handle, 24, (view, at) => {
      view.setFloat64(at + 8, 1, true)
      view.setFloat64(at + 16, rttNs, true)
    })
  }
}

/** The core's end of the symbol table. */
export class SymbolProducer {
  readonly #view: DataView
  readonly #bytes: Uint8Array
  readonly #ids = new Map<string, number>()
  readonly #textOffset: number
  #used = 0

  constructor(memory: ArrayBuffer, maxSymbols: number) {
    this.#view = new DataView(memory)
    this.#bytes = new Uint8Array(memory)
    this.#textOffset = 16 + maxSymbols * 8
  }

  intern(text: string): number {
    const known = this.#ids.get(text)
    if (known !== undefined) return known
    const id = this.#ids.size
    const bytes = new TextEncoder().encode(text)
    this.#bytes.set(bytes, this.#textOffset + this.#used)
    this.#view.setUint32(16 + id * 8, this.#used, true)
    this.#view.setUint32(20 + id * 8, bytes.length, true)
    this.#used += bytes.length
    this.#ids.set(text, id)
    this.#view.setUint32(0, this.#ids.size, true)
    return id
  }
}

/** A row record as native/decode/row_batch.h describes it; `null` stands for an absent optional field. */
export function encodeRow(
  layout: ShapeLayout,
  values: Readonly<Record<string, FieldValue>>,
  symbols: SymbolProducer,
  more: { handle?: number; shape?: number; rxTimeNs?: number; kernelTimeNs?: number } = {},
): Uint8Array {
  const bytes = new Uint8Array(layout.maxRowBytes)
  const view = new DataView(bytes.buffer)
  let end = layout.words * 8
  view.setFloat64(8, more.rxTimeNs ?? 1, true)
  view.setFloat64(16, more.kernelTimeNs ?? 0, true)
  for (const field of layout.fields) {
    const value = values[field.name] as FieldValue
    if (field.bit >= 0 && value !== null) {
      const at = layout.flagsSlot * 8
      view.setBigUint64(at, view.getBigUint64(at, true) | (1n << BigInt(field.bit)), true)
    }
    if (value !== null) end = encodeField(view, bytes, field, value, symbols, end)
  }
  end = (end + 7) & ~7
  view.setUint32(0, end, true)
  view.setUint32(4, (RecordKind.row | ((more.shape ?? 0) << 8) | ((more.handle ?? 0) << 16)) >>> 0, true)
  return bytes.subarray(0, end)
}

function encodeField(
  view: DataView,
  bytes: Uint8Array,
  field: FieldLayout,
  value: NonNullable<FieldValue>,
  symbols: SymbolProducer,
  end: number,
): number {
  const at = field.slot * 8
  const decimal = (where: number, { mantissa, scale }: DecimalValue): void => {
    view.setBigInt64(where, mantissa, true)
    view.setBigInt64(where + 8, BigInt(scale), true)
  }
  switch (field.kind) {
    case 'number':
    case 'bool':
      view.setFloat64(at, Number(value), true)
      return end
    case 'int64':
      view.setBigInt64(at, value as bigint, true)
      return end
    case 'decimal':
      decimal(at, value as DecimalValue)
      return end
    case 'symbol':
      view.setUint32(at, symbols.intern(value as string), true)
      return end
    case 'text': {
      const text = new TextEncoder().encode(value as string)
      view.setUint32(at, end, true)
      view.setUint32(at + 4, text.length, true)
      bytes.set(text, end)
      return end + text.length
    }
    case 'levels': {
      const start = (end + 7) & ~7
      const levels = value as readonly { price: number | DecimalValue; size: number | DecimalValue }[]
      const stride = field.exact ? 32 : 16
      view.setUint32(at, start, true)
      view.setUint32(at + 4, levels.length, true)
      for (const [i, level] of levels.entries()) {
        if (field.exact) {
          decimal(start + i * stride, level.price as DecimalValue)
          decimal(start + i * stride + 16, level.size as DecimalValue)
        } else {
          view.setFloat64(start + i * stride, level.price as number, true)
          view.setFloat64(start + i * stride + 8, level.size as number, true)
        }
      }
      return start + levels.length * stride
    }
    case 'orders':
      throw new Error('no rows with orders are made here')
  }
}
