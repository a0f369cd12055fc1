// clang-tidy over native/, with the compile commands of the addon build: `node scripts/tidy-native.mjs [--minutes=N]
// [REGEX]`. Files that the time does not reach are named, not passed over in silence.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
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
const waiting = JSON.parse(readFileSync(join(database, 'compile_commands.json'), 'utf8'))
  .map(({ file }) => file)
  .filter((file) => file.startsWith(native) && wanted.test(file))
const total = waiting.length
let failed = 0

function tidy(file) {
  // GCC's command line, read by clang: it does not know every name of a warning.
  const args = ['-p', database, '--quiet', '--extra-arg=-Wno-unknown-warning-option', file]
  return new Promise((resolve) => {
    execFile(process.env.CLANG_TIDY ?? 'clang-tidy', args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error) {
        failed++
        console.error(`${relative(root, file)}:\n${stdout || stderr || error.message}`)
      }
      resolve()
    })
  })
}

async function worker() {
  while (waiting.length > 0 && Date.now() < deadline) await tidy(waiting.shift())
}

await Promise.all(Array.from({ length: Number(jobs) }, worker))
if (waiting.length > 0)
  console.error(`tidy: out of time before ${waiting.map((file) => relative(root, file)).join(', ')}`)
console.error(`tidy: ${total - waiting.length} of ${total} files looked at, ${failed} with findings`)
process.exitCode = failed > 0 || total === 0 ? 1 : 0
