/** Public and private channels, and orders over the socket: https://www.okx.com/docs-v5/en/#overview-websocket */

import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { DialectContext, MarketEffect, TapeMessage } from '../dialect.js'
import type { Account } from '../engine/account.js'
import type { OrderEvent } from '../engine/order.js'
import type { LevelText, MarketBook } from '../market/market-book.js'
import { parseObject, stringify } from '../server/json.js'
import type { Peer, PeerHandler } from '../server/peer.js'
import { TopicBooks } from '../server/topic-books.js'
import { Topics } from '../server/topics.js'
import { checkLogin } from './auth.js'
import { actOn, maxBatch, orderOps } from './operations.js'
import { Refused } from './refused.js'
import { balanceOf, fillOf, orderOf } from './shapes.js'
import { topicOf } from './tape.js'

type Arg = Readonly<Record<string, unknown>>

interface Connection {
  readonly peer: Peer
  readonly connId: string
  account: Account | null
  /** What was subscribed on a private socket, as it was written. */
  readonly own: Map<string, Arg>
}

const ownChannels = new Set(['orders', 'account', 'fills', 'balance_and_position', 'positions'])
/** Channels whose messages are changes to what the first of them has said. */
const incremental = /^books(50)?(-l2-tbt)?$/

export class Sockets {
  readonly topics: Topics<Connection>
  readonly #context: DialectContext
  readonly #books = new TopicBooks()
  readonly #connections = new Set<Connection>()

  constructor(context: DialectContext) {
    this.#context = context
    this.topics = new Topics((topic) => context.topics.has(topic) || this.#symbolOf(topic) !== null)
  }

  connect(peer: Peer): PeerHandler {
    const connection: Connection = { peer, connId: randomBytes(4).toString('hex'), account: null, own: new Map() }
    this.#connections.add(connection)
    return {
      message: (text) => {
        if (text === 'ping') peer.reply('pong')
        else this.#message(connection, text)
      },
      closed: () => {
        this.topics.leave(connection)
        this.#connections.delete(connection)
      },
    }
  }

  publish({ topic, payload }: TapeMessage, effects: readonly MarketEffect[]): void {
    if (topic.startsWith('books')) this.#books.apply(topic, effects)
    for (const { peer } of this.topics.wanting(topic) ?? []) peer.push(payload)
  }

  levelsSet(symbol: string, bids: readonly LevelText[], asks: readonly LevelText[]): void {
    const book = this.#context.market.book(symbol)
    const before = book.updateId
    book.updateId = before + 1
    const topic = `books:${symbol}`
    if (this.#context.topics.has(topic)) return
    const text = stringify({
      arg: { channel: 'books', instId: symbol },
      action: 'update',
      data: [this.#bookOf(book, bids, asks, before)],
    })
    for (const { peer } of this.topics.wanting(topic) ?? []) peer.push(text)
  }

  orderEvent({ order, fill }: OrderEvent): void {
    const { account } = order
    this.#tell(account, 'orders', order.symbol, orderOf(order, fill))
    if (fill !== null) this.#tell(account, 'fills', order.symbol, fillOf(order, fill))
    this.balanceChanged(account, [order.instrument.base, order.instrument.quote])
  }

  balanceChanged(account: Account, assets: readonly string[]): void {
    this.#tell(account, 'account', null, balanceOf(account, assets))
    const balData = assets.map((ccy) => {
      const { cashBal, uTime } =
        (balanceOf(account, [ccy]) as { details: { cashBal: string; uTime: string }[] }).details[0] ?? {}
      return { ccy, cashBal, uTime }
    })
    this.#tell(account, 'balance_and_position', null, {
      pTime: String(this.#context.now()),
      eventType: 'filled',
      balData,
      posData: [],
      trades: [],
    })
  }

  /** A minute before the venue closes connections for an upgrade it says so: https://www.okx.com/docs-v5/en/#overview-websocket-notification */
  shutdown(isTold: (peer: Peer) => boolean): void {
    const msg = 'The connection will soon be closed for a service upgrade. Please reconnect.'
    for (const { peer, connId } of this.#connections)
      if (isTold(peer)) peer.reply(stringify({ event: 'notice', code: '64008', msg, connId }))
  }

  #message(connection: Connection, text: string): void {
    const { peer, connId } = connection
    const message = parseObject(text)
    const { op, args, id } = message ?? {}
    const ofRequest = typeof id === 'string' ? { id } : {}
    const fail = (code: string, msg: string): void =>
      peer.reply(stringify({ ...ofRequest, event: 'error', code, msg, connId }))
    if (message === null || typeof op !== 'string' || !Array.isArray(args) || args.length === 0) {
      fail('60012', `Invalid request: ${text.slice(0, 200)}`)
      return
    }
    if (op === 'login') {
      try {
        connection.account = checkLogin(this.#context, args[0])
        peer.reply(stringify({ event: 'login', msg: '', code: '0', connId }))
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        fail(error.code, error.message)
      }
      return
    }
    if (op === 'subscribe' || op === 'unsubscribe') {
      for (const arg of args) this.#subscription(connection, op, arg, ofRequest)
      if (op === 'subscribe') this.#context.subscribed()
      return
    }
    const act = orderOps[op]
    if (act === undefined) {
      fail('60012', `Invalid request: ${text.slice(0, 200)}`)
      return
    }
    const inTime = `${this.#context.now()}000`
    const answer = (fields: object): void =>
      peer.reply(stringify({ id, op, ...fields, inTime, outTime: `${this.#context.now()}000` }))
    if (connection.account === null) answer({ code: '60011', msg: 'Please log in', data: [] })
    else if (typeof id !== 'string' || !/^[A-Za-z0-9]{1,32}$/.test(id))
      answer({ code: '60013', msg: 'Invalid id', data: [] })
    else if (args.length > (op.includes('batch') ? maxBatch : 1))
      answer({ code: '60013', msg: 'Invalid args', data: [] })
    else {
      const { code, msg, data } = actOn(act, this.#context, connection.account, args)
      answer({ code, msg: code === '0' ? '' : msg, data })
    }
  }

  #subscription(connection: Connection, op: 'subscribe' | 'unsubscribe', arg: unknown, ofRequest: object): void {
    const { peer, connId } = connection
    const topic = topicOf(arg)
    const fail = (code: string, msg: string): void =>
      peer.reply(stringify({ ...ofRequest, event: 'error', code, msg, connId }))
    const channel = topic?.split(':')[0] ?? ''
    const isPrivate = peer.url.pathname === '/ws/v5/private'
    if (topic === null || topic.length > 200) fail('60012', `Invalid request: ${JSON.stringify(arg)?.slice(0, 200)}`)
    else if (isPrivate !== ownChannels.has(channel))
      fail(
        '60018',
        `Wrong URL or channel:${channel},instId:${topic.split(':')[1]} doesn't exist. Please use the correct URL, channel and parameters referring to API document.`,
      )
    else if (isPrivate && connection.account === null) fail('60011', 'Please log in')
    else {
      const confirm = (): void => peer.reply(stringify({ ...ofRequest, event: op, arg, connId }))
      if (isPrivate) {
        if (op === 'subscribe') connection.own.set(topic, arg as Arg)
        else connection.own.delete(topic)
        confirm()
        if (op === 'subscribe' && channel === 'account' && connection.account !== null)
          peer.reply(
            stringify({ arg: this.#argOf(connection.account, arg as Arg), data: [balanceOf(connection.account)] }),
          )
        return
      }
      if (op === 'subscribe') this.topics.add(connection, [topic])
      else this.topics.remove(connection, [topic])
      confirm()
      if (op === 'subscribe') this.#greet(connection, topic, arg as Arg)
    }
  }

  /** A book begins with what it is now; before the tape has come to it, with what is recorded. */
  #greet({ peer }: Connection, topic: string, arg: Arg): void {
    const [channel = ''] = topic.split(':')
    if (!incremental.test(channel)) return
    const symbol = this.#symbolOf(topic)
    const book = this.#books.of(topic) ?? (symbol === null ? undefined : this.#context.market.book(symbol))
    if (book === undefined) return
    const { bids, asks } = book.top(channel.startsWith('books50') ? 50 : 400)
    peer.push(stringify({ arg, action: 'snapshot', data: [this.#bookOf(book, bids, asks, -1)] }))
  }

  #symbolOf(topic: string): string | null {
    const [channel, symbol = ''] = topic.split(':')
    return channel === 'books' && !this.#context.topics.has(topic) && this.#context.instruments.has(symbol)
      ? symbol
      : null
  }

  #bookOf(book: MarketBook, bids: readonly LevelText[], asks: readonly LevelText[], prevSeqId: number): object {
    const rows = (levels: readonly LevelText[]) => levels.map(([price, size]) => [price, size, '0', '1'])
    return {
      asks: rows(asks),
      bids: rows(bids),
      ts: String(this.#context.now()),
      checksum: checksumOf(book),
      seqId: book.updateId,
      prevSeqId,
    }
  }

  #argOf(account: Account, arg: Arg): object {
    return { ...arg, uid: String(account.uid) }
  }

  #tell(account: Account, channel: string, instId: string | null, data: object): void {
    for (const { peer, own, account: owner } of this.#connections) {
      if (owner !== account) continue
      for (const [topic, arg] of own) {
        const isWanted =
          topic.split(':')[0] === channel &&
          (arg['instId'] === undefined || instId === null || arg['instId'] === instId) &&
          (arg['instType'] === undefined || ['ANY', 'SPOT'].includes(String(arg['instType'])))
        if (isWanted) peer.reply(stringify({ arg: this.#argOf(account, arg), data: [data] }))
      }
    }
  }
}

/** Of the best 25 levels: https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel (signed). */
function checksumOf(book: MarketBook): number {
  const { bids, asks } = book.top(25)
  const parts: string[] = []
  for (let i = 0; i < 25; i++) {
    for (const level of [bids[i], asks[i]]) if (level !== undefined) parts.push(level[0], level[1])
  }
  return crc32(parts.join(':')) | 0
}
