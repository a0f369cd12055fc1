/** The mock venue as Coinbase and the npm package coinbase-api, which knows nothing of it. It signs addresses of `https` alone, so the venue speaks TLS. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { Agent } from 'node:https'
import { CBAdvancedTradeClient, WebsocketClient } from 'coinbase-api'
import { afterEach, describe, expect, it } from 'vitest'
import { until } from '../e2e/waiting.ts'
import { createAuthority } from '../peers/certificates.ts'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { coinbaseRecords } from './recorded.ts'
import { mockVenue } from './venue.ts'

afterEach(cleanUp)

const apiKey = 'organizations/a/apiKeys/b'
const apiSecret = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  type: 'sec1',
  format: 'pem',
}) as string
const accounts = [{ apiKey, publicKey: createPublicKey(apiSecret), balances: { USD: '1000000', BTC: '10' } }] as const
const authority = createAuthority()
const agent = new Agent({ ca: authority.cert })
const instruments = [
  { symbol: 'BTC-USD', tickSize: '0.01', lotSize: '0.00001', bids: [['29999.00', '5']], asks: [['30001.00', '5']] },
] as const
const silent = { trace: () => {}, info: () => {}, error: () => {} }

type Event = Record<string, unknown>
type Update = { channel: string; events: readonly Event[] }

const start = (options: object) => {
  const { cert, key } = authority.issue({ commonName: 'localhost', hosts: ['127.0.0.1'] })
  return mockVenue({ venue: 'coinbase', accounts, tls: { cert, key }, ...options })
}

/** Everything that comes over one of its sockets, once that is told to be subscribed. */
function listen(url: string): { client: WebsocketClient; updates: Update[]; responses: Update[] } {
  const client = new WebsocketClient({ apiKey, apiSecret, wsUrl: url, wsOptions: { agent } } as never, silent)
  onCleanUp(() => client.closeAll(true))
  const [updates, responses]: [Update[], Update[]] = [[], []]
  client.on('update', (message) => updates.push(message as never))
  client.on('response', (message) => responses.push(message as never))
  client.on('exception', () => {})
  return { client, updates, responses }
}

describe('the npm package coinbase-api', () => {
  it('is sent market data, as it was recorded', async () => {
    const records = [...coinbaseRecords()]
    const venue = await start({ capture: records, speed: 20 })
    const { client, updates, responses } = listen(venue.urls['stream'] as string)
    client.subscribe(
      [
        { topic: 'heartbeats' },
        { topic: 'level2', payload: { product_ids: ['BTC-USD'] } },
        { topic: 'market_trades', payload: { product_ids: ['BTC-USD'] } },
      ],
      'advTradeMarketData',
    )
    await venue.finished
    const recorded = records.flatMap((record) =>
      record.type === 'received' ? [JSON.parse(String(Buffer.from(record.data))) as Update] : [],
    )
    const data = (): Update[] => updates.filter(({ channel }) => channel === 'l2_data' || channel === 'market_trades')
    await until(() => data().length === recorded.length, 'all has come')
    expect(data().map(({ channel, events }) => ({ channel, events }))).toEqual(
      recorded.map(({ channel, events }) => ({ channel, events })),
    )
    expect(responses.at(-1)?.events).toEqual([
      { subscriptions: { heartbeats: ['heartbeats'], level2: ['BTC-USD'], market_trades: ['BTC-USD'] } },
    ])
  })

  it('trades by REST, and hears of it on the user channel', async () => {
    const venue = await start({ instruments, begin: 'manual' })
    const { client, updates } = listen(venue.urls['user'] as string)
    client.subscribe({ topic: 'user' }, 'advTradeUserData')
    await until(() => updates.length > 0, 'there is a snapshot')
    const rest = new CBAdvancedTradeClient({ apiKey, apiSecret, baseUrl: venue.origin } as never, { httpsAgent: agent })
    expect(await rest.getAccounts()).toMatchObject({
      accounts: expect.arrayContaining([expect.objectContaining({ currency: 'BTC' })]),
    })
    const limit = {
      client_order_id: rest.generateNewOrderId(),
      product_id: 'BTC-USD',
      side: 'BUY',
      order_configuration: { limit_limit_gtc: { base_size: '0.5', limit_price: '20000.00', post_only: false } },
    } as const
    const placed = (await rest.submitOrder(limit)) as { success_response: { order_id: string } }
    const { order_id } = placed.success_response
    expect(await rest.getOrder({ order_id })).toMatchObject({ order: { status: 'OPEN', side: 'BUY' } })
    await rest.updateOrder({ order_id, price: '21000.00', size: '0.4' })
    expect(await rest.getOrders({ order_status: ['OPEN'] } as never)).toMatchObject({
      orders: [{ order_id, order_configuration: { limit_limit_gtc: { limit_price: '21000', base_size: '0.4' } } }],
    })
    expect(await rest.cancelOrders({ order_ids: [order_id] })).toMatchObject({ results: [{ success: true, order_id }] })
    const market = await rest.submitOrder({
      ...limit,
      client_order_id: rest.generateNewOrderId(),
      order_configuration: { market_market_ioc: { base_size: '0.25' } },
    })
    expect(market).toMatchObject({ success: true })
    expect(await rest.getFills({ product_ids: ['BTC-USD'] } as never)).toMatchObject({
      fills: [{ size: '0.25', price: '30001', liquidity_indicator: 'TAKER' }],
    })
    const told = () =>
      updates
        .filter(({ channel }) => channel === 'user')
        .flatMap(({ events }) => events.flatMap((event) => event['orders'] as Event[]))
        .map((order) => order['status'])
    await until(() => told().includes('FILLED'), 'all is told')
    expect(told()).toEqual(expect.arrayContaining(['OPEN', 'CANCELLED', 'FILLED']))
    // Refused in the venue's words.
    const large = { limit_limit_gtc: { base_size: '5000', limit_price: '20000.00', post_only: false } }
    const refused = await rest.submitOrder({
      ...limit,
      client_order_id: rest.generateNewOrderId(),
      order_configuration: large,
    })
    expect(refused).toMatchObject({ success: false, error_response: { error: 'INSUFFICIENT_FUND' } })
  })
})
