import { bybit as policy } from '../../policy/venue/bybit.js'
import type { SessionAnswer, SessionProtocol } from '../../session/protocol.js'
import type { RequestSession } from '../../session/request-session.js'
import type { BybitAuth } from '../../sign/venue/bybit.js'
import { decimalOf, nonZeroOf } from '../order/decimal-text.js'
import { fieldOf, listOf, numberOf, sideOf, textOf, timeOf } from '../order/fields.js'
import { unreadable } from '../order/order-dialect.js'
import { type AccountEvent, balanceOf, type Fill, orderEvent, positionOf } from '../stream/account-events.js'
import type { StreamPlan, TradesOf } from '../stream/stream-plan.js'
import { type BybitCategory, readOrder } from './orders.js'

/**
 * https://bybit-exchange.github.io/docs/v5/ws/connect, https://bybit-exchange.github.io/docs/v5/demo. Customers of other countries: hosts
 * that the venue documents for them.
 */
export const privateUrls = Object.freeze({
  production: 'wss://stream.bybit.com/v5/private',
  testnet: 'wss://stream-testnet.bybit.com/v5/private',
  demo: 'wss://stream-demo.bybit.com/v5/private',
  turkey: 'wss://stream.bybit.tr/v5/private',
  kazakhstan: 'wss://stream.bybit.kz/v5/private',
  eea: 'wss://stream.bybit.eu/v5/private',
})

/** The venue wants to hear this every 20 seconds, and answers it. */
export const heartbeat = { app: { text: '{"op":"ping"}', interval: 20_000 }, idle: 50_000 } as const

const noHeaders = (): undefined => undefined

/** Requests of the private stream: `auth`, `subscribe`, `unsubscribe`. */
function protocol(auth: BybitAuth): SessionProtocol {
  return Object.freeze({
    name: 'bybit-private',
    classify: policy.classify,
    secretFields: Object.freeze([]),
    validMs: () => Number.NaN,
    request: (id, method, params) => JSON.stringify({ req_id: id, op: method, args: params['args'] }),
    login: (id, clock) => JSON.stringify({ req_id: id, op: 'auth', args: auth.login(clock) }),
    answer: (message): SessionAnswer | null => {
      const op = fieldOf(message, 'op')
      const success = fieldOf(message, 'success')
      if (typeof success !== 'boolean' || op === 'ping' || op === 'pong') return null
      const id = op === 'auth' ? null : textOf(fieldOf(message, 'req_id'))
      const text = textOf(fieldOf(message, 'ret_msg'))
      return { id, status: success ? 200 : 400, code: '', message: text, header: noHeaders }
    },
  } satisfies SessionProtocol)
}

/**
 * Bybit's private stream: what is told of one category, and the wallet.
 * https://bybit-exchange.github.io/docs/v5/websocket/private/order, …/execution, …/fast-execution, …/wallet, …/position
 * @param fast fills by `execution.fast`: earlier, and without their fees.
 */
export function bybitStream(auth: BybitAuth, category: BybitCategory, fast: boolean): StreamPlan {
  const executions = fast ? 'execution.fast' : 'execution'
  const topics = [`order.${category}`, `${executions}.${category}`, 'wallet']
  if (category !== 'spot') topics.push(`position.${category}`)
  return {
    name: 'bybit',
    heartbeat,
    tellsTrades: true,
    protocol: () => protocol(auth),
    subscribe: async (session) => {
      await session.request('subscribe', { args: topics }, { kind: 'query' })
    },
    reader: () => readMessage,
  }
}

/** Tells the venue to watch this connection, or no more. https://bybit-exchange.github.io/docs/v5/websocket/private/dcp */
export async function watchConnection(session: RequestSession, on: boolean, topic: string): Promise<void> {
  await session.request(on ? 'subscribe' : 'unsubscribe', { args: [topic] }, { kind: 'query' })
}

function readMessage(message: unknown): readonly AccountEvent[] {
  const topic = textOf(fieldOf(message, 'topic'))
  if (topic === '') {
    const op = fieldOf(message, 'op')
    return op === 'ping' || op === 'pong' ? [] : [{ type: 'message', raw: message }]
  }
  const rows = listOf(fieldOf(message, 'data'))
  const created = timeOf(fieldOf(message, 'creationTime'))
  if (topic.startsWith('order')) return rows.map((raw) => orderEvent(raw, () => readOrder(raw, { symbol: '' })))
  if (topic.startsWith('execution')) {
    return rows.map((raw): AccountEvent => {
      const fill = readExecution(raw)
      return fill === null ? { type: 'message', raw } : { type: 'fill', fill }
    })
  }
  if (topic === 'wallet') {
    return rows.flatMap((account) =>
      listOf(fieldOf(account, 'coin')).map((raw) =>
        balanceOf(textOf(fieldOf(raw, 'coin')), raw, created, {
          total: decimalOf(fieldOf(raw, 'walletBalance')),
          locked: decimalOf(fieldOf(raw, 'locked')),
        }),
      ),
    )
  }
  if (topic.startsWith('position')) return rows.map(readPosition)
  return [{ type: 'message', raw: message }]
}

/** Of one-way mode there is one position, of hedge mode `1` for what was bought, `2` for what was sold. */
const legs = ['net', 'long', 'short'] as const

function readPosition(raw: unknown): AccountEvent {
  const size = decimalOf(fieldOf(raw, 'size')) ?? '0'
  return positionOf({
    symbol: textOf(fieldOf(raw, 'symbol')),
    signed: fieldOf(raw, 'side') === 'Sell' ? `-${size}` : size,
    entryPrice: nonZeroOf(fieldOf(raw, 'entryPrice')),
    unrealized: decimalOf(fieldOf(raw, 'unrealisedPnl')),
    leg: legs[numberOf(fieldOf(raw, 'positionIdx'))] ?? 'net',
    timeMs: timeOf(fieldOf(raw, 'updatedTime')),
    raw,
  })
}

/** What is no trade of an order: payments and settlements of positions. https://bybit-exchange.github.io/docs/v5/enum#exectype */
const noTrades: ReadonlySet<string> = new Set(['Funding', 'Settle', 'Delivery', 'UNKNOWN'])

function readExecution(raw: unknown): Fill | null {
  const size = nonZeroOf(fieldOf(raw, 'execQty'))
  if (size === null || noTrades.has(textOf(fieldOf(raw, 'execType')))) return null
  return Object.freeze({
    symbol: textOf(fieldOf(raw, 'symbol')),
    orderId: textOf(fieldOf(raw, 'orderId')),
    clientOrderId: textOf(fieldOf(raw, 'orderLinkId')),
    side: sideOf(fieldOf(raw, 'side')),
    tradeId: textOf(fieldOf(raw, 'execId')),
    price: nonZeroOf(fieldOf(raw, 'execPrice')),
    size,
    fee: decimalOf(fieldOf(raw, 'execFee')),
    feeAsset: textOf(fieldOf(raw, 'feeCurrency')),
    liquidity: fieldOf(raw, 'isMaker') === true ? 'maker' : fieldOf(raw, 'isMaker') === false ? 'taker' : null,
    timeMs: timeOf(fieldOf(raw, 'execTime')),
    raw,
  })
}

const mostPages = 100

/** Trades of one order. https://bybit-exchange.github.io/docs/v5/order/execution */
export function bybitTrades(category: BybitCategory): TradesOf {
  return async ({ symbol, orderId, clientOrderId }, ask) => {
    const fills: Fill[] = []
    const named = orderId === undefined ? { orderLinkId: clientOrderId } : { orderId }
    let cursor: string | undefined
    for (let page = 0; page < mostPages; page++) {
      const query = { category, symbol, ...named, limit: 100, cursor }
      const body = await ask({ method: 'GET', path: '/v5/execution/list', request: { query, instrument: symbol } })
      const result = fieldOf(body, 'result')
      const list = fieldOf(result, 'list')
      if (!Array.isArray(list)) throw unreadable()
      for (const raw of list) {
        const fill = readExecution(raw)
        if (fill !== null && (orderId === undefined || fill.orderId === orderId)) fills.push(fill)
      }
      cursor = textOf(fieldOf(result, 'nextPageCursor')) || undefined
      if (cursor === undefined || list.length === 0) break
    }
    // The venue lists the newest first.
    return fills.reverse()
  }
}
