/** Public topics: https://bybit-exchange.github.io/docs/v5/ws/connect */

import { randomUUID } from 'node:crypto'
import type { DialectContext, MarketEffect, TapeMessage } from '../dialect.js'
import type { LevelText, MarketBook } from '../market/market-book.js'
import { parseObject, stringify } from '../server/json.js'
import type { Peer, PeerHandler } from '../server/peer.js'
import { TopicBooks } from '../server/topic-books.js'
import { Topics } from '../server/topics.js'

/** Spot takes ten topics per request; no request is longer than this. */
const maxSpotArgs = 10
const maxArgsLength = 21_000
const topicName = /^[A-Za-z-]{1,32}(\.[A-Za-z0-9-]{1,40}){0,3}$/

export class PublicTopics {
  readonly topics: Topics<Peer>
  readonly #context: DialectContext
  readonly #books = new TopicBooks()

  constructor(context: DialectContext) {
    this.#context = context
    this.topics = new Topics((topic) => context.topics.has(topic) || this.#symbolOf(topic) !== null)
  }

  connect(peer: Peer): PeerHandler {
    const connId = randomUUID()
    const isSpot = peer.url.pathname.endsWith('/spot')
    return {
      message: (text) => {
        const message = parseObject(text)
        const { op, args, req_id = '' } = message ?? {}
        const answer = (fields: object): void => peer.reply(stringify({ ...fields, conn_id: connId, req_id, op }))
        if (op === 'ping') answer({ success: true, ret_msg: 'pong' })
        else if (op !== 'subscribe' && op !== 'unsubscribe')
          answer({ success: false, ret_msg: 'error:handler not found' })
        else {
          const list = Array.isArray(args) ? args : []
          const wrong = list.find((topic) => typeof topic !== 'string' || !topicName.test(topic))
          if (list.length === 0) answer({ success: false, ret_msg: 'error:args is empty' })
          else if (wrong !== undefined)
            answer({ success: false, ret_msg: `error:handler not found,topic:${String(wrong)}` })
          else if (isSpot && list.length > maxSpotArgs) answer({ success: false, ret_msg: 'args size >10' })
          else if (JSON.stringify(list).length > maxArgsLength)
            answer({ success: false, ret_msg: 'error:args too long' })
          else if (op === 'unsubscribe') {
            this.topics.remove(peer, list as string[])
            answer({ success: true, ret_msg: isSpot ? 'unsubscribe' : '' })
          } else {
            this.topics.add(peer, list as string[])
            answer({ success: true, ret_msg: isSpot ? 'subscribe' : '' })
            for (const topic of list as string[]) this.#greet(peer, topic)
            this.#context.subscribed()
          }
        }
      },
      closed: () => this.topics.leave(peer),
    }
  }

  publish({ topic, payload }: TapeMessage, effects: readonly MarketEffect[]): void {
    if (topic.startsWith('orderbook.')) this.#books.apply(topic, effects)
    for (const peer of this.topics.wanting(topic) ?? []) peer.push(payload)
  }

  levelsSet(symbol: string, bids: readonly LevelText[], asks: readonly LevelText[]): void {
    const book = this.#context.market.book(symbol)
    // Not 1, which means that the venue's numbers begin anew.
    book.updateId = Math.max(1, book.updateId) + 1
    for (const depth of [50, 200, 1_000]) {
      const topic = `orderbook.${depth}.${symbol}`
      if (this.#context.topics.has(topic)) continue
      const text = stringify(this.#message(topic, 'delta', symbol, book.updateId, bids, asks))
      for (const peer of this.topics.wanting(topic) ?? []) peer.push(text)
    }
    const topic = `orderbook.1.${symbol}`
    if (this.#context.topics.has(topic)) return
    const top = book.top(1)
    const text = stringify(this.#message(topic, 'snapshot', symbol, book.updateId, top.bids, top.asks))
    for (const peer of this.topics.wanting(topic) ?? []) peer.push(text)
  }

  /** A book begins with what it is now; before the tape has come to it, with what is recorded. */
  #greet(peer: Peer, topic: string): void {
    const symbol = this.#symbolOf(topic)
    const book = this.#books.of(topic) ?? (symbol === null ? undefined : this.#context.market.book(symbol))
    if (book === undefined) return
    const { bids, asks } = book.top(Number(topic.split('.')[1]))
    peer.push(
      stringify(this.#message(topic, 'snapshot', (book as MarketBook).symbol, Math.max(1, book.updateId), bids, asks)),
    )
  }

  /** Of a book that is not recorded but of an instrument that was given. */
  #symbolOf(topic: string): string | null {
    const [kind, , symbol = ''] = topic.split('.')
    return kind === 'orderbook' && !this.#context.topics.has(topic) && this.#context.instruments.has(symbol)
      ? symbol
      : null
  }

  #message(
    topic: string,
    type: string,
    s: string,
    u: number,
    b: readonly LevelText[],
    a: readonly LevelText[],
  ): object {
    const ts = this.#context.now()
    return { topic, type, ts, data: { s, b, a, u, seq: u }, cts: ts }
  }
}
