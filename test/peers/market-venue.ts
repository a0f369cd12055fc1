import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

/** What is wrong with a connection. */
export interface Faults {
  /** Nothing is sent on it. */
  silent?: boolean
  /** Trades whose number this says are left out. */
  lose?: (id: number) => boolean
  /** Milliseconds that everything comes late. */
  delayMs?: number
}

export interface MarketConnection {
  readonly socket: WebSocket
  readonly path: string
  readonly topics: Set<string>
  /** When it came, and when messages did, by `performance.now()`. */
  readonly openedAt: number
  readonly messages: { readonly at: number; readonly text: string }[]
  readonly faults: Faults
}

/** A venue as Binance is: combined streams of numbered trades and tickers, limits, faults. */
export interface MarketVenue extends AsyncDisposable {
  readonly url: string
  readonly connections: MarketConnection[]
  /** Those that are open. */
  readonly open: ReadonlySet<MarketConnection>
  /** The last number of each symbol. */
  readonly last: Map<string, number>
  /** New connections get these. */
  faults: (n: number) => Faults
  /** Symbols that are refused, with the whole message that asks for one. */
  readonly unknown: Set<string>
  /** Handshakes are refused. */
  down: boolean
  /** One more trade and ticker of each symbol, to all who want them. */
  tick(symbols: readonly string[], times?: number): void
  /** To one, or all. */
  say(message: object, to?: MarketConnection): void
  close(): Promise<void>
}

export async function startMarketVenue(port = 0): Promise<MarketVenue> {
  const http = createServer()
  const server = new WebSocketServer({ noServer: true })
  const connections: MarketConnection[] = []
  const open = new Set<MarketConnection>()
  const last = new Map<string, number>()
  const timers = new Set<NodeJS.Timeout>()
  const venue = {
    faults: (_n: number): Faults => ({}),
    unknown: new Set<string>(),
    down: false,
  }
  http.on('upgrade', (request, stream, head) => {
    if (venue.down) {
      stream.destroy()
      return
    }
    server.handleUpgrade(request, stream, head, (socket) => {
      const connection: MarketConnection = {
        socket,
        path: request.url ?? '',
        topics: new Set(),
        openedAt: performance.now(),
        messages: [],
        faults: venue.faults(connections.length),
      }
      connections.push(connection)
      open.add(connection)
      socket.on('error', () => {})
      socket.on('close', () => open.delete(connection))
      socket.on('message', (data) => {
        const text = data.toString()
        connection.messages.push({ at: performance.now(), text })
        const { method, params, id } = JSON.parse(text) as { method: string; params: string[]; id: number }
        const bad = params.find((topic) => venue.unknown.has(topic.split('@')[0] as string))
        if (bad !== undefined) {
          send(connection, JSON.stringify({ error: { code: 2, msg: `Invalid request: unknown stream ${bad}` }, id }))
          return
        }
        for (const topic of params) {
          if (method === 'SUBSCRIBE') connection.topics.add(topic)
          else connection.topics.delete(topic)
        }
        send(connection, JSON.stringify({ result: null, id }))
      })
    })
  })
  const send = (connection: MarketConnection, text: string): void => {
    const { faults, socket } = connection
    if (faults.silent === true) return
    if (faults.delayMs === undefined) socket.send(text)
    else {
      const timer = setTimeout(() => {
        timers.delete(timer)
        socket.send(text)
      }, faults.delayMs)
      timers.add(timer)
    }
  }
  await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve))
  const close = async (): Promise<void> => {
    for (const timer of timers) clearTimeout(timer)
    for (const { socket } of open) socket.terminate()
    server.close()
    await new Promise<void>((resolve) => http.close(() => resolve()))
  }
  return Object.assign(venue, {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`,
    connections,
    open,
    last,
    tick(symbols: readonly string[], times = 1): void {
      for (let i = 0; i < times; i++) {
        for (const symbol of symbols) {
          const id = (last.get(symbol) ?? 0) + 1
          last.set(symbol, id)
          const name = symbol.toLowerCase()
          const trade = { e: 'aggTrade', s: symbol, a: id, p: '1.5', q: '2', m: false, T: id }
          const ticker = { u: id, s: symbol, b: '1', B: '2', a: '3', A: '4' }
          for (const connection of open) {
            if (connection.topics.has(`${name}@aggTrade`) && connection.faults.lose?.(id) !== true) {
              send(connection, JSON.stringify({ stream: `${name}@aggTrade`, data: trade }))
            }
            if (connection.topics.has(`${name}@bookTicker`)) {
              send(connection, JSON.stringify({ stream: `${name}@bookTicker`, data: ticker }))
            }
          }
        }
      }
    },
    say(message: object, to?: MarketConnection): void {
      for (const connection of to === undefined ? open : [to]) send(connection, JSON.stringify(message))
    },
    close,
    [Symbol.asyncDispose]: close,
  })
}
