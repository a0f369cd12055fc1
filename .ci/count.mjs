// Prints `passed failed skipped` of what ran: doctest's closing line in a log, and vitest's JSON report when there is
// one. A report or a summary that was to be there and is not counts as a failure: a runner that died counted nothing.
import { existsSync, readFileSync } from 'node:fs'

const [log, report] = process.argv.slice(2)
const sum = { passed: 0, failed: 0, skipped: 0 }

const text = readFileSync(log, 'utf8')
const doctest = [
  ...text.matchAll(/^\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed \|\s*(\d+) skipped/gm),
].at(-1)
if (doctest) {
  sum.passed += Number(doctest[1])
  sum.failed += Number(doctest[2])
  sum.skipped += Number(doctest[3])
} else {
  sum.failed++
}

const wantsVitest = process.env.TICKWIRE_VITEST_REPORT !== undefined
if (existsSync(report)) {
  const vitest = JSON.parse(readFileSync(report, 'utf8'))
  sum.passed += vitest.numPassedTests
  sum.failed += vitest.numFailedTests
  sum.skipped += vitest.numPendingTests + (vitest.numTodoTests ?? 0)
  // A file that fails while it is loaded has no tests to fail.
  if (!vitest.success && vitest.numFailedTests === 0) sum.failed += Math.max(1, vitest.numFailedTestSuites)
} else if (wantsVitest) {
  sum.failed++
}

console.log(`${sum.passed} ${sum.failed} ${sum.skipped}`)
