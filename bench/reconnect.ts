import { startVenue } from '../examples/venue/start.ts'
import { runSide } from './child.ts'
import { type Bench, median } from './report.ts'
import type { Spread } from './sides/strategies.ts'
import type { SideName } from './sides/task.ts'

/** From the server's RST to the first row on the next connection; `ws` connects anew in its 'close' event. */
const bench: Bench = async (context) => {
  const rounds = context.quick ? 2 : 5
  const count = context.quick ? 200 : 400
  const results: Record<'ours' | 'ws', Spread[]> = { ours: [], ws: [] }
  for (let round = 0; round < rounds; round++) {
    for (const side of ['ours', 'ws'] as const satisfies readonly SideName[]) {
      await using venue = await startVenue({ cpu: 0 })
      const spread = await runSide<Spread>(
        { kind: 'reconnect', side, url: `${venue.url}/drill?after=10`, workload: 'ticker', cycle: 20, count },
        { cpu: 1 },
      )
      results[side].push(spread)
      context.log(`${side}: p50 ${(spread.p50 / 1e6).toFixed(2)} p99 ${(spread.p99 / 1e6).toFixed(2)} ms`)
    }
  }
  for (const quantile of ['p50', 'p99'] as const) {
    const value = (side: 'ours' | 'ws'): number => median(results[side].map((spread) => spread[quantile]))
    context.emit(
      {
        metric: `reset-to-first-row-${quantile}`,
        unit: 'ns',
        ours: value('ours'),
        peers: { ws: value('ws') },
        runs: rounds,
        cpus: 'source on CPU 0, consumer on CPU 1',
        note: `${count} resets a round`,
      },
      'less',
    )
  }
}

export default bench
