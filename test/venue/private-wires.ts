/** What the venues' private streams say. Messages after their documents; see the docstrings of lib/venue/<venue>/stream.ts. */
import { createHmac, createPublicKey, verify } from 'node:crypto'
import { ed25519, key, type Order, passphrase, pem, secret } from './exchange.ts'
import type { DoorWire } from './private-door.ts'

/** https://developers.binance.com/docs/binance-spot-api-docs/user-data-stream */
export const binanceDoor: DoorWire = {
  receive: ({ id, method, params }, client, door) => {
    const refuse = (code: number, msg: string): void => client.send({ id, status: 400, error: { code, msg } })
    if (method === 'userDataStream.subscribe') {
      if (Object.keys(params).length > 0) return refuse(-1101, 'Too many parameters')
      if (!client.loggedIn) return refuse(-2015, 'not logged on')
      client.channels.add('user')
      return client.send({ id, status: 200, result: { subscriptionId: 0 } })
    }
    const { signature, ...signed } = params
    const text = Object.keys(signed)
      .sort()
      .map((name) => `${name}=${signed[name]}`)
      .join('&')
    if (method === 'session.logon') {
      client.loggedIn = verify(null, Buffer.from(text), ed25519.publicKey, Buffer.from(signature, 'base64'))
      if (!client.loggedIn) return refuse(-1022, 'Signature for this request is not valid.')
      door.granted++
      return client.send({ id, status: 200, result: { apiKey: params.apiKey } })
    }
    if (method !== 'userDataStream.subscribe.signature') return refuse(-1100, `no ${method} here`)
    if (params.apiKey !== key || signature !== createHmac('sha256', secret).update(text).digest('hex')) {
      return refuse(-1022, `Signature for this request is not valid: ${params.apiKey} ${signature}`)
    }
    client.channels.add('user')
    door.granted++
    client.send({ id, status: 200, result: { subscriptionId: 0 }, rateLimits: [] })
  },
  push: (order, trade) => {
    const canceled = order.state === 'canceled'
    const event = {
      e: 'executionReport',
      E: order.updated,
      s: order.symbol,
      c: canceled ? 'id-of-the-cancel' : order.client,
      S: order.side.toUpperCase(),
      o: 'LIMIT',
      f: 'GTC',
      q: order.size,
      p: order.price,
      g: -1,
      C: canceled ? order.client : '',
      x: trade !== null ? 'TRADE' : canceled ? 'CANCELED' : 'NEW',
      X:
        order.state === 'filled' ? 'FILLED' : canceled ? 'CANCELED' : order.filled === '0' ? 'NEW' : 'PARTIALLY_FILLED',
      r: 'NONE',
      i: `#${order.id}`,
      l: trade?.size ?? '0.00000000',
      z: order.filled,
      L: trade?.price ?? '0.00000000',
      n: trade?.fee ?? '0',
      N: trade?.feeAsset ?? null,
      T: order.updated,
      t: trade?.id ?? -1,
      m: trade?.maker ?? false,
      Z: '0',
    }
    return [{ subscriptionId: 0, event }]
  },
}

const standing = (order: Order, states: Record<Order['state'], string>, partly: string): string =>
  order.state === 'open' && order.filled !== '0' ? partly : states[order.state]

/** https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams/Event-Order-Update */
export const usdmDoor: DoorWire = {
  receive: () => {},
  connected: (client, door) => {
    // Whoever comes with another key hears nothing, and is not told.
    if (client.url !== `/private/ws/${door.book.listenKey}`) return
    client.channels.add('user')
    door.granted++
  },
  push: (order, trade) => [
    {
      e: 'ORDER_TRADE_UPDATE',
      E: order.updated,
      T: order.updated,
      o: {
        s: order.symbol,
        c: order.client,
        S: order.side.toUpperCase(),
        o: 'LIMIT',
        f: 'GTC',
        q: order.size,
        p: order.price,
        ap: '0',
        x: trade !== null ? 'TRADE' : order.state === 'canceled' ? 'CANCELED' : 'NEW',
        X: standing(order, { open: 'NEW', filled: 'FILLED', canceled: 'CANCELED' }, 'PARTIALLY_FILLED'),
        i: `#${order.id}`,
        l: trade?.size ?? '0',
        z: order.filled,
        L: trade?.price ?? '0',
        N: trade?.feeAsset,
        n: trade?.fee,
        T: order.updated,
        t: trade?.id ?? 0,
        m: trade?.maker ?? false,
      },
    },
    ...(trade === null
      ? []
      : [{ e: 'TRADE_LITE', s: order.symbol, l: trade.size, L: trade.price, t: trade.id, i: `#${order.id}` }]),
  ],
}

/** https://bybit-exchange.github.io/docs/v5/websocket/private/order, …/execution */
export const bybitDoor: DoorWire = {
  receive: ({ op, args, req_id }, client, door) => {
    const answer = (success: boolean, ret_msg: string): void =>
      client.send({ success, ret_msg, op, req_id, conn_id: 'c' })
    if (op === 'ping') return client.send({ success: true, ret_msg: 'pong', conn_id: 'c', req_id: '', op: 'ping' })
    if (op === 'auth') {
      const [apiKey, expires, signature] = args
      const expected = createHmac('sha256', secret).update(`GET/realtime${expires}`).digest('hex')
      if (apiKey !== key || signature !== expected || expires < Date.now())
        return answer(false, `error:sign ${apiKey} ${signature}`)
      client.loggedIn = true
      door.granted++
      return answer(true, '')
    }
    if (!client.loggedIn) return answer(false, 'Request not authorized')
    for (const topic of args) {
      if (op === 'subscribe') client.channels.add(topic)
      else client.channels.delete(topic)
    }
    answer(true, '')
  },
  push: (order, trade, client) => {
    const messages: object[] = []
    const ids = {
      category: 'linear',
      symbol: order.symbol,
      orderId: order.id,
      orderLinkId: order.client,
      side: order.side,
    }
    if (trade !== null && client.channels.has('execution.linear')) {
      const { id: execId, price: execPrice, size: execQty, fee: execFee, feeAsset: feeCurrency, maker: isMaker } = trade
      const data = [
        {
          ...ids,
          execId,
          execPrice,
          execQty,
          execFee,
          feeCurrency,
          isMaker,
          execType: 'Trade',
          execTime: String(trade.at),
        },
      ]
      messages.push({ topic: 'execution.linear', id: 'm', creationTime: order.updated, data })
    }
    const data = {
      ...ids,
      orderType: 'Limit',
      price: order.price,
      qty: order.size,
      cumExecQty: order.filled,
      avgPrice: '',
      orderStatus: standing(order, { open: 'New', filled: 'Filled', canceled: 'Cancelled' }, 'PartiallyFilled'),
      updatedTime: String(order.updated),
    }
    if (client.channels.has('order.linear'))
      messages.push({ topic: 'order.linear', id: 'm', creationTime: order.updated, data: [data] })
    return messages
  },
}

/** https://www.okx.com/docs-v5/en/#order-book-trading-trade-ws-order-channel */
export const okxDoor: DoorWire = {
  receive: ({ op, args, id }, client, door) => {
    if (op === 'login') {
      const [{ apiKey, passphrase: phrase, timestamp, sign }] = args
      const expected = createHmac('sha256', secret).update(`${timestamp}GET/users/self/verify`).digest('base64')
      if (apiKey !== key || phrase !== passphrase || sign !== expected) {
        return client.send({
          event: 'error',
          code: '60007',
          msg: `Invalid sign ${apiKey} ${sign} ${phrase}`,
          connId: 'c',
        })
      }
      client.loggedIn = true
      door.granted++
      return client.send({ event: 'login', code: '0', msg: '', connId: 'c' })
    }
    if (!client.loggedIn) return client.send({ id, event: 'error', code: '60011', msg: 'Please log in' })
    for (const arg of args) {
      client.channels.add(arg.channel)
      client.send({ id, event: 'subscribe', arg, connId: 'c' })
    }
  },
  push: (order, trade, client) => {
    if (!client.channels.has('orders')) return []
    const row = {
      instType: 'SPOT',
      instId: order.symbol,
      ordId: order.id,
      clOrdId: order.client,
      side: order.side,
      ordType: 'limit',
      px: order.price,
      sz: order.size,
      accFillSz: order.filled,
      avgPx: '',
      state: standing(order, { open: 'live', filled: 'filled', canceled: 'canceled' }, 'partially_filled'),
      uTime: String(order.updated),
      tradeId: trade?.id ?? '',
      fillPx: trade?.price ?? '',
      fillSz: trade?.size ?? '0',
      fillFee: trade === null ? '' : `-${trade.fee}`,
      fillFeeCcy: trade?.feeAsset ?? '',
      fillTime: trade === null ? '' : String(trade.at),
      execType: trade === null ? '' : trade.maker ? 'M' : 'T',
    }
    return [{ arg: { channel: 'orders', instType: 'ANY', uid: '1' }, data: [row] }]
  },
}

/** Prices and sizes are JSON numbers there: written as they are. */
const numeral = (text: string): string => `#${text}`

/** https://docs.kraken.com/api/docs/websocket-v2/executions */
export const krakenDoor: DoorWire = {
  receive: ({ method, params, req_id }, client, door) => {
    if (method === 'ping') return client.send({ method: 'pong', time_in: 't', time_out: 't' })
    const times = { time_in: '2023-10-16T13:18:35.303171Z', time_out: '2023-10-16T13:18:35.318297Z' }
    if (params.token !== `token-of-the-test-${door.book.tokens}`) {
      return client.send({ method, error: 'ESession:Invalid session', success: false, req_id, ...times })
    }
    client.channels.add(params.channel)
    door.granted++
    client.send({ method, result: { channel: params.channel }, success: true, req_id, ...times })
  },
  push: (order, trade, client) => {
    if (!client.channels.has('executions')) return []
    const status = standing(order, { open: 'new', filled: 'filled', canceled: 'canceled' }, 'partially_filled')
    const event = (fields: object): object => ({
      channel: 'executions',
      type: 'update',
      data: [
        {
          order_id: `O${order.id}`,
          cl_ord_id: order.client,
          timestamp: new Date(order.updated).toISOString(),
          ...fields,
        },
      ],
      sequence: ++client.sequence,
    })
    const terms = {
      symbol: order.symbol,
      side: order.side,
      order_type: 'limit',
      order_qty: numeral(order.size),
      limit_price: numeral(order.price),
    }
    const sums = { cum_qty: numeral(order.filled), cum_cost: 0 }
    if (trade === null) {
      const ended = order.state === 'canceled'
      return [event({ exec_type: ended ? 'canceled' : 'new', order_status: status, ...sums, ...(ended ? {} : terms) })]
    }
    const traded = {
      exec_type: 'trade',
      exec_id: trade.id,
      trade_id: 365_572 + Number(trade.id.slice(1)),
      last_qty: numeral(trade.size),
      last_price: numeral(trade.price),
      liquidity_ind: trade.maker ? 'm' : 't',
      fees: [{ asset: trade.feeAsset, qty: numeral(trade.fee) }],
    }
    // A trade that fills the order is still a part of it; its end is told by itself.
    const messages = [event({ ...terms, ...traded, ...sums, order_status: 'partially_filled' })]
    if (status === 'filled') messages.push(event({ exec_type: 'filled', order_status: 'filled', ...sums }))
    return messages
  },
}

/** https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels */
export const coinbaseDoor: DoorWire = {
  receive: ({ type, channel, jwt }, client, door) => {
    const [head = '', claims = '', signature = ''] = String(jwt).split('.')
    const publicKey = { key: createPublicKey(pem), dsaEncoding: 'ieee-p1363' as const }
    const valid = verify('sha256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))
    const { sub, uri } = valid ? JSON.parse(Buffer.from(claims, 'base64url').toString()) : {}
    if (!valid || sub !== key || uri !== undefined || type !== 'subscribe') {
      return client.send({ type: 'error', message: `authentication failure ${jwt}` })
    }
    client.channels.add(channel)
    door.granted++
    const subscriptions = Object.fromEntries([...client.channels].map((name) => [name, ['all']]))
    client.send({
      channel: 'subscriptions',
      client_id: '',
      timestamp: 't',
      sequence_num: client.sequence++,
      events: [{ subscriptions }],
    })
  },
  push: (order, _trade, client) => {
    if (!client.channels.has('user')) return []
    const row = {
      order_id: order.id,
      client_order_id: order.client,
      cumulative_quantity: order.filled,
      leaves_quantity: order.state === 'open' ? (Number(order.size) - Number(order.filled)).toFixed(5) : '0',
      avg_price: '0',
      limit_price: order.price,
      status: standing(order, { open: 'OPEN', filled: 'FILLED', canceled: 'CANCELLED' }, 'OPEN'),
      product_id: order.symbol,
      order_side: order.side.toUpperCase(),
      order_type: 'Limit',
    }
    const timestamp = new Date(order.updated).toISOString()
    return [
      {
        channel: 'user',
        client_id: '',
        timestamp,
        sequence_num: client.sequence++,
        events: [{ type: 'update', orders: [row] }],
      },
    ]
  },
}
