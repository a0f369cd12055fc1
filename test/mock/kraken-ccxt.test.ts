/** The mock venue as Kraken and ccxt, over REST and the WebSocket v2; ccxt knows nothing of it. No npm package for this venue's v2 alone is to be had. */
import { afterEach, describe, expect, it } from 'vitest'
import { ccxtModule } from '../../bench/ccxt.ts'
import { until } from '../e2e/waiting.ts'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { krakenRecords } from './recorded.ts'
import { apiKey, mockVenue } from './venue.ts'

afterEach(cleanUp)

const secret = Buffer.from('a secret of a test, not one of an account').toString('base64')
const accounts = [{ apiKey, secret, balances: { USD: '1000000', BTC: '10' } }]
const instruments = [
  { symbol: 'BTC/USD', tickSize: '0.1', lotSize: '0.00001', bids: [['29999.9', '5']], asks: [['30000.1', '5']] },
] as const

interface Told {
  readonly id: string
  readonly order: string
  readonly status: string
  readonly amount: number
  readonly price: number
}

/** What is used of ccxt's exchange. */
interface Kraken {
  readonly urls: { readonly api: Record<string, unknown> & { readonly ws: Record<string, string> } }
  readonly has: Record<string, boolean>
  watchOrderBook(symbol: string, depth: number): Promise<{ bids: number[][]; asks: number[][] }>
  watchTrades(symbol: string): Promise<readonly Told[]>
  watchOrders(): Promise<readonly Told[]>
  watchMyTrades(symbol: string): Promise<readonly Told[]>
  createOrder(symbol: string, type: string, side: string, amount: number, price?: number): Promise<Told>
  createOrderWs(symbol: string, type: string, side: string, amount: number, price?: number): Promise<Told>
  cancelOrder(id: string, symbol: string): Promise<unknown>
  cancelOrderWs(id: string): Promise<unknown>
  fetchOpenOrders(symbol: string): Promise<readonly Told[]>
  fetchOrder(id: string, symbol: string): Promise<Told>
  fetchMyTrades(symbol: string): Promise<readonly Told[]>
  loadHttpProxyAgent(): Promise<unknown>
  close(): Promise<void>
}

async function start(options: object): Promise<{ client: Kraken; venue: Awaited<ReturnType<typeof mockVenue>> }> {
  const venue = await mockVenue({ venue: 'kraken', accounts, ...options })
  const { default: ccxt } = (await ccxtModule('ccxt.js')) as {
    default: { pro: { kraken: new (config: object) => Kraken } }
  }
  const client = new ccxt.pro.kraken({ apiKey, secret })
  onCleanUp(() => client.close())
  const { api } = client.urls
  Object.assign(api, { public: venue.origin, private: venue.origin })
  Object.assign(api.ws, { publicV2: venue.urls['auth'], privateV2: venue.urls['auth'] })
  // It asks for it, where an address is no `wss`.
  await client.loadHttpProxyAgent()
  // Currencies are not served.
  client.has['fetchCurrencies'] = false
  return { client, venue }
}

describe('ccxt', { timeout: 300_000 }, () => {
  it('keeps a book, and is sent trades', async () => {
    const { client, venue } = await start({ capture: [...krakenRecords()], speed: 20 })
    const trades: Told[] = []
    const reading = (async () => {
      for (;;) trades.push(...(await client.watchTrades('BTC/USD')))
    })().catch(() => {})
    let book = await client.watchOrderBook('BTC/USD', 10)
    let isOver = false
    void venue.finished.then(() => {
      isOver = true
    })
    while (!isOver) book = await Promise.race([client.watchOrderBook('BTC/USD', 10), venue.finished.then(() => book)])
    await until(() => trades.length > 0, 'trades are told')
    expect(book.bids.length).toBeGreaterThan(5)
    expect(book.bids[0]?.[0]).toBeLessThan(book.asks[0]?.[0] as number)
    await client.close()
    await reading
  })

  it('trades by REST and over the socket, and hears of it', async () => {
    const { client } = await start({ instruments, begin: 'manual' })
    const symbol = 'BTC/USD'
    const [orders, trades]: [Told[], Told[]] = [[], []]
    const placed = await client.createOrder(symbol, 'limit', 'buy', 0.5, 20_000)
    const failures: unknown[] = []
    const listen = async (watch: () => Promise<readonly Told[]>, to: Told[]): Promise<void> => {
      try {
        for (;;) to.push(...(await watch()).map((each) => ({ ...each })))
      } catch (error) {
        failures.push(error)
      }
    }
    const listening = [listen(() => client.watchOrders(), orders), listen(() => client.watchMyTrades(symbol), trades)]
    await until(() => orders.some(({ id, status }) => id === placed.id && status === 'open'), 'it is told to be open')
    expect(await client.fetchOrder(placed.id, symbol)).toMatchObject({ status: 'open', amount: 0.5, price: 20_000 })
    expect((await client.fetchOpenOrders(symbol)).map(({ id }) => id)).toEqual([placed.id])
    await client.cancelOrder(placed.id, symbol)
    await until(() => orders.some(({ id, status }) => id === placed.id && status === 'canceled'), 'the cancel is told')
    const second = await client.createOrderWs(symbol, 'limit', 'buy', 0.25, 21_000)
    await client.cancelOrderWs(second.id)
    await until(() => orders.some(({ id, status }) => id === second.id && status === 'canceled'), 'it is told as well')
    const market = await client.createOrderWs(symbol, 'market', 'buy', 0.125)
    await until(() => trades.some(({ order }) => order === market.id), 'the trade is told')
    expect(trades.map(({ order, amount, price }) => [order, amount, price])).toEqual([[market.id, 0.125, 30_000.1]])
    // Until it is closed.
    expect(failures).toEqual([])
    await client.close()
    await Promise.all(listening)
  })
})
