import { createHash } from 'node:crypto'
import type { Duplex } from 'node:stream'

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** `Sec-WebSocket-Accept` for a client's key (RFC 6455 section 4.2.2). */
export function acceptKey(key: string): string {
  return createHash('sha1')
    .update(key + guid)
    .digest('base64')
}

export interface Request {
  readonly method: string
  readonly target: string
  /** Names in lower case; repeated headers joined by ", ". */
  readonly headers: Readonly<Record<string, string>>
  /** The request as it came, up to and with the empty line. */
  readonly raw: string
}

export function parseRequest(raw: string): Request {
  const lines = raw.split('\r\n')
  const [method = '', target = ''] = (lines[0] ?? '').split(' ')
  const headers: Record<string, string> = {}
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':')
    if (colon < 0) continue
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  return { method, target, headers, raw }
}

/** Reads an HTTP request's head; bytes beyond it are pushed back. Rejects when the peer goes or sends over 64 KiB. */
export function readRequest(socket: Duplex): Promise<Request> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    const done = (): void => {
      socket.off('data', onData)
      socket.off('close', onClose)
      socket.off('error', onError)
      socket.pause()
    }
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk])
      const end = received.indexOf('\r\n\r\n')
      if (end < 0 && received.length <= 65_536) return
      done()
      if (end < 0) {
        reject(new RangeError('the head of the request is over 64 KiB'))
        return
      }
      const rest = received.subarray(end + 4)
      if (rest.length > 0) socket.unshift(rest)
      resolve(parseRequest(received.toString('latin1', 0, end + 4)))
    }
    const onClose = (): void => {
      done()
      reject(new Error('the peer closed before its request was complete'))
    }
    const onError = (error: Error): void => {
      done()
      reject(error)
    }
    socket.on('data', onData)
    socket.on('close', onClose)
    socket.on('error', onError)
    socket.resume()
  })
}

/** The 101 answer that accepts `request`. */
export function acceptance(request: Request, headers: Readonly<Record<string, string>> = {}): string {
  const extra = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return (
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${acceptKey(request.headers['sec-websocket-key'] ?? '')}\r\n${extra.join('')}\r\n`
  )
}
