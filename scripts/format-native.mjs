// clang-format over all C++ of the project; `--check` only says what differs.

import { globSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './run.mjs'

const files = globSync(['native/**/*.{h,cc}', 'test/{native,fuzz}/**/*.{h,cc}', 'bench/**/*.{h,cc}'], { cwd: root })
const program = process.env.CLANG_FORMAT ?? 'clang-format'
run(program, [
  ...(process.argv.includes('--check') ? ['--dry-run', '-Werror'] : ['-i']),
  ...files.map((file) => join(root, file)),
])
