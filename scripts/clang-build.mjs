// The build by clang with ASan and UBSan, for the fuzzers.
import { join } from 'node:path'
import { root } from './run.mjs'

export const clangDirectory = join(root, 'build', 'clang')

export const clangArguments = [
  `-DCMAKE_C_COMPILER=${process.env.CLANG ?? 'clang'}`,
  `-DCMAKE_CXX_COMPILER=${process.env.CLANGXX ?? 'clang++'}`,
  '-DTICKWIRE_FUZZ=ON',
  '-DTICKWIRE_SANITIZE=address,undefined',
  '-DTICKWIRE_WERROR=OFF',
  '-DCMAKE_BUILD_TYPE=RelWithDebInfo',
  '-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1',
]
