import { startVenue, type Venue } from '../examples/venue/start.ts'
import { runSide } from './child.ts'
import { consumerCpu, sourceCpu } from './compare.ts'
import { type Bench, type BenchContext, type Figure, median } from './report.ts'
import type { Spread } from './sides/strategies.ts'
import type { OursMode, SideName, Task } from './sides/task.ts'

/** One way to be told of a message. */
interface Way {
  readonly name: string
  readonly side: SideName
  readonly mode?: OursMode
  /** CPU of the core's thread, where it must not share one: then JS shares the source's. */
  readonly loopCpu?: number
}

const ways: readonly Way[] = [
  { name: 'ws', side: 'ws' },
  { name: 'inline', side: 'ours', mode: 'inline' },
  { name: 'park', side: 'ours', mode: 'park' },
  { name: 'spin', side: 'ours', mode: 'spin', loopCpu: consumerCpu },
  { name: 'spinning-worker', side: 'ours', mode: 'spinning-worker' },
]

const cpus = 'source on CPU 0, spinning loop on CPU 1, everything else wherever the system puts it'
/** Messages at full speed before those that are measured, so that nobody is measured while his code is compiled. */
const lead = 200_000

interface Latency extends Spread {
  /** Native receive → strategy, and kernel → strategy, by the core's own stamps. */
  readonly native?: Spread
  readonly kernel?: Spread
}

interface Load {
  readonly name: 'steady' | 'burst'
  readonly query: string
  readonly messages: number
  readonly skip: number
  readonly quantiles: readonly (keyof Spread & `p${string}`)[]
}

/**
 * From the moment right before the sender's write, which on the loopback interface is also when the kernel receives, to the
 * strategy's callback.
 */
const bench: Bench = async (context) => {
  // Tails come from a few moments: several short rounds and their median tell more than one that is long.
  const rounds = context.quick ? 3 : 7
  const loads: readonly Load[] = [
    {
      name: 'steady',
      query: 'rate=1000',
      messages: context.quick ? 300 : 3000,
      skip: context.quick ? 100 : 500,
      quantiles: ['p50', 'p99'],
    },
    {
      name: 'burst',
      query: 'rate=100000&burst=1000',
      messages: context.quick ? 40_000 : 200_000,
      skip: context.quick ? 10_000 : 50_000,
      quantiles: ['p50', 'p99', 'p999'],
    },
  ]
  await using venue = await startVenue({ cpu: sourceCpu })
  for (const load of loads) await compare(context, venue, load, rounds)
  await freshness(context, venue, context.quick ? 40 : 400, context.quick ? 1 : 3)
}

async function compare(context: BenchContext, venue: Venue, load: Load, rounds: number): Promise<void> {
  const results = new Map<string, Latency[]>(ways.map((way) => [way.name, []]))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < ways.length; turn++) {
      const way = ways[(turn + round) % ways.length]
      if (way === undefined) continue
      const result = await runSide<Latency>(
        task(
          'latency',
          way,
          `${venue.url}/replay?workload=ticker&stamped&messages=1e9&lead=${lead}&${load.query}`,
          lead + load.skip,
          load.messages,
        ),
      )
      results.get(way.name)?.push(result)
      context.log(`${load.name} ${way.name}: ${describe(result)}`)
    }
  }

  const value = (name: string, of: (latency: Latency) => number | undefined): number =>
    median((results.get(name) ?? []).map((latency) => of(latency) ?? Number.NaN))
  for (const quantile of load.quantiles) {
    for (const way of ways) {
      if (way.side !== 'ours') continue
      const figure: Figure = {
        metric: `${load.name}-${quantile === 'p999' ? 'p99.9' : quantile}`,
        mode: way.name,
        unit: 'ns',
        ours: value(way.name, (latency) => latency[quantile]),
        peers: { ws: value('ws', (latency) => latency[quantile]) },
        also: {
          'native-receive-to-js': value(way.name, (latency) => latency.native?.[quantile]),
          'kernel-to-js': value(way.name, (latency) => latency.kernel?.[quantile]),
        },
        runs: rounds,
        cpus,
      }
      context.emit(figure, 'less')
    }
  }
}

/** How old is the newest value that a strategy sees after it has worked for 5 ms? 20,000 messages per second. */
async function freshness(context: BenchContext, venue: Venue, count: number, rounds: number): Promise<void> {
  const url = `${venue.url}/replay?workload=ticker&stamped&messages=1e9&rate=20000&burst=10`
  const results = new Map<string, Spread[]>(ways.map((way) => [way.name, []]))
  const compared = ways.filter((way) => way.name === 'ws' || way.name === 'park')
  for (let round = 0; round < rounds; round++) {
    for (const way of compared) {
      const result = await runSide<Spread>({ ...task('freshness', way, url, 10, count), overflow: 'conflate' })
      results.get(way.name)?.push(result)
      context.log(`age after 5 ms of work ${way.name}: ${describe(result)}`)
    }
  }
  for (const quantile of ['p50', 'p99'] as const) {
    const value = (name: string): number => median((results.get(name) ?? []).map((spread) => spread[quantile]))
    context.emit(
      {
        metric: `conflate-age-${quantile}`,
        unit: 'ns',
        ours: value('park'),
        peers: { ws: value('ws') },
        runs: rounds,
        cpus,
      },
      'less',
    )
  }
}

function task(kind: Task['kind'], way: Way, url: string, skip: number, count: number): Task {
  return {
    kind,
    side: way.side,
    ...(way.mode ? { mode: way.mode } : {}),
    ...(way.loopCpu === undefined ? {} : { loopCpu: way.loopCpu }),
    url,
    workload: 'ticker',
    cycle: skip,
    count,
  }
}

function describe(latency: Latency): string {
  const us = (ns: number): string => (ns / 1000).toFixed(1)
  const native = latency.native ? `, native receive to JS ${us(latency.native.p50)} / ${us(latency.native.p99)}` : ''
  return `p50 ${us(latency.p50)} p99 ${us(latency.p99)} p99.9 ${us(latency.p999)} us${native}`
}

export default bench
