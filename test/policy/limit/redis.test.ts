import fc from 'fast-check'
import { createClient } from 'redis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Grant } from '../../../lib/policy/limit/grant.js'
import { makeMeter, meterWords } from '../../../lib/policy/limit/make-meter.js'
import { fixedWindow, type MeterSpec, slidingWindow, tokenBucket } from '../../../lib/policy/limit/meter-spec.js'
import { RedisLimitStore } from '../../../lib/policy/limit/redis-store.js'
import { RemoteLimiter } from '../../../lib/policy/limit/remote-limiter.js'
import { weighted } from '../../../lib/policy/limit/rule.js'
import { type RedisServer, startRedis } from '../../peers/redis-server.ts'

let server: RedisServer
let client: ReturnType<typeof createClient>
let namespace = 0

beforeAll(async () => {
  server = await startRedis()
  client = createClient({ socket: { path: server.path, tls: false } })
  client.on('error', () => {})
  await client.connect()
})
afterAll(async () => {
  client?.destroy()
  await server?.close()
})
beforeEach(() => {
  namespace++
})

describe('the scripts', () => {
  const start = 1_700_000_000_123
  const specs: readonly (readonly [string, MeterSpec])[] = [
    ['token bucket', tokenBucket({ capacity: 15, refill: 20, margin: 30 })],
    ['sliding window', slidingWindow({ limit: 15, window: 500, margin: 20 })],
    ['sliding window, merged', slidingWindow({ limit: 60, window: 500, entries: 8 })],
    ['fixed window', fixedWindow({ limit: 15, window: 400, margin: 30, clockError: 10 })],
  ]
  const step = fc.record({
    pause: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 80, noNaN: true })),
    do: fc.constantFrom('take', 'take', 'take', 'observe', 'limit'),
    weight: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.double({ min: 0.1, max: 6, noNaN: true })),
    share: fc.constantFrom(1, 0.8),
    level: fc.integer({ min: 0, max: 40 }),
    marked: fc.boolean(),
  })

  it.each(specs)('count exactly as the meters do: %s', async (_name, spec) => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
        let now = 0
        const store = new RedisLimitStore({ client, namespace: `twin ${namespace} ${run++}`, now: () => now })
        const meter = makeMeter(spec, { numbers: new Float64Array(meterWords(spec)), at: 0 })
        let marks = [Number.NaN, Number.NaN]
        for (const { pause, do: what, weight, share, level, marked } of steps) {
          now += pause
          const venueNow = start + now
          if (what === 'take') {
            const wait = meter.room(now, venueNow, weight, share)
            const answer = await store.acquire({ meters: [{ key: 'm', spec, weight, share }], gates: [], venueNow })
            expect(answer.granted).toBe(wait === 0)
            if (wait > 1e-6) expect(answer.waits[0]).toBeCloseTo(wait, 6)
            if (wait > 0) continue
            meter.take(now, venueNow, weight)
            marks = [meter.mark(now, venueNow), answer.marks[0] as number]
            expect(marks[1]).toBeCloseTo(marks[0] as number, 6)
          } else {
            const told = what === 'limit' ? 12 + (level % 4) : 0
            const seen = what === 'observe' ? level : Number.NaN
            if (told > 0) meter.observeLimit(told)
            if (what === 'observe') meter.observe(now, venueNow, level, marked ? (marks[0] as number) : Number.NaN)
            const mark = marked ? (marks[1] as number) : Number.NaN
            await store.observe([{ key: 'm', spec, level: seen, limit: told, mark }], venueNow)
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  it('leave no key behind that is not used any more', async () => {
    const store = new RedisLimitStore({ client, namespace: `expiry ${namespace}` })
    const meters = specs.map(([key, spec]) => ({ key, spec, weight: 1, share: 1 }))
    await store.acquire({ meters, gates: ['g'], venueNow: start })
    await store.block('g', 5_000)
    const keys = await client.keys(`*expiry ${namespace}*`)
    expect(keys).toHaveLength(5)
    for (const key of keys) {
      const ttl = await client.pTTL(key)
      expect(ttl).toBeGreaterThan(0)
      expect(ttl).toBeLessThan(130_000)
    }
  })

  it('are loaded again when Redis has forgotten them', async () => {
    const store = new RedisLimitStore({ client, namespace: `flush ${namespace}` })
    await client.sendCommand(['SCRIPT', 'FLUSH'])
    await store.block('g', 1_000)
    await client.sendCommand(['SCRIPT', 'FLUSH'])
    const answer = await store.acquire({ meters: [], gates: ['g'], venueNow: start })
    expect(answer.granted).toBe(false)
    expect(answer.blockedFor).toBeGreaterThan(500)
    await store.block('g', 0)
    expect((await store.acquire({ meters: [], gates: ['g'], venueNow: start })).granted).toBe(true)
  })
})

describe('limiters that share counts', () => {
  const rule = weighted({ name: 'all', meters: slidingWindow({ limit: 20, window: 60_000 }), reserve: 0.2 })

  function limiters(count: number, rules = [rule], wait = 0): RemoteLimiter[] {
    return Array.from({ length: count }, () => {
      const store = new RedisLimitStore({ client, namespace: `shared ${namespace}` })
      return new RemoteLimiter({ rules, store, queue: { wait } })
    })
  }

  it('grant together what one would, and leave the reserve', async () => {
    const all = limiters(4)
    const outcomes = await Promise.allSettled(
      Array.from({ length: 60 }, (_, i) => {
        const limiter = all[i % 4] as RemoteLimiter
        return limiter.acquire(limiter.route({ endpoint: 'order', kind: 'order' }))
      }),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(16)
    const [first] = all as [RemoteLimiter]
    const cancel = first.route({ endpoint: 'cancel', kind: 'cancel' })
    for (let i = 0; i < 4; i++) await first.acquire(cancel)
    await expect(first.acquire(cancel)).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_DEADLINE' })
    expect(first.stats()).toMatchObject({ waiting: 0, waited: 0 })
  })

  it('grant those who wait in their order, as time passes', async () => {
    const fast = weighted({ name: 'fast', meters: slidingWindow({ limit: 1, window: 60 }) })
    const [limiter] = limiters(1, [fast], 10_000) as [RemoteLimiter]
    const query = limiter.route({ endpoint: 'query' })
    const cancel = limiter.route({ endpoint: 'cancel', kind: 'cancel' })
    const log: string[] = []
    const start = performance.now()
    await limiter.acquire(query)
    const waiting = [
      limiter.acquire(query).then(() => log.push('query 1')),
      limiter.acquire(query).then(() => log.push('query 2')),
    ]
    await new Promise((resolve) => setTimeout(resolve, 20))
    waiting.push(limiter.acquire(cancel).then(() => log.push('cancel')))
    await Promise.all(waiting)
    expect(log).toEqual(['cancel', 'query 1', 'query 2'])
    expect(performance.now() - start).toBeGreaterThanOrEqual(175)
    expect(limiter.stats()).toMatchObject({ granted: 4, waited: 3 })
  })

  it('respect a ban that one of them met', async () => {
    const [first, second] = limiters(2) as [RemoteLimiter, RemoteLimiter]
    await first.block(first.route({ endpoint: 'x', ip: '10.0.0.1' }), 'ip', 60_000)
    const route = second.route({ endpoint: 'y', ip: '10.0.0.1' })
    await expect(second.acquire(route)).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_BLOCKED' })
    await second.acquire(second.route({ endpoint: 'y', ip: '10.0.0.2' }))
  })

  it('learn from the headers that one of them got', async () => {
    const weight = weighted({
      name: 'weight',
      meters: fixedWindow({ limit: 100, window: 86_400_000, usedHeader: 'x-used' }),
    })
    const [first, second] = limiters(2, [weight]) as [RemoteLimiter, RemoteLimiter]
    const route = first.route({ endpoint: 'x' })
    const grant = new Grant()
    await first.acquire(route, { weight: 10, grant })
    await second.acquire(second.route({ endpoint: 'x' }), { weight: 10 })
    await first.observe(route, (name) => (name === 'x-used' ? '60' : undefined), grant)
    await expect(second.acquire(second.route({ endpoint: 'x' }), { weight: 31 })).rejects.toThrow()
    await second.acquire(second.route({ endpoint: 'x' }), { weight: 30 })
  })

  it('refuse when the store cannot be asked', async () => {
    const failure = new Error('connection lost')
    const store = new RedisLimitStore({ client: { sendCommand: () => Promise.reject(failure) } })
    const limiter = new RemoteLimiter({ rules: [rule], store })
    const attempt = limiter.acquire(limiter.route({ endpoint: 'x' }))
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_STORE', cause: failure })
    expect(limiter.stats().refused.ERR_RATE_LIMIT_STORE).toBe(1)
    const strange = new RedisLimitStore({ client: { sendCommand: () => Promise.resolve(['x']) } })
    await expect(strange.acquire({ meters: [], gates: [], venueNow: 0 })).rejects.toMatchObject({
      code: 'ERR_RATE_LIMIT_STORE',
    })
  })

  it('give up those whose signal is aborted or whose deadline passes', async () => {
    const [limiter] = limiters(1, [weighted({ name: 'w', meters: slidingWindow({ limit: 1, window: 300 }) })], 400) as [
      RemoteLimiter,
    ]
    const route = limiter.route({ endpoint: 'x' })
    await limiter.acquire(route)
    const controller = new AbortController()
    const outcomes = [
      limiter.acquire(route, { signal: controller.signal }),
      limiter.acquire(route),
      limiter.acquire(route),
    ].map((promise) => promise.catch((error: unknown) => (error as { code?: string }).code ?? error))
    setTimeout(() => controller.abort('gone'), 50)
    expect(await Promise.all(outcomes)).toEqual(['gone', undefined, 'ERR_RATE_LIMIT_DEADLINE'])
    limiter.close()
    await expect(limiter.acquire(route)).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_CLOSED' })
  })
})
