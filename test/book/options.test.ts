/** What books refuse, so that nobody has one that could not be right. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigError, exponential, Feed, json } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { Books, type BooksOptions } from '../../dist/esm/book/index.js'
import { binance, binanceUsdm } from '../../dist/esm/venue/binance/index.js'
import { type VenueBookPlan, VenueBooks } from '../../dist/esm/venue/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { until } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'

const reconnect = exponential({ first: 10, max: 50, storm: { floor: 10, attempts: 1_000, window: 1_000 } })

const refused = (make: () => unknown, path: string): void => {
  let error: unknown
  try {
    make()
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(ConfigError)
  expect((error as Error).message).toContain(path)
}

it.each([
  ['levels', { rules: 'okx', depth: 5, levels: 24 }],
  ['levels', { rules: 'kraken', depth: 5, levels: 9 }],
  ['venueDepth', { rules: 'kraken', venueDepth: 9 }],
  ['levels', { depth: 20, levels: 19 }],
  ['sequence', { rules: 'binance', sequence: false }],
  ['sequence', { rules: 'binanceUsdm', sequence: false }],
] satisfies [string, BooksOptions][])('%s: %j', (path, options) => {
  refused(() => new Books(options), path)
})

it('what makes sense without check sums, or as it is, is taken', () => {
  for (const options of [
    { rules: 'okx', depth: 5, levels: 24, checksum: false },
    { rules: 'okx', depth: 20, levels: 25 },
    { rules: 'kraken', depth: 10, levels: 10, venueDepth: 10 },
    { depth: 20, levels: 20 },
    { rules: 'okx', sequence: false },
  ] satisfies BooksOptions[]) {
    new Books(options).close()
  }
  refused(() => okx.books({ depth: 5, levels: 20 }), 'levels')
  refused(() => kraken.books({ depth: 5, levels: 5 }), 'levels')
  refused(() => binance.books({ sequence: false }), 'sequence')
})

it('two books cannot have one name: only one of them would hear of it', () => {
  using books = new Books()
  books.add('A', ['a', 'x'])
  refused(() => books.add('B', ['b', 'x']), 'names')
  refused(() => books.add('a'), 'names')
  expect(books.symbols).toEqual(['A'])
  books.delete('A')
  books.add('B', ['b', 'x'])
  expect(books.symbols).toEqual(['B'])
})

it('what is no bytes is no snapshot', () => {
  const { int64, levels } = json
  const snapshot = json(
    { lastId: int64('/u'), bids: levels('/b', { exact: true }), asks: levels('/a', { exact: true }) },
    { book: { bids: 'bids', asks: 'asks', lastId: 'lastId', snapshot: true } },
  )
  using books = new Books({ rules: 'binance', snapshot })
  books.add('A')
  for (const body of ['{}', null, undefined, {}, 5, new Float64Array(4), new ArrayBuffer(8)]) {
    expect(() => books.seed('A', body as never)).toThrow(TypeError)
  }
})

it('subscriptions that go on failing stay within what a venue allows an hour', { timeout: 30_000 }, async () => {
  await using server = await startWsServer()
  const plan: VenueBookPlan = {
    title: 'Mine',
    books: { rules: 'okx' },
    names: (name) => [name],
    seed: {
      by: 'resubscribe',
      resubscribe: (names) => [`-${names}`, `+${names}`],
      symbolsPerMessage: 10,
      messagesPerSecond: 1_000,
      messagesPerHour: 7,
    },
  }
  await using kept = new VenueBooks(plan, { backoff: { first: 1, max: 1 }, patience: 100 })
  const [options] = okx.market({ symbols: ['X-Y'], streams: ['book'], url: server.url })
  await using feed = new Feed({ ...(options as NonNullable<typeof options>), books: kept.books, reconnect })
  kept.carry(feed, ['X-Y'])
  await feed.open()
  const sent = (connection: number): number =>
    server.received.filter((each) => each.connection === connection && /^[-+]/.test(each.data.toString())).length
  await until(() => sent(0) === 6, 'it tries three times')
  await sleep(1_000)
  expect(sent(0)).toBe(6)
  // Another connection has an hour of its own.
  for (const client of server.clients) client.terminate()
  await until(() => sent(1) === 6, 'it tries three times more')
})

describe('a book that waits for its turn on a feed', { timeout: 30_000 }, () => {
  it.each(['is dropped', 'is not subscribed to it any more'])(
    'is asked for on another when that one %s',
    async (how) => {
      await using server = await startWsServer()
      const plan: VenueBookPlan = {
        title: 'Mine',
        books: { rules: 'okx' },
        names: (name) => [name],
        // After the first the feed's next turn is in minutes.
        seed: {
          by: 'resubscribe',
          resubscribe: (names) => [`-${names}`, `+${names}`],
          symbolsPerMessage: 1,
          messagesPerSecond: 0.01,
        },
      }
      await using kept = new VenueBooks(plan, { backoff: { first: 1, max: 1 }, patience: 100 })
      const [options] = okx.market({ symbols: ['X', 'Y'], streams: ['book'], url: server.url })
      const feedOf = (): Feed =>
        new Feed({ ...(options as NonNullable<typeof options>), books: kept.books, reconnect }) as unknown as Feed
      await using one = feedOf()
      kept.carry(one, ['X', 'Y'])
      await one.open()
      const sent = (connection: number): string[] =>
        server.received
          .filter((each) => each.connection === connection)
          .map(({ data }) => data.toString())
          .filter((text) => /^[-+]/.test(text))
      await until(() => sent(0).length === 2, 'one book has had its turn')
      expect(sent(0)).toEqual(['-X', '+X'])
      await using other = feedOf()
      kept.carry(other, ['Y'])
      await other.open()
      await sleep(300)
      expect([sent(0).length, sent(1).length]).toEqual([2, 0])
      if (how === 'is dropped') kept.drop(one)
      else kept.drop(one, ['Y'])
      await until(() => sent(1).length === 2, 'the other book is asked for')
      expect(sent(1)).toEqual(['-Y', '+Y'])
      expect(sent(0).length).toBe(2)
    },
  )
})

it('what market() gives says whose books come over which feed, and can be spread', () => {
  const symbols = Array.from({ length: 130 }, (_, i) => `S${i}/USD`)
  const shards = kraken.market({ symbols, streams: ['ticker', 'book'] })
  expect(shards.length).toBeGreaterThan(1)
  expect(shards.flatMap(({ bookSymbols }) => bookSymbols)).toEqual(symbols)
  const usdm = binanceUsdm.market({ symbols: ['BTCUSDT'], streams: ['trades', 'book'] })
  expect(usdm.map(({ bookSymbols }) => bookSymbols)).toEqual([['BTCUSDT'], []])
  for (const options of usdm) new Feed({ ...options })
})
