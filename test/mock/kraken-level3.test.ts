/** Kraken's `level3` at the mock venue: bare sockets, and this package's market data with books of orders. */
import { afterEach, describe, expect, it } from 'vitest'
import type { Book } from '../../dist/esm/book/index.js'
import type { MarketOrderChange, MockVenue } from '../../dist/esm/mock/index.js'
import type { Rest } from '../../dist/esm/rest/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { until } from '../e2e/waiting.ts'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { apiKey, connect, mockVenue } from './venue.ts'

afterEach(cleanUp)

const secret = Buffer.from('a secret of a test, not one of an account').toString('base64')
const accounts = [{ apiKey, secret, balances: { USD: '1000000' } }]
const symbols = ['BTC/USD', 'ETH/USD']
const instruments = symbols.map((symbol) => ({ symbol, tickSize: '0.01', lotSize: '0.00001' }))

const start = (options: object = {}): Promise<MockVenue> =>
  mockVenue({ venue: 'kraken', accounts, instruments, ...options })

function restOf(venue: MockVenue): Rest {
  const rest = kraken.rest({ endpoints: [venue.origin], key: apiKey, secret })
  onCleanUp(() => rest.close({ force: true }))
  return rest
}

/** Random orders over more prices than are subscribed, so that prices go out of view and come back. */
class Traffic {
  readonly #venue: MockVenue
  readonly #symbol: string
  readonly #ids = { buy: [] as string[], sell: [] as string[] }
  #seed: number
  #count = 0

  constructor(venue: MockVenue, symbol: string, seed: number) {
    this.#venue = venue
    this.#symbol = symbol
    this.#seed = seed
  }

  step(): void {
    const changes: MarketOrderChange[] = []
    for (let n = 1 + this.#random(4); n > 0; n--) {
      const side = this.#random(2) === 0 ? 'buy' : 'sell'
      const ids = this.#ids[side]
      const price = (): string => {
        const away = (1 + this.#random(16)) * 0.5
        return (side === 'buy' ? 100 - away : 100 + away).toFixed(this.#random(2) + 1)
      }
      const size = (): string => (1 + this.#random(100_000) / 1_000).toFixed(5)
      const what = ids.length < 30 ? 0 : this.#random(5)
      const id = ids[this.#random(Math.max(1, ids.length))] ?? ''
      if (what < 2) {
        const fresh = `O${String(++this.#count).padStart(5, '0')}-${side === 'buy' ? 'B' : 'S'}`
        ids.push(fresh)
        changes.push({ event: 'add', side, id: fresh, price: price(), size: size() })
      } else if (what < 4) {
        ids.splice(ids.indexOf(id), 1)
        changes.push({ event: 'delete', side, id })
      } else changes.push({ event: 'modify', side, id, size: size(), ...(this.#random(3) === 0 && { price: price() }) })
    }
    this.#venue.setOrders(this.#symbol, changes)
  }

  #random(below: number): number {
    this.#seed = (this.#seed * 48_271) % 2_147_483_647
    return this.#seed % below
  }
}

/** What the venue has of the best ten prices, and what the book shows of them. */
function compare(venue: MockVenue, book: Book): { shown: string; truth: string } {
  const { bids, asks } = venue.orders(book.symbol)
  const truth = [bids, asks].map((levels) =>
    levels.slice(0, 10).map(({ orders }) => orders.map(({ id, size, timeNs }) => `${id} ${size} ${timeNs}`)),
  )
  const shown = [book.bids, book.asks].map((side) =>
    [...side].map(({ orders }) => orders.toArray().map(({ id, sizeText, time }) => `${id} ${sizeText} ${time}`)),
  )
  return { shown: JSON.stringify(shown), truth: JSON.stringify(truth) }
}

async function follow(venue: MockVenue, more: object = {}) {
  const md = kraken.marketData({
    symbols,
    streams: ['book'],
    book: { orders: 1_000 },
    url: venue.urls['stream'] as string,
    rest: restOf(venue),
    books: { depth: 10, backoff: { first: 10, max: 50 }, patience: 500 },
    ...more,
  })
  onCleanUp(() => md.close())
  const books = new Map<string, Book>()
  const errors: string[] = []
  md.on('book', (book) => books.set(book.symbol, book))
  md.on('error', (error) => errors.push(`${error.code} ${error.message}`))
  await md.open()
  const agrees = (symbol: string): boolean => {
    const book = books.get(symbol)
    book?.refresh()
    if (book?.synced !== true) return false
    const { shown, truth } = compare(venue, book)
    return shown === truth
  }
  const agree = (what: string): Promise<void> => until(() => symbols.every(agrees), what)
  return { md, books, errors, agrees, agree }
}

describe('the channel level3', () => {
  it('wants a token and a depth that there is; counts what a second allows; tells whole prices as they come into view', async () => {
    const venue = await start()
    const client = await connect(`${venue.urls['stream']}/v2`)
    const subscribe = async (id: number, params: object): Promise<unknown> => {
      client.send({ method: 'subscribe', params: { channel: 'level3', symbol: ['BTC/USD'], ...params }, req_id: id })
      return client.next(({ req_id }) => req_id === id)
    }
    expect(await subscribe(1, {})).toMatchObject({ success: false, error: 'ESession:Invalid session' })
    const answer = await restOf(venue).post('/0/private/GetWebSocketsToken', { kind: 'query' })
    const { token } = (answer.json() as { result: { token: string } }).result
    expect(await subscribe(2, { token, depth: 25 })).toMatchObject({ success: false })
    venue.setOrders(
      'BTC/USD',
      Array.from({ length: 12 }, (_, i) => ({
        event: 'add',
        side: 'buy',
        id: `B${i}`,
        price: `${100 - i}`,
        size: '1',
      })),
    )
    expect(await subscribe(3, { token, depth: 10 })).toMatchObject({ success: true, result: { depth: 10 } })
    expect(await subscribe(4, { token, depth: 10 })).toMatchObject({ success: false, error: 'Already subscribed' })
    const data = async (type: string, where: (bids: { order_id: string }[]) => boolean) => {
      const message = await client.next((each) => {
        const [first] = (each['data'] ?? []) as { bids: { order_id: string }[] }[]
        return each['channel'] === 'level3' && each['type'] === type && where(first?.bids ?? [])
      })
      return (message['data'] as { bids: Record<string, unknown>[]; checksum: number }[])[0]
    }
    const snapshot = await data('snapshot', () => true)
    expect(snapshot?.bids.length).toBe(10)
    expect(snapshot?.bids[0]).toEqual({
      order_id: 'B0',
      limit_price: 100,
      order_qty: 1,
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/),
    })
    // What is beyond its prices is not told; what comes into view is, with what made room.
    venue.setOrders('BTC/USD', [{ event: 'delete', side: 'buy', id: 'B11' }])
    venue.setOrders('BTC/USD', [{ event: 'delete', side: 'buy', id: 'B3' }])
    const update = await data('update', () => true)
    expect(update?.bids.map(({ event, order_id }) => [event, order_id])).toEqual([
      ['delete', 'B3'],
      ['add', 'B10'],
    ])
    expect(() => venue.setOrders('BTC/USD', [{ event: 'delete', side: 'buy', id: 'B3' }])).toThrow(RangeError)
    expect(() => venue.setOrders('NO/USD', [])).toThrow(/NO\/USD/)
    // At the depth 1,000 two symbols are a second's worth.
    const other = await connect(`${venue.urls['stream']}/v2`)
    const many = symbols.concat('ADA/USD')
    other.send({ method: 'subscribe', params: { channel: 'level3', symbol: many, depth: 1_000, token }, req_id: 1 })
    expect(await other.next(({ success }) => success === true)).toMatchObject({ result: { symbol: 'BTC/USD' } })
  })

  it('is what other venues do not tell', async () => {
    const venue = await mockVenue({
      venue: 'okx',
      instruments: [{ symbol: 'BTC-USDT', tickSize: '0.1', lotSize: '0.1' }],
    })
    expect(() => venue.setOrders('BTC-USDT', [])).toThrow(expect.objectContaining({ code: 'ERR_MOCK_ORDERS' }))
  })
})

describe('market data with books of orders', () => {
  it("are the venue's at each step, with its check sums, also of who comes late", { timeout: 60_000 }, async () => {
    const venue = await start()
    const traffic = symbols.map((symbol, i) => new Traffic(venue, symbol, 11 + i))
    for (let n = 0; n < 40; n++) for (const each of traffic) each.step()
    const { books, errors, agree } = await follow(venue)
    await agree('both are there')
    for (let n = 0; n < 200; n++) {
      for (const each of traffic) each.step()
      await agree(`step ${n}`)
    }
    expect([...books.values()].map(({ gaps, resyncs }) => [gaps, resyncs])).toEqual([
      [0, 0],
      [0, 0],
    ])
    // The levels are the sums of their orders.
    const bid = books.get('BTC/USD')?.bid()
    expect(bid?.size).toBeCloseTo(
      [...(bid?.orders ?? [])].reduce((sum, { size }) => sum + size, 0),
      9,
    )
    const late = await follow(venue)
    await late.agree('the late ones, too')
    expect(errors.concat(late.errors)).toEqual([])
  })

  it('get in sync again one by one after what was lost, and after each disconnection with a new token', {
    timeout: 60_000,
  }, async () => {
    const venue = await start()
    const traffic = symbols.map((symbol, i) => new Traffic(venue, symbol, 5 + i))
    for (let n = 0; n < 40; n++) for (const each of traffic) each.step()
    const { books, agree, agrees } = await follow(venue)
    await agree('both are there')
    let wrong = 0
    for (let n = 0; n < 6; n++) {
      venue.setChaos({ drop: 1 })
      traffic[0]?.step()
      venue.setChaos({})
      // What was lost shows with the next message.
      for (let k = 0; k < 10 && books.get('BTC/USD')?.synced === true; k++) {
        traffic[0]?.step()
        await new Promise((resolve) => setTimeout(resolve, 20))
        const book = books.get('BTC/USD') as Book
        book.refresh()
        if (book.synced && !agrees('BTC/USD')) wrong++
      }
      expect(books.get('ETH/USD')?.resyncs).toBe(0)
      await agree(`both again, ${n}`)
    }
    expect(books.get('BTC/USD')?.resyncs).toBeGreaterThan(0)
    const resyncs = (): number[] => [...books.values()].map(({ resyncs: each }) => each)
    for (let n = 0; n < 3; n++) {
      const before = resyncs()
      venue.disconnect()
      for (const each of traffic) each.step()
      await until(() => resyncs().every((each, i) => each > (before[i] as number)), 'they were stale, and are not')
      await agree('and there again')
    }
    expect(wrong).toBeLessThan(4) // between a step and its arrival
  })

  it('subscribe anew when the token was not taken, within what a second allows', { timeout: 60_000 }, async () => {
    const venue = await start()
    for (const symbol of symbols) new Traffic(venue, symbol, 3).step()
    let refuse = 1
    const rest = restOf(venue)
    const get = rest.post.bind(rest)
    // A token that the venue does not know.
    rest.post = (async (...given: Parameters<Rest['post']>) => {
      if (refuse-- <= 0) return get(...given)
      return { json: () => ({ result: { token: 'unknown' } }) } as Awaited<ReturnType<Rest['post']>>
    }) as Rest['post']
    const { agree, errors } = await follow(venue, { rest, book: { orders: 1_000, depth: 1_000 } })
    await agree('both are there')
    expect(errors.length).toBeGreaterThan(0)
    expect(errors.every((text) => text.startsWith('ERR_MARKET_SUBSCRIBE'))).toBe(true)
  })

  it('follow one of several paths, and a rollover', { timeout: 60_000 }, async () => {
    const venue = await start()
    const traffic = symbols.map((symbol, i) => new Traffic(venue, symbol, 21 + i))
    for (const each of traffic) each.step()
    const { md, agree } = await follow(venue, { paths: 2, overlapMs: 0, verifyMs: 200 })
    await agree('both are there')
    await md.rollover()
    for (let n = 0; n < 20; n++) {
      for (const each of traffic) each.step()
      await agree(`step ${n} after the rollover`)
    }
  })

  it('refuse what cannot be', async () => {
    const given = { symbols, streams: ['book'] as const, url: 'ws://127.0.0.1:1' }
    expect(() => kraken.marketData({ ...given, book: { orders: 10 } })).toThrow(/rest/)
    expect(() => kraken.marketData({ ...given, book: { orders: 10, depth: 25 } })).toThrow(/depth/)
    expect(() => kraken.market({ ...given, book: { orders: 10 } })).toThrow(/orders/)
    expect(() => kraken.books({ book: { orders: 10 } })).toThrow(/orders/)
  })
})
