// Builds the libFuzzer targets with clang, ASan and UBSan, and runs each for `--seconds=N` (60), `--parallel=N`
// at a time (as many as compilers). New
// inputs go to build/clang/found/<target>; those worth keeping are copied to test/fuzz/corpus/<target> by hand, with
// `node scripts/fuzz.mjs --merge`, which keeps only what adds coverage.
import { spawn as start } from 'node:child_process'
import { createWriteStream, existsSync, globSync, mkdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { clangArguments, clangDirectory as directory } from './clang-build.mjs'
import { devPackages } from './dev-packages.mjs'
import { jobs, root, run } from './run.mjs'

const { values, positionals } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    parallel: { type: 'string', default: jobs },
    merge: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const targets = globSync('test/fuzz/*_fuzz.cc', { cwd: root })
  .map((file) => basename(file, '.cc'))
  .filter((name) => positionals.length === 0 || positionals.includes(name))
  .sort()
if (targets.length === 0) {
  console.error('fuzz: no such target')
  process.exit(2)
}

run(process.execPath, [join(root, 'scripts', 'third-party.mjs')])
devPackages()
run('cmake', ['-S', root, '-B', directory, '--log-level=WARNING', ...clangArguments])
run('cmake', ['--build', directory, '--target', 'tickwire_fuzzers', '-j', jobs])

function fuzz(name) {
  const corpus = join(root, 'test', 'fuzz', 'corpus', name.replace(/_fuzz$/, ''))
  const found = join(directory, 'found', name)
  const log = join(directory, `${name}.log`)
  for (const folder of [corpus, found]) mkdirSync(folder, { recursive: true })
  const dictionary = join(root, 'test', 'fuzz', `${name}.dict`)
  const args = values.merge
    ? ['-merge=1', corpus, found]
    : [
        `-max_total_time=${values.seconds}`,
        '-timeout=10',
        '-rss_limit_mb=2048',
        '-print_final_stats=1',
        `-artifact_prefix=${join(directory, `${name}-`)}`,
        ...(existsSync(dictionary) ? [`-dict=${dictionary}`] : []),
        found,
        corpus,
      ]
  return new Promise((resolve) => {
    const output = createWriteStream(log)
    const child = start(join(directory, 'test', 'fuzz', name), args, { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.pipe(output, { end: false })
    child.stderr.pipe(output, { end: false })
    child.on('close', (status) =>
      output.end(() => {
        const text = readFileSync(log, 'utf8')
        const runs = /number_of_executed_units:\s*(\d+)/.exec(text)?.[1]
        console.error(`fuzz: ${name}: ${status === 0 ? `ok, ${runs ?? '?'} inputs` : `FAILED (${status})`}`)
        if (status !== 0) console.error(text.slice(-6000))
        resolve(status === 0)
      }),
    )
  })
}

const waiting = [...targets]
const results = []
async function worker() {
  while (waiting.length > 0) results.push(await fuzz(waiting.shift()))
}
await Promise.all(Array.from({ length: Number(values.parallel) }, worker))
process.exitCode = results.every(Boolean) ? 0 : 1
