import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

function filesOf(layer: string): string[] {
  return readdirSync(join(root, 'native', layer)).map((file) => join(root, 'native', layer, file))
}

/**
 * Compiles a C++ program over some of the core's layers, unless it is newer than all it is made of. Returns its path.
 * @param source relative to the repository.
 */
export function nativeProgram(source: string, layers: readonly string[]): string {
  const main = join(root, source)
  const files = layers.flatMap(filesOf)
  const directory = join(root, 'build', 'programs')
  const program = join(directory, basename(source, '.cc'))
  const newest = Math.max(...[main, ...files].map((file) => statSync(file).mtimeMs))
  if (existsSync(program) && statSync(program).mtimeMs > newest) return program
  const other = process.platform === 'darwin' ? '_linux.cc' : '_darwin.cc'
  const sources = files.filter((file) => file.endsWith('.cc') && !file.endsWith(other))
  mkdirSync(directory, { recursive: true })
  const made = `${program}.${process.pid}`
  const { status, stderr, error } = spawnSync(
    process.env['CXX'] ?? 'c++',
    [
      '-std=c++20',
      '-O3',
      ...(process.arch === 'x64' ? ['-march=x86-64-v3'] : []),
      `-I${join(root, 'native')}`,
      '-pthread',
      main,
      ...sources,
      '-o',
      made,
    ],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(error?.message ?? stderr)
  renameSync(made, program) // whole, also for another process that compiles the same
  return program
}
