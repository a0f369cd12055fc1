import { existsSync, readFileSync } from 'node:fs'
import { type ClassReport, compileSink, startSink } from './hub/sink.ts'
import { type Server, startServer } from './hub/start-server.ts'
import type { ServerReport, ServerTask } from './hub/task.ts'
import { type Bench, type BenchContext, median } from './report.ts'

const serverCpu = 0
const sinkCpu = 1
const cpus = 'server with all its threads on CPU 0, all subscribers on CPU 1'

/** A hub calls a subscriber slow that has more than this waiting, in the kernel and behind it. */
const pendingBytes = 1024 * 1024

interface Way {
  readonly name: string
  readonly task: ServerTask
}

const ways: readonly Way[] = [
  { name: 'ours', task: { side: 'ours', pendingBytes, slow: 'skip' } },
  { name: 'ws', task: { side: 'ws', mode: 'cork', pendingBytes, slow: 'keep' } },
  { name: 'ws-skip', task: { side: 'ws', mode: 'cork', pendingBytes, slow: 'skip' } },
]

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const sockstat = '/proc/net/sockstat'

/** Bytes that the kernel holds for all TCP sockets of the machine, where it tells. */
function kernelBytes(): number {
  if (!existsSync(sockstat)) return Number.NaN
  const pages = /^TCP:.* mem (\d+)/m.exec(readFileSync(sockstat, 'utf8'))?.[1]
  return Number(pages ?? Number.NaN) * 4096
}

interface Load {
  readonly readers: number
  readonly stallers: number
  /** Messages per second, and how many at a time. */
  readonly rate: number
  readonly batch: number
  /** SO_RCVBUF of each subscriber; default: the system's tuning. */
  readonly receiveBuffer?: number
}

interface Outcome {
  /** Latency of the readers, nanoseconds: while everybody reads, and while some do not. */
  readonly p99Before: number
  readonly p99During: number
  readonly p50Before: number
  readonly p50During: number
  readonly rssGrowth: number
  readonly kernelGrowth: number
  /** Messages that the stallers got, in the end, of those published meanwhile; and what the server says it left out. */
  readonly counters: Readonly<Record<string, number>>
}

function mustBeWhole(name: string, readers: ClassReport | undefined): ClassReport {
  if (
    readers === undefined ||
    readers.open < readers.connections ||
    readers.lost + readers.backward + readers.corrupt > 0
  ) {
    throw new Error(`${name}: somebody who reads was not served: ${JSON.stringify(readers)}`)
  }
  return readers
}

async function run(context: BenchContext, way: Way, load: Load, warmUpMs: number, spanMs: number): Promise<Outcome> {
  await using server: Server = await startServer(way.task, serverCpu)
  await using sink = await startSink(
    {
      port: server.port,
      path: '/?topics=ticks',
      classes: [
        { name: 'readers', connections: load.readers },
        { name: 'stallers', connections: load.stallers },
      ],
      ...(load.receiveBuffer === undefined ? {} : { receiveBuffer: load.receiveBuffer }),
      cpu: sinkCpu,
    },
    context.log,
  )
  const look = async (): Promise<[ClassReport, ServerReport]> => {
    const readers = mustBeWhole(
      way.name,
      (await sink.report()).classes.find((each) => each.name === 'readers'),
    )
    return [readers, await server.ask({ do: 'report' })]
  }
  await server.ask({ do: 'rate', rate: load.rate, batch: load.batch })
  await wait(warmUpMs)
  await look()
  await wait(spanMs)
  const [before, serverBefore] = await look()
  const kernelBefore = kernelBytes()
  await sink.stall('stallers')
  await wait(warmUpMs)
  const [settled] = await look()
  await wait(spanMs)
  const [during, serverDuring] = await look()
  if (settled.messages === during.messages) throw new Error(`${way.name}: nobody got anything`)
  const outcome = {
    p99Before: before.latency.p99,
    p99During: during.latency.p99,
    p50Before: before.latency.p50,
    p50During: during.latency.p50,
    rssGrowth: serverDuring.rssBytes - serverBefore.rssBytes,
    kernelGrowth: kernelBytes() - kernelBefore,
    counters: serverDuring.counters,
  }
  context.log(
    `${way.name}, ${load.readers} readers, ${load.stallers} stallers, ${load.rate} messages/s: ${describe(outcome)}`,
  )
  return outcome
}

function describe(outcome: Outcome): string {
  const ms = (ns: number): string => (ns / 1e6).toFixed(2)
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(1)
  return `p50 ${ms(outcome.p50Before)} → ${ms(outcome.p50During)} ms, p99 ${ms(outcome.p99Before)} → ${ms(outcome.p99During)} ms, memory +${mb(outcome.rssGrowth)} MB, the kernel's +${mb(outcome.kernelGrowth)} MB, ${JSON.stringify(outcome.counters)}`
}

/**
 * Some subscribers stop reading and stay: what do the others notice, and what does it cost? First 1,000 of which 50 stop, at a
 * rate that leaves every server time; then 100 of which 50 stop, at a rate that fills the kernel's buffers within a second.
 */
const bench: Bench = async (context) => {
  compileSink(context.log)
  const many: Load = { readers: 950, stallers: 50, rate: 500, batch: 10 }
  const flood: Load = { readers: 50, stallers: 50, rate: 20_000, batch: 200, receiveBuffer: 256 * 1024 }
  const rounds = context.quick ? 1 : 5
  const [warmUpMs, spanMs] = context.quick ? [1000, 2000] : [4000, 8000]
  const floodMs = context.quick ? 2500 : 6000
  const latency = new Map<string, Outcome[]>(ways.map((way) => [way.name, []]))
  const memory = new Map<string, Outcome[]>(ways.map((way) => [way.name, []]))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < ways.length; turn++) {
      const way = ways[(turn + round) % ways.length]
      if (way === undefined) continue
      latency.get(way.name)?.push(await run(context, way, many, warmUpMs, spanMs))
      memory.get(way.name)?.push(await run(context, way, flood, 500, floodMs))
    }
  }

  const emit = (
    metric: string,
    unit: string,
    outcomes: Map<string, Outcome[]>,
    of: (outcome: Outcome) => number,
    note: string,
    resolution?: number,
  ): void => {
    const value = (name: string): number => median((outcomes.get(name) ?? []).map(of))
    const peers = Object.fromEntries(ways.slice(1).map(({ name }) => [name, value(name)]))
    context.emit(
      { metric, unit, ours: value('ours'), peers, ...(resolution ? { resolution } : {}), runs: rounds, cpus, note },
      'less',
    )
  }
  const first = `950 read, 50 have stopped; ${many.rate} messages/s, ${many.batch} at a time; ws sends framed messages corked, ws-skip leaves out who has more than ${pendingBytes / 1024} KiB buffered`
  emit('p99-factor', 'with / without', latency, (o) => o.p99During / o.p99Before, first)
  emit('p99-with-stalled', 'ns', latency, (o) => o.p99During, first)
  emit('p99-without', 'ns', latency, (o) => o.p99Before, first)
  const second = `50 read, 50 have stopped; ${flood.rate} messages/s for ${(500 + floodMs) / 1000} s, ${flood.batch} at a time; ours is bounded by ${pendingBytes / 1024} KiB for each and the ring`
  emit('memory-growth', 'bytes', memory, (o) => Math.max(0, o.rssGrowth), second, 4096)
  emit('kernel-memory-growth', 'bytes', memory, (o) => Math.max(0, o.kernelGrowth), second, 4096)
}

export default bench
