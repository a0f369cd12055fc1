import { binanceSession } from '../../session/venues.js'
import type { BinanceAuth } from '../../sign/venue/binance.js'
import { addDecimals, decimalOf, nonZeroOf } from '../order/decimal-text.js'
import { fieldOf, listOf, sideOf, textOf, timeOf } from '../order/fields.js'
import { unreadable } from '../order/order-dialect.js'
import { type AccountEvent, balanceOf, type Fill } from '../stream/account-events.js'
import type { StreamPlan, TradesOf } from '../stream/stream-plan.js'
import { statuses } from './orders.js'

/** https://developers.binance.com/docs/binance-spot-api-docs/websocket-api/general-api-information, …/testnet, …/demo-mode */
export const spotApiUrls = Object.freeze({
  production: 'wss://ws-api.binance.com:443/ws-api/v3',
  testnet: 'wss://ws-api.testnet.binance.vision/ws-api/v3',
  demo: 'wss://demo-ws-api.binance.com/ws-api/v3',
})

/**
 * Binance Spot's user data stream, over the WebSocket API: a key of Ed25519 logs on and subscribes, others sign the subscription.
 * https://developers.binance.com/docs/binance-spot-api-docs/websocket-api/user-data-stream-requests,
 * https://developers.binance.com/docs/binance-spot-api-docs/user-data-stream
 * @param logon whether the key is Ed25519.
 */
export function binanceStream(auth: BinanceAuth, logon: boolean): StreamPlan {
  return {
    name: 'binance',
    tellsTrades: true,
    protocol: () => binanceSession({ auth, logon }),
    subscribe: async (session) => {
      const common = { kind: 'query', weight: 2 } as const
      // Subscribing within a session takes no parameters at all.
      if (logon) await session.request('userDataStream.subscribe', {}, { ...common, auth: false })
      else await session.request('userDataStream.subscribe.signature', {}, common)
    },
    reader: () => readEvent,
  }
}

function readEvent(message: unknown): readonly AccountEvent[] {
  const event = fieldOf(message, 'event')
  const at = timeOf(fieldOf(event, 'T') ?? fieldOf(event, 'u') ?? fieldOf(event, 'E'))
  const asset = textOf(fieldOf(event, 'a'))
  const delta = decimalOf(fieldOf(event, 'd'))
  switch (fieldOf(event, 'e')) {
    case 'executionReport':
      return readReport(event)
    case 'outboundAccountPosition':
      return listOf(fieldOf(event, 'B')).map((raw) => {
        const [available, locked] = [decimalOf(fieldOf(raw, 'f')), decimalOf(fieldOf(raw, 'l'))]
        const total = available === null || locked === null ? null : addDecimals(available, locked)
        return balanceOf(textOf(fieldOf(raw, 'a')), raw, at, { total, available, locked })
      })
    case 'balanceUpdate':
      return [balanceOf(asset, event, at, { change: delta })]
    case 'externalLockUpdate':
      return [balanceOf(asset, event, at, { lockedChange: delta })]
    case 'eventStreamTerminated':
    case 'serverShutdown':
      return [{ type: 'renew' }]
    default:
      return [{ type: 'message', raw: message }]
  }
}

function readReport(raw: unknown): readonly AccountEvent[] {
  const status = statuses[textOf(fieldOf(raw, 'X'))]
  if (status === undefined) return [{ type: 'message', raw }]
  // Of what is canceled or replaced, `C` is the order's own id, and `c` that of the request.
  const own = textOf(fieldOf(raw, 'C'))
  const common = {
    symbol: textOf(fieldOf(raw, 's')),
    orderId: textOf(fieldOf(raw, 'i')),
    clientOrderId: own === '' ? textOf(fieldOf(raw, 'c')) : own,
    side: sideOf(fieldOf(raw, 'S')),
    timeMs: timeOf(fieldOf(raw, 'T')),
    raw,
  }
  const update = Object.freeze({
    ...common,
    status,
    type: textOf(fieldOf(raw, 'o')),
    price: nonZeroOf(fieldOf(raw, 'p')),
    size: nonZeroOf(fieldOf(raw, 'q')),
    filled: decimalOf(fieldOf(raw, 'z')),
    quoteFilled: decimalOf(fieldOf(raw, 'Z')),
    averagePrice: null,
  })
  const order: AccountEvent = { type: 'order', update }
  const size = nonZeroOf(fieldOf(raw, 'l'))
  if (fieldOf(raw, 'x') !== 'TRADE' || size === null) return [order]
  const fill: Fill = Object.freeze({
    ...common,
    tradeId: textOf(fieldOf(raw, 't')),
    price: nonZeroOf(fieldOf(raw, 'L')),
    size,
    fee: decimalOf(fieldOf(raw, 'n')),
    feeAsset: textOf(fieldOf(raw, 'N')),
    liquidity: fieldOf(raw, 'm') === true ? 'maker' : 'taker',
  })
  return [order, { type: 'fill', fill }]
}

/**
 * Trades of one order. https://developers.binance.com/docs/binance-spot-api-docs/rest-api/account-endpoints#account-trade-list-user_data,
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Account-Trade-List
 */
export function binanceTrades(path: string, weight: number): TradesOf {
  return async ({ symbol, orderId, clientOrderId = '' }, ask) => {
    if (orderId === undefined) return []
    const query = { symbol, orderId, limit: 1_000 }
    const body = await ask({ method: 'GET', path, request: { query, weight, instrument: symbol } })
    if (!Array.isArray(body)) throw unreadable()
    return body.flatMap((raw): Fill[] => {
      const size = nonZeroOf(fieldOf(raw, 'qty'))
      if (size === null || textOf(fieldOf(raw, 'orderId')) !== orderId) return []
      const [buyer, maker] = [
        fieldOf(raw, 'isBuyer') ?? fieldOf(raw, 'buyer'),
        fieldOf(raw, 'isMaker') ?? fieldOf(raw, 'maker'),
      ]
      return [
        Object.freeze({
          symbol,
          orderId,
          clientOrderId,
          side: buyer === true ? 'buy' : 'sell',
          tradeId: textOf(fieldOf(raw, 'id')),
          price: nonZeroOf(fieldOf(raw, 'price')),
          size,
          fee: decimalOf(fieldOf(raw, 'commission')),
          feeAsset: textOf(fieldOf(raw, 'commissionAsset')),
          liquidity: maker === true ? 'maker' : 'taker',
          timeMs: timeOf(fieldOf(raw, 'time')),
          raw,
        } as const),
      ]
    })
  }
}
