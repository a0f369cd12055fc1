/**
 * A day of market data at the mock venue, in under a minute: its clock, its recording, its 24 hours, bans and maintenance all go faster by one
 * factor. Every trade that any socket was sent is delivered once, what none was sent is told; books are the venue's whenever they say so; nothing grows.
 */
import { HttpClient } from 'tickwire/rest'
import { afterEach, describe, expect, it } from 'vitest'
import { MockVenue, type MockVenueOptions } from '../../dist/esm/mock/index.js'
import { binance } from '../../dist/esm/venue/binance/index.js'
import { bybit } from '../../dist/esm/venue/bybit/index.js'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import type { MarketData, MarketDataOptions } from '../../dist/esm/venue/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { until } from '../e2e/waiting.ts'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { dayOf } from './day/tape.ts'
import { type Footprint, footprint, Watch, type Watched } from './day/watch.ts'
import { words } from './day/words.ts'

afterEach(cleanUp)

/** Faster than life: an hour lasts 1.2 seconds. */
const scale = 3_000
const hour = 3_600_000
const depth = 10

/** Real milliseconds of so many of the venue's. */
const real = (ms: number): number => ms / scale
const isConnected = ({ state }: { readonly state: string }): boolean => state === 'connected'
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function start(options: MockVenueOptions): Promise<MockVenue> {
  const venue = await MockVenue.start({ speed: scale, timeScale: scale, begin: 'manual', ...options })
  onCleanUp(() => venue.close())
  return venue
}

/** Some room for what does not come back at once; hours that leaked would take more. */
function expectNoGrowth(early: Footprint | null, late: Footprint): void {
  if (early === null) throw new Error('the day has been too short')
  expect(late.threads).toBeLessThanOrEqual(early.threads)
  // Both ends of each socket are here; some are on their way.
  expect(late.descriptors).toBeLessThanOrEqual(early.descriptors + 6)
  expect(late.heap - early.heap).toBeLessThan(6_000_000)
  expect(late.buffers - early.buffers).toBeLessThan(2_000_000)
  expect(late.rss - early.rss).toBeLessThan(32_000_000)
}

/** What a list of things to do has for each hour of the recording, in turn. */
async function live(venue: MockVenue, agenda: readonly (readonly [hour: number, act: () => unknown])[]): Promise<void> {
  for (const [at, act] of [...agenda].sort(([a], [b]) => a - b)) {
    await until(() => venue.positionMs >= at * hour, `it is ${at} o'clock`, 60_000)
    await act()
  }
}

describe.skipIf(process.platform !== 'linux')('a day', () => {
  it('Binance: a bad morning, and the 24 hours that a connection lives', async () => {
    const day = dayOf(words.binance, { hours: 32, everyMs: 15_000, depth })
    const watch = new Watch(day, words.binance, depth)
    const venue = await start({
      venue: 'binance',
      capture: day.records,
      onPlayed: watch.played,
      weightPerMinute: 200,
      banMs: hour,
      maintenance: [{ atMs: 1.7 * hour, ms: hour }],
    })
    const rest = binance.rest({ endpoints: [venue.origin] })
    onCleanUp(() => rest.close({ force: true }))
    const md = binance.marketData({
      url: venue.urls['stream'],
      symbols: words.binance.symbols,
      streams: ['ticker', 'trades', 'book'],
      paths: 3,
      lifeMs: real(24 * hour),
      overlapMs: 200,
      verifyMs: 1_000,
      readyMs: 5_000,
      waitMs: 2_500,
      book: { limit: 100 },
      books: { rest, depth, backoff: { first: 50, max: 500 } },
    })
    onCleanUp(() => md.close())
    watch.follow(md)
    await md.open()
    const isWhole = (): boolean => venue.sockets.length >= 3 && md.stats().sockets.every(isConnected)
    await until(isWhole, 'all paths are up')

    const [btc, eth, ltc, bnb, xrp] = words.binance.symbols as [string, string, string, string, string]
    let losses = 0
    /** All paths lose a change of this book: it alone falls out of sync. */
    const lose = async (symbol: string): Promise<void> => {
      await until(isWhole, 'all paths are up')
      const before = new Map(watch.stale)
      losses++
      venue.lose(words.binance.bookTopic(symbol))
      await until(() => watch.stale.get(symbol) !== before.get(symbol), `${symbol} has noticed it`)
      const only = before.set(symbol, (before.get(symbol) ?? 0) + 1)
      expect(new Map(watch.stale), watch.recent.join('\n')).toEqual(only)
    }
    /** Of the youngest socket's path. The others live as long as the venue lets them. */
    const youngest = (): readonly number[] => [Math.max(...venue.sockets)]
    /** Somebody at our address asks for too much, and goes on until the venue bans it. */
    const provoke = async (): Promise<void> => {
      await using greedy = new HttpClient({ origin: venue.origin })
      for (let asked = 1; ; asked++) {
        const { status, headers } = await greedy.get(`/api/v3/depth?symbol=${btc}&limit=5000`)
        expect(headers.get('retry-after')).not.toBe(null)
        if (status === 418) return expect(asked).toBe(22)
        expect(status).toBe(429)
      }
    }
    /** A book is out of sync when its snapshots are banned: it waits, and nobody asks meanwhile. */
    const banned = async (lengthMs: number): Promise<void> => {
      await provoke()
      const from = performance.now()
      const { requests } = venue.stats()
      await lose(ltc)
      await sleep(lengthMs - (performance.now() - from) - 50)
      // The one by which the ban is noticed.
      expect(venue.stats().requests - requests).toBeLessThanOrEqual(1)
    }
    /** The address is banned altogether, and its connections are gone. */
    const shutOut = async (): Promise<void> => {
      await until(isWhole, 'all paths are up')
      const before = venue.stats()
      venue.ban(1_900)
      venue.disconnect()
      await sleep(1_850)
      const { turnedAway, refused } = venue.stats()
      const sockets = refused - before.refused
      // Paths and requests that are on their way when the first is refused learn of it as well; nobody asks again.
      expect(sockets).toBeLessThanOrEqual(3)
      expect(turnedAway - before.turnedAway - sockets).toBeLessThanOrEqual(4)
    }
    let early: Footprint | null = null
    venue.play()
    await live(venue, [
      [0.3, () => lose(btc)],
      [0.7, () => venue.serverShutdown(1_000)],
      [2.9, () => venue.disconnect()],
      [4, shutOut],
      [6, () => md.rollover()],
      [
        7,
        () => {
          early = footprint()
        },
      ],
      [9, () => banned(real(hour))],
      [12, () => venue.disconnect(undefined, undefined, youngest())],
      [14, () => lose(eth)],
      [16, () => venue.serverShutdown(1_000, youngest())],
      [18, () => lose(bnb)],
      [20, () => venue.disconnect(1001, 'Going away', youngest())],
      [22, () => banned(real(2 * hour))],
      [25, () => lose(xrp)],
      [27, () => lose(btc)],
      [28.5, () => lose(eth)],
    ])
    await venue.finished
    await until(() => watch.hasAll, 'all trades have come')
    await until(() => watch.isUpToDate, 'all books are as the venue has them')
    await until(() => md.stats().openMissing === 0, 'nothing is waited for')
    await until(() => (watch.reasons.get('life') ?? 0) >= 2, 'those that lived long enough were replaced')
    await until(() => venue.sockets.length === 3, 'a socket for each path, and no more')
    expectNoGrowth(early as Footprint | null, footprint())

    const { trades, orphans } = watch.check('told')
    const stats = md.stats()
    const { lost, sockets, turnedAway, refused } = venue.stats()
    expect({ lost, sockets }).toEqual({ lost: losses, sockets: 3 })
    expect(turnedAway).toBeGreaterThanOrEqual(refused)
    expect({ passed: stats.passed, gaps: stats.gaps, missing: stats.missing, rollovers: stats.rollovers }).toEqual({
      passed: watch.rows,
      gaps: watch.gaps,
      missing: orphans,
      rollovers: [...watch.reasons.values()].reduce((sum, n) => sum + n, 0),
    })
    expect(stats.paths.reduce((sum, { wins }) => sum + wins, 0)).toBe(stats.passed)
    // What nobody could bring is less than the hours without a connection.
    expect(orphans).toBeLessThan(trades / 2)
    expect(watch.compared).toBeGreaterThan(trades / 2)
    expect(watch.reasons.get('serverShutdown')).toBeGreaterThanOrEqual(2)
    expect([...watch.errors.keys()].filter((code) => code !== 'ERR_MARKET_ROLLOVER')).toEqual([])
    await md.close()
    await until(() => venue.sockets.length === 0, 'all are closed')
  }, 120_000)

  interface Other {
    readonly make: (options: MarketDataOptions) => unknown
    readonly ping: string | null
    /** Whether trades have contiguous numbers, so that those that are missing are told. */
    readonly numbers: 'told' | 'unknown'
    /** Hour at which the venue's numbers begin anew. */
    readonly anewAt?: number
  }
  const others: Readonly<Record<'bybit' | 'okx' | 'kraken' | 'coinbase', Other>> = {
    bybit: {
      make: (options) => bybit.marketData(options as Parameters<typeof bybit.marketData>[0]),
      ping: '{"op":"ping"}',
      numbers: 'unknown',
      anewAt: 3.5,
    },
    okx: {
      make: (options) => okx.marketData(options as Parameters<typeof okx.marketData>[0]),
      ping: 'ping',
      numbers: 'unknown',
      anewAt: 3.5,
    },
    kraken: {
      make: (options) =>
        kraken.marketData({ ...options, book: { depth: 10 } } as Parameters<typeof kraken.marketData>[0]),
      ping: '{"method":"ping"}',
      numbers: 'told',
    },
    coinbase: {
      make: (options) => coinbase.marketData(options as Parameters<typeof coinbase.marketData>[0]),
      ping: null,
      numbers: 'unknown',
    },
  }

  const sixHours = async (name: keyof typeof others): Promise<void> => {
    const { make, ping, numbers, ...more } = others[name]
    const day = dayOf(words[name], { hours: 6.2, everyMs: 24_000, depth, ...more })
    const watch = new Watch(day, words[name], depth)
    const venue = await start({
      venue: name,
      capture: day.records,
      onPlayed: watch.played,
      maintenance: [{ atMs: 2 * hour, ms: hour / 2, sockets: name === 'kraken' ? 'kept' : 'cut' }],
    })
    const [first, second] = words[name].symbols as readonly [string, string]
    const md = make({
      url: venue.urls['stream'],
      symbols: words[name].symbols,
      streams: ['ticker', 'trades', 'book'],
      paths: 2,
      overlapMs: 200,
      verifyMs: 1_000,
      readyMs: 5_000,
      waitMs: 2_500,
      ...(ping !== null && { heartbeat: { app: { text: ping, interval: 250 } } }),
      books: { depth, backoff: { first: 50, max: 500 } },
    }) as MarketData & Watched
    onCleanUp(() => md.close())
    watch.follow(md)
    await md.open()
    await until(() => venue.sockets.length === 2 && md.stats().sockets.every(isConnected), 'both paths are up')
    const oldest = (): number => Math.min(...venue.sockets)
    venue.play()
    await live(venue, [
      [
        0.7,
        async () => {
          const [here, there] = [watch.stale.get(first) ?? 0, watch.stale.get(second) ?? 0]
          venue.lose(words[name].bookTopic(first))
          await until(() => (watch.stale.get(first) ?? 0) > here, `the hole is noticed: ${watch.recent.join(', ')}`)
          // Coinbase numbers a connection, so that nobody knows whose message it was.
          expect((watch.stale.get(second) ?? 0) - there).toBe(name === 'coinbase' ? 1 : 0)
        },
      ],
      [1.4, () => venue.serverShutdown(800)],
      [3, () => venue.disconnect(undefined, undefined, [oldest()])],
      [4, () => venue.disconnect()],
      [5, () => md.rollover()],
    ])
    await venue.finished
    await until(() => watch.hasAll, 'all trades have come')
    await until(() => watch.isUpToDate, 'all books are as the venue has them')
    await until(() => md.stats().openMissing === 0, 'nothing is waited for')
    await until(() => (watch.reasons.get('user') ?? 0) === 2, 'both were replaced')
    const { trades, orphans } = watch.check(numbers)
    const stats = md.stats()
    expect({ passed: stats.passed, gaps: stats.gaps, missing: stats.missing }).toEqual({
      passed: watch.rows,
      gaps: watch.gaps,
      missing: numbers === 'told' ? orphans : 0,
    })
    expect(orphans).toBeLessThan(trades / 2)
    expect(watch.compared).toBeGreaterThan(trades / 2)
    expect(watch.outages.length).toBeGreaterThanOrEqual(1)
    expect([...watch.errors.keys()].filter((code) => code !== 'ERR_MARKET_ROLLOVER')).toEqual([])
    // The one that says so.
    if (name === 'okx') expect(watch.reasons.get('64008')).toBe(2)
    await md.close()
    await until(() => venue.sockets.length === 0, 'all are closed')
  }

  it('Bybit, OKX, Kraken and Coinbase: six hours, at the same time', async () => {
    await Promise.all((Object.keys(others) as (keyof typeof others)[]).map(sixHours))
  }, 60_000)
})
