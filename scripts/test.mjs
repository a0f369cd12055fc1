// `npm test`: brings the build up to date, then runs the TypeScript tests and the C++ unit tests, these under ASan and
// UBSan. Both run, whatever the first says. Arguments go to vitest.
import { join } from 'node:path'
import { bin, root, run, spawn } from './run.mjs'

const script = (name) => join(root, 'scripts', name)

run(process.execPath, [script('build-native.mjs')])
run(process.execPath, [script('build-ts.mjs')])
const typescript = spawn(process.execPath, [join(bin, 'vitest'), 'run', ...process.argv.slice(2)])
const native = spawn(process.execPath, [script('test-native.mjs'), '--sanitize=address,undefined'])
process.exitCode = typescript.status || native.status
