/** What is sent for an order, and what answers are read as, by payloads with the fields that the venues document. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { binance, binanceUsdm } from '../../dist/esm/venue/binance/index.js'
import { bybit } from '../../dist/esm/venue/bybit/index.js'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import { exactJson, type OrderDialect, OrderError, type OrderRequest } from '../../dist/esm/venue/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'

const spot = binance.orders()
const usdm = binanceUsdm.orders()
const linear = bybit.orders({ category: 'linear' })
const dialects: readonly OrderDialect[] = [
  spot,
  usdm,
  bybit.orders(),
  linear,
  okx.orders(),
  okx.orders({ tdMode: 'cross' }),
  kraken.orders(),
  coinbase.orders(),
]

const limit = {
  symbol: 'BTC-USD',
  side: 'buy',
  type: 'limit',
  price: '65000.10',
  size: '0.00100',
  clientOrderId: 'a1',
} as const
const market = { symbol: 'BTC-USD', side: 'sell', type: 'market', size: '1.50', clientOrderId: 'a2' } as const

function codeOf(attempt: () => unknown): string {
  try {
    attempt()
  } catch (error) {
    return error instanceof OrderError ? error.code : String(error)
  }
  return 'nothing was thrown'
}

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

const placed = { ...limit, symbol: 'BTCUSDT' }

describe('answers', () => {
  it('Binance: RESULT, ACK, query, cancel, amendment', () => {
    const result = {
      symbol: 'BTCUSDT',
      orderId: 28,
      orderListId: -1,
      clientOrderId: 'a1',
      transactTime: 1507725176595,
      price: '65000.10000000',
      origQty: '10.00000000',
      executedQty: '4.00000000',
      origQuoteOrderQty: '0.000000',
      cummulativeQuoteQty: '40.00000000',
      status: 'PARTIALLY_FILLED',
      timeInForce: 'GTC',
      type: 'LIMIT',
      side: 'SELL',
      workingTime: 1507725176595,
      selfTradePreventionMode: 'NONE',
    }
    expect(spot.placed(result, placed)).toEqual({
      symbol: 'BTCUSDT',
      orderId: '28',
      clientOrderId: 'a1',
      status: 'partiallyFilled',
      side: 'sell',
      type: 'LIMIT',
      price: '65000.10000000',
      size: '10.00000000',
      filled: '4.00000000',
      quoteFilled: '40.00000000',
      averagePrice: null,
      timeMs: 1507725176595,
      raw: result,
    })
    const ack = { symbol: 'BTCUSDT', orderId: 28, orderListId: -1, clientOrderId: 'a1', transactTime: 1507725176595 }
    expect(spot.placed(ack, placed)).toMatchObject({ orderId: '28', status: 'accepted', timeMs: 1507725176595 })
    const canceled = { ...result, origClientOrderId: 'a1', clientOrderId: 'cancelMyOrder1', status: 'CANCELED' }
    expect(spot.canceled(canceled, placed)).toMatchObject({
      clientOrderId: 'a1',
      status: 'canceled',
      filled: '4.00000000',
    })
    const amended = {
      transactTime: 1741926410255,
      executionId: 75,
      amendedOrder: {
        symbol: 'BTCUSDT',
        orderId: 33,
        orderListId: -1,
        origClientOrderId: 'a1',
        clientOrderId: 'a1',
        price: '6.00000000',
        qty: '5.00000000',
        executedQty: '0.00000000',
        preventedQty: '0.00000000',
        quoteOrderQty: '0.00000000',
        cumulativeQuoteQty: '0.00000000',
        status: 'NEW',
        timeInForce: 'GTC',
        type: 'LIMIT',
        side: 'SELL',
        workingTime: 1741926410242,
        selfTradePreventionMode: 'NONE',
      },
    }
    expect(spot.amended(amended, placed)).toMatchObject({
      orderId: '33',
      size: '5.00000000',
      status: 'open',
      timeMs: 1741926410255,
    })
    const lists = [
      canceled,
      {
        orderListId: 1929,
        contingencyType: 'OCO',
        orders: [],
        orderReports: [
          { ...canceled, orderId: 20 },
          { ...canceled, orderId: 21 },
        ],
      },
    ]
    expect(spot.canceledMany(lists, []).map((each) => 'orderId' in each && each.orderId)).toEqual(['28', '20', '21'])
    for (const [status, expected] of [
      ['NEW', 'open'],
      ['FILLED', 'filled'],
      ['EXPIRED', 'expired'],
      ['EXPIRED_IN_MATCH', 'expired'],
      ['REJECTED', 'rejected'],
      ['PENDING_NEW', 'accepted'],
    ] as const) {
      expect(spot.found({ ...result, status }, placed)?.status).toBe(expected)
    }
  })

  it('Binance USD-M: order ids beyond 2^53 keep all their digits', () => {
    const text = `{"clientOrderId":"a1","cumQty":"0","cumQuote":"0","executedQty":"0","orderId":8389765519993908929,"avgPrice":"0.00000",
      "origQty":"10","price":"65000.10","reduceOnly":false,"side":"BUY","positionSide":"SHORT","status":"NEW","stopPrice":"9300","symbol":"BTCUSDT",
      "timeInForce":"GTC","type":"LIMIT","updateTime":1566818724722}`
    expect(usdm.placed(exactJson(text), placed)).toMatchObject({
      orderId: '8389765519993908929',
      status: 'open',
      averagePrice: null,
      quoteFilled: '0',
      timeMs: 1566818724722,
    })
    expect(usdm.canceledMany({ code: 200, msg: 'The operation of cancel all open order is done.' }, [])).toEqual([])
  })

  it('Bybit', () => {
    const ack = {
      retCode: 0,
      retMsg: 'OK',
      result: { orderId: '1321003749386327552', orderLinkId: 'a1' },
      retExtInfo: {},
      time: 1672211918471,
    }
    expect(linear.placed(ack, placed)).toMatchObject({
      orderId: '1321003749386327552',
      clientOrderId: 'a1',
      status: 'accepted',
      timeMs: 1672211918471,
    })
    const item = {
      orderId: 'fd4300ae-7847-404e-b947-b46980a4d140',
      orderLinkId: 'a1',
      symbol: 'ETHUSDT',
      price: '1600.00',
      qty: '0.10',
      side: 'Buy',
      orderStatus: 'New',
      cancelType: 'UNKNOWN',
      rejectReason: 'EC_NoError',
      avgPrice: '',
      leavesQty: '0.10',
      cumExecQty: '0.00',
      cumExecValue: '0',
      timeInForce: 'GTC',
      orderType: 'Limit',
      createdTime: '1684738540559',
      updatedTime: '1684738540561',
    }
    const page = (list: unknown[], nextPageCursor = '') => ({
      retCode: 0,
      result: { list, nextPageCursor, category: 'linear' },
    })
    expect(linear.found(page([item]), placed)).toEqual({
      symbol: 'ETHUSDT',
      orderId: 'fd4300ae-7847-404e-b947-b46980a4d140',
      clientOrderId: 'a1',
      status: 'open',
      side: 'buy',
      type: 'Limit',
      price: '1600.00',
      size: '0.10',
      filled: '0.00',
      quoteFilled: '0',
      averagePrice: null,
      timeMs: 1684738540561,
      raw: item,
    })
    expect(linear.found(page([]), placed)).toBeNull()
    expect(linear.open(page([item], 'page_args%3D')).next).toBe('page_args%3D')
    expect(linear.open(page([item])).next).toBeNull()
    expect(
      linear.found(page([{ ...item, orderStatus: 'PartiallyFilledCanceled', cumExecQty: '0.05' }]), placed),
    ).toMatchObject({ status: 'canceled', filled: '0.05' })
  })

  it('OKX', () => {
    const ack = (fields: object) => ({
      code: '0',
      msg: '',
      data: [
        { clOrdId: 'a1', ordId: '312269865356374016', tag: '', ts: '1695190491421', sCode: '0', sMsg: '', ...fields },
      ],
    })
    expect(okx.orders().placed(ack({}), placed)).toMatchObject({
      orderId: '312269865356374016',
      status: 'accepted',
      timeMs: 1695190491421,
    })
    const item = {
      instType: 'SPOT',
      instId: 'BTC-USDT',
      ordId: '312269865356374016',
      clOrdId: 'a1',
      px: '999',
      sz: '3',
      ordType: 'limit',
      side: 'buy',
      tdMode: 'cash',
      accFillSz: '1.5',
      fillPx: '998',
      avgPx: '998.5',
      state: 'partially_filled',
      uTime: '1597026383085',
      cTime: '1597026383000',
      tgtCcy: '',
    }
    expect(okx.orders().found({ code: '0', data: [item] }, placed)).toEqual({
      symbol: 'BTC-USDT',
      orderId: '312269865356374016',
      clientOrderId: 'a1',
      status: 'partiallyFilled',
      side: 'buy',
      type: 'limit',
      price: '999',
      size: '3',
      filled: '1.5',
      quoteFilled: null,
      averagePrice: '998.5',
      timeMs: 1597026383085,
      raw: item,
    })
    const hundred = Array.from({ length: 100 }, (_, i) => ({ ...item, ordId: String(i) }))
    expect(okx.orders().open({ code: '0', data: hundred }).next).toBe('99')
    expect(okx.orders().open({ code: '0', data: [item] }).next).toBeNull()
    const refs = [
      { symbol: 'A', orderId: '1' },
      { symbol: 'A', orderId: '2' },
      { symbol: 'A', orderId: '3' },
    ]
    const [first, second, third] = okx
      .orders()
      .canceledMany(
        { code: '2', data: [...ack({ ordId: '1' }).data, { ordId: '2', sCode: '51400', sMsg: 'gone' }] },
        refs,
      )
    expect(first).toMatchObject({ orderId: '1', status: 'accepted' })
    expect(second).toMatchObject({ ref: refs[1], error: { code: 'ERR_ORDER_NOT_FOUND', venueCode: '51400' } })
    expect(third).toMatchObject({ ref: refs[2], error: { code: 'ERR_ORDER_UNKNOWN' } })
  })

  it('Kraken', () => {
    const dialect = kraken.orders()
    const ack = {
      error: [],
      result: { descr: { order: 'buy 1.25000000 XBTUSD @ limit 27500.0' }, txid: ['OU22CG-KLAF2-FWUDD7'] },
    }
    expect(dialect.placed(ack, placed)).toMatchObject({
      orderId: 'OU22CG-KLAF2-FWUDD7',
      clientOrderId: 'a1',
      status: 'accepted',
    })
    const item = {
      refid: null,
      userref: 0,
      cl_ord_id: 'a1',
      status: 'open',
      opentm: 1688666559.8974,
      starttm: 0,
      expiretm: 0,
      descr: {
        pair: 'XBTUSD',
        type: 'buy',
        ordertype: 'limit',
        price: '30010.0',
        price2: '0',
        leverage: 'none',
        order: '',
        close: '',
      },
      vol: '1.25000000',
      vol_exec: '0.37500000',
      cost: '11253.7',
      fee: '0.00000',
      price: '30010.0',
      stopprice: '0.00000',
      limitprice: '0.00000',
      misc: '',
      oflags: 'fciq',
    }
    expect(dialect.found({ error: [], result: { open: { 'OQCLML-BW3P3-BUCMWZ': item } } }, placed)).toEqual({
      symbol: 'XBTUSD',
      orderId: 'OQCLML-BW3P3-BUCMWZ',
      clientOrderId: 'a1',
      status: 'partiallyFilled',
      side: 'buy',
      type: 'limit',
      price: '30010.0',
      size: '1.25000000',
      filled: '0.37500000',
      quoteFilled: '11253.7',
      averagePrice: '30010.0',
      timeMs: 1688666559897.4,
      raw: item,
    })
    expect(
      dialect.found({ error: [], result: { 'OQ-1': { ...item, status: 'closed', closetm: 1688666560 } } }, placed),
    ).toMatchObject({ orderId: 'OQ-1', status: 'filled', timeMs: 1688666560000 })
    expect(dialect.found({ error: [], result: { closed: {}, count: 0 } }, placed)).toBeNull()
    expect(dialect.canceled({ error: [], result: { count: 1 } }, placed).status).toBe('canceled')
    expect(dialect.canceled({ error: [], result: { count: 1, pending: true } }, placed).status).toBe('accepted')
    expect(codeOf(() => dialect.canceled({ error: [], result: { count: 0 } }, placed))).toBe('ERR_ORDER_UNKNOWN')
    expect(dialect.amended({ error: [], result: { amend_id: 'TTW6PD-RC36L-ZZSWNU' } }, placed).status).toBe('accepted')
  })

  it('Coinbase', () => {
    const dialect = coinbase.orders()
    const ack = {
      success: true,
      success_response: { order_id: '11111-00000-000000', product_id: 'BTC-USD', side: 'BUY', client_order_id: 'a1' },
    }
    expect(dialect.placed(ack, placed)).toMatchObject({
      orderId: '11111-00000-000000',
      clientOrderId: 'a1',
      status: 'accepted',
    })
    const order = {
      order_id: '0000-000000-000001',
      product_id: 'BTC-USD',
      client_order_id: 'a1',
      side: 'BUY',
      status: 'OPEN',
      order_type: 'LIMIT',
      created_time: '2024-01-15T10:00:00Z',
      order_configuration: { limit_limit_gtc: { base_size: '0.01', limit_price: '45000.00', post_only: false } },
      filled_size: '0',
      average_filled_price: '0',
      filled_value: '0',
      last_fill_time: null,
    }
    expect(dialect.found({ order }, placed)).toEqual({
      symbol: 'BTC-USD',
      orderId: '0000-000000-000001',
      clientOrderId: 'a1',
      status: 'open',
      side: 'buy',
      type: 'LIMIT',
      price: '45000.00',
      size: '0.01',
      filled: '0',
      quoteFilled: '0',
      averagePrice: null,
      timeMs: Date.parse('2024-01-15T10:00:00Z'),
      raw: order,
    })
    expect(dialect.found({ order: { ...order, filled_size: '0.005' } }, placed)?.status).toBe('partiallyFilled')
    expect(dialect.open({ orders: [order], has_next: true, cursor: '789100' })).toMatchObject({ next: '789100' })
    expect(dialect.open({ orders: [order], has_next: false, cursor: '789100' })).toMatchObject({ next: null })
    const results = [
      { success: true, failure_reason: 'UNKNOWN_CANCEL_FAILURE_REASON', order_id: '1' },
      { success: false, failure_reason: 'UNKNOWN_CANCEL_ORDER', order_id: '2' },
    ]
    const refs = [
      { symbol: 'A', orderId: '2' },
      { symbol: 'A', orderId: '1' },
    ]
    expect(dialect.canceledMany({ results }, refs)).toMatchObject([
      { error: { code: 'ERR_ORDER_NOT_FOUND' } },
      { orderId: '1', status: 'accepted' },
    ])
    expect(
      codeOf(() =>
        dialect.amended(
          { success: false, errors: [{ edit_failure_reason: 'CANNOT_EDIT_TO_BELOW_FILLED_SIZE' }] },
          placed,
        ),
      ),
    ).toBe('ERR_ORDER_FILTER')
  })

  it('that are none leave the fate of what was asked for open', () => {
    for (const dialect of dialects) {
      for (const body of [
        null,
        undefined,
        5,
        '',
        [],
        {},
        { result: null },
        { data: [{}] },
        { result: { list: [{}], txid: [] } },
        { order: {} },
        { orders: {} },
      ]) {
        expect(codeOf(() => dialect.placed(body, placed))).toBe('ERR_ORDER_UNKNOWN')
        expect(codeOf(() => dialect.amended(body, placed))).toBe('ERR_ORDER_UNKNOWN')
        expect(codeOf(() => dialect.canceled(body, placed))).toBe('ERR_ORDER_UNKNOWN')
      }
    }
  })

  it('never throw anything else, whatever comes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...dialects), fc.jsonValue({ maxDepth: 6 }), (dialect, body) => {
        const reads = [
          () => dialect.placed(body, placed),
          () => dialect.found(body, placed),
          () => dialect.canceledMany(body, [placed]),
          () => dialect.open(body),
        ]
        for (const read of reads) expect(codeOf(read)).toMatch(/^(nothing was thrown|ERR_ORDER_UNKNOWN)$/)
      }),
      { numRuns: 500 },
    )
  })
})

describe('refusals', () => {
  it.each<[OrderDialect, string, string, string]>([
    [spot, '-2010', 'Account has insufficient balance for requested action.', 'ERR_ORDER_BALANCE'],
    [spot, '-2010', 'Order would immediately match and take.', 'ERR_ORDER_POST_ONLY'],
    [spot, '-1013', 'Filter failure: LOT_SIZE', 'ERR_ORDER_FILTER'],
    [spot, '-2010', 'Filter failure: MAX_NUM_ORDERS', 'ERR_ORDER_CAPACITY'],
    [spot, '-2010', 'Market is closed.', 'ERR_ORDER_INSTRUMENT'],
    [spot, '-2011', 'Unknown order sent.', 'ERR_ORDER_NOT_FOUND'],
    [spot, '-2015', 'Invalid API-key, IP, or permissions for action.', 'ERR_ORDER_AUTH'],
    [spot, '-9999', 'Something new.', 'ERR_ORDER_REFUSED'],
    [
      usdm,
      '-5022',
      'Due to the order could not be executed as maker, the Post Only order will be rejected.',
      'ERR_ORDER_POST_ONLY',
    ],
    [usdm, '-2019', 'Margin is insufficient.', 'ERR_ORDER_BALANCE'],
    [linear, '110001', 'Order does not exist', 'ERR_ORDER_NOT_FOUND'],
    [linear, '110007', 'ab not enough for new order', 'ERR_ORDER_BALANCE'],
    [okx.orders(), '51008', 'Insufficient balance', 'ERR_ORDER_BALANCE'],
    [okx.orders(), '51121', '', 'ERR_ORDER_FILTER'],
    [kraken.orders(), 'EOrder:Insufficient funds', 'EOrder:Insufficient funds', 'ERR_ORDER_BALANCE'],
    [kraken.orders(), 'EOrder:Post only order', 'EOrder:Post only order', 'ERR_ORDER_POST_ONLY'],
    [kraken.orders(), 'EGeneral:Invalid arguments:volume', 'EGeneral:Invalid arguments:volume', 'ERR_ORDER_INVALID'],
    [coinbase.orders(), 'INSUFFICIENT_FUND', 'Insufficient balance in source account', 'ERR_ORDER_BALANCE'],
  ])('$name %s %s', (dialect, code, message, expected) => {
    expect(dialect.refusal(code, message)).toBe(expected)
  })
})

describe('exactJson', () => {
  it('keeps every integer, and reads all else as JSON does', () => {
    fc.assert(
      fc.property(fc.bigInt(), (value) => {
        expect(String(exactJson(`{"id":${value}}`) && (exactJson(`{"id":${value}}`) as { id: unknown }).id)).toBe(
          String(value),
        )
      }),
    )
    fc.assert(
      fc.property(fc.json(), (text) => {
        const plain = JSON.stringify(JSON.parse(text))
        fc.pre(!/\d{16}/.test(text) && !/e\+?\d/i.test(text))
        expect(JSON.stringify(exactJson(text))).toBe(plain)
      }),
    )
    expect(() => exactJson('{')).toThrow(SyntaxError)
  })
})
