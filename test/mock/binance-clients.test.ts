/** Clients that others have written for Binance, on the mock venue: market data, snapshots, orders, private streams. */
import { generateKeyPairSync } from 'node:crypto'
import { Spot } from '@binance/spot'
import { MainClient, WebsocketAPIClient, WebsocketClient } from 'binance'
import { afterEach, describe, expect, it } from 'vitest'
import { until } from '../e2e/waiting.ts'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { binanceRecords } from './recorded.ts'
import { apiKey, mockVenue, secret } from './venue.ts'

afterEach(cleanUp)

const silent = { trace: () => {}, info: () => {}, error: () => {} }
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const edKey = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const edAccount = { apiKey: 'key-of-ed25519', publicKey, balances: { USDT: '1000000', BTC: '10' } }

const records = [...binanceRecords({ updates: 60 })]
const start = () =>
  mockVenue({
    venue: 'binance',
    capture: records,
    speed: 20,
    accounts: [{ apiKey, secret, balances: { USDT: '1000000', BTC: '10' } }, edAccount],
  })

type Event = Record<string, unknown>

describe('the npm package binance', () => {
  it('subscribes to streams and is sent them, no others', async () => {
    const venue = await start()
    const client = new WebsocketClient({ wsUrl: venue.urls['stream'] as string }, silent)
    onCleanUp(() => client.closeAll(true))
    const events: Event[] = []
    client.on('message', (message) => events.push(message as never))
    await client.subscribe(['btcusdt@depth@100ms', 'btcusdt@aggTrade'], 'main')
    await until(() => events.length === 66, 'all has come')
    expect(new Set(events.map(({ streamName }) => streamName))).toEqual(
      new Set(['btcusdt@depth@100ms', 'btcusdt@aggTrade']),
    )
    const depth = events.filter(({ e }) => e === 'depthUpdate') as { U: number; u: number }[]
    for (const [at, { U }] of depth.entries()) if (at > 0) expect(U).toBe((depth[at - 1]?.u ?? 0) + 1)
  })

  it('asks for a snapshot, places, changes and cancels orders by REST', async () => {
    const venue = await start()
    const client = new MainClient({
      baseUrl: venue.origin,
      api_key: apiKey,
      api_secret: secret,
      beautifyResponses: false,
    })
    const info = await client.getExchangeInfo()
    expect(info.symbols.map(({ symbol }) => symbol)).toEqual(['BTCUSDT', 'ETHUSDT'])
    const book = await client.getOrderBook({ symbol: 'BTCUSDT', limit: 10 })
    expect(book.bids).toHaveLength(10)
    expect(Number(book.asks[0]?.[0])).toBeGreaterThan(Number(book.bids[0]?.[0]))

    const placed = await client.submitNewOrder({
      symbol: 'BTCUSDT',
      side: 'BUY',
      type: 'LIMIT',
      timeInForce: 'GTC',
      quantity: 0.5,
      price: 20000,
      newClientOrderId: 'mine-1',
      newOrderRespType: 'FULL',
    })
    expect(placed).toMatchObject({
      symbol: 'BTCUSDT',
      clientOrderId: 'mine-1',
      status: 'NEW',
      executedQty: '0.00000000',
    })
    expect(await client.getOpenOrders({ symbol: 'BTCUSDT' })).toHaveLength(1)
    const account = await client.getAccountInformation()
    expect(account.balances.find(({ asset }) => asset === 'USDT')).toMatchObject({
      free: '990000.00000000',
      locked: '10000.00000000',
    })
    expect(await client.cancelOrder({ symbol: 'BTCUSDT', origClientOrderId: 'mine-1' })).toMatchObject({
      status: 'CANCELED',
      origClientOrderId: 'mine-1',
    })

    const bought = await client.submitNewOrder({ symbol: 'BTCUSDT', side: 'BUY', type: 'MARKET', quantity: 0.001 })
    expect(bought).toMatchObject({ status: 'FILLED', executedQty: '0.00100000' })
    await expect(client.cancelOrder({ symbol: 'BTCUSDT', orderId: placed.orderId })).rejects.toMatchObject({
      code: -2011,
    })
    const wrong = new MainClient({ baseUrl: venue.origin, api_key: apiKey, api_secret: 'another' })
    await expect(wrong.getAccountInformation()).rejects.toMatchObject({ code: -1022 })
  })

  it('trades over the WebSocket API and hears of it on the private stream', async () => {
    const venue = await start()
    const client = new WebsocketAPIClient(
      {
        api_key: edAccount.apiKey,
        api_secret: edKey,
        wsUrl: venue.origin.replace('http', 'ws'),
        attachEventListeners: false,
        beautify: false,
      },
      silent,
    )
    onCleanUp(() => client.disconnectAll())
    const events: Event[] = []
    client.getWSClient().on('message', (message) => events.push(message as never))
    await client.subscribeUserDataStream('mainWSAPI')
    const answer = await client.submitNewSpotOrder({
      symbol: 'BTCUSDT',
      side: 'SELL',
      type: 'LIMIT',
      timeInForce: 'GTC',
      quantity: '0.2',
      price: '90000',
      newClientOrderId: 'sold-1',
      timestamp: Date.now(),
    } as never)
    expect(answer).toMatchObject({ status: 200, result: { clientOrderId: 'sold-1', status: 'NEW' } })
    const canceled = await client.cancelSpotOrder({
      symbol: 'BTCUSDT',
      origClientOrderId: 'sold-1',
      timestamp: Date.now(),
    } as never)
    expect(canceled).toMatchObject({ status: 200, result: { status: 'CANCELED' } })
    const reports = () =>
      events.map((event) => (event['event'] ?? event) as Event).filter(({ e }) => e === 'executionReport')
    await until(() => reports().length === 2, 'both are told')
    expect(reports().map(({ x, X, c, C }) => [x, X, x === 'CANCELED' ? C : c])).toEqual([
      ['NEW', 'NEW', 'sold-1'],
      ['CANCELED', 'CANCELED', 'sold-1'],
    ])
  })
})

describe('the npm package @binance/spot', () => {
  it('streams, REST, WebSocket API and private stream', async () => {
    const venue = await start()
    const client = new Spot({
      configurationRestAPI: { apiKey, apiSecret: secret, basePath: venue.origin },
      configurationWebsocketAPI: { apiKey, apiSecret: secret, wsURL: venue.urls['wsApi'] as string },
      configurationWebsocketStreams: { wsURL: venue.urls['stream'] as string },
    })
    const streams = await client.websocketStreams.connect()
    onCleanUp(() => streams.disconnect())
    const trades: Event[] = []
    streams.aggTrade({ symbol: 'btcusdt' }).on('message', (message) => {
      trades.push(message as never)
    })
    await until(() => trades.length === 6, 'all trades have come')
    expect(trades[0]).toMatchObject({ e: 'aggTrade', s: 'BTCUSDT' })

    const depth = await (await client.restAPI.depth({ symbol: 'BTCUSDT', limit: 5 })).data()
    expect(depth.bids).toHaveLength(5)

    const api = await client.websocketAPI.connect()
    onCleanUp(() => api.disconnect())
    const { stream } = await api.userDataStreamSubscribeSignature()
    const events: Event[] = []
    stream.on('message', (message) => {
      events.push(message as never)
    })
    const best = Number(depth.asks?.[0]?.[0])
    const placed = await api.orderPlace({
      symbol: 'BTCUSDT',
      side: 'BUY',
      type: 'LIMIT',
      timeInForce: 'IOC',
      quantity: 0.001,
      price: best + 100,
      newClientOrderId: 'took-1',
    } as never)
    expect(placed.data).toMatchObject({ clientOrderId: 'took-1', status: 'FILLED' })
    await until(() => events.some((event) => event['x'] === 'TRADE'), 'the fill is told')
    const fill = events.find((event) => event['x'] === 'TRADE')
    expect(fill).toMatchObject({ c: 'took-1', X: 'FILLED', z: '0.00100000', s: 'BTCUSDT' })
    expect(events.some(({ e }) => e === 'outboundAccountPosition')).toBe(true)
    const order = await (await client.restAPI.getOrder({ symbol: 'BTCUSDT', origClientOrderId: 'took-1' })).data()
    expect(order).toMatchObject({ status: 'FILLED', executedQty: '0.00100000' })
  })
})
