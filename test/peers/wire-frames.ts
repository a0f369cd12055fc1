/** Frames of the wire format as a peer of another make writes them: after `docs/wire-format.md`, sharing no code with the library. */

/** Types of messages, as `docs/wire-format.md` numbers them. */
export const WireType = {
  quote: 1,
  trade: 2,
  heartbeat: 7,
  symbol: 8,
  topic: 9,
  hello: 10,
  welcome: 11,
  subscribe: 12,
  unsubscribe: 13,
  resend: 14,
  resendRefused: 15,
  skipped: 16,
  error: 17,
  ping: 18,
  pong: 19,
  bye: 20,
  raw: 21,
} as const

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

export interface WireHeader {
  readonly domain?: number
  readonly type: number
  readonly flags?: number
  readonly source?: number
  readonly sequence?: number
  readonly time?: bigint
}

export function frameOf(header: WireHeader, payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(32 + payload.length)
  frame.set([0x54, 0x57, 1, header.domain ?? 0, header.type, header.flags ?? 0])
  frame.writeUInt16LE(header.source ?? 0, 6)
  frame.writeUInt32LE(payload.length, 8)
  frame.writeBigUInt64LE(BigInt(header.sequence ?? 0), 16)
  frame.writeBigUInt64LE(header.time ?? 0n, 24)
  frame.set(payload, 32)
  frame.writeUInt32LE(crc32c(Buffer.concat([frame.subarray(0, 12), frame.subarray(16)])), 12)
  return frame
}

export interface ReadHeader {
  readonly domain: number
  readonly type: number
  readonly flags: number
  readonly source: number
  readonly length: number
  readonly sequence: bigint
  readonly time: bigint
}

/** @throws Error when there is no frame with a right checksum at the start of `bytes`. */
export function readHeader(bytes: Buffer): ReadHeader {
  if (bytes.readUIntBE(0, 3) !== 0x545701) throw new Error('not the start of a frame')
  const length = bytes.readUInt32LE(8)
  const covered = Buffer.concat([bytes.subarray(0, 12), bytes.subarray(16, 32 + length)])
  if (crc32c(covered) !== bytes.readUInt32LE(12)) throw new Error('wrong checksum')
  return {
    domain: bytes[3] as number,
    type: bytes[4] as number,
    flags: bytes[5] as number,
    source: bytes.readUInt16LE(6),
    length,
    sequence: bytes.readBigUInt64LE(16),
    time: bytes.readBigUInt64LE(24),
  }
}

/** The fields of a payload, in their order. */
export function* fieldsOf(payload: Buffer): Generator<readonly [tag: number, value: Buffer]> {
  for (let at = 0; at < payload.length; ) {
    const tag = payload[at] as number
    let size = payload[at + 1] as number
    at += 2
    if (size === 255) {
      size = payload.readUInt32LE(at)
      at += 4
    }
    yield [tag, payload.subarray(at, at + size)]
    at += size
  }
}
