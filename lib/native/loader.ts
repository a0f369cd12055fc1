/**
 * Finds the compiled addon at run time. There is no install script: what is there is loaded, and when nothing is, the
 * error names every place that was tried and what each one said.
 */
import { basename, dirname, join, resolve } from 'node:path'
import here from './here.cjs'

/** One place that was tried, and why it did not work. */
export interface AddonCandidate {
  readonly path: string
  readonly reason: string
}

export class AddonLoadError extends Error {
  readonly code = 'ERR_TICKWIRE_ADDON'
  readonly candidates: readonly AddonCandidate[]

  constructor(message: string, candidates: readonly AddonCandidate[], options?: ErrorOptions) {
    super(message, options)
    this.name = 'AddonLoadError'
    this.candidates = candidates
  }
}

const minimumNode = [22, 20] as const

/** The package's own directory. This file is in lib/native/ of a checkout or in dist/<format>/native/. */
function packageRoot(): string {
  const fromSource = basename(dirname(here.directory)) === 'lib'
  return resolve(here.directory, fromSource ? '../..' : '../../..')
}

function isMusl(): boolean {
  if (process.platform !== 'linux') return false
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return header?.glibcVersionRuntime === undefined
}

function candidates(): string[] {
  const root = packageRoot()
  const host = `${process.platform}-${process.arch}`
  const musl = isMusl()
  const libc = process.platform === 'linux' ? (musl ? '-musl' : '-gnu') : ''
  return [
    join(root, 'build', 'addon', 'Release', 'tickwire.node'),
    join(root, 'prebuilds', `${host}${musl ? '-musl' : ''}`, 'tickwire.node'),
    `tickwire-${host}${libc}`,
  ]
}

/** The host, when it is one whose symbols the addon cannot be linked with; otherwise nothing. */
function unfitHost(): string | undefined {
  if (process.versions.bun !== undefined) return `Bun ${process.versions.bun}`
  if ('Deno' in globalThis) return `Deno ${process.versions['deno'] ?? ''}`.trim()
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const old = major < minimumNode[0] || (major === minimumNode[0] && minor < minimumNode[1])
  return old ? `Node.js ${process.versions.node}` : undefined
}

function explain(tried: readonly AddonCandidate[]): string {
  const list = tried.map(({ path, reason }) => `  ${path}\n    ${reason.split('\n')[0]}`).join('\n')
  const host = unfitHost()
  const missingSymbol = tried.some(({ reason }) => /undefined symbol|symbol not found|symbol lookup/i.test(reason))
  let advice: string
  if (host !== undefined) {
    advice = `${host} does not provide the OpenSSL and zlib functions that tickwire takes from its host. Run it with Node.js ${minimumNode.join('.')} or newer.`
  } else if (missingSymbol) {
    advice = `This build of Node.js ${process.versions.node} lacks functions that tickwire takes from its host: it needs one with its own OpenSSL 3.5 and zlib, as nodejs.org and the usual packages ship it.`
  } else {
    advice = `If there is no binary for ${process.platform}-${process.arch}, build it from a checkout with \`npm install\` and point TICKWIRE_ADDON at the file.`
  }
  return `The native part of tickwire could not be loaded.\n${list}\n${advice}`
}

function load(): unknown {
  const override = process.env['TICKWIRE_ADDON']
  const tried: AddonCandidate[] = []
  let cause: unknown
  // An override is meant: when it fails, falling back to another binary would hide that.
  for (const path of override ? [resolve(override)] : candidates()) {
    try {
      return here.require(path) as unknown
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      // A file that is there and fails says more than one that is not there.
      if (code !== 'MODULE_NOT_FOUND') cause ??= error
      tried.push({ path, reason: code === 'MODULE_NOT_FOUND' ? 'not found' : String(message) })
    }
  }
  throw new AddonLoadError(explain(tried), tried, cause === undefined ? undefined : { cause })
}

let addon: unknown

/** Loads the addon at the first call and hands out the same one after that. */
export function loadAddon(): unknown {
  addon ??= load()
  return addon
}
