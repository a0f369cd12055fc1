import { once } from 'node:events'
import { type ClientOptions, WebSocket } from 'ws'
import { MockVenue, type MockVenueOptions } from '../../dist/esm/mock/index.js'
import { onCleanUp } from '../rest/venue-server.ts'

export const apiKey = 'name-of-the-key'
export const secret = 'a secret of a test, not one of an account'

/** A venue that ends with its test, with one trader. */
export async function mockVenue(
  options: Partial<MockVenueOptions> & Pick<MockVenueOptions, 'venue'>,
): Promise<MockVenue> {
  const accounts = [{ apiKey, secret, balances: { USDT: '1000000', BTC: '10', ETH: '100', USD: '1000000' } }]
  const venue = await MockVenue.start({ accounts, ...options })
  onCleanUp(() => venue.close())
  return venue
}

type Json = Record<string, unknown>

/** A bare socket with what has come on it. */
export interface Client {
  readonly socket: WebSocket
  /** Every message as it came, and parsed (`{ text }` where it is no object). */
  readonly texts: string[]
  readonly received: Json[]
  readonly closes: number[]
  readonly reasons: string[]
  send(message: object | string): void
  /** The first message of this kind, waiting for it. */
  next(is: (message: Json) => boolean): Promise<Json>
}

export async function connect(url: string, options: ClientOptions = {}): Promise<Client> {
  const socket = new WebSocket(url, options)
  const texts: string[] = []
  const received: Json[] = []
  const closes: number[] = []
  const reasons: string[] = []
  const waiting = new Set<() => void>()
  socket.on('message', (data) => {
    const text = String(data)
    texts.push(text)
    received.push(text.startsWith('{') ? JSON.parse(text) : { text })
    for (const look of [...waiting]) look()
  })
  socket.on('close', (code, reason) => {
    closes.push(code)
    reasons.push(String(reason))
  })
  onCleanUp(() => socket.terminate())
  await once(socket, 'open')
  return {
    socket,
    texts,
    received,
    closes,
    reasons,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    next: (is) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = received.find(is)
          if (found === undefined) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
  }
}
