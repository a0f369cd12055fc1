/** The same numbered stream over several sockets: every number once, or told as a gap. */
import fc from 'fast-check'
import { Arbiter, type ArbiterGap, ConfigError, Feed, json, Loop } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { startWsServer, type WsServer } from '../peers/ws-server.ts'
import { until } from './waiting.ts'

const { symbol, int64, text } = json

const decode = json.oneOf('/e', {
  trades: json({ symbol: symbol('/s'), id: int64('/n') }, { sequence: { contiguous: 'id' } }),
  ticker: json({ symbol: symbol('/s'), id: int64('/n') }, { sequence: { increasing: 'id' } }),
  texts: json({ symbol: symbol('/s'), id: text('/n', { maxBytes: 64 }) }, { sequence: { distinct: 'id' } }),
  quotes: json({ symbol: symbol('/s'), id: int64('/n') }, { sequence: 'leader' }),
  answer: json({ id: int64('/n') }, { notice: true }),
})

const row = (e: string, s: string, n: number | string): string => JSON.stringify({ e, s, n })

/** Servers and a feed to each, on one arbiter. */
async function paths(count: number, options: Partial<ConstructorParameters<typeof Arbiter>[0]> = {}) {
  const loop = new Loop({ mode: 'park' })
  const arbiter = new Arbiter({ ...options, decode, paths: count, loop })
  const servers: WsServer[] = []
  const feeds: Feed<typeof decode>[] = []
  for (let path = 0; path < count; path++) {
    const server = await startWsServer()
    servers.push(server)
    feeds.push(new Feed({ url: server.url, decode, arbiter, path }))
  }
  await Promise.all(feeds.map((feed) => feed.open()))
  return {
    arbiter,
    servers,
    feeds,
    async [Symbol.asyncDispose]() {
      await Promise.all(feeds.map((feed) => feed.close()))
      await arbiter.close()
      await loop.close()
      await Promise.all(servers.map((server) => server.close()))
    },
  }
}

describe('arbiter', () => {
  it('hands on the first copy of each row, and counts what each path brought', async () => {
    await using rig = await paths(2)
    const { arbiter, servers, feeds } = rig
    const seen: string[] = []
    arbiter.on('rows', (rows) => {
      for (const each of rows) seen.push(`${rows.shape} ${each.toObject().id}`)
    })
    const answers: bigint[] = []
    for (const feed of feeds) {
      feed.on('rows:answer', (rows) => {
        for (const { id } of rows) answers.push(id)
      })
    }
    servers[0]?.broadcast(row('trades', 'A', 1), row('ticker', 'A', 5), row('texts', 'A', 'x-1'), row('quotes', 'A', 1))
    await until(() => seen.length === 4, 'what was sent has come')
    servers[1]?.broadcast(
      row('trades', 'A', 1),
      row('ticker', 'A', 4),
      row('texts', 'A', 'x-1'),
      row('quotes', 'A', 1),
      row('trades', 'A', 2),
      '{"e":"answer","n":7}',
    )
    await until(() => seen.length === 5 && answers.length === 1, 'what was sent has come')
    expect(seen).toEqual(['trades 1', 'ticker 5', 'texts x-1', 'quotes 1', 'trades 2'])
    expect(answers).toEqual([7n])
    const stats = arbiter.stats()
    expect(stats).toMatchObject({ passed: 5, copies: 3, old: 1, gaps: 0, openMissing: 0 })
    expect(stats.paths[0]).toMatchObject({ wins: 4, copies: 0, winRate: 1, missed: 0 })
    expect(stats.paths[1]).toMatchObject({ wins: 1, copies: 4, winRate: 0.2 })
    // The leader's rows have no number by which a copy could be timed.
    expect(stats.paths[1]?.lag.count).toBe(2)
    expect(stats.paths[1]?.lag.p50Ns).toBeGreaterThan(0)
  })

  it('waits for what one path passed over, and tells what never comes with its exact range', async () => {
    await using rig = await paths(2, { waitMs: 500 })
    const { arbiter, servers } = rig
    const ids: bigint[] = []
    const gaps: ArbiterGap[] = []
    arbiter.on('rows:trades', (rows) => {
      for (const { id } of rows) ids.push(id)
    })
    arbiter.on('gap', (gap) => gaps.push(gap))
    servers[0]?.broadcast(row('trades', 'A', -3), row('trades', 'A', 4))
    await until(() => ids.length === 2, 'the first path has brought what it has')
    servers[1]?.broadcast(row('trades', 'A', 1))
    await until(() => gaps.length === 2, 'what was sent has come')
    expect(ids).toEqual([-3n, 4n, 1n])
    expect(gaps).toMatchObject([
      { cause: 'missing', key: 'A', shape: 'trades', from: -2n, to: 0n, lost: 3 },
      { cause: 'missing', key: 'A', shape: 'trades', from: 2n, to: 3n, lost: 2 },
    ])
    servers[1]?.broadcast(row('trades', 'A', 2), row('trades', 'A', 5))
    await until(() => ids.length === 4, 'what was sent has come')
    expect(ids.at(-1)).toBe(5n)
    expect(arbiter.stats()).toMatchObject({ gaps: 2, missing: 5, openMissing: 0 })
  })

  it('conflates by key over all paths: the newest is the last that is seen', async () => {
    await using rig = await paths(2, { overflow: 'conflate' })
    const { arbiter, servers } = rig
    const last = new Map<string, bigint>()
    let back = 0
    arbiter.on('rows:ticker', (rows) => {
      for (const { symbol: name, id } of rows) {
        if (id <= (last.get(name) ?? -1n)) back++
        last.set(name, id)
      }
      // So slow that rows are replaced.
      const end = performance.now() + 2
      while (performance.now() < end) {}
    })
    for (let n = 0; n < 3_000; n++) {
      const [first, second] = n % 2 === 0 ? [0, 1] : [1, 0]
      const message = row('ticker', `S${n % 5}`, n)
      servers[first]?.broadcast(message)
      servers[second]?.broadcast(message)
      if (n % 500 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => [...last.values()].filter((n) => n >= 2_995n).length === 5, 'what was sent has come')
    expect(back).toBe(0)
    expect(arbiter.stats().passed).toBeLessThanOrEqual(3_000)
  })

  it('is iterated like a feed', async () => {
    await using rig = await paths(2)
    const { arbiter, servers } = rig
    const ids: bigint[] = []
    const reading = (async () => {
      for await (const rows of arbiter) {
        if (rows.shape === 'trades') for (const { id } of rows) ids.push(id)
        if (ids.length >= 50) break
      }
    })()
    for (let n = 0; n < 50; n++) for (const server of servers) server.broadcast(row('trades', 'A', n))
    await reading
    expect(ids).toEqual(Array.from({ length: 50 }, (_, n) => BigInt(n)))
  })

  it('refuses feeds and roles that do not fit', async () => {
    const loop = new Loop()
    const arbiter = new Arbiter({ decode, loop })
    const url = 'ws://127.0.0.1:1'
    const other = json({ a: int64('/a') })
    const make = (options: object) => () => new Feed({ url, ...options } as never)
    expect(make({ decode: other, arbiter })).toThrow(ConfigError)
    expect(make({ decode, arbiter, path: 2 })).toThrow(/below the arbiter's paths/)
    expect(make({ decode, path: 1 })).toThrow(/needs an `arbiter`/)
    expect(make({ decode, arbiter, overflow: 'conflate' })).toThrow(/arbiter's to say/)
    expect(make({ decode, arbiter, loop: 'spin' })).toThrow(/arbiter's to say/)
    expect(() => json({ a: text('/a') }, { sequence: { contiguous: 'a' } })).toThrow(/must name an int64 field/)
    expect(() => json({ a: int64('/a', { optional: true }) }, { sequence: { increasing: 'a' } })).toThrow(
      /not optional/,
    )
    expect(() => json({ a: int64('/a') }, { sequence: { distinct: 'b' as 'a' } })).toThrow(/int64 or text/)
    expect(() => json({ a: int64('/a') }, { sequence: {} as never })).toThrow(/one of contiguous/)
    await arbiter.close()
    await expect(new Feed({ url, decode, arbiter }).open()).rejects.toThrow(/is closed/)
    await loop.close()
  })

  // Each path is the venue's list with pieces missing, cut into connections and sent in any interleaving.
  it('hands on each number exactly once or tells it, across any interleaving of paths and connections', async () => {
    const step = fc.record({
      path: fc.nat(2),
      numbers: fc.integer({ min: 1, max: 8 }),
      lost: fc.constantFrom(0, 0, 0, 1, 3),
      cut: fc.constantFrom(false, false, false, false, false, true),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        await using rig = await paths(3, { waitMs: 50, window: 128 })
        const { arbiter, servers, feeds } = rig
        const passed: number[] = []
        const told: number[] = []
        arbiter.on('rows:trades', (rows) => {
          for (const { id } of rows) passed.push(Number(id))
        })
        arbiter.on('gap', ({ from, to }) => {
          for (let n = from; n <= to; n++) told.push(Number(n))
        })
        const at = [0, 0, 0]
        const end = 120
        servers[0]?.broadcast(row('trades', 'A', 0))
        await until(() => passed.length === 1, 'what was sent has come')
        const send = async (path: number, numbers: number, lost: number): Promise<void> => {
          at[path] = Math.min(end, (at[path] as number) + lost)
          for (let i = 0; i < numbers && (at[path] as number) < end; i++) {
            at[path] = (at[path] as number) + 1
            servers[path]?.broadcast(row('trades', 'A', at[path] as number))
          }
        }
        for (const { path, numbers, lost, cut } of steps) {
          await send(path, numbers, lost)
          if (cut) {
            const { connects } = feeds[path] as Feed
            for (const client of servers[path]?.clients ?? []) client.terminate()
            await until(
              () => (feeds[path] as Feed).connects > connects && feeds[path]?.state === 'connected',
              'the feed is connected again',
            )
          }
        }
        // All come to the end, so that everything in between is known to be missing.
        for (const path of [0, 1, 2]) {
          at[path] = Math.max(at[path] as number, end - 1)
          await send(path, 1, 0)
        }
        await until(() => passed.length + told.length >= end + 1, 'what was sent has come')
        expect([...passed, ...told].sort((a, b) => a - b)).toEqual(Array.from({ length: end + 1 }, (_, n) => n))
        expect(arbiter.stats().openMissing).toBe(0)
      }),
      { numRuns: 12 },
    )
  }, 60_000)
})
