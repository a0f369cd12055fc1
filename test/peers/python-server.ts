import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unpackDebianPackages } from './debian-packages.ts'

interface Python {
  readonly command: string
  readonly env: Readonly<Record<string, string>>
}

export interface PythonServerOptions {
  /** Offers permessage-deflate. */
  readonly deflate?: boolean
  readonly subprotocols?: readonly string[]
  /** Files with a certificate and its key, PEM. */
  readonly cert?: string
  readonly key?: string
  /** Seconds between pings, and until a missing pong ends the connection; default none. */
  readonly pingInterval?: number
  readonly pingTimeout?: number
}

export interface PythonServer extends AsyncDisposable {
  /** ws:// or wss:// without a path; `python/server.py` lists the paths. */
  readonly url: string
  readonly port: number
  /** Version of python3-websockets. */
  readonly version: string
  close(): Promise<void>
}

const program = fileURLToPath(new URL('./python/server.py', import.meta.url))

function works(python: Python): boolean {
  const result = spawnSync(python.command, ['-c', 'import asyncio, ssl, zlib, websockets'], {
    env: { ...process.env, ...python.env },
    stdio: 'ignore',
    timeout: 20_000,
  })
  return result.status === 0
}

/** Python's own parts, for machines that have none; the interpreter's version is in the package's name. */
const interpreterPackages = [
  'python3.11-minimal',
  'libpython3.11-minimal',
  'libpython3.11-stdlib',
  'libexpat1',
  'libffi8',
  'libssl3',
  'zlib1g',
  'libbz2-1.0',
  'liblzma5',
  'libuuid1',
]

let found: Python | undefined

function findPython(): Python {
  found ??= lookForPython()
  return found
}

/** A Python with websockets: the machine's own, else with the module, or with both, unpacked in the project's cache. */
function lookForPython(): Python {
  const system: Python = { command: existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3', env: {} }
  if (works(system)) return system

  const modules = unpackDebianPackages('python3-websockets', ['python3-websockets'])
  const withModules: Python = { ...system, env: { PYTHONPATH: join(modules, 'usr/lib/python3/dist-packages') } }
  if (works(withModules)) return withModules

  const root = unpackDebianPackages('python3.11', interpreterPackages)
  const libraries = [join(root, 'usr/lib'), join(root, 'lib')].flatMap((directory) =>
    existsSync(directory)
      ? [
          directory,
          ...readdirSync(directory)
            .filter((entry) => entry.endsWith('-linux-gnu'))
            .map((entry) => join(directory, entry)),
        ]
      : [],
  )
  const own: Python = {
    command: join(root, 'usr/bin/python3.11'),
    env: { ...withModules.env, PYTHONHOME: join(root, 'usr'), LD_LIBRARY_PATH: libraries.join(':') },
  }
  if (!works(own)) throw new Error('the unpacked Python does not run')
  return own
}

/** Why there can be no such server on this machine, or null. Downloads what is missing. */
export function pythonServerUnavailable(): string | null {
  try {
    findPython()
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Starts python3-websockets in a process of its own. */
export async function startPythonServer(options: PythonServerOptions = {}): Promise<PythonServer> {
  const python = findPython()
  const child = spawn(python.command, [program, JSON.stringify(options)], {
    env: { ...process.env, ...python.env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ready = await new Promise<{ port: number; version: string }>((resolve, reject) => {
    let output = ''
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the Python server ended with status ${code}`)))
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      const end = output.indexOf('\n')
      if (end >= 0) resolve(JSON.parse(output.slice(0, end)) as { port: number; version: string })
    })
  })
  const close = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }
  return {
    url: `${options.cert ? 'wss' : 'ws'}://127.0.0.1:${ready.port}`,
    port: ready.port,
    version: ready.version,
    close,
    [Symbol.asyncDispose]: close,
  }
}
