/** Rows that go through an arbiter and make a book stale: neither is written over the other in the ring. */
import { Arbiter, Feed, json, Loop, never } from 'tickwire'
import { expect, it } from 'vitest'
import { Books } from '../../dist/esm/book/index.js'
import { until } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'

const { symbol, int64, decimal } = json
const counted = int64('/q', { from: 'root' })

const decode = json.oneOf('/e', {
  book: json(
    {
      symbol: symbol('/s', { from: 'root' }),
      type: symbol('/t', { from: 'root' }),
      side: symbol('/side'),
      price: decimal('/p'),
      size: decimal('/z'),
      sequence: counted,
    },
    {
      each: '/levels',
      book: {
        symbol: 'symbol',
        side: { field: 'side', bid: 'bid', price: 'price', size: 'size' },
        snapshot: { field: 'type', is: 'snapshot' },
        sequence: 'sequence',
      },
    },
  ),
  trades: json(
    { symbol: symbol('/s'), price: decimal('/p'), n: int64('/n'), sequence: int64('/q') },
    { sequence: { contiguous: 'n' }, book: { sequence: 'sequence' } },
  ),
})

const snapshot = (q: number): string =>
  JSON.stringify({
    e: 'book',
    s: 'X',
    t: 'snapshot',
    q,
    levels: [
      { side: 'bid', p: '1', z: '1' },
      { side: 'offer', p: '2', z: '1' },
    ],
  })
const trade = (q: number, n: number): string => JSON.stringify({ e: 'trades', s: 'X', p: `${n}.5`, n, q })

it('a trade by whose number a book becomes stale arrives as it was sent, and so does what follows', async () => {
  await using server = await startWsServer()
  await using loop = new Loop({ mode: 'park' })
  await using arbiter = new Arbiter({ decode, paths: 1, loop })
  const books = new Books({ rules: 'coinbase', loop })
  const book = books.add('X')
  let stale = 0
  books.on('stale', () => stale++)
  const trades: string[] = []
  arbiter.on('rows:trades', (rows) => {
    for (const row of rows) trades.push(`${row.n} ${row.price}`)
  })
  await using feed = new Feed({ url: server.url, decode, arbiter, path: 0, books, reconnect: never() })
  await feed.open()
  const expected: string[] = []
  let q = 0
  for (let round = 1; round <= 50; round++) {
    server.broadcast(snapshot(q++))
    await until(() => book.synced, `the book is in sync, ${round}`)
    // One number is missing before the second trade.
    server.broadcast(trade(q++, 3 * round - 2), trade(++q, 3 * round - 1), trade(++q, 3 * round))
    q++
    for (let n = 3 * round - 2; n <= 3 * round; n++) expected.push(`${n} ${n}.5`)
    await until(() => stale === round && trades.length === expected.length, `all has come, ${round}`)
  }
  expect(trades).toEqual(expected)
})
