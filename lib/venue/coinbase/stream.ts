import { httpClassifier } from '../../policy/retry/classify.js'
import { TickwireError } from '../../runtime/errors.js'
import type { SessionAnswer, SessionProtocol } from '../../session/protocol.js'
import type { CoinbaseAuth } from '../../sign/venue/coinbase.js'
import { addDecimals, decimalOf, nonZeroOf } from '../order/decimal-text.js'
import { fieldOf, listOf, numberOf, sideOf, textOf } from '../order/fields.js'
import { unreadable } from '../order/order-dialect.js'
import { type AccountEvent, type Fill, positionOf } from '../stream/account-events.js'
import type { StreamPlan, TradesOf } from '../stream/stream-plan.js'
import { statuses } from './orders.js'

/** https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-overview */
export const userUrls = Object.freeze({ production: 'wss://advanced-trade-ws-user.coinbase.com' })

/** `heartbeats` come every second. */
export const heartbeat = { idle: 10_000 } as const

const noHeaders = (): undefined => undefined

/** The numbers of one connection's messages, those that answer something as well. */
class Numbers {
  #last = Number.NaN
  #missing = false

  start(): void {
    this.#last = Number.NaN
    this.#missing = false
  }

  see(sequence: number): void {
    if (!Number.isSafeInteger(sequence)) return
    if (sequence > this.#last + 1) this.#missing = true
    this.#last = sequence
  }

  /** Whether any were missing since it was asked last. */
  takeMissing(): boolean {
    const missing = this.#missing
    this.#missing = false
    return missing
  }
}

/**
 * Subscriptions of Coinbase's user endpoint. They have no ids: the venue answers with all that is subscribed by now, or with an error, which
 * counts for the subscription that waits longest.
 */
function protocol(auth: CoinbaseAuth, numbers: Numbers): SessionProtocol {
  const waiting = new Map<string, string>()
  return Object.freeze({
    name: 'coinbase-user',
    classify: httpClassifier,
    secretFields: Object.freeze(['jwt']),
    validMs: () => Number.NaN,
    request: (id, method, params, clock) => {
      const channel = textOf(params['channel'])
      waiting.set(channel, id)
      // Each message wants a token of its own: they are valid for two minutes.
      return JSON.stringify({ type: method, ...params, jwt: auth.token(clock) })
    },
    login: () => null,
    answer: (message): SessionAnswer | null => {
      numbers.see(numberOf(fieldOf(message, 'sequence_num')))
      const answer = (channel: string, status: number, text: string): SessionAnswer | null => {
        const id = waiting.get(channel)
        if (id === undefined) return null
        waiting.delete(channel)
        return { id, status, code: '', message: text, header: noHeaders }
      }
      if (fieldOf(message, 'type') === 'error') {
        const [oldest = ''] = waiting.keys()
        return answer(oldest, 400, textOf(fieldOf(message, 'message')))
      }
      if (fieldOf(message, 'channel') !== 'subscriptions') return null
      const subscribed = listOf(fieldOf(message, 'events')).map((event) => fieldOf(event, 'subscriptions'))
      const done = [...waiting.keys()].find((channel) =>
        subscribed.some((list) => fieldOf(list, channel) !== undefined),
      )
      return done === undefined ? null : answer(done, 200, '')
    },
  } satisfies SessionProtocol)
}

/**
 * Coinbase's user channel: a snapshot of open orders, then each change, with how much was filled but not by which trades; positions in
 * derivatives. It tells no balances.
 * https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels#user-channel
 */
export function coinbaseStream(auth: CoinbaseAuth): StreamPlan {
  const numbers = new Numbers()
  return {
    name: 'coinbase',
    heartbeat,
    tellsTrades: false,
    protocol: () => protocol(auth, numbers),
    subscribe: async (session) => {
      // One after the other: an error does not say whose it is.
      for (const channel of ['user', 'heartbeats']) await session.request('subscribe', { channel }, { kind: 'query' })
    },
    reader: () => {
      numbers.start()
      return (message) => {
        const events = readMessage(message)
        return numbers.takeMissing() ? [...events, { type: 'gap' }] : events
      }
    },
  }
}

function readMessage(message: unknown): readonly AccountEvent[] {
  const channel = fieldOf(message, 'channel')
  if (channel === 'heartbeats' || channel === 'subscriptions') return []
  if (channel !== 'user') return [{ type: 'message', raw: message }]
  const sent = Date.parse(textOf(fieldOf(message, 'timestamp')))
  return listOf(fieldOf(message, 'events')).flatMap((event) => {
    const positions = fieldOf(event, 'positions')
    const futures = [
      ...listOf(fieldOf(positions, 'perpetual_futures_positions')),
      ...listOf(fieldOf(positions, 'expiring_futures_positions')),
    ]
    return [
      ...listOf(fieldOf(event, 'orders')).map((raw) => readOrder(raw, sent)),
      ...futures.map((raw) => readPosition(raw, sent)),
    ]
  })
}

function readOrder(raw: unknown, sent: number): AccountEvent {
  const known = statuses[textOf(fieldOf(raw, 'status'))]
  if (known === undefined) return { type: 'message', raw }
  const filled = decimalOf(fieldOf(raw, 'cumulative_quantity'))
  const left = decimalOf(fieldOf(raw, 'leaves_quantity'))
  const open = known === 'open' || known === 'accepted'
  const update = Object.freeze({
    symbol: textOf(fieldOf(raw, 'product_id')),
    orderId: textOf(fieldOf(raw, 'order_id')),
    clientOrderId: textOf(fieldOf(raw, 'client_order_id')),
    status: known === 'open' && nonZeroOf(filled) !== null ? 'partiallyFilled' : known,
    side: sideOf(fieldOf(raw, 'order_side')),
    type: textOf(fieldOf(raw, 'order_type')),
    price: nonZeroOf(fieldOf(raw, 'limit_price')),
    // What is left of an order that has ended is nothing.
    size: open && filled !== null && left !== null ? nonZeroOf(addDecimals(filled, left)) : null,
    filled,
    quoteFilled: decimalOf(fieldOf(raw, 'filled_value')),
    averagePrice: nonZeroOf(fieldOf(raw, 'avg_price')),
    timeMs: sent,
    raw,
  } as const)
  return { type: 'order', update }
}

function readPosition(raw: unknown, sent: number): AccountEvent {
  const size = decimalOf(fieldOf(raw, 'net_size')) ?? decimalOf(fieldOf(raw, 'number_of_contracts')) ?? '0'
  const short = /short/i.test(textOf(fieldOf(raw, 'position_side')) || textOf(fieldOf(raw, 'side')))
  return positionOf({
    symbol: textOf(fieldOf(raw, 'product_id')),
    signed: short && !size.startsWith('-') ? `-${size}` : size,
    entryPrice: nonZeroOf(fieldOf(raw, 'entry_price')) ?? nonZeroOf(fieldOf(raw, 'vwap')),
    unrealized: decimalOf(fieldOf(raw, 'unrealized_pnl')),
    leg: 'net',
    timeMs: sent,
    raw,
  })
}

const mostPages = 100

/** Trades of one order. https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/orders/list-fills */
export const coinbaseTrades: TradesOf = async ({ symbol, orderId, clientOrderId = '' }, ask) => {
  if (orderId === undefined) return []
  const fills: Fill[] = []
  let cursor: string | undefined
  for (let page = 0; page < mostPages; page++) {
    const query = { order_ids: orderId, limit: 100, cursor }
    const path = '/api/v3/brokerage/orders/historical/fills'
    const body = await ask({ method: 'GET', path, request: { query, instrument: symbol } })
    const list = fieldOf(body, 'fills')
    if (!Array.isArray(list)) throw unreadable()
    for (const raw of list) {
      const size = nonZeroOf(fieldOf(raw, 'size'))
      if (size === null || fieldOf(raw, 'order_id') !== orderId) continue
      // Of what was sold for a value the size is that value.
      if (fieldOf(raw, 'size_in_quote') === true)
        throw new TickwireError('ERR_ORDER_UNKNOWN', 'a fill tells its value alone')
      const liquidity = textOf(fieldOf(raw, 'liquidity_indicator'))
      fills.push(
        Object.freeze({
          symbol,
          orderId,
          clientOrderId,
          side: sideOf(fieldOf(raw, 'side')),
          tradeId: textOf(fieldOf(raw, 'trade_id')),
          price: nonZeroOf(fieldOf(raw, 'price')),
          size,
          fee: decimalOf(fieldOf(raw, 'commission')),
          // The quote currency.
          feeAsset: symbol.split('-')[1] ?? '',
          liquidity: liquidity === 'MAKER' ? 'maker' : liquidity === 'TAKER' ? 'taker' : null,
          timeMs: Date.parse(textOf(fieldOf(raw, 'trade_time'))),
          raw,
        }),
      )
    }
    cursor = textOf(fieldOf(body, 'cursor')) || undefined
    if (cursor === undefined || list.length === 0) break
  }
  // The venue lists the newest first.
  return fills.reverse()
}
