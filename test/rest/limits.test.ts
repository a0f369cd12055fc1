import { afterEach, describe, expect, it } from 'vitest'
import {
  binance,
  Limiter,
  type LimiterStats,
  RemoteLimiter,
  type RemoteLimitStore,
} from '../../dist/esm/policy/index.js'
import { exponential, RestError, slidingWindow, weighted } from '../../dist/esm/rest/index.js'
import { rejection, until } from '../e2e/waiting.ts'
import { answer, cleanUp, rest, VenueServer } from './venue-server.ts'

afterEach(cleanUp)

const none = exponential({ retries: 0 })

describe('a venue that wants silence', () => {
  it.each([
    ['429 with Retry-After in seconds', 429, { 'retry-after': '30' }, 'ERR_REST_LIMITED', 30_000],
    ['418 with Retry-After in seconds', 418, { 'retry-after': '120' }, 'ERR_REST_BANNED', 120_000],
    ['418 that does not say how long', 418, {}, 'ERR_REST_BANNED', 120_000],
  ] as const)('%s: nothing more is sent', async (_name, status, headers, code, forMs) => {
    const server = await VenueServer.start(answer(status, { code: -1003, msg: 'Too many requests.' }, headers))
    const client = rest({ endpoints: [server.origin], venue: binance, limits: [], retry: none })
    const blocked: unknown[] = []
    client.on('blocked', (event) => blocked.push(event))
    expect(await rejection(client.get('/api/v3/depth'))).toMatchObject({
      code,
      status,
      venueCode: '-1003',
      venueMessage: 'Too many requests.',
      mayHaveExecuted: false,
      retryAfterMs: forMs,
    })
    expect(blocked).toEqual([{ scope: 'ip', route: 'GET /api/v3/depth', forMs }])
    const later = (await rejection(client.post('/api/v3/order', { deadline: 1_000 }))) as RestError
    expect(later).toMatchObject({ code: 'ERR_RATE_LIMIT_BLOCKED', attempt: 0, mayHaveExecuted: false })
    expect(later.retryAfterMs).toBeGreaterThan(forMs - 5_000)
    expect(server.seen).toHaveLength(1)
  })

  it('a short silence is kept, and the request sent again after it', async () => {
    let first = true
    const at: number[] = []
    const server = await VenueServer.start((request, response) => {
      at.push(performance.now())
      const busy = first
      first = false
      answer(busy ? 429 : 200, {}, busy ? { 'retry-after': '0.2' } : {})(request, response)
    })
    const client = rest({ endpoints: [server.origin] })
    // An order too: a refusal for being one too many is no execution.
    expect(await client.post('/order')).toMatchObject({ status: 200, attempt: 2 })
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(199)
  })

  it('a venue that does not say how long is left alone for `silence`', async () => {
    const server = await VenueServer.start(answer(429))
    const client = rest({ endpoints: [server.origin], retry: none, silence: 60_000 })
    expect(await rejection(client.get('/'))).toMatchObject({ code: 'ERR_REST_LIMITED', status: 429 })
    expect(await rejection(client.get('/', { deadline: 500 }))).toMatchObject({ code: 'ERR_RATE_LIMIT_BLOCKED' })
  })
})

describe('limits of ours', () => {
  const rule = (limit: number, window = 60_000) =>
    weighted({ name: 'w', meters: slidingWindow({ limit, window, usedHeader: 'x-used' }) })

  it('hold requests back until they may go, by weight', async () => {
    const server = await VenueServer.start(answer(200))
    const client = rest({ endpoints: [server.origin], limits: [rule(10, 300)] })
    const started = performance.now()
    await Promise.all([
      client.get('/a', { weight: 6 }),
      client.get('/b', { weight: 4 }),
      client.get('/c', { weight: 1 }),
    ])
    expect(performance.now() - started).toBeGreaterThanOrEqual(299)
    expect(await rejection(client.get('/d', { weight: 11 }))).toMatchObject({ code: 'ERR_RATE_LIMIT_WEIGHT' })
    expect(server.seen).toHaveLength(3)
  })

  it('learn from headers what others have used', async () => {
    const server = await VenueServer.start(answer(200, {}, { 'x-used': '95' }))
    const client = rest({ endpoints: [server.origin], limits: [rule(100)] })
    await client.get('/a')
    const meters = () => (client.stats().limits as LimiterStats).meters
    expect(meters()[0]?.used).toBe(95)
    expect(await rejection(client.get('/b', { weight: 6, deadline: 100 }))).toMatchObject({
      code: 'ERR_RATE_LIMIT_DEADLINE',
    })
    expect((await client.get('/b', { weight: 5 })).status).toBe(200)
    expect(server.seen).toEqual(['GET /a', 'GET /b'])
  })

  it('serve the more important first', async () => {
    const server = await VenueServer.start(answer(200))
    const client = rest({ endpoints: [server.origin], limits: [rule(1, 100)] })
    await client.get('/first')
    const waiting = [
      client.get('/query'),
      client.post('/order'),
      client.get('/urgent', { priority: 0 }),
      client.delete('/cancel'),
      client.post('/patient', { priority: 9 }),
    ]
    await Promise.all(waiting)
    expect(server.seen).toEqual([
      'GET /first',
      'GET /urgent',
      'DELETE /cancel',
      'POST /order',
      'GET /query',
      'POST /patient',
    ])
  })

  it('are shared by clients that share a limiter', async () => {
    const server = await VenueServer.start(answer(200))
    const limiter = new Limiter({ rules: [rule(3)] })
    const [one, two] = [1, 2].map(() => rest({ endpoints: [server.origin], limiter }))
    await Promise.all([one?.get('/'), two?.get('/'), one?.get('/')])
    expect(await rejection(two?.get('/', { deadline: 50 }) as Promise<unknown>)).toMatchObject({
      code: 'ERR_RATE_LIMIT_DEADLINE',
    })
  })

  it('whose store fails let nothing pass', async () => {
    const server = await VenueServer.start(answer(200))
    const store = {
      acquire: () => Promise.reject(new Error('gone')),
      observe: () => Promise.reject(new Error('gone')),
      block: () => Promise.reject(new Error('gone')),
    } as unknown as RemoteLimitStore
    const client = rest({ endpoints: [server.origin], limiter: new RemoteLimiter({ rules: [rule(3)], store }) })
    const error = (await rejection(client.post('/order'))) as RestError
    expect(error).toBeInstanceOf(RestError)
    expect(error).toMatchObject({ mayHaveExecuted: false, attempt: 0 })
    expect(server.seen).toEqual([])
  })

  it('refuse those beyond the queue, and everybody when the client is closed by force', async () => {
    const server = await VenueServer.start(answer(200))
    const client = rest({ endpoints: [server.origin], limits: [rule(1)], queue: { max: 1, wait: 70_000 } })
    await client.get('/')
    const waits = rejection(client.get('/1'))
    expect(await rejection(client.get('/2'))).toMatchObject({ code: 'ERR_RATE_LIMIT_QUEUE_FULL' })
    await client.close({ force: true })
    expect(await waits).toMatchObject({ code: 'ERR_RATE_LIMIT_CLOSED', mayHaveExecuted: false })
    expect(await rejection(client.get('/3'))).toMatchObject({ code: 'ERR_NOT_OPEN' })
    expect(client.stats()).toMatchObject({ inFlight: 0 })
  })
})

describe('the retry budget', () => {
  it('bounds what retries add when everything fails', async () => {
    const server = await VenueServer.start(answer(500))
    const client = rest({
      endpoints: [server.origin],
      breaker: false,
      retry: {
        backoff: exponential({ first: 1, max: 2, retries: 5 }),
        budget: { ratio: 0.1, perSecond: 0, burst: 10 },
      },
    })
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => client.get('/')))
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    // Ten that were saved up, and a tenth of the requests.
    expect(server.seen.length).toBeGreaterThanOrEqual(110)
    expect(server.seen.length).toBeLessThanOrEqual(121)
    const codes = new Set(
      results.map((result) => (result.status === 'rejected' ? (result.reason as RestError).code : '')),
    )
    expect(codes.has('ERR_REST_BUDGET')).toBe(true)
    await until(() => client.stats().inFlight === 0, 'all have ended')
  })
})
