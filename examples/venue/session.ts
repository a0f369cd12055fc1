import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { agreeDeflate, type DeflateAgreement } from './deflate.ts'
import { ClientFrames, closeFrame, frame, Opcode } from './frames.ts'
import { acceptance, type Request, readRequest } from './handshake.ts'

interface SessionEvents {
  message: [data: Buffer, binary: boolean]
  pong: [data: Buffer]
  close: []
}

/** One accepted connection: answers pings and closes, leaves what is sent to its owner. */
export class Session extends EventEmitter<SessionEvents> {
  readonly socket: Socket
  readonly request: Request
  readonly url: URL
  /** What to compress with, or null. */
  readonly deflate: DeflateAgreement | null
  /** While true, control frames go unanswered and nothing should be sent. */
  stalled = false
  #closing = false

  private constructor(socket: Socket, request: Request, deflate: DeflateAgreement | null) {
    super()
    this.socket = socket
    this.request = request
    this.url = new URL(request.target, 'ws://venue')
    this.deflate = deflate

    const frames = new ClientFrames()
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const received of frames.push(chunk)) this.#receive(received.opcode, received.payload)
      } catch {
        this.socket.destroy()
      }
    })
    socket.on('close', () => this.emit('close'))
    // A client that goes away is its own business; 'close' follows.
    socket.on('error', () => {})
  }

  static async accept(socket: Socket, allowDeflate: boolean, refuse: () => number | null): Promise<Session | null> {
    socket.setNoDelay(true)
    const request = await readRequest(socket)
    const status = request.headers['sec-websocket-key'] === undefined ? 400 : refuse()
    if (status !== null) {
      socket.on('error', () => {})
      socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
      return null
    }
    const answer = allowDeflate ? agreeDeflate(request.headers['sec-websocket-extensions']) : null
    socket.write(acceptance(request, answer ? { 'Sec-WebSocket-Extensions': answer.header } : {}))
    const session = new Session(socket, request, answer?.agreement ?? null)
    socket.resume()
    return session
  }

  get open(): boolean {
    return this.socket.writable && !this.#closing
  }

  /** Bytes that the client has not taken from us yet, beyond those in the kernel. */
  get backlog(): number {
    return this.socket.writableLength
  }

  send(framed: Uint8Array): void {
    if (this.open) this.socket.write(framed)
  }

  ping(data: string | Uint8Array = ''): void {
    this.send(frame(data, { opcode: Opcode.ping }))
  }

  close(code = 1000, reason = ''): void {
    this.send(closeFrame(code, reason))
    this.#closing = true
    this.socket.end()
  }

  /** RST instead of a farewell. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  #receive(opcode: number, payload: Buffer): void {
    if (this.stalled) return
    switch (opcode) {
      case Opcode.ping:
        this.send(frame(payload, { opcode: Opcode.pong }))
        break
      case Opcode.pong:
        this.emit('pong', payload)
        break
      case Opcode.close:
        this.close(payload.length >= 2 ? payload.readUInt16BE(0) : 1000)
        break
      default:
        this.emit('message', payload, opcode === Opcode.binary)
    }
  }
}
