// Fills prebuilds/ for a release. Without arguments: the addon as this machine compiled it, stripped. With
// `--target=linux-x64|…|all`: cross compiled, for the oldest systems that Node.js itself supports. With `--check` as well: only
// whether it compiles and links there, in a third of the time, since nothing is optimised; prebuilds/ is left alone.
import { copyFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { jobs, root, run } from './run.mjs'
import { targets, zigToolchain } from './zig.mjs'

const { values } = parseArgs({ options: { target: { type: 'string' }, check: { type: 'boolean', default: false } } })

function place(file, name) {
  const path = join(root, 'prebuilds', name, 'tickwire.node')
  mkdirSync(dirname(path), { recursive: true })
  copyFileSync(file, path)
  return path
}

function crossBuild(name) {
  const require = createRequire(import.meta.url)
  const directory = join(root, 'build', 'cross', values.check ? `${name}-check` : name)
  const { args, env } = zigToolchain(name)
  const includes = [require('node-api-headers').include_dir, dirname(require.resolve('node-addon-api'))]
  // zig adds checks of its own to what is not optimised, which need its runtime.
  const plain = '-O0 -fno-sanitize=all'
  const build = values.check
    ? ['-DCMAKE_BUILD_TYPE=Debug', `-DCMAKE_C_FLAGS_DEBUG=${plain}`, `-DCMAKE_CXX_FLAGS_DEBUG=${plain}`]
    : []
  run(
    'cmake',
    ['-S', root, '-B', directory, '--log-level=WARNING', `-DCMAKE_JS_INC=${includes.join(';')}`, ...args, ...build],
    { env },
  )
  run('cmake', ['--build', directory, '-j', jobs], { env })
  if (values.check) return
  place(join(directory, 'tickwire.node'), name)
}

run(process.execPath, [join(root, 'scripts', 'third-party.mjs'), '--core'])
if (values.target === undefined) {
  const musl = process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime
  run(process.execPath, [join(root, 'scripts', 'build-native.mjs')])
  const path = place(
    join(root, 'build', 'addon', 'Release', 'tickwire.node'),
    `${process.platform}-${process.arch}${musl ? '-musl' : ''}`,
  )
  run('strip', process.platform === 'darwin' ? ['-x', path] : [path])
} else {
  const names = values.target === 'all' ? Object.keys(targets) : values.target.split(',')
  const unknown = names.filter((name) => !(name in targets))
  if (unknown.length > 0) {
    console.error(`prebuild: unknown target ${unknown.join(', ')}; known: ${Object.keys(targets).join(', ')}, all`)
    process.exit(2)
  }
  for (const name of names) crossBuild(name)
}
