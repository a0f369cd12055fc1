/** What desks learn of orders that others placed and that ended while their stream was cut, and of those that the venue has forgotten. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { MockVenue, MockVenueOptions } from '../../dist/esm/mock/index.js'
import { exponential } from '../../dist/esm/rest/index.js'
import { binance } from '../../dist/esm/venue/binance/index.js'
import { bybit } from '../../dist/esm/venue/bybit/index.js'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import type { Desk, FillEvent, OrderEvent } from '../../dist/esm/venue/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { until } from '../e2e/waiting.ts'
import { mockVenue } from '../mock/venue.ts'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { limit, live, names, orderOf } from './private-scene.ts'

afterEach(cleanUp)

const secret = Buffer.from('a secret of a test').toString('base64')
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = ec.privateKey.export({ type: 'sec1', format: 'pem' }) as string
const balances = { USDT: '1000000', USD: '1000000', BTC: '10' }
const apiKey = 'organizations/a/apiKeys/b'

interface Site {
  readonly symbol: string
  /** As the mock venue writes it. */
  readonly listed?: string
  readonly stream: string
  readonly account?: object
  trading(options: object): Desk
}

const sites: Record<MockVenueOptions['venue'], Site> = {
  binance: {
    symbol: 'BTCUSDT',
    stream: 'wsApi',
    trading: (options) => binance.trading({ secret, ...options } as never),
  },
  bybit: { symbol: 'BTCUSDT', stream: 'private', trading: (options) => bybit.trading({ secret, ...options } as never) },
  okx: {
    symbol: 'BTC-USDT',
    stream: 'private',
    account: { passphrase: 'pass-1' },
    trading: (options) => okx.trading({ secret, passphrase: 'pass-1', ...options } as never),
  },
  kraken: {
    symbol: 'XBTUSD',
    listed: 'BTC/USD',
    stream: 'auth',
    trading: (options) => kraken.trading({ secret, ...options } as never),
  },
  coinbase: {
    symbol: 'BTC-USD',
    stream: 'user',
    account: { publicKey: createPublicKey(pem) },
    trading: (options) => coinbase.trading({ privateKey: pem, ...options } as never),
  },
}

/** What lies between a desk and its stream: it can be cut, and be shut for a while. */
async function wire(to: URL) {
  const sockets = new Set<Socket>()
  let isShut = false
  const server = createServer((socket) => {
    if (isShut) return void socket.destroy()
    const far = connect(Number(to.port), to.hostname)
    for (const [one, two] of [
      [socket, far],
      [far, socket],
    ] as const) {
      sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => two.destroy())
      one.pipe(two)
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  onCleanUp(() => {
    cut()
    server.close()
  })
  const url = new URL(to)
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    shut: () => {
      isShut = true
      cut()
    },
    open: () => {
      isShut = false
    },
  }
}

/** A desk that is live, and another way to the same account. */
async function start(name: keyof typeof sites) {
  const site = sites[name]
  const venue: MockVenue = await mockVenue({
    venue: name,
    begin: 'manual',
    limits: false,
    instruments: [
      {
        symbol: site.listed ?? site.symbol,
        tickSize: '0.01',
        lotSize: '0.00001',
        bids: [['59999.00', '5']],
        asks: [['60001.00', '5']],
      },
    ],
    accounts: [
      {
        apiKey,
        ...(site.account === undefined || 'passphrase' in site.account ? { secret } : {}),
        balances,
        ...site.account,
      },
    ],
  })
  const stream = await wire(new URL(venue.urls[site.stream] as string))
  const make = (): Desk => {
    const desk = site.trading({
      endpoints: [venue.origin],
      key: apiKey,
      limits: [],
      streamUrl: stream.url,
      connection: { reconnect: exponential({ first: 5, max: 20, storm: { floor: 0 } }) },
    })
    onCleanUp(() => desk.close({ force: true }))
    return desk
  }
  return { stream, symbol: site.symbol, desk: make(), other: make() }
}

describe.each(Object.keys(sites) as (keyof typeof sites)[])('%s', (name) => {
  it('tells orders that were placed elsewhere and have ended while nothing was heard, with their fills, once', async () => {
    const { stream, desk, other, symbol } = await start(name)
    const [orders, fills]: [OrderEvent[], FillEvent[]] = [[], []]
    desk.on('order', (event) => orders.push(event))
    desk.on('fill', (event) => fills.push(event))
    await desk.rest.ready()
    await desk.open()
    const order = { symbol, side: 'buy', type: 'limit', price: '50000.00', size: '0.50000' } as const
    // So that the desk knows the symbol, which some venues want to be told.
    const own = await desk.place(order)
    await until(() => desk.known(own)?.status === 'open', 'its own is open')
    // Ended before the gap: told then, and not again.
    const early = await other.place(order)
    await other.cancel({ symbol, orderId: early.orderId })
    await until(() => desk.known(early)?.status === 'canceled', 'the early one is told')
    stream.shut()
    await until(() => desk.state === 'blind', 'it hears nothing')
    const canceled = await other.place(order)
    await other.cancel({ symbol, orderId: canceled.orderId })
    const filled = await other.place({ symbol, side: 'buy', type: 'market', size: '0.25000' })
    expect(desk.state).toBe('blind')
    expect(desk.known(filled)).toBeNull()
    stream.open()
    await until(() => desk.state === 'live', 'it hears again')
    expect(desk.known({ orderId: canceled.orderId })?.status).toBe('canceled')
    expect(desk.known({ orderId: filled.orderId })?.status).toBe('filled')
    await until(() => fills.length > 0, 'the fill is told')
    expect(fills.map(({ orderId, size }) => [orderId, Number(size)])).toEqual([[filled.orderId, 0.25]])
    expect(fills[0]?.tradeId).not.toBe('')
    const ends = orders.filter(({ from, to, state }) => state?.orderId === early.orderId && from !== to)
    expect(ends.filter(({ to }) => to === 'canceled').length).toBe(1)
    expect(desk.known(own)?.status).toBe('open')
  })
})

describe.each(names)('%s, in small', (name) => {
  it('an order that the venue has forgotten is gone, and its end is not made up', async () => {
    const { desk, exchange, door, orders } = await live(name)
    const { clientOrderId } = await desk.place({ ...limit, clientOrderId: 'forgotten' })
    const kept = await desk.place({ ...limit, clientOrderId: 'kept' })
    await until(() => desk.known({ clientOrderId: 'kept' })?.status === 'open', 'both are open')
    const order = orderOf(exchange, clientOrderId)
    exchange.book.orders.splice(exchange.book.orders.indexOf(order), 1)
    door.cut()
    await until(() => desk.state !== 'live', 'the stream is lost')
    await until(() => desk.state === 'live', 'it hears again', 10_000)
    expect(desk.known({ clientOrderId })?.status).toBe('gone')
    expect(orders.filter(({ to }) => to === 'gone').map((event) => event.clientOrderId)).toEqual([clientOrderId])
    expect(desk.known(kept)?.status).toBe('open')
    // It was a mistake: the venue lists it again, as it was, and finds it.
    exchange.book.orders.push(order)
    const listed = await desk.openOrders(limit.symbol)
    expect(listed.find((each) => each.clientOrderId === clientOrderId)?.status).toBe('open')
    expect(desk.known({ clientOrderId })?.status).toBe('open')
    expect(orders.at(-1)).toMatchObject({ clientOrderId, from: 'gone', to: 'open' })
    // A client id of what has ended is still remembered.
    await expect(desk.place({ ...limit, clientOrderId })).rejects.toMatchObject({ code: 'ERR_ORDER_DUPLICATE' })
  }, 20_000)
})
