import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { Limiter } from '../../../lib/policy/limit/limiter.js'
import { slidingWindow, tokenBucket } from '../../../lib/policy/limit/meter-spec.js'
import { weighted } from '../../../lib/policy/limit/rule.js'
import { SharedLimitStore, sharedLimitBytes } from '../../../lib/policy/limit/shared-store.js'
import { systemTime } from '../../../lib/policy/time.js'
import { VirtualTime } from '../../support/virtual-time.js'
import type { LimitWorkerPlan } from '../programs/limit-worker.ts'

const program = new URL('../programs/limit-worker.ts', import.meta.url)
const options = { keys: 64, staleMs: 100 }

function start(plan: LimitWorkerPlan): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, { workerData: plan })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`the worker ended with ${code} before it had a result`)))
  })
}

describe('counts in shared memory', () => {
  it('are exact whoever takes at the same time', async () => {
    const memory = new SharedArrayBuffer(sharedLimitBytes(64, 4_000))
    const plan = { memory, tries: 40_000, limit: 30_000, die: false }
    const granted = await Promise.all([start(plan), start(plan), start(plan)])
    // Each asked 20,000 times for each account.
    expect(granted.reduce((sum, [a]) => sum + (a as number), 0)).toBe(30_000)
    expect(granted.reduce((sum, [, b]) => sum + (b as number), 0)).toBe(30_000)
  })

  it('go on when somebody ends with the lock in hand', async () => {
    const memory = new SharedArrayBuffer(sharedLimitBytes(64, 4_000))
    const [a] = (await start({ memory, tries: 10, limit: 8, die: true })) as [number]
    expect(a).toBe(5)
    const store = new SharedLimitStore(memory, systemTime.machineOrigin, options)
    const rules = [
      weighted({ name: 'window', by: 'account', meters: slidingWindow({ limit: 8, window: 600_000, entries: 64 }) }),
    ]
    const limiter = new Limiter({ rules, store })
    const route = limiter.route({ endpoint: 'x', account: 'a' })
    let got = 0
    while (limiter.tryAcquire(route) === 0) got++
    expect(got).toBe(3)
  })

  it('are kept on one clock, whatever the origins of those who share them', () => {
    const memory = new SharedArrayBuffer(sharedLimitBytes(64, 4_000))
    const rules = [weighted({ name: 'bucket', meters: tokenBucket({ capacity: 10, refill: 1, per: 1_000 }) })]
    // The second came 5 s after the first.
    const [first, second] = [new VirtualTime(0, 1_000_000), new VirtualTime(5_000, 1_005_000)] as const
    const [one, other] = [first, second].map((time) => {
      const store = new SharedLimitStore(memory, time.machineOrigin, options)
      return new Limiter({ rules, store, time })
    }) as [Limiter, Limiter]
    const route = one.route({ endpoint: 'x' })
    expect(one.tryAcquire(route, 10)).toBe(0)
    const route2 = other.route({ endpoint: 'x' })
    expect(other.tryAcquire(route2, 5)).toBe(0)
    expect(other.tryAcquire(route2, 1)).toBeCloseTo(1_000)
    other.block(route2, 'all', 4_000)
    first.advance(5_000)
    expect(one.blockedFor(route)).toBe(4_000)
  })

  it('have an end, which is an error', () => {
    const memory = new SharedArrayBuffer(sharedLimitBytes(16, 10))
    const store = new SharedLimitStore(memory, 0, { keys: 16 })
    const full = (): void => {
      for (let i = 0; i < 40; i++) store.cells(`key ${i}`, 1)
    }
    expect(full).toThrow(expect.objectContaining({ code: 'ERR_RATE_LIMIT_KEYS' }))
    // What is there stays, and the lock is free.
    expect(store.cells('key 0', 1)).toEqual(store.cells('key 0', 1))
    expect(store.size).toBe(16)
    const small = new SharedLimitStore(new SharedArrayBuffer(sharedLimitBytes(16, 10)), 0, { keys: 16 })
    expect(() => small.cells('long', 1_000)).toThrow(expect.objectContaining({ code: 'ERR_RATE_LIMIT_KEYS' }))
  })

  it('are found by everybody under the same key, and nobody else’s are touched', () => {
    const memory = new ArrayBuffer(sharedLimitBytes(64, 100))
    const stores = [1, 2].map(() => new SharedLimitStore(memory, 7, options))
    const cells = stores.map((store) => store.cells('a', 4))
    expect(cells[0]?.at).toBe(cells[1]?.at)
    expect(stores[0]?.cells('b', 4).at).toBe((cells[0]?.at as number) + 4)
    expect(stores.map(({ machineOrigin }) => machineOrigin)).toEqual([7, 7])
  })

  it.each<[string, () => unknown]>([
    ['too small', () => new SharedLimitStore(new ArrayBuffer(64), 0)],
    ['no multiple of 8', () => new SharedLimitStore(new ArrayBuffer(sharedLimitBytes(1_024, 10) + 1), 0)],
    [
      'laid out for another number of keys',
      () => {
        const memory = new ArrayBuffer(sharedLimitBytes(64, 100))
        new SharedLimitStore(memory, 0, options)
        return new SharedLimitStore(memory, 0, { keys: 32 })
      },
    ],
    [
      'something else’s',
      () => {
        const memory = new ArrayBuffer(sharedLimitBytes(64, 100))
        new Int32Array(memory)[0] = 5
        return new SharedLimitStore(memory, 0, options)
      },
    ],
  ])('are refused in memory that is %s', (_what, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_TICKWIRE_CONFIG' }))
  })
})
