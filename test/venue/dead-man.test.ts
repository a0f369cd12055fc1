/** Dead-man's switches, against venues in small that cancel when they are not heard of. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { binance } from '../../dist/esm/venue/binance/index.js'
import type { DeadManEvent, Desk } from '../../dist/esm/venue/index.js'
import { rejection, until } from '../e2e/waiting.ts'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { secret } from './exchange.ts'
import { common, limit, live, orderOf, scene } from './private-scene.ts'

afterEach(cleanUp)

function events(desk: Desk): DeadManEvent[] {
  const told: DeadManEvent[] = []
  desk.on('deadMan', (event) => told.push(event))
  return told
}

/** Where it is renewed, and what is said besides the time. */
const renewed = { binanceUsdm: { symbols: [limit.symbol] }, kraken: {} } as const

describe.each(Object.keys(renewed) as (keyof typeof renewed)[])('%s', (name) => {
  const options = { afterMs: 1_000, ...renewed[name] }

  it('is renewed at a third of its time, and cancels when we are gone', { timeout: 30_000 }, async () => {
    const { desk, exchange } = await live(name)
    const told = events(desk)
    const { clientOrderId } = await desk.place(limit)
    const deadMan = await desk.deadMan(options)
    expect(deadMan.until).toBeGreaterThan(Date.now())
    await sleep(2_500)
    const order = orderOf(exchange, clientOrderId)
    expect(order.state).toBe('open')
    expect(exchange.book.armed.length).toBeGreaterThanOrEqual(5)
    expect(exchange.book.armed.length).toBeLessThanOrEqual(9)
    expect(told[0]).toMatchObject({ state: 'armed', error: null })
    expect(new Set(told.slice(1).map(({ state }) => state))).toEqual(new Set(['renewed']))
    await desk.close({ force: true })
    await until(() => order.state === 'canceled', 'the venue cancels')
  })

  it('that cannot be renewed says so, and when it is too late', { timeout: 30_000 }, async () => {
    const { desk, exchange } = await live(name)
    const told = events(desk)
    const { clientOrderId } = await desk.place(limit)
    await desk.deadMan(options)
    let broken = true
    exchange.fate = (_number, { path }) => (broken && /countdown|After/.test(path) ? 'requestLost' : 'answered')
    await until(() => told.some(({ state }) => state === 'expired'), 'it expires')
    await until(() => orderOf(exchange, clientOrderId).state === 'canceled', 'the venue has canceled')
    const failed = told.filter(({ state }) => state === 'failed')
    expect(failed.length).toBeGreaterThan(0)
    expect(failed[0]?.error).toMatchObject({ code: expect.stringMatching(/^ERR_ORDER_/) })
    broken = false
    await until(() => told.at(-1)?.state === 'renewed', 'it is renewed')
  })

  it('stops when it is told to, and with the desk', { timeout: 30_000 }, async () => {
    const { desk, exchange } = await live(name)
    const told = events(desk)
    const { clientOrderId } = await desk.place(limit)
    const deadMan = await desk.deadMan(options)
    await deadMan.stop()
    expect(deadMan.until).toBeNaN()
    expect(told.at(-1)?.state).toBe('stopped')
    expect(exchange.book.armed.at(-1)).toBe(0)
    await desk.deadMan(options)
    await desk.close()
    expect(exchange.book.armed.at(-1)).toBe(0)
    const count = exchange.book.armed.length
    await sleep(1_300)
    expect(orderOf(exchange, clientOrderId).state).toBe('open')
    expect(exchange.book.armed).toHaveLength(count)
  })
})

describe('OKX', () => {
  it('takes whole seconds, from 10 to 120', async () => {
    const { desk, exchange } = await scene('okx')
    await desk.rest.ready()
    const deadMan = await desk.deadMan({ afterMs: 14_200 })
    expect(exchange.book.armed).toEqual([15_000])
    await deadMan.stop()
    expect(exchange.book.armed).toEqual([15_000, 0])
    for (const afterMs of [9_999, 120_001, Number.NaN]) {
      expect(await rejection(desk.deadMan({ afterMs }))).toMatchObject({ code: 'ERR_ORDER_INVALID' })
    }
    expect(await rejection(desk.deadMan({ afterMs: 20_000, symbols: ['X'] }))).toMatchObject({
      code: 'ERR_ORDER_INVALID',
    })
  })
})

describe('Bybit', () => {
  it('watches the private stream, and is told to on every connection', async () => {
    const { desk, exchange, door } = await scene('bybit')
    await desk.rest.ready()
    expect(await rejection(desk.deadMan({ afterMs: 3_000 }))).toMatchObject({ code: 'ERR_NOT_OPEN' })
    await desk.open()
    const told = events(desk)
    const deadMan = await desk.deadMan({ afterMs: 3_000 })
    expect(exchange.book.armed.at(-1)).toBe(3_000)
    const watched = (): boolean => [...door.clients].some(({ channels }) => channels.has('dcp.future'))
    expect(watched()).toBe(true)
    door.cut()
    await until(() => told.some(({ state }) => state === 'renewed'), 'it is told again')
    expect(watched()).toBe(true)
    await deadMan.stop()
    expect(watched()).toBe(false)
    expect(told.map(({ state }) => state)).toEqual(['armed', 'renewed', 'stopped'])
  })
})

describe('elsewhere', () => {
  it('there is none', async () => {
    const spot = binance.trading({ ...common('http://127.0.0.1:1', 'ws://127.0.0.1:1'), secret })
    onCleanUp(() => spot.close({ force: true }))
    const { desk: coinbase } = await scene('coinbase')
    for (const desk of [spot, coinbase]) {
      expect(await rejection(desk.deadMan({ afterMs: 10_000 }))).toMatchObject({ code: 'ERR_ORDER_UNSUPPORTED' })
    }
  })
})
