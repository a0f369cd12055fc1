/** Whatever a venue may push: readers never throw, and what they tell is of the right form. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { binanceStream } from '../../dist/esm/venue/binance/stream.js'
import { binanceUsdmStream } from '../../dist/esm/venue/binance/usdm-stream.js'
import { bybitStream } from '../../dist/esm/venue/bybit/stream.js'
import { coinbaseStream } from '../../dist/esm/venue/coinbase/stream.js'
import { type AccountEvent, compareDecimals, OrderTrack } from '../../dist/esm/venue/index.js'
import { krakenStream } from '../../dist/esm/venue/kraken/stream.js'
import { KrakenToken } from '../../dist/esm/venue/kraken/token.js'
import { okxStream } from '../../dist/esm/venue/okx/stream.js'

const nobody = {} as never
const plans = {
  binance: binanceStream(nobody, false),
  binanceUsdm: binanceUsdmStream('key'),
  bybit: bybitStream(nobody, 'linear', false),
  okx: okxStream(nobody),
  kraken: krakenStream(new KrakenToken()),
  coinbase: coinbaseStream(nobody),
}

/** Values that fields of such names do have, and others that they might. */
const value = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      '1',
      '0.5',
      '-3',
      '',
      '0',
      1,
      -1,
      null,
      true,
      'BUY',
      'Sell',
      'X',
      '1700000000000',
      1_700_000_000_000,
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'NEW',
      'New',
      'live',
      'new',
      'OPEN',
      'TRADE',
      'trade',
      'filled',
      'constructor',
      '__proto__',
      'toString',
    ),
  },
  { weight: 1, arbitrary: fc.jsonValue() },
)
const record = (names: readonly string[]) =>
  fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] })

const rows = {
  binance: record([
    's',
    'c',
    'C',
    'S',
    'o',
    'q',
    'p',
    'x',
    'X',
    'i',
    'l',
    'z',
    'L',
    'n',
    'N',
    'T',
    't',
    'm',
    'Z',
    'a',
    'd',
    'f',
    'wb',
    'bc',
    'pa',
    'ep',
    'up',
    'ps',
    'ap',
  ]),
  bybit: record([
    'symbol',
    'orderId',
    'orderLinkId',
    'side',
    'orderStatus',
    'price',
    'qty',
    'cumExecQty',
    'avgPrice',
    'updatedTime',
    'execId',
    'execQty',
    'execPrice',
    'execFee',
    'execType',
    'isMaker',
    'size',
    'entryPrice',
    'positionIdx',
    'coin',
    'walletBalance',
  ]),
  okx: record([
    'instId',
    'ordId',
    'clOrdId',
    'side',
    'state',
    'px',
    'sz',
    'accFillSz',
    'tradeId',
    'fillSz',
    'fillPx',
    'fillFee',
    'execType',
    'uTime',
    'posSide',
    'pos',
    'avgPx',
    'ccy',
    'cashBal',
    'details',
  ]),
  kraken: record([
    'order_id',
    'cl_ord_id',
    'symbol',
    'side',
    'order_status',
    'exec_type',
    'exec_id',
    'last_qty',
    'last_price',
    'cum_qty',
    'order_qty',
    'limit_price',
    'fees',
    'liquidity_ind',
    'timestamp',
    'asset',
    'balance',
    'amount',
  ]),
  coinbase: record([
    'order_id',
    'client_order_id',
    'product_id',
    'status',
    'order_side',
    'cumulative_quantity',
    'leaves_quantity',
    'limit_price',
    'avg_price',
    'net_size',
    'position_side',
  ]),
}

const messages: Record<keyof typeof plans, fc.Arbitrary<unknown>> = {
  binance: fc
    .tuple(
      fc.constantFrom(
        'executionReport',
        'outboundAccountPosition',
        'balanceUpdate',
        'externalLockUpdate',
        'listStatus',
      ),
      rows.binance,
      fc.array(rows.binance),
    )
    .map(([e, row, B]) => ({ event: { ...row, e, B } })),
  binanceUsdm: fc
    .tuple(fc.constantFrom('ORDER_TRADE_UPDATE', 'ACCOUNT_UPDATE', 'MARGIN_CALL'), rows.binance, fc.array(rows.binance))
    .map(([e, o, list]) => ({ e, o, a: { B: list, P: list } })),
  bybit: fc
    .tuple(
      fc.constantFrom(
        'order.linear',
        'execution.linear',
        'execution.fast.linear',
        'wallet',
        'position.linear',
        'greeks',
      ),
      fc.array(rows.bybit),
    )
    .map(([topic, data]) => ({ topic, data: topic === 'wallet' ? [{ coin: data }] : data })),
  okx: fc
    .tuple(fc.constantFrom('orders', 'account', 'positions', 'other'), fc.array(rows.okx))
    .map(([channel, data]) => ({ arg: { channel }, data })),
  kraken: fc
    .tuple(fc.constantFrom('executions', 'balances', 'status'), fc.array(rows.kraken), fc.nat({ max: 20 }))
    .map(([channel, data, sequence]) => ({ channel, data, sequence })),
  coinbase: fc.tuple(fc.constantFrom('user', 'heartbeats'), fc.array(rows.coinbase)).map(([channel, orders]) => ({
    channel,
    events: [{ orders, positions: { perpetual_futures_positions: orders } }],
  })),
}

const statuses = ['accepted', 'open', 'partiallyFilled', 'filled', 'canceled', 'expired', 'rejected']
const isDecimal = (text: unknown): boolean =>
  text === null || (typeof text === 'string' && /^-?\d+(\.\d*)?$/.test(text))

function check(event: AccountEvent): void {
  if (event.type === 'order') {
    const { update } = event
    expect(statuses).toContain(update.status)
    for (const field of [update.price, update.size, update.filled, update.quoteFilled, update.averagePrice]) {
      expect(isDecimal(field)).toBe(true)
    }
    expect(typeof update.orderId + typeof update.clientOrderId + typeof update.symbol).toBe('stringstringstring')
    new OrderTrack('X').apply(update)
  } else if (event.type === 'fill') {
    const { fill } = event
    expect(compareDecimals(fill.size, '0')).not.toBe(0)
    expect([isDecimal(fill.price), isDecimal(fill.fee)]).toEqual([true, true])
    expect([null, 'maker', 'taker']).toContain(fill.liquidity)
  } else if (event.type === 'balance') {
    const { total, available, locked, change, lockedChange } = event.balance
    for (const field of [total, available, locked, change, lockedChange]) expect(isDecimal(field)).toBe(true)
  } else if (event.type === 'position') {
    expect(isDecimal(event.position.size) && !event.position.size.startsWith('-')).toBe(true)
    expect(['long', 'short', 'none']).toContain(event.position.side)
    expect(['net', 'long', 'short']).toContain(event.position.leg)
  }
}

describe.each(Object.keys(plans) as (keyof typeof plans)[])('%s', (name) => {
  it('reads whatever there may be', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 9, arbitrary: messages[name] }, fc.jsonValue())), (heard) => {
        const read = plans[name].reader()
        for (const message of heard) for (const event of read(message)) check(event)
      }),
      { numRuns: 500 },
    )
  })

  it('answers and requests as well', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          messages[name],
          fc.jsonValue(),
          record([
            'id',
            'op',
            'event',
            'success',
            'req_id',
            'retCode',
            'code',
            'error',
            'method',
            'channel',
            'events',
            'type',
            'message',
          ]),
        ),
        (message) => {
          const answer = plans[name].protocol().answer(message)
          if (answer === null) return
          expect(typeof answer.status).toBe('number')
          expect(answer.id === null || typeof answer.id === 'string').toBe(true)
          expect(typeof answer.code + typeof answer.message).toBe('stringstring')
        },
      ),
    )
  })
})
