/** The mock venue as Kraken: bare sockets, and this package's feeds, books, desks and private streams. */
import { createHash, createHmac } from 'node:crypto'
import { exponential } from 'tickwire'
import { afterEach, describe, expect, it } from 'vitest'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { until } from '../e2e/waiting.ts'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { followBook, sentBy } from './customers.ts'
import { krakenRecords } from './recorded.ts'
import { apiKey, connect, mockVenue } from './venue.ts'

afterEach(cleanUp)

const secret = Buffer.from('a secret of a test, not one of an account').toString('base64')
const records = [...krakenRecords()]
const accounts = [{ apiKey, secret, balances: { USD: '1000000', BTC: '10' } }]
const start = (options: object = {}) =>
  mockVenue({ venue: 'kraken', capture: records, speed: 'max', accounts, ...options })
const instruments = [
  { symbol: 'BTC/USD', tickSize: '0.1', lotSize: '0.00001', bids: [['29999.9', '5']], asks: [['30000.1', '5']] },
]

type Event = Record<string, unknown>

describe('channels', () => {
  it('are confirmed symbol by symbol, sent byte for byte, and beat every second', async () => {
    const venue = await start({ timeScale: 20 })
    const client = await connect(`${venue.urls['stream']}/v2`)
    const { texts } = client
    client.send({
      method: 'subscribe',
      params: { channel: 'book', symbol: ['BTC/USD', 'wrong'], depth: 10 },
      req_id: 7,
    })
    client.send({ method: 'subscribe', params: { channel: 'trade', symbol: ['BTC/USD'] } })
    await venue.finished
    const recorded = sentBy(records)
    const data = (): string[] => texts.filter((text) => /^\{"channel":"(book|trade)"/.test(text))
    await until(
      () => data().length === recorded.length && texts.some((text) => text === '{"channel":"heartbeat"}'),
      'all has come',
    )
    expect(data()).toEqual(recorded)
    expect(client.received.find(({ channel }) => channel === 'status')).toMatchObject({ data: [{ api_version: 'v2' }] })
    expect(client.received.filter(({ req_id }) => req_id === 7)).toMatchObject([
      { method: 'subscribe', success: true, result: { channel: 'book', symbol: 'BTC/USD', depth: 10 } },
      { method: 'subscribe', success: false, symbol: 'wrong' },
    ])
    client.send({ method: 'ping', req_id: 8 })
    expect(await client.next(({ req_id }) => req_id === 8)).toMatchObject({ method: 'pong' })
    client.send({ method: 'subscribe', params: { channel: 'nothing', symbol: ['BTC/USD'] }, req_id: 9 })
    expect(await client.next(({ req_id }) => req_id === 9)).toMatchObject({ success: false })
  })

  it("books of this package's feeds agree with its check sums, of who subscribes late too", async () => {
    const venue = await start()
    const follow = () => {
      const book = { depth: 10 } as const
      const kept = kraken.books({ symbols: ['BTC/USD'], book })
      const feeds = kraken.market({ symbols: ['BTC/USD'], streams: ['book'], book, url: venue.urls['stream'] })
      return followBook(kept, feeds, 'BTC/USD')
    }
    const first = await follow()
    await venue.finished
    const last = venue.stats().played
    await until(() => {
      first.refresh()
      return first.synced && first.updates >= 60
    }, `all of ${last} have come`)
    expect([first.gaps, first.resyncs]).toEqual([0, 0])
    const late = await follow()
    await until(() => {
      late.refresh()
      return late.synced
    }, 'the late one has it')
    const { rxTimeNs: _a, ...ofFirst } = first.copy()
    const { rxTimeNs: _b, ...ofLate } = late.copy()
    expect(JSON.stringify(ofLate)).toBe(JSON.stringify(ofFirst))
  })
})

describe('trading', () => {
  let nonce = Date.now() * 1_000
  const ask = async (
    origin: string,
    path: string,
    form: Record<string, string> = {},
    change: { key?: string; nonce?: number; sign?: string } = {},
  ) => {
    const text = new URLSearchParams({ nonce: String(change.nonce ?? ++nonce), ...form }).toString()
    const digest = createHash('sha256')
      .update(`${new URLSearchParams(text).get('nonce')}${text}`)
      .digest()
    const sign = createHmac('sha512', Buffer.from(secret, 'base64'))
      .update(Buffer.concat([Buffer.from(path), digest]))
      .digest('base64')
    const headers = { 'API-Key': change.key ?? apiKey, 'API-Sign': change.sign ?? sign }
    const response = await fetch(origin + path, { method: 'POST', body: text, headers })
    return (await response.json()) as { error: string[]; result?: Record<string, unknown> }
  }

  it('knows who asks, and refuses as documented', async () => {
    const venue = await start({ instruments, begin: 'manual' })
    const order = { pair: 'XBTUSD', type: 'buy', ordertype: 'limit', volume: '0.5', price: '20000.0' }
    const error = async (form: Record<string, string>, change = {}): Promise<unknown> =>
      (await ask(venue.origin, '/0/private/AddOrder', { ...order, ...form }, change)).error[0]
    expect(await error({}, { key: 'other' })).toBe('EAPI:Invalid key')
    expect(await error({}, { sign: 'abcd' })).toBe('EAPI:Invalid signature')
    expect(await error({})).toBeUndefined()
    expect(await error({}, { nonce: 1 })).toBe('EAPI:Invalid nonce')
    expect(await error({ pair: 'NOPE' })).toBe('EQuery:Unknown asset pair')
    expect(await error({ price: '20000.05' })).toBe('EOrder:Tick size check failed')
    expect(await error({ volume: '5000' })).toBe('EOrder:Insufficient funds')
    expect(await error({ price: '30000.1', oflags: 'post' })).toBe('EOrder:Post only order')
    expect((await ask(venue.origin, '/0/private/CancelOrder', { txid: 'OAAAAA-BBBBB-CCCCCC' })).error).toEqual([
      'EOrder:Unknown order',
    ])
    const pairs = (await (await fetch(`${venue.origin}/0/public/AssetPairs`)).json()) as {
      result: Record<string, unknown>
    }
    expect(pairs.result['XBTUSD']).toMatchObject({ wsname: 'XBT/USD', tick_size: '0.1' })
  })

  it('cancels everything when nobody says that it is still there', async () => {
    const venue = await start({ instruments, begin: 'manual', timeScale: 100 })
    await ask(venue.origin, '/0/private/AddOrder', {
      pair: 'BTC/USD',
      type: 'buy',
      ordertype: 'limit',
      volume: '0.5',
      price: '20000.0',
    })
    expect(await ask(venue.origin, '/0/private/CancelAllOrdersAfter', { timeout: '20' })).toMatchObject({ error: [] })
    expect(venue.account(apiKey).openOrders).toBe(1)
    await until(() => venue.account(apiKey).openOrders === 0, 'they are canceled')
  })

  it.each(['rest', 'ws'] as const)(
    'by %s: a desk places, amends, cancels, fills, and hears of all of it',
    async (entry) => {
      const venue = await start({ instruments, begin: 'manual', takerFee: '0.0026' })
      const url = venue.urls['auth'] as string
      const desk = kraken.trading({
        endpoints: [venue.origin],
        key: apiKey,
        secret,
        streamUrl: url,
        entryUrl: url,
        entry,
        connection: { reconnect: exponential({ first: 5, max: 20, storm: { floor: 0 } }) },
        http: { connections: { max: 1 } },
      } as never)
      onCleanUp(() => desk.close())
      const events: Event[] = []
      desk.on('fill', (fill) => events.push(fill as never))
      await desk.open()
      const placed = await desk.place({ symbol: 'BTC/USD', side: 'buy', type: 'limit', price: '20000.0', size: '0.5' })
      const id = { clientOrderId: placed.clientOrderId }
      const ref = { symbol: 'BTC/USD', ...id }
      await until(() => desk.known(id)?.status === 'open', 'it is told to be open')
      expect((await desk.openOrders()).map(({ price, size }) => [price, size])).toEqual([['20000', '0.5']])
      await desk.amend({ ...ref, price: '21000.0' })
      await until(() => desk.known(id)?.price === '21000', 'the amendment is told')
      await desk.cancel(ref)
      await until(() => desk.known(id)?.status === 'canceled', 'the cancel is told')
      const bought = await desk.place({ symbol: 'BTC/USD', side: 'buy', type: 'market', size: '0.25' })
      await until(() => desk.known({ clientOrderId: bought.clientOrderId })?.status === 'filled', 'the fill is told')
      await until(() => events.length > 0, 'the fill is an event')
      expect(venue.account(apiKey).balances['BTC']).toEqual({ free: '10.24935', locked: '0' })
    },
  )
})
