/**
 * 20,000 orders to each of five venues that enforce their limits, lose requests and answers, answer late, execute at the last moment and
 * shut out whoever goes on in spite of refusals; their clocks are wrong and one is set. Two clients share the counts. Time is virtual.
 */
import { describe, expect, it } from 'vitest'
import {
  binance,
  bybit,
  ClockOffset,
  coinbase,
  exponential,
  KrakenOrderAges,
  kraken,
  Limiter,
  type LimitRule,
  okx,
  RetryBudget,
  retryPolicy,
  SharedLimitStore,
  sharedLimitBytes,
  type VenuePolicy,
} from '../../../lib/policy/index.js'
import { VirtualTime } from '../../support/virtual-time.js'
import { StormClient, type Verdict } from './client.js'
import { BinanceScheme, BybitScheme, CoinbaseScheme, KrakenScheme, OkxScheme } from './schemes.js'
import { type Scheme, Venue } from './venue.js'

/** Numbers from 0 to 1 that are the same in every run. */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

interface Storm {
  readonly policy: VenuePolicy
  readonly scheme: Scheme
  readonly rules: readonly LimitRule[]
  readonly weights: { readonly order: number; readonly cancel: number; readonly lookup: number }
  readonly accounts: number
  readonly instruments: number
  /** Milliseconds that the venue's clock is ahead. */
  readonly ahead: number
  /** By how many it is set, half-way. */
  readonly step: number
  readonly ages?: KrakenOrderAges
}

const one = { order: 1, cancel: 1, lookup: 1 }
const trouble = { lostThere: 0.01, lostBack: 0.02, late: 0.01, internal: 0.01, slow: 0.005 }

const storms: Readonly<Record<string, () => Storm>> = {
  binance: () => ({
    policy: binance,
    scheme: new BinanceScheme(),
    rules: binance.limits({ ordersPer10Seconds: 100, ordersPerDay: 200_000 }),
    weights: { order: 1, cancel: 1, lookup: 4 },
    accounts: 4,
    instruments: 5,
    ahead: -640,
    step: 0,
  }),
  bybit: () => ({
    policy: bybit,
    scheme: new BybitScheme(),
    rules: bybit.limits(),
    weights: one,
    accounts: 6,
    instruments: 5,
    ahead: 2_300,
    step: 900,
  }),
  okx: () => ({
    policy: okx,
    scheme: new OkxScheme(),
    rules: okx.limits(),
    weights: one,
    accounts: 1,
    instruments: 8,
    ahead: 0,
    step: 0,
  }),
  kraken: () => ({
    policy: kraken,
    scheme: new KrakenScheme(),
    rules: kraken.limits({ tier: 'pro' }),
    weights: { order: 1, cancel: 8, lookup: 1 },
    accounts: 2,
    instruments: 20,
    ahead: -30_000,
    step: -1_500,
    ages: new KrakenOrderAges(),
  }),
  coinbase: () => ({
    policy: coinbase,
    scheme: new CoinbaseScheme(),
    rules: coinbase.limits({ perHour: 1_000_000 }),
    weights: one,
    accounts: 4,
    instruments: 5,
    ahead: 15,
    step: 0,
  }),
}

const orders = 20_000
const workers = 300

async function run(storm: Storm, seed: number) {
  const time = new VirtualTime()
  const random = chance(seed)
  let stepped = 0
  const venue = new Venue(time, storm.scheme, random, () => storm.ahead + stepped)
  venue.trouble = trouble
  const clock = new ClockOffset({ interval: 5_000 }, time)
  const memory = new SharedArrayBuffer(sharedLimitBytes(512, 400_000))
  const retry = retryPolicy({
    backoff: exponential({ first: 100, max: 2_000, retries: 9 }),
    deadline: 3_600_000,
    certainty: 7_200_000,
    lookups: 1_000,
    budget: { ratio: 1 },
    classify: storm.policy.classify,
    visibleAfter: 50,
  })
  const clients = [0, 1].map(() => {
    const store = new SharedLimitStore(memory, time.machineOrigin, { keys: 512 })
    const limiter = new Limiter({ rules: storm.rules, store, clock, time, queue: { max: 10_000 } })
    const budget = new RetryBudget(retry, time.now())
    const { policy, weights, ages = null } = storm
    return new StormClient({ time, venue, policy, limiter, clock, retry, budget, random, weights, ages })
  })

  // The venue's time, asked for whenever it is wanted: its way is as slow as that of orders.
  let asking = true
  const ask = (): void => {
    if (!asking) return
    const sentAt = time.now()
    time.after(2 + random() * 88, () => {
      const told = Math.floor(venue.now())
      time.after(2 + random() * 88, () => {
        clock.add(sentAt, time.now(), told)
        time.after(Math.max(1, clock.nextSampleIn()), ask)
      })
    })
  }
  ask()
  // Somebody else at the same address.
  const others = (): void => {
    if (!asking) return
    storm.scheme.foreign(venue.now())
    time.after(2_000, others)
  }
  others()
  await time.pass(5_000)

  const verdicts = new Map<string, Verdict>()
  const cancels: Promise<boolean>[] = []
  let next = 0
  const work = async (client: StormClient): Promise<void> => {
    while (next < orders) {
      const i = next++
      if (i === orders / 2) stepped = storm.step
      const place = [`o${i}`, `account ${i % storm.accounts}`, `instrument ${i % storm.instruments}`] as const
      const verdict = await client.order(...place)
      verdicts.set(place[0], verdict)
      // A third is cancelled soon after.
      if (verdict === 'executed' && i % 3 === 0) cancels.push(client.cancel(...place))
    }
  }
  const all = Promise.all(Array.from({ length: workers }, (_, i) => work(clients[i % 2] as StormClient)))
  let done = false
  void all.then(async () => {
    await Promise.all(cancels)
    done = true
  })
  while (!done) {
    await time.pass(1_000)
    if (time.now() > 8 * 3_600_000) throw new Error(`after eight hours ${verdicts.size} orders have come to an end`)
  }
  asking = false
  await time.pass(10_000)
  return { venue, verdicts, clients, cancels: await Promise.all(cancels), hours: time.now() / 3_600_000 }
}

describe.each(Object.keys(storms))('20,000 orders to %s', (name) => {
  it('bring no ban, no double execution, and are all accounted for', { timeout: 300_000 }, async () => {
    const make = storms[name] as () => Storm
    const { venue, verdicts, clients, cancels } = await run(make(), 42)
    expect(venue.scheme.bans).toBe(0)
    // A clock that is set may bring a refusal before that is noticed; nothing else does.
    expect(venue.scheme.refusals).toBeLessThanOrEqual(make().step === 0 ? 0 : 2)
    expect(Math.max(...venue.executions.values())).toBe(1)
    expect(verdicts.size).toBe(orders)
    const counts = { executed: 0, notExecuted: 0, unresolved: 0 }
    for (const [id, verdict] of verdicts) {
      counts[verdict]++
      expect(venue.executions.get(id) ?? 0).toBe(verdict === 'executed' ? 1 : 0)
    }
    expect(counts.unresolved).toBe(0)
    expect(counts.executed + counts.notExecuted).toBe(orders)
    expect(counts.executed).toBeGreaterThan(0.99 * orders)
    expect(cancels.every((cancelled) => cancelled)).toBe(true)
    // There was something to be careful about.
    expect(clients.reduce((sum, { lookups }) => sum + lookups, 0)).toBeGreaterThan(300)
    expect(clients.reduce((sum, { attempts }) => sum + attempts, 0)).toBeGreaterThan(orders)
  })
})
