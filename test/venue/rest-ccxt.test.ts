/** What leaves for a venue, compared with what ccxt would send at the same moment, byte for byte. */
import fc from 'fast-check'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type CcxtExchange, ccxtExchange } from '../../bench/ccxt.ts'
import type { Rest, RestRequest } from '../../dist/esm/rest/index.js'
import type { QueryParams } from '../../dist/esm/sign/index.js'
import { binance, binanceUsdm } from '../../dist/esm/venue/binance/index.js'
import { bybit } from '../../dist/esm/venue/bybit/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { FixedClock, type Recorded, type Recorder, record } from './recorder.ts'

const at = 1_783_000_000_123
const key = 'the-name-of-the-key'
const secret = Buffer.from('a secret of a test, not one of an account').toString('base64')
const passphrase = 'Pass phrase, 1'
const clock = new FixedClock(at)

type Params = Record<string, string>

afterEach(cleanUp)

function closing(rest: Rest): Rest {
  onCleanUp(() => rest.close({ force: true }))
  return rest
}

async function exchange(name: string): Promise<CcxtExchange> {
  const made = await ccxtExchange(name, { apiKey: key, secret, password: passphrase })
  made.nonce = () => at
  return made
}

async function sent(
  recorder: Recorder,
  rest: Rest,
  method: string,
  path: string,
  request: RestRequest,
): Promise<Recorded> {
  await rest.request(method, path, { ...request, weight: 0, count: 0 })
  return recorder.requests.at(-1) as Recorded
}

const queryOf = (url: string): string => (url.includes('?') ? url.slice(url.indexOf('?') + 1) : '')
const pathOf = (url: string): string => url.replace(/^https:\/\/[^/]*/, '')

/** Values that an order may carry: numbers as text, names in any script, what has to be encoded. ccxt leaves `!'()*` as they are. */
const value = fc.oneof(
  fc.bigInt({ min: 0n, max: 10n ** 30n }).map(String),
  fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `${a}.${b}`),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).map((text) => text.replace(/[!'()*]/g, 'x')),
)
const params: fc.Arbitrary<Params> = fc.dictionary(fc.stringMatching(/^[a-z][A-Za-z]{0,11}$/), value, {
  minKeys: 1,
  maxKeys: 8,
  noNullPrototype: true,
})
/** Names that mean something to ccxt itself. */
const meant = new Set(['timestamp', 'recvWindow', 'signature', 'nonce', 'price'])
const free = params.filter((given) => Object.keys(given).every((name) => !meant.has(name)))

describe.each([
  { name: 'binance', api: 'private', root: '/api/v3/', open: binance.rest },
  { name: 'binanceusdm', api: 'fapiPrivate', root: '/fapi/v1/', open: binanceUsdm.rest },
])('$name', ({ name, api, root, open }) => {
  let ccxt: CcxtExchange
  beforeAll(async () => {
    ccxt = await exchange(name)
    ccxt.options['recvWindow'] = 5_000
    // The venue takes parameters in any order; ours come before the timestamp.
    const { extend } = ccxt
    ccxt.extend = (...objects) => {
      const [first = {}, second = {}] = objects
      return 'timestamp' in first ? { ...second, recvWindow: 5_000, ...first } : extend.apply(ccxt, [...objects])
    }
  })

  async function compare(method: string, path: string, given: Params, recorder: Recorder, rest: Rest): Promise<void> {
    const theirs = ccxt.sign(path, api, method, { ...given })
    const ours = await sent(recorder, rest, method, root + path, { query: given })
    expect(queryOf(ours.url)).toBe(theirs.body ?? queryOf(theirs.url))
    expect(ours.url.split('?')[0]).toBe(pathOf(theirs.url).split('?')[0])
    expect(ours.headers['x-mbx-apikey']).toBe(theirs.headers['X-MBX-APIKEY'])
    expect(ours.method).toBe(theirs.method)
  }

  const order = { side: 'BUY', type: 'LIMIT', timeInForce: 'GTC', quantity: '1.00000000', price: '0.10' }
  it.each<[string, string, Params]>([
    ['POST', 'order', { symbol: 'BTCUSDT', ...order, newClientOrderId: 'a-1' }],
    ['POST', 'order', { symbol: '１２３４５６', ...order, newClientOrderId: 'b_2' }],
    ['POST', 'order', { symbol: '币安人生USDT', ...order, newClientOrderId: 'c:3/d' }],
    ['DELETE', 'order', { symbol: 'BTCUSDT', origClientOrderId: 'a-1' }],
    ['PUT', 'order', { symbol: 'BTCUSDT', orderId: '123456789012345678', newQty: '0.5' }],
    ['GET', 'order', { symbol: 'BTCUSDT', origClientOrderId: 'a-1' }],
    ['GET', 'openOrders', {}],
    ['GET', 'account', { omitZeroBalances: 'true' }],
  ])('%s %s %j', async (method, path, given) => {
    const recorder = await record()
    const rest = closing(open({ key, secret, clock, endpoints: [recorder.origin] }))
    await compare(method, path, given, recorder, rest)
  })

  it('whatever the parameters are', async () => {
    const recorder = await record()
    const rest = closing(open({ key, secret, clock, endpoints: [recorder.origin], limits: [] }))
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('GET', 'POST', 'DELETE'), free, async (method, given) => {
        await compare(method, 'order', { ...given, newClientOrderId: 'id' }, recorder, rest)
      }),
      { numRuns: 150 },
    )
  })
})

describe('bybit', () => {
  let ccxt: CcxtExchange
  beforeAll(async () => {
    ccxt = await exchange('bybit')
    ccxt.options['recvWindow'] = 5_000
  })

  async function compare(method: string, path: string, given: Params, recorder: Recorder, rest: Rest): Promise<void> {
    const theirs = ccxt.sign(path, 'private', method, { ...given })
    const request = method === 'GET' ? { query: given } : { json: given }
    const ours = await sent(recorder, rest, method, `/${path}`, request)
    expect(ours.url).toBe(pathOf(theirs.url))
    expect(ours.body).toBe(theirs.body ?? '')
    for (const field of ['X-BAPI-API-KEY', 'X-BAPI-TIMESTAMP', 'X-BAPI-RECV-WINDOW', 'X-BAPI-SIGN']) {
      expect(ours.headers[field.toLowerCase()]).toBe(theirs.headers[field])
    }
    if (method !== 'GET') expect(ours.headers['content-type']).toBe('application/json')
  }

  const done = (): { body: unknown } => ({ body: { retCode: 0 } })
  const order = { category: 'spot', side: 'Buy', orderType: 'Limit', qty: '0.10', price: '15600.0' }
  it.each<[string, string, Params]>([
    ['POST', 'v5/order/create', { ...order, symbol: 'BTCUSDT', timeInForce: 'PostOnly', orderLinkId: 'spot-test-01' }],
    ['POST', 'v5/order/create', { ...order, symbol: '１２３４５６', orderLinkId: 'ünïcode "quoted" \\ 币' }],
    ['POST', 'v5/order/amend', { category: 'linear', symbol: 'ETHUSDT', orderLinkId: 'x', price: '1' }],
    ['POST', 'v5/order/cancel', { category: 'linear', symbol: 'ETHUSDT', orderLinkId: 'x' }],
    ['POST', 'v5/order/cancel-all', { category: 'linear', settleCoin: 'USDT' }],
    ['GET', 'v5/order/realtime', { category: 'linear', symbol: 'ETHUSDT', openOnly: '0', limit: '1' }],
    ['GET', 'v5/account/wallet-balance', { accountType: 'UNIFIED', coin: 'BTC' }],
  ])('%s %s %j', async (method, path, given) => {
    const recorder = await record(done)
    await compare(
      method,
      path,
      given,
      recorder,
      closing(bybit.rest({ key, secret, clock, endpoints: [recorder.origin] })),
    )
  })

  it('whatever the parameters are', async () => {
    const recorder = await record(done)
    const rest = closing(bybit.rest({ key, secret, clock, endpoints: [recorder.origin], limits: [] }))
    await fc.assert(
      fc.asyncProperty(params, (given) => compare('POST', 'v5/order/create', given, recorder, rest)),
      { numRuns: 150 },
    )
  })
})

describe('okx', () => {
  let ccxt: CcxtExchange
  beforeAll(async () => {
    ccxt = await exchange('okx')
  })

  async function compare(method: string, path: string, given: Params, recorder: Recorder, rest: Rest): Promise<void> {
    const theirs = ccxt.sign(path, 'private', method, { ...given })
    const request = method === 'GET' ? { query: given } : { json: given }
    const ours = await sent(recorder, rest, method, `/api/v5/${path}`, request)
    expect(ours.url).toBe(pathOf(theirs.url))
    expect(ours.body).toBe(theirs.body ?? '')
    for (const field of ['OK-ACCESS-KEY', 'OK-ACCESS-PASSPHRASE', 'OK-ACCESS-TIMESTAMP', 'OK-ACCESS-SIGN']) {
      expect(ours.headers[field.toLowerCase()]).toBe(theirs.headers[field])
    }
    expect(ours.headers['x-simulated-trading']).toBeUndefined()
  }

  const done = (): { body: unknown } => ({ body: { code: '0', data: [] } })
  const order = { instId: 'BTC-USDT', tdMode: 'cash', side: 'buy', ordType: 'limit', px: '2.150', sz: '2' }
  it.each<[string, string, Params]>([
    ['POST', 'trade/order', { ...order, clOrdId: 'b15' }],
    ['POST', 'trade/order', { ...order, instId: '币安-１２３', clOrdId: 'ü "é" \\' }],
    ['POST', 'trade/amend-order', { instId: 'BTC-USDT', clOrdId: 'b15', newSz: '1' }],
    ['POST', 'trade/cancel-order', { instId: 'BTC-USDT', clOrdId: 'b15' }],
    ['GET', 'trade/order', { instId: 'BTC-USDT', clOrdId: 'b15' }],
    ['GET', 'trade/orders-pending', {}],
    ['GET', 'account/balance', { ccy: 'BTC,币' }],
  ])('%s %s %j', async (method, path, given) => {
    const recorder = await record(done)
    const rest = closing(okx.rest({ key, secret, passphrase, clock, endpoints: [recorder.origin] }))
    await compare(method, path, given, recorder, rest)
  })

  it('whatever the parameters are', async () => {
    const recorder = await record(done)
    const rest = closing(okx.rest({ key, secret, passphrase, clock, endpoints: [recorder.origin], limits: [] }))
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('GET', 'POST'), params, (method, given) =>
        compare(method, 'trade/order', { ...given, clOrdId: 'a' }, recorder, rest),
      ),
      { numRuns: 150 },
    )
  })
})

describe('kraken', () => {
  let ccxt: CcxtExchange
  beforeAll(async () => {
    ccxt = await exchange('kraken')
  })

  async function compare(path: string, given: Params, recorder: Recorder, rest: Rest): Promise<void> {
    const theirs = ccxt.sign(path, 'private', 'POST', { ...given })
    const form: QueryParams = given
    const ours = await sent(recorder, rest, 'POST', `/0/private/${path}`, { form, kind: 'query' })
    expect(ours.url).toBe(pathOf(theirs.url))
    expect(ours.body).toBe(theirs.body)
    expect(ours.headers['api-key']).toBe(theirs.headers['API-Key'])
    expect(ours.headers['api-sign']).toBe(theirs.headers['API-Sign'])
    expect(ours.headers['content-type']).toBe(theirs.headers['Content-Type'])
  }

  const done = (): { body: unknown } => ({ body: { error: [], result: {} } })
  const options = { key, secret, nonce: () => at }
  it.each<[string, Params]>([
    [
      'AddOrder',
      { ordertype: 'limit', type: 'buy', volume: '1.25', pair: 'XBTUSD', price: '37500.0', cl_ord_id: 'a-1' },
    ],
    ['AddOrder', { ordertype: 'market', type: 'sell', volume: '0.10', pair: '币USD１', cl_ord_id: 'ü é' }],
    ['AmendOrder', { cl_ord_id: 'a-1', order_qty: '1.0', limit_price: '37499' }],
    ['CancelOrder', { cl_ord_id: 'a-1' }],
    ['CancelAll', {}],
    ['OpenOrders', { cl_ord_id: 'a-1' }],
    ['Balance', {}],
  ])('%s %j', async (path, given) => {
    const recorder = await record(done)
    await compare(path, given, recorder, closing(kraken.rest({ ...options, endpoints: [recorder.origin] })))
  })

  it('whatever the parameters are', async () => {
    const recorder = await record(done)
    const rest = closing(kraken.rest({ ...options, endpoints: [recorder.origin], limits: [] }))
    await fc.assert(
      fc.asyncProperty(free, (given) => compare('AddOrder', given, recorder, rest)),
      { numRuns: 150 },
    )
  })
})
