/** Private topics and order entry: https://bybit-exchange.github.io/docs/v5/websocket/private/order, …/v5/websocket/trade/guideline */

import { randomUUID } from 'node:crypto'
import type { DialectContext } from '../dialect.js'
import type { Account } from '../engine/account.js'
import type { OrderEvent } from '../engine/order.js'
import { parseObject, stringify } from '../server/json.js'
import type { Peer, PeerHandler } from '../server/peer.js'
import { checkLogin, checkTime } from './auth.js'
import type { Limits } from './limits.js'
import { operations, type Params, tradeOps } from './operations.js'
import { Refused } from './refused.js'
import { executionOf, orderOf, walletOf } from './shapes.js'

const topicNames = new Set([
  'order',
  'order.spot',
  'order.linear',
  'order.inverse',
  'order.option',
  'execution',
  'execution.spot',
  'execution.linear',
  'execution.inverse',
  'execution.option',
  'execution.fast',
  'execution.fast.spot',
  'execution.fast.linear',
  'execution.fast.inverse',
  'wallet',
  'position',
  'position.linear',
  'position.inverse',
  'position.option',
  'greeks',
  'dcp.future',
  'dcp.spot',
  'dcp.option',
])

interface Listener {
  readonly peer: Peer
  readonly topics: Set<string>
  account: Account | null
}

/** `/v5/private`: told of everything that happens to an account. */
export class PrivateTopics {
  readonly #context: DialectContext
  readonly #listeners = new Set<Listener>()

  constructor(context: DialectContext) {
    this.#context = context
  }

  connect(peer: Peer): PeerHandler {
    const listener: Listener = { peer, topics: new Set(), account: null }
    const conn_id = randomUUID()
    this.#listeners.add(listener)
    return {
      message: (text) => {
        const { op, args, req_id } = parseObject(text) ?? {}
        const id = typeof req_id === 'string' ? { req_id } : {}
        const answer = (fields: object): void => peer.reply(stringify({ ...id, ...fields, conn_id }))
        if (op === 'ping') {
          answer({ op: 'pong', args: [String(this.#context.now())] })
          return
        }
        if (op === 'auth') {
          try {
            listener.account = checkLogin(this.#context, args)
            answer({ success: true, ret_msg: '', op })
          } catch (error) {
            if (!(error instanceof Refused)) throw error
            answer({ success: false, ret_msg: error.message, op })
            peer.close(1000)
          }
          return
        }
        const list = Array.isArray(args) ? args : []
        const wrong = list.find((topic) => !topicNames.has(topic as string))
        if (op !== 'subscribe' && op !== 'unsubscribe')
          answer({ success: false, ret_msg: 'error:handler not found', op })
        else if (listener.account === null) answer({ success: false, ret_msg: 'Request not authorized', op })
        else if (list.length === 0 || wrong !== undefined)
          answer({ success: false, ret_msg: `error:handler not found,topic:${String(wrong)}`, op })
        else {
          for (const topic of list as string[])
            op === 'subscribe' ? listener.topics.add(topic) : listener.topics.delete(topic)
          answer({ success: true, ret_msg: '', op })
        }
      },
      closed: () => this.#listeners.delete(listener),
    }
  }

  orderEvent({ order, fill }: OrderEvent): void {
    const { makerFee, takerFee } = this.#context.engine.options
    if (fill !== null) {
      this.#tell(order.account, 'execution', [executionOf(order, fill, fill.maker ? makerFee : takerFee)])
      const { category, symbol, orderId, orderLinkId, side, execId, execPrice, execQty, execTime, isMaker, seq } =
        executionOf(order, fill, 0n) as Record<string, unknown>
      this.#tell(order.account, 'execution.fast', [
        { category, symbol, execId, execPrice, execQty, orderId, isMaker, orderLinkId, side, execTime, seq },
      ])
    }
    this.#tell(order.account, 'order', [orderOf(order)])
    this.walletChanged(order.account, [order.instrument.base, order.instrument.quote])
  }

  walletChanged(account: Account, coins: readonly string[]): void {
    this.#tell(account, 'wallet', [walletOf(account, coins)])
  }

  #tell(account: Account, topic: string, data: readonly object[]): void {
    for (const listener of this.#listeners) {
      if (listener.account !== account) continue
      for (const each of [topic, `${topic}.spot`]) {
        if (!listener.topics.has(each)) continue
        listener.peer.reply(
          stringify({ id: `${account.uid}_${randomUUID()}`, topic: each, creationTime: this.#context.now(), data }),
        )
      }
    }
  }
}

/** `/v5/trade`: orders over a socket. */
export function connectTrade(peer: Peer, context: DialectContext, limits: Limits): PeerHandler {
  const connId = randomUUID()
  let account: Account | null = null
  return {
    message: (text) => {
      const message = parseObject(text)
      const { op, args, header, reqId } = message ?? {}
      const id = typeof reqId === 'string' ? { reqId } : {}
      const answer = (fields: object): void => peer.reply(stringify({ ...id, ...fields, connId }))
      const headers: Record<string, string> = {
        Traceid: randomUUID().replaceAll('-', ''),
        Timenow: String(context.now()),
      }
      try {
        if (op === 'ping') answer({ retCode: 0, retMsg: 'OK', op: 'pong', data: [String(context.now())] })
        else if (op === 'auth') {
          if (account !== null) throw new Refused(20001, 'Repeat auth')
          account = checkLogin(context, args)
          answer({ retCode: 0, retMsg: 'OK', op })
        } else {
          const name = typeof op === 'string' ? tradeOps[op] : undefined
          const operation = name === undefined ? undefined : operations[name]
          if (name === undefined || operation === undefined) throw new Refused(10404, 'op type is not found')
          if (account === null) throw new Refused(10005, 'Permission denied, please check your API key permissions.')
          if (typeof reqId === 'string' && reqId.length > 36) throw new Refused(10001, 'reqId too long')
          const { 'X-BAPI-TIMESTAMP': at, 'X-BAPI-RECV-WINDOW': window } = (header ?? {}) as Record<string, unknown>
          checkTime(at, window, context.now())
          Object.assign(headers, limits.charge(account.credentials.apiKey, name, operation.perSecond))
          const [params] = Array.isArray(args) ? args : []
          if (typeof params !== 'object' || params === null) throw new Refused(10001, 'Request parameter error.')
          const data = operation.run({ context, account, params: params as Params })
          answer({ retCode: 0, retMsg: 'OK', op, data, retExtInfo: {}, header: headers })
        }
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        answer({ retCode: error.retCode, retMsg: error.message, op, data: {}, retExtInfo: {}, header: headers })
      }
    },
    closed: () => {},
  }
}
