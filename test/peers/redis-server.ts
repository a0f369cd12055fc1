import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'redis'
import { unpackDebianPackages } from './debian-packages.ts'

interface Program {
  readonly command: string
  readonly env: Readonly<Record<string, string>>
}

/** What Debian's redis-server needs and a bare system may lack. */
const packages = ['redis-server', 'redis-tools', 'libatomic1', 'libjemalloc2', 'liblzf1', 'libssl3', 'libsystemd0']
const libraries = ['liblua5.1-0', 'lua-bitop', 'lua-cjson', 'libhiredis0.14', 'libcap2', 'libgcrypt20', 'liblz4-1']

function works({ command, env }: Program): boolean {
  const options = { env: { ...process.env, ...env }, stdio: 'ignore', timeout: 20_000 } as const
  return spawnSync(command, ['--version'], options).status === 0
}

let found: Program | undefined

/** The machine's own, else Debian's, unpacked in the project's cache. */
function findRedis(): Program {
  if (found !== undefined) return found
  const system = { command: 'redis-server', env: {} }
  if (works(system)) {
    found = system
    return system
  }
  const root = unpackDebianPackages('redis-server', [...packages, ...libraries])
  const directories = [join(root, 'usr/lib'), join(root, 'lib')].flatMap((directory) =>
    existsSync(directory)
      ? readdirSync(directory)
          .filter((entry) => entry.endsWith('-linux-gnu'))
          .map((entry) => join(directory, entry))
      : [],
  )
  const unpacked = { command: join(root, 'usr/bin/redis-server'), env: { LD_LIBRARY_PATH: directories.join(':') } }
  if (!works(unpacked)) throw new Error('the unpacked redis-server does not run')
  found = unpacked
  return unpacked
}

export interface RedisServer extends AsyncDisposable {
  /** Unix socket that it listens at; it has no port. */
  readonly path: string
  /** Kills it. */
  close(): Promise<void>
}

/** Starts a Redis server of its own, without persistence. */
export async function startRedis(): Promise<RedisServer> {
  const program = findRedis()
  const directory = mkdtempSync(join(tmpdir(), 'tickwire-redis-'))
  const path = join(directory, 'redis.sock')
  const args = ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no', '--dir', directory]
  const child = spawn(program.command, args, { env: { ...process.env, ...program.env }, stdio: 'ignore' })
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`redis-server ended with ${signal ?? code}`)))
  })
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    }
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await Promise.race([ended, answering(path)])
  } catch (error) {
    await close()
    throw error
  }
  ended.catch(() => {})
  return { path, close, [Symbol.asyncDispose]: close }
}

/** Until it answers PING. */
async function answering(path: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    if (existsSync(path)) {
      const client = createClient({ socket: { path, tls: false, reconnectStrategy: false } })
      client.on('error', () => {})
      try {
        await client.connect()
        await client.ping()
        client.destroy()
        return
      } catch (error) {
        if (tries > 400) throw error
      }
    }
    if (tries > 400) throw new Error('redis-server does not answer')
    await sleep(25)
  }
}
