/** The mock venue as Bybit: bare sockets, this package's clients, and the npm package bybit-api. */
import { createHmac } from 'node:crypto'
import { RestClientV5, WebsocketAPIClient, WebsocketClient } from 'bybit-api'
import { afterEach, describe, expect, it } from 'vitest'
import { bybit } from '../../dist/esm/venue/bybit/index.js'
import { until } from '../e2e/waiting.ts'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { restAndCancel, sentBy, tradePrices } from './customers.ts'
import { bybitRecords } from './recorded.ts'
import { apiKey, connect, mockVenue, secret } from './venue.ts'

afterEach(cleanUp)

const records = [...bybitRecords()]
const start = (options: object = {}) => mockVenue({ venue: 'bybit', capture: records, speed: 'max', ...options })
const silent = { trace: () => {}, info: () => {}, error: () => {} }
const hmac = (text: string): string => createHmac('sha256', secret).update(text).digest('hex')

type Event = Record<string, unknown>
const order = {
  category: 'spot',
  symbol: 'BTCUSDT',
  side: 'Buy',
  orderType: 'Limit',
  qty: '0.5',
  price: '20000',
  timeInForce: 'GTC',
} as const

describe('public topics', () => {
  it('are confirmed, and sent byte for byte', async () => {
    const venue = await start()
    const client = await connect(`${venue.urls['stream']}/v5/public/spot`)
    const { texts } = client
    client.send({ req_id: 'a', op: 'subscribe', args: ['orderbook.50.BTCUSDT'] })
    await venue.finished
    const recorded = sentBy(records)
    const expected = recorded.filter((text) => text.includes('orderbook.50'))
    await until(() => texts.length === expected.length + 1, 'all has come')
    expect(JSON.parse(texts[0] ?? '')).toMatchObject({
      success: true,
      ret_msg: 'subscribe',
      req_id: 'a',
      op: 'subscribe',
    })
    expect(texts.slice(1)).toEqual(expected)
    client.send({ op: 'ping' })
    expect(await client.next(({ op }) => op === 'ping')).toMatchObject({ success: true, ret_msg: 'pong' })
    client.send({ op: 'subscribe', args: Array.from({ length: 11 }, (_, i) => `orderbook.1.S${i}`) })
    expect(await client.next(({ success }) => success === false)).toMatchObject({ ret_msg: 'args size >10' })
    client.send({ op: 'subscribe', args: ['no such topic'] })
    expect(await client.next(({ ret_msg }) => String(ret_msg).startsWith('error:handler'))).toMatchObject({
      success: false,
    })
  })

  it('a late subscriber is sent the book as it is, then what changes', async () => {
    const venue = await start()
    const first = await connect(`${venue.urls['stream']}/v5/public/spot`)
    first.send({ op: 'subscribe', args: ['orderbook.50.BTCUSDT'] })
    await venue.finished
    const late = await connect(`${venue.urls['stream']}/v5/public/spot`)
    late.send({ op: 'subscribe', args: ['orderbook.50.BTCUSDT'] })
    const snapshot = await late.next(({ type }) => type === 'snapshot')
    const book = { b: new Map<string, string>(), a: new Map<string, string>() }
    await until(() => first.received.length === 52, 'all has come')
    for (const { data } of first.received as { data?: Record<'a' | 'b', [string, string][]> }[])
      for (const side of ['a', 'b'] as const)
        for (const [price, size] of data?.[side] ?? []) book[side].set(price, size)
    const { a, b, u } = snapshot['data'] as Record<'a' | 'b', [string, string][]> & { u: number }
    expect(new Map([...a].sort())).toEqual(new Map([...book.a].sort()))
    expect(new Map([...b].sort())).toEqual(new Map([...book.b].sort()))
    expect(u).toBe(150)
  })

  it("this package's feed reads trades of it", async () => {
    const venue = await start()
    const streams = ['trades'] as const
    const url = venue.urls['stream']
    const prices = await tradePrices(bybit.market({ symbols: ['BTCUSDT'], streams, category: 'spot', url }))
    await until(() => prices.length === 5, 'all has come')
    expect(prices).toEqual(Array(5).fill('30001'))
  })
})

describe('trading', () => {
  it('refuses what is not signed, not in time, or not right', async () => {
    const venue = await start()
    const ask = async (body: object, change: Record<string, string> = {}): Promise<unknown> => {
      const at = String(Date.now())
      const text = JSON.stringify(body)
      const headers = { 'X-BAPI-API-KEY': apiKey, 'X-BAPI-TIMESTAMP': at, 'X-BAPI-RECV-WINDOW': '5000', ...change }
      const signature = hmac(`${headers['X-BAPI-TIMESTAMP']}${apiKey}5000${text}`)
      const response = await fetch(`${venue.origin}/v5/order/create`, {
        method: 'POST',
        body: text,
        headers: { 'X-BAPI-SIGN': signature, ...headers },
      })
      return ((await response.json()) as { retCode: number }).retCode
    }
    expect(await ask(order, { 'X-BAPI-API-KEY': 'other' })).toBe(10003)
    expect(await ask(order, { 'X-BAPI-SIGN': 'ab' })).toBe(10004)
    expect(await ask(order, { 'X-BAPI-TIMESTAMP': String(Date.now() - 9_000) })).toBe(10002)
    expect(await ask({ ...order, category: 'moon' })).toBe(10001)
    expect(await ask({ ...order, symbol: 'NOPE' })).toBe(170121)
    expect(await ask({ ...order, price: '20000.001' })).toBe(170134)
    expect(await ask({ ...order, qty: '0.001' })).toBe(170137)
    expect(await ask({ ...order, qty: '100' })).toBe(170131)
    expect(await ask({ ...order, orderLinkId: 'x' })).toBe(0)
    expect(await ask({ ...order, orderLinkId: 'x' })).toBe(170141)
    let last: unknown = 0
    for (let i = 0; i < 45 && last !== 10006; i++) last = await ask({ ...order, qty: '0.5', orderLinkId: `n${i}` })
    expect(last).toBe(10006)
  })

  it("this package's desk trades on it", async () => {
    const venue = await start({
      instruments: [
        { symbol: 'BTCUSDT', tickSize: '1', lotSize: '0.1', bids: [['29999', '5']], asks: [['30001', '5']] },
      ],
      begin: 'manual',
    })
    const desk = bybit.trading({ key: apiKey, secret, category: 'spot', endpoints: [venue.origin] })
    onCleanUp(() => desk.close())
    await restAndCancel(desk, 'BTCUSDT')
    const taker = await desk.place({ symbol: 'BTCUSDT', side: 'sell', type: 'market', size: '0.5' })
    expect(await desk.order({ symbol: 'BTCUSDT', clientOrderId: taker.clientOrderId })).toMatchObject({
      status: 'filled',
      averagePrice: '29999',
    })
    const maker = await desk.place({
      symbol: 'BTCUSDT',
      side: 'buy',
      type: 'limit',
      timeInForce: 'postOnly',
      price: '30001',
      size: '0.5',
    })
    expect(await desk.order({ symbol: 'BTCUSDT', clientOrderId: maker.clientOrderId })).toMatchObject({
      status: 'canceled',
      filled: '0',
    })
  })
})

describe('the npm package bybit-api', () => {
  it('is sent market data, trades by REST and over the socket, and hears of it on the private stream', async () => {
    const venue = await start({ speed: 20 })
    const market = new WebsocketClient({ wsUrl: `${venue.urls['stream']}/v5/public/spot` }, silent)
    onCleanUp(() => market.closeAll(true))
    const updates: Event[] = []
    market.on('update', (message) => updates.push(message as never))
    market.on('exception', () => {})
    market.subscribeV5(['orderbook.50.BTCUSDT', 'publicTrade.BTCUSDT'], 'spot')
    await until(() => updates.length === 56, 'all has come')
    expect(updates[0]).toMatchObject({ topic: 'orderbook.50.BTCUSDT', type: 'snapshot' })

    const own = new WebsocketClient({ wsUrl: venue.urls['private'] as string, key: apiKey, secret }, silent)
    onCleanUp(() => own.closeAll(true))
    const told: { topic: string; data: Event[] }[] = []
    own.on('update', (message) => told.push(message as never))
    own.on('exception', () => {})
    await Promise.all(own.subscribeV5(['order', 'execution', 'wallet'], 'spot'))

    const rest = new RestClientV5({ baseUrl: venue.origin, key: apiKey, secret })
    expect(await rest.getOrderbook({ category: 'spot', symbol: 'BTCUSDT', limit: 5 })).toMatchObject({
      retCode: 0,
      result: { s: 'BTCUSDT', u: 150 },
    })
    expect(await rest.submitOrder({ ...order, orderLinkId: 'one' })).toMatchObject({
      retCode: 0,
      result: { orderLinkId: 'one' },
    })
    expect(await rest.getActiveOrders({ category: 'spot', symbol: 'BTCUSDT' })).toMatchObject({
      result: { list: [{ orderLinkId: 'one', orderStatus: 'New' }] },
    })
    expect(await rest.cancelOrder({ category: 'spot', symbol: 'BTCUSDT', orderLinkId: 'one' })).toMatchObject({
      retCode: 0,
    })

    const api = new WebsocketAPIClient(
      { wsUrl: venue.urls['trade'] as string, key: apiKey, secret, attachEventListeners: false },
      silent,
    )
    onCleanUp(() => api.getWSClient().closeAll(true))
    const placed = await api.submitNewOrder({ ...order, price: '31000', timeInForce: 'IOC', orderLinkId: 'two' })
    expect(placed).toMatchObject({ retCode: 0, data: { orderLinkId: 'two' } })
    await expect(api.cancelOrder({ category: 'spot', symbol: 'BTCUSDT', orderLinkId: 'two' })).rejects.toMatchObject({
      retCode: 170213,
    })

    const orders = () =>
      told
        .filter(({ topic }) => topic === 'order')
        .map(({ data: [first] }) => [first?.['orderLinkId'], first?.['orderStatus']])
    await until(() => orders().length === 4, 'all is told')
    expect(orders()).toEqual([
      ['one', 'New'],
      ['one', 'Cancelled'],
      ['two', 'New'],
      ['two', 'Filled'],
    ])
    expect(told.find(({ topic }) => topic === 'execution')?.data[0]).toMatchObject({
      orderLinkId: 'two',
      execQty: '0.5',
      isMaker: false,
    })
    expect(told.some(({ topic }) => topic === 'wallet')).toBe(true)
  })
})
