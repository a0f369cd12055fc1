import type { Bench } from './report.ts'
import { alternate, placement, runRestSide, startAnswering } from './rest/run-side.ts'
import type { RestSide } from './rest/task.ts'

const lanes = 64

/** 64 POSTs at a time: on as many connections with HTTP/1.1, on one with HTTP/2. Ours once for each mode of the loop that has no CPU to itself. */
const bench: Bench = async (context) => {
  const rounds = context.quick ? 1 : 7
  const requests = context.quick ? 15_000 : 100_000
  await using nginx = await startAnswering()
  const { plain, h2, ca } = nginx.origins
  const setups: readonly {
    readonly metric: string
    readonly ours: Readonly<Record<string, RestSide>>
    readonly peers: Readonly<Record<string, RestSide>>
    readonly target: { readonly origin: string; readonly ca?: string }
  }[] = [
    {
      metric: 'http1',
      ours: { inline: 'inline', park: 'park' },
      peers: { undici: 'undici', 'undici request()': 'undici-request', 'node:http': 'node' },
      target: { origin: plain },
    },
    {
      metric: 'http2',
      ours: { inline: 'h2' },
      peers: { 'node:http2': 'node-h2', 'undici allowH2': 'undici-h2' },
      target: { origin: h2, ca },
    },
  ]
  for (const { metric, ours, peers, target } of setups) {
    const figure = await alternate([...Object.values(ours), ...Object.values(peers)], rounds, async (side) => {
      const task = { kind: 'concurrent', side, ...target, lanes, busyMs: 0, warmUp: requests / 5, requests } as const
      const result = await runRestSide(task)
      context.log(
        `${metric} ${side}: ${(result.perSecond / 1e3).toFixed(1)} k/s, ${(result.cpuNs / 1e3).toFixed(1)} µs of CPU each`,
      )
      return result
    })
    const notes = {
      runs: rounds,
      cpus: placement,
      note: `${lanes} at a time, ${requests} a round, nginx ${nginx.version}`,
    }
    const all = (of: (side: RestSide) => number): Record<string, number> =>
      Object.fromEntries(Object.entries(peers).map(([name, side]) => [name, of(side)]))
    const rate = (side: RestSide): number => figure(side, ({ perSecond }) => perSecond)
    const cpu = (side: RestSide): number => figure(side, ({ cpuNs }) => cpuNs)
    for (const [mode, side] of Object.entries(ours)) {
      context.emit({ metric, mode, unit: 'req/s', ours: rate(side), peers: all(rate), ...notes }, 'more')
      context.emit(
        { metric: `${metric}-cpu`, mode, unit: 'ns/req', ours: cpu(side), peers: all(cpu), ...notes },
        'less',
      )
    }
  }
}

export default bench
