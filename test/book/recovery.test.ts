/**
 * Books that fall out of sync: what venues' `books()` does about it, at real servers, and that the outcome is right, whatever was lost,
 * repeated, reordered or cut off on the way.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { exponential, Feed } from 'tickwire'
import { describe, expect, it } from 'vitest'
import type { Book, BookResync } from '../../dist/esm/book/index.js'
import { binance } from '../../dist/esm/venue/binance/index.js'
import { bybit } from '../../dist/esm/venue/bybit/index.js'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import type { VenueBooks } from '../../dist/esm/venue/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { until } from '../e2e/waiting.ts'
import { startWsServer, type WsServer } from '../peers/ws-server.ts'
import { expectedOf, ReferenceBook, shown } from './reference.ts'

type Level = [string, string]

/** A market that changes by chance, with the numbers of Binance: the truth that everything is compared with. */
class Market {
  readonly symbol: string
  readonly truth = new ReferenceBook()
  id = 100
  readonly #random: () => number

  constructor(symbol: string, seed: number) {
    this.symbol = symbol
    let state = seed >>> 0 || 1
    this.#random = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state / 2 ** 32
    }
    for (let i = 0; i < 20; i++) this.change()
  }

  /** A message of changes, already part of the truth. */
  change(): string {
    const side = (base: number): Level[] =>
      Array.from({ length: Math.floor(this.#random() * 3) }, () => {
        const price = (base + Math.floor(this.#random() * 50) / 100).toFixed(2)
        return [price, this.#random() < 0.3 ? '0.000' : (1 + Math.floor(this.#random() * 900) / 100).toFixed(3)]
      })
    const [b, a] = [side(10), side(11)]
    this.truth.apply(b, a)
    const U = this.id + 1
    this.id += 1 + Math.floor(this.#random() * 3)
    const data = { e: 'depthUpdate', E: 1, s: this.symbol, U, u: this.id, b, a }
    return JSON.stringify({ stream: `${this.symbol.toLowerCase()}@depth@100ms`, data })
  }

  snapshot(): string {
    return JSON.stringify({ lastUpdateId: this.id, bids: this.truth.top('bids'), asks: this.truth.top('asks') })
  }
}

type Answer = (symbol: string, response: ServerResponse) => void

async function snapshotServer(answer: Answer) {
  const asked: string[] = []
  let atOnce = 0
  let most = 0
  const server = createServer((request, response) => {
    const symbol = new URL(request.url ?? '', 'http://x').searchParams.get('symbol')
    if (symbol === null) {
      response.end(JSON.stringify({ serverTime: Date.now() }))
      return
    }
    asked.push(symbol)
    most = Math.max(most, ++atOnce)
    response.on('close', () => atOnce--)
    response.setHeader('content-type', 'application/json')
    answer(symbol, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    asked,
    most: () => most,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

const fast = { backoff: { first: 5, max: 40 }, patience: 2_000 } as const
const reconnect = exponential({
  first: 10,
  max: 50,
  immediate: true,
  storm: { floor: 10, attempts: 1_000, window: 1_000 },
})

/** A feed of Binance's books at these servers. */
function binanceFeed(kept: VenueBooks, server: WsServer, symbols: readonly string[]): Feed {
  const [options] = binance.market({ symbols, streams: ['book'], url: server.url })
  const feed = new Feed({ ...(options as NonNullable<typeof options>), books: kept.books, reconnect })
  kept.carry(feed, symbols)
  return feed as unknown as Feed
}

function resyncsOf(kept: VenueBooks): BookResync[] {
  const all: BookResync[] = []
  kept.books.on('resync', (event) => all.push(event))
  return all
}

const isTrue = (book: Book, market: Market): boolean => {
  book.refresh()
  return book.synced && book.updateId === market.id
}

describe('snapshots that are fetched', { timeout: 60_000 }, () => {
  it('too old ones and failures: tried again with pauses, others undisturbed, right in the end', async () => {
    const [x, y] = [new Market('XUSDT', 1), new Market('YUSDT', 2)]
    let old = x.snapshot()
    let calls = 0
    await using http = await snapshotServer((symbol, response) => {
      if (symbol === 'YUSDT') {
        response.end(y.snapshot())
        return
      }
      calls++
      if (calls === 1) response.end(old)
      else if (calls === 2) {
        response.statusCode = 400
        response.end('{"code":-1100,"msg":"no"}')
      } else if (calls === 3) response.end('{"lastUpdateId":')
      else if (calls === 4) response.end('{"nothing":"of the kind"}')
      else response.end(x.snapshot())
    })
    await using server = await startWsServer()
    await using rest = binance.rest({ endpoints: [http.url] })
    await using kept = binance.books({ rest, ...fast })
    const events = resyncsOf(kept)
    for (let i = 0; i < 5; i++) x.change() // between the old snapshot and the stream
    await using feed = binanceFeed(kept, server, ['XUSDT', 'YUSDT'])
    await feed.open()
    server.broadcast(x.change(), y.change())
    const [bookX, bookY] = ['XUSDT', 'YUSDT'].map((symbol) => kept.books.get(symbol) as Book) as [Book, Book]
    await until(() => isTrue(bookX, x) && isTrue(bookY, y), 'both are right')
    expect(shown(bookX)).toEqual(expectedOf(x.truth, 20))
    expect(shown(bookY)).toEqual(expectedOf(y.truth, 20))
    expect(calls).toBe(5)
    const failures = events.filter(({ book, error }) => book === bookX && error !== null)
    expect(failures.map(({ error }) => (error as { code?: string }).code)).toEqual([
      'ERR_BOOK_SNAPSHOT',
      expect.any(String),
      'ERR_DECODE',
      'ERR_DECODE',
    ])
    expect(failures.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4])
    for (const { delayMs } of failures) expect(delayMs).toBeGreaterThan(0)
    expect(events.filter(({ book }) => book === bookY && book !== null).every(({ error }) => error === null)).toBe(true)
    old = ''
  })

  it('a gap: a new snapshot, one request at a time, and no more than allowed at once', async () => {
    const markets = Array.from({ length: 12 }, (_, i) => new Market(`S${i}USDT`, i + 1))
    const bySymbol = new Map(markets.map((market) => [market.symbol, market]))
    await using http = await snapshotServer((symbol, response) => {
      setTimeout(() => response.end(bySymbol.get(symbol)?.snapshot()), 20)
    })
    await using server = await startWsServer()
    await using rest = binance.rest({ endpoints: [http.url] })
    await using kept = binance.books({ rest, fetches: 3, ...fast })
    await using feed = binanceFeed(kept, server, [...bySymbol.keys()])
    await feed.open()
    server.broadcast(...markets.map((market) => market.change()))
    const all = (): boolean => markets.every((market) => isTrue(kept.books.get(market.symbol) as Book, market))
    await until(all, 'all are right')
    expect(http.asked.length).toBe(12)
    expect(http.most()).toBeLessThanOrEqual(3)
    markets[3]?.change() // lost
    const stale: string[] = []
    kept.books.on('stale', ({ book, reason }) => stale.push(`${book.symbol} ${reason}`))
    server.broadcast(...markets.map((market) => market.change()), ...markets.map((market) => market.change()))
    await until(() => stale.length > 0, 'one is stale')
    await until(all, 'all are right again')
    expect(stale).toEqual(['S3USDT ERR_BOOK_GAP'])
    expect(http.asked.slice(12)).toEqual(['S3USDT'])
    for (const market of markets) {
      expect(shown(kept.books.get(market.symbol) as Book)).toEqual(expectedOf(market.truth, 20))
    }
  })

  it('a server that does not answer: given up by patience, and asked again', async () => {
    const market = new Market('XUSDT', 3)
    let calls = 0
    await using http = await snapshotServer((_, response) => {
      if (++calls > 1) response.end(market.snapshot())
    })
    await using server = await startWsServer()
    await using rest = binance.rest({ endpoints: [http.url] })
    await using kept = binance.books({ rest, backoff: { first: 5, max: 40 }, patience: 150 })
    const events = resyncsOf(kept)
    await using feed = binanceFeed(kept, server, ['XUSDT'])
    await feed.open()
    const book = kept.books.get('XUSDT') as Book
    await until(() => isTrue(book, market), 'it is right')
    expect(events.some(({ error }) => (error as { code?: string } | null)?.code === 'ERR_BOOK_TIMEOUT')).toBe(true)
  })

  it('whatever is lost, repeated, reordered or cut off: never wrong while in sync, right in the end', async () => {
    const step = fc.oneof(
      { weight: 12, arbitrary: fc.constant('send' as const) },
      fc.constantFrom('lose', 'repeat', 'swap', 'disconnect', 'slow', 'fail' as const),
    )
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 2 ** 31 }), fc.array(step, { maxLength: 40 }), async (seed, steps) => {
        const markets = [new Market('XUSDT', seed), new Market('YUSDT', seed + 7)] as const
        const states = new Map<string, string>()
        const remember = (market: Market): void => {
          states.set(`${market.symbol} ${market.id}`, JSON.stringify(expectedOf(market.truth, 20)))
        }
        for (const market of markets) remember(market)
        let mood: 'good' | 'slow' | 'fail' = 'good'
        await using http = await snapshotServer((symbol, response) => {
          const body = markets.find((market) => market.symbol === symbol)?.snapshot()
          const now = mood
          mood = 'good'
          if (now === 'fail') response.destroy()
          else setTimeout(() => response.end(body), now === 'slow' ? 30 : 0)
        })
        await using server = await startWsServer()
        await using rest = binance.rest({ endpoints: [http.url] })
        await using kept = binance.books({ rest, ...fast })
        const wrong: string[] = []
        kept.books.on('book', (book) => {
          if (!book.synced) {
            if (book.bids.length + book.asks.length > 0) wrong.push(`${book.symbol} shows levels though ${book.state}`)
            return
          }
          const { bids, asks } = shown(book)
          const expected = states.get(`${book.symbol} ${book.updateId}`)
          if (JSON.stringify({ bids, asks }) !== expected) wrong.push(`${book.symbol} at ${book.updateId}`)
        })
        await using feed = binanceFeed(kept, server, ['XUSDT', 'YUSDT'])
        await feed.open()
        let last = ''
        let turn = 0
        for (const each of steps) {
          const market = markets[turn++ % 2] as Market
          if (each === 'disconnect') for (const client of server.clients) client.terminate()
          else if (each === 'slow' || each === 'fail') mood = each
          else if (each === 'repeat') {
            if (last !== '') server.broadcast(last, last)
          } else {
            const first = market.change()
            remember(market)
            if (each === 'send') server.broadcast(first)
            else if (each === 'swap') {
              const second = market.change()
              remember(market)
              server.broadcast(second, first)
            }
            last = first
          }
          if (turn % 5 === 0) await sleep(1)
        }
        // From now on all is well: every gap is noticed with what comes next.
        mood = 'good'
        await until(() => server.clients.size > 0 && feed.state === 'connected', 'it is connected')
        await until(() => {
          for (const market of markets) {
            server.broadcast(market.change())
            remember(market)
          }
          return markets.every((market) => kept.books.get(market.symbol)?.synced === true)
        }, 'all are in sync')
        await until(() => {
          if (markets.every((market) => isTrue(kept.books.get(market.symbol) as Book, market))) return true
          for (const market of markets) {
            server.broadcast(market.change())
            remember(market)
          }
          return false
        }, 'all are right')
        for (const market of markets) {
          expect(shown(kept.books.get(market.symbol) as Book)).toEqual(expectedOf(market.truth, 20))
        }
        expect(wrong).toEqual([])
      }),
      { numRuns: 12 },
    )
  })
})

interface StreamVenue {
  readonly name: string
  readonly market: (options: object) => readonly object[]
  readonly books: (options: object) => VenueBooks
  readonly symbol: string
  readonly other: string
  whole(symbol: string, n: number, bids: Level[], asks: Level[]): string
  /** `n` follows `n − 1`. */
  change(symbol: string, n: number, bids: Level[], asks: Level[]): string
  /** Something that shows that a message is missing, and the reason that it gives. */
  fault(symbol: string, n: number): string
  readonly reason: string
  /** What a message asks for: + for a subscription, − for its end. */
  asks(message: Record<string, unknown>): string
  /** Of all books of a connection. */
  readonly sweeping?: boolean
}

/** Objects whose numbers are written as they are given. */
const krakenLevels = (levels: Level[]): string =>
  `[${levels.map(([price, size]) => `{"price":${price},"qty":${size}}`).join(',')}]`

const coinbaseMessage = (symbol: string, n: number, type: string, bids: Level[], asks: Level[]): string => {
  const updates = [
    ...bids.map(([price_level, new_quantity]) => ({ side: 'bid', event_time: 'x', price_level, new_quantity })),
    ...asks.map(([price_level, new_quantity]) => ({ side: 'offer', event_time: 'x', price_level, new_quantity })),
  ]
  const events = [{ type, product_id: symbol, updates }]
  return JSON.stringify({ channel: 'l2_data', client_id: '', timestamp: 'x', sequence_num: n, events })
}

const streamVenues: readonly StreamVenue[] = [
  {
    name: 'bybit',
    market: bybit.market as never,
    books: bybit.books,
    symbol: 'BTCUSDT',
    other: 'ETHUSDT',
    whole: (s, u, b, a) =>
      JSON.stringify({ topic: `orderbook.50.${s}`, type: 'snapshot', ts: 1, data: { s, b, a, u, seq: u } }),
    change: (s, u, b, a) =>
      JSON.stringify({ topic: `orderbook.50.${s}`, type: 'delta', ts: 1, data: { s, b, a, u, seq: u } }),
    fault: (s, u) =>
      JSON.stringify({ topic: `orderbook.50.${s}`, type: 'delta', ts: 1, data: { s, b: [], a: [], u: u + 5, seq: u } }),
    reason: 'ERR_BOOK_GAP',
    asks: ({ op, args }) => `${op === 'subscribe' ? '+' : '−'}${(args as string[]).join()}`,
  },
  {
    name: 'okx',
    market: okx.market as never,
    books: okx.books,
    symbol: 'BTC-USDT',
    other: 'ETH-USDT',
    whole: (instId, n, bids, asks) =>
      JSON.stringify({
        arg: { channel: 'books', instId },
        action: 'snapshot',
        data: [
          {
            bids: bids.map((level) => [...level, '0', '1']),
            asks: asks.map((level) => [...level, '0', '1']),
            ts: '1',
            checksum: 0,
            prevSeqId: -1,
            seqId: n,
          },
        ],
      }),
    change: (instId, n, bids, asks) =>
      JSON.stringify({
        arg: { channel: 'books', instId },
        action: 'update',
        data: [
          {
            bids: bids.map((level) => [...level, '0', '1']),
            asks: asks.map((level) => [...level, '0', '1']),
            ts: '1',
            checksum: 0,
            prevSeqId: n - 1,
            seqId: n,
          },
        ],
      }),
    fault: (instId, n) =>
      `{"arg":{"channel":"books","instId":"${instId}"},"action":"update","data":[{"asks":[],"bids":[],"ts":"1","checksum":0,"prevSeqId":${n + 5},"seqId":${n + 6}}]}`,
    reason: 'ERR_BOOK_GAP',
    asks: ({ op, args }) =>
      `${op === 'subscribe' ? '+' : '−'}${(args as { instId: string }[]).map(({ instId }) => instId).join()}`,
  },
  {
    name: 'kraken',
    market: kraken.market as never,
    books: kraken.books,
    symbol: 'BTC/USD',
    other: 'ETH/USD',
    whole: (symbol, _n, bids, asks) =>
      `{"channel":"book","type":"snapshot","data":[{"symbol":"${symbol}","bids":${krakenLevels(bids)},"asks":${krakenLevels(asks)}}]}`,
    change: (symbol, _n, bids, asks) =>
      `{"channel":"book","type":"update","data":[{"symbol":"${symbol}","bids":${krakenLevels(bids)},"asks":${krakenLevels(asks)},"timestamp":"x"}]}`,
    fault: (symbol) =>
      `{"channel":"book","type":"update","data":[{"symbol":"${symbol}","bids":[],"asks":[],"checksum":1,"timestamp":"x"}]}`,
    reason: 'ERR_BOOK_CHECKSUM',
    asks: ({ method, params }) =>
      `${method === 'subscribe' ? '+' : '−'}${(params as { symbol: string[] }).symbol?.join()}`,
  },
  {
    name: 'coinbase',
    market: coinbase.market as never,
    books: coinbase.books,
    symbol: 'BTC-USD',
    other: 'ETH-USD',
    whole: (symbol, n, bids, asks) => coinbaseMessage(symbol, n, 'snapshot', bids, asks),
    change: (symbol, n, bids, asks) => coinbaseMessage(symbol, n, 'update', bids, asks),
    fault: (symbol, n) => coinbaseMessage(symbol, n + 5, 'update', [['1', '1']], []),
    reason: 'ERR_BOOK_GAP',
    sweeping: true,
    asks: ({ type, product_ids }) =>
      `${type === 'subscribe' ? '+' : '−'}${(product_ids as string[] | undefined)?.join()}`,
  },
]

describe.each(streamVenues)('snapshots in the stream: $name', { timeout: 60_000 }, (venue) => {
  const { symbol, other } = venue
  // Coinbase counts over all messages of a connection.
  const counts = venue.name === 'coinbase'

  it('subscribes anew what has fallen out of sync, and nothing else; backs off while that does not help', async () => {
    await using server = await startWsServer()
    await using kept = venue.books({ ...fast, patience: 120 })
    const { books } = kept
    const events = resyncsOf(kept)
    const stale: string[] = []
    books.on('stale', ({ book, reason }) => stale.push(`${book.symbol} ${reason}`))
    const [options] = venue.market({ symbols: [symbol, other], streams: ['book'], url: server.url })
    await using feed = new Feed({ ...options, books } as never) as Feed
    kept.carry(feed, [symbol, other])
    await feed.open()
    let n = 10
    const next = (): number => (counts ? n++ : n)
    const asked = (): string[] => server.received.map(({ data }) => venue.asks(JSON.parse(data.toString())))
    await until(() => asked().length > 0, 'it has subscribed')
    const ended = (): string[] => asked().filter((each) => each.startsWith('−'))

    server.broadcast(venue.whole(symbol, next(), [['9.5', '1.0']], [['10.5', '2.0']]))
    server.broadcast(venue.whole(other, next(), [['19.5', '1.0']], [['20.5', '2.0']]))
    const [book, neighbour] = [books.get(symbol) as Book, books.get(other) as Book]
    await until(() => book.synced && neighbour.synced, 'both are in sync')
    if (!counts) n++
    server.broadcast(venue.change(symbol, next(), [['9.6', '3.0']], [['10.5', '0']]))
    await until(() => book.bid().price === 9.6, 'the change is there')
    expect(shown(book)).toEqual({
      bids: [
        ['9.6', '3.0'],
        ['9.5', '1.0'],
      ],
      asks: [],
    })
    expect(ended()).toEqual([])

    server.broadcast(venue.fault(symbol, n))
    n += 6
    await until(() => book.stale, 'it is stale')
    const expected = venue.sweeping ? [symbol, other] : [symbol]
    expect(stale.sort()).toEqual(expected.map((each) => `${each} ${venue.reason}`).sort())
    expect(neighbour.synced).toBe(venue.sweeping !== true)
    await until(() => ended().length >= 3, 'it has tried three times')
    for (const each of expected) expect(ended()[0]).toContain(each)
    if (!venue.sweeping) for (const each of ended()) expect(each).not.toContain(other)
    // Each end of a subscription is followed by a beginning.
    expect(asked().filter((each) => each.startsWith('+')).length).toBeGreaterThanOrEqual(ended().length)
    await until(() => events.some(({ error }) => error !== null), 'a failure was told')
    const failure = events.find(({ error, book: of }) => error !== null && of === book)
    expect(failure).toMatchObject({ by: 'resubscribe', attempt: 1, error: { code: 'ERR_BOOK_TIMEOUT' } })

    server.broadcast(venue.whole(symbol, next(), [['9.1', '1.5']], [['9.9', '2.5']]))
    server.broadcast(venue.whole(other, next(), [['19.1', '1.5']], [['19.9', '2.5']]))
    await until(() => book.synced && neighbour.synced, 'they are in sync again')
    expect(shown(book)).toEqual({ bids: [['9.1', '1.5']], asks: [['9.9', '2.5']] })
    await sleep(250)
    const quiet = asked().length
    await sleep(250)
    expect(asked().length).toBe(quiet)
  })

  it('a connection that breaks: stale at once, and no level of before', async () => {
    await using server = await startWsServer({
      onConnection: (socket, _request, connection) => {
        const n = 100 * (connection + 1)
        socket.send(venue.whole(symbol, n, [[`${9 - connection}.5`, '1.0']], [['10.5', '2.0']]))
      },
    })
    await using kept = venue.books({ ...fast, patience: 5_000 })
    const told: string[] = []
    kept.books.on('stale', ({ reason }) => told.push(`stale ${reason}`))
    kept.books.on('synced', ({ book }) => told.push(`synced ${book.bid().priceText}`))
    const [options] = venue.market({ symbols: [symbol], streams: ['book'], url: server.url })
    await using feed = new Feed({ ...options, books: kept.books, reconnect } as never) as Feed
    kept.carry(feed, [symbol])
    await feed.open()
    await until(() => told.length === 1, 'it is in sync')
    for (const client of server.clients) client.terminate()
    await until(() => told.length === 3, 'it is in sync again')
    expect(told).toEqual(['synced 9.5', 'stale ERR_BOOK_DISCONNECTED', 'synced 8.5'])
    expect(shown(kept.books.get(symbol) as Book)).toEqual({ bids: [['8.5', '1.0']], asks: [['10.5', '2.0']] })
  })
})

it('a book whose snapshot never comes is subscribed anew, although nothing has asked for that', async () => {
  await using server = await startWsServer()
  await using kept = bybit.books({ ...fast, patience: 100 })
  const [options] = bybit.market({ symbols: ['BTCUSDT'], streams: ['book'], url: server.url })
  await using feed = new Feed({ ...(options as NonNullable<typeof options>), books: kept.books })
  kept.carry(feed, ['BTCUSDT'])
  await feed.open()
  await until(() => server.received.length >= 3, 'it has subscribed anew')
  expect(server.received.slice(1, 3).map(({ data }) => JSON.parse(data.toString()))).toEqual([
    { req_id: '999999', op: 'unsubscribe', args: ['orderbook.50.BTCUSDT'] },
    { req_id: '999999', op: 'subscribe', args: ['orderbook.50.BTCUSDT'] },
  ])
})
