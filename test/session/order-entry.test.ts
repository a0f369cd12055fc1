import { exponential } from 'tickwire'
import { afterEach, describe, expect, it } from 'vitest'
import { binance } from '../../dist/esm/policy/index.js'
import { type Lookup, slidingWindow, weighted } from '../../dist/esm/rest/index.js'
import { binanceSession, OrderEntry, type OrderResult, SessionError } from '../../dist/esm/session/index.js'
import { BinanceAuth } from '../../dist/esm/sign/index.js'
import { rejection, until } from '../e2e/waiting.ts'
import { answer, chance, cleanUp, rest, VenueServer } from '../rest/venue-server.ts'
import { apiKey, cleanUpSessions, secret, session, TradingServer } from './trading-server.ts'

afterEach(async () => {
  await cleanUpSessions()
  await cleanUp()
})

const lookup: Lookup = async ({ idempotencyKey, ask }) => {
  const response = await ask('GET', '/api/v3/order', { query: { origClientOrderId: idempotencyKey } })
  return response.ok ? { found: response } : 'absent'
}

/** A venue with one order book behind both of its doors. */
async function venue(options: { readonly recvWindow?: number; readonly limit?: number } = {}) {
  const executions = new Map<string, number>()
  const execute = (id: string): void => void executions.set(id, (executions.get(id) ?? 0) + 1)
  const doors = await TradingServer.start(({ params }, reply) => {
    execute(String(params['newClientOrderId']))
    reply({ status: 200, result: {} })
  })
  const gateway = await VenueServer.start((request, response) => {
    const url = new URL(request.url ?? '', 'http://x')
    if (request.method === 'POST') {
      execute(url.searchParams.get('newClientOrderId') ?? '')
      answer(200, { via: 'rest' })(request, response)
      return
    }
    const found = executions.has(url.searchParams.get('origClientOrderId') ?? '')
    answer(found ? 200 : 400, found ? { status: 'NEW' } : { code: -2013, msg: 'Order does not exist.' })(
      request,
      response,
    )
  })
  const auth = new BinanceAuth({ apiKey, secret, recvWindow: options.recvWindow ?? 5_000 })
  const meters = slidingWindow({ limit: options.limit ?? 1e6, window: 60_000 })
  const client = rest({
    endpoints: [gateway.origin],
    auth,
    venue: binance,
    limits: [weighted({ name: 'w', meters })],
    retry: { backoff: exponential({ first: 1, max: 20, retries: 5 }), visibleAfter: 10, budget: false },
    lookup,
  })
  const ws = session({
    url: doors.url,
    protocol: binanceSession({ auth }),
    connection: { reconnect: exponential({ first: 5, max: 20, storm: { floor: 0 } }) },
    rest: client,
    timeouts: { answer: 100 },
  })
  const entry = new OrderEntry({
    session: ws,
    rest: client,
    toRest: (_method, params) => ({
      method: 'POST',
      path: '/api/v3/order',
      request: { query: params as Record<string, string> },
    }),
  })
  const order = (id: string): Promise<OrderResult> =>
    entry.request('order.place', { newClientOrderId: id }, { idempotencyKey: id })
  return { executions, doors, gateway, ws, entry, client, order }
}

describe('OrderEntry', () => {
  it('goes over the session when that is ready, over REST when not', async () => {
    const { doors, gateway, ws, entry, order, executions } = await venue()
    const told: unknown[] = []
    entry.on('failover', (event) => told.push(event))
    expect((await order('a')).via).toBe('rest')
    expect(told).toEqual([{ method: 'order.place', code: 'ERR_NOT_OPEN', uncertain: false }])
    await ws.open()
    expect((await order('b')).via).toBe('session')
    await doors.close()
    await until(() => !ws.ready, 'the loss is noticed')
    expect(await order('c')).toMatchObject({ via: 'rest', body: { via: 'rest' } })
    expect(gateway.seen).toHaveLength(2)
    expect([...executions]).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 1],
    ])
  })

  it('an order whose answer the session lost is looked up over REST and found', async () => {
    const { doors, ws, order, executions, gateway } = await venue()
    await ws.open()
    doors.serve = ({ params, socket }) => {
      executions.set(String(params['newClientOrderId']), 1)
      socket.terminate()
    }
    const result = await order('a')
    expect(result).toMatchObject({ via: 'rest', body: { status: 'NEW' }, response: { found: true } })
    expect(executions.get('a')).toBe(1)
    expect(gateway.seen.every((line) => line.startsWith('GET'))).toBe(true)
  })

  it('an order that the session lost on the way is sent over REST once it can no longer be executed', async () => {
    const { doors, ws, order, executions } = await venue({ recvWindow: 60 })
    await ws.open()
    let at = 0
    doors.serve = ({ socket }) => {
      at = performance.now()
      socket.terminate()
    }
    const result = await order('a')
    expect(result).toMatchObject({ via: 'rest', response: { found: false, attempt: 2 } })
    expect(performance.now() - at).toBeGreaterThanOrEqual(60)
    expect(executions.get('a')).toBe(1)
  })

  it('a refusal is a refusal: it does not go on over REST', async () => {
    const { doors, ws, order, gateway } = await venue()
    await ws.open()
    doors.serve = (_request, reply) =>
      reply({ status: 400, error: { code: -2010, msg: 'Account has insufficient balance.' } })
    expect(await rejection(order('a'))).toMatchObject({ code: 'ERR_SESSION_REFUSED', venueCode: '-2010' })
    expect(await rejection(order('a'))).toBeInstanceOf(SessionError)
    expect(gateway.seen).toEqual([])
  })

  it('session and REST count on the same limits', async () => {
    const { ws, order, client, executions } = await venue({ limit: 3 })
    await ws.open()
    await order('a')
    await client.post('/api/v3/order', { query: { newClientOrderId: 'b' } })
    await order('c')
    expect(await rejection(client.get('/api/v3/order', { deadline: 50 }))).toMatchObject({
      code: 'ERR_RATE_LIMIT_DEADLINE',
    })
    expect(await rejection(ws.request('order.place', {}, { wait: 50 }))).toMatchObject({
      code: 'ERR_RATE_LIMIT_DEADLINE',
    })
    expect(executions.size).toBe(3)
  })

  it('a thousand orders through cuts, silence and errors: each is executed once, and told so', async () => {
    const { doors, ws, order, executions } = await venue({ recvWindow: 150 })
    const random = chance(11)
    doors.serve = ({ params, socket }, reply) => {
      const id = String(params['newClientOrderId'])
      const execute = (): void => void executions.set(id, (executions.get(id) ?? 0) + 1)
      const draw = random()
      if (draw < 0.005) socket.terminate()
      else if (draw < 0.01) {
        execute()
        socket.terminate()
      } else if (draw < 0.015) execute()
      else if (draw < 0.02) {
        if (random() < 0.5) execute()
        reply({ status: 500, error: { code: -1006, msg: 'Unexpected response.' } })
      } else {
        execute()
        reply({ status: 200, result: {} })
      }
    }
    await ws.open()
    const ways = { session: 0, rest: 0 }
    let next = 0
    const work = async (): Promise<void> => {
      while (next < 1_000) ways[(await order(`o${next++}`)).via]++
    }
    await Promise.all(Array.from({ length: 16 }, work))
    expect(executions.size).toBe(1_000)
    expect(Math.max(...executions.values())).toBe(1)
    expect(ways.session + ways.rest).toBe(1_000)
    expect(ways.rest).toBeGreaterThan(10)
    expect(ways.session).toBeGreaterThan(300)
  })
})
