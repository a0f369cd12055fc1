/** Desks that hear of their orders by themselves, at venues in small that check logins, lose and repeat messages, and cut connections. */
import { afterEach, describe, expect, it } from 'vitest'
import { binance } from '../../dist/esm/venue/binance/index.js'
import type { StreamEvent } from '../../dist/esm/venue/index.js'
import { rejection, until } from '../e2e/waiting.ts'
import { chance, cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { key, secret, startExchange, wires } from './exchange.ts'
import { common, limit, live, names, orderOf, scene, told, type Venue, venues } from './private-scene.ts'

afterEach(cleanUp)

describe.each(names)('%s', (name) => {
  const { fee } = venues[name] as Venue

  it('tells each fill once, with price, size, fee and trade, and how the order stands', async () => {
    const { desk, exchange, fills, orders } = await live(name)
    const { clientOrderId } = await desk.place(limit)
    const order = orderOf(exchange, clientOrderId)
    exchange.book.fill(order, '0.00050')
    exchange.book.fill(order, '0.00150')
    await until(() => desk.known({ clientOrderId })?.status === 'filled', 'the order is filled')
    await until(() => fills.length === 2, 'both fills are told')
    expect(fills).toMatchObject([
      { tradeId: 'T1', price: '65000.10', size: '0.00050', clientOrderId, side: 'buy', ...fee },
      { tradeId: 'T2', price: '65000.10', size: '0.00150', clientOrderId, side: 'buy', ...fee },
    ])
    expect(fills[1]?.orderId).toBe(desk.known({ clientOrderId })?.orderId)
    expect(fills[1]?.raw).toBeTypeOf('object')
    expect(orders.at(-1)).toMatchObject({ to: 'filled' })
  })

  it('hears of an end that was not its own doing', async () => {
    const { desk, exchange } = await live(name)
    const { clientOrderId } = await desk.place(limit)
    exchange.book.cancel(orderOf(exchange, clientOrderId))
    await until(() => desk.known({ clientOrderId })?.status === 'canceled', 'the cancel is heard')
    expect(exchange.seen.filter((line) => /cancel|DELETE/i.test(line))).toEqual([])
  })

  it('hears of orders that were placed elsewhere', async () => {
    const { exchange, fills, orders } = await live(name)
    const order = exchange.book.place({
      client: 'elsewhere',
      symbol: 'ETH-USDT',
      side: 'sell',
      price: '3000.5',
      size: '1.00000',
    })
    exchange.book.fill(order, '0.25000')
    await until(() => fills.length === 1, 'its fill is told')
    expect(orders[0]).toMatchObject({ clientOrderId: 'elsewhere', to: 'open' })
    expect(fills[0]).toMatchObject({ clientOrderId: 'elsewhere', size: '0.25000' })
  })

  it('learns what happened while the stream was lost, each fill once, and logs in again', async () => {
    const { desk, exchange, door, fills, states } = await live(name)
    const ids = ['filled', 'partly', 'canceled', 'open']
    for (const clientOrderId of ids) await desk.place({ ...limit, clientOrderId })
    exchange.book.fill(orderOf(exchange, 'partly'), '0.00050')
    await until(() => fills.length === 1, 'the first fill is told')
    door.shut = true
    door.cut()
    await until(() => desk.state === 'blind', 'the loss is noticed')
    exchange.book.fill(orderOf(exchange, 'filled'), '0.00120')
    exchange.book.fill(orderOf(exchange, 'filled'), '0.00080')
    exchange.book.fill(orderOf(exchange, 'partly'), '0.00070')
    exchange.book.cancel(orderOf(exchange, 'canceled'))
    expect(fills).toHaveLength(1)
    const granted = door.granted
    door.shut = false
    await until(() => desk.state === 'live', 'it hears again')
    expect(ids.map((clientOrderId) => desk.known({ clientOrderId })?.status)).toEqual([
      'filled',
      'partiallyFilled',
      'canceled',
      'open',
    ])
    await until(() => fills.length === 4, 'the fills are found')
    exchange.book.fill(orderOf(exchange, 'partly'), '0.00080')
    await until(() => fills.length === 5, 'the last fill is told')
    expect(told(fills).sort()).toEqual(['T1 0.00050', 'T2 0.00120', 'T3 0.00080', 'T4 0.00070', 'T5 0.00080'])
    expect(door.granted).toBeGreaterThan(granted)
    expect(states.map(({ to }) => to).filter((to, i, all) => to !== all[i - 1])).toEqual([
      'connecting',
      'catchingUp',
      'live',
      'blind',
      'catchingUp',
      'live',
    ])
  })

  it('an order is not taken for the one that had its client id before it', async () => {
    const { desk, exchange, fills } = await live(name)
    const { symbol } = limit
    await desk.place({ ...limit, clientOrderId: 'same' })
    await desk.cancel({ symbol, clientOrderId: 'same' })
    await until(() => desk.known({ clientOrderId: 'same' })?.status === 'canceled', 'it is canceled')
    const first = desk.known({ clientOrderId: 'same' })?.orderId ?? ''
    const second = exchange.book.place({ client: 'same', symbol, side: 'sell', price: '70000.00', size: '0.00300' })
    await until(() => desk.known({ clientOrderId: 'same' })?.status === 'open', 'the second is heard of')
    const known = desk.known({ clientOrderId: 'same' })
    expect(known).toMatchObject({ orderId: expect.stringContaining(second.id), side: 'sell', size: '0.00300' })
    expect(desk.known({ orderId: first })).toMatchObject({ status: 'canceled', side: 'buy', size: '0.00200' })
    expect(await desk.openOrders()).toMatchObject([{ orderId: known?.orderId, status: 'open' }])
    exchange.book.fill(second, '0.00100')
    await until(() => fills.length > 0, 'the fill is told')
    expect(fills).toMatchObject([{ orderId: known?.orderId, side: 'sell', size: '0.00100', state: { side: 'sell' } }])
  })

  it('a key that is refused ends it, and shows no secret', async () => {
    const { desk, states } = await scene(name, { secret: Buffer.from('the wrong secret of a test').toString('base64') })
    const error = (await rejection(desk.open())) as Error & { readonly code: string }
    expect(error.code).toMatch(/^ERR_(SESSION_(REFUSED|LOGIN)|REST_REFUSED|ORDER_AUTH)$/)
    expect(desk.state).toBe('closed')
    const shown = `${error.stack} ${JSON.stringify(error)} ${states.map((state) => `${state.reason} ${state.error}`)}`
    expect(shown).not.toContain(key)
    expect(shown).not.toMatch(/[0-9a-f]{40}/)
  })

  it('a login that is refused later is tried again: it was granted once', async () => {
    // There is no login, but an address.
    if (name === 'binanceUsdm') return
    const { desk, exchange, door, fills, states } = await live(name)
    const { clientOrderId } = await desk.place(limit)
    door.spoil = 1
    door.cut()
    exchange.book.fill(orderOf(exchange, clientOrderId), '0.00050')
    await until(() => states.some(({ error }) => error !== null), 'the refusal is told')
    expect(desk.state).toBe('blind')
    const { error } = states.find((state) => state.error !== null) as StreamEvent
    expect((error as Error & { readonly code: string }).code).toMatch(/^ERR_SESSION_(REFUSED|LOGIN)$/)
    expect(`${error?.stack} ${JSON.stringify(error)}`).not.toContain(key)
    await until(() => desk.state === 'live' && fills.length === 1, 'it hears again')
    expect(door.spoil).toBe(0)
  })

  it('whatever is lost, repeated and cut: it ends as the venue says, each fill told once', {
    timeout: 60_000,
  }, async () => {
    const { desk, exchange, door, fills } = await live(name)
    const random = chance(23)
    door.times = () => (random() < 0.05 ? 0 : random() < 0.2 ? 2 : 1)
    exchange.fate = () => (random() < 0.1 ? 'answerLost' : 'answered')
    const cuts = setInterval(() => door.cut(), 150)
    const ids = Array.from({ length: 120 }, (_, i) => `storm${i}`)
    const work = async (clientOrderId: string): Promise<void> => {
      await desk.place({ ...limit, clientOrderId })
      const order = orderOf(exchange, clientOrderId)
      for (let i = Math.floor(random() * 4); i > 0; i--) {
        exchange.book.fill(order, '0.00060')
        await new Promise((resolve) => setTimeout(resolve, random() * 20))
      }
      if (random() < 0.3 && order.state === 'open') exchange.book.cancel(order)
    }
    const queue = [...ids]
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let id = queue.pop(); id !== undefined; id = queue.pop()) await work(id)
      }),
    )
    clearInterval(cuts)
    // What is lost on a connection that stands is learnt with the next one.
    door.times = () => 1
    door.cut()
    await until(() => desk.state === 'live' && door.clients.size > 0, 'it hears again')
    await until(() => fills.length >= exchange.book.trades.length, 'all fills are told')
    await until(() => desk.state === 'live', 'it is live')
    for (const order of exchange.book.orders) {
      const known = desk.known({ clientOrderId: order.client })
      const status = order.state === 'open' && order.filled !== '0' ? 'partiallyFilled' : order.state
      expect(known).toMatchObject({ status, filled: order.filled })
    }
    expect(told(fills).sort()).toEqual(exchange.book.trades.map(({ id, size }) => `${id} ${size}`).sort())
    expect(exchange.book.executed.length).toBe(new Set(exchange.book.executed).size)
  })
})

describe('a desk', () => {
  it('that was not opened hears nothing, and says so', async () => {
    const { desk, exchange, fills, door } = await scene('binance')
    await desk.rest.ready()
    const { clientOrderId } = await desk.place(limit)
    exchange.book.fill(orderOf(exchange, clientOrderId), '0.00050')
    expect(desk.state).toBe('closed')
    expect(fills).toEqual([])
    await desk.order({ symbol: limit.symbol, clientOrderId })
    expect(fills).toMatchObject([{ tradeId: '', size: '0.00050', price: null, clientOrderId }])
    expect(door.received).toEqual([])
  })

  it('does not show a key that is for a server of the user to the venue', async () => {
    const exchange = await startExchange(wires.binance())
    const { streamUrl: _none, ...options } = common(exchange.origin, '')
    const desk = binance.trading({ ...options, secret })
    onCleanUp(() => desk.close({ force: true }))
    expect(await rejection(desk.open())).toMatchObject({ message: expect.stringContaining('streamUrl') })
  })
})
