/** A dead-man's switch whose requests are answered late, lost or refused, and whose thread or clock does not keep time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { DeadManPlan } from '../../dist/esm/venue/desk/dead-man.js'
import { Switches } from '../../dist/esm/venue/desk/switches.js'
import type { DeadManEvent } from '../../dist/esm/venue/index.js'
import { rejection, until } from '../e2e/waiting.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const countdown: DeadManPlan = {
  least: 100,
  most: 60_000,
  step: 1,
  perSymbol: true,
  form: (ms, symbol) => ({ method: 'POST', path: '/after', request: { query: { symbol, ms } } }),
}

/** What the venue has been told, in the order in which it executed it. */
function venue(plan: DeadManPlan = countdown) {
  const sent: string[] = []
  const told: DeadManEvent[] = []
  const made = {
    sent,
    told,
    states: () => told.map(({ state }) => state),
    /** Before a request is executed. */
    before: async (_name: string, _deadline: number): Promise<void> => {},
    switches: new Switches({
      plan,
      session: () => ({}) as never,
      tell: (event) => told.push(event),
      send: async ({ request }) => {
        const { symbol, ms } = request.query as { symbol: string; ms: number }
        const name = `${symbol} ${ms}`
        await made.before(name, request.deadline ?? Number.POSITIVE_INFINITY)
        sent.push(name)
      },
    }),
  }
  return made
}

describe('what is under way', () => {
  it('is awaited before it is unset: a late renewal would set it again', async () => {
    const made = venue()
    const { switches, sent } = made
    const deadMan = await switches.set({ afterMs: 300, symbols: ['A'] })
    let held = 0
    made.before = async (name) => {
      if (name !== 'A 300') return
      held++
      await sleep(80)
    }
    await until(() => held === 1, 'a renewal is under way')
    await deadMan.stop()
    await sleep(400)
    expect(sent.at(-1)).toBe('A 0')
    expect(Number.isNaN(deadMan.until)).toBe(true)
  })

  it('is awaited before another takes its place', async () => {
    const made = venue()
    const { switches, sent } = made
    await switches.set({ afterMs: 300, symbols: ['A'] })
    let held = 0
    made.before = async (name) => {
      if (name !== 'A 300') return
      held++
      await sleep(80)
    }
    await until(() => held === 1, 'a renewal is under way')
    const deadMan = await switches.set({ afterMs: 30_000, symbols: ['A'] })
    await sleep(150)
    expect(sent.at(-1)).toBe('A 30000')
    await deadMan.stop()
  })
})

describe('another in its place', () => {
  it('unsets what is not set any more: nobody would renew it', async () => {
    const { switches, sent } = venue()
    await switches.set({ afterMs: 30_000, symbols: ['A', 'B'] })
    const deadMan = await switches.set({ afterMs: 20_000, symbols: ['B', 'C'] })
    expect(sent.slice(2)).toEqual(['A 0', 'B 20000', 'C 20000'])
    await deadMan.stop()
    expect(sent.slice(5)).toEqual(['B 0', 'C 0'])
  })

  it('that cannot be set leaves the first going', async () => {
    const made = venue()
    const { switches, sent, told } = made
    const first = await switches.set({ afterMs: 400, symbols: ['A'] })
    made.before = async (name, deadline) => {
      if (!name.startsWith('B')) return
      // Lost on its way: it is given up at its deadline.
      await sleep(Math.min(deadline, 5_000))
      throw new Error('lost')
    }
    expect(await rejection(switches.set({ afterMs: 60_000, symbols: ['A', 'B'] }))).toMatchObject({ message: 'lost' })
    const count = sent.length
    await until(() => sent.length >= count + 3, 'it is renewed')
    expect(sent.slice(count)).toEqual(expect.arrayContaining(['A 400']))
    expect(told.some(({ state }) => state === 'expired')).toBe(false)
    await first.stop()
    expect(sent.at(-1)).toBe('A 0')
  })
})

it('that cannot be unset is renewed until it can', async () => {
  const made = venue()
  const { switches, sent, told } = made
  const deadMan = await switches.set({ afterMs: 300, symbols: ['A'] })
  made.before = async (name) => {
    if (name === 'A 0') throw new Error('lost')
  }
  expect(await rejection(deadMan.stop())).toMatchObject({ message: 'lost' })
  expect(told.at(-1)).toMatchObject({ state: 'failed' })
  const count = sent.length
  await until(() => sent.length >= count + 3, 'it is renewed')
  made.before = async () => {}
  await deadMan.stop()
  expect(sent.at(-1)).toBe('A 0')
  expect(told.at(-1)).toMatchObject({ state: 'stopped', until: Number.NaN })
})

it('of which a part was set is unset, when the rest cannot be', async () => {
  const made = venue()
  made.before = async (name) => {
    if (name === 'B 300') throw new Error('refused')
  }
  expect(await rejection(made.switches.set({ afterMs: 300, symbols: ['A', 'B'] }))).toMatchObject({
    message: 'refused',
  })
  expect(made.sent).toEqual(['A 300', 'A 0', 'B 0'])
  expect(made.told).toEqual([])
})

describe('time', () => {
  it('a thread that was held up tells that it has expired', async () => {
    const { switches, states } = venue()
    const deadMan = await switches.set({ afterMs: 150, symbols: ['A'] })
    const end = performance.now() + 300
    while (performance.now() < end);
    await until(() => states().includes('renewed'), 'it is renewed')
    expect(states().slice(0, 3)).toEqual(['armed', 'expired', 'renewed'])
    await deadMan.stop()
  })

  it('a clock that was set forward does not', async () => {
    const made = venue()
    const { switches, states } = made
    const deadMan = await switches.set({ afterMs: 900, symbols: ['A'] })
    const real = Date.now
    vi.spyOn(Date, 'now').mockImplementation(() => real() + 3_600_000)
    let broken = true
    made.before = async () => {
      if (broken) throw new Error('lost')
    }
    await until(() => states().includes('failed'), 'it fails')
    broken = false
    await until(() => states().includes('renewed'), 'it is renewed')
    expect(states()).not.toContain('expired')
    expect(deadMan.until - Date.now()).toBeGreaterThan(300)
    expect(deadMan.until - Date.now()).toBeLessThanOrEqual(900)
    await deadMan.stop()
  })
})

it('a connection that could not be told to be watched is told again', async () => {
  const watches: boolean[] = []
  let broken = false
  const { switches, states } = venue({
    ...countdown,
    perSymbol: false,
    watch: async (_session, on) => {
      watches.push(on)
      if (broken && on) throw new Error('limited')
    },
  })
  const deadMan = await switches.set({ afterMs: 600 })
  broken = true
  switches.reconnected()
  await until(() => states().filter((state) => state === 'failed').length >= 2, 'it fails twice')
  broken = false
  await until(() => states().at(-1) === 'renewed', 'it is told again')
  await deadMan.stop()
  const count = watches.length
  await sleep(150)
  expect(watches).toHaveLength(count)
})
