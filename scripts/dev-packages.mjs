// Unpacks libssl-dev and zlib1g-dev into third_party/dev, for the C++ unit tests and fuzzers: programs of their own have
// no Node.js around them to take OpenSSL and zlib from. Nothing is installed: apt works in a directory of this project,
// on the sources of this machine, and checks their signatures as usual. Where there is no apt, or the headers and
// libraries of the system are to be used, CMake finds those.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianSources } from './debian-archive.mjs'
import { root, run, spawn } from './run.mjs'

const packages = ['libssl-dev', 'zlib1g-dev']
const target = join(root, 'third_party', 'dev')
const complete = join(target, '.complete')

export function devPackages() {
  if (existsSync(complete) || !existsSync('/usr/bin/apt-get')) return
  const apt = join(root, 'third_party', '.apt')
  for (const directory of ['sources', 'lists/partial', 'cache/archives/partial', 'debs']) {
    mkdirSync(join(apt, directory), { recursive: true })
  }
  const sources = debianSources()
  const texts = (format) =>
    sources.filter((source) => source.format === format && source.text).map((source) => source.text)
  writeFileSync(join(apt, 'sources', 'archive.list'), `${texts('list').join('\n')}\n`)
  writeFileSync(join(apt, 'sources', 'archive.sources'), `${texts('sources').join('\n\n')}\n`)
  const options = {
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': join(apt, 'sources'),
    'Dir::State::lists': join(apt, 'lists'),
    'Dir::Cache': join(apt, 'cache'),
    // As root, apt hands downloads to a user who may not be allowed into this directory.
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '2',
    'Acquire::http::Timeout': '20',
  }
  const flags = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`])
  run('apt-get', ['-qq', ...flags, 'update'])
  run('apt-get', ['-qq', ...flags, 'download', ...packages], { cwd: join(apt, 'debs') })
  for (const file of readdirSync(join(apt, 'debs')).filter((name) => name.endsWith('.deb'))) {
    run('dpkg-deb', ['-x', join(apt, 'debs', file), target])
  }
  writeFileSync(complete, `${spawn('ls', [join(apt, 'debs')], { quiet: true }).stdout}`)
  rmSync(apt, { recursive: true, force: true })
}

if (process.argv[1] === import.meta.filename) devPackages()
