import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { exponential, hmac, slidingWindow, weighted } from '../../dist/esm/rest/index.js'
import { ConfigError } from '../../dist/esm/sign/index.js'
import { rejection, until } from '../e2e/waiting.ts'
import { answer, cleanUp, rest, VenueServer } from './venue-server.ts'

afterEach(cleanUp)

const none = exponential({ retries: 0 })
const many = exponential({ first: 1, max: 2, retries: 20 })
const keyed = (apiKey: string) =>
  hmac({ apiKey, secret: 's', key: { query: 'key' }, signature: { query: 'sig' }, message: ({ query }) => query })

describe('Rest.use', () => {
  it('leaves requests under way with the retry policy that they began with', async () => {
    let bad = true
    const server = await VenueServer.start((request, response) => answer(bad ? 500 : 200)(request, response))
    const slow = { ...exponential({ first: 20, max: 20, jitter: 0, retries: 50 }) }
    const client = rest({
      endpoints: [server.origin],
      breaker: false,
      retry: { backoff: slow, budget: false },
      balance: { health: { failures: Number.POSITIVE_INFINITY } },
    })
    const patient = client.get('/patient')
    await until(() => server.seen.length > 1, 'it is being retried')
    client.use({ retry: none })
    expect(await rejection(client.get('/hasty'))).toMatchObject({ code: 'ERR_REST_ATTEMPTS', attempt: 1 })
    bad = false
    expect((await patient).attempt).toBeGreaterThan(2)
  })

  it('signs each attempt with the key that the request began with', async () => {
    const held: ServerResponse[] = []
    const server = await VenueServer.start((_request, response) => {
      held.push(response)
    })
    const client = rest({ endpoints: [server.origin], auth: keyed('old'), retry: { backoff: many }, breaker: false })
    const first = client.get('/first')
    await until(() => held.length === 1, 'it has arrived')
    client.use({ auth: keyed('new') })
    const second = client.get('/second')
    await until(() => held.length === 2, 'the other has too')
    held[0]?.writeHead(500).end()
    await until(() => held.length === 3, 'it is sent again')
    held[1]?.end()
    held[2]?.end()
    expect((await first).attempt).toBe(2)
    expect((await second).attempt).toBe(1)
    const key = (line: string | undefined): string | null =>
      new URL(line?.split(' ')[1] ?? '', 'http://x').searchParams.get('key')
    expect(server.seen.map(key)).toEqual(['old', 'new', 'old'])
    client.use({ auth: null })
    const third = client.get('/third')
    await until(() => held.length === 4, 'it has arrived')
    held[3]?.end()
    await third
    expect(server.seen[3]).toBe('GET /third')
  })

  it('changes endpoints without losing a request', async () => {
    const old = await VenueServer.start(
      (request, response) => void setTimeout(() => answer(200)(request, response), 20),
    )
    const young = await VenueServer.start(answer(200))
    const client = rest({ endpoints: [old.origin], warm: 1 })
    const before = Array.from({ length: 20 }, () => client.post('/order'))
    client.use({ endpoints: [young.origin] })
    const after = Array.from({ length: 20 }, () => client.post('/order'))
    for (const response of await Promise.all(before)) expect(response.endpoint).toBe(old.origin)
    for (const response of await Promise.all(after)) expect(response.endpoint).toBe(young.origin)
    expect(client.stats().endpoints.map(({ endpoint }) => endpoint)).toEqual([young.origin])
    // The old one's connections are closed once they have served.
    await until(() => old.sockets.size === 0, 'they are closed')
  })

  it('keeps counts of limits of the same name', async () => {
    const server = await VenueServer.start(answer(200))
    const rule = (limit: number) => weighted({ name: 'w', meters: slidingWindow({ limit, window: 60_000 }) })
    const client = rest({ endpoints: [server.origin], limits: [rule(2)], queue: { wait: 70_000 } })
    await Promise.all([client.get('/1'), client.get('/2')])
    const waits = client.get('/3')
    client.use({ limits: [rule(3)] })
    expect((await waits).status).toBe(200)
    expect(await rejection(client.get('/4', { deadline: 20 }))).toMatchObject({ code: 'ERR_RATE_LIMIT_DEADLINE' })
  })

  it('takes breakers away and puts them back', async () => {
    const server = await VenueServer.start(answer(500))
    const client = rest({
      endpoints: [server.origin],
      retry: none,
      breaker: { failures: 1, open: 60_000, maxOpen: 60_000 },
    })
    expect(await rejection(client.get('/'))).toMatchObject({ code: 'ERR_REST_ATTEMPTS' })
    expect(await rejection(client.get('/'))).toMatchObject({ code: 'ERR_REST_NO_ENDPOINT' })
    client.use({ breaker: false })
    expect(client.stats().endpoints[0]?.breaker).toBeNull()
    for (let i = 0; i < 3; i++) expect(await rejection(client.get('/'))).toMatchObject({ code: 'ERR_REST_ATTEMPTS' })
    client.use({ breaker: { failures: 2 } })
    expect(client.stats().endpoints[0]?.breaker).toBe('closed')
  })

  it('that is wrong changes nothing', async () => {
    const server = await VenueServer.start(answer(200))
    const client = rest({ endpoints: [server.origin] })
    for (const wrong of [
      { endpoints: [] },
      { endpoints: ['nonsense'] },
      { endpoints: ['http://127.0.0.1:1', 'http://127.0.0.1:1'] },
      { retry: { lookups: 0 } },
      { auth: {} },
      { warm: 1 },
    ]) {
      expect(() => client.use(wrong as never)).toThrow(ConfigError)
      expect((await client.get('/')).endpoint).toBe(server.origin)
    }
  })

  it('under live traffic: every request ends, on one set or the other', async () => {
    const servers = await Promise.all([VenueServer.start(answer(200)), VenueServer.start(answer(200))])
    const origins = servers.map(({ origin }) => origin)
    const client = rest({ endpoints: origins, limits: [] })
    const requests: Promise<unknown>[] = []
    for (let i = 0; i < 60; i++) {
      for (let n = 0; n < 20; n++) requests.push(client.post('/order'))
      client.use({
        endpoints: i % 3 === 0 ? origins : [origins[i % 2] as string],
        balance: (['roundRobin', 'leastPending', 'latency', 'hash'] as const)[i % 4],
        breaker: i % 2 === 0 ? false : {},
        retry: i % 5 === 0 ? none : many,
        limits: [weighted({ name: 'w', meters: slidingWindow({ limit: 10_000 + i, window: 1_000 }) })],
      })
      if (i % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
    }
    await Promise.all(requests)
    expect(servers.reduce((sum, { seen }) => sum + seen.length, 0)).toBe(1_200)
    expect(client.stats()).toMatchObject({ requests: 1_200, answered: 1_200, failed: 0, inFlight: 0 })
  })
})
