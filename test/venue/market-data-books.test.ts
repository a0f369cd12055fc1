/** Books in a venue's market data, at the mock venue: fetched where the venue is, paced with everything else, kept by the socket that carries them. */
import { afterEach, describe, expect, it } from 'vitest'
import { MockVenue, type MockVenueName } from '../../dist/esm/mock/index.js'
import { binance } from '../../dist/esm/venue/binance/index.js'
import { bybit } from '../../dist/esm/venue/bybit/index.js'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { until } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const bids: [string, string][] = [
  ['60000.00', '1'],
  ['59999.50', '2.5'],
]
const asks: [string, string][] = [
  ['60001.00', '1'],
  ['60002.50', '3'],
]

async function start(name: MockVenueName, symbol: string) {
  const venue = await MockVenue.start({
    venue: name,
    instruments: [{ symbol, tickSize: '0.01', lotSize: '0.00001', bids, asks }],
    accounts: [],
  })
  closing.push(() => venue.close())
  return venue
}

describe('books in market data', () => {
  it('Binance: snapshots by the client that is given, at the market data own paths', async () => {
    const venue = await start('binance', 'BTCUSDT')
    const rest = binance.rest({ endpoints: [venue.origin] })
    closing.push(() => rest.close({ force: true }))
    const md = binance.marketData({
      symbols: ['BTCUSDT'],
      streams: ['trades', 'book'],
      url: venue.urls.stream as string,
      paths: 2,
      books: { rest, depth: 5 },
    })
    closing.push(() => md.close())
    const best: string[] = []
    md.on('book', (book) => best.push(`${book.synced} ${book.bid().price} ${book.ask().price} ${book.asks.length}`))
    await md.open()
    await until(() => best.at(-1) === 'true 60000 60001 2', 'the book is in sync')
    venue.setLevels('BTCUSDT', { asks: [['60000.50', '0.2']] })
    await until(() => best.at(-1)?.startsWith('true 60000 60000.5') === true, 'the change has come')
    const before = best.length
    venue.disconnect()
    await until(() => best.slice(before).some((each) => each.startsWith('false')), 'without a connection it is stale')
    await until(() => best.at(-1)?.startsWith('true 60000 60000.5') === true, 'and in sync again')
  })

  it.each([
    ['bybit', 'BTCUSDT', bybit],
    ['okx', 'BTC-USDT', okx],
  ] as const)('%s: snapshots in the stream', async (name, symbol, module) => {
    const venue = await start(name, symbol)
    const md = module.marketData({
      symbols: [symbol],
      streams: ['book'],
      url: (venue.urls.stream ?? venue.urls.public) as string,
      books: { depth: 5 },
    })
    closing.push(() => md.close())
    const best: string[] = []
    md.on('book', (book) => best.push(`${book.synced} ${book.bid().price} ${book.ask().price}`))
    await md.open()
    await until(() => best.at(-1) === 'true 60000 60001', 'the book is in sync')
    venue.setLevels(symbol, { bids: [['60000.40', '0.2']] })
    await until(() => best.at(-1) === 'true 60000.4 60001', 'the change has come')
  })

  it.each([
    ['binance', 'BTCUSDT', binance],
    ['bybit', 'BTCUSDT', bybit],
    ['okx', 'BTC-USDT', okx],
    ['kraken', 'BTC/USD', kraken],
    ['coinbase', 'BTC-USD', coinbase],
  ] as const)(
    '%s: opens and rolls over when the venue has answered, not when patience is over',
    async (name, symbol, module) => {
      const venue = await start(name, symbol)
      const rest = binance.rest({ endpoints: [venue.origin] })
      closing.push(() => rest.close({ force: true }))
      const md = (module as typeof okx).marketData({
        symbols: [symbol],
        streams: ['ticker', 'trades', 'book'],
        url: venue.urls.stream as string,
        readyMs: 25_000,
        overlapMs: 0,
        verifyMs: 500,
        books: { depth: 5, rest },
      })
      closing.push(() => md.close())
      const faults: unknown[] = []
      md.on('error', (error) => faults.push(error))
      const from = performance.now()
      await md.open()
      await md.rollover()
      expect(performance.now() - from).toBeLessThan(20_000)
      expect({ faults, rollovers: md.stats().rollovers }).toEqual({ faults: [], rollovers: 1 })
    },
  )

  it('OKX: books that must be asked for more often than an hour allows go on over another connection', async () => {
    const symbols = Array.from({ length: 24 }, (_, i) => `X${i}-USDT`)
    const asked: number[] = []
    // The first connection brings no book, however often it is asked; those after it do.
    await using server = await startWsServer({
      onConnection: (socket, _request, connection) => {
        asked[connection] = 0
        socket.on('message', (data) => {
          if (String(data) === 'ping') return
          asked[connection] = (asked[connection] ?? 0) + 1
          const { op, args } = JSON.parse(String(data)) as { op: string; args: { instId: string }[] }
          if (connection === 0 || op !== 'subscribe') return
          for (const arg of args) {
            const book = {
              bids: [['9.5', '1', '0', '1']],
              asks: [['10.5', '1', '0', '1']],
              ts: '1',
              prevSeqId: -1,
              seqId: 1,
            }
            socket.send(JSON.stringify({ arg, action: 'snapshot', data: [book] }))
          }
        })
      },
    })
    const md = okx.marketData({
      url: server.url,
      symbols,
      streams: ['book'],
      overlapMs: 50,
      verifyMs: 100,
      books: { patience: 100, backoff: { first: 20, max: 80 } },
    })
    closing.push(() => md.close())
    const reasons: string[] = []
    const synced = new Set<string>()
    md.on('rollover', ({ reason }) => reasons.push(reason))
    md.on('synced', ({ book }) => synced.add(book.symbol))
    await md.open()
    await until(() => reasons.length > 0 && synced.size === symbols.length, 'all are in sync', 40_000)
    expect(reasons).toEqual(['requests'])
    expect(asked[0]).toBe(okx.marketLimits.messagesPerHour)
  }, 60_000)

  it('tells of messages that cannot be read and may have been of any book', async () => {
    await using server = await startWsServer()
    const md = okx.marketData({ url: server.url, symbols: ['BTC-USDT'], streams: ['book'] })
    closing.push(() => md.close())
    const told: number[] = []
    md.on('unreadable', ({ messages }) => told.push(messages))
    await md.open()
    expect(md.stats().unreadable).toBe(0)
    server.broadcast('{"arg":{"channel":"books"', '{"arg":')
    await until(() => md.stats().unreadable === 2, 'they are counted')
    await until(() => told.at(-1) === 2, 'they are told')
  })

  it('refuses options of books that are wrong, naming them', () => {
    expect(() => binance.marketData({ symbols: ['BTCUSDT'], streams: ['book'], books: { depth: 0 } })).toThrow(/depth/)
  })
})
