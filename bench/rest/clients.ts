import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { Loop } from 'tickwire'
import { HttpClient, Rest } from 'tickwire/rest'
import { type Dispatcher, Pool } from 'undici'
import { answer, body, headers, path, type RestSide, type RestTask } from './task.ts'

/** One side's client. */
export interface Client {
  /** Sends the request; resolves once its answer has come and was found right. */
  post(): Promise<void>
  /** `spin`: hands over what waits. */
  poll?(): void
  close(): unknown
}

function check(status: number, text: string): void {
  if (status !== 200 || text !== answer) throw new Error(`a wrong answer: ${status} ${text.slice(0, 200)}`)
}

function ours(task: RestTask): Client {
  const { origin, ca, side, lanes } = task
  const loop = side === 'spin' ? new Loop({ mode: 'inline' }) : side === 'park' ? 'park' : 'inline'
  const tls = ca === undefined ? {} : { tls: { ca } }
  const http2 = side === 'h2'
  const connections = { max: http2 ? 1 : lanes }
  if (side === 'rest') {
    const rest = new Rest({ endpoints: [origin], http: { ...tls, http2, connections, loop } })
    return {
      post: async () => {
        const response = await rest.post(path, { headers, body })
        check(response.status, response.text())
      },
      close: () => rest.close(),
    }
  }
  const http = new HttpClient({ origin, ...tls, http2, connections, loop })
  const request = { method: 'POST', path, headers, body, stream: false } as const
  return {
    post: async () => {
      const response = await http.request(request)
      check(response.status, response.text())
    },
    poll: () => void (loop as Loop).poll(),
    close: () => http.close(),
  }
}

/** The lowest level of undici's API, which its documentation calls the fastest. */
class Collector implements Dispatcher.DispatchHandler {
  readonly #resolve: () => void
  readonly #reject: (error: Error) => void
  readonly #pieces: Buffer[] = []
  #status = 0

  constructor(resolve: () => void, reject: (error: Error) => void) {
    this.#resolve = resolve
    this.#reject = reject
  }

  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, statusCode: number): void {
    this.#status = statusCode
  }

  onResponseData(_controller: Dispatcher.DispatchController, piece: Buffer): void {
    this.#pieces.push(piece)
  }

  onResponseEnd(): void {
    const [first] = this.#pieces
    check(this.#status, (this.#pieces.length === 1 && first ? first : Buffer.concat(this.#pieces)).toString())
    this.#resolve()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#reject(error)
  }
}

function undici({ origin, ca, side, lanes }: RestTask): Client {
  const allowH2 = side === 'undici-h2'
  const pool = new Pool(origin, {
    connections: allowH2 ? 1 : lanes,
    pipelining: allowH2 ? lanes : 1,
    allowH2,
    ...(allowH2 ? { maxConcurrentStreams: lanes } : {}),
    ...(ca === undefined ? {} : { connect: { ca } }),
  })
  const options = { method: 'POST', path, headers, body } as const
  if (side === 'undici-request') {
    return {
      post: async () => {
        const response = await pool.request(options)
        check(response.statusCode, await response.body.text())
      },
      close: () => pool.close(),
    }
  }
  return {
    post: () => new Promise((resolve, reject) => void pool.dispatch(options, new Collector(resolve, reject))),
    close: () => pool.close(),
  }
}

function node({ origin, ca, lanes }: RestTask): Client {
  const secure = origin.startsWith('https:')
  const options = { keepAlive: true, maxSockets: lanes, noDelay: true }
  const agent = secure ? new HttpsAgent({ ...options, ca }) : new HttpAgent(options)
  const send = secure ? httpsRequest : httpRequest
  const { hostname, port } = new URL(origin)
  const given = { agent, hostname, port, path, method: 'POST', headers: { ...headers, 'content-length': body.length } }
  return {
    post: () =>
      new Promise((resolve, reject) => {
        const request = send(given, (response) => {
          const pieces: Buffer[] = []
          response.on('data', (piece: Buffer) => pieces.push(piece))
          response.on('end', () => {
            check(response.statusCode ?? 0, Buffer.concat(pieces).toString())
            resolve()
          })
        })
        request.on('error', reject)
        request.end(body)
      }),
    close: () => agent.destroy(),
  }
}

function nodeHttp2({ origin, ca }: RestTask): Client {
  const session = connectHttp2(origin, ca === undefined ? {} : { ca })
  const head = { ':method': 'POST', ':path': path, ...headers, 'content-length': String(body.length) }
  return {
    post: () =>
      new Promise((resolve, reject) => {
        const stream = session.request(head)
        const pieces: Buffer[] = []
        let status = 0
        stream.on('response', (fields) => {
          status = Number(fields[':status'])
        })
        stream.on('data', (piece: Buffer) => pieces.push(piece))
        stream.on('end', () => {
          check(status, Buffer.concat(pieces).toString())
          resolve()
        })
        stream.on('error', reject)
        stream.end(body)
      }),
    close: () => session.close(),
  }
}

const makers: Readonly<Record<RestSide, (task: RestTask) => Client>> = {
  inline: ours,
  park: ours,
  spin: ours,
  rest: ours,
  h2: ours,
  undici,
  'undici-request': undici,
  'undici-h2': undici,
  node,
  'node-h2': nodeHttp2,
}

export function clientOf(task: RestTask): Client {
  return makers[task.side](task)
}
