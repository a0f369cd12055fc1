// Brings the sources listed in third_party.json into third_party/, checked by SHA-256 file by file, so that it does not
// matter which of the two routes they came by: upstream, or the Debian archive that this machine's apt is set up for.
// Does nothing when everything is there. `--core` leaves out what only the tests need.
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { debianArchives } from './debian-archive.mjs'
import { root, spawn } from './run.mjs'

const headersTimeoutMs = 5_000
const bodyTimeoutMs = 120_000

export class ThirdPartyError extends Error {
  /** @param {'ERR_DOWNLOAD' | 'ERR_CHECKSUM' | 'ERR_UNPACK'} code */
  constructor(code, message) {
    super(message)
    this.name = 'ThirdPartyError'
    this.code = code
  }
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

async function download(url) {
  const abort = new AbortController()
  let timer = setTimeout(() => abort.abort(new Error('no answer in time')), headersTimeoutMs)
  try {
    const response = await fetch(url, { signal: abort.signal })
    clearTimeout(timer)
    if (!response.ok) throw new Error(`HTTP ${response.status}`)
    timer = setTimeout(() => abort.abort(new Error('download took too long')), bodyTimeoutMs)
    return Buffer.from(await response.arrayBuffer())
  } catch (error) {
    throw new ThirdPartyError('ERR_DOWNLOAD', `${url}: ${error.cause?.message ?? error.message}`)
  } finally {
    clearTimeout(timer)
  }
}

function unpack(bytes, url, directory) {
  const file = join(directory, url.endsWith('.deb') ? 'archive.deb' : 'archive.tar')
  writeFileSync(file, bytes)
  // CMake brings its own decompressors; tar would need programs that a bare system may lack.
  const { status } = url.endsWith('.deb')
    ? spawn('dpkg-deb', ['-x', file, directory])
    : spawn('cmake', ['-E', 'tar', 'xf', file], { cwd: directory })
  rmSync(file)
  if (status !== 0) throw new ThirdPartyError('ERR_UNPACK', `${url}: cannot be unpacked`)
}

/** Where in the archive a wanted file is: under one of several paths, as the routes' archives differ. */
function locate(members, wanted) {
  for (const member of [wanted].flat()) {
    const [path] = members
      .filter((candidate) => candidate === member || candidate.endsWith(`/${member}`))
      .sort((a, b) => a.length - b.length)
    if (path !== undefined) return path
  }
  return undefined
}

/** Reads the wanted files out of the unpacked archive; all of them must have the pinned content. */
function collect(entry, directory, url) {
  const members = readdirSync(directory, { recursive: true }).map(String)
  return Object.entries(entry.files).map(([name, { member, sha256: expected }]) => {
    const path = locate(members, member)
    if (path === undefined) throw new ThirdPartyError('ERR_UNPACK', `${url}: holds no ${member}`)
    const content = readFileSync(join(directory, path))
    if (sha256(content) !== expected) {
      throw new ThirdPartyError(
        'ERR_CHECKSUM',
        `${url}: ${member} has SHA-256 ${sha256(content)}, expected ${expected}`,
      )
    }
    return [name, content]
  })
}

function present(entry, target) {
  return Object.entries(entry.files).every(([name, { sha256: expected }]) => {
    const path = join(target, name)
    return existsSync(path) && sha256(readFileSync(path)) === expected
  })
}

async function bring(name, entry) {
  const target = join(root, 'third_party', name)
  if (present(entry, target)) return
  mkdirSync(join(root, 'third_party'), { recursive: true })
  const routes = [entry.upstream, ...debianArchives().map((base) => `${base}/${entry.debian}`)]
  const failures = []
  for (const url of routes) {
    const work = mkdtempSync(join(root, 'third_party', '.unpack-'))
    try {
      unpack(await download(url), url, work)
      for (const [file, content] of collect(entry, work, url)) {
        const path = join(target, file)
        mkdirSync(dirname(path), { recursive: true })
        // Renamed into place: a build that runs beside this one sees the whole file or none.
        writeFileSync(`${path}.part`, content)
        renameSync(`${path}.part`, path)
      }
      console.error(`third-party: ${name} ${entry.version} from ${url}`)
      return
    } catch (error) {
      if (!(error instanceof ThirdPartyError)) throw error
      failures.push(error)
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  }
  // A wrong checksum is the graver news, so it names the failure.
  const code = failures.find((failure) => failure.code === 'ERR_CHECKSUM')?.code ?? failures.at(-1).code
  throw new ThirdPartyError(
    code,
    `${name} ${entry.version} could not be had:\n${failures.map((failure) => `  ${failure.message}`).join('\n')}`,
  )
}

const manifest = JSON.parse(readFileSync(join(root, 'third_party.json'), 'utf8'))
const onlyCore = process.argv.includes('--core')
try {
  for (const [name, entry] of Object.entries(manifest)) {
    if (!onlyCore || entry.use === 'core') await bring(name, entry)
  }
} catch (error) {
  if (!(error instanceof ThirdPartyError)) throw error
  console.error(`third-party: ${error.code}: ${error.message}`)
  process.exitCode = 1
}
