import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from './mallocs.ts'
import type { Bench } from './report.ts'

const native = fileURLToPath(new URL('../native/', import.meta.url))

/** The poller and what is below it, for this platform. */
function sources(): string[] {
  const other = process.platform === 'darwin' ? '_linux.cc' : '_darwin.cc'
  const base = readdirSync(join(native, 'base')).filter((file) => file.endsWith('.cc') && !file.endsWith(other))
  const poller = process.platform === 'darwin' ? 'poller_kqueue.cc' : 'poller_epoll.cc'
  return [
    fileURLToPath(new URL('./native/poller_bench.cc', import.meta.url)),
    join(native, 'loop', poller),
    ...base.map((file) => join(native, 'base', file)),
  ]
}

/** Edge against level triggering, by the core's own poller: a C++ program, see `native/poller_bench.cc`. */
const bench: Bench = async (context) => {
  const directory = temporaryDirectory()
  try {
    const program = join(directory, 'trigger')
    const flags = [
      '-std=c++20',
      '-O3',
      ...(process.arch === 'x64' ? ['-march=x86-64-v3'] : []),
      `-I${native}`,
      '-pthread',
    ]
    const files = sources()
    for (const file of files) if (!existsSync(file)) throw new Error(`${file} is missing`)
    context.log('compiling')
    const built = spawnSync(process.env.CXX ?? 'c++', [...flags, ...files, '-o', program], { encoding: 'utf8' })
    if (built.status !== 0) throw new Error(built.error?.message ?? built.stderr)

    const child = spawn(program, context.quick ? ['3', '10000'] : ['7', '50000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
    for await (const line of createInterface(child.stdout)) context.print(line)
    const status = await ended
    if (status !== 0) throw new Error(`${program} ended with status ${status}`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

export default bench
