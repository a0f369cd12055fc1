import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { pinned } from '../examples/venue/start.ts'
import { runSide } from './child.ts'
import { consumerCpu, cycleMessages, placement, sourceCpu } from './compare.ts'
import { compileProgram, nativeBenches } from './native.ts'
import { type Bench, median } from './report.ts'
import type { Load } from './sides/task.ts'
import type { WireTask } from './wire/task.ts'

type Side = WireTask['side']
const sides: readonly Side[] = ['ours', 'node', 'node-unchecked']
const consumer = fileURLToPath(new URL('./wire/consumer.ts', import.meta.url))
const frameBytes = 64

function compileSource(log: (text: string) => void): string {
  const core = fileURLToPath(new URL('../native/', import.meta.url))
  const base = readdirSync(join(core, 'base')).filter((file) => file.startsWith('crc32c') && file.endsWith('.cc'))
  return compileProgram(
    'wire_source',
    [
      join(nativeBenches, 'wire_source.cc'),
      ...['control', 'frame_start', 'frame_writer', 'market', 'raw'].map((name) => join(core, 'wire', `${name}.cc`)),
      ...base.map((file) => join(core, 'base', file)),
    ],
    log,
  )
}

async function firstLine<T>(command: string, args: readonly string[], cpu: number) {
  const [program, all] = pinned(cpu, [...args], command)
  const child = spawn(program, all, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { child, answer: JSON.parse(line) as T }
}

/**
 * Quotes over TCP on the loopback interface into rows that a strategy reads all fields of, one connection, as fast as the consumer
 * goes; against the same frames read by hand in JavaScript, with and without looking at the checksum.
 */
const bench: Bench = async (context) => {
  const rounds = context.quick ? 3 : 9
  const measureMs = context.quick ? 700 : 2_000
  const program = compileSource(context.log)
  const { child: source, answer } = await firstLine<{ port: number }>(
    program,
    ['serve', String(cycleMessages)],
    sourceCpu,
  )
  try {
    const loads = new Map<Side, Load[]>(sides.map((side) => [side, []]))
    const drained: number[] = []
    let expected = Number.NaN
    for (let round = 0; round < rounds; round++) {
      // Nobody always goes first.
      for (let turn = 0; turn < sides.length; turn++) {
        const side = sides[(turn + round) % sides.length] as Side
        const task: WireTask = {
          kind: 'wire-decode',
          side,
          port: answer.port,
          cycle: cycleMessages,
          warmUpMs: 400,
          measureMs,
        }
        const load = await runSide<Load>(task, { cpu: consumerCpu, program: consumer })
        if (Number.isNaN(expected)) expected = load.checksum
        if (load.checksum !== expected || load.badCycles > 0) {
          throw new Error(`${side} decoded something else: ${load.checksum} instead of ${expected}`)
        }
        loads.get(side)?.push(load)
        const per = (ns: number): string => (ns / load.messages).toFixed(1)
        context.log(
          `${side}: ${((load.messages / load.wallNs) * 1e3).toFixed(2)} M quotes/s, per quote ${per(load.mainCpuNs)} ns on the main thread, ${per(load.loopCpuNs)} on the loop, ${per(load.totalCpuNs)} in all`,
        )
      }
      const { answer: all } = await firstLine<{ bytesPerSecond: number }>(
        program,
        ['drain', String(answer.port), String(Math.min(measureMs, 1_000))],
        consumerCpu,
      )
      drained.push(all.bytesPerSecond / frameBytes)
      context.log(`read and thrown away in C: ${((drained.at(-1) ?? 0) / 1e6).toFixed(2)} M quotes/s`)
    }
    const figure = (of: (load: Load) => number) => ({
      ours: median((loads.get('ours') ?? []).map(of)),
      peers: Object.fromEntries(
        sides.filter((side) => side !== 'ours').map((side) => [side, median((loads.get(side) ?? []).map(of))]),
      ),
    })
    const notes = { runs: rounds, cpus: placement }
    const perQuote = (of: (load: Load) => number) => figure((load) => of(load) / load.messages)
    context.emit(
      {
        metric: 'throughput',
        unit: 'quotes/s',
        ...figure((load) => (load.messages / load.wallNs) * 1e9),
        also: { 'read-and-thrown-away-in-C': median(drained) },
        ...notes,
      },
      'more',
    )
    context.emit(
      { metric: 'main-thread-cpu', unit: 'ns/quote', ...perQuote((load) => load.mainCpuNs), ...notes },
      'less',
    )
    context.emit(
      {
        metric: 'total-cpu',
        unit: 'ns/quote',
        ...perQuote((load) => load.totalCpuNs),
        also: { native: perQuote((load) => load.loopCpuNs).ours },
        ...notes,
      },
      'less',
    )
  } finally {
    source.kill('SIGKILL')
  }
}

export default bench
