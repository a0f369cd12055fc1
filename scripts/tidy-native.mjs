// clang-tidy over native/, with the compile commands of the addon build: `node scripts/tidy-native.mjs [--minutes=N]
// [REGEX]`. Files that the time does not reach are named, not passed over in silence.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { jobs, root } from './run.mjs'

const { values, positionals } = parseArgs({
  options: { minutes: { type: 'string', default: '60' } },
  allowPositionals: true,
})
const deadline = Date.now() + Number(values.minutes) * 60_000
const wanted = new RegExp(positionals[0] ?? '')
const database = join(root, 'build', 'addon')
const native = join(root, 'native')

/** The project's files in what is compiled as one: a file of its own, or several that CMake has put together. */
function sources({ directory, file }) {
  if (!file.includes('/Unity/')) return [resolve(directory, file)]
  return [...readFileSync(file, 'utf8').matchAll(/^#include "(.+)"/gm)].map(([, included]) => included)
}

const units = JSON.parse(readFileSync(join(database, 'compile_commands.json'), 'utf8'))
  .map((entry) => ({ file: entry.file, sources: sources(entry).filter((file) => file.startsWith(native)) }))
  .filter((unit) => unit.sources.some((file) => wanted.test(file)))
const total = units.flatMap((unit) => unit.sources).length
// The largest first: two that end at about the same time are better than one that goes on alone.
const waiting = units.sort((a, b) => b.sources.length - a.sources.length)
let failed = 0

function tidy({ file, sources }) {
  // GCC's command line, read by clang: it does not know every name of a warning.
  const checks = file.includes('/Unity/') ? ['--checks=-bugprone-suspicious-include'] : []
  const args = ['-p', database, '--quiet', ...checks, '--extra-arg=-Wno-unknown-warning-option', file]
  return new Promise((resolve) => {
    execFile(process.env.CLANG_TIDY ?? 'clang-tidy', args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error) {
        failed++
        console.error(
          `${sources.map((source) => relative(root, source)).join(' ')}:\n${stdout || stderr || error.message}`,
        )
      }
      resolve()
    })
  })
}

async function worker() {
  while (waiting.length > 0 && Date.now() < deadline) await tidy(waiting.shift())
}

await Promise.all(Array.from({ length: Number(jobs) }, worker))
const left = waiting.flatMap((unit) => unit.sources)
if (left.length > 0) console.error(`tidy: out of time before ${left.map((file) => relative(root, file)).join(', ')}`)
console.error(`tidy: ${total - left.length} of ${total} files looked at, ${failed} units with findings`)
process.exitCode = failed > 0 || total === 0 ? 1 : 0
