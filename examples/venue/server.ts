import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { Session } from './session.ts'

export interface VenueServerOptions {
  /** Default 0: a free one. */
  readonly port?: number
  readonly host?: string
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly deflate?: boolean
  /** Status to refuse a handshake with, or null. */
  readonly refuse?: () => number | null
  readonly onSession: (session: Session) => void
}

export interface VenueServer {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

/** What most venues' front ends choose too: encrypting must not be what a bench of receivers measures. */
const fastCipher = 'TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256'

/** Listens for WebSocket clients on the loopback interface. */
export async function listen(options: VenueServerOptions): Promise<VenueServer> {
  const sockets = new Set<Socket>()
  const onSocket = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    Session.accept(socket, options.deflate ?? true, options.refuse ?? (() => null)).then(
      (session) => session && options.onSession(session),
      () => socket.destroy(),
    )
  }
  const server: Server = options.tls
    ? createTlsServer({ ...options.tls, ciphers: fastCipher }, onSocket)
    : createTcpServer(onSocket)
  const host = options.host ?? '127.0.0.1'
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, host, resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `${options.tls ? 'wss' : 'ws'}://${host}:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}
