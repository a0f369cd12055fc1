import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const directory = fileURLToPath(new URL('../build/bench/java/', import.meta.url))
const source = fileURLToPath(new URL('./java/AeronIpc.java', import.meta.url))
const artifact = { group: 'io.aeron', name: 'aeron-all', version: '1.44.1' } as const
const sha256 = '3bcd1b5a9ec5ea6461de67b5ce7ce97c57c5129bef3158cbe0fac0b7bfb716ad'
const jar = join(directory, `${artifact.name}-${artifact.version}.jar`)

/** Aeron touches memory in ways that newer Javas ask to be told of. */
const javaFlags = [
  '--add-opens',
  'java.base/sun.nio.ch=ALL-UNNAMED',
  '--add-opens',
  'java.base/jdk.internal.misc=ALL-UNNAMED',
]

/**
 * Aeron from Maven Central, on first use, with the program that measures it. Returns why it cannot be had here, or null: it takes a
 * JDK of 17 or newer and Maven.
 */
export function prepareAeron(log: (text: string) => void): string | null {
  if (spawnSync('javac', ['-version']).status !== 0) return 'there is no JDK'
  mkdirSync(directory, { recursive: true })
  if (!existsSync(jar)) {
    log('fetching Aeron')
    const coordinates = `${artifact.group}:${artifact.name}:${artifact.version}`
    const fetched = spawnSync('mvn', [
      '-q',
      '-B',
      'dependency:copy',
      `-Dartifact=${coordinates}`,
      `-DoutputDirectory=${directory}`,
    ])
    if (fetched.status !== 0 || !existsSync(jar)) return 'Maven is not there, or does not get it'
  }
  if (createHash('sha256').update(readFileSync(jar)).digest('hex') !== sha256) {
    throw new Error(`${jar} is not the file that it should be`)
  }
  const built = spawnSync('javac', ['-cp', jar, '-d', directory, source], { encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`cannot compile ${source}: ${built.stderr}`)
  return null
}

/** What the program says. @throws Error when it fails. */
export function runAeron<Result>(args: readonly string[]): Result {
  const run = spawnSync('java', [...javaFlags, '-cp', `${jar}:${directory}`, 'AeronIpc', ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  if (run.status !== 0) throw new Error(`Aeron: ${run.error?.message ?? run.stderr}`)
  return JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '') as Result
}
