/** Market streams: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams */

import type { DialectContext, TapeMessage } from '../dialect.js'
import type { LevelText } from '../market/market-book.js'
import { stringify } from '../server/json.js'
import type { Peer, PeerHandler } from '../server/peer.js'
import { Topics } from '../server/topics.js'

const maxStreams = 1_024
const methods = ['SUBSCRIBE', 'UNSUBSCRIBE', 'LIST_SUBSCRIPTIONS', 'SET_PROPERTY', 'GET_PROPERTY']
const streamName = /^(!?[^\s@"\\]{1,40}(@[A-Za-z0-9_+:@-]{1,40})?)$/

/** One connection. */
class Connection implements PeerHandler {
  readonly peer: Peer
  /** Whether messages say which stream they are of. */
  combined: boolean
  readonly #streams: Streams

  constructor(peer: Peer, streams: Streams) {
    this.peer = peer
    this.#streams = streams
    this.combined = /\/stream$/.test(peer.url.pathname)
    const names = this.combined
      ? (peer.url.searchParams.get('streams') ?? '').split('/')
      : (/\/ws\/(.+)$/.exec(peer.url.pathname)?.[1] ?? '').split('/').map((name) => decodeURIComponent(name))
    const wanted = names.filter((name) => name !== '')
    if (wanted.length > maxStreams || !wanted.every((name) => streamName.test(name)))
      peer.close(1008, 'Invalid request')
    else if (wanted.length > 0) streams.subscribe(this, wanted)
  }

  message(text: string): void {
    this.peer.reply(stringify(this.#answer(text)))
  }

  closed(): void {
    this.#streams.topics.leave(this)
  }

  #answer(text: string): object {
    let message: unknown
    try {
      message = JSON.parse(text)
    } catch {
      return fault(3, 'Invalid JSON: expected value at line 1 column 1')
    }
    const { method, params, id } = (typeof message === 'object' && message !== null ? message : {}) as Record<
      string,
      unknown
    >
    if (method === undefined)
      return fault(2, `Invalid request: missing field \`method\` at line 1 column ${text.length}`)
    if (typeof method !== 'string' || !methods.includes(method)) {
      const expected = methods.map((each) => `\`${each}\``).join(', ')
      return fault(
        2,
        `Invalid request: unknown variant \`${String(method)}\`, expected one of ${expected} at line 1 column ${text.indexOf(String(method)) + String(method).length + 1}`,
      )
    }
    const isId = id === null || Number.isSafeInteger(id) || (typeof id === 'string' && id.length <= 36)
    if (!isId) return fault(2, 'Invalid request: request ID must be an unsigned integer')
    const list = Array.isArray(params) ? params : []
    switch (method) {
      case 'SUBSCRIBE':
      case 'UNSUBSCRIBE': {
        if (
          list.length === 0 ||
          !list.every((name): name is string => typeof name === 'string' && streamName.test(name))
        )
          return fault(2, 'Invalid request: invalid stream', id)
        if (method === 'UNSUBSCRIBE') this.#streams.topics.remove(this, list)
        else if (this.#streams.topics.of(this).size + list.length > maxStreams)
          return fault(2, 'Invalid request: too many streams', id)
        else this.#streams.subscribe(this, list)
        return { result: null, id }
      }
      case 'LIST_SUBSCRIPTIONS':
        return { result: [...this.#streams.topics.of(this)], id }
      default: {
        const [name, value] = list
        if (typeof name !== 'string') return fault(2, 'Invalid request: property name must be a string', id)
        if (name !== 'combined') return fault(0, 'Unknown property', id)
        if (method === 'GET_PROPERTY') return { result: this.combined, id }
        if (typeof value !== 'boolean') return fault(1, 'Invalid value type: expected Boolean', id)
        this.combined = value
        return { result: null, id }
      }
    }
  }
}

function fault(code: number, msg: string, id?: unknown): object {
  return id === undefined ? { error: { code, msg } } : { error: { code, msg }, id }
}

/** All connections, and who wants what. */
export class Streams {
  readonly topics: Topics<Connection>
  readonly #context: DialectContext
  readonly #connections = new Set<Connection>()

  constructor(context: DialectContext) {
    this.#context = context
    this.topics = new Topics((topic) => context.topics.has(topic) || this.#sourceOf(topic) !== null)
  }

  connect(peer: Peer): PeerHandler {
    const connection = new Connection(peer, this)
    this.#connections.add(connection)
    return {
      message: (text) => connection.message(text),
      closed: () => {
        this.#connections.delete(connection)
        connection.closed()
      },
    }
  }

  subscribe(connection: Connection, names: readonly string[]): void {
    this.topics.add(connection, names)
    this.#context.subscribed()
  }

  publish({ topic, payload }: TapeMessage): void {
    this.#send(topic, payload)
    // Slower and faster updates differ in nothing but how much they gather: who asks for one that is not recorded is sent the other.
    const other = topic.endsWith('@depth@100ms') ? topic.slice(0, -6) : topic.endsWith('@depth') ? `${topic}@100ms` : ''
    if (other !== '' && !this.#context.topics.has(other)) this.#send(other, payload)
  }

  /** The recorded stream that an unrecorded one is served from. */
  #sourceOf(topic: string): string | null {
    const other = topic.endsWith('@depth') ? `${topic}@100ms` : topic.endsWith('@depth@100ms') ? topic.slice(0, -6) : ''
    return this.#context.topics.has(other) ? other : null
  }

  levelsSet(symbol: string, bids: readonly LevelText[], asks: readonly LevelText[]): void {
    const name = symbol.toLowerCase()
    const book = this.#context.market.book(symbol)
    const first = book.updateId + 1
    book.updateId = first
    const E = this.#context.now()
    const payload = stringify({ e: 'depthUpdate', E, s: symbol, U: first, u: first, b: bids, a: asks })
    this.#send(`${name}@depth@100ms`, payload)
    this.#send(`${name}@depth`, payload)
    const {
      bids: [bid],
      asks: [ask],
    } = book.top(1)
    const [b, B] = bid ?? ['0.00000000', '0.00000000']
    const [a, A] = ask ?? ['0.00000000', '0.00000000']
    this.#send(`${name}@bookTicker`, stringify({ u: first, s: symbol, b, B, a, A }))
  }

  shutdown(isTold: (peer: Peer) => boolean): void {
    const data = { e: 'serverShutdown', E: this.#context.now() }
    const raw = stringify(data)
    const wrapped = stringify({ stream: '!serverShutdown', data })
    for (const { peer, combined } of this.#connections) if (isTold(peer)) peer.reply(combined ? wrapped : raw)
  }

  #send(topic: string, payload: string): void {
    const wanted = this.topics.wanting(topic)
    if (wanted === undefined) return
    const wrapped = `{"stream":"${topic}","data":${payload}}`
    for (const { peer, combined } of wanted) peer.push(combined ? wrapped : payload)
  }
}
