import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { debianSources } from '../../scripts/debian-archive.mjs'

const cache = fileURLToPath(new URL('../../node_modules/.cache/tickwire/', import.meta.url))

function run(command: string, args: readonly string[], cwd: string): void {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 240_000 })
  if (result.error) throw new Error(`cannot run ${command}: ${result.error.message}`)
  if (result.status !== 0) throw new Error(`${command} ${args.at(-1)}: ${result.stderr.trim()}`)
}

export interface UnpackOptions {
  /** Also what the packages depend on, as far as this machine has it not installed. Default false. */
  readonly dependencies?: boolean
}

/**
 * Unpacks packages of this machine's Debian into the project's cache and returns the directory. Nothing is installed: apt
 * works in a directory of the project's own and checks signatures as usual.
 */
export function unpackDebianPackages(name: string, packages: readonly string[], options: UnpackOptions = {}): string {
  const target = join(cache, name)
  if (existsSync(join(target, '.complete'))) return target
  if (!existsSync('/usr/bin/apt-get')) throw new Error('this machine has no apt')

  const work = join(cache, `${name}.${process.pid}`)
  const apt = join(work, 'apt')
  try {
    for (const part of ['sources', 'lists/partial', 'cache/archives/partial', 'debs']) {
      mkdirSync(join(apt, part), { recursive: true })
    }
    const texts = (format: string): string[] =>
      debianSources().flatMap((source) => (source.format === format && source.text ? [source.text] : []))
    writeFileSync(join(apt, 'sources', 'archive.list'), `${texts('list').join('\n')}\n`)
    writeFileSync(join(apt, 'sources', 'archive.sources'), `${texts('sources').join('\n\n')}\n`)
    const settings = [
      'Dir::Etc::sourcelist=/dev/null',
      `Dir::Etc::sourceparts=${join(apt, 'sources')}`,
      `Dir::State::lists=${join(apt, 'lists')}`,
      `Dir::Cache=${join(apt, 'cache')}`,
      'APT::Sandbox::User=root',
      'Acquire::Languages=none',
      'Acquire::Retries=2',
      'Acquire::http::Timeout=20',
    ].flatMap((setting) => ['-o', setting])
    const debs = join(apt, 'debs')
    run('apt-get', ['-qq', ...settings, 'update'], debs)
    if (options.dependencies) {
      const fetch = ['install', '--download-only', '--no-install-recommends', '--yes']
      // Nothing of the system's is written, so nothing of it need be locked, by whoever holds the lock.
      const own = ['-o', `Dir::Cache::archives=${debs}`, '-o', 'Debug::NoLocking=true']
      mkdirSync(join(debs, 'partial'), { recursive: true })
      run('apt-get', ['-qq', ...settings, ...own, ...fetch, ...packages], debs)
    } else {
      run('apt-get', ['-qq', ...settings, 'download', ...packages], debs)
    }
    const unpacked = join(work, 'root')
    for (const file of readdirSync(debs).filter((entry) => entry.endsWith('.deb'))) {
      run('dpkg-deb', ['-x', join(debs, file), unpacked], debs)
    }
    writeFileSync(join(unpacked, '.complete'), `${readdirSync(debs).join('\n')}\n`)
    rmSync(target, { recursive: true, force: true })
    try {
      renameSync(unpacked, target)
    } catch (error) {
      // Another process was quicker with the same packages.
      if (!existsSync(join(target, '.complete'))) throw error
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return target
}
