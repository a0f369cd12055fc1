/** Market data: what is subscribed where, and the rows of recordings and documented messages through a server built on `ws`. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { Feed, type JsonDecoder } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { binance, binanceUsdm } from '../../dist/esm/venue/binance/index.js'
import { bybit } from '../../dist/esm/venue/bybit/index.js'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import type { MarketFeed } from '../../dist/esm/venue/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { readCapture } from '../../examples/venue/capture.ts'
import { until } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'

const venues = { binance, binanceUsdm, bybit, okx, kraken, coinbase } as const
const names = Object.keys(venues) as (keyof typeof venues)[]

type AnyFeed = MarketFeed<never>
const marketOf = (name: keyof typeof venues, options: object): readonly AnyFeed[] =>
  (venues[name].market as (options: object) => readonly AnyFeed[])(options)

/** Topics that a subscription asks for. */
function topicsIn(message: string): string[] {
  const { params, args, product_ids, channel } = JSON.parse(message)
  if (Array.isArray(params)) return params
  if (Array.isArray(args)) return args.map((each: unknown) => (typeof each === 'string' ? each : JSON.stringify(each)))
  const symbols: string[] = params?.symbol ?? product_ids ?? []
  return symbols.map((symbol) => `${params?.channel ?? channel}:${symbol}`)
}

const symbols = fc.uniqueArray(fc.stringMatching(/^[A-Z0-9]{2,12}(-|\/)?[A-Z]{3,4}$/), {
  minLength: 1,
  maxLength: 1_500,
})
const streams = fc.constantFrom(['ticker'], ['trades'], ['ticker', 'trades'])

describe.each(names)('%s', (name) => {
  const { marketLimits } = venues[name]

  it('asks for every topic once, within what the venue allows on a socket and in a message', () => {
    fc.assert(
      fc.property(symbols, streams, (some, wanted) => {
        const feeds = marketOf(name, { symbols: [...some, ...some], streams: wanted })
        const all: string[] = []
        for (const { subscribe } of feeds) {
          const topics = subscribe.flatMap(topicsIn)
          expect(topics.length).toBeLessThanOrEqual(marketLimits.topics)
          for (const message of subscribe) {
            expect(topicsIn(message).length).toBeLessThanOrEqual(marketLimits.topicsPerMessage)
            expect(message.length).toBeLessThan(21_000)
          }
          // One is left for a ping in the first second.
          expect(subscribe.length).toBeLessThan(marketLimits.messagesPerSecond)
          all.push(...topics)
        }
        expect(new Set(all).size).toBe(all.length)
        expect(all.length).toBe(some.length * wanted.length)
      }),
      { numRuns: 30 },
    )
  })

  it('refuses what is wrong, naming it', () => {
    for (const [options, field] of [
      [{ symbols: [] }, 'symbols'],
      [{ symbols: ['A B'] }, 'symbols'],
      [{ symbols: ['A"'] }, 'symbols'],
      [{ symbols: ['A'], streams: [] }, 'streams'],
      [{ symbols: ['A'], streams: ['weather'] }, 'streams'],
      [{ symbols: ['A'], profile: 'moon' }, 'profile'],
      [{ symbols: ['A'], surprise: 1 }, 'surprise'],
    ] as const) {
      expect(() => marketOf(name, options)).toThrow(new RegExp(`\\b${field}\\b`))
      expect(() => marketOf(name, options)).toThrow(expect.objectContaining({ code: 'ERR_TICKWIRE_CONFIG' }))
    }
  })
})

describe('what is sent where', () => {
  const asked = (feeds: readonly AnyFeed[]): unknown =>
    feeds.map(({ url, subscribe }) => [url, subscribe.map((text) => JSON.parse(text))])

  it('as the venues document it', () => {
    expect(asked(marketOf('binance', { symbols: ['BTCUSDT'] }))).toEqual([
      [
        'wss://stream.binance.com:9443/stream',
        [{ method: 'SUBSCRIBE', params: ['btcusdt@bookTicker', 'btcusdt@aggTrade'], id: 1 }],
      ],
    ])
    expect(asked(marketOf('binanceUsdm', { symbols: ['BTCUSDT'] }))).toEqual([
      ['wss://fstream.binance.com/public/stream', [{ method: 'SUBSCRIBE', params: ['btcusdt@bookTicker'], id: 1 }]],
      ['wss://fstream.binance.com/market/stream', [{ method: 'SUBSCRIBE', params: ['btcusdt@aggTrade'], id: 1 }]],
    ])
    expect(asked(marketOf('bybit', { symbols: ['BTCUSDT'], category: 'linear' }))).toEqual([
      [
        'wss://stream.bybit.com/v5/public/linear',
        [{ op: 'subscribe', args: ['orderbook.1.BTCUSDT', 'publicTrade.BTCUSDT'] }],
      ],
    ])
    expect(asked(marketOf('okx', { symbols: ['BTC-USDT'], streams: ['trades'] }))).toEqual([
      ['wss://ws.okx.com:8443/ws/v5/public', [{ op: 'subscribe', args: [{ channel: 'trades', instId: 'BTC-USDT' }] }]],
    ])
    expect(asked(marketOf('kraken', { symbols: ['BTC/USD'] }))).toEqual([
      [
        'wss://ws.kraken.com/v2',
        [
          { method: 'subscribe', params: { channel: 'ticker', symbol: ['BTC/USD'], event_trigger: 'bbo' } },
          { method: 'subscribe', params: { channel: 'trade', symbol: ['BTC/USD'] } },
        ],
      ],
    ])
    expect(asked(marketOf('coinbase', { symbols: ['BTC-USD'] }))).toEqual([
      [
        'wss://advanced-trade-ws.coinbase.com',
        [
          { type: 'subscribe', product_ids: ['BTC-USD'], channel: 'ticker' },
          { type: 'subscribe', product_ids: ['BTC-USD'], channel: 'market_trades' },
          { type: 'subscribe', channel: 'heartbeats' },
        ],
      ],
    ])
  })
})

type Row = Record<string, unknown>

/** Rows that the venue's feed makes of these messages, decimals as text; and what the server was sent. */
async function deliver(name: keyof typeof venues, messages: readonly string[], options: object = {}) {
  await using server = await startWsServer({
    onConnection: (socket) => {
      for (const message of messages) socket.send(message)
    },
  })
  const [first] = marketOf(name, { symbols: ['BTCUSDT'], url: server.url, ...options })
  await using feed = new Feed({ ...(first as AnyFeed), decode: first?.decode as unknown as JsonDecoder })
  const rows: [shape: string, row: Row][] = []
  feed.on('rows', (batch) => {
    for (const row of batch) {
      const { rxTimeNs: _rx, kernelTimeNs: _kernel, ...fields } = row.toObject() as Row
      const plain = Object.entries(fields).map(([field, value]) => [
        field,
        typeof value === 'object' && value !== null ? String(value) : value,
      ])
      rows.push([batch.shape, Object.fromEntries(plain)])
    }
  })
  await feed.open()
  await until(() => feed.stats().messages === messages.length, 'all messages have come')
  const { rows: made } = feed.stats()
  await until(() => rows.length === Number(made), 'all rows have been handed over')
  await until(() => server.received.length >= (first?.subscribe.length ?? 0), 'it has subscribed')
  const stats = feed.stats()
  return { rows, stats, sent: server.received.map(({ data }) => data.toString()), subscribe: first?.subscribe }
}

const captures = fileURLToPath(new URL('../../../shared/captures/', import.meta.url))
const isThere = existsSync(captures)
const isDemanded = process.env['TICKWIRE_REQUIRE_CAPTURES'] === '1'
const received = async (file: string): Promise<string[]> =>
  (await readCapture(captures + file)).received.map(({ text }) => text)

describe.skipIf(!isThere && !isDemanded)('recordings (skipped without ../shared/captures)', { timeout: 60_000 }, () => {
  it.each(['BINANCE.ws.1.0', 'BINANCE_US.ws.1.0', 'BINANCE_FUTURES.ws.1.0'])('%s', async (file) => {
    const messages = await received(file)
    const name = file.includes('FUTURES') ? 'binanceUsdm' : 'binance'
    const { rows, stats } = await deliver(name, messages)
    const expected = messages.flatMap((message): [string, Row][] => {
      const { stream, data } = JSON.parse(message)
      if (stream.endsWith('@bookTicker')) {
        return [
          [
            'ticker',
            { symbol: data.s, bid: data.b, bidSize: data.B, ask: data.a, askSize: data.A, updateId: BigInt(data.u) },
          ],
        ]
      }
      if (!stream.endsWith('@aggTrade')) return []
      return [
        [
          'trades',
          { symbol: data.s, price: data.p, size: data.q, buyerMaker: data.m, id: BigInt(data.a), time: data.T },
        ],
      ]
    })
    expect(new Set(expected.map(([shape]) => shape)).size).toBe(2)
    expect(rows).toEqual(expected)
    expect(stats).toMatchObject({ malformed: 0, ignored: messages.length - expected.length, dropped: 0 })
  })

  it('OKCOIN.ws.1.0', async () => {
    const messages = await received('OKCOIN.ws.1.0')
    const { rows, stats } = await deliver('okx', messages)
    const expected = messages.flatMap((message): [string, Row][] => {
      const { arg, data = [] } = JSON.parse(message)
      return (data as Record<string, string>[]).flatMap((each): [string, Row][] => {
        const [symbol, time] = [each['instId'], Number(each['ts'])]
        if (arg.channel === 'tickers') {
          return [
            [
              'ticker',
              { symbol, bid: each['bidPx'], bidSize: each['bidSz'], ask: each['askPx'], askSize: each['askSz'], time },
            ],
          ]
        }
        if (arg.channel !== 'trades') return []
        return [
          ['trades', { symbol, price: each['px'], size: each['sz'], side: each['side'], id: each['tradeId'], time }],
        ]
      })
    })
    expect(expected.length).toBe(12)
    expect(rows).toEqual(expected)
    // Confirmations name a channel and bring no rows.
    expect(stats.malformed).toBe(0)
  })
})

describe('types', () => {
  it("a feed's rows have the fields of the venue", async () => {
    await using server = await startWsServer()
    const [options] = binance.market({ symbols: ['BTCUSDT'], streams: ['ticker'], url: server.url })
    if (options === undefined) throw new Error('no feed')
    await using feed = new Feed(options)
    const bids: string[] = []
    feed.on('rows:ticker', (rows) => {
      for (const row of rows) bids.push(`${row.symbol} ${row.bid.toString()}`)
    })
    await feed.open()
    const data = { u: 400900217, s: 'BNBUSDT', b: '25.35190000', B: '31.21000000', a: '25.36520000', A: '40.66000000' }
    server.broadcast(JSON.stringify({ stream: 'bnbusdt@bookTicker', data }))
    await until(() => bids.length === 1, 'the row has come')
    expect(bids).toEqual(['BNBUSDT 25.35190000'])
  })
})

describe('messages as documented', () => {
  it('Bybit, with an empty side and a confirmation', async () => {
    const book = {
      topic: 'orderbook.1.BTCUSDT',
      ts: 1772694601512,
      type: 'snapshot',
      data: { s: 'BTCUSDT', b: [['16493.50', '0.006']], a: [['16611.00', '0.029']], u: 18521288, seq: 7961638724 },
      cts: 1672304484976,
    }
    const trade = {
      T: 1672304486865,
      s: 'BTCUSDT',
      S: 'Buy',
      v: '0.001',
      p: '16578.50',
      L: 'PlusTick',
      i: '20f43950-d8dd-5b31-9112-a178eb6023af',
      BT: false,
      seq: 1783284617,
    }
    const messages = [
      { success: true, ret_msg: 'subscribe', conn_id: '2324d924', op: 'subscribe' },
      book,
      { ...book, data: { ...book.data, b: [] } },
      {
        topic: 'publicTrade.BTCUSDT',
        type: 'snapshot',
        ts: 1672304486868,
        data: [trade, { ...trade, S: 'Sell', v: '2.500' }],
      },
      { success: true, ret_msg: 'pong', conn_id: '0970e817', op: 'ping' },
    ].map((message) => JSON.stringify(message))
    const { rows, stats, sent, subscribe } = await deliver('bybit', messages)
    const ticker = {
      symbol: 'BTCUSDT',
      bid: '16493.50',
      bidSize: '0.006',
      ask: '16611.00',
      askSize: '0.029',
      time: 1772694601512,
    }
    const first = { symbol: 'BTCUSDT', price: '16578.50', size: '0.001', side: 'Buy', id: trade.i, time: 1672304486865 }
    expect(rows).toEqual([
      ['ticker', ticker],
      ['ticker', { ...ticker, bid: null, bidSize: null }],
      ['trades', first],
      ['trades', { ...first, side: 'Sell', size: '2.500' }],
    ])
    expect(stats).toMatchObject({ malformed: 0, ignored: 2 })
    expect(sent).toEqual(subscribe)
  })

  it('Kraken, whose numbers keep their decimals', async () => {
    const messages = [
      '{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":12393906104898154338}]}',
      '{"method":"subscribe","result":{"channel":"ticker","symbol":"ALGO/USD","snapshot":true},"success":true,"time_in":"2023-09-25T09:04:31.742599Z"}',
      '{"channel":"ticker","type":"snapshot","data":[{"symbol":"ALGO/USD","bid":0.10025,"bid_qty":740.0,"ask":0.10036,"ask_qty":1361.44813783,"last":0.10035,"volume":997038.98383185,"vwap":0.10148,"low":0.09979,"high":0.10285,"change":-0.00017,"change_pct":-0.17}]}',
      '{"channel":"trade","type":"update","data":[{"symbol":"MATIC/USD","side":"sell","price":0.5117,"qty":40.0,"ord_type":"market","trade_id":4665906,"timestamp":"2023-09-25T07:49:37.708706Z"}]}',
      '{"channel":"heartbeat"}',
    ]
    const { rows, stats, sent, subscribe } = await deliver('kraken', messages)
    expect(rows).toEqual([
      ['ticker', { symbol: 'ALGO/USD', bid: '0.10025', bidSize: '740.0', ask: '0.10036', askSize: '1361.44813783' }],
      [
        'trades',
        {
          symbol: 'MATIC/USD',
          price: '0.5117',
          size: '40.0',
          side: 'sell',
          id: 4665906n,
          timestamp: '2023-09-25T07:49:37.708706Z',
        },
      ],
    ])
    expect(stats).toMatchObject({ malformed: 0, ignored: 3 })
    expect(sent).toEqual(subscribe)
  })

  it('Coinbase', async () => {
    const about = { client_id: '', timestamp: '2023-02-09T20:30:37.167359596Z', sequence_num: 0 }
    const ticker = {
      type: 'ticker',
      product_id: 'BTC-USD',
      price: '21932.98',
      volume_24_h: '16038.28770938',
      best_bid: '21931.98',
      best_bid_quantity: '8000.21',
      best_ask: '21933.98',
      best_ask_quantity: '8038.07770938',
    }
    const trade = {
      trade_id: '000000000',
      product_id: 'ETH-USD',
      price: '1260.01',
      size: '0.3',
      side: 'BUY',
      time: '2019-08-14T20:42:27.265Z',
    }
    const messages = [
      { channel: 'subscriptions', ...about, events: [{ subscriptions: { ticker: ['BTC-USD'] } }] },
      { channel: 'ticker', ...about, events: [{ type: 'snapshot', tickers: [ticker] }] },
      {
        channel: 'market_trades',
        ...about,
        events: [{ type: 'snapshot', trades: [trade, { ...trade, trade_id: '1' }] }],
      },
      {
        channel: 'heartbeats',
        ...about,
        events: [{ current_time: '2023-06-23 20:31:56.121961769 +0000 UTC', heartbeat_counter: 3049 }],
      },
      {
        channel: 'ticker',
        ...about,
        events: [
          { type: 'update', tickers: [ticker] },
          { type: 'update', tickers: [{ ...ticker, product_id: 'ETH-USD' }] },
        ],
      },
      {
        channel: 'market_trades',
        ...about,
        events: [
          { type: 'update', trades: [] },
          { type: 'update', trades: [{ ...trade, trade_id: '2' }] },
          { type: 'update', trades: [{ ...trade, trade_id: '3' }] },
        ],
      },
    ].map((message) => JSON.stringify(message))
    const { rows, stats, sent, subscribe } = await deliver('coinbase', messages)
    const row = {
      symbol: 'ETH-USD',
      price: '1260.01',
      size: '0.3',
      side: 'BUY',
      id: '000000000',
      timestamp: '2019-08-14T20:42:27.265Z',
    }
    const quote = { symbol: 'BTC-USD', bid: '21931.98', bidSize: '8000.21', ask: '21933.98', askSize: '8038.07770938' }
    expect(rows).toEqual([
      ['ticker', quote],
      ['trades', row],
      ['trades', { ...row, id: '1' }],
      ['ticker', quote],
      ['ticker', { ...quote, symbol: 'ETH-USD' }],
      ['trades', { ...row, id: '2' }],
      ['trades', { ...row, id: '3' }],
    ])
    expect(stats).toMatchObject({ malformed: 0, ignored: 2 })
    expect(sent).toEqual(subscribe)
  })
})
