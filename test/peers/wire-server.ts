import { createServer, type Server, type Socket } from 'node:net'
import { fieldsOf, type ReadHeader, readHeader } from './wire-frames.ts'

/** A frame that a client sent. */
export interface ClientFrame {
  readonly header: ReadHeader
  readonly fields: readonly (readonly [tag: number, value: Buffer])[]
}

/** One client, from the server's side. */
export interface WireClient {
  readonly socket: Socket
  /** The next frame; fails when the client has gone. */
  next(): Promise<ClientFrame>
  /** The next frame, which must be of this type. */
  expect(type: number): Promise<ClientFrame>
  /** The client has gone. */
  readonly gone: Promise<void>
  /** Bytes as they are. */
  send(bytes: Uint8Array): void
  end(): void
}

export interface WireServer {
  readonly port: number
  /** The next client. */
  client(): Promise<WireClient>
  close(): Promise<void>
}

/** A TCP server that takes frames of the wire format apart and sends what it is told. */
export async function startWireServer(): Promise<WireServer> {
  const waiting: ((client: WireClient) => void)[] = []
  const arrived: WireClient[] = []
  const server: Server = createServer({ noDelay: true }, (socket) => {
    const client = clientOf(socket)
    const taker = waiting.shift()
    if (taker === undefined) arrived.push(client)
    else taker(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    client: () => {
      const client = arrived.shift()
      return client === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(client)
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/** Takes what comes on a connection apart. */
export function clientOf(socket: Socket): WireClient {
  let buffered = Buffer.alloc(0)
  let wake = (): void => {}
  let ended = false
  socket.on('data', (chunk) => {
    buffered = Buffer.concat([buffered, chunk])
    wake()
  })
  socket.on('error', () => {}) // its end is told by 'close'
  socket.on('close', () => {
    ended = true
    wake()
  })
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const next = async (): Promise<ClientFrame> => {
    while (buffered.length < 32 || buffered.length < 32 + buffered.readUInt32LE(8)) {
      if (ended) throw new Error(`the client has gone; ${buffered.length} bytes are left of it`)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    const header = readHeader(buffered)
    const fields = [...fieldsOf(buffered.subarray(32, 32 + header.length))]
    buffered = buffered.subarray(32 + header.length)
    return { header, fields }
  }
  return {
    socket,
    gone,
    next,
    async expect(type) {
      const frame = await next()
      if (frame.header.type !== type) throw new Error(`expected a frame of type ${type}, got ${frame.header.type}`)
      return frame
    },
    send: (bytes) => void socket.write(bytes),
    end: () => void socket.end(),
  }
}

/** A field: tag, length, value. */
export function field(tag: number, value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value)
  if (bytes.length < 255) return Buffer.concat([Buffer.of(tag, bytes.length), bytes])
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  return Buffer.concat([Buffer.of(tag, 255), length, bytes])
}
