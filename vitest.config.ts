import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

const dist = join(import.meta.dirname, 'dist', 'esm')
const report = process.env['TICKWIRE_VITEST_REPORT']

export default defineConfig({
  resolve: {
    // The built package, as a user, a worker and a child process get it.
    alias: [
      { find: /^tickwire$/, replacement: join(dist, 'index.js') },
      { find: /^tickwire\/(\w+)$/, replacement: join(dist, '$1', 'index.js') },
      { find: /^tickwire\/venue\/(\w+)$/, replacement: join(dist, 'venue', '$1', 'index.js') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // A process each: the addon's threads end with the file that started them.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    server: { deps: { external: [/\.cjs$/, /\/dist\//] } },
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
})
