/** How venues take orders over WebSockets: what comes is handed to their HTTP side, and its answer written in their way. */
import { createHmac } from 'node:crypto'
import { instIdCodes, key, passphrase, secret } from './exchange.ts'
import type { DoorWire, Message } from './private-door.ts'

const binanceSigned = (params: Message): boolean => {
  const { signature, ...signed } = params
  const text = Object.keys(signed)
    .sort()
    .map((name) => `${name}=${signed[name]}`)
    .join('&')
  return params.apiKey === key && signature === createHmac('sha256', secret).update(text).digest('hex')
}

/** https://developers.binance.com/docs/binance-spot-api-docs/websocket-api/trading-requests */
const binanceEntryDoor = (prefix: string, methods: Record<string, readonly [string, string]>): DoorWire => ({
  order: ({ id, method, params }) => {
    const [verb, path] = methods[method] ?? ['GET', '']
    if (path === '' || !binanceSigned(params)) return null
    return {
      asked: { method: verb, path: prefix + path, params },
      reply: (status, body) => (status === 200 ? { id, status, result: body } : { id, status, error: body }),
    }
  },
  receive: ({ id }, client) => client.send({ id, status: 400, error: { code: -1022, msg: 'Signature is not valid.' } }),
  push: () => [],
})

export const binanceOrderDoor = binanceEntryDoor('/api/v3', {
  'order.place': ['POST', '/order'],
  'order.cancel': ['DELETE', '/order'],
  'order.cancelReplace': ['POST', '/order/cancelReplace'],
  'order.amend.keepPriority': ['PUT', '/order/amend/keepPriority'],
  'openOrders.cancelAll': ['DELETE', '/openOrders'],
})

export const usdmOrderDoor = binanceEntryDoor('/fapi/v1', {
  'order.place': ['POST', '/order'],
  'order.modify': ['PUT', '/order'],
  'order.cancel': ['DELETE', '/order'],
})

/** https://bybit-exchange.github.io/docs/v5/websocket/trade/guideline */
export const bybitOrderDoor: DoorWire = {
  order: ({ reqId, op, args, header }, client) => {
    const path = {
      'order.create': '/v5/order/create',
      'order.amend': '/v5/order/amend',
      'order.cancel': '/v5/order/cancel',
    }[op as string]
    if (
      path === undefined ||
      !client.loggedIn ||
      Date.now() - Number(header['X-BAPI-TIMESTAMP']) > Number(header['X-BAPI-RECV-WINDOW'])
    )
      return null
    return {
      asked: { path, params: args[0] },
      reply: (_status, { retCode, retMsg, result }) => ({
        reqId,
        retCode,
        retMsg,
        op,
        data: result,
        retExtInfo: {},
        header: { Timenow: String(Date.now()), 'X-Bapi-Limit': '10', 'X-Bapi-Limit-Status': '9' },
        connId: 'c',
      }),
    }
  },
  receive: ({ reqId, op, args }, client) => {
    if (op !== 'auth') return client.send({ reqId, retCode: 10002, retMsg: 'check your timestamp', op })
    const [apiKey, expires, signature] = args
    const expected = createHmac('sha256', secret).update(`GET/realtime${expires}`).digest('hex')
    client.loggedIn = apiKey === key && signature === expected
    client.send({
      reqId,
      retCode: client.loggedIn ? 0 : 10004,
      retMsg: client.loggedIn ? 'OK' : 'invalid sign',
      op,
      connId: 'c',
    })
  },
  push: () => [],
}

/** https://www.okx.com/docs-v5/en/#order-book-trading-trade-ws-place-order. Instruments go by their numbers. */
export const okxOrderDoor: DoorWire = {
  order: ({ id, op, args }, client) => {
    const path = {
      order: 'order',
      'amend-order': 'amend-order',
      'cancel-order': 'cancel-order',
      'batch-cancel-orders': 'cancel-batch-orders',
    }[op as string]
    if (path === undefined || !client.loggedIn) return null
    const named = (args as Message[]).map(({ instIdCode, instId, ...rest }) => {
      if (instId !== undefined) throw new Error('instId is not taken here')
      return { instId: instIdCodes[instIdCode - 10], ...rest }
    })
    return {
      asked: { path: `/api/v5/trade/${path}`, params: path === 'cancel-batch-orders' ? { list: named } : named[0] },
      reply: (_status, body) => ({ id, op, ...body, inTime: '1', outTime: '2' }),
    }
  },
  receive: ({ op, args }, client) => {
    if (op !== 'login') return
    const [{ apiKey, passphrase: phrase, timestamp, sign }] = args
    const expected = createHmac('sha256', secret).update(`${timestamp}GET/users/self/verify`).digest('base64')
    client.loggedIn = apiKey === key && phrase === passphrase && sign === expected
    client.send(
      client.loggedIn ? { event: 'login', code: '0', msg: '' } : { event: 'error', code: '60007', msg: 'Invalid sign' },
    )
  },
  push: () => [],
}

/** https://docs.kraken.com/api/docs/websocket-v2/add_order. Prices and sizes have to come as numbers. */
export const krakenOrderDoor: DoorWire = {
  parse: (text) => {
    if (/"(order_qty|limit_price)":"/.test(text)) throw new Error('numbers are not text here')
    const source = (_name: string, value: unknown, context: { source?: string }): unknown =>
      typeof value === 'number' ? context.source : value
    return JSON.parse(text, source as (this: unknown, name: string, value: unknown) => unknown)
  },
  order: ({ method, params, req_id }, _client, door) => {
    if (params?.token !== `token-of-the-test-${door.book.tokens}`) return null
    const txid = params.order_id === undefined ? {} : { txid: [params.order_id].flat()[0] }
    const named = { ...txid, cl_ord_id: [params.cl_ord_id].flat()[0] }
    const asked = {
      add_order: {
        path: '/0/private/AddOrder',
        params: {
          pair: String(params.symbol).replace('BTC', 'BTC').replace('/', '-'),
          type: params.side,
          volume: params.order_qty,
          price: params.limit_price,
          cl_ord_id: params.cl_ord_id,
        },
      },
      amend_order: {
        path: '/0/private/AmendOrder',
        params: { ...named, order_qty: params.order_qty, limit_price: params.limit_price },
      },
      cancel_order: { path: '/0/private/CancelOrder', params: named },
      cancel_all: { path: '/0/private/CancelAll', params: {} },
    }[method as string]
    if (asked === undefined) return null
    const times = { time_in: 't', time_out: 't' }
    return {
      asked,
      reply: (_status, { error, result }) => {
        if (error.length > 0) return { method, error: error[0], success: false, req_id: Number(req_id), ...times }
        const own = method === 'add_order' ? { order_id: result.txid[0], cl_ord_id: params.cl_ord_id } : result
        return { method, result: own, success: true, req_id: Number(req_id), ...times }
      },
    }
  },
  receive: ({ method, req_id }, client) => {
    if (method === 'ping') return client.send({ method: 'pong' })
    client.send({ method, error: 'ESession:Invalid session', success: false, req_id: Number(req_id) })
  },
  push: () => [],
}
