/** Takes as much as it can get from limits that it shares; what it got goes back as one message. */
import { parentPort, workerData } from 'node:worker_threads'
import { Limiter, SharedLimitStore, slidingWindow, systemTime, tokenBucket, weighted } from 'tickwire/policy'

export interface LimitWorkerPlan {
  readonly memory: SharedArrayBuffer
  readonly tries: number
  readonly limit: number
  /** Holds the lock and never gives it back. */
  readonly die: boolean
}

const { memory, tries, limit, die } = workerData as LimitWorkerPlan
const store = new SharedLimitStore(memory, systemTime.machineOrigin, { keys: 64, staleMs: 100 })
const limiter = new Limiter({
  rules: [
    weighted({ name: 'window', by: 'account', meters: slidingWindow({ limit, window: 600_000, entries: 64 }) }),
    weighted({ name: 'bucket', by: 'account', meters: tokenBucket({ capacity: 1e9, refill: 1 }) }),
  ],
  store,
})
const routes = ['a', 'b'].map((account) => limiter.route({ endpoint: 'x', account }))
const granted = [0, 0]
for (let i = 0; i < tries; i++) {
  const turn = i & 1
  if (limiter.tryAcquire(routes[turn] as (typeof routes)[number]) === 0) granted[turn] = (granted[turn] as number) + 1
}
if (die) store.lock()
parentPort?.postMessage(granted)
