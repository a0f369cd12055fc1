import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Balancer } from '../../lib/policy/balance/balancer.js'
import type { Endpoint } from '../../lib/policy/balance/endpoint.js'
import { HashRing, hash32 } from '../../lib/policy/balance/hash-ring.js'
import { type BalanceMode, type BalanceOptions, balancePolicy } from '../../lib/policy/balance/policy.js'
import { Breaker } from '../../lib/policy/breaker/breaker.js'
import { VirtualTime } from '../support/virtual-time.js'

function setup(policy: BalanceMode | BalanceOptions, weights: readonly number[] = [1, 1, 1]) {
  const time = new VirtualTime()
  const balancer = new Balancer(
    weights.map((weight, i) => ({ id: `e${i}`, weight })),
    policy,
    time,
  )
  const shares = (): number[] => {
    const total = balancer.endpoints.reduce((sum, { picked }) => sum + picked, 0)
    return balancer.endpoints.map(({ picked }) => picked / total)
  }
  return { time, balancer, shares }
}

/** Sends calls that take what `latency` says, `concurrency` of them at a time. */
function drive(
  { time, balancer }: ReturnType<typeof setup>,
  calls: number,
  concurrency: number,
  latency: (endpoint: Endpoint, i: number) => number,
  key?: (i: number) => string,
): void {
  let started = 0
  let underWay = 0
  while (started < calls || underWay > 0) {
    while (started < calls && underWay < concurrency) {
      const endpoint = balancer.pick(key?.(started))
      if (endpoint === null) throw new Error('nobody to ask')
      const ms = latency(endpoint, started++)
      underWay++
      time.after(ms, () => {
        underWay--
        balancer.done(endpoint, ms, false)
      })
    }
    time.advance(Math.max(0, time.nextTimer - time.now()))
  }
}

/** Whether everybody gets what is due to it, to 2 %. */
function expectShares(actual: readonly number[], due: readonly number[]): void {
  const total = due.reduce((sum, share) => sum + share, 0)
  for (const [i, share] of actual.entries()) {
    expect(Math.abs(share - (due[i] as number) / total)).toBeLessThanOrEqual((0.02 * (due[i] as number)) / total)
  }
}

describe.each<BalanceMode>(['roundRobin', 'leastPending', 'latency'])('%s', (mode) => {
  it.each([1, 8, 64])('spreads evenly to 2 %% over equal endpoints, %d calls at a time', (concurrency) => {
    const rig = setup(mode, [1, 1, 1, 1])
    // Latencies that differ by chance, but not by endpoint.
    drive(rig, 40_000, concurrency, (_endpoint, i) => 1 + (hash32(`${i}`) % 1_000) / 500)
    if (mode === 'latency' && concurrency === 1) return
    expectShares(rig.shares(), [1, 1, 1, 1])
  })

  it('spreads evenly again over those that are left, and after one has come back', () => {
    const rig = setup({ mode, health: { failures: 3, eject: 5_000 } }, [1, 1, 1])
    const { time, balancer } = rig
    const dead = balancer.endpoints[1] as Endpoint
    const fail = (): void => {
      for (let i = 0; i < 60 && dead.healthy(time.now()); i++) {
        const endpoint = balancer.pick() as Endpoint
        balancer.done(endpoint, 1, endpoint === dead)
      }
    }
    fail()
    expect(dead.healthy(time.now())).toBe(false)
    const count = (): number[] => balancer.endpoints.map(({ picked }) => picked)
    let before = count()
    const gained = (): number[] => count().map((picked, i) => picked - (before[i] as number))
    drive(rig, 3_000, 16, () => 1)
    expect(gained()[1]).toBe(0)
    expectShares(
      [gained()[0] as number, gained()[2] as number].map((n) => n / 3_000),
      [1, 1],
    )
    time.advance(5_000)
    before = count()
    drive(rig, 30_000, 16, () => 1)
    expectShares(
      gained().map((n) => n / 30_000),
      [1, 1, 1],
    )
  })
})

describe('round robin', () => {
  it('goes by weight, evenly also over short stretches', () => {
    const { balancer } = setup('roundRobin', [5, 1, 1])
    const order = Array.from({ length: 7 }, () => (balancer.pick() as Endpoint).id).join(' ')
    expect(order).toBe('e0 e0 e1 e0 e2 e0 e0')
  })
})

describe('least pending', () => {
  it('goes by weight when calls are under way', () => {
    const { balancer } = setup('leastPending', [3, 1])
    for (let i = 0; i < 40; i++) balancer.pick()
    expect(balancer.endpoints.map(({ pending }) => pending)).toEqual([30, 10])
  })
})

describe('latency', () => {
  it('prefers the faster in proportion when it is busy, and leaves the slow one alone when it is not', () => {
    const busy = setup('latency', [1, 1])
    drive(busy, 20_000, 32, ({ id }) => (id === 'e0' ? 2 : 6))
    expect(busy.shares()[0]).toBeGreaterThan(0.7)
    expect(busy.shares()[1]).toBeGreaterThan(0.1)
    const idle = setup({ mode: 'latency', decay: 1_000 }, [1, 1])
    drive(idle, 20_000, 1, ({ id }) => (id === 'e0' ? 2 : 6))
    expect(idle.shares()[0]).toBeGreaterThan(0.99)
    // But it is asked now and then, or it could never show that it has become faster.
    expect(idle.balancer.endpoints[1]?.picked).toBeGreaterThan(5)
  })

  it('leaves an endpoint at once when it becomes slow', () => {
    const rig = setup('latency', [1, 1])
    drive(rig, 1_000, 4, () => 1)
    const slow = rig.balancer.endpoints[0] as Endpoint
    const before = slow.picked
    drive(rig, 2_000, 4, (endpoint) => (endpoint === slow ? 200 : 1))
    expect(slow.picked - before).toBeLessThan(20)
  })

  it('is not taken in by failures that come quickly', () => {
    const { balancer, time } = setup({ mode: 'latency', health: { failures: Number.POSITIVE_INFINITY } }, [1, 1])
    const [good, bad] = balancer.endpoints as [Endpoint, Endpoint]
    for (const endpoint of [good, bad]) endpoint.measured(time.now(), 10, balancePolicy('latency'))
    for (let i = 0; i < 1_000; i++) {
      const endpoint = balancer.pick() as Endpoint
      time.advance(1)
      balancer.done(endpoint, endpoint === bad ? 0.1 : 10, endpoint === bad)
    }
    expect(bad.picked).toBeLessThan(700)
  })
})

describe('consistent hash', () => {
  const ids = Array.from({ length: 8 }, (_, i) => `https://e${i}.example.com`)
  const keys = Array.from({ length: 20_000 }, (_, i) => `BTC-${i}`)

  /** Whose each key is while nothing is under way. */
  function owners(endpoints: readonly string[]): string[] {
    const balancer = new Balancer(
      endpoints.map((id) => ({ id })),
      'hash',
      new VirtualTime(),
    )
    return keys.map((key) => {
      const endpoint = balancer.pick(key) as Endpoint
      balancer.abandon(endpoint)
      return endpoint.id
    })
  }

  it('moves only the keys of an endpoint that goes, and only to one that comes', () => {
    const all = owners(ids)
    const gone = ids[3] as string
    const less = owners(ids.filter((id) => id !== gone))
    for (const [i, owner] of all.entries()) {
      if (owner === gone) expect(less[i]).not.toBe(gone)
      else expect(less[i]).toBe(owner)
    }
    const moved = all.filter((owner) => owner === gone).length
    expect(moved).toBeLessThan((1.35 * keys.length) / ids.length)
    const more = owners([...ids, 'https://new.example.com'])
    const changed = more.filter((owner, i) => owner !== all[i])
    expect(new Set(changed)).toEqual(new Set(['https://new.example.com']))
    expect(changed.length).toBeLessThan((1.35 * keys.length) / (ids.length + 1))
  })

  it('gives every endpoint about its share of the keys, by weight', () => {
    const time = new VirtualTime()
    const balancer = new Balancer(
      [{ id: 'a' }, { id: 'b', weight: 2 }, { id: 'c' }],
      { mode: 'hash', points: 640 },
      time,
    )
    for (const key of keys) balancer.abandon(balancer.pick(key) as Endpoint)
    const share = balancer.endpoints.map(({ picked }) => picked / keys.length)
    for (const [i, due] of [0.25, 0.5, 0.25].entries()) expect(Math.abs((share[i] as number) - due)).toBeLessThan(0.05)
  })

  it('never gives an endpoint more than its bound of the calls under way', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { minLength: 1, maxLength: 400 }), (list) => {
        const balancer = new Balancer(
          ids.map((id) => ({ id })),
          { mode: 'hash', bound: 1.5 },
          new VirtualTime(),
        )
        let underWay = 0
        for (const key of list) {
          const endpoint = balancer.pick(`hot-${key}`) as Endpoint
          underWay++
          expect(endpoint.pending).toBeLessThanOrEqual(Math.ceil((1.5 * underWay) / ids.length))
        }
      }),
      { numRuns: 50 },
    )
  })

  it('spreads by load without a key', () => {
    const rig = setup('hash', [1, 1])
    drive(rig, 10_000, 8, () => 1)
    expectShares(rig.shares(), [1, 1])
  })

  it('spreads its hashes', () => {
    const ring = new HashRing(setup('hash').balancer.endpoints, 160)
    const counts = [0, 0, 0]
    for (let i = 0; i < 30_000; i++) {
      const owner = ring.owner(ring.find(hash32(`key ${i}`)), 0)
      counts[owner] = (counts[owner] as number) + 1
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(2_500)
    expect(hash32('a')).not.toBe(hash32('b'))
    expect(hash32('ab')).not.toBe(hash32('ba'))
  })
})

describe('health', () => {
  it('leaves out what fails, for longer each time, never more than allowed, and says so', () => {
    const { time, balancer } = setup({
      mode: 'roundRobin',
      health: { failures: 2, eject: 100, maxEject: 250, maxEjected: 0.4 },
    })
    const events: unknown[] = []
    balancer.on('health', ({ endpoint, healthy, by, forMs }) => void events.push([endpoint.id, healthy, by, forMs]))
    const [first, second] = balancer.endpoints as [Endpoint, Endpoint]
    const fail = (endpoint: Endpoint): void => {
      for (let i = 0; i < 2; i++) balancer.done(endpoint, 1, true)
    }
    for (let i = 0; i < 3; i++) {
      fail(first)
      expect(first.healthy(time.now())).toBe(false)
      // A second one would be more than 40 %.
      fail(second)
      expect(second.healthy(time.now())).toBe(true)
      time.advance(300)
    }
    balancer.done(first, 1, false)
    fail(first)
    expect(events).toEqual([
      ['e0', false, 'calls', 100],
      ['e0', false, 'calls', 200],
      ['e0', false, 'calls', 250],
      ['e0', false, 'calls', 100],
    ])
  })

  it('follows probes', () => {
    const { time, balancer } = setup({ mode: 'roundRobin', health: { interval: 1_000, fall: 2, rise: 2 } })
    const [first] = balancer.endpoints as [Endpoint]
    expect(balancer.probesDue()).toHaveLength(3)
    expect(balancer.probesDue()).toHaveLength(0)
    expect(balancer.nextProbeIn()).toBe(1_000)
    time.advance(1_000)
    expect(balancer.probesDue()).toHaveLength(3)
    const states = [false, true, false, false, true, false, true, true].map((ok) => {
      balancer.probed(first, ok)
      return first.healthy(time.now())
    })
    expect(states).toEqual([true, true, true, false, false, false, false, true])
    expect(setup('roundRobin').balancer.nextProbeIn()).toBe(Number.POSITIVE_INFINITY)
  })

  it('is not asked for when nobody is healthy, but breakers are', () => {
    const time = new VirtualTime()
    const breakers = [new Breaker({}, time), new Breaker({}, time)] as const
    const balancer = new Balancer(
      breakers.map((admission, i) => ({ id: `e${i}`, admission })),
      { mode: 'roundRobin', health: { interval: 1_000, fall: 1 } },
      time,
    )
    for (const endpoint of balancer.endpoints) balancer.probed(endpoint, false)
    expect(balancer.pick()).not.toBeNull()
    breakers[0].trip()
    for (let i = 0; i < 5; i++) expect(balancer.pick()?.id).toBe('e1')
    breakers[1].trip(500)
    expect(balancer.pick()).toBeNull()
    time.advance(500)
    expect(balancer.pick()?.id).toBe('e1')
  })
})

describe('slow start', () => {
  it.each<BalanceMode>(['roundRobin', 'leastPending', 'latency'])('lets a new endpoint in by and by: %s', (mode) => {
    const rig = setup({ mode, slowStart: 10_000 }, [1])
    const { balancer } = rig
    balancer.setEndpoints([{ id: 'e0' }, { id: 'new' }])
    const [old, fresh] = balancer.endpoints as [Endpoint, Endpoint]
    const share = (ms: number): number => {
      const before = [old.picked, fresh.picked] as const
      const until = rig.time.now() + ms
      while (rig.time.now() < until) drive(rig, 64, 32, () => 4)
      const gained = fresh.picked - before[1]
      return gained / (gained + old.picked - before[0])
    }
    const early = share(1_000)
    const middle = share(4_000)
    rig.time.advance(10_000)
    const late = share(2_000)
    expect(early).toBeLessThan(0.2)
    expect(middle).toBeGreaterThan(early)
    expect(middle).toBeLessThan(0.42)
    expect(Math.abs(late - 0.5)).toBeLessThan(0.02)
  })
})

describe('changes', () => {
  it('keep what is known of the endpoints that stay', () => {
    const { balancer, time } = setup('latency')
    const [first] = balancer.endpoints as [Endpoint]
    balancer.done(balancer.pick() as Endpoint, 5, false)
    balancer.setEndpoints([{ id: 'e0' }, { id: 'e9' }])
    expect(balancer.endpoints[0]).toBe(first)
    balancer.use('hash')
    expect(balancer.pick('key')).not.toBeNull()
    balancer.use({ mode: 'latency' })
    expect(first.latency(time.now(), balancePolicy('latency'))).toBeGreaterThanOrEqual(0)
    balancer.setEndpoints([{ id: 'e0', weight: 2 }])
    expect(balancer.endpoints[0]).not.toBe(first)
  })

  it.each([
    [() => new Balancer([]), []],
    [() => new Balancer([{ id: 'a' }, { id: 'a' }]), [1, 'id']],
    [() => new Balancer([{ id: 'a', weight: 0 }]), [0, 'weight']],
    [() => balancePolicy('fastest' as never), ['mode']],
    [() => balancePolicy({ health: { eject: 100, maxEject: 50 } }), ['health', 'maxEject']],
    [() => balancePolicy({ bound: 1 }), ['bound']],
  ])('are refused naming the field: %#', (make, path) => {
    expect(make).toThrow(expect.objectContaining({ issues: [expect.objectContaining({ path })] }))
  })
})

describe('an endpoint to be avoided', () => {
  it.each(['roundRobin', 'leastPending', 'latency', 'hash'] as const)(
    'is chosen only when no other is healthy: %s',
    (mode) => {
      const { balancer } = setup({ mode, health: { failures: 1, eject: 60_000, maxEjected: 1 } }, [100, 1])
      const [bad, good] = balancer.endpoints as [Endpoint, Endpoint]
      for (let i = 0; i < 50; i++) {
        const chosen = balancer.pick('key', bad) as Endpoint
        expect(chosen).toBe(good)
        balancer.abandon(chosen)
      }
      balancer.done(balancer.pick('key', bad) as Endpoint, 1, true)
      // The other has been ejected: better this one than none.
      expect(balancer.pick('key', bad)).toBe(bad)
    },
  )
})
