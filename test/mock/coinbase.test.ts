/** The mock venue as Coinbase Advanced Trade: bare sockets, and this package's feeds, books, desks and the user channel. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { exponential } from 'tickwire'
import { afterEach, describe, expect, it } from 'vitest'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import { until } from '../e2e/waiting.ts'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { followBook, sentBy } from './customers.ts'
import { coinbaseRecords } from './recorded.ts'
import { connect, mockVenue } from './venue.ts'

afterEach(cleanUp)

const key = 'organizations/a/apiKeys/b'
const pem = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' }) as string
const privateKey = pem()
const accounts = [{ apiKey: key, publicKey: createPublicKey(privateKey), balances: { USD: '1000000', BTC: '10' } }]
const records = [...coinbaseRecords()]
const start = (options: object = {}) =>
  mockVenue({ venue: 'coinbase', capture: records, speed: 'max', accounts, limits: false, ...options })
const instruments = [
  { symbol: 'BTC-USD', tickSize: '0.01', lotSize: '0.00001', bids: [['29999.00', '5']], asks: [['30001.00', '5']] },
]

describe('channels', () => {
  it('are sent as they were recorded, numbered over the connection', async () => {
    const venue = await start({ timeScale: 20 })
    const client = await connect(venue.urls['stream'] as string)
    const { texts } = client
    client.send({ type: 'subscribe', channel: 'heartbeats' })
    client.send({ type: 'subscribe', product_ids: ['BTC-USD'], channel: 'level2' })
    client.send({ type: 'subscribe', product_ids: ['BTC-USD'], channel: 'market_trades' })
    await venue.finished
    const unnumbered = (text: string): string => text.replace(/"sequence_num":\d+/, '')
    const recorded = sentBy(records)
    const data = (): string[] => texts.filter((text) => /^\{"channel":"(l2_data|market_trades)"/.test(text))
    await until(
      () => data().length === recorded.length && texts.some((text) => text.includes('heartbeat_counter')),
      'all has come',
    )
    expect(data().map(unnumbered)).toEqual(recorded.map(unnumbered))
    expect(client.received.map((message) => message['sequence_num'])).toEqual(client.received.map((_, i) => i))
    const last = client.received.filter(({ channel }) => channel === 'subscriptions').at(-1)
    expect(last).toMatchObject({
      events: [{ subscriptions: { level2: ['BTC-USD'], market_trades: ['BTC-USD'], heartbeats: ['heartbeats'] } }],
    })
    client.send({ type: 'subscribe', channel: 'nothing' })
    await client.next(({ type }) => type === 'error')
  })

  it('cut who subscribes nothing, and let nobody in without a token', async () => {
    const venue = await start({ timeScale: 100 })
    const idle = await connect(venue.urls['stream'] as string)
    const stranger = await connect(venue.urls['user'] as string)
    stranger.send({ type: 'subscribe', channel: 'user', jwt: 'a.b.c' })
    expect(await stranger.next(({ type }) => type === 'error')).toMatchObject({ message: 'authentication failure' })
    await until(() => idle.closes.length === 1, 'it is cut')
    expect(idle.closes).toEqual([1008])
  })

  it("books of this package's feeds are in sync, of who subscribes late too", async () => {
    const venue = await start()
    const follow = () => {
      const kept = coinbase.books({ symbols: ['BTC-USD'], depth: 50 })
      const streams = ['book', 'trades'] as const
      return followBook(kept, coinbase.market({ symbols: ['BTC-USD'], streams, url: venue.urls['stream'] }), 'BTC-USD')
    }
    const first = await follow()
    await venue.finished
    await until(() => {
      first.refresh()
      return first.synced && first.updates >= 50
    }, 'all has come')
    expect([first.gaps, first.resyncs]).toEqual([0, 0])
    const late = await follow()
    await until(() => {
      late.refresh()
      return late.synced
    }, 'the late one has it')
    const sides = ({ bids, asks }: { bids: unknown; asks: unknown }): string => JSON.stringify([bids, asks])
    expect(sides(late.copy())).toBe(sides(first.copy()))
  })
})

describe('trading', () => {
  it('a desk places, amends, cancels, fills, and hears of all of it', async () => {
    const venue = await start({ instruments, begin: 'manual', takerFee: '0.006' })
    const desk = coinbase.trading({
      endpoints: [venue.origin],
      key,
      privateKey,
      streamUrl: venue.urls['user'],
      connection: { reconnect: exponential({ first: 5, max: 20, storm: { floor: 0 } }) },
    } as never)
    onCleanUp(() => desk.close())
    const fills: { size: string | null; fee: string | null }[] = []
    desk.on('fill', (fill) => fills.push(fill as never))
    await desk.open()
    const placed = await desk.place({ symbol: 'BTC-USD', side: 'buy', type: 'limit', price: '20000.00', size: '0.5' })
    const id = { clientOrderId: placed.clientOrderId }
    const ref = { symbol: 'BTC-USD', ...id }
    await until(() => desk.known(id)?.status === 'open', 'it is told to be open')
    expect((await desk.openOrders()).map(({ price, size }) => [price, size])).toEqual([['20000', '0.5']])
    await desk.amend({ ...ref, price: '21000.00', size: '0.4' })
    await until(() => desk.known(id)?.price === '21000', 'the amendment is told')
    await desk.cancel(ref)
    await until(() => desk.known(id)?.status === 'canceled', 'the cancel is told')
    const bought = await desk.place({ symbol: 'BTC-USD', side: 'buy', type: 'market', size: '0.25' })
    await until(() => desk.known({ clientOrderId: bought.clientOrderId })?.status === 'filled', 'the fill is told')
    await until(() => fills.length > 0, 'the fill is an event')
    expect(venue.account(key).balances['BTC']).toEqual({ free: '10.2485', locked: '0' })
    await expect(
      desk.place({ symbol: 'BTC-USD', side: 'buy', type: 'limit', price: '20000.00', size: '5000' }),
    ).rejects.toMatchObject({ code: 'ERR_ORDER_BALANCE' })
    await expect(
      desk.place({
        symbol: 'BTC-USD',
        side: 'buy',
        type: 'limit',
        timeInForce: 'postOnly',
        price: '30001.00',
        size: '0.1',
      }),
    ).rejects.toMatchObject({ code: 'ERR_ORDER_POST_ONLY' })
  })

  it('is for who has the right key', async () => {
    const venue = await start({ instruments, begin: 'manual' })
    for (const wrong of [{ key: 'organizations/a/apiKeys/other' }, { privateKey: pem() }]) {
      const desk = coinbase.trading({ endpoints: [venue.origin], key, privateKey, ...wrong })
      onCleanUp(() => desk.close())
      await expect(desk.openOrders()).rejects.toMatchObject({
        // The venue says no more than `Unauthorized`, which is no JSON.
        code: 'ERR_ORDER_AUTH',
        cause: { status: 401 },
      })
    }
  })
})
