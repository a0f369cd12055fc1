/** Market data and the user channel: https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-overview */

import type { DialectContext, MarketEffect, TapeMessage } from '../dialect.js'
import type { Account } from '../engine/account.js'
import type { Order, OrderEvent } from '../engine/order.js'
import type { LevelText, MarketBook } from '../market/market-book.js'
import { parseObject, stringify } from '../server/json.js'
import type { Peer, PeerHandler } from '../server/peer.js'
import { TopicBooks } from '../server/topic-books.js'
import { Topics } from '../server/topics.js'
import { accountOf } from './auth.js'
import { userOrderOf } from './shapes.js'

const channels = new Set(['level2', 'ticker', 'ticker_batch', 'market_trades', 'candles', 'status'])
/** Who has subscribed nothing by then is cut. */
const patienceMs = 5_000
const noPositions = { perpetual_futures_positions: [], expiring_futures_positions: [] }

interface Connection {
  readonly peer: Peer
  /** Counts all messages of the connection, from 0. */
  sequence: number
  account: Account | null
  beat: NodeJS.Timeout | null
  beats: number
  hasSubscribed: boolean
}

export class Sockets {
  readonly topics: Topics<Connection>
  readonly #context: DialectContext
  readonly #books = new TopicBooks()
  readonly #connections = new Set<Connection>()

  constructor(context: DialectContext) {
    this.#context = context
    this.topics = new Topics((topic) => context.topics.has(topic) || this.#given(topic))
  }

  connect(peer: Peer): PeerHandler {
    const connection: Connection = { peer, sequence: 0, account: null, beat: null, beats: 0, hasSubscribed: false }
    this.#connections.add(connection)
    // Never sooner than a client can be expected to speak.
    const forget = this.#context.later(Math.max(1_000, patienceMs / this.#context.options.timeScale), () => {
      if (!connection.hasSubscribed) peer.close(1008, 'no subscription')
    })
    return {
      message: (text) => this.#message(connection, text),
      closed: () => {
        forget()
        if (connection.beat !== null) clearInterval(connection.beat)
        this.topics.leave(connection)
        this.#connections.delete(connection)
      },
    }
  }

  /** Numbers are those of the connection: all else goes out as it was recorded. */
  publish({ topic, payload }: TapeMessage, effects: readonly MarketEffect[]): void {
    if (topic.startsWith('level2:')) this.#books.apply(topic, effects)
    for (const connection of this.topics.wanting(topic) ?? [])
      connection.peer.push(payload.replace(/"sequence_num":\s*\d+/, `"sequence_num":${connection.sequence++}`))
  }

  levelsSet(symbol: string, bids: readonly LevelText[], asks: readonly LevelText[]): void {
    const topic = `level2:${symbol}`
    if (this.#context.topics.has(topic)) return
    for (const connection of this.topics.wanting(topic) ?? []) this.#levels(connection, symbol, 'update', bids, asks)
  }

  orderEvent({ order }: OrderEvent): void {
    this.#tell(order.account, 'update', [order])
  }

  #time(): string {
    return new Date(this.#context.now()).toISOString()
  }

  #say(connection: Connection, channel: string, events: readonly object[], isMarket = false): void {
    const text = stringify({
      channel,
      client_id: '',
      timestamp: this.#time(),
      sequence_num: connection.sequence++,
      events,
    })
    if (isMarket) connection.peer.push(text)
    else connection.peer.reply(text)
  }

  #message(connection: Connection, text: string): void {
    const { peer } = connection
    const fail = (message: string): void => peer.reply(stringify({ type: 'error', message }))
    const { type, channel, product_ids, jwt } = parseObject(text) ?? {}
    if ((type !== 'subscribe' && type !== 'unsubscribe') || typeof channel !== 'string') {
      fail('invalid message')
      return
    }
    if (jwt !== undefined || channel === 'user') {
      const account = accountOf(this.#context, jwt, null)
      if (account === null) {
        fail('authentication failure')
        return
      }
      if (channel === 'user') connection.account = type === 'subscribe' ? account : null
    }
    if (channel !== 'user' && channel !== 'heartbeats' && !channels.has(channel)) {
      fail(`channel ${channel} does not exist`)
      return
    }
    connection.hasSubscribed = true
    if (channel === 'heartbeats') this.#beat(connection, type === 'subscribe')
    else if (channel !== 'user') {
      const names = Array.isArray(product_ids)
        ? (product_ids as unknown[]).filter((name) => typeof name === 'string' && /^[A-Z0-9-]{1,40}$/.test(name))
        : []
      const topics = names.map((name) => `${channel}:${String(name)}`)
      if (type === 'unsubscribe') this.topics.remove(connection, topics)
      else {
        this.topics.add(connection, topics)
        for (const topic of topics) this.#greet(connection, topic)
      }
    }
    this.#say(connection, 'subscriptions', [{ subscriptions: this.#subscriptions(connection) }])
    if (channel === 'user' && type === 'subscribe' && connection.account !== null)
      this.#say(connection, 'user', [
        {
          type: 'snapshot',
          orders: this.#context.engine.openOrders(connection.account).map(userOrderOf),
          positions: noPositions,
        },
      ])
    if (type === 'subscribe' && channels.has(channel)) this.#context.subscribed()
  }

  #subscriptions(connection: Connection): object {
    const subscriptions: Record<string, string[]> = {}
    for (const topic of this.topics.of(connection)) {
      const [channel = '', product = ''] = topic.split(':')
      subscriptions[channel] = [...(subscriptions[channel] ?? []), product]
    }
    if (connection.account !== null) subscriptions['user'] = [String(connection.account.uid)]
    if (connection.beat !== null) subscriptions['heartbeats'] = ['heartbeats']
    return subscriptions
  }

  #beat(connection: Connection, on: boolean): void {
    if (connection.beat !== null) clearInterval(connection.beat)
    connection.beat = null
    if (!on) return
    connection.beat = setInterval(
      () =>
        this.#say(connection, 'heartbeats', [{ current_time: this.#time(), heartbeat_counter: connection.beats++ }]),
      Math.max(10, 1_000 / this.#context.options.timeScale),
    )
    connection.beat.unref()
  }

  /** A book begins with what it is now; before the tape has come to it, with what is recorded. */
  #greet(connection: Connection, topic: string): void {
    const [, symbol = ''] = topic.split(':')
    const book: MarketBook | undefined =
      this.#books.of(topic) ?? (this.#given(topic) ? this.#context.market.book(symbol) : undefined)
    if (book === undefined) return
    const { bids, asks } = book.top(100_000)
    this.#levels(connection, symbol, 'snapshot', bids, asks)
  }

  #levels(
    connection: Connection,
    product_id: string,
    type: string,
    bids: readonly LevelText[],
    asks: readonly LevelText[],
  ): void {
    const event_time = this.#time()
    const rows = (side: string, levels: readonly LevelText[]) =>
      levels.map(([price_level, new_quantity]) => ({ side, event_time, price_level, new_quantity }))
    this.#say(
      connection,
      'l2_data',
      [{ type, product_id, updates: [...rows('bid', bids), ...rows('offer', asks)] }],
      true,
    )
  }

  /** A book that is not recorded, but of an instrument that was given. */
  #given(topic: string): boolean {
    const [channel, symbol = ''] = topic.split(':')
    return channel === 'level2' && !this.#context.topics.has(topic) && this.#context.instruments.has(symbol)
  }

  #tell(account: Account, type: string, orders: readonly Order[]): void {
    for (const connection of this.#connections)
      if (connection.account === account)
        this.#say(connection, 'user', [{ type, orders: orders.map(userOrderOf), positions: noPositions }])
  }
}
