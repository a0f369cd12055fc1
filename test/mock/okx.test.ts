/** The mock venue as OKX: bare sockets, this package's clients, and the npm package okx-api. */
import { createHmac } from 'node:crypto'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { crc32 } from 'node:zlib'
import { RestClient, WebsocketAPIClient, WebsocketClient } from 'okx-api'
import { afterEach, describe, expect, it } from 'vitest'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { until } from '../e2e/waiting.ts'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { restAndCancel, sentBy, tradePrices } from './customers.ts'
import { okxRecords } from './recorded.ts'
import { apiKey, connect, mockVenue, secret } from './venue.ts'

afterEach(cleanUp)

const records = [...okxRecords()]
const passphrase = 'pass-1'
const accounts = [{ apiKey, secret, passphrase, balances: { USDT: '1000000', BTC: '10' } }]
const start = (options: object = {}) =>
  mockVenue({ venue: 'okx', capture: records, speed: 'max', accounts, ...options })
const silent = { trace: () => {}, info: () => {}, error: () => {} }
const keys = [{ apiKey, apiSecret: secret, apiPass: passphrase }]

type Event = Record<string, unknown>
type Book = { bids: [string, string][]; asks: [string, string][]; checksum: number; seqId: number; prevSeqId: number }
const books = { channel: 'books', instId: 'BTC-USDT' }

describe('channels', () => {
  it('are confirmed one by one, and sent byte for byte', async () => {
    const venue = await start()
    const client = await connect(venue.urls['public'] as string)
    const { texts } = client
    client.send({ op: 'subscribe', args: [books, { channel: 'trades', instId: 'BTC-USDT' }] })
    await venue.finished
    const recorded = sentBy(records)
    await until(() => texts.length === recorded.length + 2, 'all has come')
    expect(texts.slice(0, 2).map((text) => JSON.parse(text))).toMatchObject([
      { event: 'subscribe', arg: books },
      { event: 'subscribe', arg: { channel: 'trades' } },
    ])
    expect(texts.slice(2)).toEqual(recorded)
    client.send('ping')
    await client.next(({ text }) => text === 'pong')
    client.send({ op: 'subscribe', args: [{ channel: 'orders', instType: 'SPOT' }] })
    expect(await client.next(({ event }) => event === 'error')).toMatchObject({ code: '60018' })
  })

  it('cut who is silent, and say when they will be closed', async () => {
    const venue = await start({ timeScale: 100, begin: 'manual' })
    const client = await connect(venue.urls['public'] as string)
    venue.serverShutdown(5_000)
    expect(await client.next(({ event }) => event === 'notice')).toMatchObject({ code: '64008' })
    await until(() => client.closes.length === 1, 'it is cut')
    expect(client.closes).toEqual([4004])
  })

  it('a late subscriber is sent the book as it is, with its checksum', async () => {
    const venue = await start()
    const first = await connect(venue.urls['public'] as string)
    first.send({ op: 'subscribe', args: [books] })
    await venue.finished
    const late = await connect(venue.urls['public'] as string)
    late.send({ op: 'subscribe', args: [books] })
    const snapshot = (await late.next(({ action }) => action === 'snapshot')) as { data: Book[] }
    const [book] = snapshot.data as [Book]
    expect([book.seqId, book.prevSeqId, book.bids.length, book.asks.length]).toEqual([150, -1, 50, 50])
    const parts = [...Array(25).keys()].flatMap((i) => [
      ...(book.bids[i] ?? []).slice(0, 2),
      ...(book.asks[i] ?? []).slice(0, 2),
    ])
    expect(book.checksum).toBe(crc32(parts.join(':')) | 0)
  })
})

describe("this package's clients", () => {
  it('read trades of it, and trade on it', async () => {
    const venue = await start()
    const prices = await tradePrices(
      okx.market({ symbols: ['BTC-USDT'], streams: ['trades'], url: venue.urls['stream'] }),
    )
    await until(() => prices.length === 5, 'all has come')
    const desk = okx.trading({ key: apiKey, secret, passphrase, tdMode: 'cash', endpoints: [venue.origin] })
    onCleanUp(() => desk.close())
    await restAndCancel(desk, 'BTC-USDT')
    await expect(
      desk.place({ symbol: 'BTC-USDT', side: 'buy', type: 'limit', price: '20000', size: '5000' }),
    ).rejects.toMatchObject({ code: 'ERR_ORDER_BALANCE' })
    expect(await desk.order({ symbol: 'BTC-USDT', clientOrderId: 'never' })).toBeNull()
  })

  it('trade over the WebSocket alone, which names instruments by their numbers', async () => {
    const instruments = ['ETH-USDT', 'BTC-USDT'].map((symbol) => ({ symbol, tickSize: '0.1', lotSize: '0.0001' }))
    const requests: string[] = []
    const venue = await start({
      capture: [],
      instruments,
      chaos: {
        fate: ({ path }: { path: string }) => {
          requests.push(path)
          return 'answered'
        },
      },
    })
    const url = venue.urls['private'] as string
    const desk = okx.trading({
      key: apiKey,
      secret,
      passphrase,
      tdMode: 'cash',
      endpoints: [venue.origin],
      entry: 'ws',
      streamUrl: url,
      entryUrl: url,
    })
    onCleanUp(() => desk.close({ force: true }))
    await desk.open()
    const symbol = 'BTC-USDT'
    const order = { symbol, side: 'buy', type: 'limit', price: '20000', size: '0.5' } as const
    const [one, two] = [await desk.place(order), await desk.place({ ...order, symbol: 'ETH-USDT' })]
    await desk.amend({ symbol, clientOrderId: one.clientOrderId, price: '21000' })
    await until(() => desk.known(one)?.price === '21000', 'it is amended')
    expect((await desk.openOrders()).map((each) => [each.symbol, each.price]).sort()).toEqual([
      ['BTC-USDT', '21000'],
      ['ETH-USDT', '20000'],
    ])
    await desk.cancel({ symbol, clientOrderId: one.clientOrderId })
    await desk.cancelAll()
    await until(() => [one, two].every((each) => desk.known(each)?.status === 'canceled'), 'both are canceled')
    expect(requests.filter((path) => path.startsWith('/api/'))).toEqual([])
  })

  it('a number that is missing, unknown or none is refused', async () => {
    const venue = await start({ capture: [], instruments: [{ symbol: 'BTC-USDT' }] })
    const client = await connect(venue.urls['private'] as string)
    const seconds = String(Math.floor(Date.now() / 1_000))
    const sign = createHmac('sha256', secret).update(`${seconds}GET/users/self/verify`).digest('base64')
    client.send({ op: 'login', args: [{ apiKey, passphrase, timestamp: seconds, sign }] })
    await client.next(({ event }) => event === 'login')
    const order = { tdMode: 'cash', side: 'buy', ordType: 'limit', sz: '1', px: '9' }
    const refused = async (id: string, more: object): Promise<unknown> => {
      client.send({ id, op: 'order', args: [{ ...order, ...more }] })
      const answer = await client.next((message) => message['id'] === id)
      return (answer['data'] as { sCode: string }[])[0]?.sCode
    }
    expect(await refused('1', { instId: 'BTC-USDT' })).toBe('50014')
    expect(await refused('2', { instIdCode: 7 })).toBe('51001')
    expect(await refused('3', { instIdCode: 'BTC-USDT' })).toBe('51000')
    expect(await refused('4', { instIdCode: 1_000, instId: 'ETH-USDT' })).toBe('0')
  })

  it.each([
    ['key', { key: 'other' }],
    ['secret', { secret: 'another secret' }],
    ['passphrase', { passphrase: 'other' }],
  ])('are refused with a wrong %s', async (_name, wrong) => {
    const venue = await start({ begin: 'manual' })
    const desk = okx.trading({ key: apiKey, secret, passphrase, endpoints: [venue.origin], ...wrong })
    onCleanUp(() => desk.close())
    await expect(desk.openOrders()).rejects.toMatchObject({ code: 'ERR_ORDER_AUTH' })
  })
})

describe('the npm package okx-api', () => {
  it('is sent market data, trades by REST and over the socket, and hears of it on the private stream', async () => {
    const venue = await start({ speed: 20 })
    const market = new WebsocketClient({ wsUrl: venue.urls['public'] as string }, silent)
    onCleanUp(() => market.closeAll(true))
    const updates: Event[] = []
    market.on('update', (message) => updates.push(message as never))
    market.on('exception', () => {})
    market.subscribe([books, { channel: 'trades', instId: 'BTC-USDT' }] as never)
    await until(() => updates.length === 56, 'all has come')
    expect(updates[0]).toMatchObject({ arg: books, action: 'snapshot' })

    const own = new WebsocketClient({ wsUrl: venue.urls['private'] as string, accounts: keys }, silent)
    onCleanUp(() => own.closeAll(true))
    const told: { arg: Event; data: Event[] }[] = []
    own.on('update', (message) => told.push(message as never))
    own.on('exception', () => {})
    own.subscribe([{ channel: 'orders', instType: 'SPOT' }, { channel: 'account' }] as never)
    await until(() => told.some(({ arg }) => arg['channel'] === 'account'), 'the balance is told')

    const rest = new RestClient({ baseUrl: venue.origin, ...keys[0] })
    expect(await rest.getOrderBook({ instId: 'BTC-USDT', sz: '5' })).toMatchObject([{ seqId: 150 }])
    const order = {
      instId: 'BTC-USDT',
      tdMode: 'cash',
      side: 'buy',
      ordType: 'limit',
      sz: '0.5',
      px: '20000',
      clOrdId: 'one',
    } as const
    expect(await rest.submitOrder(order)).toMatchObject([{ sCode: '0', clOrdId: 'one' }])
    expect(await rest.getOrderDetails({ instId: 'BTC-USDT', clOrdId: 'one' } as never)).toMatchObject([
      { state: 'live', px: '20000' },
    ])
    expect(await rest.cancelOrder({ instId: 'BTC-USDT', clOrdId: 'one' } as never)).toMatchObject([{ sCode: '0' }])

    const api = new WebsocketAPIClient(
      { wsUrl: venue.urls['private'] as string, accounts: keys, attachEventListeners: false } as never,
      silent,
    )
    onCleanUp(() => api.getWSClient().closeAll(true))
    // The socket knows instruments by their numbers alone.
    const [{ instIdCode }] = (await rest.getInstruments({ instType: 'SPOT', instId: 'BTC-USDT' })) as never as [Event]
    const second = { ...order, instIdCode, px: '31000', ordType: 'ioc', clOrdId: 'two' }
    const placed = await api.submitNewOrder(second as never)
    expect(placed).toMatchObject({ code: '0', data: [{ sCode: '0', clOrdId: 'two' }] })

    const orders = () =>
      told
        .filter(({ arg }) => arg['channel'] === 'orders')
        .map(({ data: [first] }) => [first?.['clOrdId'], first?.['state']])
    await until(() => orders().length === 4, 'all is told')
    expect(orders()).toEqual([
      ['one', 'live'],
      ['one', 'canceled'],
      ['two', 'live'],
      ['two', 'filled'],
    ])
  })
})

const captures = fileURLToPath(new URL('../../../shared/captures/', import.meta.url))
const isDemanded = process.env['TICKWIRE_REQUIRE_CAPTURES'] === '1'

describe.skipIf(!existsSync(captures) && !isDemanded)('recordings (skipped without ../shared/captures)', () => {
  it('OKCOIN.ws.1.0: books of a late subscriber have the checksum of the last update that was recorded', async () => {
    const venue = await start({ capture: `${captures}OKCOIN.ws.1.0` })
    const instruments = venue.symbols
    expect(instruments.length).toBeGreaterThan(2)
    const first = await connect(venue.urls['public'] as string)
    first.send({ op: 'subscribe', args: instruments.map((instId) => ({ channel: 'books', instId })) })
    await venue.finished
    const late = await connect(venue.urls['public'] as string)
    late.send({ op: 'subscribe', args: instruments.map((instId) => ({ channel: 'books', instId })) })
    for (const instId of instruments) {
      const is = (message: Event): boolean =>
        message['data'] !== undefined && (message['arg'] as Event)['instId'] === instId
      const snapshot = (await late.next(is)) as { data: Book[] }
      const last = first.received.filter(is).at(-1) as { data: Book[] } | undefined
      expect(snapshot.data[0]?.checksum).toBe(last?.data[0]?.checksum)
    }
  })
})
