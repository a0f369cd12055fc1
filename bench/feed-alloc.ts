import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { startVenue } from '../examples/venue/start.ts'
import { runSide } from './child.ts'
import { cycleMessages, placement } from './compare.ts'
import { buildMallocCounter, countingEnvironment, temporaryDirectory } from './mallocs.ts'
import type { Bench } from './report.ts'
import type { AllocationResult } from './sides/allocations.ts'
import type { SideName } from './sides/task.ts'

/** Bytes on the JS heap and calls of malloc per message, over a million book tickers. Linux with glibc. */
const bench: Bench = async (context) => {
  const directory = temporaryDirectory()
  try {
    const library = buildMallocCounter(directory)
    await using venue = await startVenue({ cpu: 0 })
    const ask = async (side: SideName): Promise<AllocationResult> => {
      const result = await runSide<AllocationResult>(
        {
          kind: 'alloc',
          side,
          url: `${venue.url}/replay?workload=ticker&cycle=${cycleMessages}&messages=1e12`,
          workload: 'ticker',
          cycle: cycleMessages,
          warmUpMs: 1500,
          count: 1_000_000,
        },
        {
          cpu: 1,
          // Room for whole spans without a collection.
          nodeArgs: ['--max-semi-space-size=256', '--min-semi-space-size=256'],
          env: countingEnvironment(library, join(directory, side)),
        },
      )
      const threads = result.threads.filter((thread) => thread.allocations > 0)
      const list = threads
        .map((thread) => `${thread.isMain ? 'JS thread' : thread.name} ${thread.allocations}`)
        .join(', ')
      context.log(
        `${side}: ${result.messages} messages, ${result.heapBytes.toFixed(4)} heap bytes each, ${result.collections} collections, mallocs: ${list || 'none'}`,
      )
      return result
    }
    const ours = await ask('ours')
    const ws = await ask('ws')

    // The threads through which messages go; V8's helpers compile and collect whenever they please.
    const mallocs = (result: AllocationResult): number =>
      result.threads.reduce(
        (sum, { isMain, name, allocations }) => sum + (isMain || name.startsWith('tickwire') ? allocations : 0),
        0,
      ) / result.messages
    const note = `${ours.messages} messages`
    context.emit(
      {
        metric: 'js-heap',
        unit: 'bytes/msg',
        ours: ours.heapBytes,
        peers: { ws: ws.heapBytes },
        resolution: 0.001,
        note,
        cpus: placement,
      },
      'less',
    )
    context.emit(
      {
        metric: 'native-mallocs',
        unit: 'calls/msg',
        ours: mallocs(ours),
        peers: { ws: mallocs(ws) },
        resolution: 1e-6,
        note,
        cpus: placement,
      },
      'less',
    )
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

export default bench
