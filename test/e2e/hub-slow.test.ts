import { Hub, type SlowPolicy, type SubscriberCaughtUp, type SubscriberGone, type SubscriberSlow } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { HubClient } from '../peers/hub-client.ts'
import { until } from './waiting.ts'

const filler = 'x'.repeat(1_000)
const keys = 8

/** A hub whose subscribers are slow soon: small kernel buffers, a low threshold. */
function listen(then: SlowPolicy, authorize?: Parameters<typeof Hub.listen>[0]['authorize']): Promise<Hub> {
  return Hub.listen({
    ws: { url: 'ws://127.0.0.1:0', sendBuffer: 16_384 },
    slow: { pendingBytes: 65_536, then },
    ring: { bytes: 4_194_304 },
    ...(authorize === undefined ? {} : { authorize }),
  })
}

interface Told {
  readonly slow: SubscriberSlow[]
  readonly caughtUp: SubscriberCaughtUp[]
  readonly gone: SubscriberGone[]
}

function record(hub: Hub): Told {
  const told: Told = { slow: [], caughtUp: [], gone: [] }
  hub.on('slow', (event) => told.slow.push(event))
  hub.on('caughtUp', (event) => told.caughtUp.push(event))
  hub.on('disconnect', (event) => told.gone.push(event))
  return told
}

interface Numbered {
  readonly n: number
  readonly key: number
}

/** A healthy client and one that has stopped reading; numbered messages of several keys until the hub calls it slow and well beyond. */
async function overwhelm(
  hub: Hub,
  told: Told,
  query = '',
): Promise<{ fast: HubClient; slow: HubClient; published: number }> {
  const fast = await HubClient.connect(`${hub.url}/?topics=t`)
  await until(() => hub.subscribers.size === 1, 'the healthy client is there')
  const slow = await HubClient.connect(`${hub.url}/?topics=t${query}`)
  await until(() => hub.subscribers.size === 2, 'both are there')
  slow.socket.pause()
  let n = 0
  const pour = async (count: number): Promise<void> => {
    for (const end = n + count; n < end; ) {
      for (let i = 0; i < 50; i++) {
        hub.publish('t', JSON.stringify({ n, key: n % keys, filler }), { key: `key ${n % keys}` })
        n++
      }
      await fast.has(n)
    }
  }
  while (told.slow.length === 0 && told.gone.length === 0 && n < 50_000) await pour(500)
  await pour(6_000)
  return { fast, slow, published: n }
}

const numbers = (client: HubClient): Numbered[] => (client.values as Numbered[]).filter(({ n }) => n !== undefined)

function expectComplete(client: HubClient, published: number): void {
  expect(numbers(client).map(({ n }) => n)).toEqual(Array.from({ length: published }, (_, i) => i))
}

describe('a subscriber that does not read', () => {
  it('is seen by its lag', async () => {
    await using hub = await Hub.listen({ ws: { url: 'ws://127.0.0.1:0', sendBuffer: 16_384 }, threads: 2 })
    const clients = await Promise.all(Array.from({ length: 4 }, () => HubClient.connect(`${hub.url}/?topics=t`)))
    await until(() => hub.subscribers.size === 4, 'all are there')
    const [, , , stopped] = clients
    stopped?.socket.pause()
    let published = 0
    // Until neither the hub's buffers nor the kernel's hide it any more: below `slow.pendingBytes`.
    const lagging = async (): Promise<number> => {
      const lags = [...(await hub.lags()).values()]
      expect(lags).toHaveLength(4)
      return lags.filter(({ pendingBytes, ringBytes }) => pendingBytes > 200_000 && ringBytes > 100_000).length
    }
    while ((await lagging()) === 0 && published < 20_000) {
      for (let i = 0; i < 100; i++) hub.publish('t', `${published++} ${filler}`)
      await Promise.all(clients.slice(0, 3).map((client) => client.has(published)))
    }
    expect(await lagging()).toBe(1)
    for (const subscriber of hub.subscribers.values()) {
      const lag = await subscriber.lag()
      expect(lag?.pendingBytes).toBe((lag?.ringBytes ?? 0) + (lag?.ownBytes ?? 0) + (lag?.kernelBytes ?? 0))
      if (lag?.ringBytes === 0) expect(lag).toMatchObject({ messages: published, missed: 0 })
      else expect(lag?.messages).toBeLessThan(published)
    }
    stopped?.socket.resume()
    await stopped?.has(published)
    const [first] = hub.subscribers.values()
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
    await until(() => hub.subscribers.size === 0, 'all are gone')
    expect(await first?.lag()).toBeNull()
    expect((await hub.lags()).size).toBe(0)
    const asked = hub.lags()
    await hub.close()
    expect((await asked).size).toBe(0)
    expect((await hub.lags()).size).toBe(0)
  })

  it("with 'skip' goes on with the newest, and is told about exactly", async () => {
    await using hub = await listen('skip')
    const told = record(hub)
    const { fast, slow, published } = await overwhelm(hub, told)
    await using _ = fast
    await using __ = slow
    expect(told.slow[0]).toMatchObject({ policy: 'skip' })
    expect(told.slow[0]?.pendingBytes).toBeGreaterThan(65_536)
    slow.socket.resume()
    await until(() => told.caughtUp.length > 0 && told.caughtUp.length === told.slow.length, 'it has caught up')
    hub.publish('t', '{"n":-1,"key":0}')
    await slow.got('{"n":-1,"key":0}')
    await fast.got('{"n":-1,"key":0}')
    const received = numbers(slow).slice(0, -1)
    expect(received.length).toBeLessThan(published)
    // Sequence numbers start from 1, ours from 0. What came and what is said to be missed make up everything, in order.
    const got = new Set(received.map(({ n }) => n))
    expect(received.map(({ n }) => n)).toEqual([...got].sort((a, b) => a - b))
    const missed = told.caughtUp.flatMap(({ ranges }) => ranges)
    for (const { topic, from, to, count } of missed) {
      expect(topic).toBe('t')
      expect(count).toBe(to - from + 1)
      for (let sequence = from; sequence <= to; sequence++) {
        expect(got.has(sequence - 1)).toBe(false)
        got.add(sequence - 1)
      }
    }
    expect(got.size).toBe(published)
    const count = missed.reduce((sum, range) => sum + range.count, 0)
    const [, subscriber] = [...hub.subscribers.values()]
    expect(subscriber?.missed).toBe(count)
    expect(subscriber?.isSlow).toBe(false)
    expect(hub.stats()).toMatchObject({ skipped: count, conflated: 0, slowDisconnects: 0 })
    expectComplete(await last(fast), published)
  })

  it("with 'conflate' gets the newest of every key, in order", async () => {
    await using hub = await listen('conflate')
    const told = record(hub)
    const { fast, slow, published } = await overwhelm(hub, told)
    await using _ = fast
    await using __ = slow
    slow.socket.resume()
    await until(() => told.caughtUp.length > 0 && told.caughtUp.length === told.slow.length, 'it has caught up')
    hub.publish('t', '{"n":-1,"key":0}')
    await slow.got('{"n":-1,"key":0}')
    const received = numbers(slow).slice(0, -1)
    expect(received.length).toBeLessThan(published)
    const order = received.map(({ n }) => n)
    expect(order).toEqual([...new Set(order)].sort((a, b) => a - b))
    const newest = new Map(received.map(({ n, key }) => [key, n]))
    expect([...newest.values()].sort((a, b) => a - b)).toEqual(
      Array.from({ length: keys }, (_, i) => published - keys + i),
    )
    const stats = hub.stats()
    expect(stats.conflated).toBe(published - received.length)
    expect(stats.skipped).toBe(0)
    expect(told.caughtUp[0]).toMatchObject({ policy: 'conflate' })
  })

  it("with 'disconnect' is closed, and nobody else notices", async () => {
    await using hub = await listen('disconnect')
    const told = record(hub)
    const { fast, slow, published } = await overwhelm(hub, told)
    await using _ = fast
    await using __ = slow
    await until(() => told.gone.length === 1, 'it is disconnected')
    expect(told.gone[0]).toMatchObject({ reason: 'ERR_HUB_TOO_SLOW' })
    expect(hub.stats()).toMatchObject({ slowDisconnects: 1, subscribers: 1 })
    slow.socket.resume()
    await until(() => slow.closed !== null, 'it notices')
    expectComplete(fast, published)
  })

  it('may be under a policy of its own', async () => {
    await using hub = await listen('skip', ({ query }) => ({ slow: query.has('strict') ? 'disconnect' : 'skip' }))
    const told = record(hub)
    const { fast, slow } = await overwhelm(hub, told, '&strict')
    await using _ = fast
    await using __ = slow
    await until(() => told.gone.length === 1, 'it is disconnected')
    expect(told.gone[0]?.reason).toBe('ERR_HUB_TOO_SLOW')
  })
})

/** The client without the message that marks the end. */
async function last(client: HubClient): Promise<HubClient> {
  client.messages.pop()
  return client
}
