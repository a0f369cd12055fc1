import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { MockReply, MockRequest } from '../dialect.js'
import { MockError } from '../errors.js'
import type { CheckedOptions } from '../options.js'
import { loadWs, type WsSocket } from './ws-module.js'

/** Bytes of a request's body, and of a message that a client sends. */
const maxBody = 1_048_576

/** How a socket is refused. */
export interface SocketRefusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

/** What the server asks of the venue. */
export interface ServerHooks {
  /** Null: the connection is cut. */
  request(request: MockRequest): MockReply | null
  /** Null: it is welcome. */
  refuseSocket(url: URL): SocketRefusal | null
  socket(socket: WsSocket, url: URL): void
}

/** HTTP and WebSockets at one address. */
export class MockServer {
  readonly host: string
  readonly port: number
  readonly #server: Server
  readonly #sockets: ReadonlySet<Socket>

  private constructor(server: Server, sockets: ReadonlySet<Socket>, host: string) {
    this.#server = server
    this.#sockets = sockets
    this.port = (server.address() as AddressInfo).port
    this.host = host.includes(':') ? `[${host}]` : host
  }

  /** @throws MockError `ERR_MOCK_WS_MISSING`, `ERR_MOCK_LISTEN`. */
  static async start({ host, port, tls }: CheckedOptions, hooks: ServerHooks): Promise<MockServer> {
    const upgrader = (await loadWs())({ noServer: true, maxPayload: maxBody, perMessageDeflate: false })
    const server = tls === undefined ? createServer() : createTlsServer(tls)
    const sockets = new Set<Socket>()
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    })
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      response.on('error', () => {})
      read(request, response, hooks)
    })
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const url = urlOf(request)
      const refusal = hooks.refuseSocket(url)
      if (refusal === null) {
        upgrader.handleUpgrade(request, socket, head, (made) => hooks.socket(made, url))
        return
      }
      const headers = { connection: 'close', 'content-length': '0', ...refusal.headers }
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      socket.end(`HTTP/1.1 ${refusal.status} Refused\r\n${lines.join('')}\r\n`)
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) =>
        reject(
          new MockError('ERR_MOCK_LISTEN', `cannot listen on ${host}:${port}: ${error.message}`, { cause: error }),
        ),
      )
      server.listen(port, host, resolve)
    })
    server.on('error', () => {})
    return new MockServer(server, sockets, host)
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

function urlOf({ url = '/' }: IncomingMessage): URL {
  const address = `ws://venue.invalid${url.startsWith('/') ? url : '/'}`
  return URL.canParse(address) ? new URL(address) : new URL('ws://venue.invalid/')
}

function read(request: IncomingMessage, response: ServerResponse, hooks: ServerHooks): void {
  const pieces: Buffer[] = []
  let length = 0
  request.on('data', (piece: Buffer) => {
    length += piece.length
    if (length <= maxBody) pieces.push(piece)
    else if (!response.headersSent) response.writeHead(413, { connection: 'close' }).end()
  })
  request.on('end', () => {
    if (length > maxBody) return
    const { method = 'GET', url = '/', headers } = request
    const at = url.indexOf('?')
    const [path, query] = at < 0 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)]
    const reply = hooks.request({ method, path, query, body: Buffer.concat(pieces).toString('utf8'), headers })
    if (reply === null) {
      request.socket.destroy()
      return
    }
    const body = Buffer.from(reply.body, 'utf8')
    const type = reply.body.startsWith('<') ? 'text/html' : 'application/json;charset=UTF-8'
    response.writeHead(reply.status, { 'content-type': type, 'content-length': body.length, ...reply.headers })
    response.end(body)
  })
}
