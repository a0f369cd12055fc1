import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { MockError } from '../errors.js'

/** What is used of a socket of the package `ws`. */
export interface WsSocket {
  readonly readyState: number
  readonly bufferedAmount: number
  send(data: string | Uint8Array): void
  ping(data?: string): void
  close(code?: number, reason?: string): void
  terminate(): void
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): void
  on(event: 'ping' | 'pong', listener: (data: Buffer) => void): void
  on(event: 'close', listener: (code: number) => void): void
  on(event: 'error', listener: (error: Error) => void): void
}

/** What is used of its server. */
export interface WsUpgrader {
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, done: (socket: WsSocket) => void): void
}

/** Options of the server, as `ws` names them. */
export interface WsUpgraderOptions {
  readonly noServer: true
  readonly maxPayload: number
  readonly perMessageDeflate: boolean
}

/**
 * The package `ws`, which only those need who serve a mock venue.
 * @throws MockError `ERR_MOCK_WS_MISSING`.
 */
export async function loadWs(): Promise<(options: WsUpgraderOptions) => WsUpgrader> {
  try {
    const { WebSocketServer } = await import('ws')
    return (options) => new WebSocketServer(options) as unknown as WsUpgrader
  } catch (error) {
    const message = 'the mock venue needs the package `ws`: npm install ws'
    throw new MockError('ERR_MOCK_WS_MISSING', message, { cause: error })
  }
}
