// Runs a doctest program as several processes side by side, one for each source file of tests: the sanitizers' slowness is
// shared by the cores, and what a crash takes with it is one file's tests.
import { spawnSync, spawn as start } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { basename } from 'node:path'

/** What doctest and separators say around what tests say. */
const frame = /^(\[doctest\] .*|=+)$\n?/gm
const summary = /^\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed \|/m

// Several of them add up; what they leave out is not among the files that are run.
const sourceFilter = /^--?(dt-)?(sf|source-file)=/

/** How many tests each source file has that `args` select. */
function listed(program, args, env) {
  const list = spawnSync(program, ['--list-test-cases', '--reporters=xml', ...args], {
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (list.status !== 0) throw new Error(`${program} does not list its tests:\n${list.stdout}${list.stderr}`)
  const files = new Map()
  // Names may hold anything but quotes: templates have brackets in theirs.
  for (const [, path] of list.stdout.matchAll(
    /<TestCase name="[^"]*"(?: (?!filename=)[a-z_]+="[^"]*")* filename="([^"]*)"/g,
  )) {
    files.set(basename(path), (files.get(basename(path)) ?? 0) + 1)
  }
  const [, total] = /<OverallResultsTestCases unskipped="(\d+)"/.exec(list.stdout) ?? []
  if (count(files) !== Number(total))
    throw new Error(`of ${total} tests in ${program}, ${count(files)} name their file`)
  return files
}

function count(files) {
  return [...files.values()].reduce((sum, tests) => sum + tests, 0)
}

/** Runs the tests of one file. Resolves with what it said, and why it failed apart from its tests (null: it did not). */
function runFile(program, args, { file, env, timeoutMs }) {
  return new Promise((resolve) => {
    const child = start(program, [`--source-file=*/${file}`, ...args.filter((arg) => !sourceFilter.test(arg))], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that what a test has started and left behind ends with it: it would hold the pipes open.
      detached: true,
    })
    const endGroup = () => {
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch (error) {
        if (error.code !== 'ESRCH') throw error
      }
    }
    const pieces = []
    const timer = setTimeout(endGroup, timeoutMs)
    child.on('exit', endGroup)
    child.stdout.on('data', (piece) => pieces.push(piece))
    child.stderr.on('data', (piece) => pieces.push(piece))
    child.on('error', (error) => pieces.push(Buffer.from(`${error}\n`)))
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      const output = Buffer.concat(pieces).toString('utf8')
      const counts = summary.exec(output)
      const ended = signal ? `by ${signal}` : `with status ${status}`
      resolve({
        output,
        passed: Number(counts?.[1] ?? 0),
        failed: Number(counts?.[2] ?? 0),
        ended: status === 0 ? null : ended,
      })
    })
  })
}

/**
 * Runs all tests that `args` select, prints what they say and, last, doctest's closing line for all of them. Returns whether all of them
 * ran and passed.
 */
export async function runDoctest(program, args, { env = {}, timeoutMs, processes = availableParallelism() }) {
  const all = { ...process.env, ...env }
  const files = listed(program, args, all)
  const waiting = [...files.keys()].sort()
  const sum = { passed: 0, failed: 0 }
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const began = performance.now()
      const { output, passed, failed, ended } = await runFile(program, args, { file, env: all, timeoutMs })
      const missing = files.get(file) - passed - failed
      sum.passed += passed
      // A process that died counted nothing, and a sanitizer's finding may belong to no test.
      sum.failed += failed + Math.abs(missing) + (ended !== null && failed + missing === 0 ? 1 : 0)
      const seconds = ((performance.now() - began) / 1_000).toFixed(1)
      if (ended === null && missing === 0) {
        process.stdout.write(`ok    ${file}: ${passed} (${seconds} s)\n${output.replace(frame, '')}`)
      } else {
        const why = [
          failed > 0 && `${failed} failed`,
          missing > 0 && `${missing} did not run`,
          missing < 0 && `${-missing} more than there are`,
          ended && `ended ${ended}`,
        ]
        process.stdout.write(`FAIL  ${file}: ${why.filter(Boolean).join(', ')} (${seconds} s)\n${output}`)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, processes || 1) }, worker))
  const { passed, failed } = sum
  const total = count(files)
  const skipped = count(listed(program, ['--no-skip'], all)) - total
  console.log(`[doctest] test cases: ${total} | ${passed} passed | ${failed} failed | ${skipped} skipped`)
  return failed === 0 && passed === total && total > 0
}
