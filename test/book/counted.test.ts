/** What messages that are of no book, or have no rows, are to the books of their connection. Over servers built on `ws`. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Feed, json } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { type Book, Books } from '../../dist/esm/book/index.js'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { until } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'

const options = { backoff: { first: 5, max: 40 }, patience: 5_000 } as const

describe('Coinbase counts all messages of a connection', { timeout: 30_000 }, () => {
  const message = (channel: string, sequence_num: number, event: object): string =>
    JSON.stringify({ channel, client_id: '', timestamp: 'x', sequence_num, events: [event] })
  const level = (side: string, price_level: string, new_quantity: string): object => ({
    side,
    event_time: 'x',
    price_level,
    new_quantity,
  })

  it('those without rows, too, and those that are no good but of no book', async () => {
    await using server = await startWsServer()
    await using kept = coinbase.books({ symbols: ['BTC-USD'], ...options })
    const stale: string[] = []
    kept.books.on('stale', ({ book, reason }) => stale.push(`${book.symbol} ${reason}`))
    const [feedOptions] = coinbase.market({
      symbols: ['BTC-USD'],
      streams: ['ticker', 'trades', 'book'],
      url: server.url,
    })
    await using feed = new Feed({ ...(feedOptions as NonNullable<typeof feedOptions>), books: kept.books })
    kept.carry(feed, ['BTC-USD'])
    await feed.open()
    const whole = [level('bid', '9.5', '1'), level('offer', '10.5', '2')]
    const change = (price: string): object => ({
      type: 'update',
      product_id: 'BTC-USD',
      updates: [level('bid', price, '1')],
    })
    const nothing = { type: 'update', product_id: 'BTC-USD', updates: [] }
    server.broadcast(message('l2_data', 0, { type: 'snapshot', product_id: 'BTC-USD', updates: whole }))
    // Twice each, since what is known by heart is read by another engine.
    let n = 1
    for (let i = 0; i < 3; i++) {
      server.broadcast(message('market_trades', n++, { type: 'snapshot', trades: [] }))
      server.broadcast(message('l2_data', n++, nothing))
      server.broadcast(message('ticker', n++, { type: 'update', tickers: [{ product_id: 'BTC-USD' }] }))
      server.broadcast(message('l2_data', n++, change(`9.${i + 6}`)))
    }
    const book = kept.books.get('BTC-USD') as Book
    await until(() => book.bid().priceText === '9.8' || stale.length > 0, 'all have come')
    expect(stale).toEqual([])
    expect(feed.stats().malformed).toBe(3)
    // One that is missing before one without rows is missed with the next.
    server.broadcast(message('l2_data', n + 1, nothing), message('l2_data', n + 2, change('9.9')))
    await until(() => stale.length > 0, 'the gap is noticed')
    expect(stale).toEqual(['BTC-USD ERR_BOOK_GAP'])
  })
})

it('Kraken: a message that cannot be read is no loss when it is of no book', { timeout: 30_000 }, async () => {
  await using server = await startWsServer()
  await using kept = kraken.books({ symbols: ['BTC/USD'], ...options })
  const stale: string[] = []
  kept.books.on('stale', ({ book, reason }) => stale.push(`${book.symbol} ${reason}`))
  const [feedOptions] = kraken.market({ symbols: ['BTC/USD'], streams: ['ticker', 'book'], url: server.url })
  await using feed = new Feed({ ...(feedOptions as NonNullable<typeof feedOptions>), books: kept.books })
  kept.carry(feed, ['BTC/USD'])
  await feed.open()
  server.broadcast(
    '{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":9.5,"qty":1.0}],"asks":[{"price":10.5,"qty":2.0}]}]}',
    '{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":"what","bid_qty":1,"ask":2,"ask_qty":1}]}',
  )
  const book = kept.books.get('BTC/USD') as Book
  await until(() => feed.stats().malformed === 1, 'the message was refused')
  await until(() => book.synced, 'it is in sync')
  await sleep(50)
  expect(stale).toEqual([])
  // One of books is: whose it was cannot be known.
  server.broadcast('{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":"what","asks":[]}]}')
  await until(() => stale.length === 1, 'it is stale')
  expect(stale).toEqual(['BTC/USD ERR_BOOK_LOST'])
})

it('whole books by two paths that show different ones: the one ahead counts, and nothing is stale', async () => {
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
  const message = (u: number): string => JSON.stringify({ s: 'X', u, b: [[`${u}`, '1']], a: [['99999', '1']] })
  await using one = await startWsServer()
  await using two = await startWsServer()
  const books = new Books({ rules: 'snapshots' })
  const book = books.add('X')
  const stale: string[] = []
  books.on('stale', ({ reason }) => stale.push(reason))
  await using ahead = new Feed({ url: one.url, decode, books })
  await using lags = new Feed({ url: two.url, decode, books })
  await Promise.all([ahead.open(), lags.open()])
  const see = (id: number): Promise<unknown> =>
    until(() => {
      book.refresh()
      return book.updateId === id
    }, `it is at ${id}`)
  one.broadcast(message(100))
  await see(100)
  for (let i = 1; i <= 200; i++) {
    one.broadcast(message(100 + i * 10))
    await see(100 + i * 10)
    two.broadcast(message(45 + i * 10))
    await until(() => lags.stats().messages >= i, 'the other path has come')
    book.refresh()
    expect(book.updateId).toBe(100 + i * 10)
  }
  expect(stale).toEqual([])
  // Numbers that begin anew show in the connection itself.
  one.broadcast(message(5))
  await until(() => stale.length > 0, 'it is noticed')
  expect(stale).toEqual(['ERR_BOOK_GAP'])
  one.broadcast(message(6))
  await see(6)
  expect(book.bid().price).toBe(6)
  books.close()
})
