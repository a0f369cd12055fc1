/** The WebSocket door of a venue in small: logins, subscriptions, pushes of what happens in the book; cut, shut and repeated as a test wants. */
import type { WebSocket } from 'ws'
import { startWsServer } from '../peers/ws-server.ts'
import { onCleanUp } from '../rest/venue-server.ts'
import type { Asked, Book, Order, Trade, Wire } from './exchange.ts'

/** One connection, as a venue knows it. */
export class Client {
  readonly socket: WebSocket
  /** Path and query that it came by. */
  readonly url: string
  loggedIn = false
  /** Channels that it has subscribed. */
  readonly channels = new Set<string>()
  /** Messages sent on it, for venues that number them. */
  sequence = 0

  constructor(socket: WebSocket, url: string) {
    this.socket = socket
    this.url = url
  }

  send(message: object | string): void {
    this.socket.send(
      typeof message === 'string' ? message : JSON.stringify(message).replaceAll(/"#(-?[\d.e-]+)"/g, '$1'),
    )
  }
}

// biome-ignore lint/suspicious/noExplicitAny: whatever a client may send
export type Message = any

/** A request of an order, as HTTP would have carried it, and how its answer is written. */
export interface Ordered {
  readonly asked: Partial<Asked>
  reply(status: number, body: Message): object
}

/** What becomes of an order's request: answered; executed without an answer; not executed; both with the connection cut or left. */
export type DoorFate = 'answered' | 'answerLost' | 'requestLost' | 'silent'

/** How a venue speaks on its WebSocket. */
export interface DoorWire {
  /** What is an order; null: it is something else. */
  order?(message: Message, client: Client, door: Door): Ordered | null
  parse?(text: string): Message
  /** What it does with a message. */
  receive(message: Message, client: Client, door: Door): void
  /** What it says about a change. */
  push(order: Order, trade: Trade | null, client: Client): readonly object[]
  connected?(client: Client, door: Door): void
}

export interface Door {
  readonly url: string
  readonly book: Book
  readonly clients: Set<Client>
  /** Logins and subscriptions that were granted. */
  granted: number
  /** Every message that came, as text. */
  readonly received: string[]
  /** No more connections, and none stays. */
  shut: boolean
  /** Connections that came while it was shut. */
  turnedAway: number
  /** So many logins or subscriptions from now on come with what is no valid signature, or token. */
  spoil: number
  /** How often each push is sent: 0 loses it, 2 repeats it. */
  times: (order: Order, trade: Trade | null) => number
  /** Decides about each order that comes here, by its number from 0. */
  fate: (number: number) => DoorFate
  /** Orders that came here. */
  orders: number
  /** Cuts all connections. */
  cut(): void
  /** Sends to all who have subscribed something. */
  say(message: object): void
}

export async function startDoor(book: Book, wire: DoorWire, http?: Wire): Promise<Door> {
  const clients = new Set<Client>()
  const serve = ({ asked, reply }: Ordered, client: Client): void => {
    const fate = door.fate(door.orders++)
    if (fate === 'requestLost') {
      client.socket.terminate()
      return
    }
    const whole: Asked = { method: 'POST', path: '', params: {}, query: '', body: '', headers: {}, ...asked }
    const { status = 200, body } = http?.handle(whole, book) ?? { status: 404, body: {} }
    if (fate === 'answered') client.send(reply(status, body))
    else if (fate === 'answerLost') client.socket.terminate()
  }
  /** What a client is refused for. */
  const spoiled = (text: string): string => {
    if (door.spoil === 0) return text
    const bad = text.replace(
      /("(?:signature|sign|token|jwt)":"|"args":\["[^"]*",\d+,")([^"]+)/,
      (_all, before, secret) => {
        door.spoil--
        return before + [...secret].reverse().join('')
      },
    )
    return bad
  }
  const server = await startWsServer({
    onConnection: (socket, request) => {
      if (door.shut) {
        door.turnedAway++
        socket.terminate()
        return
      }
      const client = new Client(socket, request.url ?? '')
      clients.add(client)
      socket.on('close', () => clients.delete(client))
      socket.on('message', (data) => {
        const text = spoiled(String(data))
        door.received.push(text)
        if (text === 'ping') client.send('pong')
        else {
          const message = wire.parse?.(text) ?? JSON.parse(text)
          const ordered = wire.order?.(message, client, door) ?? null
          if (ordered === null) wire.receive(message, client, door)
          else serve(ordered, client)
        }
      })
      wire.connected?.(client, door)
    },
  })
  const door: Door = {
    url: server.url,
    book,
    clients,
    granted: 0,
    received: [],
    shut: false,
    turnedAway: 0,
    spoil: 0,
    times: () => 1,
    fate: () => 'answered',
    orders: 0,
    cut: () => {
      for (const { socket } of clients) socket.terminate()
      clients.clear()
    },
    say: (message) => {
      for (const client of clients) if (client.channels.size > 0) client.send(message)
    },
  }
  book.watchers.add((order, trade) => {
    for (let i = door.times(order, trade); i > 0; i--) {
      for (const client of clients) {
        if (client.channels.size > 0) for (const message of wire.push(order, trade, client)) client.send(message)
      }
    }
  })
  onCleanUp(() => server.close())
  return door
}
