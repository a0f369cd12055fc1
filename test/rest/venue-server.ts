import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { Rest, type RestOptions } from '../../dist/esm/rest/index.js'
import { localhostCertificates } from '../peers/certificates.ts'

export type Kind = 'http' | 'https' | 'http2'

const certificates = localhostCertificates()

/** What clients of https and http2 servers need. */
export const trust = { tls: { ca: certificates.authority.cert } }

/** A server of a test's own, with a record of what came. */
export class VenueServer {
  readonly origin: string
  /** `METHOD /path?query` of each request, in order of arrival. */
  readonly seen: string[] = []
  readonly sockets = new Set<Socket>()
  readonly #server: Server | Http2SecureServer

  private constructor(server: Server | Http2SecureServer, scheme: string, host: string, handler: RequestListener) {
    this.#server = server
    const { port } = server.address() as AddressInfo
    this.origin = `${scheme}://${host}:${port}`
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.sockets.delete(socket))
    })
    server.on('request', (request: IncomingMessage, response) => {
      this.seen.push(`${request.method} ${request.url}`)
      response.on('error', () => {})
      handler(request, response)
    })
  }

  static async start(handler: RequestListener, kind: Kind = 'http', port = 0): Promise<VenueServer> {
    const { cert, key } = certificates.server
    const server =
      kind === 'http'
        ? createServer()
        : kind === 'https'
          ? createHttpsServer({ cert, key })
          : createSecureServer({ cert, key })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    const made = new VenueServer(
      server,
      kind === 'http' ? 'http' : 'https',
      kind === 'http' ? '127.0.0.1' : 'localhost',
      handler,
    )
    cleanups.push(() => made.kill())
    return made
  }

  get port(): number {
    return Number(new URL(this.origin).port)
  }

  /** Cuts every connection and refuses new ones. */
  kill(): void {
    for (const socket of this.sockets) socket.destroy()
    this.#server.close()
  }
}

const cleanups: (() => unknown)[] = []

/** To be called after each test. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
}

/** A client that ends with its test. */
export function rest(options: RestOptions): Rest {
  const made = new Rest(options)
  cleanups.push(() => made.close({ force: true }))
  return made
}

/** Something else that ends with its test. */
export function onCleanUp(cleanup: () => unknown): void {
  cleanups.push(cleanup)
}

export const answer =
  (status: number, body: unknown = {}, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(body))
  }

/** Takes the request and never answers. */
export const hang: RequestListener = () => {}

/** Takes the request and cuts the connection. */
export const cut: RequestListener = (request) => {
  request.socket.destroy()
}

/** Numbers from 0 to 1 that are the same in every run. */
export function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
