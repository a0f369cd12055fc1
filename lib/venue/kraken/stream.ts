import { nonZeroOf, writtenOut } from '../order/decimal-text.js'
import { fieldOf, listOf, numberOf, sideOf, textOf, words } from '../order/fields.js'
import type { OrderStatus } from '../order/order.js'
import { type AccountEvent, balanceOf, type Fill } from '../stream/account-events.js'
import type { StreamPlan, TradesOf } from '../stream/stream-plan.js'
import { krakenProtocol } from './protocol.js'
import type { KrakenToken } from './token.js'

/** https://docs.kraken.com/api/docs/guides/spot-ws-intro */
export const authUrls = Object.freeze({ production: 'wss://ws-auth.kraken.com/v2' })

/** Something comes every second once anything is subscribed. */
export const heartbeat = { app: { text: '{"method":"ping"}', interval: 30_000 }, idle: 15_000 } as const

/** https://docs.kraken.com/api/docs/websocket-v2/executions */
const statuses = words<OrderStatus>({
  pending_new: 'accepted',
  new: 'open',
  partially_filled: 'partiallyFilled',
  filled: 'filled',
  canceled: 'canceled',
  expired: 'expired',
})

/**
 * Kraken's private channels: `executions`, with a snapshot of open orders, and `balances`, with one of all. Messages are numbered, so that
 * what is missing is noticed.
 * https://docs.kraken.com/api/docs/websocket-v2/executions, https://docs.kraken.com/api/docs/websocket-v2/balances
 */
export function krakenStream(token: KrakenToken): StreamPlan {
  return {
    name: 'kraken',
    heartbeat,
    tellsTrades: true,
    protocol: krakenProtocol,
    subscribe: async (session, rest) => {
      const ask = async (params: object): Promise<void> => {
        await session.request('subscribe', { ...params, token: await token.get(rest) }, { kind: 'query', weight: 0 })
      }
      try {
        await Promise.all([
          ask({ channel: 'executions', snap_orders: true, snap_trades: false }),
          ask({ channel: 'balances', snapshot: true }),
        ])
      } catch (error) {
        token.drop()
        throw error
      }
    },
    reader: () => {
      const last = new Map<string, number>()
      return (message) => {
        const channel = textOf(fieldOf(message, 'channel'))
        if (channel !== 'executions' && channel !== 'balances') {
          const quiet = channel === 'heartbeat' || channel === 'status' || fieldOf(message, 'method') === 'pong'
          return quiet ? [] : [{ type: 'message', raw: message }]
        }
        const events = listOf(fieldOf(message, 'data')).flatMap(
          channel === 'executions' ? readExecution : (raw) => [readBalance(raw)],
        )
        const sequence = numberOf(fieldOf(message, 'sequence'))
        const before = last.get(channel)
        if (Number.isSafeInteger(sequence)) last.set(channel, sequence)
        return before !== undefined && sequence > before + 1 ? [...events, { type: 'gap' }] : events
      }
    },
  }
}

/**
 * The number of a trade among those of its pair, which stream and REST both tell as `trade_id`. What the stream calls `exec_id` (`TGBB7L-…`) is of the
 * form of REST's names of trades (`THVRQM-…`), and takes the place of what v1 documents to be these names; that they are equal no page says.
 * https://docs.kraken.com/api/docs/websocket-v2/executions, https://docs.kraken.com/api/docs/websocket-v1/owntrades,
 * https://docs.kraken.com/api/docs/rest-api/get-trade-history
 */
const numberIn = (raw: unknown): string => {
  const number = numberOf(fieldOf(raw, 'trade_id'))
  return number > 0 ? String(number) : ''
}

const decimal = (raw: unknown, name: string): string | null => writtenOut(fieldOf(raw, name))

function readBalance(raw: unknown): AccountEvent {
  const at = Date.parse(textOf(fieldOf(raw, 'timestamp')))
  const known = { total: decimal(raw, 'balance'), change: decimal(raw, 'amount') }
  return balanceOf(textOf(fieldOf(raw, 'asset')), raw, at, known)
}

function readExecution(raw: unknown): readonly AccountEvent[] {
  const status = statuses[textOf(fieldOf(raw, 'order_status'))]
  if (status === undefined) return [{ type: 'message', raw }]
  const common = {
    symbol: textOf(fieldOf(raw, 'symbol')),
    orderId: textOf(fieldOf(raw, 'order_id')),
    clientOrderId: textOf(fieldOf(raw, 'cl_ord_id')),
    side: sideOf(fieldOf(raw, 'side')),
    timeMs: Date.parse(textOf(fieldOf(raw, 'timestamp'))),
    raw,
  }
  const update = Object.freeze({
    ...common,
    status,
    type: textOf(fieldOf(raw, 'order_type')),
    price: nonZeroOf(decimal(raw, 'limit_price')),
    size: nonZeroOf(decimal(raw, 'order_qty')),
    filled: decimal(raw, 'cum_qty'),
    quoteFilled: decimal(raw, 'cum_cost'),
    averagePrice: nonZeroOf(decimal(raw, 'avg_price')),
  })
  const order: AccountEvent = { type: 'order', update }
  const size = nonZeroOf(decimal(raw, 'last_qty'))
  if (fieldOf(raw, 'exec_type') !== 'trade' || size === null) return [order]
  // One fee, unless it was paid in several currencies: all of them are in `raw`.
  const [fee] = listOf(fieldOf(raw, 'fees'))
  const fill: Fill = Object.freeze({
    ...common,
    tradeId: textOf(fieldOf(raw, 'exec_id')),
    otherId: numberIn(raw),
    price: nonZeroOf(decimal(raw, 'last_price')),
    size,
    fee: decimal(fee, 'qty'),
    feeAsset: textOf(fieldOf(fee, 'asset')),
    liquidity: liquidityOf(fieldOf(raw, 'liquidity_ind')),
  })
  return [order, { type: 'fill', fill }]
}

function liquidityOf(value: unknown): Fill['liquidity'] {
  return value === 'm' ? 'maker' : value === 't' ? 'taker' : null
}

/** Trades that one question is about. */
const tradesAtOnce = 20

/**
 * Trades of one order: it names them, and they are asked for by their names.
 * https://docs.kraken.com/api/docs/rest-api/get-orders-info, https://docs.kraken.com/api/docs/rest-api/get-trades-info
 */
export const krakenTrades: TradesOf = async ({ symbol, orderId, clientOrderId = '' }, ask) => {
  if (orderId === undefined) return []
  const form = { txid: orderId, trades: true }
  const body = await ask({ method: 'POST', path: '/0/private/QueryOrders', request: { form, kind: 'query' } })
  const order = fieldOf(fieldOf(body, 'result'), orderId)
  const ids = listOf(fieldOf(order, 'trades'))
    .map(textOf)
    .filter((id) => id !== '')
  const fills: Fill[] = []
  for (let i = 0; i < ids.length; i += tradesAtOnce) {
    const txid = ids.slice(i, i + tradesAtOnce).join(',')
    const answer = await ask({
      method: 'POST',
      path: '/0/private/QueryTrades',
      request: { form: { txid }, kind: 'query' },
    })
    for (const [tradeId, raw] of Object.entries((fieldOf(answer, 'result') ?? {}) as object)) {
      const size = nonZeroOf(writtenOut(fieldOf(raw, 'vol')))
      if (size === null || fieldOf(raw, 'ordertxid') !== orderId) continue
      const maker = fieldOf(raw, 'maker')
      fills.push(
        Object.freeze({
          symbol,
          orderId,
          clientOrderId,
          side: sideOf(fieldOf(raw, 'type')),
          tradeId,
          otherId: numberIn(raw),
          price: nonZeroOf(writtenOut(fieldOf(raw, 'price'))),
          size,
          fee: writtenOut(fieldOf(raw, 'fee')),
          // Which currency it was paid in is not told.
          feeAsset: '',
          liquidity: maker === true ? 'maker' : maker === false ? 'taker' : null,
          timeMs: numberOf(fieldOf(raw, 'time')) * 1_000,
          raw,
        }),
      )
    }
  }
  return fills
}
