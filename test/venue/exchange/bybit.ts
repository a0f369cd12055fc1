import { createHmac } from 'node:crypto'
import { key, secret } from './account.ts'
import type { Order } from './book.ts'
import type { Answer, Wire } from './wire.ts'

export const bybitWire: Wire = {
  name: 'bybit',
  refuse: ({ method, query, body, headers }) => {
    const [at, window] = [headers['x-bapi-timestamp'], headers['x-bapi-recv-window']]
    const expected = createHmac('sha256', secret)
      .update(`${at}${key}${window}${method === 'GET' ? query : body}`)
      .digest('hex')
    if (headers['x-bapi-sign'] !== expected) return { body: { retCode: 10004, retMsg: 'error sign!' } }
    return Date.now() - Number(at) > Number(window)
      ? { body: { retCode: 10002, retMsg: 'invalid request, please check your server timestamp' } }
      : null
  },
  stale: ({ headers }) => Date.now() - Number(headers['x-bapi-timestamp']) > Number(headers['x-bapi-recv-window']),
  changes: ({ method }) => method === 'POST',
  handle: ({ path, params }, book) => {
    const { symbol, orderId, orderLinkId } = params
    const done = (result: object): Answer => ({ body: { retCode: 0, retMsg: 'OK', result, time: Date.now() } })
    const refusal = (retCode: number, retMsg: string): Answer => ({ body: { retCode, retMsg, result: {} } })
    const ids = (order: Order): object => ({ orderId: order.id, orderLinkId: order.client })
    const states = { open: 'New', filled: 'Filled', canceled: 'Cancelled' }
    const show = (order: Order): object => ({
      ...ids(order),
      symbol: order.symbol,
      side: order.side,
      orderType: 'Limit',
      price: order.price,
      qty: order.size,
      cumExecQty: order.filled,
      orderStatus: order.state === 'open' && order.filled !== '0' ? 'PartiallyFilled' : states[order.state],
      updatedTime: String(order.updated),
    })
    const found = book.find(orderId, orderLinkId)
    if (path === '/v5/order/create') {
      const { side, qty, price = '0' } = params as Record<string, string>
      if (price === '13') return refusal(170131, 'Balance insufficient')
      return done(
        ids(
          book.place({ client: String(orderLinkId), symbol: String(symbol), side: side ?? '', price, size: qty ?? '' }),
        ),
      )
    }
    if (path === '/v5/order/cancel') {
      return found?.state === 'open' ? done(ids(book.cancel(found))) : refusal(170213, 'Order does not exist.')
    }
    if (path === '/v5/order/amend') {
      if (found?.state !== 'open') return refusal(170213, 'Order does not exist.')
      const { qty = found.size, price = found.price } = params as Record<string, string>
      book.amend(found, { size: qty, price })
      return done(ids(found))
    }
    if (path === '/v5/order/disconnected-cancel-all') {
      book.armed.push(Number(params['timeWindow']) * 1_000)
      return done({})
    }
    if (path === '/v5/execution/list') {
      const list = book.tradesOf(orderId).map((trade) => ({
        symbol: trade.order.symbol,
        orderId: trade.order.id,
        orderLinkId: trade.order.client,
        side: trade.order.side,
        execId: trade.id,
        execPrice: trade.price,
        execQty: trade.size,
        execFee: trade.fee,
        feeCurrency: trade.feeAsset,
        execType: 'Trade',
        isMaker: trade.maker,
        execTime: String(trade.at),
      }))
      return done({ list: list.reverse(), nextPageCursor: '' })
    }
    if (path === '/v5/order/cancel-all')
      return done({ list: book.open(symbol).map((order) => ids(book.cancel(order))), success: '1' })
    if (orderId !== undefined || orderLinkId !== undefined) {
      const there = path === '/v5/order/history' || (found?.state === 'open') === (params['openOnly'] === '0')
      return done({ list: found !== undefined && there ? [show(found)] : [] })
    }
    // Pages of two.
    const from = Number(params['cursor'] ?? 0)
    const open = path === '/v5/order/history' ? book.orders.filter(({ state }) => state !== 'open') : book.open(symbol)
    return done({
      list: open.slice(from, from + 2).map(show),
      nextPageCursor: from + 2 < open.length ? String(from + 2) : '',
    })
  },
}
