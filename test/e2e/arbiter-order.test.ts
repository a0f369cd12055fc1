/** Rows of several paths in the order of their numbers: whatever is late or lost, on real sockets. */
import fc from 'fast-check'
import { Arbiter, type ArbiterGap, Feed, type InOrderOptions, json, Loop } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { startWsServer, type WsServer } from '../peers/ws-server.ts'
import { until } from './waiting.ts'

const { symbol, int64 } = json
const decode = json({ symbol: symbol('/s'), id: int64('/n') }, { name: 'trades', sequence: { contiguous: 'id' } })
const message = (n: number, s = 'A'): string => JSON.stringify({ s, n })

async function start(inOrder: boolean | InOrderOptions, options: object = {}) {
  const loop = new Loop({ mode: 'park' })
  const arbiter = new Arbiter({ decode, paths: 2, loop, inOrder, ...options })
  const told: string[] = []
  const rows: number[] = []
  const gaps: ArbiterGap[] = []
  arbiter.on('rows', (batch) => {
    for (const { id } of batch) {
      rows.push(Number(id))
      told.push(`${id}`)
    }
  })
  arbiter.on('gap', (gap) => {
    gaps.push(gap)
    told.push(`${gap.from}-${gap.to}`)
  })
  const servers: WsServer[] = []
  const feeds: Feed<typeof decode>[] = []
  for (let path = 0; path < 2; path++) {
    const server = await startWsServer()
    servers.push(server)
    feeds.push(new Feed({ url: server.url, decode, arbiter, path }))
  }
  await Promise.all(feeds.map((feed) => feed.open()))
  return {
    arbiter,
    servers: servers as [WsServer, WsServer],
    feeds,
    told,
    rows,
    gaps,
    async [Symbol.asyncDispose]() {
      await Promise.all(feeds.map((feed) => feed.close()))
      await arbiter.close()
      await loop.close()
      await Promise.all(servers.map((server) => server.close()))
    },
  }
}

describe('in order', () => {
  it.each(['block', 'dropOldest'] as const)(
    'holds back what is ahead, and tells what never comes (%s)',
    async (overflow) => {
      await using rig = await start({ windowMs: 200 }, { overflow })
      const { arbiter, servers, told, feeds } = rig
      servers[0].broadcast(message(1), message(2), message(5), message(4))
      await until(() => arbiter.stats().held === 2 && told.length === 2, 'two are ahead')
      servers[1].broadcast(message(1), message(3))
      await until(() => told.length === 5, 'the other path brings what is missing')
      expect(told).toEqual(['1', '2', '3', '4', '5'])
      servers[0].broadcast(message(8), message(9))
      await until(() => told.length === 8, 'what is missing is told')
      expect(told.slice(5)).toEqual(['6-7', '8', '9'])
      servers[1].broadcast(message(6), message(7), message(8), message(10))
      await until(() => told.length === 9, 'and comes no more')
      expect(told[8]).toBe('10')
      const { held, passed, copies, gaps, missing } = arbiter.stats()
      expect({ held, passed, copies, gaps, missing }).toEqual({ held: 0, passed: 8, copies: 4, gaps: 1, missing: 2 })
      expect(feeds.map((feed) => feed.stats().rows)).toEqual([6, 2])
    },
  )

  it('the newest row of each key, where rows are conflated, never goes back', async () => {
    await using rig = await start({ windowMs: 60_000 }, { overflow: 'conflate' })
    const { arbiter, servers, rows } = rig
    servers[0].broadcast(message(1), message(4))
    await until(() => arbiter.stats().held === 1, 'one is ahead')
    servers[1].broadcast(message(3), message(2))
    await until(() => rows.at(-1) === 4, 'all have come')
    expect(rows).toEqual([...rows].sort((a, b) => a - b))
  })

  it.each(['block', 'dropOldest', 'conflate'] as const)(
    'what is held back when it is closed comes, behind the gaps before it (%s)',
    async (overflow) => {
      await using rig = await start({ windowMs: 60_000 }, { overflow })
      const { arbiter, feeds, servers, told, rows } = rig
      servers[0].broadcast(message(1), message(4), message(5), message(9), message(1, 'B'), message(3, 'B'))
      await until(() => arbiter.stats().held === 4 && rows.length >= 2, 'four are ahead')
      await Promise.all(feeds.map((feed) => feed.close()))
      const first = told.length
      await arbiter.close()
      const [gaps, rest] = [told.slice(first).filter((each) => each.includes('-')), told.slice(first)]
      expect(gaps).toEqual(['2-3', '6-8', '2-2'])
      // Of conflated rows the newest ones count.
      if (overflow === 'conflate') expect(rows.slice(2).sort()).toEqual([3, 9])
      else expect(rest).toEqual(['2-3', '4', '5', '6-8', '9', '2-2', '3'])
      const { held, openMissing, missing } = arbiter.stats()
      expect({ held, openMissing, missing }).toEqual({ held: 0, openMissing: 0, missing: 6 })
    },
  )

  it('is closed also where nobody reads by himself, nothing has come, or the loop ends', async () => {
    const server = await startWsServer()
    const loop = new Loop({ mode: 'inline' })
    const arbiter = new Arbiter({ decode, loop, wake: 'poll', inOrder: { windowMs: 60_000 } })
    const told: string[] = []
    arbiter.on('rows', (batch) => {
      for (const { id } of batch) told.push(`${id}`)
    })
    arbiter.on('gap', ({ from, to }) => told.push(`${from}-${to}`))
    const feed = new Feed({ url: server.url, decode, arbiter, loop, wake: 'poll' })
    await feed.open()
    server.broadcast(message(1), message(3))
    await until(() => {
      feed.poll()
      return arbiter.stats().held === 1
    }, 'one is ahead')
    await feed.close()
    await Promise.all([arbiter.close(), arbiter.close()])
    expect(told).toEqual(['1', '2-2', '3'])
    await new Arbiter({ decode, loop, inOrder: true }).close()
    const [one, other] = [new Loop({ mode: 'park' }), new Loop({ mode: 'park' })]
    for (const each of [one, other]) {
      const held = new Arbiter({ decode, loop: each, inOrder: true })
      const source = new Feed({ url: server.url, decode, arbiter: held, loop: each })
      await source.open()
      if (each === one) await each.close()
      else {
        const closed = Promise.all([source.close(), held.close()])
        await each.close()
        await closed
      }
    }
    await loop.close()
    await server.close()
  })

  it('no more wait than are allowed', async () => {
    await using rig = await start({ windowMs: 60_000, rows: 2 })
    const { servers, told } = rig
    servers[0].broadcast(message(1), message(3), message(5), message(7))
    await until(() => told.length === 3, 'the third is too many')
    expect(told).toEqual(['1', '2-2', '3'])
    for (const [inOrder, fault] of [
      [{ windowMs: 0 }, /windowMs/],
      [{ rows: 513 }, /rows/],
      [{ bytes: 1 }, /bytes/],
    ] as const) {
      expect(() => new Arbiter({ decode, inOrder })).toThrow(fault)
    }
  })

  it('loses nothing and stays in order when JavaScript is slow', { timeout: 30_000 }, async () => {
    await using rig = await start({ windowMs: 60_000, rows: 32_768 }, { queue: { bytes: 65_536 }, window: 65_536 })
    const { servers, rows, told } = rig
    const count = 30_000
    // What precedes the first that comes, over whichever path, is not waited for.
    servers[0].broadcast(message(0))
    await until(() => rows.length === 1, 'the first is there')
    let due = 0
    rig.arbiter.on('rows', () => {
      if (rows.length < due) return
      due = rows.length + 200
      const end = performance.now() + 2
      while (performance.now() < end);
    })
    for (let n = 1; n <= count; n += 10) {
      // Each path has its own order of ten, and only together they have all.
      const ten = Array.from({ length: 10 }, (_, i) => n + i)
      servers[0].broadcast(...ten.filter((each) => each % 3 !== 0).map((each) => message(each)))
      servers[1].broadcast(
        ...ten
          .reverse()
          .filter((each) => each % 2 === 1 || each % 3 === 0)
          .map((each) => message(each)),
      )
    }
    await until(() => rows.at(-1) === count, 'all have come', 25_000)
    expect(told.length).toBe(count + 1)
    expect(rows).toEqual(Array.from({ length: count + 1 }, (_, i) => i))
  })

  it('for any delays and losses: strictly increasing; what came within the window once, the rest is told', {
    timeout: 120_000,
  }, async () => {
    const windowMs = 400
    // Of each number on each path: how late, or never; `late` is far beyond the window.
    const fate = fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 80 }) },
      { weight: 2, arbitrary: fc.constant('lost' as const) },
      { weight: 1, arbitrary: fc.constant('late' as const) },
    )
    const plan = fc.array(fc.tuple(fate, fate), { minLength: 5, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(plan, async (fates) => {
        await using rig = await start({ windowMs })
        const { servers, rows, gaps, told } = rig
        servers[0].broadcast(message(0))
        await until(() => rows.length === 1, 'the first is there')
        const sent: Promise<void>[] = []
        for (const [i, both] of fates.entries()) {
          for (const [path, each] of both.entries()) {
            if (each === 'lost') continue
            const ms = each === 'late' ? windowMs * 3 : each
            sent.push(
              new Promise((resolve) => {
                setTimeout(() => {
                  servers[path as 0 | 1].broadcast(message(i + 1))
                  resolve()
                }, ms)
              }),
            )
          }
        }
        await Promise.all(sent)
        const end = fates.length + 1
        servers[0].broadcast(message(end))
        await until(() => rows.at(-1) === end, 'the end has come')
        const isTimely = (i: number): boolean => fates[i]?.some((each) => typeof each === 'number') === true
        // Something timely behind it ends the wait for what is late; with nothing behind it, late is in time.
        const lastTimely = fates.findLastIndex((_, i) => isTimely(i))
        const isKnown = (i: number): boolean => {
          if (isTimely(i)) return true
          return i > lastTimely && fates[i]?.includes('late') === true
        }
        expect(rows).toEqual([...new Set(rows)].sort((a, b) => a - b))
        expect(rows).toEqual([0, ...[...fates.keys()].flatMap((i) => (isKnown(i) ? [i + 1] : [])), end])
        const missing = gaps.flatMap(({ from, to }) =>
          Array.from({ length: Number(to - from) + 1 }, (_, k) => Number(from) + k),
        )
        expect(missing).toEqual([...fates.keys()].flatMap((i) => (isKnown(i) ? [] : [i + 1])))
        // A gap stands between its neighbours.
        let next = 0
        for (const each of told) {
          const [from = 0, to = from] = each.split('-').map(Number)
          expect(from).toBe(next)
          next = to + 1
        }
      }),
      { numRuns: 15 },
    )
  })
})
