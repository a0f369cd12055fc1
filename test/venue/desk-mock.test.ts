/** Desks at the mock venue, which was made without them: another opinion on what venues say. */
import { generateKeyPairSync } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import type { MockVenue } from '../../dist/esm/mock/index.js'
import { exponential } from '../../dist/esm/rest/index.js'
import { binance } from '../../dist/esm/venue/binance/index.js'
import { bybit } from '../../dist/esm/venue/bybit/index.js'
import type { BalanceUpdate, Desk, FillEvent } from '../../dist/esm/venue/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { until } from '../e2e/waiting.ts'
import { apiKey, mockVenue, secret } from '../mock/venue.ts'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'

afterEach(cleanUp)

const instruments = [
  {
    symbol: 'BTCUSDT',
    tickSize: '0.01',
    lotSize: '0.00001',
    bids: [['60000.00', '1']] as [string, string][],
    asks: [['60001.00', '1']] as [string, string][],
  },
]
const connection = { reconnect: exponential({ first: 5, max: 20, storm: { floor: 0 } }) }

interface Venue {
  start(): Promise<MockVenue>
  open(venue: MockVenue): Desk
}

const ed25519 = generateKeyPairSync('ed25519')
const venues: Record<string, Venue> = {
  binance: {
    start: () =>
      mockVenue({
        venue: 'binance',
        instruments,
        begin: 'manual',
        limits: false,
        firstOrderId: 9_007_199_254_740_993n,
      }),
    open: (venue) => {
      const url = venue.urls['wsApi'] as string
      return binance.trading({
        endpoints: [venue.origin],
        key: apiKey,
        secret,
        streamUrl: url,
        entryUrl: url,
        entry: 'ws',
        connection,
      })
    },
  },
  'binance with an Ed25519 key': {
    start: () =>
      mockVenue({
        venue: 'binance',
        instruments,
        begin: 'manual',
        limits: false,
        accounts: [{ apiKey, publicKey: ed25519.publicKey, balances: { USDT: '1000000', BTC: '10' } }],
      }),
    open: (venue) => {
      const url = venue.urls['wsApi'] as string
      const privateKey = ed25519.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
      return binance.trading({
        endpoints: [venue.origin],
        key: apiKey,
        privateKey,
        streamUrl: url,
        entryUrl: url,
        entry: 'auto',
        connection,
      })
    },
  },
  bybit: {
    start: () => mockVenue({ venue: 'bybit', instruments, begin: 'manual', limits: false }),
    open: (venue) =>
      bybit.trading({
        endpoints: [venue.origin],
        key: apiKey,
        secret,
        streamUrl: venue.urls['private'] as string,
        entryUrl: venue.urls['trade'] as string,
        entry: 'auto',
        connection,
      }),
  },
  okx: {
    start: () =>
      mockVenue({
        venue: 'okx',
        instruments: instruments.map((each) => ({ ...each, symbol: 'BTC-USDT' })),
        begin: 'manual',
        limits: false,
        accounts: [{ apiKey, secret, passphrase: 'pass-phrase-1', balances: { USDT: '1000000', BTC: '10' } }],
      }),
    open: (venue) => {
      const url = venue.urls['private'] as string
      const options = { endpoints: [venue.origin], key: apiKey, secret, passphrase: 'pass-phrase-1' }
      return okx.trading({ ...options, streamUrl: url, entryUrl: url, entry: 'auto', connection })
    },
  },
}

describe.each(Object.keys(venues))('%s', (name) => {
  it('orders, fills and balances by its private stream, through a loss of all connections', async () => {
    const { start, open } = venues[name] as Venue
    const symbol = name === 'okx' ? 'BTC-USDT' : 'BTCUSDT'
    const venue = await start()
    const desk = open(venue)
    onCleanUp(() => desk.close({ force: true }))
    const fills: FillEvent[] = []
    const balances: BalanceUpdate[] = []
    desk.on('fill', (fill) => fills.push(fill))
    desk.on('balance', (balance) => balances.push(balance))
    await desk.rest.ready()
    await desk.open()
    const order = { symbol, side: 'buy', type: 'limit', price: '59000.00', size: '0.50000' } as const
    const { clientOrderId, orderId } = await desk.place(order)
    await until(() => desk.known({ clientOrderId })?.status === 'open', 'it is open')
    if (name === 'binance') expect(orderId).toMatch(/^90071992547409\d\d$/)
    venue.setLevels(symbol, { bids: [['58998.00', '1']], asks: [['58999.00', '0.2']] })
    await until(() => fills.length === 1, 'the first fill is told')
    expect(fills[0]).toMatchObject({ clientOrderId, orderId, side: 'buy', liquidity: 'maker' })
    expect(Number(fills[0]?.size)).toBe(0.2)
    expect(fills[0]?.tradeId).not.toBe('')
    await until(() => balances.some(({ asset }) => asset === 'BTC'), 'the balance is told')
    venue.disconnect()
    venue.setLevels(symbol, { bids: [['58997.00', '1']], asks: [['58998.00', '0.1']] })
    await until(() => fills.length === 2, 'the second fill is told')
    await until(() => desk.state === 'live', 'it hears again')
    expect(Number(fills[1]?.size)).toBeCloseTo(0.1)
    expect(fills[1]?.tradeId).not.toBe(fills[0]?.tradeId)
    await until(() => desk.known({ clientOrderId })?.status === 'partiallyFilled', 'it is known')
    const canceled = await desk.cancel({ symbol, clientOrderId })
    expect(['canceled', 'accepted', 'partiallyFilled']).toContain(canceled.status)
    await until(() => desk.known({ clientOrderId })?.status === 'canceled', 'it is canceled')
    // A market order takes: its fills are told by their trades.
    venue.setLevels(symbol, {
      bids: [['60000.00', '1']],
      asks: [
        ['60001.00', '1'],
        ['60002.00', '1'],
      ],
    })
    const market = await desk.place({ symbol, side: 'buy', type: 'market', size: '1.50000' })
    await until(() => desk.known(market)?.status === 'filled', 'it is filled')
    await until(() => fills.length >= 4, 'its fills are told')
    const taken = fills.slice(2)
    expect(taken.map(({ liquidity }) => liquidity)).toEqual(taken.map(() => 'taker'))
    expect(taken.reduce((sum, { size }) => sum + Number(size), 0)).toBeCloseTo(1.5)
    expect(new Set(fills.map(({ tradeId }) => tradeId)).size).toBe(fills.length)
  })
})
