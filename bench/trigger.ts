import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { compileProgram, nativeBenches, pollerSources } from './native.ts'
import type { Bench } from './report.ts'

/** Edge against level triggering, by the core's own poller: a C++ program, see `native/poller_bench.cc`. */
const bench: Bench = async (context) => {
  const sources = [join(nativeBenches, 'poller_bench.cc'), ...pollerSources()]
  const program = compileProgram('trigger', sources, context.log)
  const child = spawn(program, context.quick ? ['3', '10000'] : ['7', '50000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  for await (const line of createInterface(child.stdout)) context.print(line)
  const status = await ended
  if (status !== 0) throw new Error(`${program} ended with status ${status}`)
}

export default bench
