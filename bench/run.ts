/**
 *   npm run --silent bench -- [NAME…] [--quick]
 *
 * Runs the named benches, or all, and prints one JSON line per figure on stdout; what happens meanwhile goes to stderr.
 * `micro/NAME` is a program of its own that measures one part in one process.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Bench, type BenchContext, rounded } from './report.ts'

const support = new Set(['run', 'report', 'compare', 'child', 'mallocs', 'ccxt', 'native', 'java'])
const names = readdirSync(fileURLToPath(new URL('.', import.meta.url)))
  .filter((file) => file.endsWith('.ts') && !support.has(file.slice(0, -3)))
  .map((file) => file.slice(0, -3))
  .sort()

const microDirectory = fileURLToPath(new URL('./micro/', import.meta.url))
const microSuffix = '.bench.ts'
const micro = readdirSync(microDirectory)
  .filter((file) => file.endsWith(microSuffix))
  .map((file) => `micro/${file.slice(0, -microSuffix.length)}`)
  .sort()

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false } },
})
const wanted = positionals.length > 0 ? positionals : names
const unknown = wanted.filter((name) => !names.includes(name) && !micro.includes(name))
if (unknown.length > 0) {
  console.error(`no such bench: ${unknown.join(', ')}\nthere are: ${[...names, ...micro].join(', ')}`)
  process.exit(2)
}
if (!existsSync(fileURLToPath(new URL('../dist/esm/index.js', import.meta.url)))) {
  console.error('there is no build to measure: npm run build')
  process.exit(2)
}

function mapValues(of: Readonly<Record<string, number>>, map: (value: number) => number): Record<string, number> {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, map(value)]))
}

/** How many times better ours is; the least that could have been counted stands for nothing at all. */
function ratio(ours: number, peer: number, better: 'more' | 'less', least: number): number {
  return better === 'more' ? ours / Math.max(peer, least) : peer / Math.max(ours, least)
}

console.error(`${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} CPUs, Node ${process.version}`)
let failed = false
for (const name of wanted) {
  const context: BenchContext = {
    quick: values.quick,
    log: (text) => console.error(`${name}: ${text}`),
    print: (line) => console.log(line),
    emit: (figure, better) => {
      const { metric, mode, unit, ours, peers, resolution = 0, also, ...notes } = figure
      const line = {
        bench: name,
        metric,
        ...(mode === undefined ? {} : { mode }),
        unit,
        ours: rounded(ours),
        peers: mapValues(peers, rounded),
        ratio: mapValues(peers, (peer) => rounded(ratio(ours, peer, better, resolution))),
        ...(also ? { also: mapValues(also, rounded) } : {}),
        ...notes,
      }
      console.log(JSON.stringify(line))
    },
  }
  try {
    if (micro.includes(name)) {
      const program = `${microDirectory}${name.slice('micro/'.length)}${microSuffix}`
      const { status } = spawnSync(process.execPath, [program], { stdio: ['ignore', 'inherit', 'inherit'] })
      if (status !== 0) throw new Error(`ended with status ${status}`)
      continue
    }
    const { default: bench } = (await import(`./${name}.ts`)) as { default: Bench }
    await bench(context)
  } catch (error) {
    failed = true
    console.error(`${name}: failed`, error)
  }
}
process.exit(failed ? 1 : 0)
