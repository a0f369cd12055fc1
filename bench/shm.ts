import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runSide } from './child.ts'
import { prepareAeron, runAeron } from './java.ts'
import { temporaryDirectory } from './mallocs.ts'
import { type Bench, median } from './report.ts'
import { type LatencyResult, type PipeSide, type PipeTask, pipeSides, type ThroughputResult } from './shm/task.ts'

const program = fileURLToPath(new URL('./shm/measuring-end.ts', import.meta.url))
const cpus = 'ours: one end on CPU 0, the other on CPU 1; the others wherever the system puts them'
const bytes = 64

type Side = PipeSide | 'aeron'

/**
 * Messages of 64 bytes between two JavaScript ends that have a CPU each: half of the way there and back, one message at a time, and
 * messages per second with at most 16,384 on their way. `postMessage` goes between threads, the others between processes; Aeron
 * between two Java threads that spin. Everybody checks the number of each message.
 */
const bench: Bench = async (context) => {
  const rounds = context.quick ? 1 : 5
  const measureMs = context.quick ? 1_000 : 3_000
  const warmUpMs = context.quick ? 500 : 1_000
  const missing = prepareAeron(context.log)
  if (missing !== null) context.log(`without Aeron: ${missing}`)
  const sides: readonly Side[] = missing === null ? [...pipeSides, 'aeron'] : pipeSides
  const root = temporaryDirectory()
  let turns = 0

  async function ask<Result>(kind: PipeTask['kind'], side: Side): Promise<Result> {
    const directory = join(root, String(turns++))
    mkdirSync(directory)
    if (side === 'aeron') {
      const times = [warmUpMs, measureMs].map(String)
      return runAeron<Result>([kind, String(bytes), ...times, join(directory, 'aeron')])
    }
    const task: PipeTask = { kind, side, bytes, warmUpMs, measureMs, directory }
    return runSide<Result>(task, { program, cpu: side === 'ours' ? 0 : undefined })
  }

  async function compare<Result>(kind: PipeTask['kind'], describe: (result: Result) => string) {
    const results = new Map<Side, Result[]>(sides.map((side) => [side, []]))
    for (let round = 0; round < rounds; round++) {
      // Nobody always goes first.
      for (let turn = 0; turn < sides.length; turn++) {
        const side = sides[(turn + round) % sides.length] as Side
        const result = await ask<Result>(kind, side)
        results.get(side)?.push(result)
        context.log(`${kind} ${side}: ${describe(result)}`)
      }
    }
    return (of: (result: Result) => number) => ({
      ours: median((results.get('ours') ?? []).map(of)),
      peers: Object.fromEntries(
        sides.filter((side) => side !== 'ours').map((side) => [side, median((results.get(side) ?? []).map(of))]),
      ),
      runs: rounds,
      cpus,
    })
  }

  try {
    const latency = await compare<LatencyResult>(
      'latency',
      ({ p50, p99 }) => `p50 ${p50.toFixed(0)} ns, p99 ${p99.toFixed(0)}`,
    )
    for (const q of ['p50', 'p99'] as const) {
      context.emit({ metric: `latency-${q}`, mode: 'spin', unit: 'ns', ...latency((result) => result[q]) }, 'less')
    }
    const throughput = await compare<ThroughputResult>(
      'throughput',
      ({ messagesPerSecond }) => `${(messagesPerSecond / 1e6).toFixed(3)} M msg/s`,
    )
    context.emit(
      { metric: 'throughput', mode: 'spin', unit: 'msg/s', ...throughput((result) => result.messagesPerSecond) },
      'more',
    )
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

export default bench
