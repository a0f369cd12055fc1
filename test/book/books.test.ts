/** Books by themselves: what they show, which events they tell, and how feeds share them; over a server built on `ws`. */
import { Feed, json, Loop, never } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { type Book, Books, type BooksOptions } from '../../dist/esm/book/index.js'
import { until } from '../e2e/waiting.ts'
import { startWsServer, type WsServer } from '../peers/ws-server.ts'

const { symbol, int64, levels } = json

const decode = json(
  {
    symbol: symbol('/s'),
    type: symbol('/t'),
    lastId: int64('/u'),
    prevId: int64('/pu', { optional: true }),
    bids: levels('/b', { exact: true }),
    asks: levels('/a', { exact: true }),
  },
  {
    book: {
      symbol: 'symbol',
      bids: 'bids',
      asks: 'asks',
      lastId: 'lastId',
      prevId: 'prevId',
      snapshot: { field: 'type', is: 'all' },
    },
  },
)

type Side = readonly (readonly [string, string])[]

const message = (s: string, t: 'all' | 'change', u: number, pu: number, b: Side, a: Side): string =>
  JSON.stringify({ s, t, u, pu, b, a })

const feedFor = (server: WsServer, books: Books, options: object = {}): Feed<typeof decode> =>
  new Feed({ url: server.url, decode, books, reconnect: never(), ...options })

/** Books and what they told. */
function booksFor(options: BooksOptions = {}): { books: Books; told: string[] } {
  const books = new Books({ rules: 'okx', checksum: false, ...options })
  const told: string[] = []
  books.on('stale', ({ book, reason }) => told.push(`stale ${book.symbol} ${reason}`))
  books.on('synced', ({ book, reason }) => told.push(`synced ${book.symbol} ${reason}`))
  return { books, told }
}

describe.each(['park', 'inline', 'spin', 'backoff'] as const)('a loop in mode %s', (mode) => {
  it('shows what was sent, tells of changes, and that it is stale when the connection goes', async () => {
    await using server = await startWsServer()
    await using loop = new Loop({ mode })
    const { books, told } = booksFor({ loop, depth: 3 })
    const book = books.add('X')
    const changes: Book[] = []
    books.on('book', (changed) => changes.push(changed))
    await using feed = feedFor(server, books, { loop })
    expect(book.copy()).toEqual({
      symbol: 'X',
      state: 'empty',
      reason: null,
      updateId: Number.NaN,
      rxTimeNs: 0,
      bids: [],
      asks: [],
    })
    await feed.open()
    server.broadcast(
      message(
        'X',
        'all',
        10,
        -1,
        [
          ['1.50', '2'],
          ['1.4', '3.250'],
          ['1.3', '1'],
          ['1.2', '1'],
        ],
        [['1.6', '4']],
      ),
    )
    await until(() => book.synced, 'it is in sync')
    expect(told).toEqual(['synced X null'])
    expect(book.updateId).toBe(10)
    expect(book.bids.length).toBe(3)
    expect(book.bids.total).toBe(4)
    expect([...book.bids].map((level) => [level.price, level.size, level.priceText, level.sizeText])).toEqual([
      [1.5, 2, '1.50', '2'],
      [1.4, 3.25, '1.4', '3.250'],
      [1.3, 1, '1.3', '1'],
    ])
    expect(book.ask().price).toBe(1.6)
    expect(book.ask(1).exists).toBe(false)
    expect(book.ask(1).price).toBeNaN()
    expect(book.ask(1).size).toBe(0)
    expect(book.ask(1).priceText).toBe('')
    expect(() => book.ask(3)).toThrow(RangeError)
    expect(book.mid).toBeCloseTo(1.55, 12)
    expect(book.spread).toBeCloseTo(0.1, 12)
    expect(book.microPrice).toBeCloseTo((1.5 * 4 + 1.6 * 2) / 6, 12)
    expect(book.imbalance()).toBeCloseTo((2 - 4) / 6, 12)
    expect(book.imbalance(2)).toBeCloseTo((5.25 - 4) / 9.25, 12)
    const kept = book.copy()

    server.broadcast(
      message(
        'X',
        'change',
        11,
        10,
        [['1.50', '0']],
        [
          ['1.6', '0'],
          ['1.65', '1'],
        ],
      ),
    )
    await until(() => book.updateId === 11, 'the change has come')
    expect(book.bid().price).toBe(1.4)
    expect(book.ask().price).toBe(1.65)
    expect(book.bids.length).toBe(3)
    expect(kept.bids[0]?.price).toBe(1.5)
    expect(changes.every((changed) => changed === book)).toBe(true)
    expect(feed.stats().rows).toBe(0)

    for (const client of server.clients) client.close(1000)
    await until(() => book.stale, 'it is stale')
    expect(told).toEqual(['synced X null', 'stale X ERR_BOOK_DISCONNECTED'])
    expect(book.bids.length).toBe(0)
    expect(book.bid().price).toBeNaN()
    expect(book.reason).toBe('ERR_BOOK_DISCONNECTED')
    books.close()
  })
})

it('polled: changes are counted and handed over by poll() alone', async () => {
  await using server = await startWsServer()
  const { books } = booksFor({ wake: 'poll' })
  const book = books.add('X')
  await using feed = feedFor(server, books, { wake: 'poll' })
  await feed.open()
  server.broadcast(message('X', 'all', 10, -1, [['1', '1']], []))
  await until(() => books.stats().events === 1, 'the core has it')
  expect(book.state).toBe('empty')
  expect(book.refresh()).toBe(true)
  expect(book.state).toBe('synced')
  let told = 0
  books.on('synced', () => told++)
  expect(feed.poll()).toBe(1)
  expect(told).toBe(1)
  books.close()
})

it('a gap: stale at once, others undisturbed, right again with the next whole book', async () => {
  await using server = await startWsServer()
  const { books, told } = booksFor()
  const [x, y] = [books.add('X'), books.add('Y')]
  await using feed = feedFor(server, books)
  await feed.open()
  server.broadcast(
    message('X', 'all', 10, -1, [['1', '1']], [['2', '1']]),
    message('Y', 'all', 20, -1, [['1', '1']], [['2', '1']]),
    message('X', 'change', 12, 11, [['1', '5']], []),
    message('Y', 'change', 21, 20, [['1', '7']], []),
  )
  await until(() => y.updateId === 21 && x.stale, 'one is stale, the other goes on')
  expect(x.reason).toBe('ERR_BOOK_GAP')
  expect(x.gaps).toBe(1)
  expect(y.bid().size).toBe(7)
  server.broadcast(message('X', 'all', 15, -1, [['1.5', '4']], []))
  await until(() => x.synced, 'it is right again')
  expect(x.resyncs).toBe(1)
  expect(x.copy()).toMatchObject({ bids: [{ price: 1.5, size: 4 }], asks: [] })
  await until(() => told.includes('synced X ERR_BOOK_GAP'), 'that was told')
  expect(told.filter((each) => each.includes('Y'))).toEqual(['synced Y null'])
  books.close()
})

it('two feeds: events count once, and the book lives as long as one of them', async () => {
  await using left = await startWsServer()
  await using right = await startWsServer()
  const { books, told } = booksFor()
  const book = books.add('X')
  await using first = feedFor(left, books)
  await using second = feedFor(right, books)
  await Promise.all([first.open(), second.open()])
  left.broadcast(message('X', 'all', 10, -1, [['1', '1']], []))
  await until(() => book.updateId === 10, 'the book is there')
  right.broadcast(message('X', 'all', 10, -1, [['1', '1']], []), message('X', 'change', 11, 10, [['1', '2']], []))
  await until(() => book.updateId === 11, 'one path is ahead')
  left.broadcast(message('X', 'change', 11, 10, [['1', '2']], []), message('X', 'change', 12, 11, [['1', '3']], []))
  await until(() => book.updateId === 12, 'the other path is ahead')
  for (const client of left.clients) client.close(1000)
  await until(() => first.state === 'disconnected', 'one path is gone')
  right.broadcast(message('X', 'change', 12, 11, [['1', '3']], []), message('X', 'change', 13, 12, [['1', '4']], []))
  await until(() => book.updateId === 13, 'the other goes on')
  expect(book.bid().size).toBe(4)
  expect(told).toEqual(['synced X null'])
  await second.close()
  await until(() => book.stale, 'both are gone')
  books.close()
})

it('without numbers a book follows one connection, and changes over with a whole book', async () => {
  await using left = await startWsServer()
  await using right = await startWsServer()
  const { books, told } = booksFor({ rules: 'none' })
  const book = books.add('X')
  await using first = feedFor(left, books)
  await using second = feedFor(right, books)
  await Promise.all([first.open(), second.open()])
  left.broadcast(message('X', 'all', 1, 0, [['1', '1']], []))
  await until(() => book.synced, 'the book is there')
  right.broadcast(message('X', 'change', 1, 0, [['1', '9']], []))
  await until(() => books.stats().elsewhere === 1, 'a change of the other was left out')
  expect(book.bid().size).toBe(1)
  right.broadcast(message('X', 'all', 1, 0, [['1', '5']], []))
  await until(() => book.bid().size === 5, 'it follows the other now')
  left.broadcast(message('X', 'change', 1, 0, [['1', '9']], []))
  await until(() => books.stats().elsewhere === 2, 'a change of the first was left out')
  await first.close()
  right.broadcast(message('X', 'change', 1, 0, [['1', '6']], []))
  await until(() => book.bid().size === 6, 'it goes on')
  expect(told).toEqual(['synced X null'])
  books.close()
})

it('rows too, when asked for; unknown symbols are counted; deleted books show nothing', async () => {
  await using server = await startWsServer()
  const { books } = booksFor()
  const book = books.add('X')
  await using feed = feedFor(server, books, { bookRows: true })
  const rows: string[] = []
  feed.on('rows', (batch) => {
    for (const row of batch) rows.push(`${row.symbol} ${row.bids.price(0)}`)
  })
  await feed.open()
  server.broadcast(message('X', 'all', 1, -1, [['1', '1']], []), message('Z', 'all', 1, -1, [['3', '1']], []))
  await until(() => rows.length === 2, 'the rows have come')
  expect(rows).toEqual(['X 1', 'Z 3'])
  expect(books.stats().unknown).toBe(1)
  expect(books.symbols).toEqual(['X'])
  expect(books.get('X')).toBe(book)
  expect(books.add('X')).toBe(book)
  expect(books.delete('X')).toBe(true)
  expect(books.delete('X')).toBe(false)
  // What is under way when it is deleted may still go into it, but is not shown.
  await until(() => {
    server.broadcast(message('X', 'change', 2, 1, [['1', '5']], []))
    return books.stats().unknown > 1
  }, 'it is unknown now')
  expect([book.state, book.bid().size]).toEqual(['stale', 0])
  const again = books.add('X')
  // What comes before it was made is not its own.
  await until(() => {
    server.broadcast(message('X', 'all', 7, -1, [['1', '6']], []))
    return again.synced
  }, 'a new one has begun')
  expect(again.bid().size).toBe(6)
  expect([book.state, book.bid().size]).toEqual(['stale', 0])
  books.close()
})

it('a message that cannot be read leaves no hole where nobody would notice it', async () => {
  await using server = await startWsServer()
  for (const more of [{ rules: 'none' }, { rules: 'bybit', continuity: 'increasing' }] as const) {
    const { books } = booksFor(more)
    const book = books.add('X')
    const feed = feedFor(server, books)
    await feed.open()
    server.broadcast(message('X', 'all', 5, -1, [['1', '1']], []))
    await until(() => book.synced, 'the book is there')
    server.broadcast('{"s":"X","t":"change","u":6,"b":[["x')
    await until(() => book.stale, 'it is stale')
    expect(book.reason).toBe('ERR_BOOK_LOST')
    await feed.close()
    books.close()
  }
})

it('more levels than are kept of a field: the book is stale rather than wrong', async () => {
  await using server = await startWsServer()
  const narrow = json(
    {
      symbol: symbol('/s'),
      lastId: int64('/u'),
      bids: levels('/b', { exact: true, max: 2 }),
      asks: levels('/a', { exact: true, max: 2 }),
    },
    { book: { symbol: 'symbol', bids: 'bids', asks: 'asks', lastId: 'lastId', snapshot: true } },
  )
  const { books } = booksFor({ rules: 'snapshots' })
  const book = books.add('X')
  await using feed = new Feed({ url: server.url, decode: narrow, books })
  await feed.open()
  server.broadcast(message('X', 'all', 5, -1, [['1', '1']], []))
  await until(() => book.synced, 'the book is there')
  server.broadcast(
    message(
      'X',
      'all',
      6,
      -1,
      [
        ['3', '1'],
        ['2', '1'],
        ['1', '1'],
      ],
      [],
    ),
  )
  await until(() => book.stale, 'it is stale')
  expect(book.reason).toBe('ERR_BOOK_LOST')
  books.close()
})

it('resync() distrusts a book', async () => {
  await using server = await startWsServer()
  const { books } = booksFor()
  const book = books.add('X')
  await using feed = feedFor(server, books)
  await feed.open()
  server.broadcast(message('X', 'all', 5, -1, [['1', '1']], []))
  await until(() => book.synced, 'the book is there')
  books.resync('X')
  books.resync('none of them')
  await until(() => book.stale, 'it is stale')
  expect(book.reason).toBe('ERR_BOOK_LOST')
  books.close()
  expect(() => books.add('Y')).toThrow(expect.objectContaining({ code: 'ERR_BOOKS_CLOSED' }))
  books.close()
})

describe('what is wrong is refused, naming it', () => {
  const config = (path: RegExp): unknown =>
    expect.objectContaining({ code: 'ERR_TICKWIRE_CONFIG', message: expect.stringMatching(path) })

  it('options', () => {
    for (const [options, path] of [
      [{ rules: 'nobody' }, /rules/],
      [{ depth: 0 }, /depth/],
      [{ depth: 1_001 }, /depth/],
      [{ keptBytes: 1 }, /keptBytes/],
      [{ surprise: 1 }, /surprise/],
      [{ snapshot: 5 }, /snapshot/],
      [{ snapshot: json({ a: int64('/a') }) }, /snapshot/],
    ] as const) {
      expect(() => new Books(options as never)).toThrow(config(path) as never)
    }
    const books = new Books()
    expect(() => books.add('')).toThrow(config(/symbol/) as never)
    expect(() => books.add('A', [])).toThrow(config(/names/) as never)
    books.add('A')
    expect(() => books.seed('A', Buffer.from('{}'))).toThrow(expect.objectContaining({ code: 'ERR_BOOKS_SEED' }))
    books.close()
  })

  it('books of another loop', () => {
    const books = new Books({ loop: 'inline' })
    expect(() => new Feed({ url: 'ws://localhost', decode, books })).toThrow(config(/books/) as never)
    expect(() => new Feed({ url: 'ws://localhost', decode, books, loop: 'inline', wake: 'poll' })).toThrow(
      config(/books/) as never,
    )
    books.close()
  })

  it('roles', () => {
    const fields = {
      symbol: symbol('/s'),
      u: int64('/u'),
      b: levels('/b', { exact: true }),
      a: levels('/a', { exact: true }),
      inexact: levels('/c'),
      price: json.decimal('/p'),
    }
    for (const [book, path] of [
      [{}, /book/],
      [{ bids: 'b' }, /bids/],
      [{ bids: 'inexact', asks: 'a' }, /bids/],
      [{ bids: 'u', asks: 'a' }, /bids/],
      [{ bids: 'b', asks: 'a', symbol: 'nothing' }, /symbol/],
      [{ bids: 'b', asks: 'a', lastId: 'symbol' }, /lastId/],
      [{ side: { field: 'symbol', bid: 'b', price: 'price', size: 'price' } }, /side/],
      [{ bids: 'b', asks: 'a', snapshot: { field: 'u', is: 'x' } }, /kindField/],
      [{ bids: 'b', asks: 'a', surprise: 1 }, /surprise/],
    ] as const) {
      expect(() => json(fields, { book } as never), JSON.stringify(book)).toThrow(config(path) as never)
    }
  })
})
