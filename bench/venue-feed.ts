import { fork, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runSide } from './child.ts'
import { consumerCpu, placement, sourceCpu } from './compare.ts'
import { type Bench, median } from './report.ts'
import type { VenueLoad, VenueSide } from './venue/task.ts'

const program = (name: string): string => fileURLToPath(new URL(`./venue/${name}.ts`, import.meta.url))
const symbols = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'BNBUSDT']

/**
 * A recorded venue through a whole stack: book tickers, trades and depth updates of four symbols on one socket, snapshots by REST, order
 * books in sync, best prices told. Ours against the npm package `binance` with a book in JavaScript, on the same bytes.
 */
const bench: Bench = async (context) => {
  const updates = context.quick ? 60_000 : 120_000
  const rounds = context.quick ? 3 : 7
  const source = fork(program('source'), [JSON.stringify([symbols, updates])])
  try {
    const { port, messages, rows } = await new Promise<{ port: number; messages: number; rows: number }>(
      (resolve, reject) => {
        source.once('message', (message) => resolve(message as { port: number; messages: number; rows: number }))
        source.once('exit', (code) => reject(new Error(`the source ended with status ${code}`)))
      },
    )
    if (existsSync('/usr/bin/taskset')) spawnSync('/usr/bin/taskset', ['-acp', String(sourceCpu), String(source.pid)])
    const sides: VenueSide[] = ['ours', 'binance']
    const loads = new Map<VenueSide, VenueLoad[]>(sides.map((side) => [side, []]))
    let expected: string | null = null
    for (let round = 0; round < rounds; round++) {
      // Nobody always goes first.
      for (let turn = 0; turn < sides.length; turn++) {
        const side = sides[(turn + round) % sides.length] ?? 'ours'
        const load = await runSide<VenueLoad>(
          {
            kind: 'venue-feed',
            side,
            origin: `http://127.0.0.1:${port}`,
            symbols,
            // So that what is measured has long been compiled, on both sides.
            warmUp: Math.floor(messages / 2),
            messages,
            rows,
          },
          { cpu: consumerCpu, program: program('consumer') },
        )
        const result = JSON.stringify([Math.round(load.checksum * 100), load.books])
        expected ??= result
        if (result !== expected) throw new Error(`${side} made something else of it: ${result} instead of ${expected}`)
        loads.get(side)?.push(load)
        const per = (ns: number): string => (ns / load.messages).toFixed(0)
        context.log(
          `${side}: ${((load.messages / load.wallNs) * 1e3).toFixed(3)} M msg/s, per message ${per(load.mainCpuNs)} ns on the main thread, ${per(load.totalCpuNs)} in all`,
        )
      }
    }
    const figure = (of: (load: VenueLoad) => number) => ({
      ours: median((loads.get('ours') ?? []).map(of)),
      peers: { binance: median((loads.get('binance') ?? []).map(of)) },
    })
    const notes = { runs: rounds, cpus: placement }
    context.emit(
      { metric: 'throughput', unit: 'msg/s', ...figure((load) => (load.messages / load.wallNs) * 1e9), ...notes },
      'more',
    )
    context.emit(
      { metric: 'main-thread-cpu', unit: 'ns/msg', ...figure((load) => load.mainCpuNs / load.messages), ...notes },
      'less',
    )
    context.emit(
      { metric: 'total-cpu', unit: 'ns/msg', ...figure((load) => load.totalCpuNs / load.messages), ...notes },
      'less',
    )
  } finally {
    source.kill('SIGKILL')
  }
}

export default bench
