import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unpackDebianPackages } from './debian-packages.ts'
import { freePorts, listening } from './ports.ts'

interface Program {
  readonly command: string
  readonly env: Readonly<Record<string, string>>
}

/** What Debian's nginx needs and a bare system may lack. */
const packages = ['nginx', 'libpcre2-8-0', 'libssl3', 'zlib1g', 'libcrypt1']

function works({ command, env }: Program): boolean {
  const options = { env: { ...process.env, ...env }, stdio: 'ignore', timeout: 20_000 } as const
  return spawnSync(command, ['-v'], options).status === 0
}

let found: Program | undefined

/** The machine's own, else Debian's, unpacked in the project's cache. */
function findNginx(): Program {
  if (found !== undefined) return found
  for (const command of ['nginx', '/usr/sbin/nginx']) {
    if (!works({ command, env: {} })) continue
    found = { command, env: {} }
    return found
  }
  const root = unpackDebianPackages('nginx', packages)
  const directories = [join(root, 'usr/lib'), join(root, 'lib')].flatMap((directory) =>
    existsSync(directory)
      ? readdirSync(directory)
          .filter((entry) => entry.endsWith('-linux-gnu'))
          .map((entry) => join(directory, entry))
      : [],
  )
  const unpacked = { command: join(root, 'usr/sbin/nginx'), env: { LD_LIBRARY_PATH: directories.join(':') } }
  if (!works(unpacked)) throw new Error('the unpacked nginx does not run')
  found = unpacked
  return unpacked
}

/** What is served; each with a port of its own. */
export interface NginxSite {
  /** Lines of the `server` block besides `listen` and the certificate: `location` blocks and settings. */
  readonly config: string
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
  readonly http2?: boolean | undefined
}

export interface NginxServer extends AsyncDisposable {
  /** Of each site, in their order. */
  readonly ports: readonly number[]
  readonly version: string
  readonly pid: number
  close(): Promise<void>
}

/** Starts an nginx of its own, one process. */
export async function startNginx(sites: readonly NginxSite[]): Promise<NginxServer> {
  const program = findNginx()
  const ports = await freePorts(sites.length)
  const directory = mkdtempSync(join(tmpdir(), 'tickwire-nginx-'))
  // Started as root its worker is somebody else, who has to get in.
  chmodSync(directory, 0o755)
  mkdirSync(join(directory, 'temp'))
  const servers = sites.map(({ config, tls, http2 }, i) => {
    const lines = [`listen 127.0.0.1:${ports[i]}${tls ? ' ssl' : ''}${http2 ? ' http2' : ''};`]
    if (tls !== undefined) {
      writeFileSync(join(directory, `cert${i}.pem`), tls.cert)
      writeFileSync(join(directory, `key${i}.pem`), tls.key, { mode: 0o600 })
      lines.push(`ssl_certificate ${directory}/cert${i}.pem;`, `ssl_certificate_key ${directory}/key${i}.pem;`)
    }
    return `server { ${lines.join(' ')}\n${config}\n}`
  })
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  writeFileSync(
    join(directory, 'nginx.conf'),
    `daemon off; master_process off; pid ${directory}/nginx.pid; error_log ${directory}/error.log warn;
events { worker_connections 4096; }
http {
access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; tcp_nodelay on; server_tokens off;
${temporary.map((name) => `${name}_temp_path ${directory}/temp/${name};`).join('\n')}
${servers.join('\n')}
}
`,
  )
  const log = join(directory, 'error.log')
  const child = spawn(program.command, ['-p', directory, '-c', join(directory, 'nginx.conf'), '-e', log], {
    env: { ...process.env, ...program.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (piece: Buffer) => {
    said = (said + String(piece)).slice(-2_000)
  })
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      const logged = existsSync(log) ? readFileSync(log, 'utf8').slice(-2_000) : ''
      reject(new Error(`nginx ended with ${signal ?? code}: ${said}${logged}`))
    })
  })
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await gone
    }
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await Promise.race([ended, Promise.all(ports.map(listening))])
  } catch (error) {
    await close()
    throw error
  }
  ended.catch(() => {})
  const text = spawnSync(program.command, ['-v'], { env: { ...process.env, ...program.env }, encoding: 'utf8' }).stderr
  const version = /nginx\/(\S+)/.exec(text)?.[1] ?? 'unknown'
  return { ports, version, pid: child.pid ?? -1, close, [Symbol.asyncDispose]: close }
}
