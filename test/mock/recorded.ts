/** Recordings made up for tests: numbered books with snapshots, best prices and trades, as the venues write them. */
import { crc32 } from 'node:zlib'
import type { CaptureRecord } from '../../dist/esm/capture/index.js'
import { chance } from '../rest/venue-server.ts'

export interface RecordedOptions {
  readonly symbols?: readonly string[]
  /** Depth updates per symbol. */
  readonly updates?: number
  readonly seed?: number
  /** Milliseconds between two updates. */
  readonly everyMs?: number
}

const startNs = 1_700_000_000_000_000_000n

/** A side of a book: ticks and lots. */
type Side = Map<number, number>

const price = (ticks: number): string => `${Math.floor(ticks / 100)}.${String(ticks % 100).padStart(2, '0')}000000`
const size = (lots: number): string => `${(lots / 1_000).toFixed(3)}00000`
const levels = (changes: readonly (readonly [number, number])[]) =>
  changes.map(([ticks, lots]) => [price(ticks), size(lots)])

/** Binance Spot: a snapshot of each symbol, then updates, every tenth with a trade. */
export function* binanceRecords(options: RecordedOptions = {}): Generator<CaptureRecord> {
  const { symbols = ['BTCUSDT', 'ETHUSDT'], updates = 100, seed = 7, everyMs = 100 } = options
  const random = chance(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const streams = symbols.flatMap((symbol) => {
    const name = symbol.toLowerCase()
    return [`${name}@depth@100ms`, `${name}@bookTicker`, `${name}@aggTrade`]
  })
  yield {
    type: 'open',
    timeNs: startNs,
    connection: 0,
    url: `wss://stream.binance.com:9443/stream?streams=${streams.join('/')}`,
  }
  const received = (timeNs: bigint, stream: string, data: object): CaptureRecord => ({
    type: 'received',
    timeNs,
    connection: 0,
    binary: false,
    data: Buffer.from(JSON.stringify({ stream, data })),
  })
  const books = symbols.map((symbol, at) => {
    const bids: Side = new Map()
    const asks: Side = new Map()
    const middle = 3_000_000 + at * 100_000
    for (let i = 1; i <= 50; i++) {
      bids.set(middle - i * 10, 1 + below(5_000))
      asks.set(middle + i * 10, 1 + below(5_000))
    }
    return { symbol, bids, asks, middle, id: 1_000 * (at + 1), trade: 5_000 * (at + 1) }
  })
  for (const { symbol, bids, asks, id } of books) {
    const body = { lastUpdateId: id, bids: levels([...bids]), asks: levels([...asks]) }
    const url = `https://api.binance.com/api/v3/depth?symbol=${symbol}&limit=1000`
    yield { type: 'answer', timeNs: startNs + 1_000_000n, url, data: Buffer.from(JSON.stringify(body)) }
  }
  for (let step = 0; step < updates; step++) {
    const timeNs = startNs + BigInt(Math.round((step + 1) * everyMs * 1e6))
    const timeMs = Number(timeNs / 1_000_000n)
    for (const book of books) {
      const { symbol, bids, asks, middle } = book
      const name = symbol.toLowerCase()
      const change = (side: Side, sign: number): (readonly [number, number])[] => {
        const ticks = middle + sign * (1 + below(50)) * 10
        const lots = below(4) === 0 && side.size > 10 ? 0 : 1 + below(5_000)
        if (lots === 0) side.delete(ticks)
        else side.set(ticks, lots)
        return [[ticks, lots]]
      }
      const [b, a] = [change(bids, -1), change(asks, 1)]
      const U = book.id + 1
      book.id += 1 + below(3)
      yield received(timeNs, `${name}@depth@100ms`, {
        e: 'depthUpdate',
        E: timeMs,
        s: symbol,
        U,
        u: book.id,
        b: levels(b),
        a: levels(a),
      })
      const [bid, ask] = [Math.max(...bids.keys()), Math.min(...asks.keys())]
      yield received(timeNs, `${name}@bookTicker`, {
        u: book.id,
        s: symbol,
        b: price(bid),
        B: size(bids.get(bid) ?? 0),
        a: price(ask),
        A: size(asks.get(ask) ?? 0),
      })
      if (step % 10 !== 9) continue
      const id = ++book.trade
      const m = below(2) === 0
      const p = price(m ? bid : ask)
      yield received(timeNs, `${name}@aggTrade`, {
        e: 'aggTrade',
        E: timeMs,
        s: symbol,
        a: id,
        p,
        q: size(1 + below(100)),
        f: id,
        l: id,
        T: timeMs,
        m,
        M: true,
      })
    }
  }
  yield { type: 'close', timeNs: startNs + BigInt(updates + 1) * 100_000_000n, connection: 0, code: 1_000, reason: '' }
}

/** The books that the recording of this symbol ends with: prices and sizes as text. */
export function finalBook(
  records: readonly CaptureRecord[],
  symbol: string,
): { readonly bids: Map<string, string>; readonly asks: Map<string, string>; readonly updateId: number } {
  const book = { bids: new Map<string, string>(), asks: new Map<string, string>(), updateId: 0 }
  const put = (side: Map<string, string>, changes: readonly (readonly [string, string])[]): void => {
    for (const [at, much] of changes) {
      if (Number(much) === 0) side.delete(at)
      else side.set(at, much)
    }
  }
  for (const record of records) {
    if (record.type === 'answer' && record.url.includes(symbol)) {
      const { bids, asks } = JSON.parse(String(Buffer.from(record.data)))
      put(book.bids, bids)
      put(book.asks, asks)
    }
    if (record.type !== 'received') continue
    const { data } = JSON.parse(String(Buffer.from(record.data)))
    if (data.e !== 'depthUpdate' || data.s !== symbol) continue
    put(book.bids, data.b)
    put(book.asks, data.a)
    book.updateId = data.u
  }
  return book
}

/** Bybit Spot: a book of fifty levels that begins with its snapshot, and trades. */
export function* bybitRecords({
  symbols = ['BTCUSDT'],
  updates = 50,
  everyMs = 100,
}: RecordedOptions = {}): Generator<CaptureRecord> {
  yield { type: 'open', timeNs: startNs, connection: 0, url: 'wss://stream.bybit.com/v5/public/spot' }
  for (let step = 0; step <= updates; step++) {
    const timeNs = startNs + BigInt(Math.round(step * everyMs * 1e6))
    const ts = Number(timeNs / 1_000_000n)
    for (const [at, s] of symbols.entries()) {
      const middle = 30_000 + at * 1_000
      const rows = (sign: number, count: number) =>
        [...Array(count).keys()].map((i) => [
          `${middle + sign * (1 + ((i + step) % 50))}`,
          `${1 + ((i * 7 + step) % 9)}.5`,
        ])
      const [b, a] = step === 0 ? [rows(-1, 50), rows(1, 50)] : [rows(-1, 1), rows(1, 2)]
      const message = {
        topic: `orderbook.50.${s}`,
        type: step === 0 ? 'snapshot' : 'delta',
        ts,
        data: { s, b, a, u: 100 + step, seq: 7_000 + step },
        cts: ts - 2,
      }
      yield { type: 'received', timeNs, connection: 0, binary: false, data: Buffer.from(JSON.stringify(message)) }
      if (step % 10 !== 9) continue
      const trade = {
        i: `${2_290_000_000 + step}`,
        T: ts,
        p: `${middle + 1}`,
        v: '0.25',
        S: 'Buy',
        s,
        BT: false,
        RPI: false,
        seq: step,
      }
      const text = JSON.stringify({ topic: `publicTrade.${s}`, ts, type: 'snapshot', data: [trade] })
      yield { type: 'received', timeNs, connection: 0, binary: false, data: Buffer.from(text) }
    }
  }
}

/** OKX: a book that begins with its snapshot, numbered by `prevSeqId`, and trades. No checksums. */
export function* okxRecords({
  symbols = ['BTC-USDT'],
  updates = 50,
  everyMs = 100,
}: RecordedOptions = {}): Generator<CaptureRecord> {
  yield { type: 'open', timeNs: startNs, connection: 0, url: 'wss://ws.okx.com:8443/ws/v5/public' }
  for (let step = 0; step <= updates; step++) {
    const timeNs = startNs + BigInt(Math.round(step * everyMs * 1e6))
    const ts = String(timeNs / 1_000_000n)
    for (const [at, instId] of symbols.entries()) {
      const middle = 30_000 + at * 1_000
      const rows = (sign: number, count: number) =>
        [...Array(count).keys()].map((i) => [
          `${middle + sign * (1 + ((i + step) % 50))}`,
          `${1 + ((i * 7 + step) % 9)}.5`,
          '0',
          '2',
        ])
      const [bids, asks] = step === 0 ? [rows(-1, 50), rows(1, 50)] : [rows(-1, 1), rows(1, 2)]
      const data = [{ asks, bids, ts, checksum: 0, seqId: 100 + step, prevSeqId: step === 0 ? -1 : 99 + step }]
      const message = { arg: { channel: 'books', instId }, action: step === 0 ? 'snapshot' : 'update', data }
      yield { type: 'received', timeNs, connection: 0, binary: false, data: Buffer.from(JSON.stringify(message)) }
      if (step % 10 !== 9) continue
      const trade = {
        instId,
        tradeId: `${130_639_474 + step}`,
        px: `${middle + 1}`,
        sz: '0.25',
        side: 'buy',
        ts,
        count: '3',
      }
      const text = JSON.stringify({ arg: { channel: 'trades', instId }, data: [trade] })
      yield { type: 'received', timeNs, connection: 0, binary: false, data: Buffer.from(text) }
    }
  }
}

/** Kraken v2: a book of ten levels with check sums, whose levels beyond the tenth are forgotten, and trades. */
export function* krakenRecords({
  symbols = ['BTC/USD'],
  updates = 60,
  everyMs = 100,
  seed = 5,
}: RecordedOptions = {}): Generator<CaptureRecord> {
  const random = chance(seed)
  yield { type: 'open', timeNs: startNs, connection: 0, url: 'wss://ws.kraken.com/v2' }
  const digits = (text: string): string => text.replace('.', '').replace(/^0+/, '')
  const sides = symbols.map(() => ({ bids: new Map<number, string>(), asks: new Map<number, string>() }))
  const best = (side: Map<number, string>, sign: number) => [...side].sort(([a], [b]) => sign * (b - a)).slice(0, 10)
  const texts = (rows: readonly (readonly [number, string])[]) =>
    rows.map(([ticks, qty]) => [(ticks / 10).toFixed(1), qty] as const)
  const written = (rows: readonly (readonly [string, string])[]): string =>
    `[${rows.map(([price, qty]) => `{"price":${price},"qty":${qty}}`).join(',')}]`
  for (let step = 0; step <= updates; step++) {
    const timeNs = startNs + BigInt(Math.round(step * everyMs * 1e6))
    for (const [at, symbol] of symbols.entries()) {
      const { bids, asks } = sides[at] as (typeof sides)[number]
      const changes = { bids: [] as [number, string][], asks: [] as [number, string][] }
      for (const [side, changed, sign] of [
        [bids, changes.bids, 1],
        [asks, changes.asks, -1],
      ] as const) {
        const count = step === 0 ? 10 : 1 + Math.floor(random() * 2)
        for (let i = 0; i < count; i++) {
          const ticks = 300_000 - sign * (1 + (step === 0 ? i : Math.floor(random() * 14)))
          const gone = step > 0 && side.has(ticks) && side.size > 6 && random() < 0.4
          const qty = gone ? '0.00000000' : (0.001 + random()).toFixed(8)
          if (changed.some(([known]) => known === ticks)) continue
          changed.push([ticks, qty])
          if (gone) side.delete(ticks)
          else side.set(ticks, qty)
        }
        const kept = best(side, sign)
        side.clear()
        for (const [ticks, qty] of kept) side.set(ticks, qty)
      }
      const top = [...texts(best(asks, -1)), ...texts(best(bids, 1))]
      const checksum = crc32(top.map(([price, qty]) => digits(price) + digits(qty)).join(''))
      const text = `{"channel":"book","type":"${step === 0 ? 'snapshot' : 'update'}","data":[{"symbol":"${symbol}","bids":${written(texts(changes.bids))},"asks":${written(texts(changes.asks))},"checksum":${checksum},"timestamp":"2023-10-06T17:35:55.440295Z"}]}`
      yield { type: 'received', timeNs, connection: 0, binary: false, data: Buffer.from(text) }
      if (step % 10 !== 9) continue
      const trade = `{"channel":"trade","type":"update","data":[{"symbol":"${symbol}","side":"buy","price":30000.1,"qty":0.25000000,"ord_type":"limit","trade_id":${step},"timestamp":"2023-09-25T07:49:37.708706Z"}]}`
      yield { type: 'received', timeNs, connection: 0, binary: false, data: Buffer.from(trade) }
    }
  }
}

/** Coinbase: a whole book, changes of it, and trades, numbered over all channels. */
export function* coinbaseRecords({
  symbols = ['BTC-USD'],
  updates = 50,
  everyMs = 100,
}: RecordedOptions = {}): Generator<CaptureRecord> {
  yield { type: 'open', timeNs: startNs, connection: 0, url: 'wss://advanced-trade-ws.coinbase.com' }
  let sequence_num = 0
  for (let step = 0; step <= updates; step++) {
    const timeNs = startNs + BigInt(Math.round(step * everyMs * 1e6))
    const timestamp = new Date(Number(timeNs / 1_000_000n)).toISOString()
    const record = (channel: string, events: object[]): CaptureRecord => {
      const data = Buffer.from(
        JSON.stringify({ channel, client_id: '', timestamp, sequence_num: sequence_num++, events }),
      )
      return { type: 'received', timeNs, connection: 0, binary: false, data }
    }
    for (const [at, product_id] of symbols.entries()) {
      const middle = 30_000 + at * 1_000
      const level = (side: string, i: number) => ({
        side,
        event_time: timestamp,
        price_level: `${middle + (side === 'bid' ? -1 : 1) * (1 + ((i + step) % 50))}`,
        new_quantity: step > 0 && (i + step) % 7 === 0 ? '0' : `${1 + ((i * 7 + step) % 9)}.5`,
      })
      const all = [...Array(step === 0 ? 50 : 1).keys()].flatMap((i) => [level('bid', i), level('offer', i)])
      yield record('l2_data', [{ type: step === 0 ? 'snapshot' : 'update', product_id, updates: all }])
      if (step % 10 !== 9) continue
      const trade = {
        trade_id: String(step),
        product_id,
        price: `${middle + 1}`,
        size: '0.25',
        side: 'SELL',
        time: timestamp,
      }
      yield record('market_trades', [{ type: 'update', trades: [trade] }])
    }
  }
}
