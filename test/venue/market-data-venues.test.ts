/** Each venue's own words: subscriptions, confirmations, refusals and announcements as they are documented. */
import { Loop } from 'tickwire'
import { describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { binanceUsdm } from '../../dist/esm/venue/binance/index.js'
import { bybit } from '../../dist/esm/venue/bybit/index.js'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import type { MarketData, MarketDataError, MarketRollover } from '../../dist/esm/venue/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { until } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'

interface Dialect {
  readonly name: string
  make(options: object): MarketData
  /** The one that is refused stands second. */
  readonly symbols: readonly [string, string, string]
  /** What a request asks for, as `stream symbol`; empty: it asks for no topic. */
  asks(message: Message): { op: 'subscribe' | 'unsubscribe'; topics: string[] }
  answer(message: Message, refused: boolean, topics: readonly string[]): object[]
  trade(symbol: string, id: number): object
  ticker(symbol: string, n: number): object
  readonly ending?: object
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the venue is sent.
type Message = any

const dialects: readonly Dialect[] = [
  {
    name: 'binanceUsdm',
    make: (options) => binanceUsdm.marketData(options as never) as unknown as MarketData,
    symbols: ['BTCUSDT', 'BADUSDT', 'ETHUSDT'],
    asks: ({ method, params }) => ({
      op: method.toLowerCase(),
      topics: params.map((topic: string) => {
        const [name, stream] = topic.split('@') as [string, string]
        return `${stream === 'aggTrade' ? 'trades' : 'ticker'} ${name.toUpperCase()}`
      }),
    }),
    answer: ({ id }, refused) => [refused ? { error: { code: 2, msg: 'Invalid request' }, id } : { result: null, id }],
    trade: (s, a) => ({
      stream: `${s.toLowerCase()}@aggTrade`,
      data: { e: 'aggTrade', s, a, p: '1', q: '2', m: true, T: 5 },
    }),
    ticker: (s, u) => ({ stream: `${s.toLowerCase()}@bookTicker`, data: { u, s, b: '1', B: '1', a: '2', A: '1' } }),
    ending: { stream: '!serverShutdown', data: { e: 'serverShutdown', E: 1 } },
  },
  {
    name: 'bybit',
    make: (options) => bybit.marketData({ ...options, category: 'linear' } as never) as unknown as MarketData,
    symbols: ['BTCUSDT', 'BADUSDT', 'ETHUSDT'],
    asks: ({ op, args }) => ({
      op,
      topics: (args ?? []).map((topic: string) => {
        const name = topic.split('.').at(-1)
        return `${topic.startsWith('publicTrade') ? 'trades' : 'ticker'} ${name}`
      }),
    }),
    answer: ({ op, req_id }, refused) => [
      { success: !refused, ret_msg: refused ? 'error:handler not found' : '', conn_id: 'x', req_id, op },
    ],
    trade: (s, id) => ({
      topic: `publicTrade.${s}`,
      type: 'snapshot',
      ts: 5,
      data: [{ T: 5, s, S: 'Buy', v: '1', p: '2', L: 'PlusTick', i: `20f43950-d8dd-5b31-9112-${id}`, BT: false }],
    }),
    ticker: (s, seq) => ({
      topic: `orderbook.1.${s}`,
      type: 'snapshot',
      ts: 5,
      data: { s, b: [['1', '1']], a: [], u: 1, seq },
    }),
  },
  {
    name: 'okx',
    make: (options) => okx.marketData(options as never) as unknown as MarketData,
    symbols: ['BTC-USDT', 'BAD-USDT', 'ETH-USDT'],
    asks: ({ op, args }) => ({
      op,
      topics: args.map(({ channel, instId }: Message) => `${channel === 'tickers' ? 'ticker' : 'trades'} ${instId}`),
    }),
    answer: ({ args, op }, _refused, topics) =>
      args.map((arg: Message) =>
        topics.includes(arg.instId)
          ? {
              event: 'error',
              code: '60018',
              msg: `Wrong URL or channel:${arg.channel},instId:${arg.instId} doesn't exist. Please use the correct URL`,
              connId: 'x',
            }
          : { event: op, arg, connId: 'x' },
      ),
    trade: (instId, id) => ({
      arg: { channel: 'trades', instId },
      data: [{ instId, tradeId: String(id), px: '1', sz: '2', side: 'buy', ts: '5', count: '1' }],
    }),
    ticker: (instId, n) => ({
      arg: { channel: 'tickers', instId },
      data: [{ instId, bidPx: '1', bidSz: '1', askPx: '2', askSz: '1', ts: String(n) }],
    }),
    ending: {
      event: 'notice',
      code: '64008',
      msg: 'The connection will soon be closed for a service upgrade.',
      connId: 'x',
    },
  },
  {
    name: 'kraken',
    make: (options) => kraken.marketData(options as never) as unknown as MarketData,
    symbols: ['BTC/USD', 'BAD/USD', 'ETH/USD'],
    asks: ({ method, params }) => ({
      op: method,
      topics: (params?.symbol ?? []).map(
        (name: string) => `${params.channel === 'trade' ? 'trades' : 'ticker'} ${name}`,
      ),
    }),
    answer: ({ method, params, req_id }, _refused, topics) =>
      params.symbol.map((symbol: string) =>
        topics.includes(symbol)
          ? { error: `Currency pair not supported ${symbol}`, method, success: false, symbol, req_id }
          : { method, result: { channel: params.channel, symbol, snapshot: false }, success: true, req_id },
      ),
    trade: (symbol, trade_id) => ({
      channel: 'trade',
      type: 'update',
      data: [{ symbol, side: 'buy', price: 1, qty: 2, ord_type: 'limit', trade_id, timestamp: '2026-01-01T00:00:00Z' }],
    }),
    ticker: (symbol, n) => ({
      channel: 'ticker',
      type: 'update',
      data: [{ symbol, bid: n, bid_qty: 1, ask: 2, ask_qty: 1 }],
    }),
  },
  {
    name: 'coinbase',
    make: (options) => coinbase.marketData(options as never) as unknown as MarketData,
    symbols: ['BTC-USD', 'BAD-USD', 'ETH-USD'],
    asks: ({ type, product_ids, channel }) => ({
      op: type,
      topics: (product_ids ?? []).map((name: string) => `${channel === 'ticker' ? 'ticker' : 'trades'} ${name}`),
    }),
    // What has been given up is not in the list.
    answer: ({ type, channel, product_ids }, refused) => [
      refused
        ? { type: 'error', message: 'failure to subscribe', reason: 'not a valid product' }
        : {
            channel: 'subscriptions',
            sequence_num: 1,
            events: [{ subscriptions: { [channel]: type === 'unsubscribe' ? [] : (product_ids ?? []) } }],
          },
    ],
    trade: (product_id, id) => ({
      channel: 'market_trades',
      sequence_num: id,
      events: [
        {
          type: 'update',
          trades: [{ trade_id: String(id), product_id, price: '1', size: '2', side: 'BUY', time: 'x' }],
        },
      ],
    }),
    ticker: (product_id, n) => ({
      channel: 'ticker',
      sequence_num: n,
      events: [
        {
          type: 'update',
          tickers: [{ product_id, best_bid: '1', best_bid_quantity: '1', best_ask: '2', best_ask_quantity: '1' }],
        },
      ],
    }),
  },
]

describe.each(dialects)('$name', (dialect) => {
  async function rig(options: object = {}) {
    const wanted = new Map<WebSocket, Set<string>>()
    const [, bad] = dialect.symbols
    const server = await startWsServer({
      onConnection: (socket) => {
        const topics = new Set<string>()
        wanted.set(socket, topics)
        socket.on('close', () => wanted.delete(socket))
        socket.on('message', (data) => {
          const text = data.toString()
          if (text === 'ping' || text.includes('"ping"')) return
          const message = JSON.parse(text) as Message
          const { op, topics: asked } = dialect.asks(message)
          const refused = op === 'subscribe' && asked.some((topic) => topic.endsWith(` ${bad}`))
          const answers = dialect.answer(message, refused, [bad])
          // Some refuse the message, some the topic.
          const whole = answers.length === 1 && asked.length > 1 && refused
          for (const topic of asked) {
            if (op === 'unsubscribe') topics.delete(topic)
            else if (!whole && !topic.endsWith(` ${bad}`)) topics.add(topic)
          }
          for (const answer of answers) socket.send(JSON.stringify(answer))
        })
      },
    })
    const loop = new Loop()
    const md = dialect.make({
      url: server.url,
      symbols: dialect.symbols,
      loop,
      overlapMs: 50,
      readyMs: 3_000,
      ...options,
    })
    const errors: MarketDataError[] = []
    const rollovers: MarketRollover[] = []
    const rows: string[] = []
    md.on('error', (error) => errors.push(error))
    md.on('rollover', (event) => rollovers.push(event))
    md.on('rows', (batch) => {
      const { shape } = batch as { shape: string }
      for (const row of batch as Iterable<{ symbol: string }>) rows.push(`${shape} ${row.symbol}`)
    })
    const good = dialect.symbols
      .filter((symbol) => symbol !== bad)
      .flatMap((symbol) => [`ticker ${symbol}`, `trades ${symbol}`])
    const subscribed = (): string[] => [...wanted.values()].flatMap((topics) => [...topics]).sort()
    /** To those who asked for the topic; announcements to all. */
    const send = (message: object, topic?: string): void => {
      for (const [socket, topics] of wanted) {
        if (topic === undefined || topics.has(topic)) socket.send(JSON.stringify(message))
      }
    }
    return {
      md,
      errors,
      rollovers,
      rows,
      bad,
      good: good.sort(),
      subscribed,
      send,
      server,
      async [Symbol.asyncDispose]() {
        await md.close()
        await loop.close()
        await server.close()
      },
    }
  }

  it('subscribes, notices what is refused, and hands over rows of the rest', async () => {
    await using all = await rig()
    const { md, errors, rows, bad, good, subscribed, send } = all
    await md.open()
    await until(() => errors.length === 2, 'both topics of the symbol are told')
    await until(() => JSON.stringify(subscribed()) === JSON.stringify(good), 'the others are subscribed')
    expect(errors.map(({ code, symbol }) => [code, symbol])).toEqual(Array(2).fill(['ERR_MARKET_REFUSED', bad]))
    expect(errors.map(({ stream }) => stream).sort()).toEqual(['ticker', 'trades'])
    const [symbol] = dialect.symbols
    send(dialect.trade(symbol, 1), `trades ${symbol}`)
    send(dialect.ticker(symbol, 1), `ticker ${symbol}`)
    await until(() => rows.length === 2, 'rows have come')
    expect(rows.sort()).toEqual([`ticker ${symbol}`, `trades ${symbol}`])
    await md.remove([symbol])
    await until(() => subscribed().every((topic) => !topic.endsWith(symbol)), 'it is given up')
    expect(errors.length).toBe(2)
    await md.remove([bad])
    await md.add([bad])
    await until(() => errors.length === 4, 'what is asked for after a removal is told to be refused, too')
    expect(errors.map(({ code, symbol: name }) => [code, name])).toEqual(Array(4).fill(['ERR_MARKET_REFUSED', bad]))
  }, 30_000)

  it('hands on one copy over two paths, and rolls over when the venue says so', async () => {
    const [symbol, , other] = dialect.symbols
    await using all = await rig({ paths: 2, symbols: [symbol, other] })
    const { md, rows, rollovers, send, subscribed, good } = all
    await md.open()
    await until(() => subscribed().length === good.length * 2, 'both paths are up')
    for (let id = 1; id <= 20; id++) {
      send(dialect.trade(symbol, id), `trades ${symbol}`)
      send(dialect.ticker(other, id), `ticker ${other}`)
    }
    await until(() => md.stats().passed + md.stats().copies + md.stats().old === 80, 'all copies have come')
    await until(() => rows.length === 40, 'the rows have been handed over')
    expect(rows.filter((row) => row === `trades ${symbol}`).length).toBe(20)
    expect(rows.filter((row) => row === `ticker ${other}`).length).toBe(20)
    if (dialect.ending === undefined) return
    send(dialect.ending)
    await until(() => rollovers.length >= 2, 'each path has rolled over')
    expect(rollovers.every(({ reason }) => reason === 'serverShutdown' || reason === '64008')).toBe(true)
  }, 30_000)
})

describe('books', () => {
  it('are fed by both paths, across a rollover, and told as they change', async () => {
    const channels = new Map<WebSocket, Set<string>>()
    await using server = await startWsServer({
      onConnection: (socket) => {
        const mine = new Set<string>()
        channels.set(socket, mine)
        socket.on('close', () => channels.delete(socket))
        socket.on('message', (data) => {
          if (data.toString() === 'ping') return
          const { op, args } = JSON.parse(data.toString()) as Message
          for (const arg of args) {
            if (op === 'subscribe') mine.add(`${arg.channel} ${arg.instId}`)
            socket.send(JSON.stringify({ event: op, arg, connId: 'x' }))
          }
        })
      },
    })
    const loop = new Loop()
    const md = okx.marketData({
      url: server.url,
      symbols: ['BTC-USDT', 'ETH-USDT'],
      streams: ['book', 'trades'],
      book: { channel: 'books5' },
      paths: 2,
      overlapMs: 50,
      loop,
    })
    const bids: string[] = []
    let synced = 0
    md.on('book', (book) => {
      if (!book.synced) return
      synced++
      bids.push(`${book.symbol} ${book.bid().price}`)
    })
    await md.open()
    const topics = (): number => [...channels.values()].reduce((sum, { size }) => sum + size, 0)
    await until(() => topics() === 8, 'both paths are subscribed')
    const send = (instId: string, price: number, seqId: number): void => {
      const data = [{ asks: [['9000', '1', '0', '1']], bids: [[String(price), '2', '0', '1']], instId, ts: '1', seqId }]
      for (const [socket, mine] of channels) {
        if (mine.has(`books5 ${instId}`)) socket.send(JSON.stringify({ arg: { channel: 'books5', instId }, data }))
      }
    }
    send('BTC-USDT', 100, 1)
    send('ETH-USDT', 200, 1)
    await until(() => bids.includes('BTC-USDT 100') && bids.includes('ETH-USDT 200'), 'both books are there')
    await md.rollover()
    expect(md.stats().rollovers).toBe(2)
    await until(() => topics() === 8, 'the new sockets carry the same')
    send('BTC-USDT', 101, 2)
    await until(() => bids.includes('BTC-USDT 101'), 'the book goes on')
    expect(synced).toBe(bids.length)
    await md.close()
    await loop.close()
  }, 30_000)

  it('OKX: a connection is not asked more often per hour than it may be; another takes its place', async () => {
    const connections: { asked: number; readonly topics: Set<string> }[] = []
    await using server = await startWsServer({
      onConnection: (socket) => {
        const connection = { asked: 0, topics: new Set<string>() }
        connections.push(connection)
        socket.on('message', (data) => {
          if (String(data) === 'ping') return
          const { op, args } = JSON.parse(String(data)) as Message
          connection.asked++
          for (const arg of args) {
            if (op === 'subscribe') connection.topics.add(arg.instId)
            else connection.topics.delete(arg.instId)
            socket.send(JSON.stringify({ event: op, arg, connId: 'x' }))
          }
        })
      },
    })
    const loop = new Loop()
    const md = okx.marketData({
      url: server.url,
      symbols: ['BTC-USDT'],
      streams: ['trades'],
      overlapMs: 50,
      verifyMs: 100,
      loop,
    })
    const reasons: string[] = []
    md.on('rollover', ({ reason }) => reasons.push(reason))
    await md.open()
    const most = okx.marketLimits.messagesPerHour as number
    expect(most).toBe(480)
    for (let i = 0; i < most; i++) {
      await md.add([`X${i}-USDT`])
      if (i % 10 > 0) await md.remove([`X${i}-USDT`])
    }
    const wanted = ['BTC-USDT', ...Array.from({ length: most / 10 }, (_, i) => `X${i * 10}-USDT`)].sort()
    const served = (): string[] => [...(connections.at(-1)?.topics ?? [])].sort()
    await until(() => reasons.length > 0 && served().join() === wanted.join(), 'all is subscribed', 20_000)
    expect(new Set(reasons)).toEqual(new Set(['requests']))
    expect(Math.max(...connections.map(({ asked }) => asked))).toBeLessThanOrEqual(most)
    await md.close()
    await loop.close()
  }, 60_000)
})
