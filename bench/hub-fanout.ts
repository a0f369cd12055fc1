import { messageBytes } from './hub/message.ts'
import { type ClassReport, compileSink, type Sink, type SinkReport, startSink } from './hub/sink.ts'
import { type Server, startServer, unavailable } from './hub/start-server.ts'
import type { Command, ServerReport, ServerTask } from './hub/task.ts'
import { type Bench, type BenchContext, median } from './report.ts'

const serverCpu = 0
const sinkCpu = 1
const cpus = 'server with all its threads on CPU 0, all subscribers on CPU 1'

/** Bytes that may wait for a subscriber before publishing at full speed pauses. */
const pendingBytes = 128 * 1024
const steadyRate = 100

interface Way {
  readonly name: string
  readonly task: ServerTask
  /** Messages per turn of the publisher's loop at full load: what was best for it. */
  readonly batch: number
  /** Left out of quick runs: what nobody asked for, but somebody may wonder about. */
  readonly isExtra?: boolean
}

const ways: readonly Way[] = [
  { name: 'ours', task: { side: 'ours', pendingBytes, slow: 'keep' }, batch: 64 },
  { name: 'ws', task: { side: 'ws', mode: 'frame', pendingBytes, slow: 'keep' }, batch: 1 },
  { name: 'uws', task: { side: 'uws', mode: 'publish', pendingBytes, slow: 'keep' }, batch: 32 },
  { name: 'ws-cork', task: { side: 'ws', mode: 'cork', pendingBytes, slow: 'keep' }, batch: 32, isExtra: true },
  { name: 'ws-join', task: { side: 'ws', mode: 'join', pendingBytes, slow: 'keep' }, batch: 104, isExtra: true },
  { name: 'uws-cork', task: { side: 'uws', mode: 'cork', pendingBytes, slow: 'keep' }, batch: 104, isExtra: true },
]

/** What a server did in a span of time, by both ends' accounts. */
interface Span {
  readonly deliveries: number
  /** Per second. */
  readonly rate: number
  /** Of the server's process, nanoseconds per delivery. */
  readonly cpu: number
  /** Share of its CPU that each end used. */
  readonly serverLoad: number
  readonly sinkLoad: number
  /** Messages that a subscriber got with one read. */
  readonly perRead: number
  /** Publish → received, nanoseconds. */
  readonly p50: number
  readonly p99: number
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Everything arrived, once and in order. */
function mustBeWhole(name: string, report: SinkReport): ClassReport {
  const [all] = report.classes
  if (all === undefined) throw new Error(`${name}: no report`)
  const { open, connections, lost, backward, corrupt, other, closed } = all
  if (open < connections || lost + backward + corrupt > 0) {
    throw new Error(
      `${name}: ${open} of ${connections} open (${JSON.stringify(closed)}), ${lost} lost, ${backward} twice, ${corrupt} corrupt, ${other} others`,
    )
  }
  return all
}

async function measure(name: string, server: Server, sink: Sink, ms: number): Promise<Span> {
  const ask = async (): Promise<[ServerReport, SinkReport]> => [await server.ask({ do: 'report' }), await sink.report()]
  const [server0, sink0] = await ask()
  await wait(ms)
  const [server1, sink1] = await ask()
  const before = mustBeWhole(name, sink0)
  const after = mustBeWhole(name, sink1)
  if (after.corrupt > 0 || after.checked === 0) throw new Error(`${name}: no checksum was looked at`)
  const deliveries = after.messages - before.messages
  const wall = sink1.atNs - sink0.atNs
  const cpuNs = server1.cpuNs - server0.cpuNs
  return {
    deliveries,
    rate: (deliveries / wall) * 1e9,
    cpu: cpuNs / deliveries,
    serverLoad: cpuNs / (server1.atNs - server0.atNs),
    sinkLoad: (sink1.cpuNs - sink0.cpuNs) / wall,
    perRead: deliveries / Math.max(1, after.reads - before.reads),
    p50: after.latency.p50,
    p99: after.latency.p99,
  }
}

const drainMs = 20_000

/** Publishing pauses until all has arrived: what is queued from full load would pass for latency at the steady rate. */
async function drain(name: string, server: Server, sink: Sink): Promise<void> {
  const { published, subscribers } = await server.ask({ do: 'pause' })
  const end = performance.now() + drainMs
  for (;;) {
    const { messages } = mustBeWhole(name, await sink.report())
    if (messages >= published * subscribers) return
    if (performance.now() > end) {
      throw new Error(`${name}: ${messages} of ${published * subscribers} messages arrived within ${drainMs / 1000} s`)
    }
    await wait(50)
  }
}

interface Plan {
  readonly connections: number
  readonly warmUpMs: number
  readonly measureMs: number
  /** Then at the steady rate; 0: not at all. */
  readonly steadyMs: number
}

interface Outcome {
  readonly full: Span
  readonly steady: Span | null
}

async function run(context: BenchContext, way: Way, plan: Plan): Promise<Outcome> {
  await using server = await startServer(way.task, serverCpu)
  // Everything is recorded at the steady rate, a sixteenth at full load: numbers go on from one to the other.
  const options = {
    port: server.port,
    path: '/?topics=ticks',
    classes: [{ name: 'all', connections: plan.connections }],
  }
  await using sink = await startSink({ ...options, sample: plan.steadyMs > 0 ? 4 : 16, cpu: sinkCpu }, context.log)
  const command = async (what: Command, settleMs: number): Promise<void> => {
    await server.ask(what)
    await wait(settleMs)
  }
  await command({ do: 'full', batch: way.batch }, plan.warmUpMs)
  const full = await measure(way.name, server, sink, plan.measureMs)
  context.log(`${way.name}, ${plan.connections} subscribers, full load: ${describe(full)}`)
  if (plan.steadyMs === 0) return { full, steady: null }

  await drain(way.name, server, sink)
  await command({ do: 'rate', rate: steadyRate, batch: 1 }, 500)
  const steady = await measure(way.name, server, sink, plan.steadyMs)
  context.log(`${way.name}, ${plan.connections} subscribers, ${steadyRate} messages/s: ${describe(steady)}`)
  return { full, steady }
}

function describe(span: Span): string {
  const ms = (ns: number): string => (ns / 1e6).toFixed(2)
  return `${(span.rate / 1e6).toFixed(3)} M deliveries/s, ${span.cpu.toFixed(0)} ns of CPU each, ${span.perRead.toFixed(1)} per read, p50 ${ms(span.p50)} p99 ${ms(span.p99)} ms, server ${(span.serverLoad * 100).toFixed(0)} %, sink ${(span.sinkLoad * 100).toFixed(0)} %`
}

async function rounds(
  context: BenchContext,
  chosen: readonly Way[],
  count: number,
  plan: Plan,
): Promise<Map<string, Outcome[]>> {
  const outcomes = new Map<string, Outcome[]>(chosen.map((way) => [way.name, []]))
  for (let round = 0; round < count; round++) {
    // Nobody always goes first.
    for (let turn = 0; turn < chosen.length; turn++) {
      const way = chosen[(turn + round) % chosen.length]
      if (way) outcomes.get(way.name)?.push(await run(context, way, plan))
    }
  }
  return outcomes
}

/**
 * One publisher, 1,000 and 10,000 WebSocket subscribers in another process: at full load, where the subscribers set the pace and nothing
 * is lost, and at a low fixed rate.
 */
const bench: Bench = async (context) => {
  compileSink(context.log)
  const chosen = ways.filter((way) => {
    const why = unavailable(way.task)
    if (why !== null) context.log(`${way.name} is left out: ${why}`)
    return why === null && !(context.quick && way.isExtra)
  })
  const count = context.quick ? 2 : 5
  const plan = context.quick
    ? { connections: 1000, warmUpMs: 600, measureMs: 1200, steadyMs: 2000 }
    : { connections: 1000, warmUpMs: 1500, measureMs: 3000, steadyMs: 5000 }
  report(context, await rounds(context, chosen, count, plan), count, '')
  if (context.quick) return
  const many = { connections: 10_000, warmUpMs: 2000, measureMs: 4000, steadyMs: 0 }
  report(context, await rounds(context, chosen, 3, many), 3, '-10k')
}

function report(context: BenchContext, outcomes: Map<string, Outcome[]>, runs: number, suffix: string): void {
  const value = (name: string, of: (outcome: Outcome) => number): number => median((outcomes.get(name) ?? []).map(of))
  const peers = [...outcomes.keys()].filter((name) => name !== 'ours')
  const emit = (
    metric: string,
    unit: string,
    better: 'more' | 'less',
    of: (outcome: Outcome) => number,
    note: string,
  ): void =>
    context.emit(
      {
        metric: metric + suffix,
        unit,
        ours: value('ours', of),
        peers: Object.fromEntries(peers.map((name) => [name, value(name, of)])),
        runs,
        cpus,
        note,
      },
      better,
    )
  const spans = (of: (outcome: Outcome) => number): string =>
    [...outcomes.keys()].map((name) => `${name} ${(value(name, of) / 1e6).toFixed(1)}`).join(', ')
  const atFull = `${messageBytes}-byte messages, at most ${pendingBytes / 1024} KiB waiting per subscriber, nothing lost; latency there p50 ms: ${spans((o) => o.full.p50)}; p99 ms: ${spans((o) => o.full.p99)}`
  emit('deliveries', 'deliveries/s', 'more', (o) => o.full.rate, atFull)
  emit('cpu-per-delivery', 'ns', 'less', (o) => o.full.cpu, 'server process, full load')
  if (suffix !== '') return
  const atRate = `${steadyRate} messages/s to 1,000 subscribers, one at a time`
  const steady =
    (of: (span: Span) => number) =>
    (outcome: Outcome): number =>
      outcome.steady === null ? Number.NaN : of(outcome.steady)
  emit(
    'cpu-per-delivery-steady',
    'ns',
    'less',
    steady((span) => span.cpu),
    atRate,
  )
  emit(
    'latency-p50',
    'ns',
    'less',
    steady((span) => span.p50),
    atRate,
  )
  emit(
    'latency-p99',
    'ns',
    'less',
    steady((span) => span.p99),
    atRate,
  )
}

export default bench
