import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Answer,
  binance,
  binanceRateLimits,
  bybit,
  coinbase,
  exponential,
  Grant,
  httpClassifier,
  KrakenOrderAges,
  kraken,
  Limiter,
  type Outcome,
  observeBinanceRateLimits,
  okx,
  PolicySet,
  type VenuePolicy,
} from '../../lib/policy/index.js'
import { VirtualTime } from '../support/virtual-time.js'

const now = Date.UTC(2026, 6, 24, 12)

function answer(status: number, body: unknown, venue: VenuePolicy, headers: Record<string, string> = {}): Answer {
  return { status, ...venue.error(body), header: (name) => headers[name], receivedAt: now }
}

type Case = readonly [string, VenuePolicy, number, unknown, Partial<Outcome>, Record<string, string>?]

const cases: readonly Case[] = [
  ['an order', binance, 200, { symbol: 'X', orderId: 1 }, { kind: 'done' }],
  ['success with a code', binance, 200, { code: 200, msg: 'success' }, { kind: 'done' }],
  ['a timeout behind the gateway', binance, 503, { code: -1007, msg: 'Timeout' }, { kind: 'unknown' }],
  ['an internal error', binance, 500, {}, { kind: 'unknown' }],
  [
    'too much weight',
    binance,
    429,
    { code: -1003, msg: 'Too much' },
    { kind: 'limited', forMs: 7_000, scope: 'ip' },
    { 'retry-after': '7' },
  ],
  [
    'too many orders',
    binance,
    429,
    { code: -1015, msg: 'x' },
    { kind: 'limited', forMs: Number.NaN, scope: 'account' },
  ],
  [
    'a ban',
    binance,
    418,
    { code: -1003, msg: `Way too much; IP banned until ${now + 300_000}.` },
    { kind: 'banned', forMs: 300_000, scope: 'ip' },
  ],
  [
    'a ban that our clock would see end too early',
    binance,
    418,
    { code: -1003, msg: `Way too much; IP banned until ${now + 300_000}.` },
    { kind: 'banned', forMs: 302_000, scope: 'ip' },
    { 'retry-after': '302' },
  ],
  ['a ban without words', binance, 418, '', { kind: 'banned', forMs: 120_000, scope: 'ip' }],
  [
    'a ban until a date',
    binance,
    418,
    '',
    { kind: 'banned', forMs: 90_000 },
    { 'retry-after': 'Fri, 24 Jul 2026 12:01:30 GMT' },
  ],
  ['the firewall', binance, 403, '<html>', { kind: 'banned', scope: 'ip' }],
  ['a wrong clock', binance, 400, { code: -1021, msg: 'Timestamp' }, { kind: 'skewed' }],
  ['a busy server', binance, 503, { code: -1008, msg: 'busy' }, { kind: 'retryable' }],
  ['a known id', binance, 400, { code: -2010, msg: 'Duplicate order sent.' }, { kind: 'duplicate' }],
  ['no money', binance, 400, { code: -2010, msg: 'Account has insufficient balance' }, { kind: 'fatal' }],

  ['an order', bybit, 200, { retCode: 0, retMsg: 'OK' }, { kind: 'done' }],
  [
    'too many visits',
    bybit,
    200,
    { retCode: 10006 },
    { kind: 'limited', forMs: 640, scope: 'endpoint' },
    { 'x-bapi-limit-reset-timestamp': String(now + 640) },
  ],
  [
    'too many visits, reset in the past',
    bybit,
    200,
    { retCode: 10006 },
    { kind: 'limited', forMs: 0 },
    { 'x-bapi-limit-reset-timestamp': String(now - 640) },
  ],
  ['an address shut out', bybit, 403, 'access too frequent', { kind: 'banned', forMs: 600_000, scope: 'ip' }],
  ['a server timeout', bybit, 200, { retCode: 10000 }, { kind: 'unknown' }],
  ['a known id', bybit, 200, { retCode: 110072 }, { kind: 'duplicate' }],
  ['a code that is not known', bybit, 200, { retCode: 110007 }, { kind: 'fatal' }],

  ['an order', okx, 200, { code: '0', data: [{ sCode: '0' }] }, { kind: 'done' }],
  [
    'an order refused for its id',
    okx,
    200,
    { code: '1', data: [{ sCode: '51016', sMsg: 'exists' }] },
    { kind: 'duplicate' },
  ],
  ['orders, some refused', okx, 200, { code: '2', data: [{ sCode: '0' }, { sCode: '51008' }] }, { kind: 'done' }],
  ['no money', okx, 200, { code: '1', data: [{ sCode: '51008', sMsg: 'x' }] }, { kind: 'fatal' }],
  ['a limit', okx, 429, { code: '50011', msg: 'x' }, { kind: 'limited', forMs: 2_000, scope: 'endpoint' }],
  ['the account’s limit', okx, 200, { code: '1', data: [{ sCode: '50061' }] }, { kind: 'limited', scope: 'account' }],
  ['a timeout', okx, 400, { code: '50004' }, { kind: 'unknown' }],
  ['an expired request', okx, 401, { code: '50102' }, { kind: 'skewed' }],

  ['an order', kraken, 200, { error: [], result: {} }, { kind: 'done' }],
  ['a warning', kraken, 200, { error: ['WGeneral:Danger'], result: {} }, { kind: 'done' }],
  ['calls', kraken, 200, { error: ['EAPI:Rate limit exceeded'] }, { kind: 'limited', forMs: 5_000, scope: 'account' }],
  ['orders', kraken, 200, { error: ['EOrder:Rate limit exceeded'] }, { kind: 'limited', scope: 'instrument' }],
  ['a lockout', kraken, 200, { error: ['EGeneral:Temporary lockout'] }, { kind: 'banned', forMs: 900_000 }],
  [
    'throttling',
    kraken,
    200,
    { error: [`EService:Throttled:${now / 1_000 + 12}`] },
    { kind: 'limited', forMs: 12_000 },
  ],
  ['an old nonce', kraken, 200, { error: ['EAPI:Invalid nonce'] }, { kind: 'retryable' }],
  ['a missed deadline', kraken, 200, { error: ['EService:Deadline elapsed'] }, { kind: 'retryable' }],
  ['an engine that is away', kraken, 200, { error: ['EService:Unavailable'] }, { kind: 'unknown' }],
  ['an internal error', kraken, 200, { error: ['EGeneral:Internal error:42'] }, { kind: 'unknown' }],
  ['no money', kraken, 200, { error: ['EOrder:Insufficient funds'] }, { kind: 'fatal' }],
  ['a gateway', kraken, 520, '<html>', { kind: 'unknown' }],

  ['an order', coinbase, 200, { success: true, success_response: {} }, { kind: 'done' }],
  ['no money', coinbase, 200, { success: false, error_response: { error: 'INSUFFICIENT_FUND' } }, { kind: 'fatal' }],
  [
    'nobody knows',
    coinbase,
    200,
    { success: false, error_response: { error: 'UNKNOWN_FAILURE_REASON' } },
    { kind: 'unknown' },
  ],
  ['a limit', coinbase, 429, { error: 'rate_limit_exceeded' }, { kind: 'limited', scope: 'account' }],
  ['a refusal', coinbase, 401, 'Unauthorized', { kind: 'fatal' }],
]

describe('answers', () => {
  it.each(cases.map((entry) => [entry[1].name, ...entry] as const))(
    'of %s: %s',
    (_name, _what, venue, status, body, expected, headers) => {
      expect(venue.classify.answer(answer(status, body, venue, headers))).toMatchObject(expected)
    },
  )

  it.each([binance, bybit, okx, kraken, coinbase].map((venue) => [venue.name, venue] as const))(
    'of %s always mean something, whatever they are',
    (_name, venue) => {
      const code = fc.oneof(fc.integer({ min: -3_000, max: 200_000 }).map(String), fc.string(), fc.integer())
      const body = fc.oneof(
        fc.jsonValue(),
        fc.record({ code, msg: fc.string(), data: fc.jsonValue() }),
        fc.record({ retCode: code, retMsg: fc.string() }),
        fc.record({
          error: fc.oneof(fc.array(fc.string()), fc.string(), fc.jsonValue()),
          error_response: fc.jsonValue(),
        }),
      )
      fc.assert(
        fc.property(fc.integer({ min: 100, max: 599 }), body, fc.string(), (status, parsed, header) => {
          const outcome = venue.classify.answer({
            status,
            ...venue.error(parsed),
            header: () => header,
            receivedAt: now,
          })
          expect(typeof outcome.kind).toBe('string')
          if (outcome.kind === 'limited' || outcome.kind === 'banned')
            expect(outcome.forMs >= 0 || Number.isNaN(outcome.forMs)).toBe(true)
        }),
        { numRuns: 500 },
      )
    },
  )

  it('that never came leave open what had left', () => {
    for (const venue of [binance, bybit, okx, kraken, coinbase]) {
      expect(venue.classify.failure({ phase: 'connect', code: 'ECONNREFUSED' }).kind).toBe('retryable')
      expect(venue.classify.failure({ phase: 'send', code: 'ECONNRESET' }).kind).toBe('unknown')
      expect(venue.classify.failure({ phase: 'receive', code: 'ERR_TIMEOUT' }).kind).toBe('unknown')
    }
  })

  it('of an unknown host are judged by HTTP alone', () => {
    const kinds = [200, 304, 400, 408, 421, 429, 500, 503].map(
      (status) => httpClassifier.answer(answer(status, null, coinbase)).kind,
    )
    expect(kinds).toEqual(['done', 'done', 'fatal', 'retryable', 'retryable', 'limited', 'unknown', 'unknown'])
  })
})

describe('limits', () => {
  it.each([binance, bybit, okx, kraken, coinbase].map((venue) => [venue.name, venue] as const))(
    'of %s go together',
    (_name, venue) => {
      const limiter = new Limiter({ rules: venue.limits(), time: new VirtualTime() })
      const route = limiter.route({ endpoint: 'x', kind: 'order', account: 'a' })
      expect(limiter.tryAcquire(route)).toBe(0)
      expect(() => venue.limits({ reserve: 2 } as never)).toThrow(
        expect.objectContaining({ issues: [expect.objectContaining({ path: ['reserve'] })] }),
      )
    },
  )

  it('of Binance come from what it says itself', () => {
    const rateLimits = [
      { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: 100 },
      { rateLimitType: 'ORDERS', interval: 'SECOND', intervalNum: 10, limit: 20, count: 15 },
      { rateLimitType: 'RAW_REQUESTS', interval: 'MINUTE', intervalNum: 5, limit: 500 },
      { rateLimitType: 'CONNECTIONS', interval: 'MINUTE', intervalNum: 5, limit: 300 },
    ]
    const limiter = new Limiter({ rules: binanceRateLimits(rateLimits, { reserve: 0 }), time: new VirtualTime() })
    const route = limiter.route({ endpoint: 'order.place', kind: 'order' })
    const grant = new Grant()
    expect(limiter.tryAcquire(route, 1, 1, grant)).toBe(0)
    observeBinanceRateLimits(limiter, route, rateLimits, grant)
    const orders = limiter.stats().meters.find(({ rule }) => rule === 'ORDERS')
    expect(orders).toMatchObject({ limit: 20, used: 15 })
    limiter.observe(route, (name) => (name === 'x-mbx-order-count-10s' ? '18' : undefined), grant)
    expect(limiter.tryAcquire(route, 1, 2)).toBe(0)
    expect(limiter.tryAcquire(route, 1, 1)).toBeGreaterThan(0)
    expect(binanceRateLimits([])).toEqual([])
  })
})

describe('ages of Kraken orders', () => {
  it('say what touching them costs', () => {
    const ages = new KrakenOrderAges()
    ages.placed('a', 0)
    const cost = (ms: number): number[] =>
      (['amend', 'edit', 'cancel'] as const).map((action) => ages.weight('a', action, ms, 0))
    expect([0, 5_000, 10_000, 15_000, 45_000, 90_000, 300_000].map(cost)).toEqual([
      [4, 7, 8],
      [3, 6, 6],
      [2, 5, 5],
      [1, 3, 4],
      [1, 2, 2],
      [1, 1, 1],
      [1, 1, 0],
    ])
    expect(ages.weight('a', 'cancel', 5_500)).toBe(8)
    ages.amended('a', 100_000)
    expect(ages.weight('a', 'cancel', 100_001, 0)).toBe(8)
    ages.closed('a')
    expect(ages.size).toBe(0)
    // What is not known may be new.
    expect(ages.weight('b', 'cancel', 1e9)).toBe(8)
  })

  it('are kept of so many only', () => {
    const ages = new KrakenOrderAges(3)
    for (const [i, id] of ['a', 'b', 'c', 'd'].entries()) ages.placed(id, i)
    ages.amended('b', 5)
    ages.placed('e', 6)
    expect(ages.size).toBe(3)
    expect(['a', 'b', 'c', 'd', 'e'].map((id) => ages.weight(id, 'cancel', 1_000_000, 0))).toEqual([8, 0, 8, 0, 0])
    expect(() => new KrakenOrderAges(0)).toThrow(expect.objectContaining({ code: 'ERR_TICKWIRE_CONFIG' }))
  })
})

describe('a set of policies', () => {
  it('is complete, checked once, and replaced as a whole', () => {
    const set = new PolicySet({ retry: exponential({ retries: 1 }), limits: binance.limits(), balance: 'hash' })
    expect(set.retry.attempts).toBe(2)
    expect(set.breaker?.failures).toBe(5)
    expect(Object.isFrozen(set)).toBe(true)
    const other = set.with({ retry: { deadline: 5 }, breaker: false })
    expect(other).toMatchObject({ retry: { deadline: 5 }, breaker: null, limits: set.limits, balance: set.balance })
    expect(other.with({ balance: undefined }).breaker).toBeNull()
    expect(set.retry.attempts).toBe(2)
    expect(() => set.with({ rety: {} } as never)).toThrow(
      expect.objectContaining({ issues: [{ path: ['rety'], message: 'unknown option' }] }),
    )
    expect(() => set.with({ breaker: { rate: 2 } })).toThrow(expect.objectContaining({ code: 'ERR_TICKWIRE_CONFIG' }))
  })
})
