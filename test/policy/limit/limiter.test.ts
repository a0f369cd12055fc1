import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Grant } from '../../../lib/policy/limit/grant.js'
import { Limiter } from '../../../lib/policy/limit/limiter.js'
import { fixedWindow, slidingWindow, tokenBucket } from '../../../lib/policy/limit/meter-spec.js'
import { type LimitRuleOptions, type RequestKind, weighted } from '../../../lib/policy/limit/rule.js'
import { LocalLimitStore } from '../../../lib/policy/limit/store.js'
import { VirtualTime } from '../../support/virtual-time.js'

const second = slidingWindow({ limit: 10, window: 1_000 })

function setup(rules: readonly LimitRuleOptions[], queue?: { max?: number; wait?: number }) {
  const time = new VirtualTime()
  const limiter = new Limiter({ rules: rules.map(weighted), time, queue })
  return { time, limiter }
}

/** What became of an acquisition. */
function follow(log: unknown[], name: unknown, promise: Promise<void>): void {
  promise.then(
    () => log.push(name),
    (error: { code?: string }) => log.push([name, error.code ?? error]),
  )
}

describe('acquisition', () => {
  it('takes from all meters or from none', () => {
    const { limiter, time } = setup([
      { name: 'ip', by: 'ip', meters: second },
      {
        name: 'orders',
        by: 'account',
        meters: [slidingWindow({ limit: 3, window: 500 })],
        charge: 'count',
        only: ['order'],
      },
    ])
    const order = limiter.route({ endpoint: 'POST /order', kind: 'order', account: 'a', weight: 2 })
    const query = limiter.route({ endpoint: 'GET /depth', account: 'a', weight: 4 })
    expect(limiter.tryAcquire(order)).toBe(0)
    expect(limiter.tryAcquire(order, 2, 2)).toBe(0)
    expect(limiter.tryAcquire(order)).toBe(500)
    const used = (): number[] => limiter.stats().meters.map((meter) => meter.used)
    expect(used()).toEqual([4, 3])
    expect(limiter.tryAcquire(query)).toBe(0)
    expect(limiter.tryAcquire(query)).toBe(1_000)
    expect(used()).toEqual([8, 3])
    time.advance(500)
    expect(limiter.tryAcquire(order)).toBe(0)
    expect(used()).toEqual([10, 1])
  })

  it('counts apart what the key tells apart', () => {
    const { limiter } = setup([
      { name: 'account', by: 'account', meters: slidingWindow({ limit: 1, window: 1_000 }) },
      { name: 'pair', by: ['account', 'instrument'], meters: slidingWindow({ limit: 1, window: 1_000 }) },
      { name: 'host', by: (route) => route.endpoint.slice(0, 3), meters: slidingWindow({ limit: 2, window: 1_000 }) },
    ])
    const route = (account: string, instrument: string, endpoint = 'GET /x') =>
      limiter.route({ endpoint, account, instrument })
    expect(limiter.tryAcquire(route('a', 'BTC'))).toBe(0)
    expect(limiter.tryAcquire(route('a', 'ETH'))).toBeGreaterThan(0)
    expect(limiter.tryAcquire(route('b', 'BTC'))).toBe(0)
    expect(limiter.tryAcquire(route('c', 'BTC'))).toBeGreaterThan(0)
    expect(limiter.tryAcquire(route('c', 'BTC', 'PUT /x'))).toBe(0)
    expect(limiter.route({ endpoint: 'GET /x' })).toBe(limiter.route({ endpoint: 'GET /x' }))
  })

  it('leaves the reserve to cancels', () => {
    const { limiter } = setup([{ name: 'all', meters: second, reserve: 0.2 }])
    const order = limiter.route({ endpoint: 'order', kind: 'order' })
    const cancel = limiter.route({ endpoint: 'cancel', kind: 'cancel' })
    for (let i = 0; i < 8; i++) expect(limiter.tryAcquire(order)).toBe(0)
    expect(limiter.tryAcquire(order)).toBeGreaterThan(0)
    expect(limiter.tryAcquire(cancel)).toBe(0)
    expect(limiter.tryAcquire(cancel)).toBe(0)
    expect(limiter.tryAcquire(cancel)).toBeGreaterThan(0)
  })

  it('refuses what can never be granted, and what is no number', async () => {
    const { limiter } = setup([{ name: 'all', meters: second, reserve: 0.5 }])
    const route = limiter.route({ endpoint: 'x' })
    expect(limiter.tryAcquire(route, 6)).toBe(Number.POSITIVE_INFINITY)
    const impossible = { code: 'ERR_RATE_LIMIT_WEIGHT', retryAfterMs: Number.POSITIVE_INFINITY }
    await expect(limiter.acquire(route, { weight: 6 })).rejects.toMatchObject(impossible)
    for (const weight of [-1, Number.NaN]) {
      expect(() => limiter.tryAcquire(route, weight)).toThrow(
        expect.objectContaining({ code: 'ERR_RATE_LIMIT_WEIGHT' }),
      )
      await expect(limiter.acquire(route, { weight })).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_WEIGHT' })
      await expect(limiter.acquire(route, { wait: weight })).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_WEIGHT' })
    }
    expect(limiter.stats().meters).toMatchObject([{ used: 0 }])
  })
})

describe('waiting', () => {
  it('ends in the order of arrival within a priority, cancels first', async () => {
    const { limiter, time } = setup([{ name: 'all', meters: slidingWindow({ limit: 1, window: 100 }) }])
    const routes = {
      order: limiter.route({ endpoint: 'order', kind: 'order' }),
      query: limiter.route({ endpoint: 'query' }),
      cancel: limiter.route({ endpoint: 'cancel', kind: 'cancel' }),
    }
    const log: unknown[] = []
    expect(limiter.tryAcquire(routes.order)).toBe(0)
    const names = ['query', 'order', 'query', 'cancel', 'order', 'cancel'] as const
    for (const [i, name] of names.entries()) follow(log, `${name} ${i}`, limiter.acquire(routes[name]))
    expect(limiter.stats().waiting).toBe(6)
    await time.pass(599)
    expect(log).toEqual(['cancel 3', 'cancel 5', 'order 1', 'order 4', 'query 0'])
    await time.pass(1)
    expect(log.at(-1)).toBe('query 2')
    expect(limiter.stats()).toMatchObject({ granted: 7, waited: 6, waiting: 0 })
    expect(time.nextTimer).toBe(Number.POSITIVE_INFINITY)
  })

  it('is not cut short by small requests that come later', async () => {
    const { limiter, time } = setup([{ name: 'all', meters: second }])
    const route = limiter.route({ endpoint: 'x' })
    const log: unknown[] = []
    for (let i = 0; i < 10; i++) limiter.tryAcquire(route)
    follow(log, 'large', limiter.acquire(route, { weight: 10 }))
    await time.pass(500)
    expect(limiter.tryAcquire(route)).toBeGreaterThan(0)
    follow(log, 'small', limiter.acquire(route))
    await time.pass(500)
    expect(log).toEqual(['large'])
    await time.pass(1_000)
    expect(log).toEqual(['large', 'small'])
  })

  it('does not hold up requests that need other meters', async () => {
    const { limiter, time } = setup([
      { name: 'ip', by: 'ip', meters: slidingWindow({ limit: 3, window: 1_000 }) },
      { name: 'account', by: 'account', meters: slidingWindow({ limit: 1, window: 10_000 }) },
    ])
    const a = limiter.route({ endpoint: 'x', account: 'a' })
    const b = limiter.route({ endpoint: 'x', account: 'b' })
    const log: unknown[] = []
    expect(limiter.tryAcquire(a)).toBe(0)
    follow(log, 'a', limiter.acquire(a))
    expect(limiter.tryAcquire(b)).toBe(0)
    follow(log, 'b', limiter.acquire(b))
    await time.pass(9_999)
    expect(log).toEqual([])
    await time.pass(1)
    expect(log).toEqual(['a', 'b'])
  })

  it('lets cancels use the reserve past those who wait for the rest', async () => {
    const { limiter, time } = setup([{ name: 'all', meters: second, reserve: 0.5 }])
    const order = limiter.route({ endpoint: 'order', kind: 'order' })
    const cancel = limiter.route({ endpoint: 'cancel', kind: 'cancel' })
    for (let i = 0; i < 5; i++) limiter.tryAcquire(order)
    const log: unknown[] = []
    follow(log, 'order', limiter.acquire(order, { priority: 0 }))
    // Even a cancel of no importance.
    follow(log, 'cancel', limiter.acquire(cancel, { priority: 5 }))
    await time.pass(0)
    expect(log).toEqual(['cancel'])
  })

  it('ends at once when the deadline cannot be met', async () => {
    const { limiter, time } = setup([{ name: 'all', meters: second }], { wait: 400 })
    const route = limiter.route({ endpoint: 'x' })
    for (let i = 0; i < 10; i++) limiter.tryAcquire(route)
    await expect(limiter.acquire(route)).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_DEADLINE', retryAfterMs: 1_000 })
    time.advance(700)
    await expect(limiter.acquire(route, { wait: 299 })).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_DEADLINE' })
    const waiting = limiter.acquire(route)
    await time.pass(300)
    await waiting
  })

  it('ends with the deadline for those whose turn has not come', async () => {
    const { limiter, time } = setup([{ name: 'all', meters: slidingWindow({ limit: 1, window: 1_000 }) }])
    const route = limiter.route({ endpoint: 'x' })
    const log: unknown[] = []
    limiter.tryAcquire(route)
    for (let i = 0; i < 3; i++) follow(log, i, limiter.acquire(route, { wait: 1_500 }))
    await time.pass(1_000)
    // Now it is certain that the two others come too late.
    expect(log).toEqual([0, [1, 'ERR_RATE_LIMIT_DEADLINE'], [2, 'ERR_RATE_LIMIT_DEADLINE']])
    expect(limiter.stats()).toMatchObject({ waiting: 0, refused: { ERR_RATE_LIMIT_DEADLINE: 2 } })
  })

  it('ends when its signal is aborted, and the next one goes on', async () => {
    const { limiter, time } = setup([{ name: 'all', meters: second }])
    const route = limiter.route({ endpoint: 'x' })
    const log: unknown[] = []
    for (let i = 0; i < 10; i++) limiter.tryAcquire(route)
    const controller = new AbortController()
    follow(log, 'large', limiter.acquire(route, { weight: 10, signal: controller.signal }))
    follow(log, 'small', limiter.acquire(route))
    await time.pass(200)
    controller.abort('enough')
    await time.pass(0)
    expect(log).toEqual([['large', 'enough']])
    await time.pass(800)
    expect(log).toEqual([['large', 'enough'], 'small'])
    await expect(limiter.acquire(route, { signal: controller.signal })).rejects.toBe('enough')
  })

  it('is bounded: one more is refused, or takes the place of somebody less important', async () => {
    const { limiter, time } = setup([{ name: 'all', meters: slidingWindow({ limit: 1, window: 100 }) }], { max: 2 })
    const query = limiter.route({ endpoint: 'query' })
    const cancel = limiter.route({ endpoint: 'cancel', kind: 'cancel' })
    const log: unknown[] = []
    limiter.tryAcquire(query)
    follow(log, 'first', limiter.acquire(query))
    follow(log, 'second', limiter.acquire(query))
    follow(log, 'third', limiter.acquire(query))
    follow(log, 'cancel', limiter.acquire(cancel))
    await time.pass(0)
    expect(log).toEqual([
      ['third', 'ERR_RATE_LIMIT_QUEUE_FULL'],
      ['second', 'ERR_RATE_LIMIT_QUEUE_FULL'],
    ])
    await time.pass(200)
    expect(log.slice(2)).toEqual(['cancel', 'first'])
  })

  it('ends with the limiter', async () => {
    const { limiter, time } = setup([{ name: 'all', meters: slidingWindow({ limit: 1, window: 100 }) }])
    const route = limiter.route({ endpoint: 'x' })
    const log: unknown[] = []
    limiter.tryAcquire(route)
    follow(log, 'waiting', limiter.acquire(route))
    limiter.close()
    follow(log, 'late', limiter.acquire(route))
    expect(limiter.tryAcquire(route)).toBe(Number.POSITIVE_INFINITY)
    await time.pass(1_000)
    expect(log).toEqual([
      ['waiting', 'ERR_RATE_LIMIT_CLOSED'],
      ['late', 'ERR_RATE_LIMIT_CLOSED'],
    ])
    expect(time.nextTimer).toBe(Number.POSITIVE_INFINITY)
  })

  it('is fair and within the limits whatever comes', async () => {
    const arrival = fc.record({
      pause: fc.integer({ min: 0, max: 120 }),
      kind: fc.constantFrom<RequestKind>('query', 'order', 'cancel'),
      account: fc.constantFrom('a', 'b'),
      weight: fc.integer({ min: 1, max: 4 }),
      abortAfter: fc.option(fc.integer({ min: 0, max: 500 }), { freq: 5 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(arrival, { minLength: 1, maxLength: 80 }), async (arrivals) => {
        const { limiter, time } = setup(
          [
            { name: 'ip', meters: slidingWindow({ limit: 8, window: 300 }), reserve: 0.25 },
            { name: 'account', by: 'account', meters: tokenBucket({ capacity: 6, refill: 10 }), reserve: 0.25 },
          ],
          { wait: 100_000 },
        )
        const granted: { at: number; index: number; weight: number }[] = []
        const aborted = new Set<number>()
        for (const [index, { pause, abortAfter, weight, ...spec }] of arrivals.entries()) {
          await time.pass(pause)
          const route = limiter.route({ endpoint: spec.kind, ...spec })
          const controller = new AbortController()
          if (abortAfter !== null) time.after(abortAfter, () => controller.abort('gone'))
          limiter.acquire(route, { weight, signal: controller.signal }).then(
            () => void granted.push({ at: time.now(), index, weight }),
            () => void aborted.add(index),
          )
          await time.pass(0)
        }
        await time.pass(120_000)
        // Everybody is accounted for.
        expect(granted.length + aborted.size).toBe(arrivals.length)
        for (const { at } of granted) {
          // Less a nanosecond: sums of fractions of milliseconds differ in their last digit.
          const inWindow = granted.filter((g) => g.at >= at && g.at < at + 300 - 1e-6)
          expect(inWindow.reduce((sum, g) => sum + g.weight, 0)).toBeLessThanOrEqual(8)
        }
        // Same route, same priority: first come, first served.
        const lanes = new Map<string, number>()
        for (const { index } of granted) {
          const { kind, account } = arrivals[index] as (typeof arrivals)[number]
          const lane = `${kind} ${account}`
          expect(index).toBeGreaterThan(lanes.get(lane) ?? -1)
          lanes.set(lane, index)
        }
        expect(limiter.stats().waiting).toBe(0)
      }),
      { numRuns: 60 },
    )
  })
})

describe('a venue that shuts us out', () => {
  it('is left alone for as long as it wants, by those whom it means', async () => {
    const { limiter, time } = setup([{ name: 'all', meters: second }])
    const a = limiter.route({ endpoint: 'x', account: 'a', ip: '10.0.0.1' })
    const b = limiter.route({ endpoint: 'x', account: 'b', ip: '10.0.0.1' })
    const other = limiter.route({ endpoint: 'x', account: 'a', ip: '10.0.0.2' })
    const events: unknown[] = []
    limiter.on('blocked', ({ scope, forMs }) => events.push([scope, forMs]))
    limiter.block(a, 'ip', 120_000)
    limiter.block(a, 'ip', 60_000)
    expect(limiter.tryAcquire(a)).toBe(120_000)
    expect(limiter.tryAcquire(b)).toBe(120_000)
    expect(limiter.tryAcquire(other)).toBe(0)
    expect(limiter.blockedFor(b)).toBe(120_000)
    await expect(limiter.acquire(b)).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_BLOCKED', retryAfterMs: 120_000 })
    const log: unknown[] = []
    follow(log, 'patient', limiter.acquire(b, { wait: 200_000 }))
    await time.pass(119_999)
    expect(log).toEqual([])
    await time.pass(1)
    expect(log).toEqual(['patient'])
    expect(events).toEqual([
      ['ip', 120_000],
      ['ip', 60_000],
    ])
  })

  it('refuses those who wait already when it comes to that', async () => {
    const { limiter, time } = setup([{ name: 'all', meters: slidingWindow({ limit: 1, window: 100 }) }])
    const route = limiter.route({ endpoint: 'x' })
    const log: unknown[] = []
    limiter.tryAcquire(route)
    follow(log, 'x', limiter.acquire(route, { wait: 5_000 }))
    limiter.block(route, 'all', 60_000)
    await time.pass(0)
    expect(log).toEqual([['x', 'ERR_RATE_LIMIT_BLOCKED']])
  })

  it('may let us in again', async () => {
    const { limiter, time } = setup([{ name: 'all', meters: second }])
    const route = limiter.route({ endpoint: 'x', account: 'a' })
    const log: unknown[] = []
    limiter.block(route, 'account', 5_000)
    follow(log, 'x', limiter.acquire(route))
    limiter.block(route, 'account', 0)
    await time.pass(0)
    expect(log).toEqual(['x'])
  })

  it('does not hold up those whom it does not mean', async () => {
    const { limiter, time } = setup([{ name: 'all', meters: second }])
    const a = limiter.route({ endpoint: 'x', account: 'a' })
    const b = limiter.route({ endpoint: 'x', account: 'b' })
    const log: unknown[] = []
    limiter.block(a, 'account', 5_000)
    follow(log, 'a', limiter.acquire(a))
    follow(log, 'b', limiter.acquire(b))
    await time.pass(0)
    expect(log).toEqual(['b'])
  })
})

describe('headers', () => {
  const minute = fixedWindow({ limit: 100, window: 60_000, usedHeader: 'x-mbx-used-weight-1m' })
  const remaining = slidingWindow({
    limit: 10,
    window: 1_000,
    remainingHeader: 'x-bapi-limit-status',
    limitHeader: 'x-bapi-limit',
  })
  const headers = (values: Record<string, string>) => (name: string) => values[name]

  it('tell what others used', () => {
    const { limiter } = setup([
      { name: 'weight', by: 'ip', meters: minute },
      { name: 'endpoint', by: ['account', 'endpoint'], meters: remaining },
    ])
    const route = limiter.route({ endpoint: 'x' })
    const grant = new Grant()
    const later = new Grant()
    const used = (): number[] => limiter.stats().meters.map((meter) => meter.used)
    expect(limiter.tryAcquire(route, 5, 1, grant)).toBe(0)
    expect(limiter.tryAcquire(route, 5, 1, later)).toBe(0)
    expect(used()).toEqual([10, 10])
    limiter.observe(route, headers({ 'x-mbx-used-weight-1m': '45' }), grant)
    expect(used()).toEqual([50, 10])
    limiter.observe(route, headers({ 'x-mbx-used-weight-1m': '50' }), later)
    expect(used()).toEqual([50, 10])
    limiter.observe(route, headers({ 'x-bapi-limit-status': '2', 'x-bapi-limit': '8' }), null)
    expect(limiter.stats().meters[1]).toMatchObject({ limit: 8, used: 10 })
  })

  it('that make no sense are ignored', () => {
    const { limiter } = setup([{ name: 'weight', by: 'ip', meters: minute }])
    const route = limiter.route({ endpoint: 'x' })
    for (const value of ['', '-5', '1e9', 'NaN', '0x10', '9'.repeat(40), '12;3']) {
      limiter.observe(route, headers({ 'x-mbx-used-weight-1m': value }))
    }
    expect(limiter.stats().meters[0]?.used).toBe(0)
    limiter.observeLevel(route, 'weight', 'fixed-60000', Number.NaN)
    limiter.observeLevel(route, 'none', 'none', 5)
    expect(limiter.stats().meters[0]?.used).toBe(0)
    limiter.observeLevel(route, 'weight', 'fixed-60000', 7)
    expect(limiter.stats().meters[0]?.used).toBe(7)
  })
})

describe('other rules', () => {
  it('take over what was used, and those who wait', async () => {
    const { limiter, time } = setup([{ name: 'all', meters: slidingWindow({ limit: 2, window: 1_000, name: 'm' }) }])
    const route = limiter.route({ endpoint: 'x' })
    const log: unknown[] = []
    limiter.tryAcquire(route, 2)
    follow(log, 'x', limiter.acquire(route))
    await time.pass(100)
    limiter.use([weighted({ name: 'all', meters: slidingWindow({ limit: 4, window: 1_000, name: 'm' }) })])
    await time.pass(0)
    expect(log).toEqual(['x'])
    expect(limiter.tryAcquire(route)).toBe(0)
    expect(limiter.tryAcquire(route)).toBe(900)
  })

  it('begin with the same level when they count in another way', () => {
    const { limiter, time } = setup([{ name: 'all', meters: slidingWindow({ limit: 10, window: 1_000, name: 'm' }) }])
    const route = limiter.route({ endpoint: 'x' })
    limiter.tryAcquire(route, 7)
    limiter.use([weighted({ name: 'all', meters: tokenBucket({ capacity: 10, refill: 10, name: 'm' }) })])
    expect(limiter.tryAcquire(route, 4)).toBeCloseTo(100)
    time.advance(100)
    expect(limiter.tryAcquire(route, 4)).toBe(0)
  })

  it('are refused as a whole when something is wrong with them', () => {
    const { limiter } = setup([{ name: 'all', meters: second }])
    const route = limiter.route({ endpoint: 'x' })
    const rule = weighted({ name: 'twice', meters: second })
    const issues = (path: unknown[]) => expect.objectContaining({ issues: [expect.objectContaining({ path })] })
    expect(() => limiter.use([rule, rule])).toThrow(issues([1, 'name']))
    expect(() => limiter.use([{ ...rule }])).toThrow(issues([0]))
    for (let i = 0; i < 10; i++) expect(limiter.tryAcquire(route)).toBe(0)
    expect(limiter.tryAcquire(route)).toBeGreaterThan(0)
    expect(() => weighted({ name: 'x', meters: second, reserve: 0.95 })).toThrow(issues(['reserve']))
    expect(() => weighted({ name: 'x', meters: [second, second] })).toThrow(issues(['meters']))
    expect(() => new Limiter({ rules: [], queue: { max: -1 } })).toThrow(issues(['queue', 'max']))
  })
})

describe('memory', () => {
  it('is given back by keys at rest, and what is in use stays', () => {
    const time = new VirtualTime()
    const store = new LocalLimitStore()
    const rules = [weighted({ name: 'pair', by: 'instrument', meters: second })]
    const limiter = new Limiter({ rules, store, time })
    const busy = limiter.route({ endpoint: 'x', instrument: 'busy' })
    for (let i = 0; i < 20_000; i++) {
      limiter.tryAcquire(limiter.route({ endpoint: 'x', instrument: `i${i}` }))
      time.advance(1)
      if (i === 19_500) limiter.tryAcquire(busy, 10)
    }
    expect(store.size).toBeLessThan(20_000)
    expect(limiter.tryAcquire(busy)).toBeGreaterThan(0)
  })

  it('has an end', () => {
    const rules = [weighted({ name: 'pair', by: 'instrument', meters: second })]
    const limiter = new Limiter({ rules, store: new LocalLimitStore(12), time: new VirtualTime() })
    const take = (): void => {
      for (let i = 0; i < 20; i++) limiter.tryAcquire(limiter.route({ endpoint: 'x', instrument: `i${i}` }))
    }
    expect(take).toThrow(expect.objectContaining({ code: 'ERR_RATE_LIMIT_KEYS' }))
  })
})
