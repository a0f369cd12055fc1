import { existsSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { bytes, Loop, Quote, WireFeed, type WireFeedOptions, wire } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { WireType } from '../peers/wire-frames.ts'
import { asked, type HubClient, Sender, say, startWireHub, type WireHub } from '../peers/wire-hub.ts'
import type { WireWorkerPlan, WireWorkerReport } from './programs/worker-wire-feed.ts'
import { rejection, until, within } from './waiting.ts'
import { counted, noted } from './wire-notes.ts'

const modes = ['park', 'inline', 'spin', 'backoff'] as const
const symbols = ['AAA', 'BBB', 'CCC', 'DDD']

/** Keeps the JS thread busy. */
function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** Frames once made are sent again and again: quotes 1…`count` of four symbols in turn, bids being their numbers. */
function poured(count: number): { readonly sender: Sender; readonly bytes: Buffer } {
  const sender = new Sender(...symbols)
  const frames = counted(1, count).map((n) => {
    const message = Quote.message({ symbol: symbols[n % 4] as string, bid: n, ask: n + 1, bidSize: 1, askSize: 1 })
    return sender.message(message, { source: 1, sequence: n })
  })
  return { sender, bytes: Buffer.concat(frames) }
}

const total = 30_000
const stream = poured(total)

/** Everybody gets the stream, as fast as it is read. */
function startStream(): Promise<WireHub> {
  return startWireHub(async (client) => {
    await client.greet({ sender: stream.sender })
    for (let at = 0; at < stream.bytes.length; at += 65_536) await client.write(stream.bytes.subarray(at, at + 65_536))
    await client.gone
  })
}

const decode = wire.rows([
  Quote.select({
    symbol: 'symbol',
    bid: 'bid',
    exact: wire.decimal('bid'),
    n: wire.int64('sequence', { as: 'number' }),
  }),
])

function streamFeed(url: string, options: Partial<Omit<WireFeedOptions<typeof decode>, 'url' | 'decode'>>) {
  return new WireFeed({ url, topics: ['t'], decode, ...options })
}

describe.each(modes)('overflow of a wire feed on a loop that is %s', (mode) => {
  it('block: nothing is lost, whatever the reader does', async () => {
    await using hub = await startStream()
    await using loop = new Loop({ mode, ring: 256 * 1024 })
    await using feed = streamFeed(hub.url, { overflow: 'block', loop })
    let next = 1
    let batches = 0
    feed.on('rows', (rows) => {
      for (const row of rows) {
        if (row.n !== next || row.bid !== next) throw new Error(`quote ${row.n} instead of ${next}`)
        next++
      }
      if (++batches % 20 === 0) block(2)
    })
    await feed.open()
    await until(() => next === total + 1, 'everything has come')
    expect(feed.stats()).toMatchObject({
      messages: total,
      rows: total,
      dropped: 0,
      conflated: 0,
      gaps: 0,
      malformed: 0,
    })
  })

  it('conflate: the newest of every key, nothing twice, exact counts', async () => {
    await using hub = await startStream()
    await using feed = streamFeed(hub.url, { overflow: 'conflate', loop: mode })
    const newest = new Map<string, number>()
    let seen = 0
    feed.on('rows', (rows) => {
      for (const row of rows) {
        if (row.n <= (newest.get(row.symbol) ?? 0)) throw new Error(`quote ${row.n} of ${row.symbol} is older`)
        if (row.symbol !== symbols[row.n % 4] || row.exact.toString() !== String(row.n)) throw new Error('another row')
        newest.set(row.symbol, row.n)
        seen++
      }
      block(5)
    })
    await feed.open()
    await until(() => Math.min(newest.size === 4 ? 1 : 0, ...newest.values()) > 0, 'four symbols have come')
    const last = counted(total - 3, total)
    await until(() => last.every((n) => [...newest.values()].includes(n)), 'the newest of each has come')
    const counters = feed.stats()
    expect(counters).toMatchObject({ rows: total, gaps: 0 })
    expect(seen + counters.conflated).toBe(total)
    expect(counters.conflated).toBeGreaterThan(0)
  })

  it('dropOldest: order kept, every loss reported where it happened', async () => {
    await using hub = await startStream()
    await using loop = new Loop({ mode })
    await using feed = streamFeed(hub.url, {
      overflow: 'dropOldest',
      queue: { bytes: 64 * 1024, pendingBytes: 64 * 1024 },
      loop,
    })
    let next = 1
    let lost = 0
    let seen = 0
    feed.on('gap', (gap) => {
      expect(gap).toMatchObject({ topic: null, cause: 'overflow', fate: 'lost' })
      lost += gap.lost
      next += gap.lost
    })
    feed.on('rows', (rows) => {
      for (const row of rows) {
        if (row.n !== next) throw new Error(`quote ${row.n} instead of ${next}`)
        next++
        seen++
      }
      block(10)
    })
    await feed.open()
    await until(() => next === total + 1, 'everything was accounted for')
    expect(seen + lost).toBe(total)
    expect(feed.stats()).toMatchObject({ dropped: lost, gaps: 0, missing: 0 })
    if (mode !== 'inline') expect(lost).toBeGreaterThan(0)
  })
})

describe('a wire feed and its user', () => {
  it('is iterated, in batches of rows or frame by frame', async () => {
    await using hub = await startStream()
    await using feed = streamFeed(hub.url, { queue: { bytes: 64 * 1024 } })
    await feed.open()
    let next = 1
    for await (const rows of feed) {
      expect(rows.shape).toBe('quote')
      for (const row of rows) if (row.n !== next++) throw new Error(`quote ${row.n} instead of ${next - 1}`)
      if (next % 7 === 0) await sleep(1)
      if (next > total) break
    }
    expect(next).toBe(total + 1)

    await using frames = new WireFeed({ url: hub.url, topics: ['t'], decode: bytes() })
    await frames.open()
    let at = 0
    for await (const { data } of frames) {
      if (!stream.bytes.subarray(at, at + data.length).equals(data)) throw new Error(`another frame at ${at}`)
      at += data.length
      if (at === 64_000) break
    }
    expect(at).toBe(64_000)
  })

  it('says goodbye when it is closed, and ends the iteration', async () => {
    let bye: unknown
    await using hub = await startWireHub(async (client) => {
      await client.greet()
      bye = (await client.expect(WireType.bye)).fields.map(([tag, value]) => [tag, value.length])
      client.end()
    })
    const { feed, states } = noted(hub.url)
    await feed.open()
    const iteration = (async () => {
      for await (const _ of feed) throw new Error('there was nothing to come')
    })()
    const closed = new Promise((resolve) => feed.once('close', resolve))
    await within(Promise.all([feed.close(), feed.close(), iteration]), 'the end')
    expect(await closed).toBeNull()
    expect(bye).toEqual([[1, 2]])
    expect(states.at(-1)).toMatchObject({ to: 'disconnected', reason: 'ERR_CLOSED_BY_USER' })
    expect(hub.failures).toEqual([])
    // And may be opened again.
    await feed.open()
    await within(feed[Symbol.asyncDispose](), 'the end')
    expect(hub.accepted).toBe(2)
  })

  it('is closed in time, also by a hub that does not care', async () => {
    await using hub = await startWireHub(async (client) => {
      await client.greet()
      await client.gone
    })
    const { feed } = noted(hub.url, { timeouts: { close: 100 } })
    await feed.open()
    await within(feed.close(), 'the end', 5_000)
    await until(() => hub.sockets.size === 0, 'the connection is gone')
  })

  it.each(['at once', 'while it is open', 'while it connects'] as const)('is cut by its signal %s', async (when) => {
    await using hub = await startWireHub(async (client) => {
      if (when !== 'while it connects') await client.greet()
      await client.gone
    })
    const controller = new AbortController()
    if (when === 'at once') controller.abort(new Error('no more'))
    const { feed } = noted(hub.url, { signal: controller.signal })
    const ended = new Promise((resolve) => feed.once('close', resolve))
    const opening = feed.open()
    if (when === 'while it is open') await opening
    else opening.catch(() => {})
    if (when !== 'at once') {
      if (when === 'while it connects') await until(() => hub.accepted === 1, 'the hub was reached')
      controller.abort(new Error('no more'))
      expect(await within(ended, 'the end')).toMatchObject({ code: 'ERR_ABORTED', cause: { message: 'no more' } })
    }
    if (when !== 'while it is open') expect(await rejection(opening)).toMatchObject({ code: 'ERR_ABORTED' })
    expect(feed.state).toBe('disconnected')
    await until(() => hub.sockets.size === 0, 'the connection is gone')
  })

  it('leaves nothing behind when it comes and goes', async () => {
    const descriptors = (): number => readdirSync('/proc/self/fd').length
    const threads = (): number => readdirSync('/proc/self/task').length
    const isLinux = existsSync('/proc/self/fd')
    const sender = new Sender('AAA')
    const clients = new Set<HubClient>()
    await using hub = await startWireHub(async (client) => {
      clients.add(client)
      await client.greet({ sender })
      await client.write(sender.quotes(1, 50))
      await client.gone
      clients.delete(client)
    })
    const round = async (): Promise<void> => {
      const { feed, numbers } = noted(hub.url, { timeouts: { close: 20 } })
      await feed.open()
      await until(() => numbers.length > 0, 'quotes have come')
      await feed.close()
    }
    for (let i = 0; i < 5; i++) await round()
    const before = isLinux ? [descriptors(), threads()] : []
    for (let i = 0; i < 40; i++) await round()
    await until(() => clients.size === 0, 'every end was seen')
    if (isLinux) {
      await until(() => descriptors() <= (before[0] as number) + 3, 'the descriptors are closed')
      await until(() => threads() <= (before[1] as number) + 3, 'the threads are gone')
    }
  })
})

describe('a wire feed in a worker', () => {
  const program = new URL('./programs/worker-wire-feed.ts', import.meta.url)
  const start = (plan: WireWorkerPlan): Worker => new Worker(program, { workerData: plan, execArgv: [] })
  const report = (worker: Worker): Promise<WireWorkerReport> =>
    within(
      new Promise<WireWorkerReport>((resolve, reject) => {
        worker.once('message', resolve)
        worker.once('error', reject)
        worker.once('exit', (code) => reject(new Error(`the worker ended with ${code} and said nothing`)))
      }),
      'the report of the worker',
    )
  const exitOf = (worker: Worker): Promise<number> =>
    within(new Promise((resolve) => worker.once('exit', resolve)), 'the end of the worker')

  it.each([
    ['park', 'signal'],
    ['inline', 'spin'],
  ] as const)('loop %s, driven by %s, gets every row in order, and ends by itself', async (mode, drive) => {
    await using hub = await startStream()
    const worker = start({ url: hub.url, mode, drive, count: total })
    const exit = exitOf(worker)
    expect(await report(worker)).toEqual({ rows: total, first: 1, inOrder: true, gaps: 0, malformed: 0 })
    expect(await exit).toBe(0)
    await until(() => hub.sockets.size === 0, 'the hub has seen the end')
  })

  it('that is ended in the middle of a stream takes nothing along', async () => {
    await using hub = await startStream()
    for (const mode of ['park', 'inline'] as const) {
      const worker = start({ url: hub.url, mode, drive: 'endless', count: 500 })
      worker.on('error', () => {})
      const exit = exitOf(worker)
      await report(worker)
      await within(worker.terminate(), 'the worker to end')
      await exit
    }
    await until(() => hub.sockets.size === 0, 'the hub has seen every end')
    const notes = noted(hub.url)
    await using feed = notes.feed
    await feed.open()
    await until(() => notes.numbers.length === total, 'the main thread gets everything')
  })
})

describe('the conversation', () => {
  it('asks for what is subscribed to, with its name and filter, at once', async () => {
    let hello: readonly (readonly [number, string])[] = []
    const subscribes: unknown[] = []
    await using hub = await startWireHub(async (client) => {
      hello = (await client.expect(WireType.hello)).fields.map(
        ([tag, value]) => [tag, value.toString('latin1')] as const,
      )
      subscribes.push(asked(await client.expect(WireType.subscribe)))
      await client.write(say.welcome())
      await client.gone
    })
    const notes = noted(hub.url, {
      topics: ['t', 'u'],
      filter: { keys: ['AAA'] },
      snapshot: false,
      clientName: 'desk 7',
    })
    await using feed = notes.feed
    await feed.open()
    expect(hello).toEqual([
      [1, '\u0001\u0001'],
      [3, 'desk 7'],
    ])
    expect(subscribes).toMatchObject([{ topics: ['t', 'u'], keys: ['AAA'], options: 1 }])
  })
})
