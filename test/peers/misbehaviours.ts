import { setTimeout as sleep } from 'node:timers/promises'
import { deflateRawSync } from 'node:zlib'
import { acceptKey } from '../../examples/venue/handshake.ts'
import { type Behaviour, frame, Opcode, type RawConnection } from './raw-server.ts'

/** Everything that a peer may do to us, one function each. They stop when the client goes, and all of them are bounded. */

/** Takes the connection and never says a word. */
export const silent: Behaviour = async (connection) => {
  connection.socket.resume()
  await connection.closed
}

/** Answers the first `bytes` bytes of a good handshake, then nothing. */
export const stallInHandshake =
  (bytes: number): Behaviour =>
  async (connection) => {
    const request = await connection.request()
    const answer =
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${acceptKey(request.headers['sec-websocket-key'] ?? '')}\r\n\r\n`
    await connection.write(answer.slice(0, bytes))
    await connection.closed
  }

/** A plain HTTP answer. */
export const answer =
  (status: number, headers: Readonly<Record<string, string>> = {}, body = ''): Behaviour =>
  async (connection) => {
    await connection.request()
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    await connection.write(
      `HTTP/1.1 ${status} Status\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${lines.join('')}\r\n${body}`,
    )
    connection.end()
  }

/** A 101 with these header lines; `{accept}` stands for the right accept key. */
export const acceptWith =
  (lines: readonly string[], statusLine = 'HTTP/1.1 101 Switching Protocols'): Behaviour =>
  async (connection) => {
    const request = await connection.request()
    const accept = acceptKey(request.headers['sec-websocket-key'] ?? '')
    const head = lines.map((line) => `${line.replace('{accept}', accept)}\r\n`).join('')
    await connection.write(`${statusLine}\r\n${head}\r\n`)
    connection.listen()
    await connection.closed
  }

/** Bytes that are no HTTP at all. */
export const garbageAnswer =
  (bytes: string | Uint8Array): Behaviour =>
  async (connection) => {
    await connection.request()
    await connection.write(bytes)
    await connection.closed
  }

/** A header section that does not end, up to `maxBytes`. */
export const endlessHeaders =
  (maxBytes: number): Behaviour =>
  async (connection) => {
    await connection.request()
    await connection.write('HTTP/1.1 101 Switching Protocols\r\n')
    const line = `X-Padding: ${'x'.repeat(1000)}\r\n`
    await pourUntil(connection, Buffer.from(line), maxBytes)
  }

/** Accepts, then writes these bytes and waits. */
export const send =
  (...parts: readonly (string | Uint8Array)[]): Behaviour =>
  async (connection) => {
    await connection.accept()
    for (const part of parts) await connection.write(part)
    await connection.closed
  }

/** Accepts with permessage-deflate, then writes these bytes and waits. */
export const sendDeflated =
  (...parts: readonly (string | Uint8Array)[]): Behaviour =>
  async (connection) => {
    await connection.accept({ 'Sec-WebSocket-Extensions': 'permessage-deflate' })
    for (const part of parts) await connection.write(part)
    await connection.closed
  }

/** Handshake and messages, one byte per segment. */
export const byteByByte =
  (messages: readonly string[]): Behaviour =>
  async (connection) => {
    const request = await connection.request()
    const accept = acceptKey(request.headers['sec-websocket-key'] ?? '')
    await connection.trickle(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    connection.listen()
    for (const message of messages) await connection.trickle(frame(message))
    await connection.closeCode()
    connection.end()
  }

/** Claims a frame of `length` bytes, then sends filler up to `maxBytes`. */
export const hugeFrame =
  (length: bigint, maxBytes: number): Behaviour =>
  async (connection) => {
    await connection.accept()
    await connection.write(frame('', { claimedLength: length, lengthForm: 64 }))
    await pourUntil(connection, Buffer.alloc(65_536, 0x61), maxBytes)
  }

/** A message whose last fragment never comes: `count` fragments of `bytes` bytes. */
export const endlessFragments =
  (bytes: number, count: number): Behaviour =>
  async (connection) => {
    await connection.accept()
    await connection.send('a'.repeat(bytes), { fin: false })
    const fragment = frame('a'.repeat(bytes), { opcode: Opcode.continuation, fin: false })
    await pourUntil(connection, fragment, fragment.length * count)
  }

/** A small message that inflates to `bytes` bytes of zeros. */
export const inflateBomb = (bytes: number): Behaviour => {
  const payload = deflateRawSync(Buffer.alloc(bytes), { level: 9, finishFlush: 2 })
  return sendDeflated(frame(payload.subarray(0, payload.length - 4), { opcode: Opcode.binary, rsv: 4 }))
}

/** `count` pings as fast as the client takes them. */
export const pingFlood =
  (count: number, payload = 'x'.repeat(125)): Behaviour =>
  async (connection) => {
    await connection.accept()
    const ping = frame(payload, { opcode: Opcode.ping })
    await pourUntil(connection, Buffer.concat(Array<Buffer>(64).fill(ping)), ping.length * count)
    await connection.closed
  }

/** Accepts, waits, and ends in one of the ways that connections end. */
export const dieAfter =
  (ms: number, how: 'fin' | 'rst' | 'close'): Behaviour =>
  async (connection) => {
    await connection.accept()
    await sleep(ms)
    if (how === 'rst') connection.reset()
    else if (how === 'fin') connection.end()
    else {
      await connection.close(1001, 'going away')
      connection.end()
    }
  }

/** Repeats `chunk` until `maxBytes` have been written or the client is gone. */
async function pourUntil(connection: RawConnection, chunk: Uint8Array, maxBytes: number): Promise<void> {
  for (let sent = 0; sent < maxBytes && connection.open; sent += chunk.length) await connection.write(chunk)
}
