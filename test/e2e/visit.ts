import { deflateRawSync } from 'node:zlib'
import { bytes, Feed, type FeedOptions, never, type RawDecoder, type StateChange, text } from 'tickwire'
import { type Behaviour, type RawConnection, startRawServer } from '../peers/raw-server.ts'

/** What one connection to a scripted server came to. */
export interface Visit {
  readonly messages: (string | Uint8Array)[]
  /** Why the feed left `connected` or failed to get there: code and detail. */
  readonly reason: string | null
  readonly detail: number
  /** Code of the close frame that the client sent; null when it sent none. */
  readonly closeCode: number | null
  readonly states: readonly StateChange[]
}

type RawOptions = Omit<FeedOptions<RawDecoder<string>>, 'url' | 'decode'>

/** Connects once to a server that behaves so, takes what comes, and reports when the connection has ended. */
export async function visit(
  behaviour: Behaviour,
  options: RawOptions & { raw?: 'text' | 'bytes' } = {},
): Promise<Visit> {
  let connection: RawConnection | undefined
  await using server = await startRawServer(async (c, n) => {
    connection = c
    await behaviour(c, n)
  })
  const { raw = 'text', ...rest } = options
  const feed = new Feed({
    url: `ws://127.0.0.1:${server.port}/`,
    decode: (raw === 'text' ? text() : bytes()) as RawDecoder<string>,
    reconnect: never(),
    timeouts: { connect: 5000, handshake: 2000, close: 500 },
    ...rest,
  })
  const messages: (string | Uint8Array)[] = []
  const states: StateChange[] = []
  feed.on('message', (m) => messages.push(typeof m.data === 'string' ? m.data : new Uint8Array(m.data as Uint8Array)))
  const ended = new Promise<void>((resolve) => {
    feed.on('state', (s) => {
      states.push(s)
      if (s.to === 'disconnected') resolve()
    })
  })
  feed.on('error', () => {})
  feed.open().catch(() => {})
  await ended
  const closeCode = connection === undefined || connection.frames.length === 0 ? null : await connection.closeCode()
  const last = states.findLast((s) => s.reason !== null)
  return { messages, reason: last?.reason ?? null, detail: last?.detail ?? 0, closeCode, states }
}

/** One byte sequence in several deliveries: at once, byte by byte, and cut at places that a seed picks. */
export const deliveries: Readonly<Record<string, (wire: Buffer) => Buffer[]>> = {
  whole: (wire) => [wire],
  'byte by byte': (wire) => Array.from(wire, (byte) => Buffer.of(byte)),
  chopped: (wire) => {
    const pieces: Buffer[] = []
    let seed = 12_345
    for (let at = 0; at < wire.length; ) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      const n = 1 + ((seed >>> 16) % 17)
      pieces.push(wire.subarray(at, at + n))
      at += n
    }
    return pieces
  },
}

/** A server that writes these pieces, each in a segment of its own, and ends the connection when the client has closed. */
export const serve =
  (pieces: readonly Buffer[], headers: Readonly<Record<string, string>> = {}): Behaviour =>
  async (connection) => {
    connection.socket.setNoDelay(true)
    await connection.accept(headers)
    for (const piece of pieces) {
      if (!connection.open) break
      await connection.write(piece)
      if (pieces.length > 1) await new Promise(setImmediate)
    }
    await connection.closeCode()
    connection.end()
  }

/** One message's deflated payload without its tail (RFC 7692 section 7.2.1), by itself. */
export function deflated(payload: string | Uint8Array, windowBits = 15): Buffer {
  const out = deflateRawSync(payload, { windowBits, finishFlush: 2 })
  return out.subarray(0, out.length - 4)
}
