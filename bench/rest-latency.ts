import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from './mallocs.ts'
import type { Bench } from './report.ts'
import { alternate, placement, runRestSide, startAnswering } from './rest/run-side.ts'
import type { RestSide } from './rest/task.ts'

const modes = ['inline', 'park', 'spin', 'rest'] as const
const peers = ['undici', 'undici-request', 'node'] as const

function names(of: (side: RestSide) => number): Record<string, number> {
  return { undici: of('undici'), 'undici request()': of('undici-request'), 'node:http(s)': of('node') }
}

/** Compiles the library that stamps writes; returns its path. */
function stampLibrary(directory: string): string {
  const source = fileURLToPath(new URL('./native/wire_stamp.c', import.meta.url))
  const library = join(directory, 'wire_stamp.so')
  const compiler = process.env['CC'] ?? 'cc'
  const built = spawnSync(compiler, ['-O2', '-fPIC', '-shared', '-o', library, source, '-ldl'], { encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`cannot compile ${source}: ${built.error?.message ?? built.stderr}`)
  return library
}

/** A small POST after the other on one kept connection: how long an answer takes, and how soon the request is on its way. */
const bench: Bench = async (context) => {
  // Each side and round is a process of its own: that is what takes the time.
  const rounds = context.quick ? 1 : 7
  const requests = context.quick ? 2_000 : 20_000
  await using nginx = await startAnswering()
  const { plain, tls, ca } = nginx.origins
  const note = `nginx ${nginx.version}; serial POST, ${requests} a round`
  const common = { lanes: 1, busyMs: 0, warmUp: 600, requests }

  for (const secure of [false, true]) {
    const figure = await alternate([...modes, ...peers], rounds, async (side) => {
      const target = secure ? { origin: tls, ca } : { origin: plain }
      const result = await runRestSide({ kind: 'serial', side, ...target, ...common })
      context.log(
        `${secure ? 'TLS ' : ''}${side}: p50 ${(result.p50 / 1e3).toFixed(1)} µs, p99 ${(result.p99 / 1e3).toFixed(1)} µs`,
      )
      return result
    })
    for (const q of ['p50', 'p99'] as const) {
      for (const mode of modes) {
        context.emit(
          {
            metric: secure ? `tls-${q}` : q,
            mode,
            unit: 'ns',
            ours: figure(mode, (result) => result[q]),
            peers: names((side) => figure(side, (result) => result[q])),
            runs: rounds,
            cpus: placement,
            note,
          },
          'less',
        )
      }
    }
  }

  if (process.platform !== 'linux') return
  // undici's two interfaces write alike.
  const wirePeers = ['undici', 'node'] as const
  const directory = temporaryDirectory()
  const library = stampLibrary(directory)
  const stamp = join(directory, 'stamp')
  for (const busyMs of [0, 1]) {
    const count = busyMs > 0 ? requests / 20 : requests / 2
    const figure = await alternate(['inline', 'park', 'rest', ...wirePeers], rounds, async (side) => {
      writeFileSync(stamp, Buffer.alloc(16))
      const env = { LD_PRELOAD: library, TICKWIRE_WIRE_STAMP: stamp }
      const result = await runRestSide({ kind: 'wire', side, origin: plain, ...common, busyMs, requests: count }, env)
      context.log(`to the wire${busyMs > 0 ? ', busy after' : ''}, ${side}: p50 ${(result.p50 / 1e3).toFixed(1)} µs`)
      return result
    })
    for (const mode of ['inline', 'park', 'rest'] as const) {
      context.emit(
        {
          metric: busyMs > 0 ? 'call-to-wire-blocked' : 'call-to-wire',
          mode,
          unit: 'ns',
          ours: figure(mode, ({ p50 }) => p50),
          peers: { undici: figure('undici', ({ p50 }) => p50), 'node:http': figure('node', ({ p50 }) => p50) },
          also: { p99: figure(mode, ({ p99 }) => p99) },
          runs: rounds,
          cpus: placement,
          note: `p50 from the call until the write begins, ${count} a round${busyMs > 0 ? `; JS busy for ${busyMs} ms right after the call` : ''}`,
        },
        'less',
      )
    }
  }
}

export default bench
