import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'

export interface ListenOptions {
  /** Speaks TLS with these options. */
  readonly tls?: TlsOptions
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 0: a free one. */
  readonly port?: number
}

/** A server that can be ended at once, with every connection on it. */
export interface Listener extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** ws://… or wss://… without a path. */
  readonly url: string
  /** Open connections. */
  readonly sockets: ReadonlySet<Socket>
  /** Connections accepted so far. */
  readonly accepted: number
  close(): Promise<void>
}

/** Listens on the loopback interface; with TLS, `onSocket` comes after the TLS handshake. */
export async function listen(options: ListenOptions, onSocket: (socket: Socket) => void): Promise<Listener> {
  const sockets = new Set<Socket>()
  let accepted = 0
  const track = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // A peer that breaks off is what many tests are about.
    socket.on('error', () => {})
  }
  const server: Server = options.tls ? createTlsServer(options.tls) : createTcpServer()
  server.on('connection', (socket: Socket) => {
    accepted += 1
    track(socket)
  })
  server.on(options.tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    if (options.tls) track(socket)
    socket.setNoDelay(true)
    onSocket(socket)
  })
  server.on('tlsClientError', () => {})

  const host = options.host ?? '127.0.0.1'
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, host, resolve)
  })
  const { port } = server.address() as AddressInfo
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })
  return {
    host,
    port,
    url: `${options.tls ? 'wss' : 'ws'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    sockets,
    get accepted() {
      return accepted
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
