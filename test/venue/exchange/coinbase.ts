import { createPublicKey, verify } from 'node:crypto'
import { pem } from './account.ts'
import type { Order } from './book.ts'
import type { Wire } from './wire.ts'

export const coinbaseWire: Wire = {
  name: 'coinbase',
  refuse: ({ method, path, headers }) => {
    const [head = '', claims = '', signature = ''] = String(headers.authorization).replace('Bearer ', '').split('.')
    const publicKey = { key: createPublicKey(pem), dsaEncoding: 'ieee-p1363' as const }
    const valid = verify('sha256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))
    const { uri, exp } = valid ? JSON.parse(Buffer.from(claims, 'base64url').toString()) : {}
    if (uri === `${method} ${headers.host}${path}` && exp * 1_000 > Date.now()) return null
    return { status: 401, body: { error: 'UNAUTHENTICATED', message: 'Unauthorized' } }
  },
  stale: () => false,
  changes: ({ method }) => method === 'POST',
  handle: ({ path, params }, book) => {
    const root = '/api/v3/brokerage/orders'
    const states = { open: 'OPEN', filled: 'FILLED', canceled: 'CANCELLED' }
    const show = (order: Order): object => ({
      order_id: order.id,
      client_order_id: order.client,
      product_id: order.symbol,
      side: order.side,
      status: states[order.state],
      order_type: 'LIMIT',
      order_configuration: { limit_limit_gtc: { base_size: order.size, limit_price: order.price } },
      filled_size: order.filled,
      filled_value: '0',
      average_filled_price: '0',
      created_time: new Date(order.updated).toISOString(),
    })
    if (path === root) {
      const { client_order_id, product_id, side } = params as Record<string, string>
      const terms = Object.values(params['order_configuration'] as object)[0] as Record<string, string>
      if (terms['limit_price'] === '13')
        return {
          body: { success: false, error_response: { error: 'INSUFFICIENT_FUND', message: 'Insufficient balance' } },
        }
      // Sent again, it is not created again.
      const order =
        book.find(undefined, client_order_id) ??
        book.place({
          client: client_order_id ?? '',
          symbol: product_id ?? '',
          side: side ?? '',
          price: terms['limit_price'] ?? '0',
          size: terms['base_size'] ?? '',
        })
      return { body: { success: true, success_response: { order_id: order.id, product_id, side, client_order_id } } }
    }
    if (path === `${root}/batch_cancel`) {
      const results = (params['order_ids'] as string[]).map((order_id) => {
        const order = book.find(order_id, undefined)
        if (order?.state !== 'open') return { success: false, failure_reason: 'UNKNOWN_CANCEL_ORDER', order_id }
        book.cancel(order)
        return { success: true, failure_reason: 'UNKNOWN_CANCEL_FAILURE_REASON', order_id }
      })
      return { body: { results } }
    }
    if (path === `${root}/edit`) {
      const order = book.find(params['order_id'], undefined)
      if (order?.state !== 'open')
        return { body: { success: false, errors: [{ edit_failure_reason: 'ORDER_NOT_FOUND' }] } }
      book.amend(order, { size: String(params['size']), price: String(params['price']) })
      return { body: { success: true, errors: [] } }
    }
    if (path === `${root}/historical/fills`) {
      const fills = book.tradesOf(params['order_ids']).map((trade) => ({
        trade_id: trade.id,
        order_id: trade.order.id,
        product_id: trade.order.symbol,
        side: trade.order.side,
        price: trade.price,
        size: trade.size,
        commission: trade.fee,
        size_in_quote: false,
        liquidity_indicator: trade.maker ? 'MAKER' : 'TAKER',
        trade_time: new Date(trade.at).toISOString(),
      }))
      return { body: { fills: fills.reverse(), cursor: '' } }
    }
    if (path === `${root}/historical/batch`) {
      const { product_ids, order_status } = params
      const listed =
        order_status === undefined
          ? book.orders.filter(({ symbol }) => product_ids === undefined || symbol === product_ids)
          : book.open(product_ids)
      // The newest first.
      return { body: { orders: listed.toReversed().map(show), has_next: false, cursor: '' } }
    }
    const order = book.find(path.split('/').at(-1), undefined)
    return order === undefined
      ? { status: 404, body: { error: 'NOT_FOUND', message: 'order not found' } }
      : { body: { order: show(order) } }
  },
}
