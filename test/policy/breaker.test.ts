import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Breaker, type BreakerChange, type BreakerState } from '../../lib/policy/breaker/breaker.js'
import { type BreakerOptions, type BreakerPolicy, breakerPolicy } from '../../lib/policy/breaker/policy.js'
import { VirtualTime } from '../support/virtual-time.js'

function setup(options: BreakerOptions = {}) {
  const time = new VirtualTime()
  const breaker = new Breaker(options, time)
  const changes: BreakerChange[] = []
  breaker.on('change', (change) => void changes.push(change))
  /** A call that passes and ends at once. */
  const call = (failed: boolean): boolean => {
    const ticket = breaker.enter()
    if (ticket !== 0) breaker.leave(ticket, failed)
    return ticket !== 0
  }
  return { time, breaker, changes, call, steps: () => changes.map(({ from, to, reason }) => `${from} ${to} ${reason}`) }
}

describe('a breaker', () => {
  it('opens after failures in a row, probes, and closes', () => {
    const { time, breaker, call, steps, changes } = setup({ failures: 3, open: 1_000, successes: 2 })
    for (const failed of [true, true, false, true, true]) expect(call(failed)).toBe(true)
    expect(breaker.state).toBe('closed')
    call(true)
    expect(breaker.state).toBe('open')
    expect(call(false)).toBe(false)
    expect(breaker.refused).toBe(1)
    expect(breaker.readyIn()).toBe(1_000)
    time.advance(999)
    expect(breaker.ready()).toBe(false)
    time.advance(1)
    expect(breaker.ready()).toBe(true)
    expect(call(false)).toBe(true)
    expect(breaker.state).toBe('halfOpen')
    expect(call(false)).toBe(true)
    expect(breaker.state).toBe('closed')
    expect(steps()).toEqual(['closed open failures', 'open halfOpen waited', 'halfOpen closed recovered'])
    expect(changes[0]?.openForMs).toBe(1_000)
  })

  it('opens for longer each time that a probe fails, and for as long as at first after it was closed', () => {
    const { time, call, changes } = setup({ failures: 1, open: 100, factor: 3, maxOpen: 500, successes: 1 })
    call(true)
    for (let i = 0; i < 3; i++) {
      time.advance(1_000)
      call(true)
    }
    time.advance(1_000)
    call(false)
    call(true)
    expect(changes.filter(({ to }) => to === 'open').map(({ openForMs }) => openForMs)).toEqual([
      100, 300, 500, 500, 100,
    ])
  })

  it('opens when too large a share of the last calls failed', () => {
    const { time, breaker, call } = setup({ failures: Number.POSITIVE_INFINITY, rate: 0.5, minimum: 10, window: 1_000 })
    for (let i = 0; i < 8; i++) call(i % 2 === 0)
    time.advance(2_000)
    // What is older than the window does not count.
    for (let i = 0; i < 9; i++) call(i % 2 === 0)
    expect(breaker.state).toBe('closed')
    call(true)
    expect(breaker.state).toBe('open')
  })

  it('lets through as many probes at a time as allowed', () => {
    const { time, breaker } = setup({ failures: 1, open: 100, probes: 2, successes: 3 })
    breaker.leave(breaker.enter(), true)
    time.advance(100)
    const probes = [breaker.enter(), breaker.enter(), breaker.enter()]
    expect(probes.map((ticket) => ticket > 0)).toEqual([true, true, false])
    breaker.abandon(probes[0] as number)
    expect(breaker.enter()).toBeGreaterThan(0)
    breaker.leave(probes[1] as number, false)
    expect(breaker.enter()).toBeGreaterThan(0)
    expect(breaker.state).toBe('halfOpen')
  })

  it('does not wait for ever for a probe', () => {
    const { time, breaker, steps } = setup({ failures: 1, open: 100, probeTimeout: 5_000 })
    breaker.leave(breaker.enter(), true)
    time.advance(100)
    const lost = breaker.enter()
    expect(breaker.readyIn()).toBe(5_000)
    time.advance(5_000)
    expect(breaker.state).toBe('open')
    breaker.leave(lost, false)
    expect(breaker.state).toBe('open')
    expect(steps().at(-1)).toBe('halfOpen open probe')
  })

  it('learns nothing from calls of an earlier state', () => {
    const { time, breaker } = setup({ failures: 1, open: 100, successes: 1 })
    const [old, older] = [breaker.enter(), breaker.enter()]
    breaker.leave(breaker.enter(), true)
    time.advance(100)
    const probe = breaker.enter()
    breaker.leave(old, true)
    expect(breaker.state).toBe('halfOpen')
    breaker.leave(probe, false)
    breaker.leave(older, true)
    breaker.leave(0, true)
    expect(breaker.state).toBe('closed')
  })

  it('obeys', () => {
    const { time, breaker, call, steps } = setup({ failures: 1 })
    breaker.reset()
    breaker.trip()
    time.advance(1e9)
    expect(call(false)).toBe(false)
    breaker.reset()
    expect(call(false)).toBe(true)
    breaker.trip(500)
    time.advance(500)
    expect(call(false)).toBe(true)
    expect(() => breaker.trip(0)).toThrow(expect.objectContaining({ code: 'ERR_TICKWIRE_CONFIG' }))
    expect(steps()).toEqual(['closed open manual', 'open closed manual', 'closed open manual', 'open halfOpen waited'])
  })

  it('goes on under another policy', () => {
    const { breaker, call } = setup({ failures: 5 })
    for (let i = 0; i < 3; i++) call(true)
    breaker.use({ failures: 4 })
    expect(breaker.state).toBe('closed')
    call(true)
    expect(breaker.state).toBe('open')
    expect(() => breaker.use({ failures: 0 })).toThrow(expect.objectContaining({ code: 'ERR_TICKWIRE_CONFIG' }))
  })

  it.each([
    [{ rate: 0 }, 'rate'],
    [{ open: 100, maxOpen: 50 }, 'maxOpen'],
    [{ minimum: 1.5 }, 'minimum'],
    [{ probe: 1 }, 'probe'],
  ])('refuses %j', (options, path) => {
    expect(() => breakerPolicy(options as never)).toThrow(
      expect.objectContaining({ issues: [expect.objectContaining({ path: [path] })] }),
    )
  })
})

/** What a breaker does, said as plainly as possible and without regard to cost. */
class Reference {
  state: BreakerState = 'closed'
  readonly #policy: BreakerPolicy
  #log: { slice: number; failed: boolean }[] = []
  #row = 0
  #until = 0
  #last = 0
  #probes: number[] = []
  #lastProgress = 0
  #good = 0

  constructor(policy: BreakerPolicy) {
    this.#policy = policy
  }

  pass(now: number): void {
    if (this.state === 'open' && now >= this.#until) {
      this.state = 'halfOpen'
      this.#probes = []
      this.#good = 0
    } else if (
      this.state === 'halfOpen' &&
      this.#probes.length > 0 &&
      now >= this.#lastProgress + this.#policy.probeTimeout
    ) {
      this.#reopen(now)
    }
  }

  enter(now: number, id: number): boolean {
    this.pass(now)
    if (this.state === 'closed') return true
    if (this.state === 'open' || this.#probes.length >= this.#policy.probes) return false
    if (this.#probes.length === 0) this.#lastProgress = now
    this.#probes.push(id)
    return true
  }

  /** `entered`: the state in which the call began, as a run of it. */
  leave(now: number, id: number, failed: boolean): void {
    const { failures, rate, minimum, window, open, successes } = this.#policy
    if (this.state === 'closed') {
      const slice = Math.floor(now / (window / 10))
      this.#log.push({ slice, failed })
      this.#row = failed ? this.#row + 1 : 0
      const seen = this.#log.filter((entry) => entry.slice > slice - 10)
      const bad = seen.filter((entry) => entry.failed).length
      if (!failed) return
      if (this.#row >= failures || (seen.length >= minimum && bad >= rate * seen.length)) {
        this.#last = open
        this.#open(now)
      }
    } else if (this.state === 'halfOpen') {
      this.#probes = this.#probes.filter((probe) => probe !== id)
      if (failed) this.#reopen(now)
      else {
        this.#lastProgress = now
        if (++this.#good < successes) return
        this.state = 'closed'
        this.#log = []
        this.#row = 0
      }
    }
  }

  #reopen(now: number): void {
    this.#last = Math.min(this.#policy.maxOpen, Math.max(this.#policy.open, this.#last * this.#policy.factor))
    this.#open(now)
  }

  #open(now: number): void {
    this.state = 'open'
    this.#until = now + this.#last
  }
}

it('a breaker does what the reference does, whatever happens', () => {
  const options = fc.record({
    failures: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constant(Number.POSITIVE_INFINITY)),
    rate: fc.constantFrom(0.25, 0.5, 1),
    window: fc.constantFrom(100, 1_000),
    minimum: fc.integer({ min: 1, max: 12 }),
    open: fc.constantFrom(50, 200),
    maxOpen: fc.constantFrom(200, 900),
    factor: fc.constantFrom(1, 2),
    probes: fc.integer({ min: 1, max: 3 }),
    successes: fc.integer({ min: 1, max: 4 }),
    probeTimeout: fc.constantFrom(80, 300),
  })
  const step = fc.record({
    pause: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 120 })),
    do: fc.constantFrom('enter', 'leave', 'leave'),
    which: fc.nat(),
    failed: fc.boolean(),
  })
  fc.assert(
    fc.property(options, fc.array(step, { minLength: 10, maxLength: 200 }), (source, steps) => {
      const policy = breakerPolicy(source)
      const time = new VirtualTime()
      const breaker = new Breaker(policy, time)
      const reference = new Reference(policy)
      // Calls under way, and the run of a state in which they began: changes of either make earlier calls tell nothing.
      let run = 0
      breaker.on('change', () => void run++)
      const calls: { id: number; ticket: number; run: number }[] = []
      let ids = 0
      for (const { pause, do: what, which, failed } of steps) {
        time.advance(pause)
        if (what === 'enter') {
          const id = ++ids
          const ticket = breaker.enter()
          expect(ticket > 0).toBe(reference.enter(time.now(), id))
          if (ticket > 0) calls.push({ id, ticket, run })
        } else if (calls.length > 0) {
          const [call] = calls.splice(which % calls.length, 1)
          if (call === undefined) throw new Error('unreachable')
          const current = call.run === run
          // A breaker that is only told of ends does not look at the clock for what time alone changes; nor does the reference.
          if (current) reference.leave(time.now(), call.id, failed)
          breaker.leave(call.ticket, failed)
        }
        reference.pass(time.now())
        expect(breaker.state).toBe(reference.state)
      }
    }),
    { numRuns: 400 },
  )
})
