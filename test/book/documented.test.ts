/** Books of messages as the venues document them. */
import { describe, expect, it } from 'vitest'
import { until } from '../e2e/waiting.ts'
import { bookOf, venues } from './one-book.ts'
import { shown } from './reference.ts'

const asks =
  '45285.2/0.00100000 45286.4/1.54571953 45286.6/1.54571109 45289.6/1.54560911 45290.2/0.15890660 45291.8/1.54553491 45294.7/0.04454749 45296.1/0.35380000 45297.5/0.09945542 45299.5/0.18772827'
const bids =
  '45283.5/0.10000000 45283.4/1.54582015 45282.1/0.10000000 45281.0/0.10000000 45280.3/1.54592586 45279.0/0.07990000 45277.6/0.03310103 45277.5/0.30000000 45277.3/1.54602737 45276.6/0.15445238'
const krakenSide = (levels: string): string =>
  levels
    .split(' ')
    .map((level) => level.split('/'))
    .map(([price, qty]) => `{"price":${price},"qty":${qty}}`)
    .join(',')

describe('Kraken', () => {
  const snapshot = (checksum: number): string =>
    `{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[${krakenSide(bids)}],"asks":[${krakenSide(asks)}],"checksum":${checksum}}]}`

  // https://docs.kraken.com/exchange/guides/websockets/book-checksum-v2
  it('the documented check sum', async () => {
    await using rig = await bookOf('kraken', 'BTC/USD', {
      market: { book: { depth: 10 } },
      books: { book: { depth: 10 } },
    })
    await rig.send('{"channel":"heartbeat"}', '{"channel":"status","type":"update","data":[{"system":"online"}]}')
    await rig.send(snapshot(3_310_070_434))
    expect(rig.book.state).toBe('synced')
    expect(rig.book.bid().priceText).toBe('45283.5')
    expect(rig.book.bid(4)).toMatchObject({ priceText: '45280.3', sizeText: '1.54592586', size: 1.545_925_86 })
    expect(rig.book.ask(9).sizeText).toBe('0.18772827')
    await until(() => rig.sent().length === 1, 'it has subscribed')
    expect(rig.sent()).toEqual([{ method: 'subscribe', params: { channel: 'book', symbol: ['BTC/USD'], depth: 10 } }])
    expect(rig.feed.stats().malformed).toBe(0)
  })

  it('another check sum: not in sync', async () => {
    await using rig = await bookOf('kraken', 'BTC/USD', {
      market: { book: { depth: 10 } },
      books: { book: { depth: 10 } },
    })
    await rig.send(snapshot(3_310_070_435))
    expect(rig.book).toMatchObject({ state: 'stale', reason: 'ERR_BOOK_CHECKSUM' })
  })

  it('levels beyond the subscribed depth go', async () => {
    await using rig = await bookOf('kraken', 'BTC/USD', {
      market: { book: { depth: 10 } },
      books: { book: { depth: 10 } },
    })
    await rig.send(snapshot(3_310_070_434))
    await rig.send(
      '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":45283.6,"qty":1.00000000}],"asks":[],"timestamp":"2023-10-06T17:35:55.440295Z"}]}',
    )
    expect(rig.book.bids.total).toBe(10)
    expect(rig.book.bid().price).toBe(45_283.6)
    expect(rig.book.bid(9).price).toBe(45_277.3)
  })
})

// https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook
it('Bybit: snapshot, change, and the restart of its numbers', async () => {
  const message = (type: string, u: number, b: string[][], a: string[][]): string =>
    JSON.stringify({
      topic: 'orderbook.200.BTCUSDT',
      type,
      ts: 1_687_940_967_466,
      data: { s: 'BTCUSDT', b, a, u, seq: 66_544_703_342 },
      cts: 1_687_940_967_464,
    })
  await using rig = await bookOf('bybit', 'BTCUSDT', {
    market: { book: { depth: 200 } },
    books: { book: { depth: 200 } },
  })
  await rig.send(
    '{"success":true,"ret_msg":"","op":"subscribe","conn_id":"x"}',
    message(
      'snapshot',
      177_400_507,
      [
        ['30247.20', '30.028'],
        ['30245.40', '0.224'],
      ],
      [
        ['30248.70', '0'],
        ['30249.30', '0.892'],
      ],
    ),
    message(
      'delta',
      177_400_508,
      [
        ['30240.00', '0'],
        ['30240.10', '0.402'],
      ],
      [['30249.30', '0']],
    ),
  )
  expect(rig.book.state).toBe('synced')
  expect(shown(rig.book).bids).toEqual([
    ['30247.2', '30.028'],
    ['30245.4', '0.224'],
    ['30240.1', '0.402'],
  ])
  expect(rig.book.asks.length).toBe(0)
  await rig.send(message('delta', 1, [['30000.00', '1']], [['30001.00', '2']]))
  expect(rig.book.updateId).toBe(1)
  expect(shown(rig.book)).toEqual({ bids: [['30000', '1']], asks: [['30001', '2']] })
  expect(rig.feed.stats().malformed).toBe(0)
})

// https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
describe('OKX', () => {
  const level = (price: string, size: string): string[] => [price, size, '0', '13']

  it('numbers that stay or go back are no gap, as documented', async () => {
    const message = (action: string, prevSeqId: number, seqId: number, price: string): string =>
      JSON.stringify({
        arg: { channel: 'books', instId: 'BTC-USDT' },
        action,
        data: [
          { asks: [level('8476.98', '415')], bids: [level(price, '256')], ts: '1', checksum: 0, prevSeqId, seqId },
        ],
      })
    await using rig = await bookOf('okx', 'BTC-USDT')
    await rig.send(
      '{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a4d3ae55"}',
      message('snapshot', -1, 10, '8476.97'),
      message('update', 10, 15, '8475.55'),
      message('update', 15, 15, '8475.54'),
      message('update', 15, 3, '8475.3'),
      message('update', 3, 5, '8447.32'),
    )
    expect(rig.book).toMatchObject({ state: 'synced', updateId: 5, gaps: 0 })
    expect(rig.book.bids.length).toBe(5)
    expect(rig.feed.stats().malformed).toBe(0)
  })

  it.each(['books5', 'bbo-tbt'] as const)('%s: each message is the whole', async (channel) => {
    const message = (seqId: number, price: string): string =>
      JSON.stringify({
        arg: { channel, instId: 'BTC-USDT' },
        data: [{ asks: [level('8476.98', '415')], bids: [level(price, '256')], instId: 'BTC-USDT', ts: '1', seqId }],
      })
    await using rig = await bookOf('okx', 'BTC-USDT', { market: { book: { channel } }, books: { book: { channel } } })
    await rig.send(message(10, '8476.97'), message(12, '8475.55'))
    await until(() => rig.sent().length === 1, 'it has subscribed')
    expect(rig.sent()).toEqual([{ op: 'subscribe', args: [{ channel, instId: 'BTC-USDT' }] }])
    expect(shown(rig.book)).toEqual({ bids: [['8475.55', '256']], asks: [['8476.98', '415']] })
    // Of two paths the one behind does not count.
    await rig.send(message(10, '8476.97'))
    expect(rig.book.bid().price).toBe(8_475.55)
  })
})

// https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels
it('Coinbase: levels one by one, numbers over all channels', async () => {
  const l2 = (n: number, type: string, updates: object[]): string =>
    JSON.stringify({
      channel: 'l2_data',
      client_id: '',
      timestamp: '2023-02-09T20:32:50.714964855Z',
      sequence_num: n,
      events: [{ type, product_id: 'BTC-USD', updates }],
    })
  const update = (side: string, price_level: string, new_quantity: string): object => ({
    side,
    event_time: '1970-01-01T00:00:00Z',
    price_level,
    new_quantity,
  })
  await using rig = await bookOf('coinbase', 'BTC-USD')
  await rig.send(
    l2(0, 'snapshot', [
      update('bid', '21921.73', '0.06317902'),
      update('bid', '21921.3', '0.02'),
      update('offer', '21922.1', '1'),
    ]),
    '{"channel":"subscriptions","client_id":"","timestamp":"x","sequence_num":1,"events":[{"subscriptions":{"level2":["BTC-USD"]}}]}',
    '{"channel":"heartbeats","client_id":"","timestamp":"x","sequence_num":2,"events":[{"current_time":"x","heartbeat_counter":"3049"}]}',
    l2(3, 'update', [update('bid', '21921.73', '0'), update('offer', '21921.9', '0.5')]),
  )
  expect(rig.book).toMatchObject({ state: 'synced', gaps: 0 })
  expect(shown(rig.book)).toEqual({
    bids: [['21921.3', '0.02']],
    asks: [
      ['21921.9', '0.5'],
      ['21922.1', '1'],
    ],
  })
  // What is missing may have been about this book.
  await rig.send(
    '{"channel":"heartbeats","client_id":"","timestamp":"x","sequence_num":5,"events":[{"current_time":"x","heartbeat_counter":"3050"}]}',
  )
  expect(rig.book).toMatchObject({ state: 'stale', reason: 'ERR_BOOK_GAP' })
  await until(() => rig.sent().length === 2, 'it has subscribed')
  expect(rig.sent()).toEqual([
    { type: 'subscribe', product_ids: ['BTC-USD'], channel: 'level2' },
    { type: 'subscribe', channel: 'heartbeats' },
  ])
})

describe('Binance: the best levels alone', () => {
  it('Spot, whose messages bear no symbol', async () => {
    const message = (lastUpdateId: number, price: string): string =>
      JSON.stringify({
        stream: 'bnbbtc@depth5@100ms',
        data: { lastUpdateId, bids: [[price, '10']], asks: [['0.0026', '100']] },
      })
    const book = { depth: 5 } as const
    await using rig = await bookOf('binance', 'BNBBTC', { market: { book }, books: { book } })
    await rig.send(message(160, '0.0024'), message(161, '0.0025'))
    expect(rig.book).toMatchObject({ state: 'synced', updateId: 161 })
    expect(shown(rig.book)).toEqual({ bids: [['0.0025', '10']], asks: [['0.0026', '100']] })
    await until(() => rig.sent().length === 1, 'it has subscribed')
    expect(rig.sent()[0]).toEqual({ method: 'SUBSCRIBE', params: ['bnbbtc@depth5@100ms'], id: 1 })
  })

  it('USD-M', async () => {
    const data = {
      e: 'depthUpdate',
      E: 1,
      T: 1,
      s: 'BTCUSDT',
      U: 390,
      u: 391,
      pu: 380,
      b: [['7403.89', '0.002']],
      a: [['7405.96', '3.340']],
    }
    const book = { depth: 10, speed: 500 } as const
    await using rig = await bookOf('binanceUsdm', 'BTCUSDT', { market: { book }, books: { book } })
    await rig.send(JSON.stringify({ stream: 'btcusdt@depth10@500ms', data }))
    expect(rig.book).toMatchObject({ state: 'synced', updateId: 391 })
    expect(shown(rig.book)).toEqual({ bids: [['7403.89', '0.002']], asks: [['7405.96', '3.340']] })
  })
})

describe('what is subscribed', () => {
  const asked = (name: keyof typeof venues, book?: object): unknown => {
    const [feed] = (venues[name].market as (options: object) => readonly { subscribe: readonly string[] }[])({
      symbols: ['BTCUSDT'],
      streams: ['book'],
      book,
    })
    return JSON.parse(feed?.subscribe[0] as string)
  }

  it('depths and speeds as documented', () => {
    for (const [name, book, topic] of [
      ['binance', undefined, 'btcusdt@depth@100ms'],
      ['binance', { speed: 1_000 }, 'btcusdt@depth'],
      ['binance', { depth: 20, speed: 1_000 }, 'btcusdt@depth20'],
      ['binanceUsdm', undefined, 'btcusdt@depth@100ms'],
      ['binanceUsdm', { speed: 250 }, 'btcusdt@depth'],
      ['binanceUsdm', { depth: 5, speed: 500 }, 'btcusdt@depth5@500ms'],
    ] as const) {
      expect(asked(name, book)).toMatchObject({ params: [topic] })
    }
    expect(asked('bybit')).toMatchObject({ args: ['orderbook.50.BTCUSDT'] })
    expect(asked('bybit', { depth: 1_000 })).toMatchObject({ args: ['orderbook.1000.BTCUSDT'] })
    expect(asked('kraken')).toMatchObject({ params: { depth: 25 } })
    expect(asked('kraken', { depth: 500 })).toMatchObject({ params: { depth: 500 } })
  })

  it('what a venue does not offer is refused, naming it', () => {
    for (const [name, book, path] of [
      ['binance', { speed: 250 }, /speed/],
      ['binance', { depth: 7 }, /depth/],
      ['binance', { limit: 5_001 }, /limit/],
      ['binanceUsdm', { speed: 1_000 }, /speed/],
      ['binanceUsdm', { limit: 30 }, /limit/],
      ['bybit', { depth: 1 }, /depth/],
      ['okx', { channel: 'books-l2-tbt' }, /channel/],
      ['kraken', { depth: 11 }, /depth/],
    ] as const) {
      expect(() => asked(name, book), `${name} ${JSON.stringify(book)}`).toThrow(path)
      expect(() => venues[name].books({ book } as never)).toThrow(path)
    }
  })
})
