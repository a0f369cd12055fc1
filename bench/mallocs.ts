import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Size of the counters' file; see native/malloc_count.c. */
export const mallocSlots = 64
export const mallocSlotBytes = 32

/** Compiles the counting library into `directory`; returns its path. */
export function buildMallocCounter(directory: string): string {
  const source = fileURLToPath(new URL('./native/malloc_count.c', import.meta.url))
  const library = join(directory, 'malloc_count.so')
  const result = spawnSync(process.env.CC ?? 'cc', ['-O2', '-fPIC', '-shared', '-fno-builtin', '-o', library, source], {
    encoding: 'utf8',
  })
  if (result.status !== 0) throw new Error(`cannot compile ${source}: ${result.error?.message ?? result.stderr}`)
  return library
}

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'tickwire-bench-'))
}

/** Environment of a process whose allocations are to be counted. */
export function countingEnvironment(library: string, counters: string): Record<string, string> {
  writeFileSync(counters, Buffer.alloc(mallocSlots * mallocSlotBytes))
  return { LD_PRELOAD: library, TICKWIRE_MALLOC_COUNT: counters }
}
