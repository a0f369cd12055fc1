import { createHmac, verify } from 'node:crypto'
import { ed25519, key, secret } from './account.ts'
import type { Order } from './book.ts'
import type { Answer, Wire } from './wire.ts'

const states = { open: 'NEW', filled: 'FILLED', canceled: 'CANCELED' }
export const binanceWire = (): Wire => wireOf('/api/v3', '/api/v3/openOrders')
export const binanceUsdmWire = (): Wire => wireOf('/fapi/v1', '/fapi/v1/allOpenOrders')

function wireOf(prefix: string, all: string): Wire {
  const show = (order: Order, extra: object = {}): unknown => ({
    symbol: order.symbol,
    orderId: `#${order.id}`,
    clientOrderId: order.client,
    price: order.price,
    origQty: order.size,
    executedQty: order.filled,
    status: order.state === 'open' && order.filled !== '0' ? 'PARTIALLY_FILLED' : states[order.state],
    type: 'LIMIT',
    side: order.side,
    updateTime: order.updated,
    ...extra,
  })
  const refusal = (code: number, msg: string): Answer => ({ status: 400, body: { code, msg } })
  return {
    name: prefix,
    refuse: ({ path, query, body, headers, params }) => {
      // The key alone, and no parameters at all.
      if (path.endsWith('/listenKey'))
        return headers['x-mbx-apikey'] === key && query === '' ? null : refusal(-2015, 'Invalid API-key')
      const [signed = '', signature] = query.split('&signature=')
      const expected = createHmac('sha256', secret)
        .update(signed + body)
        .digest('hex')
      const signedByKey = (): boolean =>
        verify(
          null,
          Buffer.from(signed + body),
          ed25519.publicKey,
          Buffer.from(decodeURIComponent(signature ?? ''), 'base64'),
        )
      if (headers['x-mbx-apikey'] !== key || (signature !== expected && !signedByKey()))
        return refusal(-1022, 'Signature for this request is not valid.')
      const age = Date.now() - Number(params['timestamp'])
      return age > Number(params['recvWindow']) || age < -1_000
        ? refusal(-1021, 'Timestamp for this request is outside of the recvWindow.')
        : null
    },
    stale: ({ params }) => Date.now() - Number(params['timestamp']) > Number(params['recvWindow']),
    changes: ({ method, path }) => method !== 'GET' && !path.endsWith('/listenKey'),
    handle: ({ method, path, params }, book) => {
      if (path.endsWith('/listenKey')) return { body: { listenKey: book.listenKey } }
      const { symbol, orderId, origClientOrderId } = params
      const found = book.find(orderId, origClientOrderId)
      if (path === `${prefix}/order` && method === 'POST') {
        const { newClientOrderId, quantity, price = '0', side } = params as Record<string, string>
        if (price === '13') return refusal(-2010, 'Account has insufficient balance for requested action.')
        const order = {
          client: newClientOrderId ?? '',
          symbol: String(symbol),
          side: side ?? '',
          price,
          size: quantity ?? '',
        }
        return { body: show(book.place(order)) }
      }
      if (path === `${prefix}/order/cancelReplace`) {
        const {
          cancelOrderId,
          cancelOrigClientOrderId,
          newClientOrderId,
          quantity,
          price = '0',
          side,
        } = params as Record<string, string>
        const before = book.find(cancelOrderId, cancelOrigClientOrderId)
        if (before?.state !== 'open') {
          const data = {
            cancelResult: 'FAILURE',
            newOrderResult: 'NOT_ATTEMPTED',
            cancelResponse: { code: -2011, msg: 'Unknown order sent.' },
          }
          return { status: 400, body: { code: -2022, msg: 'Order cancel-replace failed.', data } }
        }
        const cancelResponse = show(book.cancel(before), {
          origClientOrderId: before.client,
          clientOrderId: 'of-the-cancel',
        })
        if (price === '13') {
          const data = { cancelResult: 'SUCCESS', newOrderResult: 'FAILURE', cancelResponse }
          return { status: 409, body: { code: -2021, msg: 'Order cancel-replace partially failed.', data } }
        }
        const made = book.place({
          client: newClientOrderId ?? '',
          symbol: String(symbol),
          side: side ?? '',
          price,
          size: quantity ?? '',
        })
        return {
          body: { cancelResult: 'SUCCESS', newOrderResult: 'SUCCESS', cancelResponse, newOrderResponse: show(made) },
        }
      }
      if (path === `${prefix}/order` && method === 'GET')
        return found ? { body: show(found) } : refusal(-2013, 'Order does not exist.')
      if (path === `${prefix}/order` && method === 'DELETE') {
        if (found?.state !== 'open') return refusal(-2011, 'Unknown order sent.')
        return { body: show(book.cancel(found), { origClientOrderId: found.client, clientOrderId: 'of-the-cancel' }) }
      }
      if (method === 'PUT') {
        if (found?.state !== 'open') return refusal(-2038, 'Order does not exist.')
        const { newQty, quantity = newQty, price = found.price } = params as Record<string, string>
        book.amend(found, { size: quantity, price })
        return { body: prefix === '/api/v3' ? { transactTime: Date.now(), amendedOrder: show(found) } : show(found) }
      }
      if (/(myTrades|userTrades)$/.test(path)) {
        const trades = book.tradesOf(orderId).map((trade) => ({
          symbol: trade.order.symbol,
          id: trade.id,
          orderId: `#${trade.order.id}`,
          price: trade.price,
          qty: trade.size,
          commission: trade.fee,
          commissionAsset: trade.feeAsset,
          time: trade.at,
          isBuyer: trade.order.side === 'BUY',
          isMaker: trade.maker,
        }))
        return { body: trades }
      }
      if (path === `${prefix}/allOrders`)
        return { body: book.orders.filter((order) => order.symbol === symbol).map((order) => show(order)) }
      if (path === `${prefix}/openOrders` && method === 'GET')
        return { body: book.open(symbol).map((order) => show(order)) }
      if (path.endsWith('/countdownCancelAll')) {
        book.deadMan(Number(params['countdownTime']), String(symbol))
        return { body: { symbol, countdownTime: params['countdownTime'] } }
      }
      if (path === all) {
        const open = book.open(symbol)
        if (open.length === 0 && prefix === '/api/v3')
          return { status: 400, body: { code: -2011, msg: 'Unknown order sent.' } }
        const canceled = open.map((order) =>
          show(book.cancel(order), { origClientOrderId: order.client, clientOrderId: 'x' }),
        )
        return {
          body: prefix === '/api/v3' ? canceled : { code: 200, msg: 'The operation of cancel all open order is done.' },
        }
      }
      return null
    },
  }
}
