// Runs a child process with the terminal of this one, and ends this process with its status when it fails.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Where programs of npm packages are, and Node's own headers. */
export const bin = join(root, 'node_modules', '.bin')
export const nodeInclude = join(dirname(dirname(process.execPath)), 'include', 'node')

/** `quiet`: keeps stdout for the caller instead of printing it. Returns { status, stdout }. */
export function spawn(command, args, { quiet = false, env = {}, cwd = root, timeoutMs = 0 } = {}) {
  const result = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', quiet ? 'pipe' : 'inherit', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  if (result.error?.code === 'ETIMEDOUT') {
    console.error(`no end after ${timeoutMs / 1000} s: ${command}`)
    return { status: 124, stdout: result.stdout ?? '' }
  }
  if (result.error) throw new Error(`cannot run ${command}: ${result.error.message}`)
  return { status: result.status ?? 1, stdout: result.stdout ?? '' }
}

export function run(command, args, options) {
  const { status } = spawn(command, args, options)
  if (status !== 0) {
    console.error(`failed (${status}): ${command} ${args.join(' ')}`)
    process.exit(status)
  }
}

/** Jobs of a C++ build: one compiler process of this project takes up to 1 GB. */
export const jobs = process.env.TICKWIRE_JOBS || '2'
