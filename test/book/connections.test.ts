/** Books and the connections that feed them: who is in sync when one of them goes. Over servers built on `ws`. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { exponential, Feed, json, Loop } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { type Book, Books } from '../../dist/esm/book/index.js'
import { binanceBookMatch, binanceUsdmBookShapes } from '../../dist/esm/venue/binance/book.js'
import { binance, binanceUsdm } from '../../dist/esm/venue/binance/index.js'
import { match, shapes } from '../../dist/esm/venue/binance/market.js'
import { MarketData, type MarketProtocol, type VenueBooks } from '../../dist/esm/venue/index.js'
import { until } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'

const fast = { backoff: { first: 5, max: 40 }, patience: 2_000 } as const
const reconnect = exponential({
  first: 300,
  max: 300,
  storm: { floor: 10, attempts: 1_000, window: 1_000 },
})

/** Answers every request for a snapshot with this one. */
async function snapshots(lastUpdateId: () => number) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const symbol = new URL(request.url ?? '', 'http://x').searchParams.get('symbol')
    response.setHeader('content-type', 'application/json')
    if (symbol === null) {
      response.end(JSON.stringify({ serverTime: Date.now() }))
      return
    }
    asked.push(symbol)
    response.end(JSON.stringify({ lastUpdateId: lastUpdateId(), bids: [['10.0', '1']], asks: [['11.0', '2']] }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    asked,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

describe('a book that was fetched, and of which nothing has come since', { timeout: 30_000 }, () => {
  it('is stale when its connection goes, and fetched again when that is back', async () => {
    let id = 100
    await using http = await snapshots(() => id)
    await using server = await startWsServer()
    await using rest = binance.rest({ endpoints: [http.url] })
    await using kept = binance.books({ rest, ...fast })
    const told: string[] = []
    kept.books.on('stale', ({ reason }) => told.push(`stale ${reason}`))
    kept.books.on('synced', ({ book }) => told.push(`synced ${book.updateId}`))
    const [options] = binance.market({ symbols: ['XUSDT'], streams: ['book'], url: server.url })
    await using feed = new Feed({ ...(options as NonNullable<typeof options>), books: kept.books, reconnect })
    kept.carry(feed, ['XUSDT'])
    await feed.open()
    const book = kept.books.get('XUSDT') as Book
    await until(() => told.length === 1, 'it is in sync')
    id = 200
    for (const client of server.clients) client.terminate()
    await until(() => told.length === 2, 'it is stale')
    expect(book.bids.length).toBe(0)
    await until(() => told.length === 3, 'it is in sync again')
    expect(told).toEqual(['synced 100', 'stale ERR_BOOK_DISCONNECTED', 'synced 200'])
    expect(http.asked.length).toBe(2)
  })

  it('is fetched when its subscription must have taken effect, for there may have been changes until then', async () => {
    let id = 100
    await using http = await snapshots(() => id)
    await using server = await startWsServer()
    await using rest = binance.rest({ endpoints: [http.url] })
    await using kept = binance.books({ rest, ...fast })
    const [options] = binance.market({ symbols: ['XUSDT', 'YUSDT'], streams: ['book'], url: server.url })
    await using feed = new Feed({ ...(options as NonNullable<typeof options>), books: kept.books })
    kept.carry(feed, ['XUSDT', 'YUSDT'])
    const synced: string[] = []
    kept.books.on('synced', ({ book }) => synced.push(`${book.symbol} ${book.updateId}`))
    await feed.open()
    await sleep(200)
    // What has changed until here nobody is told.
    id = 105
    const data = { e: 'depthUpdate', E: 1, s: 'YUSDT', U: 104, u: 105, b: [], a: [] }
    server.broadcast(JSON.stringify({ stream: 'yusdt@depth@100ms', data }))
    await until(() => synced.length > 0, 'the one with a change is in sync')
    expect(synced).toEqual(['YUSDT 105'])
    await until(() => synced.length > 1, 'the quiet one is, too')
    expect(synced).toEqual(['YUSDT 105', 'XUSDT 105'])
    expect(http.asked).toEqual(['YUSDT', 'XUSDT'])
  })

  it('is not fetched while there is no connection, whatever is asked for', async () => {
    await using http = await snapshots(() => 100)
    await using server = await startWsServer()
    await using rest = binance.rest({ endpoints: [http.url] })
    await using kept = binance.books({ rest, ...fast })
    const [options] = binance.market({ symbols: ['XUSDT'], streams: ['book'], url: server.url })
    const feed = new Feed({ ...(options as NonNullable<typeof options>), books: kept.books })
    kept.carry(feed, ['XUSDT'])
    await feed.open()
    const book = kept.books.get('XUSDT') as Book
    await until(() => book.synced, 'it is in sync')
    await feed.close()
    await until(() => book.stale, 'it is stale')
    kept.books.resync('XUSDT')
    await sleep(300)
    book.refresh()
    expect(book.synced).toBe(false)
    expect(http.asked.length).toBe(1)
  })
})

it('a feed that brings no books keeps none in sync', async () => {
  await using http = await snapshots(() => 100)
  await using server = await startWsServer()
  await using rest = binanceUsdm.rest({ endpoints: [http.url] })
  await using kept = binanceUsdm.books({ rest, ...fast })
  const symbols = ['XUSDT']
  // Books and trades have sockets of their own there.
  const [withBook, trades] = binanceUsdm
    .market({ symbols, streams: ['trades', 'book'], url: server.url })
    .map((options) => new Feed({ ...options, books: kept.books })) as [Feed, Feed]
  kept.carry(withBook, symbols)
  kept.carry(trades, symbols)
  await trades.open()
  await sleep(200)
  const book = kept.books.get('XUSDT') as Book
  expect(book.state).toBe('empty')
  expect(http.asked).toEqual([])
  await withBook.open()
  await until(() => book.synced, 'it is in sync')
  await withBook.close()
  await until(() => book.stale, 'it is stale')
  await trades.close()
})

it('marketData(): sockets without the stream of books keep none in sync', async () => {
  await using http = await snapshots(() => 100)
  // The socket of the books is closed as soon as it is open.
  await using server = await startWsServer({
    onConnection: (socket, request) => {
      if (request.url?.startsWith('/book')) socket.terminate()
      else
        socket.on('message', (data) => {
          const { id } = JSON.parse(String(data))
          socket.send(JSON.stringify({ result: null, id }))
        })
    },
  })
  await using rest = binanceUsdm.rest({ endpoints: [http.url] })
  const { int64 } = json
  const answer = json({ id: int64('/id', { optional: true }) }, { notice: true })
  const protocol = {
    title: 'Mine',
    limits: binanceUsdm.marketLimits,
    profiles: { production: server.url },
    decode: json.oneOf(
      '/stream',
      { ...shapes, ...binanceUsdmBookShapes, answer },
      { match: { ...match, ...binanceBookMatch }, absent: 'answer', otherwise: 'ignore' },
    ),
    sockets: [
      { path: '/book', streams: ['book'] },
      { path: '/trades', streams: ['trades'] },
    ],
    confirms: false,
    requests: (op, topics, id) => [{ id, text: JSON.stringify({ id, op }), topics }],
    answers: () => [],
  } satisfies MarketProtocol
  let kept: VenueBooks | null = null
  const books = (): VenueBooks => {
    kept = binanceUsdm.books({ rest, ...fast })
    return kept
  }
  await using md = new MarketData({ protocol, books }, { symbols: ['XUSDT'], streams: ['trades', 'book'] })
  const synced: Book[] = []
  md.on('book', (book) => book.synced && synced.push(book))
  void md.open().catch(() => {})
  await until(() => server.requests.some(({ url }) => url?.startsWith('/trades')), 'one socket is open')
  await sleep(1_500)
  expect(http.asked).toEqual([])
  expect(synced).toEqual([])
  expect(kept).not.toBe(null)
})

it('a book without a place in the symbol table stays empty: a snapshot alone would never change', async () => {
  await using http = await snapshots(() => 100)
  await using server = await startWsServer()
  await using rest = binance.rest({ endpoints: [http.url] })
  await using loop = new Loop({ symbols: 4 })
  const symbols = Array.from({ length: 6 }, (_, i) => `S${i}USDT`)
  await using kept = binance.books({ rest, loop, symbols, ...fast })
  const [options] = binance.market({ symbols, streams: ['book'], url: server.url })
  await using feed = new Feed({ ...(options as NonNullable<typeof options>), books: kept.books, loop })
  kept.carry(feed, symbols)
  await feed.open()
  await until(() => http.asked.length >= 4, 'those with a place are fetched')
  await sleep(200)
  expect([...kept.books].map(({ state }) => state)).toEqual(['synced', 'synced', 'synced', 'synced', 'empty', 'empty'])
  expect(kept.books.stats().noSymbol).toBe(2)
})

it('a book that was deleted, or whose books were closed, shows nothing more', async () => {
  const { symbol, int64, levels } = json
  const decode = json(
    {
      symbol: symbol('/s'),
      lastId: int64('/u'),
      bids: levels('/b', { exact: true }),
      asks: levels('/a', { exact: true }),
    },
    { book: { symbol: 'symbol', bids: 'bids', asks: 'asks', lastId: 'lastId', snapshot: true } },
  )
  await using server = await startWsServer()
  const books = new Books({ rules: 'snapshots' })
  const [one, two, three] = ['X', 'Y', 'Z'].map((name) => books.add(name)) as [Book, Book, Book]
  await using feed = new Feed({ url: server.url, decode, books })
  await feed.open()
  const message = (s: string, u: number): string => JSON.stringify({ s, u, b: [['1', '2']], a: [['3', '4']] })
  server.broadcast(message('X', 1), message('Y', 1))
  await until(() => one.synced && two.synced, 'they are in sync')
  const level = one.bid()
  books.delete('X')
  server.broadcast(message('X', 2), message('Y', 2))
  await until(() => two.updateId === 2, 'the other goes on')
  one.refresh()
  expect(one.copy()).toMatchObject({ state: 'stale', reason: 'ERR_BOOK_DISCONNECTED', bids: [], asks: [] })
  expect([level.price, level.size, one.mid, one.updateId]).toEqual([Number.NaN, 0, Number.NaN, Number.NaN])
  books.close()
  two.refresh()
  expect([two.state, two.bids.length, three.state]).toEqual(['stale', 0, 'empty'])
})
