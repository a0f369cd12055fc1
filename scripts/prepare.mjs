// npm runs this after `npm install` in a checkout, never for a package that was installed from the registry.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { bin, root, run } from './run.mjs'

if (!existsSync(join(bin, 'cmake-js'))) {
  // `npm install --omit=dev` in a checkout: nothing to build with.
  console.error('prepare: no development dependencies, so nothing is built')
} else {
  run(process.execPath, [join(root, 'scripts', 'build-native.mjs')])
  run(process.execPath, [join(root, 'scripts', 'build-ts.mjs')])
}
