/** The runner of C++ tests: whatever goes wrong in a process of theirs is a failure, and nothing holds it up. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { runDoctest } from '../../scripts/doctest.mjs'

let directory = ''
let said: string[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tickwire-doctest-'))
  said = []
  const hear = (text: unknown): true => (said.push(String(text)) > 0) as true
  vi.spyOn(process.stdout, 'write').mockImplementation(hear)
  vi.spyOn(console, 'log').mockImplementation(hear)
})

afterEach(() => {
  vi.restoreAllMocks()
  rmSync(directory, { recursive: true })
})

/** A program that lists `tests` (file, name) as doctest does, and does `what` when it is to run those of `file`. */
function program(tests: readonly (readonly [file: string, name: string])[], what: string): string {
  const path = join(directory, 'tests')
  const cases = tests.map(([file, name]) => `<TestCase name="${name}" testsuite="" filename="/x/${file}" line="1"/>`)
  const list = `${cases.join('\n')}\n<OverallResultsTestCases unskipped="${tests.length}"/>\n`
  const said = (passed: number, failed: number) =>
    `[doctest] test cases: ${passed + failed} | ${passed} passed | ${failed} failed | 0 skipped`
  writeFileSync(
    path,
    `#!${process.execPath}
const list = process.argv.includes('--list-test-cases')
const file = /source-file=\\*\\/(.*)/.exec(process.argv.find((arg) => arg.startsWith('--source-file=')) ?? '')?.[1]
const good = () => console.log('${said(1, 0)}')
const bad = () => { console.log('${said(0, 1)}'); process.exitCode = 1 }
if (list) process.stdout.write(${JSON.stringify(list)})
else { ${what} }
`,
  )
  chmodSync(path, 0o755)
  return path
}

const closing = (): string | undefined => said.findLast((text) => text.includes('[doctest] test cases:'))

describe('tests in C++', () => {
  const two = [
    ['a_test.cc', 'one'],
    ['b_test.cc', 'two<int> > one'],
  ] as const

  it('pass when all of them have passed, those of templates too', async () => {
    expect(await runDoctest(program(two, 'good()'), [], { timeoutMs: 10_000 })).toBe(true)
    expect(closing()).toContain('2 | 2 passed | 0 failed | 0 skipped')
  })

  it.each([
    ['fails', 'file === "a_test.cc" ? bad() : good()', 1, 1],
    [
      'dies before it has said anything',
      'if (file === "a_test.cc") process.kill(process.pid, "SIGSEGV"); else good()',
      1,
      1,
    ],
    ['ends with a finding after its tests', 'good(); if (file === "a_test.cc") process.exitCode = 66', 2, 1],
    ['leaves tests out', 'if (file === "b_test.cc") good()', 1, 1],
    ['hangs', 'if (file === "a_test.cc") setInterval(() => {}, 1000); else good()', 1, 1],
  ])('fail when a process %s', async (_how, what, passed, failed) => {
    expect(await runDoctest(program(two, what), [], { timeoutMs: 1_500 })).toBe(false)
    expect(closing()).toContain(`2 | ${passed} passed | ${failed} failed`)
  })

  it('do not wait for what a test has left behind', async () => {
    const left = 'require("node:child_process").spawn("sleep", ["600"], { stdio: "inherit" }).unref(); process.exit(3)'
    expect(await runDoctest(program(two.slice(0, 1), left), [], { timeoutMs: 60_000 })).toBe(false)
  })

  it('fail when there are none', async () => {
    expect(await runDoctest(program([], ''), [], { timeoutMs: 10_000 })).toBe(false)
  })

  it('run once each when they are chosen by their files', async () => {
    const path = program(
      two,
      'if (process.argv.filter((arg) => /^--?(sf|source-file)=/.test(arg)).length === 1) good()',
    )
    expect(await runDoctest(path, ['-sf=*_test.cc'], { timeoutMs: 10_000 })).toBe(true)
  })
})
