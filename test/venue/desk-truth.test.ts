/** Whatever happens between a desk and its venue: in the end the desk knows what the venue knows, and has told each fill once. */
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { binance } from '../../dist/esm/venue/binance/index.js'
import { type Desk, type FillEvent, OrderError } from '../../dist/esm/venue/index.js'
import { until } from '../e2e/waiting.ts'
import { chance, cleanUp } from '../rest/venue-server.ts'
import { binanceOrderDoor } from './entry-wires.ts'
import { type Exchange, type Order, secret, startExchange, wires } from './exchange.ts'
import { type Door, startDoor } from './private-door.ts'
import { common, limit, names, orderOf, scene, told } from './private-scene.ts'
import { binanceDoor } from './private-wires.ts'

afterEach(cleanUp)

/** One thing that happens. `order`: which of those that there are. */
type Step =
  | { readonly do: 'place'; readonly fate: 'answered' | 'answerLost' }
  | { readonly do: 'fill' | 'cancel' | 'ask'; readonly order: number; readonly pushes: 0 | 1 | 2 }
  | { readonly do: 'cut' | 'shut' | 'open' | 'wait' | 'openOrders' }

const order = fc.nat({ max: 9 })
const pushes = fc.constantFrom(0 as const, 1 as const, 1 as const, 2 as const)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('place' as const),
      fate: fc.constantFrom('answered' as const, 'answerLost' as const),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('fill' as const, 'cancel' as const, 'ask' as const), order, pushes }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('cut' as const, 'shut' as const, 'open' as const, 'wait' as const, 'openOrders' as const),
    }),
  },
)

async function run(steps: readonly Step[], desk: Desk, exchange: Exchange, door: Door): Promise<void> {
  const under: Promise<unknown>[] = []
  const pick = (at: number): Order | undefined => exchange.book.orders[at % Math.max(1, exchange.book.orders.length)]
  for (const each of steps) {
    if (each.do === 'place') {
      exchange.fate = () => each.fate
      // What the desk rejects with is its own matter here: no order may be told wrongly in the end.
      under.push(desk.place(limit).catch(() => {}))
      await new Promise((resolve) => setTimeout(resolve, 3))
    } else if (each.do === 'fill' || each.do === 'cancel' || each.do === 'ask') {
      const order = pick(each.order)
      if (order === undefined) continue
      door.times = () => each.pushes
      if (each.do === 'fill') exchange.book.fill(order, '0.00060')
      else if (each.do === 'cancel' && order.state === 'open') exchange.book.cancel(order)
      else if (each.do === 'ask') {
        const known = desk.known({ clientOrderId: order.client })
        if (known !== null)
          under.push(
            desk.order({ symbol: limit.symbol, orderId: known.orderId, clientOrderId: order.client }).catch(() => {}),
          )
      }
      door.times = () => 1
    } else if (each.do === 'cut') door.cut()
    else if (each.do === 'shut') {
      door.shut = true
      door.cut()
    } else if (each.do === 'open') door.shut = false
    else if (each.do === 'openOrders') under.push(desk.openOrders().catch(() => {}))
    else await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await Promise.all(under)
}

describe.each(names)('%s', (name) => {
  it('any interleaving of answers, pushes, losses, repetitions and reconnections', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
        const { desk, exchange, door, fills } = await scene(name)
        try {
          await desk.rest.ready()
          await desk.open()
          await run(steps, desk, exchange, door)
          door.shut = false
          exchange.fate = () => 'answered'
          const states: string[] = []
          desk.on('stream', ({ to }) => states.push(to))
          door.cut()
          await until(() => states.includes('blind') || states.includes('catchingUp'), 'the cut is noticed')
          await until(() => desk.state === 'live', 'it hears again')
          await until(() => fills.length >= exchange.book.trades.length, 'all fills are told')
          for (const order of exchange.book.orders) {
            const known = desk.known({ clientOrderId: order.client })
            const status = order.state === 'open' && order.filled !== '0' ? 'partiallyFilled' : order.state
            expect(known).toMatchObject({ status, filled: order.filled })
          }
          expect(told(fills).sort()).toEqual(exchange.book.trades.map(({ id, size }) => `${id} ${size}`).sort())
        } finally {
          await desk.close({ force: true })
        }
      }),
      { numRuns: 12, endOnFailure: true },
    )
  })
})

describe('soak', () => {
  it('three thousand orders over both ways, both sockets killed again and again', { timeout: 120_000 }, async () => {
    const wire = wires.binance()
    const exchange = await startExchange(wire)
    const stream = await startDoor(exchange.book, binanceDoor)
    const entry = await startDoor(exchange.book, binanceOrderDoor, wire)
    const desk = binance.trading({
      ...common(exchange.origin, stream.url),
      secret,
      recvWindow: 80,
      entry: 'auto',
      entryUrl: entry.url,
    })
    const fills: FillEvent[] = []
    desk.on('fill', (fill) => fills.push(fill))
    await desk.rest.ready()
    await desk.open()
    const random = chance(5)
    stream.times = () => (random() < 0.02 ? 0 : random() < 0.05 ? 2 : 1)
    entry.fate = () => {
      const drawn = random()
      return drawn < 0.005 ? 'requestLost' : drawn < 0.01 ? 'answerLost' : 'answered'
    }
    exchange.fate = () => (random() < 0.05 ? 'answerLost' : 'answered')
    const kills = setInterval(() => (random() < 0.5 ? stream : entry).cut(), 100)
    const executed = new Set<string>()
    const wrong: string[] = []
    let next = 0
    const work = async (): Promise<void> => {
      while (next < 3_000) {
        const id = `soak${next++}`
        try {
          await desk.place({ ...limit, clientOrderId: id })
          executed.add(id)
          if (random() < 0.3) exchange.book.fill(orderOf(exchange, id), random() < 0.5 ? '0.00070' : '0.00200')
          else if (random() < 0.5) await desk.cancel({ symbol: limit.symbol, clientOrderId: id }).catch(() => {})
        } catch (error) {
          if (!(error instanceof OrderError)) throw error
          const there = exchange.book.orders.some(({ client }) => client === id)
          if (!error.mayHaveExecuted && there) wrong.push(`${id}: ${error.code}, and it is there`)
        }
      }
    }
    await Promise.all(Array.from({ length: 16 }, work))
    clearInterval(kills)
    stream.times = () => 1
    stream.cut()
    for (const id of executed)
      if (!exchange.book.orders.some(({ client }) => client === id)) wrong.push(`${id} is not there`)
    expect(wrong).toEqual([])
    expect(new Set(exchange.book.executed).size).toBe(exchange.book.executed.length)
    expect(exchange.book.executed.length).toBeGreaterThan(2_950)
    await until(
      () => fills.length >= exchange.book.trades.length && desk.state === 'live',
      'all fills are told',
      60_000,
    )
    expect(told(fills).sort()).toEqual(exchange.book.trades.map(({ id, size }) => `${id} ${size}`).sort())
    for (const order of exchange.book.orders) {
      const known = desk.known({ clientOrderId: order.client })
      const status = order.state === 'open' && order.filled !== '0' ? 'partiallyFilled' : order.state
      if (known?.status !== status) wrong.push(`${order.client}: ${known?.status}, not ${status}`)
    }
    expect(wrong).toEqual([])
    await desk.close({ force: true })
  })
})
