import { Feed, Hub, json, Quote, Signal, Trade, text } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { HubClient } from '../peers/hub-client.ts'
import { until, within } from './waiting.ts'

const listen = (options: Partial<Parameters<typeof Hub.listen>[0]> = {}): Promise<Hub> =>
  Hub.listen({ ws: 'ws://127.0.0.1:0', ...options })

/** Waits until the hub knows of so many subscribers. */
const subscribers = (hub: Hub, count: number): Promise<void> =>
  until(() => hub.subscribers.size === count, `${count} subscribers are there`)

describe('subscribing', () => {
  it('by query, by path, by request, and to everything', async () => {
    await using hub = await listen()
    await using byQuery = await HubClient.connect(`${hub.url}/?topics=a,b`)
    await using byPath = await HubClient.connect(`${hub.url}/a`)
    await using byRequest = await HubClient.connect(hub.url)
    await using all = await HubClient.connect(`${hub.url}/?topics=*`)
    await byRequest.subscribe(['b'], { id: 7 })
    expect(byRequest.values).toEqual([{ op: 'subscribed', topics: ['b'], id: 7 }])
    await subscribers(hub, 4)
    for (const topic of ['a', 'b', 'c']) expect(hub.publish(topic, `of ${topic}`)).toBe(true)
    await Promise.all([byQuery.got('of b'), byPath.got('of a'), byRequest.got('of b'), all.got('of c')])
    // What comes last shows that nothing else came.
    for (const topic of ['a', 'b', 'c']) hub.publish(topic, `end of ${topic}`)
    await Promise.all([byQuery.got('end of b'), byPath.got('end of a'), byRequest.got('end of b'), all.got('end of c')])
    expect(byQuery.messages).toEqual(['of a', 'of b', 'end of a', 'end of b'])
    expect(byPath.messages).toEqual(['of a', 'end of a'])
    expect(byRequest.messages.slice(1)).toEqual(['of b', 'end of b'])
    expect(all.messages).toEqual(['of a', 'of b', 'of c', 'end of a', 'end of b', 'end of c'])
  })

  it('ends by request, and is told to the hub', async () => {
    await using hub = await listen()
    const told: string[] = []
    hub.on('subscribe', ({ subscriber, topic }) => told.push(`+${topic} of ${subscriber.topics.size}`))
    hub.on('unsubscribe', ({ subscriber, topic }) => told.push(`-${topic} of ${subscriber.topics.size}`))
    await using client = await HubClient.connect(hub.url)
    await client.subscribe(['a', 'b'])
    client.send({ op: 'unsubscribe', topics: ['a'] })
    await client.got('{"op":"unsubscribed","topics":["a"]}')
    hub.publish('a', 'not for it')
    hub.publish('b', 'for it')
    await client.got('for it')
    expect(client.messages).not.toContain('not for it')
    expect(told).toEqual(['+a of 1', '+b of 2', '-a of 1'])
  })

  it('can be limited to keys', async () => {
    await using hub = await listen()
    await using byQuery = await HubClient.connect(`${hub.url}/?topics=t&keys=B,C`)
    await using byRequest = await HubClient.connect(hub.url)
    await byRequest.subscribe(['t'], { filter: { keys: ['A'] } })
    await subscribers(hub, 2)
    for (const key of ['A', 'B', 'C', 'A']) hub.publish('t', `of ${key}`, { key })
    await byQuery.got('of C')
    await byRequest.has(3)
    expect(byQuery.messages).toEqual(['of B', 'of C'])
    expect(byRequest.messages.slice(1)).toEqual(['of A', 'of A'])
  })

  it('answers nonsense with an error and lives on', async () => {
    await using hub = await listen()
    await using client = await HubClient.connect(hub.url)
    client.send({ op: 'subscribe', topics: 'a', id: 'x' })
    client.send({ op: 'unsubscribe', topics: ['never'] })
    client.send({ op: 'ping', id: 3 })
    client.send('no JSON at all')
    await client.has(4)
    expect(client.values).toMatchObject([
      { op: 'error', code: 'ERR_HUB_REQUEST' },
      { op: 'error', code: 'ERR_HUB_REQUEST', topic: 'never' },
      { op: 'pong', id: 3 },
      { op: 'error', code: 'ERR_HUB_REQUEST' },
    ])
    expect(hub.stats().refusedRequests).toBeGreaterThanOrEqual(2)
  })
})

describe('publishing', () => {
  it('takes text, bytes, objects and typed messages, exactly', async () => {
    await using hub = await listen()
    await using client = await HubClient.connect(`${hub.url}/?topics=t`)
    await subscribers(hub, 1)
    const long = 'ü€'.repeat(5_000)
    const topic = hub.topic('t')
    topic.publish('plain')
    topic.publish(long)
    topic.publish(Buffer.from([0, 255, 1]))
    topic.publish(Buffer.from('text in bytes'), { text: true })
    topic.publish({ price: 1.5, name: 'ü' })
    topic.publish(
      Quote.message({
        symbol: 'BTCUSDT',
        bid: '67412.350',
        ask: 67412.36,
        bidSize: 1234567890n,
        askSize: '0.00000001',
        exchangeSequence: 9007199254740993n,
        exchangeTime: 1,
      }),
    )
    topic.publish(Trade.message({ symbol: 'BTCUSDT', price: '1e-7', size: '2', side: 'buy' }))
    topic.publish(Signal.message({ name: 'mid', value: 0.1, note: null }))
    await client.has(8)
    expect(client.messages.slice(0, 5)).toEqual([
      'plain',
      long,
      Buffer.from([0, 255, 1]),
      'text in bytes',
      '{"price":1.5,"name":"ü"}',
    ])
    expect(client.messages.slice(5)).toEqual([
      '{"type":"quote","symbol":"BTCUSDT","bid":"67412.350","ask":"67412.36","bidSize":"1234567890","askSize":"0.00000001",' +
        '"exchangeTime":1,"exchangeSequence":"9007199254740993"}',
      '{"type":"trade","symbol":"BTCUSDT","price":"0.0000001","size":"2","side":"buy"}',
      '{"type":"signal","name":"mid","value":0.1}',
    ])
  })

  it('takes many messages with one call', async () => {
    await using hub = await listen()
    await using client = await HubClient.connect(`${hub.url}/?topics=t`)
    await subscribers(hub, 1)
    const topic = hub.topic('t')
    const texts = Array.from({ length: 1_000 }, (_, i) => `${i} ${'ä'.repeat(i % 40)}`)
    expect(topic.publishAll(texts)).toBe(1_000)
    expect(topic.publishAll([])).toBe(0)
    expect(topic.publishAll(['x', Buffer.from('y'), { z: 1 }])).toBe(3)
    expect(hub.publishAll('t', ['last', Quote.message({ symbol: 'S', bid: null, ask: '2' })])).toBe(2)
    await client.has(1_005)
    expect(client.messages.slice(0, 1_000)).toEqual(texts)
    expect(client.messages.slice(1_000)).toEqual([
      'x',
      Buffer.from('y'),
      '{"z":1}',
      'last',
      '{"type":"quote","symbol":"S","ask":"2"}',
    ])
    expect(hub.stats()).toMatchObject({ published: 1_005, deliveries: 1_005, subscribers: 1 })
  })

  it('refuses what is no message, too large, or comes after the end', async () => {
    const hub = await listen({ limits: { maxMessage: 1_000 } })
    expect(() => hub.publish('t', 5 as unknown as string)).toThrow(TypeError)
    expect(() => hub.topic('t').publishAll([null as unknown as string])).toThrow(TypeError)
    expect(() => hub.publish('t', 'x'.repeat(1_001))).toThrow(
      expect.objectContaining({ code: 'ERR_HUB_MESSAGE_TOO_LARGE' }),
    )
    expect(() => hub.publish('', 'x')).toThrow(expect.objectContaining({ code: 'ERR_HUB_NAME' }))
    expect(() => hub.publish('t', Quote.message({ symbol: 'S', bid: 'nonsense', ask: 1 }))).toThrow(/bid/)
    await hub.close()
    expect(() => hub.publish('t', 'x')).toThrow(expect.objectContaining({ code: 'ERR_HUB_CLOSING' }))
    expect(() => hub.topic('new')).toThrow(expect.objectContaining({ code: 'ERR_NOT_OPEN' }))
    expect(hub.stats().published).toBe(0)
  })

  it('refuses when the rings are full, and says when to go on', async () => {
    await using hub = await listen({ ring: { bytes: 65_536, messages: 1_024 }, limits: { maxMessage: 8_192 } })
    await using client = await HubClient.connect(`${hub.url}/?topics=t`)
    await subscribers(hub, 1)
    const message = 'x'.repeat(8_000)
    let taken = 0
    // Without giving the loop a chance to tell, it has to overflow at some time.
    const drained = new Promise<void>((resolve) => hub.once('drain', () => resolve()))
    while (hub.publish('t', message) && taken < 1_000_000) taken++
    expect(taken).toBeGreaterThan(0)
    expect(taken).toBeLessThan(1_000_000)
    await within(drained, 'drain')
    // A reader that was too slow for the burst skips until it has caught up.
    await until(() => hub.publish('t', 'after') && client.messages.includes('after'), 'it goes on')
    expect(hub.stats().refused).toBeGreaterThan(0)
  })
})

describe('clients', () => {
  it('of this package receive over WebSocket as from any venue', async () => {
    await using hub = await listen()
    const decode = json({ bid: json.decimal('/bid'), symbol: json.symbol('/symbol') })
    await using feed = new Feed({ url: `${hub.url}/?topics=quotes`, decode })
    const rows: string[] = []
    feed.on('rows', (batch) => {
      for (const row of batch) rows.push(`${row.symbol} ${row.bid}`)
    })
    await feed.open()
    await subscribers(hub, 1)
    hub.publish('quotes', Quote.message({ symbol: 'ETHUSDT', bid: '3500.10', ask: '3500.20' }))
    await until(() => rows.length === 1, 'the row has come')
    expect(rows).toEqual(['ETHUSDT 3500.10'])
  })

  it('get their own messages, and say things when the hub listens', async () => {
    await using hub = await listen({ messages: true })
    const heard: (string | Uint8Array)[] = []
    hub.on('message', ({ subscriber, data }) => {
      heard.push(data)
      expect(subscriber.send(`echo ${data}`)).toBe(true)
    })
    await using client = await HubClient.connect(hub.url)
    client.send('hello')
    client.send(Buffer.from('bytes'))
    client.send({ op: 'other' })
    await client.has(3)
    expect(heard).toEqual(['hello', Buffer.from('bytes'), '{"op":"other"}'])
    expect(client.messages).toEqual(['echo hello', 'echo bytes', 'echo {"op":"other"}'])
    const [subscriber] = hub.subscribers.values()
    expect(() => subscriber?.send(Quote.message({ symbol: 'S', bid: 1, ask: 2 }))).toThrow(TypeError)
    expect(subscriber?.send('x'.repeat(70_000))).toBe(false)
    expect(() => subscriber?.close(1002)).toThrow(RangeError)
    const gone = new Promise((resolve) => hub.once('disconnect', resolve))
    subscriber?.close(4_000, 'enough')
    expect(await within(gone, 'the disconnect event')).toMatchObject({ subscriber, clean: true })
    await until(() => client.closed !== null, 'the client is closed')
    expect(client.closed).toEqual({ code: 4_000, reason: 'enough' })
    expect(subscriber?.connected).toBe(false)
    expect(subscriber?.send('late')).toBe(false)
  })

  it('that speak the wire format in WebSocket messages get frames', async () => {
    await using hub = await listen()
    await using client = await HubClient.connect(`${hub.url}/?topics=t`, {}, ['other', 'tickwire.v1'])
    expect(client.socket.protocol).toBe('tickwire.v1')
    await subscribers(hub, 1)
    hub.publish('t', Quote.message({ symbol: 'S', bid: '1.5', ask: '1.6' }))
    await until(() => client.messages.some((m) => Buffer.isBuffer(m) && m[4] === 1), 'a quote has come')
    for (const message of client.messages)
      expect((message as Buffer).subarray(0, 3)).toEqual(Buffer.from([0x54, 0x57, 1]))
  })

  it.each([
    ['shared by all', true],
    ['of their own', { contextTakeover: true }],
  ] as const)('get compressed messages, from a compressor %s', async (_, deflate) => {
    await using hub = await listen({ deflate })
    const url = `${hub.url}/?topics=t`
    await using compressed = await HubClient.connect(url, { perMessageDeflate: true })
    await using plain = await HubClient.connect(url)
    await using feed = new Feed({ url, decode: text(), deflate: true })
    const texts: string[] = []
    feed.on('message', ({ data }) => texts.push(data))
    await feed.open()
    await subscribers(hub, 3)
    expect(compressed.socket.extensions).toContain('permessage-deflate')
    expect(plain.socket.extensions).toBe('')
    const messages = Array.from({ length: 50 }, (_, i) => JSON.stringify({ n: i, filler: 'abc'.repeat(100) }))
    hub.publishAll('t', messages)
    hub.publish('t', 'short')
    await Promise.all([compressed.has(51), plain.has(51), until(() => texts.length === 51, 'the feed has them')])
    for (const received of [compressed.messages, plain.messages, texts]) {
      expect(received).toEqual([...messages, 'short'])
    }
    const [first, second] = [...hub.subscribers.values()]
    expect([first?.deflate, second?.deflate]).toEqual([true, false])
  })

  it('are spread over threads', async () => {
    await using hub = await listen({ threads: 2 })
    const clients = await Promise.all(Array.from({ length: 10 }, () => HubClient.connect(`${hub.url}/?topics=t`)))
    await subscribers(hub, 10)
    const texts = Array.from({ length: 500 }, (_, i) => `message ${i}`)
    for (const each of texts) hub.publish('t', each)
    await Promise.all(clients.map((client) => client.has(500)))
    for (const client of clients) expect(client.messages).toEqual(texts)
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
    await subscribers(hub, 0)
    expect(hub.stats()).toMatchObject({ connected: 10, disconnected: 10, subscribers: 0, deliveries: 5_000 })
  })

  it('on several addresses, one of them of another path', async () => {
    await using hub = await Hub.listen({ ws: ['ws://127.0.0.1:0', { url: 'ws://localhost:0/market' }] })
    const [first, second] = hub.address()
    expect(second?.url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/market$/)
    await using one = await HubClient.connect(`${first?.url}/t`)
    await using two = await HubClient.connect(`${second?.url}/t`)
    await subscribers(hub, 2)
    hub.publish('t', 'both')
    await Promise.all([one.got('both'), two.got('both')])
    expect([...hub.subscribers.values()].map(({ path }) => path).sort()).toEqual(['/market/t', '/t'])
  })
})
