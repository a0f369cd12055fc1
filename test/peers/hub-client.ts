import { once } from 'node:events'
import { type ClientOptions, WebSocket } from 'ws'
import { until } from '../e2e/waiting.ts'

/** A WebSocket client of a hub, built on `ws`, with a record of what came. */
export class HubClient implements AsyncDisposable {
  readonly socket: WebSocket
  /** In order: text as strings, bytes as buffers. */
  readonly messages: (string | Buffer)[] = []
  closed: { readonly code: number; readonly reason: string } | null = null
  pings = 0

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: Buffer, isBinary) => this.messages.push(isBinary ? data : data.toString()))
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() }
    })
    socket.on('ping', () => {
      this.pings++
    })
    socket.on('error', () => {})
  }

  /** Resolves when it is open. @throws Error with `status` when the hub answers with something else. */
  static async connect(
    url: string,
    options: ClientOptions = {},
    subprotocols: readonly string[] = [],
  ): Promise<HubClient> {
    const socket = new WebSocket(url, [...subprotocols], { perMessageDeflate: false, ...options })
    const client = new HubClient(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
      socket.once('unexpected-response', (_, response) => {
        response.resume()
        socket.terminate()
        reject(Object.assign(new Error(`answered ${response.statusCode}`), { status: response.statusCode }))
      })
    })
    return client
  }

  /** Texts that came, parsed. */
  get values(): unknown[] {
    return this.messages.map((message) => JSON.parse(message.toString()))
  }

  send(message: object | string | Buffer): void {
    this.socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message))
  }

  /** Waits until it has so many messages. */
  async has(count: number): Promise<void> {
    await until(() => this.messages.length >= count, `${count} messages have come`)
  }

  /** Waits until the text has come. */
  async got(text: string): Promise<void> {
    await until(() => this.messages.includes(text), `${text} has come`)
  }

  /** Subscribes, and waits for the answer. */
  async subscribe(topics: readonly string[], more: object = {}): Promise<void> {
    const before = this.messages.length
    this.send({ op: 'subscribe', topics, ...more })
    await until(() => this.messages.slice(before).some(isAnswer), 'the subscription is confirmed')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return
    const gone = once(this.socket, 'close')
    this.socket.terminate()
    await gone
  }
}

function isAnswer(message: string | Buffer): boolean {
  return typeof message === 'string' && message.startsWith('{"op":"subscribed"')
}

/** The HTTP status that a connection is refused with. @throws Error when it is not refused. */
export async function refusal(url: string, options: ClientOptions = {}): Promise<number> {
  try {
    await using _ = await HubClient.connect(url, options)
  } catch (error) {
    const { status } = error as { readonly status?: number }
    if (status !== undefined) return status
    throw error
  }
  throw new Error('the connection was not refused')
}
