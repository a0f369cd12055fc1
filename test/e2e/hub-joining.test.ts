import { Hub, Quote } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { HubClient } from '../peers/hub-client.ts'
import { until } from './waiting.ts'

const listen = (options: Partial<Parameters<typeof Hub.listen>[0]> = {}): Promise<Hub> =>
  Hub.listen({ ws: 'ws://127.0.0.1:0', ...options })

interface Numbered {
  readonly n: number
  readonly snapshot?: boolean
}

describe('who comes late', () => {
  it('gets the newest of each key first', async () => {
    await using hub = await listen({ topics: { kept: { retain: 'last' } } })
    for (let i = 0; i < 10; i++) hub.publish('kept', `${'abc'[i % 3]} ${i}`, { key: 'abc'[i % 3] })
    await using client = await HubClient.connect(`${hub.url}/?topics=kept`)
    await client.has(3)
    hub.publish('kept', 'now')
    await client.got('now')
    expect([...client.messages].slice(0, 3).sort()).toEqual(['a 9', 'b 7', 'c 8'])
    expect(client.messages).toHaveLength(4)
    await using filtered = await HubClient.connect(`${hub.url}/?topics=kept&keys=b`)
    await filtered.has(1)
    await using fresh = await HubClient.connect(hub.url)
    await fresh.subscribe(['kept'], { snapshot: false })
    hub.publish('kept', 'b last', { key: 'b' })
    await Promise.all([filtered.got('b last'), fresh.got('b last')])
    expect(filtered.messages).toEqual(['b 7', 'b last'])
    expect(fresh.messages.slice(1)).toEqual(['b last'])
    expect(hub.stats()).toMatchObject({ topics: 1, keys: 3 })
  })

  it('gets the newest quote of each symbol without being told, but no other messages', async () => {
    await using hub = await listen()
    hub.publish('quotes', Quote.message({ symbol: 'A', bid: 1, ask: 2 }))
    hub.publish('quotes', Quote.message({ symbol: 'B', bid: 3, ask: 4 }))
    hub.publish('quotes', Quote.message({ symbol: 'A', bid: 5, ask: 6 }))
    hub.publish('text', 'gone')
    await using client = await HubClient.connect(`${hub.url}/?topics=quotes,text`)
    await client.has(2)
    hub.publish('text', '"end"')
    await client.has(3)
    expect(client.values).toEqual([
      { type: 'quote', symbol: 'B', bid: '3', ask: '4' },
      { type: 'quote', symbol: 'A', bid: '5', ask: '6' },
      'end',
    ])
  })

  it('gets a snapshot and then every message after it, whenever it comes', async () => {
    await using hub = await listen()
    let n = 0
    let asked = 0
    const book = hub.topic('book', {
      snapshot: async () => {
        asked++
        // The state is of the moment when it is given, not of the one when it was asked for.
        await new Promise((resolve) => setTimeout(resolve, 5))
        return [{ n, snapshot: true }]
      },
    })
    const publisher = setInterval(() => {
      for (let i = 0; i < 20; i++) book.publish({ n: ++n })
    }, 1)
    try {
      const clients: HubClient[] = []
      // Who comes before the first message misses nothing, and gets no snapshot.
      await until(() => n > 0, 'something was published')
      for (let i = 0; i < 30; i++) {
        clients.push(await HubClient.connect(`${hub.url}/?topics=book`))
        if (i % 10 === 0) await clients[i]?.has(50)
      }
      await Promise.all(clients.map((client) => client.has(100)))
      for (const client of clients) {
        const [first, ...rest] = client.values as Numbered[]
        expect(first?.snapshot).toBe(true)
        const start = first?.n ?? 0
        expect(rest.map((each) => each.n)).toEqual(rest.map((_, i) => start + 1 + i))
      }
      expect(asked).toBeGreaterThan(0)
      expect(hub.stats().snapshots).toBe(asked)
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
    } finally {
      clearInterval(publisher)
    }
  })

  it('shares a snapshot with all who wait, as keyed and typed messages too', async () => {
    await using hub = await listen()
    let asked = 0
    const topic = hub.topic('state', {
      snapshot: () => {
        asked++
        return new Map<string, string | ReturnType<typeof Quote.message>>([
          ['A', 'of A'],
          ['B', Quote.message({ symbol: 'B', bid: '0.10', ask: null })],
        ])
      },
    })
    topic.publish('before')
    const clients = await Promise.all(Array.from({ length: 20 }, () => HubClient.connect(`${hub.url}/?topics=state`)))
    await Promise.all(clients.map((client) => client.has(2)))
    topic.publish('after')
    await Promise.all(clients.map((client) => client.got('after')))
    for (const client of clients) {
      expect(client.messages).toEqual(['of A', '{"type":"quote","symbol":"B","bid":"0.10"}', 'after'])
    }
    expect(asked).toBeLessThanOrEqual(20)
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
  })

  it('is served without a snapshot when its provider fails, and the failure is told', async () => {
    await using hub = await listen()
    const errors: string[] = []
    hub.on('error', (error) => errors.push(error.message))
    const topic = hub.topic('state', {
      snapshot: () => {
        throw new Error('no state')
      },
    })
    topic.publish('before')
    await using client = await HubClient.connect(`${hub.url}/?topics=state`)
    await until(() => errors.length > 0, 'the failure is told')
    topic.publish('after')
    await client.got('after')
    expect(client.messages).toEqual(['after'])
    expect(errors).toEqual(['no state'])
  })
})
