import { Hub } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { HubClient, refusal } from '../peers/hub-client.ts'
import { until } from './waiting.ts'

type Options = Omit<Parameters<typeof Hub.listen>[0], 'ws'>

const listen = (options: Options = {}, path = ''): Promise<Hub> =>
  Hub.listen({ ws: `ws://127.0.0.1:0${path}`, ...options })

const http = (hub: Hub, path: string): string => hub.url.replace('ws:', 'http:') + path

describe('who is not a WebSocket client', () => {
  it('gets an answer of HTTP', async () => {
    await using hub = await listen()
    const health = await fetch(http(hub, '/healthz'))
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok', subscribers: 0 }])
    expect((await fetch(http(hub, '/healthz'), { method: 'HEAD' })).status).toBe(200)
    expect((await fetch(http(hub, '/'))).status).toBe(426)
    expect((await fetch(http(hub, '/'), { method: 'DELETE' })).status).toBe(405)
    expect((await fetch(http(hub, '/'), { method: 'POST', body: 'x' })).status).toBe(413)
    expect((await fetch(http(hub, '/?topics=a,,b'))).status).toBe(426)
    expect(hub.stats()).toMatchObject({
      healthChecks: 2,
      refusedConnections: 4,
      refusedBy: { notWebSocket: 3, malformed: 1 },
    })
  })

  it('gets a health check where the option says, or nowhere', async () => {
    await using hub = await listen({ health: '/alive' })
    expect((await fetch(http(hub, '/alive'))).status).toBe(200)
    expect((await fetch(http(hub, '/healthz'))).status).toBe(426)
    await using none = await listen({ health: false })
    expect((await fetch(http(none, '/healthz'))).status).toBe(426)
  })

  it('is turned away from other paths, as are malformed addresses', async () => {
    await using hub = await listen({}, '/market')
    const base = hub.url.replace('/market', '')
    expect(await refusal(base)).toBe(404)
    expect(await refusal(`${base}/markets`)).toBe(404)
    expect(await refusal(`${hub.url}/a,,b`)).toBe(400)
    expect(await refusal(`${hub.url}?topics=%ff`)).toBe(400)
    await using _ = await HubClient.connect(`${hub.url}/a`)
    expect(hub.stats().refusedBy).toMatchObject({ path: 2, malformed: 2 })
  })

  it('with a page of a foreign origin is turned away', async () => {
    await using hub = await listen({ origins: ['https://app.example', 'https://*.trading.example'] })
    expect(await refusal(hub.url, { origin: 'https://evil.example' })).toBe(403)
    expect(await refusal(hub.url, { origin: 'https://trading.example.evil' })).toBe(403)
    for (const origin of ['https://app.example', 'https://desk.trading.example', undefined]) {
      await using _ = await HubClient.connect(hub.url, origin === undefined ? {} : { origin })
    }
    expect(hub.stats().refusedBy.origin).toBe(2)
  })
})

describe('authorize', () => {
  it('is told everything about the request', async () => {
    const seen: unknown[] = []
    await using hub = await listen({
      authorize: (request) => {
        const { protocol, secure, address, path, origin, subprotocol, token, topics, keys, headers, query } = request
        seen.push({ protocol, secure, address, path, origin, subprotocol, token, topics, keys })
        seen.push(headers['x-desk'], query.get('more'))
        return true
      },
    })
    await using _ = await HubClient.connect(
      `${hub.url}/a?topics=b%2Cc&keys=K&more=1%202`,
      { origin: 'https://x.example', headers: { authorization: 'Bearer secret', 'X-Desk': 'eq' } },
      ['tickwire.v1'],
    )
    await using __ = await HubClient.connect(`${hub.url}?token=in%20query`)
    expect(seen[0]).toEqual({
      protocol: 'ws',
      secure: false,
      address: '127.0.0.1',
      path: '/a',
      origin: 'https://x.example',
      subprotocol: 'tickwire.v1',
      token: 'secret',
      topics: ['a', 'b', 'c'],
      keys: ['K'],
    })
    expect(seen.slice(1, 3)).toEqual(['eq', '1 2'])
    expect(seen[3]).toMatchObject({ token: 'in query', topics: [] })
  })

  it('lets in, turns away with a status, and sets topics, keys, rights and data', async () => {
    const answers: Record<string, Awaited<ReturnType<NonNullable<Options['authorize']>>>> = {
      yes: true,
      no: false,
      teapot: 418,
      refused: { allow: false, status: 402 },
      guest: { topics: ['public'], keys: ['A'], access: ['public', 'pub.*'], data: { desk: 7 } },
    }
    await using hub = await listen({ authorize: async ({ token }) => answers[token] ?? false })
    const as = (token: string, query = ''): string => `${hub.url}/?token=${token}${query}`
    expect(await refusal(as('no'))).toBe(403)
    expect(await refusal(as('unknown'))).toBe(403)
    expect(await refusal(as('teapot'))).toBe(418)
    expect(await refusal(as('refused'))).toBe(402)
    expect(hub.stats().refusedBy.unauthorized).toBe(4)
    await using yes = await HubClient.connect(as('yes', '&topics=secret'))
    await using guest = await HubClient.connect(as('guest', '&topics=secret'))
    await until(() => hub.subscribers.size === 2, 'both are there')
    expect([...hub.subscribers.values()].map(({ data }) => data)).toEqual([undefined, { desk: 7 }])
    guest.send({ op: 'subscribe', topics: ['secret', 'pub.x', '*'] })
    await guest.has(3)
    expect(guest.values).toMatchObject([
      { op: 'error', code: 'ERR_HUB_FORBIDDEN', topic: 'secret' },
      { op: 'error', code: 'ERR_HUB_FORBIDDEN', topic: '*' },
      { op: 'subscribed', topics: ['pub.x'] },
    ])
    hub.publish('secret', 'for yes')
    hub.publish('public', 'key B', { key: 'B' })
    hub.publish('public', 'key A', { key: 'A' })
    hub.publish('pub.x', 'of pub.x')
    await Promise.all([yes.got('for yes'), guest.got('of pub.x')])
    expect(guest.messages.slice(3)).toEqual(['key A', 'of pub.x'])
  })

  it('that fails or answers nonsense is a 503, and told', async () => {
    const errors: Error[] = []
    const results: (() => unknown)[] = [
      () => {
        throw new Error('database is down')
      },
      () => Promise.reject(new Error('later')),
      () => 200,
      () => 'yes',
      () => ({ topics: 'a' }),
      () => ({ slow: 'perhaps' }),
    ]
    await using hub = await listen({ authorize: () => results.shift()?.() as boolean })
    hub.on('error', (error) => errors.push(error))
    while (results.length > 0) expect(await refusal(hub.url)).toBe(503)
    expect(errors.map(({ message }) => message)).toEqual([
      'database is down',
      'later',
      'the answer of authorize(): a status must be 400…599',
      'the answer of authorize(): must be a boolean, an HTTP status or an object',
      'the answer of authorize(): `topics` must be an array of strings',
      'the answer of authorize(): `slow` must be one of skip, conflate, disconnect',
    ])
    expect(errors[3]).toMatchObject({ code: 'ERR_HUB_AUTHORIZE' })
  })

  it('that takes too long is a 503; its late answer changes nothing', async () => {
    let release = (): void => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    let answered = false
    await using hub = await listen({
      authorizeTimeout: 50,
      authorize: async () => {
        await released
        answered = true
        return true
      },
    })
    expect(await refusal(hub.url)).toBe(503)
    expect(hub.stats().refusedBy.authorizeTimeout).toBe(1)
    release()
    await until(() => answered, 'the answer was given')
    expect(hub.subscribers.size).toBe(0)
  })
})
