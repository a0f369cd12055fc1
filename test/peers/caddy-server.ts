import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unpackDebianPackages } from './debian-packages.ts'
import { freePorts, listening } from './ports.ts'

let found: string | undefined

/** The machine's own, else Debian's, unpacked in the project's cache. */
function findCaddy(): string {
  if (found !== undefined) return found
  const works = (command: string): boolean =>
    spawnSync(command, ['version'], { stdio: 'ignore', timeout: 20_000 }).status === 0
  found = works('caddy') ? 'caddy' : join(unpackDebianPackages('caddy', ['caddy']), 'usr/bin/caddy')
  if (!works(found)) throw new Error('the unpacked caddy does not run')
  return found
}

/** What is served; each with a port of its own. */
export interface CaddySite {
  /** Lines of the site's block besides the certificate. */
  readonly config: string
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
}

export interface CaddyServer extends AsyncDisposable {
  /** Of each site, in their order. */
  readonly ports: readonly number[]
  /** Ends it as an operator does: what is under way is answered, HTTP/2 peers hear GOAWAY. */
  close(): Promise<void>
}

/** Starts a caddy of its own: Go's HTTP/1.1 and HTTP/2. */
export async function startCaddy(sites: readonly CaddySite[]): Promise<CaddyServer> {
  const program = findCaddy()
  const ports = await freePorts(sites.length)
  const directory = mkdtempSync(join(tmpdir(), 'tickwire-caddy-'))
  const blocks = sites.map(({ config, tls }, i) => {
    if (tls === undefined) return `http://localhost:${ports[i]} {\n${config}\n}`
    writeFileSync(join(directory, `cert${i}.pem`), tls.cert)
    writeFileSync(join(directory, `key${i}.pem`), tls.key, { mode: 0o600 })
    return `https://localhost:${ports[i]} {\ntls ${directory}/cert${i}.pem ${directory}/key${i}.pem\n${config}\n}`
  })
  writeFileSync(
    join(directory, 'Caddyfile'),
    `{\nadmin off\nauto_https off\ngrace_period 5s\nservers {\nprotocols h1 h2\n}\n}\n${blocks.join('\n')}\n`,
  )
  const child = spawn(program, ['run', '--config', join(directory, 'Caddyfile'), '--adapter', 'caddyfile'], {
    env: { ...process.env, HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (piece: Buffer) => {
    said = (said + String(piece)).slice(-4_000)
  })
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`caddy ended with ${signal ?? code}: ${said}`)))
  })
  ended.catch(() => {})
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
  return { ports, close, [Symbol.asyncDispose]: close }
}
