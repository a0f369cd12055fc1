import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cycleTexts, type WorkloadName } from '../examples/venue/cycle.ts'
import { startVenue, type Venue } from '../examples/venue/start.ts'
import { localhostCertificates } from '../test/peers/certificates.ts'
import { runSide } from './child.ts'
import { temporaryDirectory } from './mallocs.ts'
import { type BenchContext, median } from './report.ts'
import { countParsed, type Parsed } from './sides/parsed.ts'
import { Tally } from './sides/tally.ts'
import type { Load, SideName } from './sides/task.ts'

/** Messages in a cycle: enough that no side can learn them by heart. */
export const cycleMessages = 8192

/** The source has one CPU, the consumer with all its threads the other: nobody takes time from anybody. */
export const sourceCpu = 0
export const consumerCpu = 1
export const placement = 'source on CPU 0, consumer with all its threads on CPU 1'

export interface TlsFiles {
  readonly cert: string
  readonly key: string
  /** The trust anchor: its file and its text. */
  readonly caFile: string
  readonly ca: string
}

export function tlsFiles(): TlsFiles {
  const directory = temporaryDirectory()
  const { authority, server } = localhostCertificates()
  const files = {
    cert: join(directory, 'cert.pem'),
    key: join(directory, 'key.pem'),
    caFile: join(directory, 'ca.pem'),
  }
  writeFileSync(files.cert, server.cert)
  writeFileSync(files.key, server.key)
  writeFileSync(files.caFile, authority.cert)
  return { ...files, ca: authority.cert }
}

/** What a correct side adds up to. */
function expectedChecksum(workload: WorkloadName): number {
  const tally = new Tally(cycleMessages)
  for (const text of cycleTexts({ workload, messages: cycleMessages, seed: 1, stamped: false })) {
    countParsed(tally, JSON.parse(text) as Parsed)
  }
  return tally.checksum
}

export interface ThroughputOptions {
  readonly workload: WorkloadName
  readonly peers: readonly Exclude<SideName, 'ours'>[]
  /** Appended to the metrics' names. */
  readonly suffix?: string
  readonly tls?: TlsFiles
  readonly deflate?: boolean
  readonly rounds: number
  readonly measureMs: number
}

/**
 * Messages per second, and CPU time of the JS thread per message, of each side in turn. The source sends as fast as the consumer
 * reads; nothing is dropped.
 */
export async function compareThroughput(context: BenchContext, options: ThroughputOptions): Promise<void> {
  const { workload, tls, suffix = '' } = options
  await using venue = await startVenue({
    cpu: sourceCpu,
    deflate: options.deflate ?? false,
    ...(tls ? { cert: tls.cert, key: tls.key } : {}),
  })
  const expected = expectedChecksum(workload)
  const sides: SideName[] = ['ours', ...options.peers]
  const loads = new Map<SideName, Load[]>(sides.map((side) => [side, []]))
  for (let round = 0; round < options.rounds; round++) {
    // Nobody always goes first.
    for (let turn = 0; turn < sides.length; turn++) {
      const side = sides[(turn + round) % sides.length] ?? 'ours'
      const load = await consume(venue, side, options)
      if (load.checksum !== expected || load.badCycles > 0) {
        throw new Error(
          `${side} decoded something else: ${load.checksum} instead of ${expected}, ${load.badCycles} bad cycles`,
        )
      }
      loads.get(side)?.push(load)
      context.log(
        `${workload}${suffix} ${side}: ${((load.messages / load.wallNs) * 1e3).toFixed(3)} M msg/s, per message ${describe(load)}`,
      )
    }
  }

  const figure = (of: (load: Load) => number) => ({
    ours: median((loads.get('ours') ?? []).map(of)),
    peers: Object.fromEntries(options.peers.map((peer) => [peer, median((loads.get(peer) ?? []).map(of))])),
  })
  const notes = { runs: options.rounds, cpus: placement }
  const perMessage = (of: (load: Load) => number) => figure((load) => of(load) / load.messages)
  context.emit(
    {
      metric: `throughput${suffix}`,
      unit: 'msg/s',
      ...figure((load) => (load.messages / load.wallNs) * 1e9),
      ...notes,
    },
    'more',
  )
  context.emit(
    { metric: `main-thread-cpu${suffix}`, unit: 'ns/msg', ...perMessage((load) => load.mainCpuNs), ...notes },
    'less',
  )
  context.emit(
    { metric: `total-cpu${suffix}`, unit: 'ns/msg', ...perMessage((load) => load.totalCpuNs), ...notes },
    'less',
  )
}

function describe(load: Load): string {
  const per = (ns: number): string => (ns / load.messages).toFixed(0)
  return `${per(load.mainCpuNs)} ns on the main thread, ${per(load.loopCpuNs)} on the loop, ${per(load.totalCpuNs)} in all`
}

function consume(venue: Venue, side: SideName, options: ThroughputOptions): Promise<Load> {
  const url = `${venue.url}/replay?workload=${options.workload}&cycle=${cycleMessages}&messages=1e12`
  return runSide<Load>(
    {
      kind: 'throughput',
      side,
      url,
      workload: options.workload,
      cycle: cycleMessages,
      warmUpMs: 400,
      measureMs: options.measureMs,
      ...(options.tls ? { ca: options.tls.ca } : {}),
      ...(options.deflate ? { deflate: true } : {}),
    },
    {
      cpu: consumerCpu,
      ...(options.tls ? { env: { NODE_EXTRA_CA_CERTS: options.tls.caFile } } : {}),
    },
  )
}
