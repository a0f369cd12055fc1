/** What each venue says of a market's moments, as it would have been recorded. */
import { crc32 } from 'node:zlib'
import { type Change, type Instrument, levelsOf, priceOf, sizeOf } from './market.ts'

/** One message, as JSON. */
export type Said = string

export interface Words {
  /** Of the recorded connection. */
  readonly url: string
  readonly symbols: readonly string[]
  /** Topic of an instrument's book and of its trades, as the mock venue calls them. */
  readonly bookTopic: (symbol: string) => string
  readonly tradeTopic: (symbol: string) => string
  /** The answer to a request for a snapshot; null where books come over the socket. */
  readonly answer: ((instrument: Instrument) => { readonly url: string; readonly body: Said }) | null
  /** The whole book, where it comes over the socket. */
  readonly snapshot: ((instrument: Instrument, timeMs: number) => Said) | null
  /** Changes, and the number of what the book is then. */
  readonly update: (
    instrument: Instrument,
    bids: readonly Change[],
    asks: readonly Change[],
    timeMs: number,
  ) => readonly [said: Said, id: number]
  readonly ticker: (instrument: Instrument, timeMs: number) => Said
  readonly trade: (instrument: Instrument, id: number, timeMs: number) => Said
  /** The venue's numbers begin anew: nothing, or what it says then. */
  readonly anew: ((instrument: Instrument, timeMs: number) => Said | null) | null
}

const text = JSON.stringify
const size = '0.250'

function tops(instrument: Instrument): readonly [bid: [string, string], ask: [string, string]] {
  const [bid] = levelsOf(instrument.best('bids', 1))
  const [ask] = levelsOf(instrument.best('asks', 1))
  return [bid as [string, string], ask as [string, string]]
}

const binance: Words = {
  url: 'wss://stream.binance.com:9443/stream',
  symbols: ['BTCUSDT', 'ETHUSDT', 'LTCBTC', 'BNBUSDT', 'XRPUSDT'],
  bookTopic: (symbol) => `${symbol.toLowerCase()}@depth@100ms`,
  tradeTopic: (symbol) => `${symbol.toLowerCase()}@aggTrade`,
  answer: ({ symbol, id, bids, asks }) => ({
    url: `https://api.binance.com/api/v3/depth?symbol=${symbol}&limit=100`,
    body: text({ lastUpdateId: id, bids: levelsOf([...bids]), asks: levelsOf([...asks]) }),
  }),
  snapshot: null,
  update: (instrument, bids, asks, E) => {
    const { symbol: s } = instrument
    const U = instrument.id + 1
    instrument.id += 1 + instrument.below(3)
    const { id: u } = instrument
    const data = { e: 'depthUpdate', E, s, U, u, b: levelsOf(bids), a: levelsOf(asks) }
    return [text({ stream: binance.bookTopic(s), data }), u]
  },
  ticker: (instrument) => {
    const [[b, B], [a, A]] = tops(instrument)
    const { symbol: s, id: u } = instrument
    return text({ stream: `${s.toLowerCase()}@bookTicker`, data: { u, s, b, B, a, A } })
  },
  trade: (instrument, id, T) => {
    const { symbol: s } = instrument
    const [[p]] = tops(instrument)
    const data = { e: 'aggTrade', E: T, s, a: id, p, q: size, f: id, l: id, T, m: true, M: true }
    return text({ stream: binance.tradeTopic(s), data })
  },
  anew: null,
}

const bybit: Words = {
  url: 'wss://stream.bybit.com/v5/public/spot',
  symbols: ['BTCUSDT', 'ETHUSDT'],
  bookTopic: (symbol) => `orderbook.50.${symbol}`,
  tradeTopic: (symbol) => `publicTrade.${symbol}`,
  answer: null,
  snapshot: (instrument, ts) => bybitBook(instrument, 'snapshot', [...instrument.bids], [...instrument.asks], ts),
  update: (instrument, bids, asks, ts) => {
    instrument.id++
    return [bybitBook(instrument, 'delta', bids, asks, ts), instrument.id]
  },
  ticker: (instrument, ts) => {
    const [bid, ask] = tops(instrument)
    const { symbol: s, id: u } = instrument
    return text({
      topic: `orderbook.1.${s}`,
      type: 'snapshot',
      ts,
      data: { s, b: [bid], a: [ask], u, seq: ts },
      cts: ts,
    })
  },
  trade: (instrument, id, T) => {
    const { symbol: s } = instrument
    const [[p]] = tops(instrument)
    const data = [{ i: String(id), T, p, v: size, S: 'Sell', s, BT: false, RPI: false, seq: id }]
    return text({ topic: `publicTrade.${s}`, ts: T, type: 'snapshot', data })
  },
  // A snapshot numbered 1 says so.
  anew: (instrument, ts) => {
    instrument.id = 1
    return bybitBook(instrument, 'snapshot', [...instrument.bids], [...instrument.asks], ts)
  },
}

function bybitBook(
  { symbol: s, id: u }: Instrument,
  type: string,
  bids: readonly Change[],
  asks: readonly Change[],
  ts: number,
): Said {
  const data = { s, b: levelsOf(bids), a: levelsOf(asks), u, seq: ts }
  return text({ topic: `orderbook.50.${s}`, type, ts, data, cts: ts })
}

const okx: Words = {
  url: 'wss://ws.okx.com:8443/ws/v5/public',
  symbols: ['BTC-USDT', 'ETH-USDT'],
  bookTopic: (symbol) => `books:${symbol}`,
  tradeTopic: (symbol) => `trades:${symbol}`,
  answer: null,
  snapshot: (instrument, ts) => okxBook(instrument, 'snapshot', [...instrument.bids], [...instrument.asks], -1, ts),
  update: (instrument, bids, asks, ts) => {
    const before = instrument.id
    // The update after the numbers have begun anew is the one that says so.
    instrument.id = restarted.delete(instrument) ? 500 : before + 1 + instrument.below(5)
    return [okxBook(instrument, 'update', bids, asks, before, ts), instrument.id]
  },
  ticker: (instrument, timeMs) => {
    const [[bidPx, bidSz], [askPx, askSz]] = tops(instrument)
    const { symbol: instId } = instrument
    const data = [{ instId, bidPx, bidSz, askPx, askSz, ts: String(timeMs) }]
    return text({ arg: { channel: 'tickers', instId }, data })
  },
  trade: (instrument, id, timeMs) => {
    const { symbol: instId } = instrument
    const [[px]] = tops(instrument)
    const data = [{ instId, tradeId: String(id), px, sz: size, side: 'sell', ts: String(timeMs), count: '1' }]
    return text({ arg: { channel: 'trades', instId }, data })
  },
  anew: (instrument) => {
    restarted.add(instrument)
    return null
  },
}

const restarted = new Set<Instrument>()

function okxBook(
  instrument: Instrument,
  action: string,
  bids: readonly Change[],
  asks: readonly Change[],
  prevSeqId: number,
  ts: number,
): Said {
  const { symbol: instId, id: seqId } = instrument
  const rows = (changes: readonly Change[]) => levelsOf(changes).map(([price, much]) => [price, much, '0', '1'])
  const [best, worst] = [levelsOf(instrument.best('bids', 25)), levelsOf(instrument.best('asks', 25))]
  const parts = [...Array(25).keys()].flatMap((i) => [...(best[i] ?? []), ...(worst[i] ?? [])])
  const checksum = crc32(parts.join(':')) | 0
  const data = [{ asks: rows(asks), bids: rows(bids), ts: String(ts), checksum, seqId, prevSeqId }]
  return text({ arg: { channel: 'books', instId }, action, data })
}

const krakenDepth = 10
/** Of each book, the levels that Kraken's subscribers have. */
const shown = new Map<Instrument, readonly [bids: readonly Change[], asks: readonly Change[]]>()

const kraken: Words = {
  url: 'wss://ws.kraken.com/v2',
  symbols: ['BTC/USD', 'ETH/USD'],
  bookTopic: (symbol) => `book:${symbol}`,
  tradeTopic: (symbol) => `trade:${symbol}`,
  answer: null,
  snapshot: (instrument) => {
    const sides = [instrument.best('bids', krakenDepth), instrument.best('asks', krakenDepth)] as const
    shown.set(instrument, sides)
    return krakenBook(instrument, 'snapshot', ...sides)
  },
  // What has gone, and what is new among the best: what falls out at the end is not said.
  update: (instrument, bids, asks) => {
    const before = shown.get(instrument) as readonly [readonly Change[], readonly Change[]]
    const after = [instrument.best('bids', krakenDepth), instrument.best('asks', krakenDepth)] as const
    shown.set(instrument, after)
    const said = [bids, asks].map((changes, i) => {
      const had = new Map(before[i])
      return [
        ...changes.filter(([ticks, lots]) => lots === 0 && had.has(ticks)),
        ...(after[i] as readonly Change[]).filter(([ticks, lots]) => had.get(ticks) !== lots),
      ]
    }) as [Change[], Change[]]
    return [krakenBook(instrument, 'update', ...said), Number.NaN]
  },
  ticker: (instrument) => {
    const [[bid, bidQty], [ask, askQty]] = tops(instrument)
    return `{"channel":"ticker","type":"update","data":[{"symbol":"${instrument.symbol}","bid":${bid},"bid_qty":${bidQty},"ask":${ask},"ask_qty":${askQty},"last":${bid},"volume":1.0,"vwap":1.0,"low":1.0,"high":1.0,"change":0.0,"change_pct":0.0}]}`
  },
  trade: (instrument, id, timeMs) => {
    const [[price]] = tops(instrument)
    return `{"channel":"trade","type":"update","data":[{"symbol":"${instrument.symbol}","side":"sell","price":${price},"qty":${size},"ord_type":"limit","trade_id":${id},"timestamp":"${new Date(timeMs).toISOString()}"}]}`
  },
  anew: null,
}

function krakenBook(instrument: Instrument, type: string, bids: readonly Change[], asks: readonly Change[]): Said {
  const written = (changes: readonly Change[]): string =>
    `[${levelsOf(changes)
      .map(([price, qty]) => `{"price":${price},"qty":${qty}}`)
      .join(',')}]`
  const digits = (decimal: string): string => decimal.replace('.', '').replace(/^0+/, '')
  const best = [...levelsOf(instrument.best('asks', 10)), ...levelsOf(instrument.best('bids', 10))]
  const checksum = crc32(best.map(([price, qty]) => digits(price) + digits(qty)).join(''))
  return `{"channel":"book","type":"${type}","data":[{"symbol":"${instrument.symbol}","bids":${written(bids)},"asks":${written(asks)},"checksum":${checksum},"timestamp":"2023-10-06T17:35:55.440295Z"}]}`
}

const coinbase: Words = {
  url: 'wss://advanced-trade-ws.coinbase.com',
  symbols: ['BTC-USD', 'ETH-USD'],
  bookTopic: (symbol) => `level2:${symbol}`,
  tradeTopic: (symbol) => `market_trades:${symbol}`,
  answer: null,
  snapshot: (instrument, timeMs) =>
    coinbaseBook(instrument, 'snapshot', [...instrument.bids], [...instrument.asks], timeMs),
  update: (instrument, bids, asks, timeMs) => [coinbaseBook(instrument, 'update', bids, asks, timeMs), Number.NaN],
  ticker: (instrument, timeMs) => {
    const [[best_bid, best_bid_quantity], [best_ask, best_ask_quantity]] = tops(instrument)
    const row = { product_id: instrument.symbol, best_bid, best_bid_quantity, best_ask, best_ask_quantity }
    return coinbaseSaid('ticker', { type: 'update', tickers: [row] }, timeMs)
  },
  trade: (instrument, id, timeMs) => {
    const [[price]] = tops(instrument)
    const time = new Date(timeMs).toISOString()
    const row = { trade_id: String(id), product_id: instrument.symbol, price, size, side: 'BUY', time }
    return coinbaseSaid('market_trades', { type: 'update', trades: [row] }, timeMs)
  },
  anew: null,
}

function coinbaseBook(
  { symbol: product_id }: Instrument,
  type: string,
  bids: readonly Change[],
  asks: readonly Change[],
  timeMs: number,
): Said {
  const event_time = new Date(timeMs).toISOString()
  const rows = (side: string, changes: readonly Change[]) =>
    changes.map(([ticks, lots]) => ({
      side,
      event_time,
      price_level: priceOf(ticks),
      new_quantity: sizeOf(lots),
    }))
  return coinbaseSaid('l2_data', { type, product_id, updates: [...rows('bid', bids), ...rows('offer', asks)] }, timeMs)
}

/** The venue's number is that of the connection: the mock venue writes its own. */
function coinbaseSaid(channel: string, event: object, timeMs: number): Said {
  return text({
    channel,
    client_id: '',
    timestamp: new Date(timeMs).toISOString(),
    sequence_num: 0,
    events: [event],
  })
}

export const words = { binance, bybit, okx, kraken, coinbase } as const
