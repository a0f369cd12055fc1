import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ClientFrame,
  ClientFrames,
  closeFrame,
  type FrameOptions,
  frame,
  Opcode,
} from '../../examples/venue/frames.ts'
import { acceptance, type Request, readRequest } from '../../examples/venue/handshake.ts'
import { type Listener, type ListenOptions, listen } from './listener.ts'

/** What a server under the test's full control does with its n-th connection, n from 0. */
export type Behaviour = (connection: RawConnection, n: number) => void | Promise<void>

/** A connection on which nothing happens by itself: no handshake, no pong, no farewell. */
export class RawConnection {
  readonly socket: Socket
  /** Frames that the client sent since the handshake. */
  readonly frames: ClientFrame[] = []
  readonly closed: Promise<void>
  #waiting: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
  }

  get open(): boolean {
    return !this.socket.destroyed
  }

  /** The client's request; nothing is answered. */
  request(): Promise<Request> {
    return readRequest(this.socket)
  }

  /** Reads the request and answers 101; from then on frames are collected. */
  async accept(headers: Readonly<Record<string, string>> = {}): Promise<Request> {
    const request = await this.request()
    this.socket.write(acceptance(request, headers))
    this.listen()
    return request
  }

  /** Collects the client's frames from now on. */
  listen(): void {
    const cutter = new ClientFrames()
    this.socket.on('data', (chunk: Buffer) => {
      this.frames.push(...cutter.push(chunk))
      this.#wake()
    })
    this.socket.on('close', () => this.#wake())
    this.socket.resume()
  }

  /** The first frame that `wanted` accepts, now or later; null when the connection ends before. */
  async frame(wanted: (received: ClientFrame) => boolean = () => true): Promise<ClientFrame | null> {
    for (;;) {
      const found = this.frames.find(wanted)
      if (found) return found
      if (!this.open) return null
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Code of the client's close frame: null when it ended without one, 1005 when it named none (RFC 6455 section 7.1.5). */
  async closeCode(): Promise<number | null> {
    const close = await this.frame((received) => received.opcode === Opcode.close)
    if (close === null) return null
    return close.payload.length >= 2 ? close.payload.readUInt16BE(0) : 1005
  }

  /** Resolves when the kernel has taken the bytes; at once when the connection is gone. */
  write(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (!this.open) resolve()
      else this.socket.write(bytes, () => resolve())
    })
  }

  /** One byte at a time, each in a segment of its own. */
  async trickle(bytes: string | Uint8Array, delayMs = 0): Promise<void> {
    for (const byte of Buffer.from(bytes as string)) {
      if (!this.open) return
      await this.write(Uint8Array.of(byte))
      if (delayMs > 0) await sleep(delayMs)
      else await new Promise(setImmediate)
    }
  }

  send(payload: string | Uint8Array, options?: FrameOptions): Promise<void> {
    return this.write(frame(payload, options))
  }

  close(code?: number, reason?: string | Uint8Array): Promise<void> {
    return this.write(closeFrame(code, reason))
  }

  /** Answers the client's farewell and ends; until it is answered, a client waits for three seconds. */
  async part(): Promise<void> {
    if ((await this.frame(({ opcode }) => opcode === Opcode.close)) === null) return
    await this.close(1000)
    this.end()
  }

  /** FIN. */
  end(): void {
    this.socket.end()
  }

  /** RST. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

export interface RawServer extends Listener {
  readonly connections: readonly RawConnection[]
  /** What a behaviour threw, if one did. */
  readonly failures: readonly unknown[]
  /** The n-th connection, as soon as it is there. */
  connection(n: number): Promise<RawConnection>
}

/** Starts a server that does what `behaviour` says; given a list, the last one is for all further connections. */
export async function startRawServer(
  behaviour: Behaviour | readonly Behaviour[],
  options: ListenOptions = {},
): Promise<RawServer> {
  const behaviours = typeof behaviour === 'function' ? [behaviour] : behaviour
  const connections: RawConnection[] = []
  const failures: unknown[] = []
  const waiting: { n: number; resolve: (connection: RawConnection) => void }[] = []
  const listener = await listen(options, (socket) => {
    const n = connections.length
    const connection = new RawConnection(socket)
    connections.push(connection)
    for (const waiter of waiting) if (waiter.n === n) waiter.resolve(connection)
    const chosen = behaviours[Math.min(n, behaviours.length - 1)]
    Promise.resolve(chosen?.(connection, n)).catch((failure: unknown) => {
      // A client that leaves in the middle is no failure of the script.
      if (connection.open) failures.push(failure)
    })
  })
  return Object.create(listener, {
    connections: { value: connections },
    failures: { value: failures },
    connection: {
      value: (n: number) => {
        const there = connections[n]
        return there ? Promise.resolve(there) : new Promise<RawConnection>((resolve) => waiting.push({ n, resolve }))
      },
    },
  }) as RawServer
}

export { closeFrame, frame, Opcode }
