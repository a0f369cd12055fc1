import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { until } from '../e2e/waiting.ts'
import { fieldsOf, frameOf, type ReadHeader, readHeader, WireType } from './wire-frames.ts'

/** A frame that a hub sent. */
export interface HubFrame extends ReadHeader {
  readonly fields: readonly (readonly [tag: number, value: Buffer])[]
}

/** A field, as it stands in a payload. */
export function field(tag: number, value: Buffer | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  if (bytes.length < 255) return Buffer.concat([Buffer.from([tag, bytes.length]), bytes])
  const head = Buffer.from([tag, 255, 0, 0, 0, 0])
  head.writeUInt32LE(bytes.length, 2)
  return Buffer.concat([head, bytes])
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** What numbers stand for, and what was said with them: made of a hub's frames in their order. */
export class WireRecord {
  readonly frames: HubFrame[] = []
  readonly symbols = new Map<number, string>()
  readonly topics = new Map<number, string>()

  /** Takes one whole frame. */
  take(bytes: Buffer): void {
    const header = readHeader(bytes)
    if ((header.flags & 0x20) !== 0) throw new Error('this client takes off no masks')
    const fields = [...fieldsOf(bytes.subarray(32, 32 + header.length))]
    for (const [tag, value] of fields) {
      if (tag !== 2) continue
      if (header.type === WireType.symbol) this.symbols.set(value.readUInt32LE(0), value.toString('utf8', 4))
      if (header.type === WireType.topic) this.topics.set(value.readUInt16LE(0), value.toString('utf8', 10))
    }
    this.frames.push({ ...header, fields })
  }

  /** Frames of this type. */
  of(type: number): HubFrame[] {
    return this.frames.filter((frame) => frame.type === type)
  }

  /** Sequenced messages in words: topic, number, content. Fails for numbers that were not defined before. */
  get messages(): string[] {
    return this.frames.filter(({ source }) => source !== 0).map((frame) => this.describe(frame))
  }

  describe({ type, source, sequence, flags, fields }: HubFrame): string {
    const topic = this.topics.get(source)
    if (topic === undefined) throw new Error(`topic ${source} was not defined`)
    const start = `${topic} ${sequence}${(flags & 1) !== 0 ? ' snapshot' : ''}${(flags & 2) !== 0 ? ' resent' : ''}`
    const first = fields[0]?.[1]
    if (first === undefined) throw new Error('a message without fields')
    if (type === WireType.raw) return `${start} raw ${first[0]} ${fields.find(([tag]) => tag === 2)?.[1]}`
    const symbol = this.symbols.get(first.readUInt32LE(0))
    if (symbol === undefined) throw new Error(`symbol ${first.readUInt32LE(0)} was not defined`)
    if (type !== WireType.quote || fields[0]?.[0] !== 1) return `${start} type ${type} ${symbol}`
    const [priceScale = 0, sizeScale = 0] = first.subarray(4, 6)
    const bid = first.readBigInt64LE(6)
    const ask = bid + BigInt(first.readInt32LE(14))
    const sizes = [first.readUIntLE(18, 6), first.readUIntLE(24, 6)]
    return `${start} quote ${symbol} ${bid}e-${priceScale} ${ask}e-${priceScale} ${sizes.join(' ')} e-${sizeScale}`
  }
}

/** A client of the wire format over TCP or TLS, written after `docs/wire-format.md`. */
export class WireClient extends WireRecord implements AsyncDisposable {
  readonly socket: Socket
  ended = false
  #rest = Buffer.alloc(0)

  private constructor(socket: Socket) {
    super()
    this.socket = socket
    socket.on('data', (chunk: Buffer) => this.#push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.ended = true
    })
  }

  /** Connects and says hello; `tls` makes it a connection over TLS. */
  static async connect(port: number, token = '', tls?: ConnectionOptions): Promise<WireClient> {
    const client = await WireClient.bare(port, tls)
    const hello = [field(1, Buffer.from([1, 1])), field(3, 'a test')]
    client.say(WireType.hello, ...hello, ...(token === '' ? [] : [field(2, token)]))
    return client
  }

  /** Connects and says nothing. */
  static async bare(port: number, tls?: ConnectionOptions): Promise<WireClient> {
    const socket = tls === undefined ? connectTcp(port, '127.0.0.1') : connectTls({ port, host: 'localhost', ...tls })
    const client = new WireClient(socket)
    await once(socket, tls === undefined ? 'connect' : 'secureConnect')
    return client
  }

  say(type: number, ...fields: readonly Buffer[]): void {
    this.socket.write(frameOf({ type }, Buffer.concat(fields)))
  }

  /** Subscribes and waits for the answers. */
  async subscribe(topics: readonly string[], symbols: readonly string[] = [], request = 1): Promise<void> {
    const names = topics.map((topic) => field(2, topic))
    this.say(WireType.subscribe, field(1, u32(request)), ...names, ...symbols.map((symbol) => field(3, symbol)))
    const answered = (topic: string): boolean =>
      this.of(WireType.topic).some(
        ({ fields }) =>
          fields.some(([tag, value]) => tag === 1 && value.readUInt32LE(0) === request) &&
          fields.some(([tag, value]) => tag === 2 && value.toString('utf8', 10) === topic),
      )
    await until(() => topics.every(answered), `the subscription to ${topics} is answered`)
  }

  /** Waits until so many sequenced messages have come. */
  async has(count: number): Promise<void> {
    await until(() => this.frames.filter(({ source }) => source !== 0).length >= count, `${count} messages have come`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.closed) return
    const gone = once(this.socket, 'close')
    this.socket.destroy()
    await gone
  }

  #push(chunk: Buffer): void {
    let data = Buffer.concat([this.#rest, chunk])
    while (data.length >= 32 && data.length >= 32 + data.readUInt32LE(8)) {
      const end = 32 + data.readUInt32LE(8)
      this.take(data.subarray(0, end))
      data = data.subarray(end)
    }
    this.#rest = data
  }
}
