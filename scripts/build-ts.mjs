// lib/ → dist/esm and dist/cjs, each with its declarations and a package.json that says which of the two it is.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bin, root, run } from './run.mjs'

rmSync(join(root, 'dist'), { recursive: true, force: true })
for (const [format, type] of [
  ['esm', 'module'],
  ['cjs', 'commonjs'],
]) {
  run(join(bin, 'tsc'), ['-p', `tsconfig.${format}.json`])
  mkdirSync(join(root, 'dist', format), { recursive: true })
  writeFileSync(join(root, 'dist', format, 'package.json'), `${JSON.stringify({ type })}\n`)
}
