import { createHash, createHmac } from 'node:crypto'
import { key, secret } from './account.ts'
import type { Order } from './book.ts'
import type { Answer, Wire } from './wire.ts'

export function krakenWire(): Wire {
  let nonce = 0
  return {
    name: 'kraken',
    refuse: ({ path, body, headers, params }) => {
      if (path === '/0/public/AssetPairs') return null
      const hash = createHash('sha256').update(`${params['nonce']}${body}`).digest()
      const expected = createHmac('sha512', Buffer.from(secret, 'base64')).update(path).update(hash).digest('base64')
      if (headers['api-key'] !== key || headers['api-sign'] !== expected)
        return { body: { error: ['EAPI:Invalid signature'] } }
      if (Number(params['nonce']) <= nonce) return { body: { error: ['EAPI:Invalid nonce'] } }
      nonce = Number(params['nonce'])
      return null
    },
    stale: () => false,
    changes: ({ path }) => /AddOrder|AmendOrder|Cancel/.test(path),
    handle: ({ path, params }, book) => {
      const { txid, cl_ord_id } = params
      const done = (result: object): Answer => ({ body: { error: [], result } })
      const refused = (text: string): Answer => ({ body: { error: [text] } })
      const states = { open: 'open', filled: 'closed', canceled: 'canceled' }
      const show = (orders: Order[]): object =>
        Object.fromEntries(
          orders.map((order) => [
            `O${order.id}`,
            {
              cl_ord_id: order.client,
              status: states[order.state],
              opentm: order.placed / 1_000,
              descr: { pair: order.symbol, type: order.side, ordertype: 'limit', price: order.price },
              vol: order.size,
              vol_exec: order.filled,
              trades: params['trades'] === 'true' ? book.tradesOf(order.id).map(({ id }) => id) : undefined,
              cost: '0',
              price: '0',
              oflags: 'fciq',
            },
          ]),
        )
      const found = book.find(txid === undefined ? undefined : String(txid).slice(1), cl_ord_id)
      switch (path.split('/').at(-1)) {
        case 'AddOrder': {
          const { pair, type, volume, price = '0' } = params as Record<string, string>
          if (price === '13') return refused('EOrder:Insufficient funds')
          const order = book.place({
            client: String(cl_ord_id),
            symbol: pair ?? '',
            side: type ?? '',
            price,
            size: volume ?? '',
          })
          return done({ descr: { order: '' }, txid: [`O${order.id}`] })
        }
        case 'AmendOrder': {
          if (found?.state !== 'open') return refused('EOrder:Unknown order')
          const { order_qty = found.size, limit_price = found.price } = params as Record<string, string>
          book.amend(found, { size: order_qty, price: limit_price })
          return done({ amend_id: 'T1' })
        }
        case 'CancelOrder':
          if (found?.state !== 'open') return refused('EOrder:Unknown order')
          book.cancel(found)
          return done({ count: 1 })
        case 'CancelAll':
          return done({ count: book.open().map((order) => book.cancel(order)).length })
        case 'AssetPairs':
          // `XBT` is `BTC` on the WebSocket.
          return done({
            'BTC-USDT': { altname: 'BTC-USDT', wsname: 'XBT/USDT' },
            'A-USDT': { altname: 'A-USDT', wsname: 'A/USDT' },
          })
        case 'CancelAllOrdersAfter':
          book.deadMan(Number(params['timeout']) * 1_000)
          return done({ currentTime: 't', triggerTime: 't' })
        case 'GetWebSocketsToken':
          return done({ token: `token-of-the-test-${++book.tokens}`, expires: 900 })
        case 'QueryTrades': {
          const wanted = String(txid).split(',')
          const rows = book.trades
            .filter(({ id }) => wanted.includes(id))
            .map((trade) => [
              trade.id,
              {
                ordertxid: `O${trade.order.id}`,
                pair: trade.order.symbol,
                time: trade.at / 1_000,
                type: trade.order.side,
                price: trade.price,
                vol: trade.size,
                fee: trade.fee,
                maker: trade.maker,
                trade_id: 365_572 + Number(trade.id.slice(1)),
              },
            ])
          return done(Object.fromEntries(rows))
        }
        case 'QueryOrders':
          return found === undefined ? refused('EOrder:Unknown order') : done(show([found]))
        case 'OpenOrders':
          return done({ open: show(cl_ord_id === undefined ? book.open() : found?.state === 'open' ? [found] : []) })
        case 'ClosedOrders':
          if (cl_ord_id === undefined) {
            const from = Number(params['ofs'] ?? 0)
            const ended = book.orders.filter(({ state }) => state !== 'open').toReversed()
            return done({ closed: show(ended.slice(from, from + 50)), count: ended.length })
          }
          return done({ closed: show(found !== undefined && found.state !== 'open' ? [found] : []), count: 0 })
        default:
          return null
      }
    },
  }
}
