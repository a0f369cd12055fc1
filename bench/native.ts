import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../', import.meta.url))
const core = join(root, 'native')
export const nativeBenches = join(root, 'bench', 'native')

/** The core's poller and what is below it, for this platform. */
export function pollerSources(): string[] {
  const other = process.platform === 'darwin' ? '_linux.cc' : '_darwin.cc'
  const poller = process.platform === 'darwin' ? 'poller_kqueue.cc' : 'poller_epoll.cc'
  const base = readdirSync(join(core, 'base')).filter((file) => file.endsWith('.cc') && !file.endsWith(other))
  return [join(core, 'loop', poller), ...base.map((file) => join(core, 'base', file))]
}

function headers(): string[] {
  return [
    join(core, 'base'),
    join(core, 'loop'),
    join(core, 'decode'),
    join(core, 'book'),
    join(core, 'wire'),
    nativeBenches,
    join(nativeBenches, 'sink'),
  ].flatMap((directory) =>
    readdirSync(directory)
      .filter((file) => file.endsWith('.h'))
      .map((file) => join(directory, file)),
  )
}

/** Compiles a C++ program of its own from `sources` unless that was done since they changed; returns its path. */
export function compileProgram(
  name: string,
  sources: readonly string[],
  log: (text: string) => void,
  includes: readonly string[] = [],
): string {
  const directory = join(root, 'build', 'bench')
  const program = join(directory, name)
  const newest = Math.max(...[...sources, ...headers()].map((file) => statSync(file).mtimeMs))
  if ((statSync(program, { throwIfNoEntry: false })?.mtimeMs ?? 0) > newest) return program

  log(`compiling ${name}`)
  mkdirSync(directory, { recursive: true })
  const unfinished = `${program}.${process.pid}`
  const flags = [
    '-std=c++20',
    '-O3',
    ...(process.arch === 'x64' ? ['-march=x86-64-v3'] : []),
    `-I${core}`,
    `-I${nativeBenches}`,
    ...includes.map((directory) => `-isystem${directory}`),
    '-pthread',
  ]
  const compiler = process.env.CXX ?? 'c++'
  const built = spawnSync(compiler, [...flags, ...sources, '-o', unfinished], { encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`cannot compile ${name}: ${built.error?.message ?? built.stderr}`)
  renameSync(unfinished, program)
  return program
}
