import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { exponential, Feed, type FeedError, json, Loop, type LoopMode, type Malformed } from 'tickwire'
import { monoNs } from '../../examples/venue/clock.ts'
import { measureAllocations } from './allocations.ts'
import { Meter } from './meter.ts'
import { depthFields, listenToEach, shapes } from './shapes.ts'
import { Ages, type BlockedResult, blocker, type FinalState, Samples, Worker5Ms } from './strategies.ts'
import { Tally } from './tally.ts'
import type { Task } from './task.ts'

const ticker = json(
  {
    symbol: json.symbol('/s'),
    bid: json.number('/b'),
    bidSize: json.number('/B'),
    ask: json.number('/a'),
    askSize: json.number('/A'),
    id: json.int64('/u', { as: 'number' }),
  },
  { key: 'symbol' },
)

const stampedTicker = json(
  {
    symbol: json.symbol('/s'),
    bid: json.number('/b'),
    bidSize: json.number('/B'),
    ask: json.number('/a'),
    askSize: json.number('/A'),
    id: json.int64('/u', { as: 'number' }),
    stamp: json.int64('/T', { as: 'number' }),
  },
  { key: 'symbol' },
)

const depth = json(depthFields)

/** Everything but what to decode. */
function connection(task: Task) {
  const worker = task.mode === 'spinning-worker' || task.mode === 'spinning-worker-parked-loop'
  const mode: LoopMode =
    task.mode === 'spinning-worker'
      ? 'inline'
      : task.mode === 'spinning-worker-parked-loop'
        ? 'park'
        : ((task.mode as LoopMode) ?? 'park')
  const loop = new Loop({ mode, ...(task.loopCpu === undefined ? {} : { cpu: task.loopCpu }) })
  return {
    url: task.url,
    loop,
    wake: worker ? ('poll' as const) : ('signal' as const),
    overflow: task.overflow ?? ('block' as const),
    deflate: task.deflate ?? false,
    ...(task.ca === undefined ? {} : { tls: { ca: task.ca } }),
    reconnect: exponential({ storm: { floor: 0 } }),
    // Who counts microseconds has a strategy begin before the last of a burst is decoded.
    ...(task.kind === 'latency' ? { batch: { rows: 64 } } : {}),
  }
}

const refused = (event: Malformed): never => {
  throw new Error(`a message was refused: ${event.why}`)
}

const ended = (error: FeedError | null): never => {
  throw error ?? new Error('the feed has ended')
}

interface Drivable {
  open(): Promise<unknown>
  poll(): number
}

/** Reads the feed in a spinning thread until `done`. */
async function drive(feed: Drivable, task: Task, done: () => boolean): Promise<void> {
  await feed.open()
  if (!task.mode?.startsWith('spinning-worker')) return
  while (!done()) feed.poll()
}

function countAll(task: Task, tally: Tally): { feed: Drivable; loop: Loop } {
  const options = connection(task)
  switch (task.workload) {
    case 'ticker': {
      const feed = new Feed({ ...options, decode: ticker })
      feed.on('malformed', refused).on('close', ended)
      feed.on('rows', (rows) => {
        for (const t of rows) tally.ticker(t.symbol, t.bid, t.bidSize, t.ask, t.askSize, t.id)
      })
      return { feed, loop: options.loop }
    }
    case 'depth': {
      const feed = new Feed({ ...options, decode: depth })
      feed.on('malformed', refused).on('close', ended)
      feed.on('rows', (rows) => {
        for (const t of rows) tally.depth(t.symbol, t.firstId, t.lastId, t.bids, t.asks)
      })
      return { feed, loop: options.loop }
    }
    case 'shapes': {
      const feed = new Feed({ ...options, decode: shapes })
      feed.on('malformed', refused).on('close', ended)
      listenToEach(feed, tally)
      return { feed, loop: options.loop }
    }
  }
}

async function measure(task: Task, report: (result: unknown) => void): Promise<void> {
  const count = task.count ?? 0
  switch (task.kind) {
    case 'throughput': {
      const meter = new Meter(task.cycle, task.warmUpMs ?? 0, task.measureMs ?? 0, report)
      const { feed, loop } = countAll(task, meter.tally)
      meter.loopCpuNs = () => loop.cpuTimeNs()
      await feed.open()
      break
    }
    case 'alloc': {
      await countAll(task, new Tally(task.cycle, measureAllocations(task, report))).feed.open()
      break
    }
    case 'latency':
      await latency(task, count, report)
      break
    case 'freshness': {
      const strategy = new Worker5Ms(new Ages(count, 10, report))
      const feed = new Feed({ ...connection(task), decode: stampedTicker })
      feed.on('malformed', refused).on('close', ended)
      feed.on('rows', (rows) => {
        for (const t of rows) strategy.see(t.symbol, t.stamp)
      })
      await feed.open()
      break
    }
    case 'blocked':
      await blocked(task, report)
      break
    case 'reconnect': {
      const ages = new Ages(count, task.cycle, report)
      const feed = new Feed({ ...connection(task), decode: stampedTicker })
      let first = true
      feed.on('rows', (rows) => {
        for (const t of rows) {
          if (!first) ages.see(t.stamp)
          first = false
        }
      })
      await feed.open()
      break
    }
  }
}

async function latency(task: Task, count: number, report: (result: unknown) => void): Promise<void> {
  let done = false
  /** Native receive → strategy, and kernel → strategy, by the core's own stamps. */
  const native = new Samples(count, task.cycle)
  const kernel = new Samples(count, task.cycle)
  const ages = new Ages(count, task.cycle, (result) => {
    done = true
    report({ ...result, native: native.spread(), kernel: kernel.spread() })
  })
  const feed = new Feed({ ...connection(task), decode: stampedTicker })
  feed.on('malformed', refused).on('close', ended)
  feed.on('rows', (rows) => {
    for (const t of rows) {
      // Read once for all three, as often as on the other sides.
      const now = monoNs()
      native.add(now - t.rxTimeNs)
      kernel.add(now - t.kernelTimeNs)
      ages.see(t.stamp, now)
    }
  })
  await drive(feed, task, () => done)
}

async function blocked(task: Task, report: (result: BlockedResult) => void): Promise<void> {
  const state: FinalState = {}
  let reason = ''
  const feed = new Feed({ ...connection(task), decode: ticker })
  feed.on('rows', (rows) => {
    for (const t of rows) state[t.symbol] = { bid: t.bid, ask: t.ask, id: t.id }
  })
  feed.on('state', (change) => {
    if (change.to !== 'connected') reason = change.reason ?? ''
  })
  await feed.open()
  setTimeout(() => {
    reason = ''
    const before = process.memoryUsage.rss()
    Atomics.wait(blocker, 0, 0, task.measureMs)
    setTimeout(() => {
      const stats = feed.stats()
      const rssGrowth = process.memoryUsage.rss() - before
      report({
        connected: feed.state === 'connected' && stats.connects === 1,
        reason,
        state,
        rssGrowth,
        messages: stats.messages,
      })
    }, task.warmUpMs)
  }, 500)
}

/** Our own side; a spinning worker gets a thread of its own, as a user would give it. */
export async function run(task: Task, report: (result: unknown) => void): Promise<void> {
  if (task.mode?.startsWith('spinning-worker')) {
    const worker = new Worker(new URL(import.meta.url), { workerData: task })
    worker.on('message', report)
    worker.on('error', (error) => {
      throw error
    })
    return
  }
  await measure(task, report)
}

if (!isMainThread) await measure(workerData as Task, (result) => parentPort?.postMessage(result))
