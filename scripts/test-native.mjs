// Builds and runs the C++ unit tests: `node scripts/test-native.mjs [--sanitize=address,undefined|thread] [--only=REGEX]
// [--except=REGEX] [-- DOCTEST ARGUMENTS]`. Each kind of build has a directory of its own under build/.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { devPackages } from './dev-packages.mjs'
import { runDoctest } from './doctest.mjs'
import { jobs, root, run } from './run.mjs'

const { values, positionals } = parseArgs({
  options: {
    sanitize: { type: 'string', default: '' },
    only: { type: 'string', default: '' },
    except: { type: 'string', default: '' },
  },
  allowPositionals: true,
})
const directory = join(root, 'build', values.sanitize ? `tests-${values.sanitize.replaceAll(',', '-')}` : 'tests')

run(process.execPath, [join(root, 'scripts', 'third-party.mjs')])
devPackages()
run('cmake', [
  '-S',
  root,
  '-B',
  directory,
  '--log-level=WARNING',
  `-DTICKWIRE_TEST_ONLY=${values.only}`,
  `-DTICKWIRE_TEST_EXCEPT=${values.except}`,
  '-DTICKWIRE_TESTS=ON',
  `-DTICKWIRE_SANITIZE=${values.sanitize}`,
  // Optimised but with its assertions, and quick to compile; the tests themselves are not optimised.
  '-DCMAKE_BUILD_TYPE=RelWithDebInfo',
  '-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1',
])
run('cmake', ['--build', directory, '--target', 'tickwire_tests', '-j', jobs])
const ok = await runDoctest(join(directory, 'test', 'native', 'tickwire_tests'), positionals, {
  processes: Number(jobs),
  // Far beyond what any file of tests takes: a deadlock ends as a failure, not as a hanging run.
  timeoutMs: 600_000,
  env: {
    ASAN_OPTIONS: 'detect_stack_use_after_return=1:strict_string_checks=1',
    UBSAN_OPTIONS: 'print_stacktrace=1',
    TSAN_OPTIONS: `halt_on_error=0:second_deadlock_stack=1:suppressions=${join(root, 'test', 'native', 'tsan.supp')}`,
  },
})
process.exitCode = ok ? 0 : 1
