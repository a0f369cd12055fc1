import { createHmac, createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { exponential, type Rest, type RestError } from '../../dist/esm/rest/index.js'
import { binance, binanceUsdm } from '../../dist/esm/venue/binance/index.js'
import { bybit } from '../../dist/esm/venue/bybit/index.js'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { FixedClock, type Recorded, record } from './recorder.ts'

afterEach(cleanUp)

function closing(rest: Rest): Rest {
  onCleanUp(() => rest.close({ force: true }))
  return rest
}

async function failure(promise: Promise<unknown>): Promise<RestError> {
  try {
    await promise
  } catch (error) {
    return error as RestError
  }
  throw new Error('did not fail')
}

const base64Secret = Buffer.from('secret').toString('base64')
const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  type: 'sec1',
  format: 'pem',
}) as string

describe('signatures that the venues document, over the wire', () => {
  it.each([
    ['LTCBTC', 'c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71'],
    ['１２３４５６', 'e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3'],
  ])('Binance, %s', async (symbol, signature) => {
    const recorder = await record()
    const rest = closing(
      binance.rest({
        key: 'vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A',
        secret: 'NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j',
        clock: new FixedClock(1_499_827_319_559),
        endpoints: [recorder.origin],
      }),
    )
    const query = { symbol, side: 'BUY', type: 'LIMIT', timeInForce: 'GTC', quantity: '1', price: '0.1' }
    await rest.post('/api/v3/order', { query })
    expect(recorder.requests.at(-1)?.url).toContain(`&timestamp=1499827319559&signature=${signature}`)
  })

  it('Binance, the parameters in the body', async () => {
    const recorder = await record()
    const rest = closing(
      binance.rest({ key: 'k', secret: 'shh', clock: new FixedClock(5), endpoints: [recorder.origin] }),
    )
    await rest.post('/api/v3/order', { form: { symbol: 'A', quantity: '1' } })
    const { url, body } = recorder.requests.at(-1) as Recorded
    expect(body).toBe('symbol=A&quantity=1')
    // What is signed is the query and then the body, without anything between them.
    const signature = createHmac('sha256', 'shh').update(`recvWindow=5000&timestamp=5${body}`).digest('hex')
    expect(url).toBe(`/api/v3/order?recvWindow=5000&timestamp=5&signature=${signature}`)
  })

  it('Kraken', async () => {
    const recorder = await record(() => ({ body: { error: [], result: {} } }))
    const rest = closing(
      kraken.rest({
        key: 'k',
        secret: 'kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==',
        nonce: () => 1_616_492_376_594,
        endpoints: [recorder.origin],
      }),
    )
    await rest.post('/0/private/AddOrder', {
      form: { ordertype: 'limit', pair: 'XBTUSD', price: '37500', type: 'buy', volume: '1.25' },
    })
    expect(recorder.requests.at(-1)?.headers['api-sign']).toBe(
      '4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==',
    )
  })

  it('Coinbase: a token for this request alone, that its public key verifies', async () => {
    const recorder = await record()
    const key = 'organizations/a/apiKeys/b'
    const rest = closing(
      coinbase.rest({ key, privateKey: pem, clock: new FixedClock(1_783_000_000_999), endpoints: [recorder.origin] }),
    )
    await rest.get('/api/v3/brokerage/orders/historical/batch', { query: { order_status: 'OPEN' } })
    await rest.post('/api/v3/brokerage/orders', { json: { product_id: 'BTC-USD' } })
    const asked = recorder.requests.filter(({ headers }) => headers.authorization !== undefined)
    expect(asked).toHaveLength(2)
    const nonces = new Set<string>()
    for (const { method, url, headers } of asked) {
      const token = headers.authorization?.replace('Bearer ', '') ?? ''
      const [head = '', claims = '', signature = ''] = token.split('.')
      const read = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, 'base64url').toString())
      const signed = Buffer.from(`${head}.${claims}`)
      const publicKey = { key: createPublicKey(pem), dsaEncoding: 'ieee-p1363' as const }
      expect(verify('sha256', signed, publicKey, Buffer.from(signature, 'base64url'))).toBe(true)
      expect(read(head)).toMatchObject({ alg: 'ES256', typ: 'JWT', kid: key })
      nonces.add(String(read(head)['nonce']))
      expect(read(claims)).toEqual({
        sub: key,
        iss: 'cdp',
        nbf: 1_783_000_000,
        exp: 1_783_000_120,
        uri: `${method} ${recorder.origin.replace('http://', '')}${url.split('?')[0]}`,
      })
    }
    expect(nonces.size).toBe(2)
  })
})

describe('the venue as data', () => {
  it('has https endpoints without paths, production among them, and its limits', () => {
    for (const venue of [binance, binanceUsdm, bybit, okx, kraken, coinbase]) {
      expect(Object.isFrozen(venue)).toBe(true)
      expect(venue.profiles).toHaveProperty('production')
      for (const { endpoints } of Object.values(venue.profiles)) {
        expect(endpoints.length).toBeGreaterThan(0)
        for (const url of endpoints) expect(new URL(url).origin).toBe(url)
      }
      expect(venue.policy.limits().length).toBeGreaterThan(0)
    }
  })

  it('asks for everything public without a key, and signs nothing', async () => {
    const recorder = await record()
    for (const open of [binance.rest, binanceUsdm.rest, bybit.rest, okx.rest, kraken.rest, coinbase.rest]) {
      const rest = closing(open({ endpoints: [recorder.origin] }))
      await rest.get('/public', { query: { a: 'b' } }).catch(() => {})
    }
    const asked = recorder.requests.filter(({ url }) => url.startsWith('/public'))
    expect(asked).toHaveLength(6)
    for (const { url, headers } of asked) {
      expect(url).toBe('/public?a=b')
      expect(Object.keys(headers).filter((name) => /^(x-|ok-|api-|authorization)/.test(name))).toEqual([])
    }
  })

  it('demo accounts of OKX are told from real ones by a header, next to headers of the caller', async () => {
    const recorder = await record(() => ({ body: { code: '0', data: [] } }))
    const rest = closing(
      okx.rest({ profile: 'demo', endpoints: [recorder.origin], http: { headers: { 'x-mine': 'yes' } } }),
    )
    await rest.get('/api/v5/public/instruments')
    const { headers } = recorder.requests.at(-1) as Recorded
    expect(headers['x-simulated-trading']).toBe('1')
    expect(headers['x-mine']).toBe('yes')
  })

  it('refuses what is wrong, naming it and showing no secret', () => {
    const wrong: [() => unknown, string][] = [
      [() => binance.rest({ secret: 'hidden' }), 'key'],
      [() => binance.rest({ key: 'k' }), 'secret'],
      [() => binance.rest({ profile: 'moon' as never }), 'profile'],
      [() => binance.rest({ profile: 'toString' as never }), 'profile'],
      [() => binanceUsdm.rest({ profile: 'marketData' as never }), 'profile'],
      [() => bybit.rest({ key: 'k', secret: 'hidden', recvWindow: 0 }), 'recvWindow'],
      [() => okx.rest({ key: 'k', secret: 'hidden' }), 'passphrase'],
      [() => okx.rest({ passphrase: 'hidden' }), 'key'],
      [() => kraken.rest({ key: 'k' }), 'secret'],
      [() => coinbase.rest({ key: 'k' }), 'privateKey'],
      [() => coinbase.rest({ privateKey: pem }), 'key'],
      [() => kraken.rest({ endpoints: [] }), 'endpoints'],
      [() => kraken.rest({ surprise: 1 } as never), 'surprise'],
    ]
    for (const [attempt, field] of wrong) {
      expect(attempt).toThrow(expect.objectContaining({ code: 'ERR_TICKWIRE_CONFIG' }))
      expect(attempt).toThrow(new RegExp(`\\b${field}\\b`))
      expect(attempt).not.toThrow(/hidden|PRIVATE KEY/)
    }
  })
})

describe('the time of the venue', () => {
  const ahead = 3_600_000
  it.each<[string, (origin: string) => Rest, string, (now: number) => unknown]>([
    ['Binance', (o) => binance.rest({ endpoints: [o] }), '/api/v3/time', (now) => ({ serverTime: now })],
    ['Binance USD-M', (o) => binanceUsdm.rest({ endpoints: [o] }), '/fapi/v1/time', (now) => ({ serverTime: now })],
    [
      'Bybit',
      (o) => bybit.rest({ endpoints: [o] }),
      '/v5/market/time',
      (now) => ({ retCode: 0, result: { timeSecond: String(Math.floor(now / 1e3)), timeNano: `${now}000000` } }),
    ],
    [
      'OKX',
      (o) => okx.rest({ endpoints: [o] }),
      '/api/v5/public/time',
      (now) => ({ code: '0', data: [{ ts: `${now}` }] }),
    ],
    [
      'Coinbase',
      (o) => coinbase.rest({ endpoints: [o] }),
      '/api/v3/brokerage/time',
      (now) => ({ iso: new Date(now).toISOString(), epochSeconds: `${Math.floor(now / 1e3)}`, epochMillis: `${now}` }),
    ],
  ])('%s', async (_name, open, path, body) => {
    const recorder = await record(({ url }) => ({ body: url === path ? body(Date.now() + ahead) : {} }))
    const rest = closing(open(recorder.origin))
    await rest.ready()
    expect(Math.abs(rest.clock.ms - ahead)).toBeLessThan(500)
  })
})

describe('limits', () => {
  it('Binance: an account that others have used up is waited for, by the header of the answer', async () => {
    const recorder = await record()
    const rest = closing(binance.rest({ endpoints: [recorder.origin], queue: { wait: 0 } }))
    await rest.get('/api/v3/depth', { weight: 5_000 })
    expect(await failure(rest.get('/api/v3/depth', { weight: 500 }))).toMatchObject({ mayHaveExecuted: false })
    // The limit holds back a share for cancels.
    await rest.delete('/api/v3/openOrders', { weight: 500 })
  })

  it('Binance USD-M: 300 orders in ten seconds, on the clock', async () => {
    const recorder = await record()
    const rest = closing(binanceUsdm.rest({ endpoints: [recorder.origin], queue: { wait: 0 } }))
    await rest.post('/fapi/v1/order', { count: 300 })
    const refused = await failure(rest.post('/fapi/v1/order'))
    expect(refused.code).toMatch(/^ERR_RATE_LIMIT/)
    expect(refused.retryAfterMs).toBeLessThanOrEqual(10_500)
  })
})

describe('what the venue says', () => {
  it.each<[string, (origin: string) => Rest, number, unknown, object]>([
    [
      'a ban of Binance',
      (o) => binance.rest({ endpoints: [o] }),
      418,
      { code: -1003, msg: `Way too much request weight used; IP banned until ${Date.now() + 600_000}.` },
      { code: 'ERR_REST_BANNED', mayHaveExecuted: false },
    ],
    [
      'a duplicate of Binance USD-M',
      (o) => binanceUsdm.rest({ endpoints: [o] }),
      400,
      { code: -4116, msg: 'ClientOrderId is duplicated.' },
      { code: 'ERR_REST_DUPLICATE', venueCode: '-4116' },
    ],
    [
      'unknown fate on Binance USD-M',
      (o) => binanceUsdm.rest({ endpoints: [o] }),
      503,
      { code: -1000, msg: 'Unknown error, please check your request or try again later.' },
      { code: 'ERR_REST_UNKNOWN', mayHaveExecuted: true },
    ],
    [
      'unknown fate on Binance',
      (o) => binance.rest({ endpoints: [o] }),
      400,
      { code: -1007, msg: 'Timeout waiting for response from backend server.' },
      { code: 'ERR_REST_UNKNOWN', mayHaveExecuted: true },
    ],
    [
      'a refusal of Bybit, with status 200',
      (o) => bybit.rest({ endpoints: [o] }),
      200,
      { retCode: 170131, retMsg: 'Balance insufficient' },
      { code: 'ERR_REST_REFUSED', venueCode: '170131', mayHaveExecuted: false },
    ],
    [
      'a ban of Bybit',
      (o) => bybit.rest({ endpoints: [o] }),
      403,
      {},
      { code: 'ERR_REST_BANNED', mayHaveExecuted: false },
    ],
    [
      'an order that OKX refuses, inside an answer',
      (o) => okx.rest({ endpoints: [o] }),
      200,
      { code: '1', msg: '', data: [{ sCode: '51008', sMsg: 'Insufficient balance' }] },
      { code: 'ERR_REST_REFUSED', venueCode: '51008', venueMessage: 'Insufficient balance' },
    ],
    [
      'a refusal of Kraken',
      (o) => kraken.rest({ endpoints: [o] }),
      200,
      { error: ['EOrder:Insufficient funds'] },
      { code: 'ERR_REST_REFUSED', venueCode: 'EOrder:Insufficient funds' },
    ],
    [
      'a refusal of Coinbase',
      (o) => coinbase.rest({ endpoints: [o] }),
      200,
      { success: false, error_response: { error: 'INSUFFICIENT_FUND', message: 'Insufficient balance' } },
      { code: 'ERR_REST_REFUSED', venueCode: 'INSUFFICIENT_FUND' },
    ],
  ])('%s', async (_name, open, status, body, expected) => {
    const recorder = await record(({ method }) => (method === 'POST' ? { status, body } : { body: {} }))
    expect(await failure(closing(open(recorder.origin)).post('/order', { json: {} }))).toMatchObject(expected)
    expect(recorder.requests.filter(({ method }) => method === 'POST')).toHaveLength(1)
  })
})

describe('orders of unknown fate', () => {
  /** A venue that executes what it is sent and loses its answer; `show` answers questions. */
  async function losing(
    path: string,
    show: (request: Recorded, executed: boolean) => { status?: number; body: unknown },
  ): Promise<{ origin: string; orders: () => number; questions: () => string[] }> {
    let orders = 0
    const questions: string[] = []
    const recorder = await record((request) => {
      if (request.method === 'POST' && request.url.split('?')[0] === path) {
        orders++
        return { status: 504, body: 'gateway' }
      }
      if (request.url.endsWith('/time')) return { body: {} }
      questions.push(`${request.method} ${request.url.split('?')[0]}`)
      return show(request, orders > 0)
    })
    return { origin: recorder.origin, orders: () => orders, questions: () => questions }
  }

  const retry = { backoff: exponential({ first: 1, max: 5, retries: 2 }), settle: 20, visibleAfter: 5 }

  it('Binance finds it by its client id', async () => {
    const venue = await losing('/api/v3/order', ({ url }) => {
      expect(url).toContain('symbol=BTCUSDT&origClientOrderId=mine&')
      return { body: { status: 'NEW', clientOrderId: 'mine' } }
    })
    const rest = closing(binance.rest({ key: 'k', secret: 's', endpoints: [venue.origin] }))
    const response = await rest.post('/api/v3/order', {
      query: { symbol: 'BTCUSDT', newClientOrderId: 'mine' },
      idempotencyKey: 'mine',
    })
    expect(response.found).toBe(true)
    expect(venue.orders()).toBe(1)
    expect(venue.questions()).toEqual(['GET /api/v3/order'])
  })

  it('Binance USD-M: it is not there until its validity is over, and only then sent again', async () => {
    const venue = await losing('/fapi/v1/order', () => ({
      status: 400,
      body: { code: -2013, msg: 'Order does not exist.' },
    }))
    const rest = closing(binanceUsdm.rest({ key: 'k', secret: 's', endpoints: [venue.origin], retry: retry }))
    const refused = await failure(
      rest.post('/fapi/v1/order', {
        form: { symbol: 'BTCUSDT', newClientOrderId: 'mine' },
        idempotencyKey: 'mine',
        validMs: 60,
      }),
    )
    expect(refused).toMatchObject({ attempt: 3, mayHaveExecuted: false })
    expect(venue.orders()).toBe(3)
    expect(venue.questions().length).toBeGreaterThanOrEqual(3)
  })

  it('Bybit asks among open orders, ended ones and in the history', async () => {
    const found: Record<string, string[]> = {}
    for (const where of ['openOnly=0', 'openOnly=1', 'history'] as const) {
      const venue = await losing('/v5/order/create', ({ url }) => {
        const list = url.includes(where) ? [{ orderLinkId: 'mine', orderStatus: 'Filled' }] : []
        return { body: { retCode: 0, result: { list } } }
      })
      const rest = closing(bybit.rest({ key: 'k', secret: 's', endpoints: [venue.origin] }))
      const json = { category: 'spot', symbol: 'BTCUSDT', orderLinkId: 'mine' }
      const response = await rest.post('/v5/order/create', { json, idempotencyKey: 'mine' })
      expect(response.found).toBe(true)
      expect(venue.orders()).toBe(1)
      found[where] = venue.questions()
    }
    const realtime = 'GET /v5/order/realtime'
    expect(found).toEqual({
      'openOnly=0': [realtime],
      'openOnly=1': [realtime, realtime],
      history: [realtime, realtime, 'GET /v5/order/history'],
    })
  })

  it('OKX', async () => {
    const venue = await losing('/api/v5/trade/order', () => ({ body: { code: '0', data: [{ state: 'live' }] } }))
    const rest = closing(okx.rest({ key: 'k', secret: 's', passphrase: 'p', endpoints: [venue.origin] }))
    const json = { instId: 'BTC-USDT', clOrdId: 'mine' }
    expect((await rest.post('/api/v5/trade/order', { json, idempotencyKey: 'mine' })).found).toBe(true)
    expect(venue.orders()).toBe(1)
  })

  it('OKX: absent counts once the 30 seconds for which a request is valid are over, not before', async () => {
    const venue = await losing('/api/v5/trade/order', () => ({ body: { code: '51603', msg: 'Order does not exist' } }))
    const rest = closing(
      okx.rest({
        key: 'k',
        secret: 's',
        passphrase: 'p',
        endpoints: [venue.origin],
        retry: { ...retry, certainty: 1_500 },
      }),
    )
    const json = { instId: 'BTC-USDT', clOrdId: 'mine' }
    expect(await failure(rest.post('/api/v5/trade/order', { json, idempotencyKey: 'mine' }))).toMatchObject({
      code: 'ERR_REST_LOOKUP',
      mayHaveExecuted: true,
    })
    expect(venue.orders()).toBe(1)
  })

  it('Kraken asks among open orders and closed ones', async () => {
    const venue = await losing('/0/private/AddOrder', ({ url, body }) => {
      expect(body).toMatch(/^nonce=\d+&cl_ord_id=mine$/)
      return { body: { error: [], result: url.endsWith('OpenOrders') ? { open: {} } : { closed: { 'O-1': {} } } } }
    })
    const rest = closing(kraken.rest({ key: 'k', secret: base64Secret, endpoints: [venue.origin] }))
    const form = { pair: 'XBTUSD', cl_ord_id: 'mine' }
    expect((await rest.post('/0/private/AddOrder', { form, idempotencyKey: 'mine' })).found).toBe(true)
    expect(venue.orders()).toBe(1)
    expect(venue.questions()).toEqual(['POST /0/private/OpenOrders', 'POST /0/private/ClosedOrders'])
  })

  it('is not looked up where the request does not say of what instrument it is', async () => {
    const venue = await losing('/api/v3/order', () => ({ body: {} }))
    const rest = closing(
      binance.rest({ key: 'k', secret: 's', endpoints: [venue.origin], retry: { ...retry, lookups: 2 } }),
    )
    const refused = await failure(rest.post('/api/v3/order', { query: { newClientOrderId: 'm' }, idempotencyKey: 'm' }))
    expect(refused).toMatchObject({ code: 'ERR_REST_LOOKUP', mayHaveExecuted: true })
    expect(venue.questions()).toEqual([])
    expect(venue.orders()).toBe(1)
  })
})
