/** The mock venue as Binance, seen over bare sockets and HTTP, and by this package's own clients. */

import { spawnSync } from 'node:child_process'
import { createHmac, generateKeyPairSync, sign as signWith } from 'node:crypto'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Feed } from 'tickwire'
import { afterEach, describe, expect, it } from 'vitest'
import type { CaptureRecord } from '../../dist/esm/capture/index.js'
import { MockVenue } from '../../dist/esm/mock/index.js'
import { binance } from '../../dist/esm/venue/binance/index.js'
import { until } from '../e2e/waiting.ts'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { binanceRecords, finalBook } from './recorded.ts'
import { apiKey, type Client, connect, mockVenue, secret } from './venue.ts'

afterEach(cleanUp)

const records: readonly CaptureRecord[] = [...binanceRecords({ updates: 100 })]
const recordedOf = (stream: string): string[] =>
  records
    .flatMap((record) => (record.type === 'received' ? [String(Buffer.from(record.data))] : []))
    .filter((text) => JSON.parse(text).stream === stream)

const start = (options: object = {}) => mockVenue({ venue: 'binance', capture: records, speed: 'max', ...options })

/** A subscription that is confirmed. */
async function subscribe(client: Client, params: readonly string[], id = 1): Promise<void> {
  client.send({ method: 'SUBSCRIBE', params, id })
  await client.next((message) => message['id'] === id)
}

type Params = Record<string, string | number>
/** Of an answer, whichever it is. */
interface Body {
  readonly code?: number
  readonly lastUpdateId: number
  readonly bids: [string, string][]
  readonly asks: [string, string][]
}
const query = (params: Params): string => new URLSearchParams(params as Record<string, string>).toString()
const hmac = (text: string): string => createHmac('sha256', secret).update(text).digest('hex')

/** A depth update of Spot, or with `pu` of futures. */
interface Change {
  readonly U: number
  readonly pu?: number
  readonly u: number
  readonly b: [string, string][]
  readonly a: [string, string][]
}

async function rest(venue: MockVenue, method: string, path: string, params: Params = {}, signed = true) {
  const text = query(signed ? { ...params, timestamp: Date.now() } : params)
  const signature = signed ? `&signature=${hmac(text)}` : ''
  const headers = signed ? { 'X-MBX-APIKEY': apiKey } : {}
  const response = await fetch(`${venue.origin}${path}?${text}${signature}`, { method, headers })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body }
}

let requests = 0
async function ask(client: Client, method: string, params: Params = {}, signed = true) {
  const id = `request-${requests++}`
  const complete = signed ? { ...params, apiKey, timestamp: Date.now() } : params
  const names = Object.keys(complete).sort() as (keyof typeof complete)[]
  const signature = hmac(names.map((name) => `${name}=${complete[name]}`).join('&'))
  client.send({ id, method, params: signed ? { ...complete, signature } : complete })
  return (await client.next((message) => message['id'] === id)) as {
    status: number
    result: Record<string, unknown>
    error?: { code: number; msg: string }
    rateLimits: { rateLimitType: string; count: number }[]
  }
}

const limit = {
  symbol: 'BTCUSDT',
  side: 'BUY',
  type: 'LIMIT',
  timeInForce: 'GTC',
  quantity: '0.500',
  price: '20000.00',
}

describe('streams', () => {
  it('send what is subscribed, byte for byte, and nothing else', async () => {
    const venue = await start()
    const combined = await connect(`${venue.urls['stream']}/stream`)
    const texts: string[] = []
    combined.socket.on('message', (data) => texts.push(String(data)))
    await subscribe(combined, ['btcusdt@depth@100ms', 'btcusdt@aggTrade'])
    await venue.finished
    const expected = records
      .flatMap((record) => (record.type === 'received' ? [String(Buffer.from(record.data))] : []))
      .filter((text) => /^\{"stream":"btcusdt@(depth@100ms|aggTrade)"/.test(text))
    await until(() => texts.length === expected.length + 1, 'all has come')
    expect(texts.slice(1)).toEqual(expected)
    expect(venue.unserved).toEqual([])
  })

  it('are raw below /ws, under the name that was asked for', async () => {
    const venue = await start()
    const client = await connect(`${venue.urls['stream']}/ws/ethusdt@depth`)
    await venue.finished
    const expected = recordedOf('ethusdt@depth@100ms').map((text) => JSON.parse(text).data)
    await until(() => client.received.length === expected.length, 'all has come')
    expect(client.received).toEqual(expected)
  })

  it('answer as documented, faults too', async () => {
    const venue = await start({ begin: 'manual', limits: false })
    const client = await connect(`${venue.urls['stream']}/ws`)
    const answer = async (message: object | string): Promise<unknown> => {
      const before = client.received.length
      client.send(message)
      await until(() => client.received.length > before, 'it has answered')
      return client.received[before]
    }
    expect(await answer({ method: 'SUBSCRIBE', params: ['btcusdt@trade'], id: 1 })).toEqual({ result: null, id: 1 })
    expect(await answer({ method: 'LIST_SUBSCRIPTIONS', id: 'a' })).toEqual({ result: ['btcusdt@trade'], id: 'a' })
    expect(await answer({ method: 'UNSUBSCRIBE', params: ['btcusdt@trade'], id: null })).toEqual({
      result: null,
      id: null,
    })
    expect(await answer({ method: 'LIST_SUBSCRIPTIONS', id: 3 })).toEqual({ result: [], id: 3 })
    expect(await answer({ method: 'GET_PROPERTY', params: ['combined'], id: 4 })).toEqual({ result: false, id: 4 })
    expect(await answer({ method: 'SET_PROPERTY', params: ['combined', true], id: 5 })).toEqual({ result: null, id: 5 })
    expect(await answer({ method: 'GET_PROPERTY', params: ['combined'], id: 6 })).toEqual({ result: true, id: 6 })
    expect(await answer({ method: 'SET_PROPERTY', params: ['combined', 1], id: 7 })).toEqual({
      error: { code: 1, msg: 'Invalid value type: expected Boolean' },
      id: 7,
    })
    expect(await answer({ method: 'GET_PROPERTY', params: ['x'], id: 8 })).toEqual({
      error: { code: 0, msg: 'Unknown property' },
      id: 8,
    })
    expect(await answer('{')).toMatchObject({ error: { code: 3 } })
    expect(await answer({ params: [] })).toMatchObject({
      error: { code: 2, msg: expect.stringContaining('missing field `method`') },
    })
    expect(await answer({ method: 'SUB', id: 9 })).toMatchObject({
      error: { code: 2, msg: expect.stringContaining('unknown variant `SUB`') },
    })
    expect(await answer({ method: 'SUBSCRIBE', params: ['btcusdt@trade'], id: 1.5 })).toMatchObject({
      error: { code: 2 },
    })
    expect(venue.unserved).toEqual(['btcusdt@trade'])
  })

  it('cut a connection that sends too much, and one that answers no pings', async () => {
    const venue = await start({ begin: 'manual', timeScale: 200 })
    const eager = await connect(`${venue.urls['stream']}/ws`)
    for (let id = 0; id < 200; id++) eager.send({ method: 'LIST_SUBSCRIPTIONS', id })
    await until(() => eager.closes.length === 1, 'it is cut')
    expect(eager.closes).toEqual([1008])
    expect(eager.received.length).toBeLessThan(200)
    const silent = await connect(`${venue.urls['stream']}/ws`, { autoPong: false })
    await until(() => silent.closes.length === 1, 'it is cut')
    expect(silent.reasons).toEqual(['Pong timeout'])
  })

  it('ping, and close after 24 hours of the venue', async () => {
    const venue = await start({ begin: 'manual', timeScale: 40_000, limits: false })
    const client = await connect(`${venue.urls['stream']}/ws`)
    let pings = 0
    client.socket.on('ping', () => pings++)
    await until(() => client.closes.length === 1, 'it is closed')
    expect(client.reasons).toEqual(['Connection lifetime'])
    expect(pings).toBeGreaterThan(10)
  })

  it('a book kept in the documented way ends as the recorded one, whenever the snapshot is asked for', async () => {
    for (const speed of [50, 100, 400]) {
      const venue = await start({ speed })
      const client = await connect(`${venue.urls['stream']}/ws`)
      await subscribe(client, ['btcusdt@depth@100ms'])
      await new Promise((resolve) => setTimeout(resolve, 5_000 / speed))
      const { body } = await rest(venue, 'GET', '/api/v3/depth', { symbol: 'BTCUSDT', limit: 5000 }, false)
      await venue.finished
      await until(
        () => client.received.filter((message) => message['e'] === 'depthUpdate').length === 100,
        'all has come',
      )
      const bids = new Map<string, string>(body.bids)
      const asks = new Map<string, string>(body.asks)
      let at = body.lastUpdateId
      for (const message of client.received) {
        const { e, U, u, b, a } = message as {
          e: string
          U: number
          u: number
          b: [string, string][]
          a: [string, string][]
        }
        if (e !== 'depthUpdate' || u <= at) continue
        expect(U).toBeLessThanOrEqual(at + 1)
        at = u
        for (const [side, changes] of [
          [bids, b],
          [asks, a],
        ] as const)
          for (const [price, size] of changes) Number(size) === 0 ? side.delete(price) : side.set(price, size)
      }
      const expected = finalBook(records, 'BTCUSDT')
      expect(at).toBe(expected.updateId)
      expect(new Map([...bids].sort())).toEqual(new Map([...expected.bids].sort()))
      expect(new Map([...asks].sort())).toEqual(new Map([...expected.asks].sort()))
    }
  })

  it("this package's feeds take it for the venue", async () => {
    const venue = await start()
    const rows: string[] = []
    for (const options of binance.market({ symbols: ['BTCUSDT'], url: venue.urls['stream'] })) {
      const feed = new Feed(options)
      onCleanUp(() => feed.close())
      feed.on('rows:ticker', (batch) => {
        for (const row of batch) rows.push(`${row.symbol} ${row.bid} ${row.ask}`)
      })
      await feed.open()
    }
    const expected = recordedOf('btcusdt@bookTicker')
      .map((text) => JSON.parse(text).data)
      .map(({ s, b, a }) => `${s} ${b} ${a}`)
    await until(() => rows.length === expected.length, 'all has come')
    expect(rows).toEqual(expected)
  })
})

describe('REST', () => {
  it('knows who asks, and when', async () => {
    const venue = await start()
    expect((await rest(venue, 'GET', '/api/v3/account')).status).toBe(200)
    const get = async (text: string, headers: Record<string, string>): Promise<unknown> => {
      const response = await fetch(`${venue.origin}/api/v3/account?${text}`, { headers })
      return [response.status, ((await response.json()) as { code: number }).code]
    }
    const key = { 'X-MBX-APIKEY': apiKey }
    const now = `timestamp=${Date.now()}`
    expect(await get(`${now}&signature=${hmac(now)}`, {})).toEqual([401, -2014])
    expect(await get(`${now}&signature=${hmac(now)}`, { 'X-MBX-APIKEY': 'another' })).toEqual([401, -2015])
    expect(await get(`${now}&signature=${hmac(`${now}0`)}`, key)).toEqual([400, -1022])
    expect(await get(now, key)).toEqual([400, -1102])
    const old = `timestamp=${Date.now() - 6_000}`
    expect(await get(`${old}&signature=${hmac(old)}`, key)).toEqual([400, -1021])
    const early = `timestamp=${Date.now() + 3_000}`
    expect(await get(`${early}&signature=${hmac(early)}`, key)).toEqual([400, -1021])
    const more = `${now}&surprise=1`
    expect(await get(`${more}&signature=${hmac(more)}`, key)).toEqual([400, -1104])
  })

  it('refuses orders as documented', async () => {
    const venue = await start({
      begin: 'manual',
      instruments: [{ symbol: 'BTCUSDT', tickSize: '0.01', lotSize: '0.001', minNotional: '5' }],
    })
    const code = async (change: Params, without: string[] = []): Promise<unknown> => {
      const params: Params = { ...limit, ...change }
      for (const name of without) delete params[name]
      return (await rest(venue, 'POST', '/api/v3/order', params)).body.code
    }
    expect(await code({ symbol: 'NOPE' })).toBe(-1121)
    expect(await code({ side: 'HOLD' })).toBe(-1117)
    expect(await code({ type: 'WISH' })).toBe(-1116)
    expect(await code({ timeInForce: 'GTX' })).toBe(-1115)
    expect(await code({}, ['price'])).toBe(-1102)
    expect(await code({}, ['timeInForce'])).toBe(-1102)
    expect(await code({ type: 'MARKET' }, ['timeInForce'])).toBe(-1106)
    expect(await code({ quantity: 'much' })).toBe(-1100)
    expect(await code({ quantity: '0.1234567891' })).toBe(-1111)
    expect(await code({ price: '20000.001' })).toBe(-1013)
    expect(await code({ quantity: '0.0005' })).toBe(-1013)
    expect(await code({ quantity: '0.001', price: '1.00' })).toBe(-1013)
    expect(await code({ quantity: '100', price: '20000' })).toBe(-2010)
    expect(await code({ newClientOrderId: 'with space' })).toBe(-1100)
    expect(await code({ type: 'LIMIT_MAKER', price: '90000.00' }, ['timeInForce'])).toBe(-2010)
    expect(await code({ newClientOrderId: 'same' })).toBeUndefined()
    expect(await code({ newClientOrderId: 'same' })).toBe(-2010)
    expect((await rest(venue, 'DELETE', '/api/v3/order', { symbol: 'BTCUSDT', orderId: 1 })).body.code).toBe(-2011)
    expect((await rest(venue, 'GET', '/api/v3/order', { symbol: 'BTCUSDT', orderId: 1 })).body.code).toBe(-2013)
    expect((await rest(venue, 'DELETE', '/api/v3/order', { symbol: 'BTCUSDT' })).body.code).toBe(-1102)
    expect(venue.account(apiKey).openOrders).toBe(1)
  })

  it('counts weight, refuses beyond it, and bans who goes on', async () => {
    let now = Math.floor(Date.now() / 60_000) * 60_000
    const venue = await start({ now: () => now })
    const ask = () => rest(venue, 'GET', '/api/v3/exchangeInfo', {}, false)
    let used = 0
    for (; used < 6_000; used += 20) {
      const { status, headers } = await ask()
      expect([status, headers.get('x-mbx-used-weight-1m')]).toEqual([200, String(used + 20)])
    }
    const refused = await ask()
    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([429, -1003, '60'])
    now += 60_000
    expect((await ask()).status).toBe(200)
    for (let i = 0; i < 330; i++) await ask()
    const banned = await ask()
    expect([banned.status, banned.headers.get('retry-after')]).toEqual([418, '120'])
    now += 121_000
    expect((await ask()).status).toBe(200)
  })

  it('writes order ids beyond 2^53 digit by digit, and our desk keeps them', async () => {
    const venue = await start({ begin: 'manual', firstOrderId: 9_007_199_254_740_993n })
    const desk = binance.trading({ key: apiKey, secret, endpoints: [venue.origin] })
    onCleanUp(() => desk.close())
    const placed = await desk.place({ symbol: 'BTCUSDT', side: 'buy', type: 'limit', price: '20000.00', size: '0.500' })
    expect(placed).toMatchObject({ orderId: '9007199254740993', status: 'open', filled: '0.00000000' })
    expect(await desk.openOrders('BTCUSDT')).toHaveLength(1)
    expect(await desk.amend({ symbol: 'BTCUSDT', clientOrderId: placed.clientOrderId, size: '0.400' })).toMatchObject({
      status: 'open',
      size: '0.40000000',
    })
    expect(await desk.cancel({ symbol: 'BTCUSDT', clientOrderId: placed.clientOrderId })).toMatchObject({
      status: 'canceled',
    })
    const bought = await desk.place({ symbol: 'BTCUSDT', side: 'buy', type: 'market', size: '0.001' })
    expect(bought).toMatchObject({ status: 'filled', filled: '0.00100000' })
    expect(venue.account(apiKey).balances['BTC']).toEqual({ free: '10.001', locked: '0' })
  })
})

describe('the WebSocket API', () => {
  it('places, cancels, and tells of it on a private stream', async () => {
    const venue = await start({ begin: 'manual' })
    const client = await connect(venue.urls['wsApi'] as string)
    const { result } = await ask(client, 'userDataStream.subscribe.signature')
    expect(result).toEqual({ subscriptionId: 0 })
    expect((await ask(client, 'userDataStream.subscribe.signature')).error?.code).toBe(-2035)
    const placed = await ask(client, 'order.place', { ...limit, newClientOrderId: 'one' })
    expect(placed).toMatchObject({ status: 200, result: { clientOrderId: 'one', status: 'NEW', fills: [] } })
    expect(placed.rateLimits.map(({ rateLimitType }) => rateLimitType)).toEqual(['ORDERS', 'ORDERS', 'REQUEST_WEIGHT'])
    const { orderId } = placed.result
    expect(await ask(client, 'order.status', { symbol: 'BTCUSDT', orderId: orderId as number })).toMatchObject({
      result: { status: 'NEW', isWorking: true },
    })
    expect(
      await ask(client, 'order.amend.keepPriority', {
        symbol: 'BTCUSDT',
        orderId: orderId as number,
        newQty: '0.3',
        newClientOrderId: 'two',
      }),
    ).toMatchObject({ result: { amendedOrder: { qty: '0.30000000', origClientOrderId: 'one', clientOrderId: 'two' } } })
    expect(await ask(client, 'order.cancel', { symbol: 'BTCUSDT', origClientOrderId: 'two' })).toMatchObject({
      result: { status: 'CANCELED', origClientOrderId: 'two' },
    })
    const events = () =>
      client.received
        .filter((message) => message['subscriptionId'] === 0)
        .map((message) => message['event'] as Record<string, unknown>)
    await until(() => events().length === 6, 'all is told')
    const reports = events().filter(({ e }) => e === 'executionReport')
    expect(reports.map(({ x, X, c, C, q }) => [x, X, c === '' ? '' : x === 'CANCELED' ? '' : c, C, q])).toEqual([
      ['NEW', 'NEW', 'one', '', '0.50000000'],
      ['REPLACED', 'NEW', 'two', 'one', '0.30000000'],
      ['CANCELED', 'CANCELED', '', 'two', '0.30000000'],
    ])
    const positions = events().filter(({ e }) => e === 'outboundAccountPosition')
    expect(positions.map(({ B }) => (B as { a: string; l: string }[]).find(({ a }) => a === 'USDT')?.l)).toEqual([
      '10000.00000000',
      '6000.00000000',
      '0.00000000',
    ])
    venue.deposit(apiKey, 'USDT', '12.5')
    expect(
      await client.next(
        (message) => (message['event'] as Record<string, unknown> | undefined)?.['e'] === 'balanceUpdate',
      ),
    ).toMatchObject({ event: { a: 'USDT', d: '12.50000000' } })
    expect(await ask(client, 'userDataStream.unsubscribe', {}, false)).toMatchObject({ status: 200, result: {} })
    await client.next(
      (message) => (message['event'] as Record<string, unknown> | undefined)?.['e'] === 'eventStreamTerminated',
    )
  })

  it('logs on with Ed25519 keys only, and asks no more signatures then', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const venue = await start({
      begin: 'manual',
      accounts: [
        { apiKey: 'ed', publicKey, balances: { USDT: '50000' } },
        { apiKey, secret },
      ],
    })
    const client = await connect(venue.urls['wsApi'] as string)
    expect((await ask(client, 'session.logon')).error?.code).toBe(-4056)
    expect(await ask(client, 'userDataStream.subscribe', {}, false)).toMatchObject({ status: 401 })
    const params = { apiKey: 'ed', timestamp: Date.now() }
    const signature = signWith(null, Buffer.from(query(params)), privateKey).toString('base64')
    expect(await ask(client, 'session.logon', { ...params, signature }, false)).toMatchObject({
      status: 200,
      result: { apiKey: 'ed' },
    })
    expect(await ask(client, 'userDataStream.subscribe', {}, false)).toMatchObject({ result: { subscriptionId: 0 } })
    expect(await ask(client, 'order.place', { ...limit, timestamp: Date.now() }, false)).toMatchObject({ status: 200 })
    expect(await ask(client, 'session.status', {}, false)).toMatchObject({
      result: { apiKey: 'ed', userDataStream: true },
    })
    expect(await ask(client, 'session.logout', {}, false)).toMatchObject({
      result: { apiKey: null, userDataStream: false },
    })
    expect((await ask(client, 'openOrders.status', { timestamp: Date.now() }, false)).error?.code).toBe(-1102)
  })

  it('fills what rests when the market comes to it, as its maker', async () => {
    const venue = await start({ begin: 'manual', makerFee: '0.001' })
    const client = await connect(venue.urls['wsApi'] as string)
    await ask(client, 'userDataStream.subscribe.signature')
    await ask(client, 'order.place', { ...limit, newClientOrderId: 'rests' })
    venue.setLevels('BTCUSDT', { asks: [['19999.00', '0.2']] })
    venue.setLevels('BTCUSDT', { asks: [['19998.00', '5']] })
    const fills = () =>
      client.received
        .map((message) => message['event'] as Record<string, unknown>)
        .filter((event) => event?.['x'] === 'TRADE')
    await until(() => fills().length === 2, 'both fills are told')
    expect(fills().map(({ X, l, z, L, m, n, N }) => [X, l, z, L, m, n, N])).toEqual([
      ['PARTIALLY_FILLED', '0.20000000', '0.20000000', '20000.00000000', true, '0.00020000', 'BTC'],
      ['FILLED', '0.30000000', '0.50000000', '20000.00000000', true, '0.00030000', 'BTC'],
    ])
    expect(venue.account(apiKey)).toEqual({
      balances: expect.objectContaining({
        BTC: { free: '10.4995', locked: '0' },
        USDT: { free: '990000', locked: '0' },
      }),
      openOrders: 0,
    })
  })

  it('says what is wrong with requests that are none', async () => {
    const venue = await start({ begin: 'manual' })
    const client = await connect(venue.urls['wsApi'] as string)
    client.send('{')
    expect(await client.next((message) => message['id'] === null)).toMatchObject({
      status: 400,
      error: { code: -1135 },
    })
    expect((await ask(client, 'no.such', {}, false)).error?.code).toBe(-1020)
    expect((await ask(client, 'order.place', limit, false)).error?.code).toBe(-1102)
    expect(await ask(client, 'depth', { symbol: 'BTCUSDT', limit: 2 }, false)).toMatchObject({
      status: 200,
      result: { lastUpdateId: 1_000 },
    })
  })
})

describe('what goes wrong on purpose', () => {
  it('drops, doubles, reorders and damages messages, the same in every run', async () => {
    const run = async (): Promise<string[]> => {
      const venue = await start({
        begin: 'manual',
        chaos: { seed: 3, drop: 0.1, duplicate: 0.1, reorder: 0.1, corrupt: 0.1 },
      })
      const client = await connect(`${venue.urls['stream']}/stream`)
      const texts: string[] = []
      await subscribe(client, ['btcusdt@depth@100ms'])
      client.socket.removeAllListeners('message')
      client.socket.on('message', (data) => texts.push(String(data)))
      venue.play()
      await venue.finished
      const { dropped, doubled, reordered, corrupted, sent } = venue.stats()
      for (const count of [dropped, doubled, reordered, corrupted]) expect(count).toBeGreaterThan(2)
      await until(() => texts.length === sent - 1, 'all has come')
      const known = new Set(recordedOf('btcusdt@depth@100ms'))
      expect(texts.filter((text) => !known.has(text))).toHaveLength(corrupted)
      return texts
    }
    expect(await run()).toEqual(await run())
  })

  it('stalls, shuts down, bans, and is away for maintenance', async () => {
    const venue = await start({ begin: 'manual' })
    const client = await connect(`${venue.urls['stream']}/stream?streams=btcusdt@bookTicker`)
    venue.stall(300)
    const before = performance.now()
    venue.setLevels('BTCUSDT', { bids: [['100.00', '1']] })
    await client.next((message) => message['stream'] === 'btcusdt@bookTicker')
    expect(performance.now() - before).toBeGreaterThan(250)
    venue.serverShutdown(100)
    expect(await client.next((message) => message['stream'] === '!serverShutdown')).toMatchObject({
      data: { e: 'serverShutdown' },
    })
    await until(() => client.closes.length === 1, 'it is closed')
    expect(client.closes).toEqual([1001])
    venue.ban(300)
    const banned = await rest(venue, 'GET', '/api/v3/time', {}, false)
    expect([banned.status, banned.body.code]).toEqual([418, -1003])
    await expect(connect(`${venue.urls['stream']}/ws`)).rejects.toThrow('418')
    venue.maintenance(200)
    expect((await rest(venue, 'GET', '/api/v3/time', {}, false)).status).toBe(503)
    await new Promise((resolve) => setTimeout(resolve, 350))
    expect((await rest(venue, 'GET', '/api/v3/time', {}, false)).status).toBe(200)
  })

  it('loses requests and answers; the desk finds out what became of its orders', async () => {
    const fates = ['requestLost', 'answerLost', 'answered', { lateMs: 50 }] as const
    const venue = await start({
      begin: 'manual',
      limits: false,
      chaos: { fate: ({ number }: { number: number }) => fates[number % fates.length] },
    })
    const desk = binance.trading({ key: apiKey, secret, recvWindow: 80, endpoints: [venue.origin] })
    onCleanUp(() => desk.close())
    for (let i = 0; i < 8; i++)
      await desk.place({
        symbol: 'BTCUSDT',
        side: 'buy',
        type: 'limit',
        price: '20000.00',
        size: '0.100',
        clientOrderId: `order-${i}`,
      })
    const open = await desk.openOrders('BTCUSDT')
    expect(open.map(({ clientOrderId }) => clientOrderId).sort()).toEqual([...Array(8).keys()].map((i) => `order-${i}`))
  })
})

const captures = fileURLToPath(new URL('../../../shared/captures/', import.meta.url))
const isDemanded = process.env['TICKWIRE_REQUIRE_CAPTURES'] === '1'

describe.skipIf(!existsSync(captures) && !isDemanded)('recordings (skipped without ../shared/captures)', () => {
  it.each([
    ['BINANCE', '/api/v3/depth'],
    ['BINANCE_US', '/api/v3/depth'],
    ['BINANCE_FUTURES', '/fapi/v1/depth'],
  ])('%s: a book kept by a client is the book that REST tells at the end', async (name, path) => {
    const venue = await start({ capture: [`${captures}${name}.ws.1.0`, `${captures}${name}.http.0.0`], limits: false })
    const client = await connect(`${venue.urls['stream']}/ws`)
    const symbols = venue.symbols
    expect(symbols).toHaveLength(4)
    const before = new Map<string, Body>()
    for (const symbol of symbols)
      before.set(symbol, (await rest(venue, 'GET', path, { symbol, limit: 5000 }, false)).body)
    await subscribe(
      client,
      symbols.map((symbol) => `${symbol.toLowerCase()}@depth@100ms`),
    )
    await venue.finished
    for (const symbol of symbols) {
      const { body } = await rest(venue, 'GET', path, { symbol, limit: 5000 }, false)
      const isIt = ({ s }: Record<string, unknown>): boolean => s === symbol
      await until(
        () => (client.received.filter(isIt).at(-1)?.['u'] as number) >= body.lastUpdateId,
        'the last has come',
      )
      const first = before.get(symbol)
      const bids = new Map(first?.bids)
      const asks = new Map(first?.asks)
      let at = first?.lastUpdateId ?? 0
      for (const { U, pu, u, b, a } of client.received.filter(isIt) as unknown as Change[]) {
        if (u <= at) continue
        // The first may begin before the snapshot.
        expect(pu ?? U - 1).toBeLessThanOrEqual(at)
        at = u
        for (const [side, changes] of [
          [bids, b],
          [asks, a],
        ] as const)
          for (const [price, size] of changes) Number(size) === 0 ? side.delete(price) : side.set(price, size)
      }
      expect(at).toBe(body.lastUpdateId)
      expect(new Map([...bids].sort())).toEqual(new Map(body.bids.sort()))
      expect(new Map([...asks].sort())).toEqual(new Map(body.asks.sort()))
    }
  })
})

describe('starting', () => {
  it('says what is missing where `ws` is not installed', () => {
    const program = `
      import { registerHooks } from 'node:module'
      registerHooks({ resolve: (name, context, next) => next(name === 'ws' ? 'a-package-that-is-not-there' : name, context) })
      const { MockVenue } = await import(${JSON.stringify(new URL('../../dist/esm/mock/index.js', import.meta.url).href)})
      await MockVenue.start({ venue: 'binance' }).catch(({ code, message }) => console.log(code, message))`
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' })
    expect(stdout).toMatch(/^ERR_MOCK_WS_MISSING .*npm install ws/)
  })

  it.each([
    [{ venue: 'moon' }, 'venue'],
    [{ venue: 'binance', speed: 0 }, 'speed'],
    [{ venue: 'binance', chaos: { drop: 2 } }, 'chaos.drop'],
    [{ venue: 'binance', chaos: { drop: 0.6, corrupt: 0.6 } }, 'chaos'],
    [{ venue: 'binance', accounts: [{ apiKey: 'x' }] }, 'accounts'],
    [{ venue: 'binance', accounts: [{ apiKey: 'x', secret: 'y', balances: { USDT: '-1' } }] }, 'accounts'],
    [{ venue: 'binance', surprise: 1 }, 'surprise'],
  ])('refuses %j', async (options, field) => {
    await expect(MockVenue.start(options as never)).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_TICKWIRE_CONFIG', message: expect.stringContaining(field) }),
    )
  })

  it('says what is wrong with a capture or an address', async () => {
    await expect(MockVenue.start({ venue: 'binance', capture: '/nowhere' })).rejects.toMatchObject({
      code: 'ERR_CAPTURE_OPEN',
    })
    const other: CaptureRecord[] = [
      { type: 'open', timeNs: 0n, connection: 0, url: 'wss://ws.kraken.com' },
      { type: 'received', timeNs: 0n, connection: 0, binary: false, data: Buffer.from('{}') },
    ]
    await expect(MockVenue.start({ venue: 'binance', capture: other })).rejects.toMatchObject({
      code: 'ERR_MOCK_CAPTURE',
    })
    await expect(MockVenue.start({ venue: 'binance', capture: records, maxBytes: 1_024 })).rejects.toMatchObject({
      code: 'ERR_MOCK_CAPTURE',
    })
    const venue = await start()
    await expect(MockVenue.start({ venue: 'binance', port: Number(new URL(venue.origin).port) })).rejects.toMatchObject(
      { code: 'ERR_MOCK_LISTEN' },
    )
    await venue.close()
    expect(() => venue.origin).toThrow(expect.objectContaining({ code: 'ERR_MOCK_CLOSED' }))
  })
})
