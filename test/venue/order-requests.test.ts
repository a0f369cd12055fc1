/** What is sent for an order. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bybit } from '../../dist/esm/venue/bybit/index.js'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import type { OrderDialect, OrderRequest } from '../../dist/esm/venue/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { codeOf, dialects, limit, linear, market, spot, usdm } from './order-dialects.ts'

describe('decimals', () => {
  const decimal = fc
    .tuple(fc.stringMatching(/^(0|[1-9]\d{0,20})$/), fc.stringMatching(/^(\.\d{1,20})?$/))
    .map(([whole, fraction]) => whole + fraction)
    .filter((text) => /[1-9]/.test(text))

  it('go out as they were written, on every venue', () => {
    fc.assert(
      fc.property(fc.constantFrom(...dialects), decimal, decimal, (dialect, price, size) => {
        const { request } = dialect.place({ ...limit, price, size })
        const sent = JSON.stringify(request.query ?? request.form ?? request.json)
        expect(sent).toContain(`"${price}"`)
        expect(sent).toContain(`"${size}"`)
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    '1e3',
    '1,5',
    '.5',
    '5.',
    '-1',
    '0',
    '0.000',
    '',
    ' 1',
    '01',
    'Infinity',
    '１',
    0.1,

    null,
    '9'.repeat(65),
  ])('%j is none', (price) => {
    for (const dialect of dialects) {
      expect(codeOf(() => dialect.place({ ...limit, price: price as string }))).toBe('ERR_ORDER_INVALID')
      expect(codeOf(() => dialect.place({ ...limit, size: price as string }))).toBe('ERR_ORDER_INVALID')
    }
  })
})

describe('what makes no sense is refused before anything is sent', () => {
  const wrong: [string, Partial<Record<keyof OrderRequest, unknown>> & { base?: object }][] = [
    ['a limit order without price', { price: undefined }],
    ['a limit order without size', { size: undefined }],
    ['a limit order by value', { quoteSize: '5' }],
    ['another side', { side: 'long' }],
    ['another type', { type: 'stop' }],
    ['no symbol', { symbol: '' }],
    ['a time in force that there is not', { timeInForce: 'day' }],
    ['an option that there is not', { surprise: 1 } as never],
    ['a market order with a price', { base: market, price: '1' }],
    ['a market order with neither size nor value', { base: market, size: undefined }],
    ['a market order with both', { base: market, quoteSize: '5' }],
    ['a market order with a time in force', { base: market, timeInForce: 'gtc' }],
  ]
  it.each(wrong)('%s', (_name, { base = limit, ...fields }) => {
    for (const dialect of dialects) {
      expect(codeOf(() => dialect.place({ ...base, ...fields } as never))).toBe('ERR_ORDER_INVALID')
    }
  })

  it('an order that is not named, a change that changes nothing', () => {
    for (const dialect of dialects) {
      expect(codeOf(() => dialect.cancel({ symbol: 'X' }))).toBe('ERR_ORDER_INVALID')
      expect(codeOf(() => dialect.lookup({ symbol: 'X' }))).toBe('ERR_ORDER_INVALID')
      expect(codeOf(() => dialect.amend({ symbol: 'X', orderId: '1' }))).toBe('ERR_ORDER_INVALID')
    }
  })

  it('what a venue does not have', () => {
    const unsupported: [OrderDialect, Partial<OrderRequest>][] = [
      [spot, { ...limit, reduceOnly: true }],
      [usdm, { ...market, size: undefined, quoteSize: '5' }],
      [linear, { ...market, size: undefined, quoteSize: '5' }],
      [bybit.orders(), { ...limit, reduceOnly: true }],
      [okx.orders(), { ...market, symbol: 'BTC-USDT-SWAP', size: undefined, quoteSize: '5' }],
      [kraken.orders(), { ...limit, timeInForce: 'fok' }],
      [coinbase.orders(), { ...limit, reduceOnly: true }],
    ]
    for (const [dialect, order] of unsupported) {
      expect(codeOf(() => dialect.place(order as never))).toBe('ERR_ORDER_UNSUPPORTED')
    }
    expect(codeOf(() => spot.amend({ symbol: 'X', orderId: '1', price: '1' }))).toBe('ERR_ORDER_UNSUPPORTED')
    expect(codeOf(() => usdm.amend({ symbol: 'X', orderId: '1', price: '1', size: '1' }))).toBe('ERR_ORDER_INVALID')
    expect(codeOf(() => coinbase.orders().amend({ symbol: 'X', orderId: '1', price: '1' }))).toBe('ERR_ORDER_INVALID')
    expect(codeOf(() => coinbase.orders().cancel({ symbol: 'X', clientOrderId: 'a' }))).toBe('ERR_ORDER_INVALID')
  })
})

describe('requests', () => {
  const sentBy = (dialect: OrderDialect, order: OrderRequest & { clientOrderId: string }): unknown => {
    const { method, path, request } = dialect.place(order)
    return { method, path, sent: JSON.parse(JSON.stringify(request.query ?? request.form ?? request.json)) }
  }
  const swap = { ...limit, symbol: 'BTC-USDT-SWAP' }

  it.each<[string, OrderDialect, OrderRequest & { clientOrderId: string }, string, object]>([
    [
      'Binance',
      spot,
      limit,
      '/api/v3/order',
      {
        symbol: 'BTC-USD',
        side: 'BUY',
        type: 'LIMIT',
        timeInForce: 'GTC',
        quantity: '0.00100',
        price: '65000.10',
        newClientOrderId: 'a1',
        newOrderRespType: 'RESULT',
      },
    ],
    [
      'Binance, post only',
      spot,
      { ...limit, timeInForce: 'postOnly' },
      '/api/v3/order',
      {
        symbol: 'BTC-USD',
        side: 'BUY',
        type: 'LIMIT_MAKER',
        quantity: '0.00100',
        price: '65000.10',
        newClientOrderId: 'a1',
        newOrderRespType: 'RESULT',
      },
    ],
    [
      'Binance, by value',
      spot,
      { symbol: 'X', side: 'buy', type: 'market', quoteSize: '10', clientOrderId: 'b' },
      '/api/v3/order',
      {
        symbol: 'X',
        side: 'BUY',
        type: 'MARKET',
        quoteOrderQty: '10',
        newClientOrderId: 'b',
        newOrderRespType: 'RESULT',
      },
    ],
    [
      'Binance, extras',
      spot,
      { ...market, extra: { newOrderRespType: 'ACK', strategyId: 5 } },
      '/api/v3/order',
      {
        symbol: 'BTC-USD',
        side: 'SELL',
        type: 'MARKET',
        quantity: '1.50',
        newClientOrderId: 'a2',
        newOrderRespType: 'ACK',
        strategyId: 5,
      },
    ],
    [
      'USD-M, post only, reducing',
      usdm,
      { ...limit, timeInForce: 'postOnly', reduceOnly: true },
      '/fapi/v1/order',
      {
        symbol: 'BTC-USD',
        side: 'BUY',
        type: 'LIMIT',
        timeInForce: 'GTX',
        price: '65000.10',
        quantity: '0.00100',
        reduceOnly: 'true',
        newClientOrderId: 'a1',
        newOrderRespType: 'RESULT',
      },
    ],
    [
      'Bybit',
      linear,
      { ...limit, timeInForce: 'ioc', reduceOnly: true },
      '/v5/order/create',
      {
        category: 'linear',
        symbol: 'BTC-USD',
        side: 'Buy',
        orderType: 'Limit',
        qty: '0.00100',
        price: '65000.10',
        timeInForce: 'IOC',
        reduceOnly: true,
        orderLinkId: 'a1',
      },
    ],
    [
      'Bybit, a market order on Spot is by size',
      bybit.orders(),
      market,
      '/v5/order/create',
      {
        category: 'spot',
        symbol: 'BTC-USD',
        side: 'Sell',
        orderType: 'Market',
        qty: '1.50',
        marketUnit: 'baseCoin',
        orderLinkId: 'a2',
      },
    ],
    [
      'OKX',
      okx.orders(),
      { ...limit, timeInForce: 'postOnly' },
      '/api/v5/trade/order',
      {
        instId: 'BTC-USD',
        tdMode: 'cash',
        side: 'buy',
        ordType: 'post_only',
        sz: '0.00100',
        px: '65000.10',
        clOrdId: 'a1',
      },
    ],
    [
      'OKX, a market order on Spot is by size',
      okx.orders(),
      market,
      '/api/v5/trade/order',
      {
        instId: 'BTC-USD',
        tdMode: 'cash',
        side: 'sell',
        ordType: 'market',
        sz: '1.50',
        tgtCcy: 'base_ccy',
        clOrdId: 'a2',
      },
    ],
    [
      'OKX, contracts',
      okx.orders({ tdMode: 'cross' }),
      { ...swap, timeInForce: 'fok', reduceOnly: true },
      '/api/v5/trade/order',
      {
        instId: 'BTC-USDT-SWAP',
        tdMode: 'cross',
        side: 'buy',
        ordType: 'fok',
        sz: '0.00100',
        px: '65000.10',
        reduceOnly: true,
        clOrdId: 'a1',
      },
    ],
    [
      'Kraken',
      kraken.orders(),
      { ...limit, timeInForce: 'postOnly' },
      '/0/private/AddOrder',
      {
        pair: 'BTC-USD',
        type: 'buy',
        ordertype: 'limit',
        volume: '0.00100',
        price: '65000.10',
        oflags: 'post',
        cl_ord_id: 'a1',
      },
    ],
    [
      'Kraken, by value',
      kraken.orders(),
      { symbol: 'X', side: 'buy', type: 'market', quoteSize: '10', clientOrderId: 'b' },
      '/0/private/AddOrder',
      { pair: 'X', type: 'buy', ordertype: 'market', volume: '10', oflags: 'viqc', cl_ord_id: 'b' },
    ],
    [
      'Coinbase',
      coinbase.orders(),
      { ...limit, timeInForce: 'postOnly' },
      '/api/v3/brokerage/orders',
      {
        client_order_id: 'a1',
        product_id: 'BTC-USD',
        side: 'BUY',
        order_configuration: { limit_limit_gtc: { base_size: '0.00100', limit_price: '65000.10', post_only: true } },
      },
    ],
    [
      'Coinbase, ioc',
      coinbase.orders(),
      { ...limit, timeInForce: 'ioc' },
      '/api/v3/brokerage/orders',
      {
        client_order_id: 'a1',
        product_id: 'BTC-USD',
        side: 'BUY',
        order_configuration: { sor_limit_ioc: { base_size: '0.00100', limit_price: '65000.10' } },
      },
    ],
    [
      'Coinbase, market',
      coinbase.orders(),
      market,
      '/api/v3/brokerage/orders',
      {
        client_order_id: 'a2',
        product_id: 'BTC-USD',
        side: 'SELL',
        order_configuration: { market_market_ioc: { base_size: '1.50' } },
      },
    ],
  ])('%s', (_name, dialect, order, path, sent) => {
    expect(sentBy(dialect, order)).toEqual({ method: 'POST', path, sent })
  })

  it('can be looked up, are charged to their instrument, and cancels go first', () => {
    for (const dialect of dialects) {
      expect(dialect.place(limit).request).toMatchObject({ idempotencyKey: 'a1', kind: 'order', instrument: 'BTC-USD' })
      const { method, request } = dialect.cancel({ symbol: 'BTC-USD', orderId: '7' })
      expect(request).toMatchObject({ kind: 'cancel', instrument: 'BTC-USD' })
      expect(method === 'DELETE' || request.idempotent).toBe(true)
      for (const form of dialect.lookup({ symbol: 'BTC-USD', orderId: '7' })) {
        expect(form.method === 'GET' || form.request.kind === 'query').toBe(true)
      }
    }
  })

  it('an amendment on Binance keeps the client id, which would else be a random one', () => {
    const { path, request } = spot.amend({ symbol: 'X', clientOrderId: 'mine', size: '0.5' })
    expect(path).toBe('/api/v3/order/amend/keepPriority')
    expect(request.query).toEqual({ symbol: 'X', origClientOrderId: 'mine', newClientOrderId: 'mine', newQty: '0.5' })
  })
})
