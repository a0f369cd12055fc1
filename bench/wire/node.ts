/**
 * The same frames read by hand in JavaScript, as fast as that goes: one receive buffer that is used again, numbers read where they
 * lie, no object per message. With `checks`, frames are held to the same as in the core: checksum, order, fields.
 */
import { connect } from 'node:net'
import type { Meter } from '../sides/meter.ts'
import type { Tally } from '../sides/tally.ts'
import { topic, type WireTask } from './task.ts'

/** CRC-32C, eight bytes per step. */
const tables = Array.from({ length: 8 }, () => new Int32Array(256))
for (let byte = 0; byte < 256; byte++) {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  ;(tables[0] as Int32Array)[byte] = crc
}
for (let t = 1; t < 8; t++) {
  for (let byte = 0; byte < 256; byte++) {
    const before = (tables[t - 1] as Int32Array)[byte] as number
    ;(tables[t] as Int32Array)[byte] = (before >>> 8) ^ ((tables[0] as Int32Array)[before & 0xff] as number)
  }
}
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
]

function eight(crc: number, low: number, high: number): number {
  const a = crc ^ low
  return (
    (t7[a & 0xff] as number) ^
    (t6[(a >>> 8) & 0xff] as number) ^
    (t5[(a >>> 16) & 0xff] as number) ^
    (t4[a >>> 24] as number) ^
    (t3[high & 0xff] as number) ^
    (t2[(high >>> 8) & 0xff] as number) ^
    (t1[(high >>> 16) & 0xff] as number) ^
    (t0[high >>> 24] as number)
  )
}

function four(crc: number, word: number): number {
  const a = crc ^ word
  return (
    (t3[a & 0xff] as number) ^
    (t2[(a >>> 8) & 0xff] as number) ^
    (t1[(a >>> 16) & 0xff] as number) ^
    (t0[a >>> 24] as number)
  )
}

const two32 = 2 ** 32
const powers = Array.from({ length: 19 }, (_, scale) => 10 ** scale)
const quoteBytes = 64
const headerBytes = 32

/** Header and payload of `payload` bytes at `at`, without the checksum's own four. */
function checksum(view: DataView, at: number, payload: number): number {
  let crc = eight(-1, view.getInt32(at, true), view.getInt32(at + 4, true))
  crc = four(crc, view.getInt32(at + 8, true))
  for (let i = 16; i < headerBytes + payload; i += 8) {
    crc = eight(crc, view.getInt32(at + i, true), view.getInt32(at + i + 4, true))
  }
  return ~crc
}

class Reader {
  readonly #bytes = new Uint8Array(1 << 20)
  readonly #view = new DataView(this.#bytes.buffer)
  readonly #tally: Tally
  readonly #checks: boolean
  readonly #symbols: string[] = []
  #filled = 0
  #next = 1

  constructor(tally: Tally, checks: boolean) {
    this.#tally = tally
    this.#checks = checks
  }

  push(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#filled)
    this.#filled += bytes.length
    const at = this.#parse()
    this.#bytes.copyWithin(0, at, this.#filled)
    this.#filled -= at
  }

  /** Takes whole frames; returns where the rest starts. */
  #parse(): number {
    const view = this.#view
    let at = 0
    while (this.#filled - at >= headerBytes) {
      if ((view.getUint32(at, true) & 0xffffff) !== 0x015754) throw new Error('not the start of a frame')
      const length = view.getUint32(at + 8, true)
      if (this.#filled - at < headerBytes + length) break
      if (view.getUint8(at + 4) === 1 && length === quoteBytes - headerBytes) this.#quote(at)
      else if (view.getUint8(at + 4) === 8) this.#define(at + headerBytes, at + headerBytes + length)
      at += headerBytes + length
    }
    return at
  }

  #quote(at: number): void {
    const view = this.#view
    if (this.#checks && checksum(view, at, quoteBytes - headerBytes) !== view.getInt32(at + 12, true)) {
      throw new Error('wrong checksum')
    }
    const sequence = view.getUint32(at + 16, true) + view.getUint32(at + 20, true) * two32
    if (sequence !== this.#next) throw new Error(`quote ${sequence} instead of ${this.#next}`)
    this.#next += 1
    if (view.getUint16(at + 32, true) !== 0x1e01) throw new Error('not a compact quote')
    const symbol = this.#symbols[view.getUint32(at + 34, true)]
    const price = powers[view.getUint8(at + 38)]
    const size = powers[view.getUint8(at + 39)]
    if (symbol === undefined || price === undefined || size === undefined) throw new Error('malformed')
    const bid = view.getUint32(at + 40, true) + view.getInt32(at + 44, true) * two32
    const ask = bid + view.getInt32(at + 48, true)
    const bidSize = view.getUint32(at + 52, true) + view.getUint16(at + 56, true) * two32
    const askSize = view.getUint32(at + 58, true) + view.getUint16(at + 62, true) * two32
    this.#tally.ticker(symbol, bid / price, bidSize / size, ask / price, askSize / size, 0)
  }

  #define(at: number, end: number): void {
    for (let i = at; i < end; ) {
      const size = this.#view.getUint8(i + 1)
      const text = Buffer.from(this.#bytes.buffer, i + 6, size - 4).toString()
      this.#symbols[this.#view.getUint32(i + 2, true)] = text
      i += 2 + size
    }
  }
}

export async function run({ port, side }: WireTask, meter: Meter): Promise<void> {
  const reader = new Reader(meter.tally, side === 'node')
  const socket = connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: {
      buffer: new Uint8Array(256 << 10),
      callback: (n, buffer) => {
        reader.push(buffer.subarray(0, n))
        return true
      },
    },
  })
  socket.on('close', () => {
    throw new Error('the sender has gone')
  })
  // The sender takes whatever comes first for a greeting.
  socket.write(topic)
}
