// Where this machine gets Debian packages from, as its own apt configuration says.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const etc = '/etc/apt'
const archivePath = /\/(debian|ubuntu)(-security)?\/?$/

function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function parts(suffix) {
  try {
    return readdirSync(join(etc, 'sources.list.d'))
      .filter((name) => name.endsWith(suffix))
      .sort()
      .map((name) => read(join(etc, 'sources.list.d', name)))
  } catch {
    return []
  }
}

/** Address and text of each entry of the distribution's own archive; entries of other archives are left out. */
export function debianSources() {
  const oneLine = [read(join(etc, 'sources.list')), ...parts('.list')]
    .join('\n')
    .split('\n')
    .flatMap((line) => {
      const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s/.exec(line)
      return match && archivePath.test(match[1]) ? [{ format: 'list', uri: match[1], text: line }] : []
    })
  const stanzas = parts('.sources')
    .join('\n\n')
    .split(/\n\s*\n/)
    .flatMap((text) => {
      const lines = text.split('\n').filter((line) => !line.startsWith('#'))
      const value =
        lines
          .find((line) => /^URIs:/i.test(line))
          ?.replace(/^URIs:/i, '')
          .trim()
          .split(/\s+/) ?? []
      const disabled = lines.some((line) => /^Enabled:\s*(no|false)/i.test(line))
      const uris = disabled ? [] : value.filter((uri) => archivePath.test(uri))
      return uris.map((uri, i) => ({ format: 'sources', uri, text: i === 0 ? lines.join('\n') : '' }))
    })
  return [...stanzas, ...oneLine].map((source) => ({ ...source, uri: source.uri.replace(/\/$/, '') }))
}

export function debianArchives() {
  return [...new Set(debianSources().map((source) => source.uri))]
}
