/** Messages that cannot be read, where numbers would show it with the next event only. */
import { Feed, json, never } from 'tickwire'
import { expect, it } from 'vitest'
import { Books } from '../../dist/esm/book/index.js'
import { binance } from '../../dist/esm/venue/binance/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { until } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'

const { symbol, int64, levels } = json

const fields = {
  symbol: symbol('/s'),
  type: symbol('/t'),
  lastId: int64('/u'),
  prevId: int64('/p'),
  bids: levels('/b', { exact: true }),
  asks: levels('/a', { exact: true }),
}
const book = json(fields, {
  book: {
    symbol: 'symbol',
    bids: 'bids',
    asks: 'asks',
    lastId: 'lastId',
    prevId: 'prevId',
    snapshot: { field: 'type', is: 'all' },
  },
})
const decode = json.oneOf('/e', { book, trades: json({ symbol: symbol('/s'), price: json.decimal('/p') }) })

const message = (s: string, t: 'all' | 'change', u: number, p: number): string =>
  JSON.stringify({ e: 'book', s, t, u, p, b: [['1', `${u}`]], a: [['2', '1']] })

async function start() {
  const server = await startWsServer()
  const books = new Books({ rules: 'okx', checksum: false })
  const told: string[] = []
  const [x, y] = [books.add('X'), books.add('Y')]
  books.on('stale', ({ book: { symbol: name }, reason }) => told.push(`${name} ${reason}`))
  books.on('unreadable', ({ messages }) => told.push(`unreadable ${messages}`))
  const feed = new Feed({ url: server.url, decode, books, reconnect: never() })
  await feed.open()
  const snapshots = async (): Promise<void> => {
    server.broadcast(message('X', 'all', 10, -1), message('Y', 'all', 20, -1))
    await until(() => x.synced && y.synced, 'both are in sync')
  }
  await snapshots()
  let expected = 0
  return {
    server,
    books,
    told,
    feed,
    x,
    y,
    snapshots,
    /** Sends what cannot be read, and waits until the core has seen it. */
    async spoil(text: string): Promise<string[]> {
      told.length = 0
      server.broadcast(text)
      expected++
      await until(() => feed.stats().malformed >= expected, 'it was counted')
      // What the core had to tell of it was told before what comes next.
      const before = feed.stats().rows
      server.broadcast('{"e":"trades","s":"X","p":"1"}')
      await until(() => feed.stats().rows > before, 'what follows has come')
      await new Promise((resolve) => setTimeout(resolve, 20))
      return [...told]
    },
    async [Symbol.asyncDispose]() {
      await feed.close()
      books.close()
      await server.close()
    },
  }
}

it('make the one book stale that they name, at once', async () => {
  await using rig = await start()
  const { x, y, spoil, snapshots } = rig
  const whole = message('X', 'change', 11, 10)
  for (const text of [
    whole.slice(0, -4),
    whole.replace('"1"', '"1'),
    whole.replace('"u":11', '"u":"eleven"'),
    '{"x":"X","e":"book"}',
  ]) {
    expect(await spoil(text), text).toEqual(['X ERR_BOOK_LOST'])
    expect([x.stale, y.synced]).toEqual([true, true])
    await snapshots()
  }
})

it('are counted and told where they name none, or several; those of other kinds are nobody’s', async () => {
  await using rig = await start()
  const { books, x, y, spoil } = rig
  expect(await spoil('{"e":"book","s":')).toEqual(['unreadable 1'])
  expect(await spoil('{"e":"book","s":"X","t":"Y"')).toEqual(['unreadable 2'])
  expect(await spoil('nothing at all')).toEqual(['unreadable 3'])
  expect(await spoil('{"e":"trades","s":"X"')).toEqual([])
  expect(await spoil('{"e":"trades","s":"X"}')).toEqual([])
  expect(await spoil('{"e":"book","s":"Z"')).toEqual(['unreadable 4'])
  expect(books.stats().unreadable).toBe(4)
  expect([x.synced, y.synced]).toEqual([true, true])
})

it('Binance: a book that waits for its snapshot asks for one', async () => {
  await using server = await startWsServer()
  const symbols = ['BTCUSDT', 'ETHUSDT']
  const rest = binance.rest({ endpoints: ['http://127.0.0.1:9'] })
  const kept = binance.books({ symbols, rest })
  // When each asked first: it goes on asking, as nobody answers.
  const asked = new Map<string, number>()
  kept.books.on('resync', ({ book: { symbol: each } }) => {
    if (!asked.has(each)) asked.set(each, performance.now())
  })
  const [options] = binance.market({ symbols, streams: ['book'], url: server.url })
  if (options === undefined) throw new Error('no options')
  const feed = new Feed({ ...options, books: kept.books, reconnect: never() })
  kept.carry(feed, options.bookSymbols)
  const opened = performance.now()
  await feed.open()
  server.broadcast('{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1')
  await until(() => asked.size > 0, 'it asks')
  expect([...asked.keys()][0]).toBe('BTCUSDT')
  // The other one asks when it has been quiet for a second, which a busy machine may take to get here.
  expect((asked.get('ETHUSDT') ?? Number.POSITIVE_INFINITY) - opened).toBeGreaterThanOrEqual(1_000)
  await feed.close()
  await kept.close()
  await rest.close({ force: true })
})

it('OKX: one that is in sync is subscribed anew', async () => {
  await using server = await startWsServer()
  const symbols = ['BTC-USDT', 'ETH-USDT']
  const kept = okx.books({ symbols, checksum: false })
  const told: string[] = []
  kept.books.on('stale', ({ book: { symbol: each }, reason }) => told.push(`${each} ${reason}`))
  kept.books.on('resync', ({ book: { symbol: each } }) => told.push(`${each} again`))
  const [options] = okx.market({ symbols, streams: ['book'], url: server.url })
  if (options === undefined) throw new Error('no options')
  const feed = new Feed({ ...options, books: kept.books, reconnect: never() })
  kept.carry(feed, options.bookSymbols)
  await feed.open()
  const event = (name: string): string =>
    `{"arg":{"channel":"books","instId":"${name}"},"action":"snapshot","data":[{"asks":[["2","1","0","1"]],"bids":[["1","1","0","1"]],"ts":"1","checksum":0,"prevSeqId":-1,"seqId":5}]}`
  server.broadcast(...symbols.map(event))
  await until(() => [...kept.books].every(({ synced }) => synced), 'both are in sync')
  server.broadcast(event('BTC-USDT').replace('snapshot', 'update').slice(0, -6))
  await until(() => told.length === 2, 'it is noticed')
  expect(told).toEqual(['BTC-USDT ERR_BOOK_LOST', 'BTC-USDT again'])
  await feed.close()
  await kept.close()
})
