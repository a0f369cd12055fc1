/**
 * A day of market data in under a minute: the venue ends connections by its rules, shuts servers down, cuts them, refuses new ones and loses messages of
 * one path; every trade arrives once, and neither sockets nor memory grow.
 */
import { readdirSync } from 'node:fs'
import { Loop } from 'tickwire'
import { expect, it } from 'vitest'
import { binance } from '../../dist/esm/venue/binance/index.js'
import { until } from '../e2e/waiting.ts'
import { startMarketVenue } from '../peers/market-venue.ts'

/** Scaled: what the venue ends after 24 hours, it ends here after this. */
const lifeMs = 2_000
const dayMs = 36_000

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const descriptors = (): number => readdirSync('/proc/self/fd').length

it.skipIf(process.platform !== 'linux')(
  'a day: nothing lost that anybody could bring, nothing doubled, no growth',
  async () => {
    await using venue = await startMarketVenue()
    const symbols = ['BTCUSDT', 'ETHUSDT', 'LTCBTC', 'BNBUSDT', 'XRPUSDT']
    const loop = new Loop()
    const md = binance.marketData({ url: venue.url, symbols, paths: 2, lifeMs, overlapMs: 200, readyMs: 2_000, loop })
    const last = new Map<string, number>()
    const seen = new Map<string, Set<number>>(symbols.map((symbol) => [symbol, new Set()]))
    let doubled = 0
    const told: string[] = []
    /** Trades of moments in which the venue had let nobody in: none could bring them. */
    const orphans = new Set<string>()
    let backwards = 0
    const reasons = new Map<string, number>()
    md.on('trades', (rows) => {
      for (const { symbol, id } of rows) {
        const number = Number(id)
        const all = seen.get(symbol) as Set<number>
        if (all.has(number)) doubled++
        all.add(number)
        last.set(symbol, Math.max(last.get(symbol) ?? 0, number))
      }
    })
    const tickers = new Map<string, bigint>()
    md.on('ticker', (rows) => {
      for (const { symbol, updateId } of rows) {
        if (updateId <= (tickers.get(symbol) ?? 0n)) backwards++
        tickers.set(symbol, updateId)
      }
    })
    md.on('gap', ({ symbol, from, to }) => {
      for (let n = from; n <= to; n++) told.push(`${symbol} ${n}`)
    })
    md.on('rollover', ({ reason }) => reasons.set(reason, (reasons.get(reason) ?? 0) + 1))
    await md.open()
    await until(() => venue.open.size === 2 && [...venue.open].every(({ topics }) => topics.size === 10), 'both are up')
    const begin = performance.now()
    let step = 0
    let early = { descriptors: 0, external: 0 }
    while (performance.now() - begin < dayMs) {
      const carried = [...venue.open].some(({ topics, socket }) => topics.size === 10 && socket.readyState === 1)
      venue.tick(symbols, 2)
      if (!carried) {
        for (const symbol of symbols) {
          const id = venue.last.get(symbol) as number
          orphans.add(`${symbol} ${id - 1}`).add(`${symbol} ${id}`)
        }
      }
      await sleep(5)
      step++
      // The venue's own clock: it ends what has lived too long.
      for (const connection of venue.open) {
        if (performance.now() - connection.openedAt > lifeMs) connection.socket.close(1008, 'life')
      }
      const whole = venue.open.size >= 2 && [...venue.open].filter(({ topics }) => topics.size === 10).length >= 2
      // One path at a time: what both miss nobody can bring.
      if (step % 211 === 0) venue.say({ e: 'serverShutdown', E: 1 }, [...venue.open][0])
      if (step % 307 === 0 && whole) [...venue.open][0]?.socket.terminate()
      if (step % 401 === 0) venue.down = true
      if (step % 401 === 60) venue.down = false
      if (performance.now() - begin > dayMs / 3 && early.descriptors === 0) {
        global.gc?.()
        early = { descriptors: descriptors(), external: process.memoryUsage().arrayBuffers }
      }
    }
    venue.down = false
    await until(
      () => symbols.every((symbol) => last.get(symbol) === venue.last.get(symbol)),
      'the last trades have come',
    )
    await until(() => md.stats().openMissing === 0, 'nothing is waited for')
    for (const symbol of symbols) {
      const all = seen.get(symbol) as Set<number>
      const first = Math.min(...all)
      for (let id = first; id <= (venue.last.get(symbol) as number); id++) {
        // As a trade or in a gap, never both, and in a gap only what nobody could bring.
        if (!all.has(id)) expect(told).toContain(`${symbol} ${id}`)
      }
    }
    for (const each of told) {
      const [symbol, id] = each.split(' ') as [string, string]
      expect(seen.get(symbol)?.has(Number(id))).toBe(false)
      expect(orphans.has(each)).toBe(true)
    }
    expect(new Set(told).size).toBe(told.length)
    expect({ doubled, backwards }).toEqual({ doubled: 0, backwards: 0 })
    expect(reasons.get('life') ?? 0).toBeGreaterThanOrEqual(3)
    expect(reasons.get('serverShutdown') ?? 0).toBeGreaterThanOrEqual(3)
    await until(() => venue.open.size === 2, 'a socket for each path, and no more')
    global.gc?.()
    // Both ends of each socket are here; one may be on its way.
    expect(descriptors()).toBeLessThanOrEqual(early.descriptors + 6)
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(early.external * 1.5 + 20_000_000)
    await md.close()
    await loop.close()
    await until(() => venue.open.size === 0, 'all are closed')
  },
  120_000,
)
