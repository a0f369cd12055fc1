import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exponential, never } from '../../lib/policy/reconnect.js'
import { Attempts } from '../../lib/policy/retry/attempts.js'
import { RetryBudget } from '../../lib/policy/retry/budget.js'
import { type Decision, decide, delayOf, type RetryContext } from '../../lib/policy/retry/decide.js'
import { type Outcome, Outcomes } from '../../lib/policy/retry/outcome.js'
import { type RetryOptions, type RetryPolicy, retryPolicy } from '../../lib/policy/retry/policy.js'

describe('a retry policy', () => {
  it('has its documented defaults, also when it is made of exponential() alone', () => {
    const expected = {
      first: 50,
      max: 2_000,
      factor: 2,
      jitter: 'full',
      immediate: false,
      attempts: 4,
      deadline: 10_000,
      budget: { ratio: 0.2, perSecond: 1, burst: 20 },
      settle: 10_000,
      visibleAfter: 500,
      certainty: 120_000,
      lookups: 100,
    }
    expect(retryPolicy()).toMatchObject(expected)
    expect(retryPolicy(exponential())).toMatchObject(expected)
    expect(retryPolicy({ backoff: exponential() })).toMatchObject(expected)
    expect(Object.isFrozen(retryPolicy())).toBe(true)
    const policy = retryPolicy()
    expect(retryPolicy(policy)).toBe(policy)
  })

  it('takes what exponential() was asked for, and only that', () => {
    expect(retryPolicy(exponential({ first: 5_000, jitter: 0.1, retries: 7 }))).toMatchObject({
      first: 5_000,
      max: 5_000,
      jitter: 0.1,
      attempts: 8,
      immediate: false,
    })
    expect(retryPolicy(exponential({ max: 900, immediate: true }))).toMatchObject({
      first: 50,
      max: 900,
      immediate: true,
    })
    expect(retryPolicy(exponential({ retries: Number.POSITIVE_INFINITY })).attempts).toBe(Number.POSITIVE_INFINITY)
    expect(retryPolicy(never()).attempts).toBe(1)
  })

  it('takes one written by hand as it is', () => {
    const byHand = { ...exponential(), jitter: 0.5, retries: 2 }
    expect(retryPolicy(byHand)).toMatchObject({ first: 100, max: 30_000, jitter: 0.5, attempts: 3, immediate: true })
  })

  it('leaves exponential() for connections as it was', () => {
    const policy = exponential({ first: 1 })
    retryPolicy(policy)
    expect(policy).toEqual({ ...exponential(), first: 1 })
  })

  it.each([
    [{ deadline: -1 }, ['deadline']],
    [{ backoff: { ...exponential(), first: -1 } }, ['backoff', 'first']],
    [{ budget: { ratio: 11 } }, ['budget']],
    [{ lookups: 0 }, ['lookups']],
    [{ classify: {} }, ['classify']],
    [{ atempts: 3 }, ['atempts']],
  ])('refuses %j naming the field', (options, path) => {
    const issue = expect.objectContaining({ path: expect.arrayContaining(path) })
    expect(() => retryPolicy(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_TICKWIRE_CONFIG', issues: [issue] }),
    )
  })
})

describe('delays', () => {
  it('double up to the longest and are drawn from all of it', () => {
    const policy = retryPolicy({ backoff: exponential({ first: 100, max: 700, retries: 10 }) })
    const delays = (random: number): number[] => [1, 2, 3, 4, 5, 400].map((attempt) => delayOf(policy, attempt, random))
    expect(delays(0)).toEqual([0, 0, 0, 0, 0, 0])
    expect(delays(0.5)).toEqual([50, 100, 200, 350, 350, 350])
    expect(Math.max(...delays(0.999_999))).toBeLessThan(700)
  })

  it('are drawn around what is due when jitter is given', () => {
    const policy = retryPolicy(exponential({ first: 100, max: 1_000, jitter: 0.2 }))
    expect([0, 0.5, 0.999_999].map((random) => Math.round(delayOf(policy, 1, random)))).toEqual([80, 100, 120])
  })

  it('may begin at once', () => {
    const policy = retryPolicy(exponential({ first: 100, immediate: true, jitter: 0 }))
    expect([1, 2, 3].map((attempt) => delayOf(policy, attempt, 0.5))).toEqual([0, 100, 200])
  })
})

const context: RetryContext = {
  elapsedMs: 0,
  idempotent: false,
  canLookup: true,
  uncertain: false,
  pendingMs: 0,
  lookups: 0,
  affordable: true,
  random: 0.5,
}
const policy = retryPolicy({ backoff: exponential({ first: 100, max: 1_000, jitter: 0 }) })
const limited = (forMs: number): Outcome => ({ kind: 'limited', forMs, scope: 'ip' })
const banned = (forMs: number): Outcome => ({ kind: 'banned', forMs, scope: 'ip' })

describe('what to do next', () => {
  const retry = (inMs: number): Decision => ({ do: 'retry', inMs })
  const lookup = (inMs: number): Decision => ({ do: 'lookup', inMs })
  const end = (reason: string, mayHaveExecuted = false): unknown => ({ do: 'giveUp', reason, mayHaveExecuted })

  it.each<[string, number, Outcome, Partial<RetryContext>, unknown]>([
    ['an answer', 1, Outcomes.done, {}, { do: 'finish' }],
    ['a refusal for good', 1, Outcomes.fatal, {}, end('fatal')],
    ['a refusal for good after an attempt of unknown fate', 2, Outcomes.fatal, { uncertain: true }, lookup(0)],
    ['a refusal for now', 1, Outcomes.retryable, {}, retry(100)],
    ['a refusal for longer', 1, { kind: 'retryable', forMs: 3_000 }, {}, retry(3_000)],
    ['a wrong timestamp', 2, Outcomes.skewed, {}, retry(200)],
    ['the last attempt', 4, Outcomes.retryable, {}, end('attempts')],
    ['no budget', 1, Outcomes.retryable, { affordable: false }, end('budget')],
    ['a late failure', 1, Outcomes.retryable, { elapsedMs: 9_901 }, end('deadline')],
    ['a limit', 1, limited(2_000), {}, retry(2_000)],
    ['a limit of unknown length', 1, limited(Number.NaN), {}, retry(100)],
    ['a long limit', 1, limited(20_000), {}, end('limited')],
    ['a ban', 1, banned(120_000), {}, end('banned')],
    ['an unknown fate', 1, Outcomes.unknown, {}, lookup(100)],
    ['an unknown fate that cannot be looked up', 1, Outcomes.unknown, { canLookup: false }, end('unknown', true)],
    ['an unknown fate of a query', 1, Outcomes.unknown, { idempotent: true }, retry(100)],
    ['found', 1, Outcomes.found, { uncertain: true }, { do: 'finish' }],
    ['not found, but it may be under way', 1, Outcomes.absent, { uncertain: true, pendingMs: 40 }, lookup(40)],
    ['not found, for certain', 1, Outcomes.absent, { uncertain: true }, retry(100)],
    ['not found for certain, after the last attempt', 4, Outcomes.absent, { uncertain: true }, end('attempts')],
    ['a look-up without result', 1, Outcomes.lookupFailed, { uncertain: true, lookups: 1 }, lookup(200)],
    ['a look-up that is limited', 1, { kind: 'lookupFailed', forMs: 900 }, { uncertain: true }, lookup(900)],
    ['too many look-ups', 1, Outcomes.lookupFailed, { uncertain: true, lookups: 100 }, end('lookup', true)],
    ['look-ups for too long', 1, Outcomes.lookupFailed, { uncertain: true, elapsedMs: 119_950 }, end('lookup', true)],
    ['a known id after an unknown fate', 2, Outcomes.duplicate, { uncertain: true }, lookup(0)],
    ['a known id at the first attempt', 1, Outcomes.duplicate, {}, end('duplicate')],
    ['a harmless refusal while an earlier fate is open', 2, Outcomes.retryable, { uncertain: true }, lookup(0)],
    ['a query’s last attempt', 4, Outcomes.unknown, { idempotent: true, canLookup: false }, end('attempts', true)],
  ])('after %s', (_name, attempt, outcome, changes, expected) => {
    expect(decide(policy, attempt, outcome, { ...context, ...changes })).toEqual(expected)
  })

  const number = fc.oneof(
    fc.double(),
    fc.integer({ min: -5, max: 200_000 }),
    fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 0),
  )
  const outcome: fc.Arbitrary<Outcome> = fc.oneof(
    fc.constantFrom<Outcome>(...Object.values(Outcomes)),
    fc.record({ kind: fc.constantFrom('limited', 'banned'), forMs: number, scope: fc.constant('ip' as const) }),
    fc.record({ kind: fc.constantFrom('retryable', 'lookupFailed'), forMs: number }),
  ) as fc.Arbitrary<Outcome>

  it('is decided for everything, and a request that is not idempotent is never sent blindly', () => {
    const anyContext = fc.record({
      elapsedMs: number,
      idempotent: fc.boolean(),
      canLookup: fc.boolean(),
      uncertain: fc.boolean(),
      pendingMs: number,
      lookups: number,
      affordable: fc.boolean(),
      random: number,
    })
    fc.assert(
      fc.property(number, outcome, anyContext, (attempt, what, about) => {
        const decision = decide(policy, attempt, what, about)
        expect(['finish', 'retry', 'lookup', 'giveUp']).toContain(decision.do)
        if (decision.do === 'retry' || decision.do === 'lookup') {
          expect(decision.inMs).toBeGreaterThanOrEqual(0)
          expect(Number.isFinite(decision.inMs)).toBe(true)
        }
        if (decision.do === 'retry' && !about.idempotent) {
          expect(what.kind).not.toBe('unknown')
          expect(what.kind).not.toBe('lookupFailed')
          if (about.uncertain) expect(what.kind).toBe('absent')
          if (what.kind === 'absent') expect(about.pendingMs > 0).toBe(false)
        }
      }),
      { numRuns: 3_000 },
    )
  })
})

describe('the budget', () => {
  it('is not given the same seconds twice when a request that waited is entered late', () => {
    const budget = new RetryBudget(retryPolicy({ budget: { ratio: 0, perSecond: 1, burst: 3 } }), 0)
    budget.deposit(10_000)
    for (let i = 0; i < 3; i++) budget.withdraw(10_000)
    budget.deposit(0)
    expect(budget.affords(10_000)).toBe(false)
    expect(budget.affords(11_000)).toBe(true)
  })

  const paid = retryPolicy({ budget: { ratio: 0.1, perSecond: 0, burst: 3 } })

  it('pays for a share of the requests', () => {
    const budget = new RetryBudget(paid, 0)
    let retries = 0
    for (let i = 0; i < 1_000; i++) {
      budget.deposit(i)
      if (!budget.affords(i)) continue
      budget.withdraw(i)
      retries++
    }
    expect(retries).toBeGreaterThanOrEqual(100)
    expect(retries).toBeLessThanOrEqual(104)
  })

  it('pays for each retry once, however many requests fail at the same moment', () => {
    const policy = retryPolicy({ budget: { ratio: 0, perSecond: 0, burst: 3 } })
    const budget = new RetryBudget(policy, 0)
    const request = { idempotent: true, canLookup: false, validMs: Number.NaN }
    const all = Array.from({ length: 10 }, () => new Attempts(policy, request, budget, () => 0.5, 0))
    for (const attempts of all) attempts.sending(0)
    const decisions = all.map((attempts) => attempts.next(Outcomes.unknown, 10).do)
    expect(decisions.filter((each) => each === 'retry')).toHaveLength(3)
    // Sending them takes nothing more.
    for (const attempts of all.slice(0, 3)) attempts.sending(20)
    budget.use(retryPolicy({ budget: { ratio: 1, perSecond: 0, burst: 3 } }), 20)
    budget.deposit(20)
    expect(budget.affords(20)).toBe(true)
  })

  it('comes back with time, up to its burst, and is taken along to another policy', () => {
    const budget = new RetryBudget(retryPolicy({ budget: { ratio: 0, perSecond: 2, burst: 4 } }), 0)
    const spend = (now: number): number => {
      let spent = 0
      for (; budget.affords(now); spent++) budget.withdraw(now)
      return spent
    }
    expect(spend(0)).toBe(4)
    expect(spend(499)).toBe(0)
    expect(spend(1_000)).toBe(2)
    expect(spend(60_000)).toBe(4)
    budget.use(paid, 60_000)
    expect(spend(60_000)).toBe(0)
    budget.use(retryPolicy({ budget: false }), 60_000)
    expect(budget.affords(60_000)).toBe(true)
    budget.use(paid, 60_000)
    expect(spend(60_000)).toBe(3)
  })
})

/** What happens to an attempt that leaves: when the venue executes it, if it does, and what is heard of it. */
interface Fate {
  readonly outcome: 'done' | 'fatal' | 'retryable' | 'limited' | 'unknown'
  /** As a share of the time for which it is valid; null: never. Only for `unknown`. */
  readonly executes: number | null
  readonly takesMs: number
}

const validMs = 2_000

/** Runs one order to its end. Look-ups tell the truth, as of the moment at which the venue gets them, `visibleAfter` behind. */
function run(
  policy: RetryPolicy,
  fates: readonly Fate[],
  lookups: readonly boolean[],
  lookupMs: number,
  random: number,
) {
  let now = 0
  const budget = new RetryBudget(policy, now)
  const attempts = new Attempts(policy, { idempotent: false, canLookup: true, validMs }, budget, () => random, now)
  const executedAt: number[] = []
  let next = 0
  let nextLookup = 0
  let decision: Decision = { do: 'retry', inMs: 0 }
  for (let steps = 0; steps < 1_000; steps++) {
    let outcome: Outcome
    if (decision.do === 'retry') {
      now += decision.inMs
      const fate = fates[Math.min(next++, fates.length - 1)] as Fate
      attempts.sending(now)
      if (fate.outcome === 'done') executedAt.push(now)
      if (fate.outcome === 'unknown' && fate.executes !== null) executedAt.push(now + fate.executes * validMs)
      now += fate.takesMs
      outcome = fate.outcome === 'limited' ? limited(300) : Outcomes[fate.outcome]
    } else if (decision.do === 'lookup') {
      now += decision.inMs
      attempts.lookingUp(now)
      const seen = executedAt.some((at) => at + policy.visibleAfter <= now)
      const works = lookups[nextLookup++ % lookups.length] ?? true
      now += lookupMs
      outcome = works ? (seen ? Outcomes.found : Outcomes.absent) : Outcomes.lookupFailed
    } else {
      return { decision, executions: executedAt.length, attempts: attempts.attempt, now }
    }
    decision = attempts.next(outcome, now)
  }
  throw new Error('there is no end to it')
}

describe('an order', () => {
  const fate: fc.Arbitrary<Fate> = fc.record({
    outcome: fc.constantFrom('done', 'fatal', 'retryable', 'limited', 'unknown', 'unknown', 'unknown'),
    executes: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    takesMs: fc.integer({ min: 0, max: 3_000 }),
  })

  it.each<[string, RetryOptions]>([
    ['with the usual patience', {}],
    [
      'with many attempts',
      { backoff: exponential({ retries: 20, first: 1, max: 50 }), deadline: 60_000, budget: false },
    ],
    ['with little patience', { certainty: 1_000, deadline: 500, lookups: 2 }],
  ])('is never executed twice, and what is said of it is true: %s', (_name, options) => {
    const policy = retryPolicy(options)
    fc.assert(
      fc.property(
        fc.array(fate, { minLength: 1, maxLength: 8 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 1_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (fates, lookups, lookupMs, random) => {
          const { decision, executions, attempts } = run(policy, fates, lookups, lookupMs, random)
          expect(executions).toBeLessThanOrEqual(1)
          expect(attempts).toBeLessThanOrEqual(policy.attempts)
          if (decision.do === 'finish') expect(executions).toBe(1)
          if (decision.do === 'giveUp' && !decision.mayHaveExecuted) expect(executions).toBe(0)
        },
      ),
      { numRuns: 1_500 },
    )
  })

  it('is cleared up in the end when look-ups work', () => {
    const lost: Fate = { outcome: 'unknown', executes: null, takesMs: 100 }
    const late: Fate = { outcome: 'unknown', executes: 1, takesMs: 100 }
    const done: Fate = { outcome: 'done', executes: null, takesMs: 10 }
    const policy = retryPolicy()
    expect(run(policy, [lost, done], [true], 5, 0.5)).toMatchObject({ decision: { do: 'finish' }, attempts: 2 })
    expect(run(policy, [late], [true], 5, 0.5)).toMatchObject({
      decision: { do: 'finish' },
      attempts: 1,
      executions: 1,
    })
    // Not before it was certain.
    expect(run(policy, [lost, done], [true], 5, 0.5).now).toBeGreaterThanOrEqual(validMs + policy.visibleAfter)
  })

  it('that carries no time limit is waited for as long as the policy says', () => {
    const policy = retryPolicy({ settle: 5_000, visibleAfter: 0 })
    const budget = new RetryBudget(policy, 0)
    const attempts = new Attempts(
      policy,
      { idempotent: false, canLookup: true, validMs: Number.NaN },
      budget,
      () => 0.5,
      0,
    )
    attempts.sending(100)
    attempts.next(Outcomes.unknown, 200)
    attempts.lookingUp(5_099)
    // The answer comes after the time, but what it tells is older.
    expect(attempts.next(Outcomes.absent, 5_200)).toMatchObject({ do: 'lookup' })
    expect(attempts.mayHaveExecuted).toBe(true)
    attempts.lookingUp(5_200)
    expect(attempts.next(Outcomes.absent, 5_300)).toMatchObject({ do: 'retry' })
    expect(attempts.mayHaveExecuted).toBe(false)
  })
})

describe('an attempt that leaves once more because nobody looked at it', () => {
  it('is the same attempt, and valid from when it left last', () => {
    const policy = retryPolicy({ visibleAfter: 0, budget: { ratio: 0, perSecond: 0, burst: 5 } })
    const budget = new RetryBudget(policy, 0)
    const request = { idempotent: false, canLookup: true, validMs: 1_000 }
    const attempts = new Attempts(policy, request, budget, () => 0.5, 0)
    attempts.sending(0)
    attempts.resending(900)
    expect(attempts.attempt).toBe(1)
    expect(attempts.next(Outcomes.unknown, 950).do).toBe('lookup')
    // What was sent at 900 may be executed until 1,900: a look-up at 1,500 proves nothing.
    attempts.lookingUp(1_500)
    expect(attempts.next(Outcomes.absent, 1_510).do).toBe('lookup')
    attempts.lookingUp(1_901)
    expect(attempts.next(Outcomes.absent, 1_910).do).toBe('retry')
  })
})
