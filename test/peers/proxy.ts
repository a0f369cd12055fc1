import { connect, type Socket } from 'node:net'
import { readRequest } from '../../examples/venue/handshake.ts'
import { type Listener, listen } from './listener.ts'

export interface ProxyOptions {
  /** Value of `Proxy-Authorization` to demand; 407 without it. */
  readonly authorization?: string
  /** Answers this status instead of connecting. */
  readonly refuse?: number
}

export interface Proxy extends Listener {
  /** Targets of the CONNECT requests, in order. */
  readonly targets: readonly string[]
}

/** An HTTP proxy that knows CONNECT (RFC 9110 section 9.3.6). */
export async function startProxy(options: ProxyOptions = {}): Promise<Proxy> {
  const targets: string[] = []
  const listener = await listen({}, (client) => {
    serve(client).catch(() => client.destroy())
  })

  async function serve(client: Socket): Promise<void> {
    const request = await readRequest(client)
    targets.push(request.target)
    const refusal =
      request.method !== 'CONNECT'
        ? 405
        : options.authorization !== undefined && request.headers['proxy-authorization'] !== options.authorization
          ? 407
          : options.refuse
    if (refusal !== undefined) {
      client.end(`HTTP/1.1 ${refusal} Refused\r\nContent-Length: 0\r\n\r\n`)
      return
    }
    const colon = request.target.lastIndexOf(':')
    const host = request.target.slice(0, colon).replace(/^\[|\]$/g, '')
    const upstream = connect(Number(request.target.slice(colon + 1)), host)
    upstream.setNoDelay(true)
    upstream.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      client.pipe(upstream)
      upstream.pipe(client)
    })
    upstream.on('error', () => client.destroy())
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.end())
  }

  return Object.create(listener, { targets: { value: targets } }) as Proxy
}
