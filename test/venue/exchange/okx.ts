import { createHmac } from 'node:crypto'
import { passphrase, secret } from './account.ts'
import type { Order } from './book.ts'
import type { Answer, Wire } from './wire.ts'

/** Numbers that instruments have on OKX's WebSocket. */
export const instIdCodes = ['BTC-USDT', 'ETH-USDT', 'A-USDT', 'B-USDT']

export const okxWire: Wire = {
  name: 'okx',
  refuse: ({ method, path, query, body, headers }) => {
    if (path.endsWith('/public/instruments')) return null
    const at = String(headers['ok-access-timestamp'])
    const expected = createHmac('sha256', secret)
      .update(at + method + path + (query === '' ? '' : `?${query}`) + body)
      .digest('base64')
    if (headers['ok-access-sign'] !== expected || headers['ok-access-passphrase'] !== passphrase)
      return { status: 401, body: { code: '50113', msg: 'Invalid Sign' } }
    return null
  },
  stale: () => false,
  changes: ({ method }) => method === 'POST',
  handle: ({ path, params }, book) => {
    const { instId, ordId, clOrdId } = params
    const row = (order: Order, sCode = '0'): object => ({
      ordId: order.id,
      clOrdId: order.client,
      sCode,
      sMsg: '',
      ts: String(Date.now()),
    })
    const refused = (sCode: string, sMsg: string): Answer => ({
      body: { code: '1', msg: 'All operations failed', data: [{ ordId: '', clOrdId: '', sCode, sMsg }] },
    })
    const done = (...data: object[]): Answer => ({ body: { code: '0', msg: '', data } })
    const states = { open: 'live', filled: 'filled', canceled: 'canceled' }
    const show = (order: Order): object => ({
      instId: order.symbol,
      ordId: order.id,
      clOrdId: order.client,
      side: order.side,
      ordType: 'limit',
      px: order.price,
      sz: order.size,
      accFillSz: order.filled,
      avgPx: '',
      state: order.state === 'open' && order.filled !== '0' ? 'partially_filled' : states[order.state],
      uTime: String(order.updated),
    })
    const found = book.find(ordId, clOrdId)
    if (path.endsWith('/cancel-batch-orders')) {
      const items = (params['list'] as Record<string, string>[]).map((item) => {
        const order = book.find(item['ordId'], item['clOrdId'])
        return order?.state === 'open'
          ? row(book.cancel(order))
          : { ordId: item['ordId'], sCode: '51400', sMsg: 'gone' }
      })
      return done(...items)
    }
    if (path.endsWith('/trade/cancel-order'))
      return found?.state === 'open'
        ? done(row(book.cancel(found)))
        : refused('51400', 'Cancellation failed as the order does not exist.')
    if (path.endsWith('/amend-order')) {
      if (found?.state !== 'open') return refused('51503', 'Order modification failed as the order does not exist.')
      const { newSz = found.size, newPx = found.price } = params as Record<string, string>
      book.amend(found, { size: newSz, price: newPx })
      return done(row(found))
    }
    if (path.endsWith('/cancel-all-after')) {
      book.armed.push(Number(params['timeOut']) * 1_000)
      return done({
        triggerTime: String(Date.now() + Number(params['timeOut']) * 1_000),
        tag: '',
        ts: String(Date.now()),
      })
    }
    if (path.endsWith('/public/instruments')) {
      return done(
        ...instIdCodes.map((name, code) => ({
          instId: name,
          instIdCode: params['instType'] === 'SPOT' ? code + 10 : '',
        })),
      )
    }
    if (path.endsWith('/trade/fills')) {
      const rows = book.tradesOf(ordId).map((trade) => ({
        instId: trade.order.symbol,
        ordId: trade.order.id,
        clOrdId: trade.order.client,
        billId: trade.id,
        tradeId: trade.id,
        side: trade.order.side,
        fillPx: trade.price,
        fillSz: trade.size,
        fee: `-${trade.fee}`,
        feeCcy: trade.feeAsset,
        execType: trade.maker ? 'M' : 'T',
        ts: String(trade.at),
      }))
      return done(...rows.reverse())
    }
    if (path.endsWith('/orders-history')) {
      const ended = params['instType'] === 'SPOT' ? book.orders.filter(({ state }) => state !== 'open') : []
      return done(...ended.slice(-100).toReversed().map(show))
    }
    if (path.endsWith('/orders-pending')) return done(...book.open(instId).map(show))
    if (!path.endsWith('/trade/order')) return null
    if (params['tdMode'] === undefined)
      return found ? done(show(found)) : { body: { code: '51603', msg: 'Order does not exist', data: [] } }
    const { side, sz, px = '0' } = params as Record<string, string>
    if (px === '13') return refused('51008', 'Insufficient balance')
    return done(
      row(book.place({ client: String(clOrdId), symbol: String(instId), side: side ?? '', price: px, size: sz ?? '' })),
    )
  },
}
