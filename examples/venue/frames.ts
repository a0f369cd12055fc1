/** WebSocket framing as the server side of RFC 6455 sees it. */
export const Opcode = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const

export interface FrameOptions {
  readonly opcode?: number
  /** Last fragment. Default true. */
  readonly fin?: boolean
  /** Reserved bits 1…3 as a number 0…7; 4 = RSV1, which marks a compressed message. Default 0. */
  readonly rsv?: number
  /** Masks the payload, which a server must not do. */
  readonly mask?: Uint8Array
  /** Length to claim instead of the true one. */
  readonly claimedLength?: bigint
  /** 7-, 16- or 64-bit length even where a shorter form would do. */
  readonly lengthForm?: 7 | 16 | 64
}

/** One frame, right or wrong. */
export function frame(payload: string | Uint8Array, options: FrameOptions = {}): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload
  const length = options.claimedLength ?? BigInt(body.length)
  const form = options.lengthForm ?? (length < 126n ? 7 : length < 65_536n ? 16 : 64)
  const lengthBytes = form === 7 ? 0 : form === 16 ? 2 : 8
  const header = Buffer.alloc(2 + lengthBytes + (options.mask ? 4 : 0))
  header[0] = (options.fin === false ? 0 : 0x80) | ((options.rsv ?? 0) << 4) | (options.opcode ?? Opcode.text)
  header[1] = (options.mask ? 0x80 : 0) | (form === 7 ? Number(length) & 0x7f : form === 16 ? 126 : 127)
  if (form === 16) header.writeUInt16BE(Number(length & 0xffffn), 2)
  if (form === 64) header.writeBigUInt64BE(BigInt.asUintN(64, length), 2)
  if (!options.mask) return Buffer.concat([header, body])

  header.set(options.mask, 2 + lengthBytes)
  const masked = Buffer.from(body)
  for (let i = 0; i < masked.length; i++) masked[i] = (masked[i] ?? 0) ^ (options.mask[i & 3] ?? 0)
  return Buffer.concat([header, masked])
}

export function closeFrame(code?: number, reason: string | Uint8Array = ''): Buffer {
  if (code === undefined) return frame('', { opcode: Opcode.close })
  const text = Buffer.from(reason as string)
  const payload = Buffer.alloc(2 + text.length)
  payload.writeUInt16BE(code, 0)
  payload.set(text, 2)
  return frame(payload, { opcode: Opcode.close })
}

export interface ClientFrame {
  readonly fin: boolean
  readonly rsv: number
  readonly opcode: number
  readonly masked: boolean
  readonly payload: Buffer
}

/** Cuts what a client sends into frames and unmasks them. Bounded: a frame over 16 MiB is an error. */
export class ClientFrames {
  #rest: Buffer = Buffer.alloc(0)

  push(chunk: Uint8Array): ClientFrame[] {
    let data: Buffer = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk])
    const frames: ClientFrame[] = []
    for (;;) {
      const cut = ClientFrames.#cut(data)
      if (cut === null) break
      frames.push(cut.frame)
      data = data.subarray(cut.bytes)
    }
    this.#rest = data
    return frames
  }

  static #cut(data: Buffer): { frame: ClientFrame; bytes: number } | null {
    if (data.length < 2) return null
    const first = data.readUInt8(0)
    const second = data.readUInt8(1)
    const masked = (second & 0x80) !== 0
    let length = second & 0x7f
    let at = 2
    if (length === 126) {
      if (data.length < 4) return null
      length = data.readUInt16BE(2)
      at = 4
    } else if (length === 127) {
      if (data.length < 10) return null
      length = Number(data.readBigUInt64BE(2))
      at = 10
    }
    if (length > 16_777_216) throw new RangeError(`a client frame of ${length} bytes`)
    const end = at + (masked ? 4 : 0) + length
    if (data.length < end) return null
    const payload = Buffer.from(data.subarray(end - length, end))
    if (masked) for (let i = 0; i < length; i++) payload[i] = (payload[i] ?? 0) ^ (data[at + (i & 3)] ?? 0)
    return {
      frame: { fin: (first & 0x80) !== 0, rsv: (first >> 4) & 7, opcode: first & 0xf, masked, payload },
      bytes: end,
    }
  }
}
