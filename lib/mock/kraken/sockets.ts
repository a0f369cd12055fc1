/** WebSocket v2, public and private: https://docs.kraken.com/api/docs/guides/spot-ws-intro */

import { textJson } from '../../runtime/exact-json.js'
import { parseAmount, plainAmount } from '../amount.js'
import type { DialectContext, MarketEffect, TapeMessage } from '../dialect.js'
import type { Account } from '../engine/account.js'
import type { OrderEvent } from '../engine/order.js'
import type { LevelText, MarketBook } from '../market/market-book.js'
import type { AppliedChange, OrderQueues } from '../market/order-queues.js'
import { numeral, parseObject, stringify } from '../server/json.js'
import type { Peer, PeerHandler } from '../server/peer.js'
import { TopicBooks } from '../server/topic-books.js'
import { Topics } from '../server/topics.js'
import { Level3 } from './level3.js'
import { addOrder, amendOrder, type Call, cancelAll, cancelOrder, type Params } from './operations.js'
import { badArgument, Refused } from './refused.js'
import { balancesOf, checksumOf, executionOf, levelsOf, orderId } from './shapes.js'

const channels = new Set(['ticker', 'book', 'trade', 'ohlc', 'instrument', 'level3'])
const privateChannels = new Set(['executions', 'balances'])

interface Connection {
  readonly peer: Peer
  account: Account | null
  readonly own: Set<string>
  /** Of the private channels. */
  readonly sequences: Map<string, number>
  beat: NodeJS.Timeout | null
}

type Fields = Readonly<Record<string, unknown>>

export class Sockets {
  readonly topics: Topics<Connection>
  readonly #context: DialectContext
  readonly #accountOf: (token: unknown) => Account | null
  readonly #cancelAfter: (account: Account, seconds: number) => object
  readonly #books = new TopicBooks()
  readonly #connections = new Set<Connection>()
  readonly #level3: Level3

  constructor(
    context: DialectContext,
    accountOf: (token: unknown) => Account | null,
    cancelAfter: (account: Account, seconds: number) => object,
  ) {
    this.#context = context
    this.#accountOf = accountOf
    this.#cancelAfter = cancelAfter
    this.#level3 = new Level3(context.now)
    this.topics = new Topics((topic) => context.topics.has(topic) || this.#given(topic))
  }

  connect(peer: Peer): PeerHandler {
    const connection: Connection = { peer, account: null, own: new Set(), sequences: new Map(), beat: null }
    this.#connections.add(connection)
    this.#greetWith(peer, 'online')
    return {
      message: (text) => this.#message(connection, text),
      closed: () => {
        if (connection.beat !== null) clearInterval(connection.beat)
        this.topics.leave(connection)
        this.#level3.leave(peer)
        this.#connections.delete(connection)
      },
    }
  }

  /** https://docs.kraken.com/api/docs/websocket-v2/status */
  tellStatus(system: 'maintenance' | 'online'): void {
    for (const { peer } of this.#connections) this.#greetWith(peer, system)
  }

  #greetWith(peer: Peer, system: string): void {
    const data = [{ version: '2.0.10', system, api_version: 'v2', connection_id: 12_393_906_104_898_154_338n }]
    peer.reply(stringify({ channel: 'status', type: 'update', data }))
  }

  publish({ topic, payload }: TapeMessage, effects: readonly MarketEffect[]): void {
    if (topic.startsWith('book:')) this.#books.apply(topic, effects)
    for (const { peer } of this.topics.wanting(topic) ?? []) peer.push(payload)
  }

  levelsSet(symbol: string, bids: readonly LevelText[], asks: readonly LevelText[]): void {
    const topic = `book:${symbol}`
    if (this.#context.topics.has(topic)) return
    const book = this.#context.market.book(symbol)
    const data = [
      { symbol, bids: levelsOf(bids), asks: levelsOf(asks), checksum: checksumOf(book), timestamp: this.#time() },
    ]
    const text = stringify({ channel: 'book', type: 'update', data })
    for (const { peer } of this.topics.wanting(topic) ?? []) peer.push(text)
  }

  ordersChanged(symbol: string, queues: OrderQueues, changes: readonly AppliedChange[]): void {
    this.#level3.changed(symbol, queues, changes)
  }

  orderEvent(event: OrderEvent): void {
    const { order, fill } = event
    for (const data of executionOf(event)) this.#tell(order.account, 'executions', 'update', [data])
    if (fill === null) return
    const { base, quote } = order.instrument
    const sign = order.side === 'buy' ? 1n : -1n
    const changes = [
      [base, sign * fill.size],
      [quote, (-sign * fill.price * fill.size) / 10n ** 18n],
    ] as const
    for (const [asset, amount] of changes) this.balanceChanged(order.account, asset, amount, 'trade')
  }

  balanceChanged(account: Account, asset: string, amount: bigint, type = 'deposit'): void {
    const { free, locked } = account.balance(asset)
    const data = [
      {
        asset,
        asset_class: 'currency',
        amount: numeral(plainAmount(amount)),
        balance: numeral(plainAmount(free + locked)),
        fee: 0,
        timestamp: this.#time(),
        type,
        wallet_type: 'spot',
        wallet_id: 'main',
      },
    ]
    this.#tell(account, 'balances', 'update', data)
  }

  #time(): string {
    return new Date(this.#context.now()).toISOString()
  }

  #message(connection: Connection, text: string): void {
    const { peer } = connection
    const message = parseObject(text)
    const { method, req_id } = message ?? {}
    const time_in = this.#time()
    const reply = (fields: object): void =>
      peer.reply(stringify({ ...fields, ...(req_id === undefined ? {} : { req_id }), time_in, time_out: this.#time() }))
    if (message === null || typeof method !== 'string') {
      peer.reply(stringify({ error: 'Unsupported message', success: false }))
      return
    }
    if (method === 'ping') {
      reply({ method: 'pong' })
      return
    }
    // Prices and sizes are numbers here: they are read as they are written.
    const params = ((textJson(text) as { params?: unknown }).params ?? {}) as Fields
    try {
      if (method === 'subscribe' || method === 'unsubscribe') this.#subscription(connection, method, params, reply)
      else reply({ method, result: this.#trade(method, params), success: true })
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      reply({ method, error: error.message, success: false })
    }
  }

  #subscription(
    connection: Connection,
    method: 'subscribe' | 'unsubscribe',
    params: Fields,
    reply: (fields: object) => void,
  ): void {
    const channel = String(params['channel'])
    if (privateChannels.has(channel)) {
      const account = this.#accountOf(params['token'])
      if (account === null) throw new Refused('ESession:Invalid session')
      connection.account = account
      if (method === 'subscribe') connection.own.add(channel)
      else connection.own.delete(channel)
      reply({ method, result: { channel }, success: true })
      if (method === 'unsubscribe') return
      this.#beat(connection)
      if (channel === 'balances') this.#tellOne(connection, channel, 'snapshot', balancesOf(account))
      else if (params['snap_orders'] !== false) {
        const open = this.#context.engine.openOrders(account)
        const data = open.flatMap((order) =>
          executionOf({ kind: 'snapshot', order, fill: null, timeMs: order.updatedMs }),
        )
        this.#tellOne(connection, channel, 'snapshot', data)
      }
      return
    }
    if (channel === 'level3' && this.#accountOf(params['token']) === null) throw new Refused('ESession:Invalid session')
    const symbols = params['symbol']
    if (!channels.has(channel)) throw new Refused('Channel name is not valid')
    if (!Array.isArray(symbols) || symbols.length === 0 || symbols.length > 10_000)
      throw new Refused('Symbol(s) not found')
    for (const symbol of symbols as unknown[]) {
      const topic = `${channel}:${String(symbol)}`
      if (!/^[A-Z0-9.]{1,20}\/[A-Z0-9.]{1,20}$/.test(String(symbol))) {
        reply({ method, error: `Currency pair not in ISO 4217-A3 format ${String(symbol)}`, success: false, symbol })
        continue
      }
      const isGiven = channel === 'level3' && this.#given(topic)
      const depthOf = Number(params['depth'] ?? 10)
      const refusal =
        isGiven && method === 'subscribe' ? this.#level3.refuses(connection.peer, String(symbol), depthOf) : null
      if (refusal !== null) {
        reply({ method, error: refusal, success: false, symbol })
        continue
      }
      if (method === 'subscribe') this.topics.add(connection, [topic])
      else this.topics.remove(connection, [topic])
      const depth = channel === 'book' || channel === 'level3' ? { depth: depthOf } : {}
      reply({
        method,
        result: { channel, symbol, ...depth, ...(method === 'subscribe' ? { snapshot: true } : {}) },
        success: true,
      })
      if (method === 'subscribe' && channel === 'book') this.#greet(connection, topic, String(symbol), depthOf)
      if (!isGiven) continue
      if (method === 'subscribe') this.#level3.add(connection.peer, String(symbol), depthOf)
      else this.#level3.remove(connection.peer, String(symbol))
    }
    this.#beat(connection)
    if (method === 'subscribe') this.#context.subscribed()
  }

  /** Something comes every second once anything is subscribed. */
  #beat(connection: Connection): void {
    connection.beat ??= setInterval(
      () => connection.peer.reply('{"channel":"heartbeat"}'),
      Math.max(10, 1_000 / this.#context.options.timeScale),
    )
    connection.beat.unref()
  }

  #greet({ peer }: Connection, topic: string, symbol: string, depth: number): void {
    const book: MarketBook | undefined =
      this.#books.of(topic) ?? (this.#given(topic) ? this.#context.market.book(symbol) : undefined)
    if (book === undefined) return
    const { bids, asks } = book.top(depth)
    const data = [
      { symbol, bids: levelsOf(bids), asks: levelsOf(asks), checksum: checksumOf(book), timestamp: this.#time() },
    ]
    peer.push(stringify({ channel: 'book', type: 'snapshot', data }))
  }

  /** A book that is not recorded, but of an instrument that was given. */
  #given(topic: string): boolean {
    const [channel, symbol = ''] = topic.split(':')
    return (
      (channel === 'book' || channel === 'level3') &&
      !this.#context.topics.has(topic) &&
      this.#context.instruments.has(symbol)
    )
  }

  /** https://docs.kraken.com/api/docs/websocket-v2/add_order, …/amend_order, …/cancel_order, …/cancel_all, …/cancel_after */
  #trade(method: string, params: Fields): unknown {
    const account = this.#accountOf(params['token'])
    if (account === null) throw new Refused('ESession:Invalid session')
    const call = (names: Readonly<Record<string, unknown>>): Call => ({
      context: this.#context,
      account,
      params: textOf(names),
    })
    switch (method) {
      case 'add_order': {
        const {
          symbol,
          side,
          order_type,
          order_qty,
          cash_order_qty,
          limit_price,
          time_in_force,
          post_only,
          cl_ord_id,
        } = params
        const order = addOrder(
          call({
            pair: symbol,
            type: side,
            ordertype: order_type,
            volume: cash_order_qty ?? order_qty,
            price: limit_price,
            timeinforce: time_in_force === undefined ? undefined : String(time_in_force).toUpperCase(),
            oflags: cash_order_qty !== undefined ? 'viqc' : post_only === true ? 'post' : undefined,
            cl_ord_id,
          }),
        )
        return { order_id: orderId(order.id), ...(order.clientId === '' ? {} : { cl_ord_id: order.clientId }) }
      }
      case 'amend_order': {
        const { order_id, cl_ord_id, order_qty, limit_price } = params
        const order = amendOrder(call({ txid: order_id, cl_ord_id, order_qty, limit_price }))
        return { amend_id: `T${orderId(order.id).slice(1)}`, order_id: orderId(order.id) }
      }
      case 'cancel_order': {
        const { order_id, cl_ord_id } = params
        const [id, client] = [first(order_id), first(cl_ord_id)]
        const order = cancelOrder(call({ txid: id, cl_ord_id: client }))
        return { order_id: orderId(order.id) }
      }
      case 'cancel_all':
        return { count: cancelAll(call({})) }
      case 'cancel_all_orders_after':
        return this.#cancelAfter(account, Number(params['timeout']))
      default:
        throw new Refused('Method(s) not found')
    }
  }

  #tell(account: Account, channel: string, type: string, data: readonly object[]): void {
    for (const connection of this.#connections)
      if (connection.account === account && connection.own.has(channel)) this.#tellOne(connection, channel, type, data)
  }

  #tellOne(connection: Connection, channel: string, type: string, data: readonly object[]): void {
    const sequence = (connection.sequences.get(channel) ?? 0) + 1
    connection.sequences.set(channel, sequence)
    connection.peer.reply(stringify({ channel, type, data, sequence }))
  }
}

function first(value: unknown): unknown {
  if (value === undefined) return undefined
  if (!Array.isArray(value) || value.length !== 1) throw badArgument('order_id')
  return value[0]
}

/** As forms have it. Numbers were read as text already. */
function textOf(fields: Readonly<Record<string, unknown>>): Params {
  const texts = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(
    texts.map(([name, value]) => [name, name === 'volume' || name === 'price' ? plain(String(value)) : String(value)]),
  )
}

/** JSON's numbers may have an exponent. */
function plain(text: string): string {
  return parseAmount(text) !== null || !/e/i.test(text)
    ? text
    : Number(text)
        .toFixed(18)
        .replace(/\.?0+$/, '')
}
