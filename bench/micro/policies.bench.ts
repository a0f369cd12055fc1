/**
 * What policies cost per call: asking the limiter, entering and leaving a breaker, picking an endpoint, deciding about a retry; and the
 * libraries that do the same. Needs the built package (`npm run build:ts`); run it with `node bench/micro/policies.bench.ts`. Prints one
 * JSON line per case: CPU nanoseconds of a call, and bytes that it leaves on the heap (numbers with fractions are such).
 */

import { createRequire } from 'node:module'
import { type CircuitBreakerPolicy, ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel'
import {
  Attempts,
  Balancer,
  Breaker,
  binance,
  bybit,
  decide,
  fixedWindow,
  Grant,
  Limiter,
  Outcomes,
  RetryBudget,
  retryPolicy,
  SharedLimitStore,
  sharedLimitBytes,
  slidingWindow,
  systemTime,
  tokenBucket,
  weighted,
} from 'tickwire/policy'

/** The package has no types. */
const CircuitBreaker = createRequire(import.meta.url)('opossum') as new (
  action: () => Promise<number>,
  options: { readonly timeout: false; readonly errorThresholdPercentage: number },
) => { fire(): Promise<number>; shutdown(): void }

const rounds = 9

/** The thread's own time: what others do on the machine does not count. */
function cpuNs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) * 1e3
}
let sink = 0

function report(name: string, ns: readonly number[], bytes: number): void {
  const sorted = [...ns].sort((a, b) => a - b)
  const middle = sorted[sorted.length >> 1] ?? Number.NaN
  const line = {
    bench: 'policies',
    case: name,
    nsPerCall: Math.round(middle * 10) / 10,
    bytesPerCall: Math.round(bytes * 10) / 10,
  }
  console.log(JSON.stringify(line))
}

function measure(name: string, call: () => number, count = 200_000): void {
  for (let i = 0; i < count; i++) sink += call()
  const ns: number[] = []
  const heap = process.memoryUsage().heapUsed
  let grown = 0
  for (let round = 0; round < rounds; round++) {
    const before = process.memoryUsage().heapUsed
    const start = cpuNs()
    for (let i = 0; i < count; i++) sink += call()
    ns.push((cpuNs() - start) / count)
    // A collection in between makes the heap shrink: such a round tells nothing of what is allocated.
    const after = process.memoryUsage().heapUsed
    if (after >= before) grown = Math.max(grown, after - before)
  }
  sink += heap
  report(name, ns, grown / count)
}

async function measureAsync(name: string, call: () => Promise<number>, count = 50_000): Promise<void> {
  for (let i = 0; i < count; i++) sink += await call()
  const ns: number[] = []
  let grown = 0
  for (let round = 0; round < rounds; round++) {
    const before = process.memoryUsage().heapUsed
    const start = cpuNs()
    for (let i = 0; i < count; i++) sink += await call()
    ns.push((cpuNs() - start) / count)
    const after = process.memoryUsage().heapUsed
    if (after >= before) grown = Math.max(grown, after - before)
  }
  report(name, ns, grown / count)
}

const huge = 1e12
const day = 86_400_000

measure('clock alone', () => performance.now())
for (const [name, meter] of [
  ['token bucket', tokenBucket({ capacity: huge, refill: 1e9 })],
  ['fixed window', fixedWindow({ limit: huge, window: day })],
  ['sliding window', slidingWindow({ limit: huge, window: 1_000, entries: 512 })],
] as const) {
  const limiter = new Limiter({ rules: [weighted({ name: 'x', meters: meter })] })
  const route = limiter.route({ endpoint: 'x' })
  measure(`limiter, ${name}`, () => limiter.tryAcquire(route))
}
{
  const rules = binance.limits({
    weightPerMinute: 1e9,
    requestsPer5Minutes: 1e9,
    ordersPer10Seconds: 1e9,
    ordersPerDay: 1e9,
  })
  const limiter = new Limiter({ rules })
  const route = limiter.route({ endpoint: 'POST /api/v3/order', kind: 'order', account: 'a', ip: 'b' })
  const grant = new Grant()
  measure('limiter, Binance order: four meters, grant kept', () => limiter.tryAcquire(route, 1, 1, grant))
  const headers: Record<string, string> = { 'x-mbx-used-weight-1m': '5', 'x-mbx-order-count-10s': '1' }
  measure('limiter, headers of its answer', () => {
    limiter.observe(route, (name) => headers[name], grant)
    return 0
  })
  const store = new SharedLimitStore(new SharedArrayBuffer(sharedLimitBytes(64, 4_000)), systemTime.machineOrigin, {
    keys: 64,
  })
  const shared = new Limiter({ rules, store })
  const sharedRoute = shared.route({ endpoint: 'POST /api/v3/order', kind: 'order', account: 'a', ip: 'b' })
  measure('limiter, the same in shared memory', () => shared.tryAcquire(sharedRoute))
  await measureAsync('limiter, the same awaited', () => limiter.acquire(route).then(() => 0))
}
{
  const limiter = new Limiter({ rules: bybit.limits() })
  const route = limiter.route({ endpoint: 'x', kind: 'order', account: 'a' })
  while (limiter.tryAcquire(route) === 0) {}
  measure('limiter, refused', () => limiter.tryAcquire(route), 20_000)
}
{
  const breaker = new Breaker()
  measure('breaker, enter and leave', () => {
    const ticket = breaker.enter()
    breaker.leave(ticket, false)
    return ticket
  })
  breaker.trip()
  measure('breaker, refused', () => breaker.enter())
}
for (const count of [2, 8]) {
  const endpoints = Array.from({ length: count }, (_, i) => ({ id: `e${i}`, admission: new Breaker() }))
  for (const mode of ['roundRobin', 'leastPending', 'latency', 'hash'] as const) {
    const balancer = new Balancer(endpoints, mode)
    measure(`balancer, ${mode}, ${count} endpoints with breakers`, () => {
      const endpoint = balancer.pick('BTCUSDT')
      if (endpoint === null) return 0
      balancer.done(endpoint, 1, false)
      return 1
    })
  }
}
{
  const policy = retryPolicy()
  const budget = new RetryBudget(policy, 0)
  const request = { idempotent: false, canLookup: true, validMs: 5_000 }
  measure('retry, one attempt that is answered', () => {
    const attempts = new Attempts(policy, request, budget, Math.random, 0)
    attempts.sending(0)
    return attempts.next(Outcomes.done, 1).do.length
  })
  const context = {
    elapsedMs: 5,
    idempotent: false,
    canLookup: true,
    uncertain: false,
    pendingMs: 0,
    lookups: 0,
    affordable: true,
    random: 0.5,
  }
  measure('retry, a decision', () => decide(policy, 1, Outcomes.retryable, context).do.length)
}

// Libraries. Both wrap a function that returns a promise; a function that does nothing shows what the wrapping costs.
const nothing = (): Promise<number> => Promise.resolve(1)
await measureAsync('a promise alone', nothing)
{
  const breaker = new Breaker()
  await measureAsync('breaker around a promise', async () => {
    const ticket = breaker.enter()
    const value = await nothing()
    breaker.leave(ticket, false)
    return value
  })
  const cockatiel: CircuitBreakerPolicy = circuitBreaker(handleAll, {
    halfOpenAfter: 1_000,
    breaker: new ConsecutiveBreaker(5),
  })
  await measureAsync('cockatiel 4.0.0 circuitBreaker', () => cockatiel.execute(nothing))
  const opossum = new CircuitBreaker(nothing, { timeout: false, errorThresholdPercentage: 50 })
  await measureAsync('opossum 10.0.0', () => opossum.fire())
  opossum.shutdown()
}
if (Number.isNaN(sink)) process.exitCode = 1
