/** What answers are read as, by payloads with the fields that the venues document. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import { exactJson } from '../../dist/esm/venue/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { codeOf, dialects, limit, linear, spot, usdm } from './order-dialects.ts'

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
