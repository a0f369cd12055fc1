import { okx as policy } from '../../policy/venue/okx.js'
import type { SessionAnswer, SessionProtocol } from '../../session/protocol.js'
import type { OkxAuth } from '../../sign/venue/okx.js'
import { decimalOf, negated, nonZeroOf } from '../order/decimal-text.js'
import { fieldOf, listOf, sideOf, textOf, timeOf } from '../order/fields.js'
import { unreadable } from '../order/order-dialect.js'
import { type AccountEvent, balanceOf, type Fill, orderEvent, positionOf } from '../stream/account-events.js'
import type { StreamPlan, TradesOf } from '../stream/stream-plan.js'
import { readOrder } from './orders.js'

/** https://www.okx.com/docs-v5/en/#overview-production-trading-services, #overview-demo-trading-services */
export const privateUrls = Object.freeze({
  production: 'wss://ws.okx.com:8443/ws/v5/private',
  us: 'wss://wsus.okx.com:8443/ws/v5/private',
  eea: 'wss://wseea.okx.com:8443/ws/v5/private',
  demo: 'wss://wspap.okx.com:8443/ws/v5/private',
  usDemo: 'wss://wsuspap.okx.com:8443/ws/v5/private',
  eeaDemo: 'wss://wseeapap.okx.com:8443/ws/v5/private',
})

/** Within 30 seconds of silence. The `pong` that comes back is no JSON, and counts as such. */
export const heartbeat = { app: { text: 'ping', interval: 25_000 }, idle: 60_000 } as const

/** Algo orders are another channel, of another kind of orders: left out. */
const channels = [
  { channel: 'orders', instType: 'ANY' },
  { channel: 'account' },
  { channel: 'positions', instType: 'ANY' },
] as const

/** The connection is about to be closed for an upgrade. https://www.okx.com/docs-v5/en/#overview-websocket-notification */
const closing = '64008'

/**
 * Too many connections have subscribed a channel: the venue confirms the subscription, and ends it after that; nothing unsubscribes here.
 * https://www.okx.com/docs-v5/en/#overview-websocket-connection-count-limit
 */
const endings: ReadonlySet<unknown> = new Set(['channel-conn-count-error', 'unsubscribe'])

const noHeaders = (): undefined => undefined

function protocol(auth: OkxAuth): SessionProtocol {
  return Object.freeze({
    name: 'okx-private',
    classify: policy.classify,
    secretFields: Object.freeze(['apiKey', 'passphrase', 'sign']),
    validMs: () => Number.NaN,
    request: (id, method, params) => JSON.stringify({ id, op: method, args: [params] }),
    login: (_id, clock) => JSON.stringify({ op: 'login', args: [auth.login(clock)] }),
    answer: (message): SessionAnswer | null => {
      const event = fieldOf(message, 'event')
      const id = textOf(fieldOf(message, 'id'))
      if (event === 'subscribe') return { id, status: 200, code: '', message: '', header: noHeaders }
      if (event !== 'login' && event !== 'error') return null
      const own = event === 'login' || id === '' ? null : id
      return { id: own, status: event === 'error' ? 400 : 200, ...policy.error(message), header: noHeaders }
    },
  } satisfies SessionProtocol)
}

/**
 * OKX's private channels. `account` and `positions` begin with what there is.
 * https://www.okx.com/docs-v5/en/#order-book-trading-trade-ws-order-channel, #trading-account-websocket-account-channel,
 * #trading-account-websocket-positions-channel
 */
export function okxStream(auth: OkxAuth): StreamPlan {
  return {
    name: 'okx',
    heartbeat,
    tellsTrades: true,
    protocol: () => protocol(auth),
    subscribe: async (session) => {
      await Promise.all(channels.map((channel) => session.request('subscribe', channel, { kind: 'query' })))
    },
    reader: () => readMessage,
  }
}

function readMessage(message: unknown): readonly AccountEvent[] {
  if (fieldOf(message, 'event') === 'notice') {
    return fieldOf(message, 'code') === closing ? [{ type: 'renew' }] : [{ type: 'message', raw: message }]
  }
  if (endings.has(fieldOf(message, 'event'))) {
    return [{ type: 'ended', reason: 'the venue has ended a subscription: too many connections have it' }]
  }
  const rows = listOf(fieldOf(message, 'data'))
  switch (fieldOf(fieldOf(message, 'arg'), 'channel')) {
    case 'orders':
      return rows.flatMap((raw) => {
        const order = orderEvent(raw, () => readOrder(raw, { symbol: '' }))
        const fill = readFill(raw)
        return fill === null ? [order] : [order, { type: 'fill', fill }]
      })
    case 'account':
      return rows.flatMap((account) =>
        listOf(fieldOf(account, 'details')).map((raw) =>
          balanceOf(textOf(fieldOf(raw, 'ccy')), raw, timeOf(fieldOf(raw, 'uTime') ?? fieldOf(account, 'uTime')), {
            total: decimalOf(fieldOf(raw, 'cashBal')),
            available: decimalOf(fieldOf(raw, 'availBal')),
            locked: decimalOf(fieldOf(raw, 'frozenBal')),
          }),
        ),
      )
    case 'positions':
      return rows.map(readPosition)
    default:
      return fieldOf(message, 'event') === undefined ? [{ type: 'message', raw: message }] : []
  }
}

function readPosition(raw: unknown): AccountEvent {
  const leg = fieldOf(raw, 'posSide')
  return positionOf({
    symbol: textOf(fieldOf(raw, 'instId')),
    signed: decimalOf(fieldOf(raw, 'pos')) ?? '0',
    entryPrice: nonZeroOf(fieldOf(raw, 'avgPx')),
    unrealized: decimalOf(fieldOf(raw, 'upl')),
    leg: leg === 'long' || leg === 'short' ? leg : 'net',
    timeMs: timeOf(fieldOf(raw, 'uTime')),
    raw,
  })
}

/** The last trade that an order, or a list of trades, tells; null: none. Names differ between the two for the fee alone. */
function readFill(raw: unknown): Fill | null {
  const size = nonZeroOf(fieldOf(raw, 'fillSz'))
  const tradeId = textOf(fieldOf(raw, 'tradeId'))
  if (size === null || tradeId === '') return null
  // Negative: charged. Here it is the other way round.
  const fee = decimalOf(fieldOf(raw, 'fillFee') ?? fieldOf(raw, 'fee'))
  const liquidity = fieldOf(raw, 'execType')
  return Object.freeze({
    symbol: textOf(fieldOf(raw, 'instId')),
    orderId: textOf(fieldOf(raw, 'ordId')),
    clientOrderId: textOf(fieldOf(raw, 'clOrdId')),
    side: sideOf(fieldOf(raw, 'side')),
    tradeId,
    price: nonZeroOf(fieldOf(raw, 'fillPx')),
    size,
    fee: fee === null ? null : negated(fee),
    feeAsset: textOf(fieldOf(raw, 'fillFeeCcy') ?? fieldOf(raw, 'feeCcy')),
    liquidity: liquidity === 'M' ? 'maker' : liquidity === 'T' ? 'taker' : null,
    timeMs: timeOf(fieldOf(raw, 'fillTime') ?? fieldOf(raw, 'ts')),
    raw,
  })
}

const mostPages = 100

/** Trades of one order, of the last three days. https://www.okx.com/docs-v5/en/#order-book-trading-trade-get-transaction-details-last-3-days */
export const okxTrades: TradesOf = async ({ symbol, orderId }, ask) => {
  if (orderId === undefined) return []
  const fills: Fill[] = []
  let after: string | undefined
  for (let page = 0; page < mostPages; page++) {
    const query = { instId: symbol, ordId: orderId, limit: 100, after }
    const body = await ask({ method: 'GET', path: '/api/v5/trade/fills', request: { query, instrument: symbol } })
    const data = fieldOf(body, 'data')
    if (!Array.isArray(data)) throw unreadable()
    for (const raw of data) {
      const fill = readFill(raw)
      if (fill?.orderId === orderId) fills.push(fill)
    }
    if (data.length < 100) break
    after = textOf(fieldOf(data.at(-1), 'billId')) || undefined
    if (after === undefined) break
  }
  // The venue lists the newest first.
  return fills.reverse()
}
