import { ConfigError, exponential, FeedError, never, WireFeed, type WireFeedOptions } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { localhostCertificates } from '../peers/certificates.ts'
import { frameOf, WireType } from '../peers/wire-frames.ts'
import { Sender, say, startWireHub } from '../peers/wire-hub.ts'
import { rejection, until, within } from './waiting.ts'
import { counted, noted, quotes } from './wire-notes.ts'

const calm = { first: 20, max: 100, storm: { floor: 0, attempts: 100, window: 1_000 } } as const

describe('signs of life', () => {
  it('are answered, counted and measured', async () => {
    const sender = new Sender('AAA')
    const tokens: Buffer[] = []
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender })
      await client.write(say.ping(0xbeef))
      for (;;) {
        const { header, fields } = await client.next()
        const [, token] = fields[0] ?? []
        if (token === undefined) throw new Error('a ping or pong without a token')
        if (header.type === WireType.pong) tokens.push(token)
        else await client.write(say.pong(token))
      }
    })
    const notes = noted(hub.url, { heartbeat: { ping: 20 } })
    await using feed = notes.feed
    const pongs: number[] = []
    feed.on('pong', ({ rttMs }) => pongs.push(rttMs))
    await feed.open()
    await until(() => pongs.length >= 3 && tokens.length > 0, 'three pongs have come')
    for (const ms of pongs) expect(ms).toBeGreaterThan(0)
    expect(tokens.map((token) => token.readBigUInt64LE())).toEqual([0xbeefn])
    expect(feed.stats()).toMatchObject({ connects: 1, pings: 1 })
  })

  it('that do not come end the connection: no pong', async () => {
    await using hub = await startWireHub(async (client) => {
      await client.greet()
      await client.gone
    })
    const notes = noted(hub.url, { heartbeat: { ping: 20, pongTimeout: 60 } })
    await using feed = notes.feed
    await feed.open()
    await until(() => feed.stats().connects >= 2, 'the feed has connected again')
    expect(notes.states.find(({ to }) => to === 'reconnecting')).toMatchObject({ reason: 'ERR_PONG_TIMEOUT' })
  })

  it('that do not come end the connection: silence for three of the intervals that the hub announced', async () => {
    await using hub = await startWireHub(async (client, n) => {
      await client.greet({ heartbeatMs: 40 })
      if (n > 0) return void (await client.gone)
      // For longer than three intervals: heartbeats alone keep it.
      for (let i = 0; i < 8; i++) {
        await client.write(say.heartbeat([1, 0]))
        await new Promise((resolve) => setTimeout(resolve, 30))
      }
      expect(notes.states.some(({ to }) => to === 'reconnecting')).toBe(false)
      await client.gone
    })
    const notes = noted(hub.url)
    await using feed = notes.feed
    await feed.open()
    await until(() => feed.stats().connects >= 2, 'the feed has connected again')
    expect(notes.states.find(({ to }) => to === 'reconnecting')).toMatchObject({ reason: 'ERR_WIRE_SILENT' })
    expect(feed.stats().heartbeats).toBeGreaterThanOrEqual(8)
    expect(hub.failures).toEqual([])
  })

  it('are no data: a hub that only beats is left after `idle`', async () => {
    const sender = new Sender('AAA')
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender, heartbeatMs: 20 })
      await client.write(sender.quote(1))
      const timer = setInterval(() => void client.write(say.heartbeat([1, 1])), 20)
      await client.gone
      clearInterval(timer)
    })
    const notes = noted(hub.url, { heartbeat: { idle: 150 } })
    await using feed = notes.feed
    await feed.open()
    await until(() => feed.stats().connects >= 2, 'the feed has connected again')
    expect(notes.states.find(({ to }) => to === 'reconnecting')).toMatchObject({ reason: 'ERR_IDLE' })
    expect(feed.stats().heartbeats).toBeGreaterThan(2)
  })
})

describe('reconnection', () => {
  it.each([
    ['rst', 'ECONNRESET', 0],
    ['fin', 'ERR_EOF', 0],
    ['bye', 'ERR_WIRE_SHUTTING_DOWN', 13],
    ['error', 'ERR_WIRE_TOO_SLOW', 12],
  ] as const)('after %s, with the reason %s', async (how, reason, detail) => {
    const sender = new Sender('AAA')
    await using hub = await startWireHub(async (client, n) => {
      await client.greet({ sender, last: { t: n } })
      await client.write(sender.quote(n + 1))
      if (n === 0) {
        await until(() => notes.numbers.length === 1, 'the first quote has come')
        if (how === 'rst') client.reset()
        else if (how === 'fin') client.end()
        else await client.write(how === 'bye' ? say.bye(13, 'restart') : say.error(12, 'too slow', 0, true))
      }
      await client.gone
    })
    const notes = noted(hub.url, { reconnect: exponential(calm) })
    await using feed = notes.feed
    await feed.open()
    await until(() => notes.numbers.length === 2, 'the second connection has carried data')
    expect(notes.states.map(({ to }) => to)).toEqual([
      'connecting',
      'connected',
      'reconnecting',
      'connecting',
      'connected',
    ])
    expect(notes.states[2]).toMatchObject({ from: 'connected', reason, delayMs: 0 })
    if (detail !== 0) expect(notes.states[2]).toMatchObject({ detail })
    expect(notes.story).toEqual(['t 1', 't 2'])
    expect(feed.stats()).toMatchObject({ connects: 2, reconnects: 1, gaps: 0 })
    expect(hub.failures).toEqual([])
  })

  it('waits as long as a hub asks for that says goodbye', async () => {
    const sender = new Sender('AAA')
    await using hub = await startWireHub(async (client, n) => {
      await client.greet({ sender })
      if (n === 0) await client.write(Buffer.concat([sender.quote(1), say.bye(13, 'back soon', 300)]))
      await client.gone
    })
    const notes = noted(hub.url, { reconnect: exponential({ ...calm, max: 2_000 }) })
    await using feed = notes.feed
    await feed.open()
    await until(() => feed.stats().connects === 2, 'the feed has connected again')
    const [left, again] = notes.states.slice(2)
    expect(left).toMatchObject({ to: 'reconnecting', reason: 'ERR_WIRE_SHUTTING_DOWN', message: 'back soon' })
    expect(left?.delayMs).toBeGreaterThanOrEqual(300)
    expect(((again?.timeNs ?? 0) - (left?.timeNs ?? 0)) / 1e6).toBeGreaterThanOrEqual(295)
  })

  it.each([
    ['never', never(), 'ERR_WIRE_SHUTTING_DOWN'],
    ['at most twice', exponential({ ...calm, retries: 2, immediate: false }), 'ERR_RETRIES_EXHAUSTED'],
  ])('%s, when the policy says so; the failure is an error event', async (_, reconnect, code) => {
    await using hub = await startWireHub(async (client) => {
      await client.greet()
      await client.write(say.bye(13, ''))
      await client.gone
    })
    const notes = noted(hub.url, { reconnect })
    await using feed = notes.feed
    const failed = new Promise<FeedError>((resolve) => feed.on('error', resolve))
    await feed.open()
    const error = await within(failed, 'the end')
    expect(error).toBeInstanceOf(FeedError)
    expect(error.code).toBe(code)
    expect(feed.state).toBe('disconnected')
  })

  it('is up to reconnect() as well, and goes on where the numbers were', async () => {
    const sender = new Sender('AAA')
    await using hub = await startWireHub(async (client, n) => {
      await client.greet({ sender, last: { t: n * 3 } })
      await client.write(sender.quotes(n * 3 + 1, n * 3 + 2))
      await client.gone
    })
    const notes = noted(hub.url)
    await using feed = notes.feed
    await feed.open()
    await until(() => notes.numbers.length === 2, 'two quotes have come')
    feed.reconnect()
    await until(() => notes.numbers.length === 4, 'two more have come')
    expect(notes.story).toEqual(['t 1', 't 2', 't 3…3 away lost', 't 4', 't 5'])
  })
})

describe('a hub that refuses or misbehaves', () => {
  /** What the first connection to such a hub ends with. */
  async function reasonOf(
    script: Parameters<typeof startWireHub>[0],
    options: Partial<WireFeedOptions<typeof quotes>> = {},
  ): Promise<FeedError> {
    await using hub = await startWireHub(script)
    const { feed } = noted(hub.url, { reconnect: never(), timeouts: { handshake: 300 }, ...options })
    const ended = new Promise<FeedError | null>((resolve) => feed.once('close', resolve))
    feed.on('error', () => {})
    feed.open().catch(() => {})
    const error = await within(ended, 'the end')
    expect(hub.failures).toEqual([])
    if (error === null) throw new Error('the feed has ended well')
    return error
  }

  it('credentials', async () => {
    let token = ''
    const error = await reasonOf(
      async (client) => {
        const hello = await client.expect(WireType.hello)
        token = String(hello.fields.find(([tag]) => tag === 2)?.[1])
        await client.write(say.error(2, 'who are you?', 0, true))
        client.end()
      },
      { token: 'secret' },
    )
    expect(token).toBe('secret')
    expect(error).toMatchObject({ code: 'ERR_WIRE_UNAUTHORIZED', detail: 2 })
    expect(error.message).toContain('who are you?')
    expect(JSON.stringify(error) + error.stack).not.toContain('secret')
  })

  it.each([
    [
      'another protocol',
      async () => Buffer.from(`HTTP/1.1 400 Bad Request\r\n\r\n${'x'.repeat(20_000)}`),
      'ERR_WIRE_HANDSHAKE',
    ],
    ['silence', async () => Buffer.alloc(0), 'ERR_HANDSHAKE_TIMEOUT'],
    ['a quote in place of Welcome', async () => new Sender('AAA').quote(1), 'ERR_WIRE_HANDSHAKE'],
    ['a Welcome of the epoch 0', async () => say.welcome({ epoch: 0n }), 'ERR_WIRE_HANDSHAKE'],
    [
      'another version',
      async () => {
        const value = Buffer.alloc(25)
        value.set([9, 1])
        return frameOf({ type: WireType.welcome }, Buffer.concat([Buffer.of(1, 25), value]))
      },
      'ERR_WIRE_VERSION',
    ],
    [
      'pings without end',
      async () => Buffer.concat([say.welcome(), ...counted(1, 200).map((n) => say.ping(n))]),
      'ERR_WIRE_FLOOD',
    ],
  ])('%s', async (_, answer, code) => {
    const error = await reasonOf(
      async (client) => {
        await client.expect(WireType.hello)
        await client.write(await answer())
        await client.gone
      },
      { limits: { maxPingsPerSecond: 100 } },
    )
    expect(error.code).toBe(code)
  })

  it('more topics than may be: those over the limit are left out and counted', async () => {
    const sender = new Sender('AAA')
    const names = counted(1, 40).map((n) => `t${n}`)
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender, last: Object.fromEntries(names.map((name) => [name, 0])) })
      await client.write(Buffer.concat(names.map((_, i) => sender.quote(1, { source: i + 1 }))))
      await client.gone
    })
    const notes = noted(hub.url, { topics: ['*'], limits: { maxTopics: 10 } })
    await using feed = notes.feed
    await feed.open()
    await until(() => feed.stats().malformedBy.tooManyTopics >= 30, 'the others were counted')
    await until(() => notes.numbers.length === 10, 'ten topics have come')
    expect(feed.stats().malformedBy.tooManyTopics).toBe(30)
  })

  it('floods of definitions, gaps and nonsense leave memory as it was', async () => {
    const sender = new Sender('AAA')
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender })
      for (let n = 0; n < 60; n++) {
        const parts: Buffer[] = []
        for (let i = 0; i < 100; i++) {
          const k = n * 100 + i
          parts.push(sender.quote(2 * k + 2), say.skipped(1, [1, 2 * k + 3, 2 * k + 3]), say.heartbeat([1, 0], [9, k]))
          parts.push(say.resendRefused(k, [1, 1, 2 ** 40], 1), say.error(5, 'x'.repeat(900), k), Buffer.alloc(40, n))
        }
        await client.write(Buffer.concat(parts))
      }
      await client.write(sender.quote(20_000))
      await client.gone
    })
    const notes = noted(hub.url, { recover: 'ordered', overflow: 'block' })
    await using feed = notes.feed
    notes.feed.removeAllListeners('gap').removeAllListeners('malformed')
    let before = 0
    feed.once('rows', () => {
      before = process.memoryUsage.rss()
    })
    await feed.open()
    await until(() => notes.numbers.at(-1) === 20_000, 'the end of the flood has come', 25_000)
    expect(feed.state).toBe('connected')
    expect((process.memoryUsage.rss() - before) / 2 ** 20).toBeLessThan(100)
  })
})

describe('over TLS', () => {
  it('checks the hub, and tells what was agreed', async () => {
    const { authority, server: certificate } = localhostCertificates()
    const sender = new Sender('AAA')
    await using hub = await startWireHub(
      async (client) => {
        await client.greet({ sender })
        await client.write(sender.quotes(1, 1_000))
        await client.gone
      },
      { tls: { ...certificate } },
    )
    const url = `tls://localhost:${hub.port}`
    const notes = noted(url, { tls: { ca: authority.cert } })
    await using feed = notes.feed
    expect(await feed.open()).toMatchObject({ tlsVersion: 'TLSv1.3', hub: 'scripted' })
    await until(() => notes.numbers.length === 1_000, 'a thousand quotes have come')
    expect(notes.numbers).toEqual(counted(1, 1_000))

    const strange = noted(url, { reconnect: never() }).feed
    strange.on('error', () => {})
    const error = (await rejection(strange.open())) as FeedError
    expect(error.code).toMatch(/^ERR_TLS_/)
  })
})

describe('options of a wire feed', () => {
  const good = { url: 'tcp://127.0.0.1:1', topics: ['t'], decode: quotes }
  it.each([
    ['url', { url: 'ws://127.0.0.1:1' }],
    ['url', { url: 'tcp://127.0.0.1' }],
    ['url', { url: 'tcp://user:pass@127.0.0.1:1' }],
    ['url', { url: 'tcp://127.0.0.1:1/topic' }],
    ['url', { url: 'shm://' }],
    ['url', { url: 'shm://a/b' }],
    ['topics.0', { topics: [''] }],
    ['topics.0', { topics: ['x'.repeat(256)] }],
    ['filter.keys', { filter: { keys: [] } }],
    ['recover', { recover: 'sometimes' }],
    ['recover.wait', { recover: { order: 'late', wait: 0 } }],
    ['recover.holdBytes', { recover: { order: 'ordered', holdBytes: 1 } }],
    ['token', { token: 'x'.repeat(4_097) }],
    ['limits.maxTopics', { limits: { maxTopics: 65_536 } }],
    ['tls', { tls: {} }],
    ['shm', { shm: {} }],
    ['filter', { url: 'shm://ticks', filter: { keys: ['A'] } }],
    ['recover', { url: 'shm://ticks', recover: 'late' }],
    ['token', { url: 'shm://ticks', token: 'x' }],
    ['decode', { decode: undefined }],
    ['nonsense', { nonsense: 1 }],
  ])('%s, where it is wrong (%#)', (path, change) => {
    let error: unknown
    try {
      new WireFeed({ ...good, ...change } as never)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(ConfigError)
    const paths = (error as ConfigError).issues.map((issue) => [...issue.path].join('.'))
    if (path === 'nonsense') expect((error as ConfigError).message).toContain('nonsense')
    else expect(paths).toContain(path)
  })
})
