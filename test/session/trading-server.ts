import { createHmac } from 'node:crypto'
import type { WebSocket } from 'ws'
import { RequestSession, type SessionOptions } from '../../dist/esm/session/index.js'
import { startWsServer, type WsServer } from '../peers/ws-server.ts'

export const apiKey = 'ApiKey-77aa'
export const secret = 'Secret-99bb-long-enough'

/** A request as it arrived. */
export interface Arrived {
  readonly id: string
  readonly method: string
  readonly params: Record<string, string | number>
  /** Number of the connection that it came on, from 0. */
  readonly connection: number
  readonly socket: WebSocket
}

/** What is done with a request: an answer, or nothing. */
export type Serve = (request: Arrived, reply: (answer: object) => void) => void

export const ok: Serve = ({ params }, reply) => reply({ status: 200, result: params })

/** A venue in the manner of Binance's WebSocket API. */
export class TradingServer implements AsyncDisposable {
  readonly arrived: Arrived[] = []
  serve: Serve = ok
  #server!: WsServer

  static async start(serve: Serve = ok): Promise<TradingServer> {
    const made = new TradingServer()
    made.serve = serve
    made.#server = await startWsServer({
      onConnection: (socket, _request, connection) => {
        socket.on('message', (data) => {
          const { id, method, params } = JSON.parse(String(data)) as Arrived
          const request = { id, method, params, connection, socket }
          made.arrived.push(request)
          made.serve(request, (answer) => socket.send(JSON.stringify({ id, ...answer })))
        })
      },
    })
    cleanups.push(() => made.#server.close())
    return made
  }

  get url(): string {
    return this.#server.url
  }

  get connections(): number {
    return this.#server.requests.length
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#server.clients) socket.terminate()
  }

  broadcast(text: string): void {
    this.#server.broadcast(text)
  }

  close(): Promise<void> {
    return this.#server.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Whether a request's signature is right. */
export function signedRightly({ params }: Arrived): boolean {
  const { signature, ...rest } = params
  const text = Object.keys(rest)
    .sort()
    .map((name) => `${name}=${rest[name]}`)
    .join('&')
  return signature === createHmac('sha256', secret).update(text).digest('hex')
}

const cleanups: (() => unknown)[] = []

export async function cleanUpSessions(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
}

/** A session that ends with its test. */
export function session(options: SessionOptions): RequestSession {
  const made = new RequestSession(options)
  cleanups.push(() => made.close())
  return made
}
