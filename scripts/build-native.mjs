// Compiles build/addon/Release/tickwire.node. Arguments go to cmake-js, e.g. `npm run build:native -- --debug`.
import { join } from 'node:path'
import { bin, jobs, nodeInclude, root, run } from './run.mjs'

run(process.execPath, [join(root, 'scripts', 'third-party.mjs'), '--core'])
run(
  process.execPath,
  [
    join(bin, 'cmake-js'),
    'build',
    '--out=build/addon',
    '--log-level=warn',
    `--CDTICKWIRE_NODE_INCLUDE=${nodeInclude}`,
    ...process.argv.slice(2),
  ],
  { env: { CMAKE_BUILD_PARALLEL_LEVEL: jobs } },
)
