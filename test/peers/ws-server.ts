import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createHttpsServer, type ServerOptions as TlsServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type RawData, type ServerOptions, type WebSocket, WebSocketServer } from 'ws'

export interface WsServerOptions {
  readonly tls?: TlsServerOptions
  readonly host?: string
  /** Default false, as with `ws` itself. */
  readonly perMessageDeflate?: ServerOptions['perMessageDeflate']
  readonly handleProtocols?: ServerOptions['handleProtocols']
  /** What happens with the n-th connection, n from 0. */
  readonly onConnection?: (socket: WebSocket, request: IncomingMessage, n: number) => void
  /** Sends back what comes. */
  readonly echo?: boolean
}

export interface ReceivedMessage {
  readonly data: Buffer
  readonly binary: boolean
  /** Number of the connection that it came on. */
  readonly connection: number
}

/** A server built on `ws`, with a record of what clients did. */
export interface WsServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly server: WebSocketServer
  /** Requests that opened a connection, in order. */
  readonly requests: readonly IncomingMessage[]
  readonly received: readonly ReceivedMessage[]
  readonly clients: ReadonlySet<WebSocket>
  /** Pings that came in. */
  readonly pings: number
  /** Close codes of the ended connections, in order. */
  readonly closeCodes: readonly number[]
  /** The n-th connection, n from 0, as soon as it is there. */
  connection(n: number): Promise<WebSocket>
  /** Sends to everybody, in order. */
  broadcast(...messages: readonly (string | Uint8Array)[]): void
  close(): Promise<void>
}

function bytes(data: RawData): Buffer {
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data)
}

export async function startWsServer(options: WsServerOptions = {}): Promise<WsServer> {
  const http: Server = options.tls ? createHttpsServer(options.tls) : createHttpServer()
  const server = new WebSocketServer({
    server: http,
    perMessageDeflate: options.perMessageDeflate ?? false,
    ...(options.handleProtocols ? { handleProtocols: options.handleProtocols } : {}),
  })
  const requests: IncomingMessage[] = []
  const received: ReceivedMessage[] = []
  const closeCodes: number[] = []
  const sockets: WebSocket[] = []
  const waiting: { n: number; resolve: (socket: WebSocket) => void }[] = []
  let pings = 0

  server.on('connection', (socket, request) => {
    const n = sockets.length
    sockets.push(socket)
    requests.push(request)
    socket.on('error', () => {})
    socket.on('ping', () => {
      pings += 1
    })
    socket.on('close', (code) => closeCodes.push(code))
    socket.on('message', (data, binary) => {
      received.push({ data: bytes(data), binary, connection: n })
      if (options.echo) socket.send(data, { binary })
    })
    options.onConnection?.(socket, request, n)
    for (const waiter of waiting) if (waiter.n === n) waiter.resolve(socket)
  })

  const host = options.host ?? '127.0.0.1'
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject)
    http.listen(0, host, resolve)
  })
  const { port } = http.address() as AddressInfo
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of server.clients) socket.terminate()
      server.close()
      http.closeAllConnections()
      http.close(() => resolve())
    })
  return {
    url: `${options.tls ? 'wss' : 'ws'}://${host}:${port}`,
    port,
    server,
    requests,
    received,
    closeCodes,
    clients: server.clients,
    get pings() {
      return pings
    },
    connection: (n) => {
      const socket = sockets[n]
      return socket ? Promise.resolve(socket) : new Promise((resolve) => waiting.push({ n, resolve }))
    },
    broadcast: (...messages) => {
      for (const socket of server.clients) for (const message of messages) socket.send(message)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
