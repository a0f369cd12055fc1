import { afterEach, describe, expect, it } from 'vitest'
import { RestError } from '../../dist/esm/rest/index.js'
import { rejection, until } from '../e2e/waiting.ts'
import { answer, cleanUp, cut, hang, type Kind, rest, trust, VenueServer } from './venue-server.ts'

afterEach(cleanUp)

const quick = {
  backoff: {
    enabled: true,
    first: 1,
    max: 5,
    factor: 2,
    jitter: 0.1,
    retries: 5,
    immediate: true,
    storm: { floor: 0, attempts: 1, window: 1 },
  },
}
const kinds: readonly Kind[] = ['http', 'https', 'http2']

describe.each(kinds)('endpoints over %s', (kind) => {
  const http = kind === 'http' ? {} : trust

  it('a dead one is left for the other, and nothing fails', async () => {
    const dead = await VenueServer.start(answer(200), kind)
    dead.kill()
    const alive = await VenueServer.start(answer(200, { from: 'alive' }), kind)
    const client = rest({ endpoints: [dead.origin, alive.origin], balance: 'roundRobin', retry: quick, http })
    for (let i = 0; i < 20; i++) {
      const response = await client.get('/time')
      expect(response.endpoint).toBe(alive.origin)
      expect(response.json()).toEqual({ from: 'alive' })
      expect(response.attempt).toBeLessThanOrEqual(2)
    }
    expect(client.stats()).toMatchObject({ requests: 20, answered: 20, failed: 0, inFlight: 0 })
    // Its breaker has opened: it is not asked any more.
    expect(client.stats().endpoints[0]).toMatchObject({ endpoint: dead.origin, breaker: 'open', pending: 0 })
  })

  it('an order whose connection was refused goes to the other: it cannot have been executed', async () => {
    const dead = await VenueServer.start(answer(200), kind)
    dead.kill()
    const alive = await VenueServer.start(answer(200), kind)
    const client = rest({ endpoints: [dead.origin, alive.origin], balance: 'roundRobin', retry: quick, http })
    for (let i = 0; i < 6; i++) expect((await client.post('/order', { json: { i } })).endpoint).toBe(alive.origin)
    expect(alive.seen).toHaveLength(6)
  })

  it('a query goes elsewhere when an endpoint hangs, answers 5xx or cuts; an order does not', async () => {
    for (const handler of [hang, cut, answer(503)]) {
      const bad = await VenueServer.start(handler, kind)
      const good = await VenueServer.start(answer(200), kind)
      const client = rest({
        endpoints: [
          { url: bad.origin, weight: 1000 },
          { url: good.origin, weight: 0.01 },
        ],
        balance: { mode: 'leastPending', health: { failures: Number.POSITIVE_INFINITY } },
        breaker: false,
        retry: quick,
        http: { ...http, timeouts: { head: 500 } },
      })
      expect(await client.get('/query')).toMatchObject({ endpoint: good.origin, attempt: 2, status: 200 })
      const error = await rejection(client.post('/order', { body: 'x' }))
      expect(error).toBeInstanceOf(RestError)
      expect(error).toMatchObject({
        code: 'ERR_REST_UNKNOWN',
        mayHaveExecuted: true,
        endpoint: bad.origin,
        attempt: 1,
        method: 'POST',
        path: '/order',
        status: handler === hang || handler === cut ? 0 : 503,
      })
      expect((error as RestError).elapsedMs).toBeGreaterThan(0)
      expect(bad.seen.filter((line) => line.startsWith('POST'))).toHaveLength(1)
      expect(good.seen.filter((line) => line.startsWith('POST'))).toHaveLength(0)
    }
  })
})

describe('endpoints', () => {
  it('one that dies under load and comes back gets its even share again', async () => {
    const first = await VenueServer.start(answer(200))
    const second = await VenueServer.start(answer(200))
    const client = rest({
      endpoints: [first.origin, second.origin],
      balance: { mode: 'roundRobin', health: { interval: 10, fall: 1, rise: 1, failures: 2, eject: 10, maxEject: 10 } },
      breaker: { open: 20, maxOpen: 20, failures: 2, successes: 1 },
      probe: { path: '/ping', timeout: 500 },
      retry: { ...quick, budget: false },
    })
    const load = (count: number): Promise<unknown> => Promise.all(Array.from({ length: count }, () => client.get('/q')))
    await load(100)
    const { port } = first
    first.kill()
    await load(100)
    const revived = await VenueServer.start(answer(200), 'http', port)
    await until(
      () => client.stats().endpoints.every(({ healthy, breaker }) => healthy && breaker !== 'open'),
      'both are well',
    )
    while (client.stats().endpoints[0]?.breaker !== 'closed') await client.get('/q')
    await until(() => client.stats().inFlight === 0, 'all is quiet')
    const count = (server: VenueServer): number => server.seen.filter((line) => line === 'GET /q').length
    const before = [count(revived), count(second)]
    for (let i = 0; i < 10; i++) await load(100)
    const shares = [count(revived) - (before[0] ?? 0), count(second) - (before[1] ?? 0)]
    expect((shares[0] ?? 0) + (shares[1] ?? 0)).toBe(1_000)
    expect(Math.abs((shares[0] ?? 0) - 500)).toBeLessThanOrEqual(20)
    expect(client.stats().failed).toBe(0)
  })

  it('a probe that fails takes an endpoint out before a call does', async () => {
    let well = true
    const watched = await VenueServer.start((request, response) =>
      answer(request.url === '/ping' && !well ? 500 : 200)(request, response),
    )
    const other = await VenueServer.start(answer(200))
    const client = rest({
      endpoints: [watched.origin, other.origin],
      balance: { mode: 'roundRobin', health: { interval: 10, fall: 2, rise: 2 } },
      probe: { path: '/ping' },
    })
    const changes: boolean[] = []
    client.on('health', ({ endpoint, healthy, by }) => {
      expect([endpoint, by]).toEqual([watched.origin, 'probes'])
      changes.push(healthy)
    })
    await until(() => watched.seen.includes('GET /ping'), 'it is probed')
    well = false
    await until(() => changes.length === 1, 'it is taken out')
    for (let i = 0; i < 10; i++) expect((await client.get('/q')).endpoint).toBe(other.origin)
    well = true
    await until(() => changes.length === 2, 'it is back')
    expect(changes).toEqual([false, true])
    const places = new Set<string>()
    for (let i = 0; i < 4; i++) places.add((await client.get('/q')).endpoint)
    expect(places.size).toBe(2)
  })

  it('the breaker opens, fails at once, lets one through, and closes', async () => {
    let status = 500
    const server = await VenueServer.start((request, response) => answer(status)(request, response))
    const client = rest({
      endpoints: [server.origin],
      breaker: { failures: 3, open: 150, maxOpen: 150, successes: 2, probes: 1 },
      retry: { ...quick, backoff: { ...quick.backoff, retries: 0 } },
    })
    const states: string[] = []
    client.on('breaker', ({ endpoint, from, to, reason }) => {
      expect(endpoint).toBe(server.origin)
      states.push(`${from} ${to} ${reason}`)
    })
    for (let i = 0; i < 3; i++)
      expect(await rejection(client.get('/'))).toMatchObject({
        code: 'ERR_REST_ATTEMPTS',
        status: 500,
        mayHaveExecuted: true,
      })
    const asked = server.seen.length
    const refused = (await rejection(client.post('/order'))) as RestError
    expect(refused).toMatchObject({ code: 'ERR_REST_NO_ENDPOINT', mayHaveExecuted: false, attempt: 0, endpoint: null })
    expect(refused.retryAfterMs).toBeGreaterThan(0)
    expect(refused.retryAfterMs).toBeLessThanOrEqual(150)
    expect(server.seen).toHaveLength(asked)
    await until(() => client.stats().endpoints[0]?.breaker === 'halfOpen', 'it is half open')
    status = 200
    // One probe at a time.
    const both = await Promise.allSettled([client.get('/'), client.get('/')])
    expect(both.map((result) => result.status)).toEqual(['fulfilled', 'rejected'])
    expect((await client.get('/')).status).toBe(200)
    expect(states).toEqual(['closed open failures', 'open halfOpen waited', 'halfOpen closed recovered'])
  })
})
