/** What reading books costs the heap, and books in Workers. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { within } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'
import type { ReaderPlan, ReaderReport } from './programs/reader.ts'

const program = new URL('./programs/reader.ts', import.meta.url)
const count = 60_000

/** Whole books, one after the other; the last ones of each are as known. */
const message = (n: number): string => {
  const price = (base: number): string => (base + (n % 100) / 100).toFixed(2)
  const side = (sign: number): [string, string][] =>
    Array.from({ length: 5 }, (_, i) => [price(100 + sign * (i + 1)), (1 + (n % 7)).toFixed(3)])
  return JSON.stringify({ s: `S${n % 10}`, u: n + 1, b: side(-1), a: side(1) })
}

const server = (): ReturnType<typeof startWsServer> =>
  startWsServer({
    onConnection: (socket) => {
      let n = 0
      const pour = (): void => {
        if (socket.readyState !== socket.OPEN) return
        for (let k = 0; k < 200 && n < count && socket.bufferedAmount < 200_000; k++) socket.send(message(n++))
        if (n < count) setImmediate(pour)
      }
      pour()
    },
  })

function check(report: ReaderReport): void {
  expect(report.events).toBe(count)
  expect(report.told).toBeLessThanOrEqual(count)
  expect(Number.isFinite(report.sum)).toBe(true)
}

describe('books in a worker', { timeout: 60_000 }, () => {
  it.each([
    ['park', 'signal'],
    ['spin', 'spin'],
    ['inline', 'signal'],
  ] as const)('%s, %s: the newest state of each arrives', async (mode, drive) => {
    await using source = await server()
    const plan: ReaderPlan = { url: source.url, mode, drive, count }
    const worker = new Worker(program, { workerData: plan, execArgv: [] })
    const report = await within(
      new Promise<ReaderReport>((resolve, reject) => {
        worker.once('message', resolve)
        worker.once('error', reject)
      }),
      'the report',
      50_000,
    )
    check(report)
    expect(report.told).toBeGreaterThanOrEqual(10)
    expect(report.last).toEqual(Array.from({ length: 10 }, (_, i) => count - 9 + i))
    const exit = await within(new Promise<number>((resolve) => worker.once('exit', resolve)), 'its end')
    expect(exit).toBe(0)
  })
})

function allocations(orders: string): Promise<{ bytes: number; spans: number; last: number; sum: number }> {
  const child = fork(fileURLToPath(new URL('./programs/allocations.ts', import.meta.url)), [orders], {
    execArgv: ['--max-semi-space-size=128', '--min-semi-space-size=128'],
  })
  return within(
    new Promise((resolve, reject) => {
      child.once('message', (value) => resolve(value as never))
      child.once('exit', (code) => reject(new Error(`ended with ${code}`)))
    }),
    'the report',
    50_000,
  )
}

it.each([
  ['levels', '0'],
  ['orders', '3'],
])('taking a change and reading it allocates nothing: books of %s', { timeout: 150_000 }, async (_what, orders) => {
  // Whether V8 takes a getter into its caller depends on when it compiles it; where it does not, fractions are objects. What allocates by
  // itself does so in every process.
  let report = await allocations(orders)
  for (let more = 0; report.bytes >= 1 && more < 2; more++) report = await allocations(orders)
  expect(report.spans).toBeGreaterThan(4)
  expect(report.last).toBe(500_000)
  expect(report.sum).toBeGreaterThan(0)
  // An object for any of the dozens of readings of each would be 12 bytes or more.
  expect(report.bytes).toBeLessThan(1)
})
