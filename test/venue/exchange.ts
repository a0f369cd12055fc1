/** Five venues in small: one book of orders behind each one's own requests, signatures, answers and refusals. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { VenueServer } from '../rest/venue-server.ts'
import { binanceUsdmWire, binanceWire } from './exchange/binance.ts'
import { Book } from './exchange/book.ts'
import { bybitWire } from './exchange/bybit.ts'
import { coinbaseWire } from './exchange/coinbase.ts'
import { krakenWire } from './exchange/kraken.ts'
import { okxWire } from './exchange/okx.ts'
import type { Answer, Asked, Wire } from './exchange/wire.ts'

export { ed25519, key, passphrase, pem, secret } from './exchange/account.ts'
export type { Book, Order, Trade } from './exchange/book.ts'
export { instIdCodes } from './exchange/okx.ts'
export type { Asked, Wire } from './exchange/wire.ts'

/** What becomes of a request that would change something. */
export type Fate =
  | 'answered'
  /** Executed; its answer never arrives. */
  | 'answerLost'
  /** The connection is cut before it is looked at. */
  | 'requestLost'
  /** The gateway gives up; it is executed so many milliseconds later. */
  | { readonly lateMs: number }

export interface Exchange {
  readonly origin: string
  readonly book: Book
  /** `METHOD /path`, in order of arrival. */
  readonly seen: string[]
  /** Decides about each request that changes something, by its number from 0. */
  fate: (number: number, asked: Asked) => Fate
}

export async function startExchange(wire: Wire): Promise<Exchange> {
  const book = new Book()
  let changes = 0
  const seen: string[] = []
  const exchange = { origin: '', book, seen, fate: (): Fate => 'answered' } as {
    -readonly [K in keyof Exchange]: Exchange[K]
  }
  const server = await VenueServer.start((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const asked = askedBy(request, Buffer.concat(pieces).toString('utf8'))
      if (asked.path.endsWith('/time')) return send(response, timeAnswer())
      seen.push(`${asked.method} ${asked.path}`)
      const refused = wire.refuse(asked)
      if (refused !== null) return send(response, refused)
      const act = (): Answer => wire.handle(asked, book) ?? { status: 404, body: { unknown: asked.path } }
      if (!wire.changes(asked)) return send(response, act())
      const fate = exchange.fate(changes++, asked)
      if (fate === 'requestLost') return void request.socket.destroy()
      if (fate === 'answerLost') {
        act()
        return void request.socket.destroy()
      }
      if (fate === 'answered') return send(response, act())
      send(response, { status: 504, body: 'gateway timeout' })
      // Timestamps are looked at again before the order goes into the book.
      setTimeout(() => (wire.stale(asked) ? undefined : act()), fate.lateMs)
    })
  })
  exchange.origin = server.origin
  return exchange
}

function askedBy(request: IncomingMessage, body: string): Asked {
  const { method = '', url = '', headers } = request
  const [path = '', query = ''] = url.split('?')
  const json = body.startsWith('{') || body.startsWith('[')
  const params = {
    ...Object.fromEntries(new URLSearchParams(query)),
    ...(json ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body))),
  }
  return { method, path, params: body.startsWith('[') ? { list: JSON.parse(body) } : params, query, body, headers }
}

function send(response: ServerResponse, { status = 200, headers = {}, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof body === 'string' ? body : rawIds(JSON.stringify(body)))
}

/** Binance writes order ids as numbers, though they are beyond 2^53. */
const rawIds = (text: string): string => text.replaceAll(/"#(\d+)"/g, '$1')

function timeAnswer(): Answer {
  const now = Date.now()
  return {
    body: {
      serverTime: now,
      retCode: 0,
      result: { timeNano: `${now}000000` },
      code: '0',
      data: [{ ts: `${now}` }],
      epochMillis: `${now}`,
    },
  }
}

export const wires = {
  binance: binanceWire,
  binanceUsdm: binanceUsdmWire,
  bybit: () => bybitWire,
  okx: () => okxWire,
  kraken: krakenWire,
  coinbase: () => coinbaseWire,
} as const satisfies Record<string, () => Wire>
