import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { bytes, Feed, type FeedOptions, json, Loop, text } from '../../lib/index.js'
import { codeIndex, connect, connectionText, disconnect, type FakeFeed, world } from '../support/fake-addon.js'

vi.mock('../../lib/native/loader.js', async () => {
  const { world } = await import('../support/fake-addon.js')
  return { loadAddon: () => world.addon }
})

const url = 'ws://127.0.0.1:1/'

/** Uncaught exceptions of a test, instead of the runner's own handling. */
function catchUncaught(): unknown[] {
  const caught: unknown[] = []
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => caught.push(error))
  restore = () => {
    process.removeAllListeners('uncaughtException')
    for (const listener of others) process.on('uncaughtException', listener)
  }
  return caught
}
let restore = (): void => {}
afterEach(() => {
  restore()
  restore = () => {}
})

function messages(options: Partial<FeedOptions> = {}) {
  const feed = new Feed({ url, loop: new Loop(), name: 'test', ...options, decode: text() })
  const events: unknown[] = []
  for (const event of ['state', 'open', 'error', 'close', 'gap', 'pong', 'malformed'] as const) {
    feed.on(event, (value) => void events.push([event, value]))
  }
  return { feed, events, names: () => events.map((entry) => (entry as [string])[0]) }
}

async function opened(options: Partial<FeedOptions> = {}) {
  const setup = messages(options)
  const open = setup.feed.open()
  const native = world.feed
  connect(native)
  native.channel.publish()
  await open
  return { ...setup, native }
}

/** Puts texts into the ring. */
function put(native: FakeFeed, ...data: string[]): void {
  for (const item of data) native.channel.producer.message(native.handle, item)
}

describe('a feed that opens', () => {
  it('resolves with its connection and tells of its states', async () => {
    const { feed, events, native } = await opened()
    expect(native.opened).toBe(true)
    expect(events).toEqual([
      ['state', expect.objectContaining({ from: 'disconnected', to: 'connecting', reason: null, delayMs: null })],
      ['state', expect.objectContaining({ from: 'connecting', to: 'connected', message: '' })],
      ['open', JSON.parse(connectionText)],
    ])
    expect(feed.connection).toEqual(JSON.parse(connectionText))
    expect(await feed.open()).toBe(feed.connection)
    expect(world.feed).toBe(native)
  })

  it('tells of failures that it recovers from as states only', async () => {
    const { events, native, names } = await opened()
    const { producer } = native.channel
    producer.state(native.handle, 'connected', 'reconnecting', {
      error: codeIndex('ECONNRESET'),
      detail: 104,
      attempt: 1,
      delayMs: 5,
      text: 'reset',
    })
    producer.state(native.handle, 'reconnecting', 'connected', { text: connectionText })
    native.channel.deliver()
    expect(events[3]).toEqual([
      'state',
      {
        from: 'connected',
        to: 'reconnecting',
        reason: 'ECONNRESET',
        detail: 104,
        message: 'reset',
        attempt: 1,
        delayMs: 5,
        timeNs: 1,
      },
    ])
    expect(names()).toEqual(['state', 'state', 'open', 'state', 'state', 'open'])
  })

  it('rejects when its policy gives up', async () => {
    const { feed, names } = messages()
    feed.removeAllListeners('error')
    const uncaught = catchUncaught()
    const open = feed.open()
    const native = world.feed
    disconnect(native, 'ECONNREFUSED', 111, 'nobody there')
    native.channel.publish()
    await expect(open).rejects.toMatchObject({
      name: 'FeedError',
      code: 'ECONNREFUSED',
      detail: 111,
      phase: 'connect',
      feed: 'test',
      message: 'test: ECONNREFUSED: nobody there',
    })
    await turn()
    expect(uncaught).toEqual([])
    expect(native.destroyed).toBe(true)
    expect(names()).toEqual(['state', 'close'])
  })

  it('can be opened again after its end, with fresh counters', async () => {
    const { feed, native } = await opened()
    disconnect(native, 'ERR_WS_CLOSED', 1_000)
    native.channel.deliver()
    expect(feed.connection).toBeNull()
    const again = feed.open()
    expect(world.feed).not.toBe(native)
    expect(world.feed.options.stats).not.toBe(native.options.stats)
    connect(world.feed)
    world.feed.channel.deliver()
    await again
  })

  it('gives TLS feeds the trust anchors of Node once', async () => {
    world.defaultCa = ''
    const feed = new Feed({ url: 'wss://127.0.0.1/', decode: text(), loop: new Loop() })
    feed.open().catch(() => {})
    expect(world.defaultCa).toContain('-----BEGIN CERTIFICATE-----')
    world.defaultCa = 'kept'
    new Feed({ url: 'wss://127.0.0.1/', decode: text(), loop: new Loop() }).open().catch(() => {})
    expect(world.defaultCa).toBe('kept')
  })
})

describe('a feed that ends', () => {
  it('emits error and close when it failed', async () => {
    const { feed, events, native } = await opened()
    disconnect(native, 'ERR_RETRIES_EXHAUSTED')
    native.channel.deliver()
    const error = expect.objectContaining({ code: 'ERR_RETRIES_EXHAUSTED', phase: 'policy' })
    expect(events.slice(4)).toEqual([
      ['error', error],
      ['close', error],
    ])
    await expect(feed.close()).resolves.toBeUndefined()
  })

  it('throws the error when nobody could notice', async () => {
    const { feed, native } = await opened()
    feed.removeAllListeners('error')
    const uncaught = catchUncaught()
    disconnect(native, 'ECONNRESET')
    native.channel.deliver()
    await turn()
    expect(uncaught).toEqual([expect.objectContaining({ code: 'ECONNRESET' })])
  })

  it('has not failed when the peer closed normally', async () => {
    const { events, native } = await opened()
    disconnect(native, 'ERR_WS_CLOSED', 1_000)
    native.channel.deliver()
    expect(events.slice(4)).toEqual([['close', null]])
  })

  it('has failed when the peer closed otherwise', async () => {
    const { events, native } = await opened()
    disconnect(native, 'ERR_WS_CLOSED', 1_011)
    native.channel.deliver()
    expect(events.slice(4)).toMatchObject([
      ['error', { code: 'ERR_WS_CLOSED', detail: 1_011 }],
      ['close', {}],
    ])
  })

  it('is closed by close(), which waits for the end', async () => {
    const { feed, events, native } = await opened()
    let done = false
    const closing = feed.close(4_000, 'bye').then(() => {
      done = true
    })
    expect(feed.close()).toBeInstanceOf(Promise)
    expect(native.closedWith).toEqual([4_000, 'bye'])
    await turn()
    expect(done).toBe(false)
    disconnect(native, 'ERR_WS_CLOSED_BY_USER')
    native.channel.publish()
    await closing
    expect(events.at(-1)).toEqual(['close', null])
    expect(native.destroyed).toBe(true)
  })

  it('closes at once when it was never opened, and refuses bad codes', async () => {
    await messages().feed.close()
    const { feed } = await opened()
    await expect(feed.close(999)).rejects.toThrow(RangeError)
    await expect(feed.close(5_000)).rejects.toThrow(RangeError)
    await expect(feed.close(1_000, 'x'.repeat(124))).rejects.toThrow(RangeError)
  })

  it('rejects open() when it is closed before', async () => {
    const { feed } = messages()
    const open = feed.open()
    const native = world.feed
    const closing = feed.close()
    disconnect(native, 'ERR_WS_CLOSED_BY_USER')
    native.channel.publish()
    await expect(open).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    await closing
  })

  it('is cut by its signal', async () => {
    const controller = new AbortController()
    const { feed, events, native } = await opened({ signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    expect(native.aborted).toBe(true)
    disconnect(native, 'ERR_ABORTED')
    native.channel.deliver()
    expect(events.at(-1)).toEqual(['close', expect.objectContaining({ code: 'ERR_ABORTED', cause: reason })])
    expect(events.map((entry) => (entry as [string])[0])).not.toContain('error')
    await expect(feed.open()).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: reason })
  })

  it('rejects open() with its signal at once', async () => {
    const controller = new AbortController()
    const { feed } = messages({ signal: controller.signal })
    const open = feed.open()
    controller.abort()
    await expect(open).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  })

  it('closes with its loop, and is cut when the loop is disposed of', async () => {
    const loop = new Loop()
    const { native } = await opened({ loop })
    const closing = loop.close()
    expect(native.closedWith).toEqual([1_000, ''])
    disconnect(native, 'ERR_WS_CLOSED_BY_USER')
    native.channel.publish()
    await closing
    expect(loop.closed).toBe(true)
    expect(native.channel.closed).toBe(true)
    await expect(messages({ loop }).feed.open()).rejects.toMatchObject({ code: 'ERR_TICKWIRE_LOOP_CLOSED' })

    const second = new Loop()
    const cut = await opened({ loop: second })
    second[Symbol.dispose]()
    expect(cut.native.aborted).toBe(true)
    expect(cut.native.destroyed).toBe(true)
    expect(cut.events.at(-1)).toMatchObject(['close', { code: 'ERR_ABORTED' }])
  })
})

describe('listeners', () => {
  it('are handed messages, gaps, pongs and samples', async () => {
    const { feed, events, native } = await opened()
    feed.on('message', (message) => void events.push(message.data))
    put(native, 'a')
    native.channel.producer.gap(native.handle, 3n)
    native.channel.producer.pong(native.handle, 2.5e6)
    native.channel.producer.malformed(native.handle, 'notText', { sample: Uint8Array.of(7), length: 9, suppressed: 2 })
    native.channel.deliver()
    await turn() // a slow machine may have used up its turn in between
    expect(events.slice(3)).toEqual([
      'a',
      ['gap', { lost: 3, timeNs: 1 }],
      ['pong', { rttMs: 2.5, timeNs: 1 }],
      [
        'malformed',
        { why: 'notText', shape: null, field: null, sample: Uint8Array.of(7), length: 9, suppressed: 2, timeNs: 1 },
      ],
    ])
  })

  it('that throw stop neither the others nor the stream', async () => {
    const { feed, events, native } = await opened()
    const uncaught = catchUncaught()
    feed.on('message', ({ data }) => {
      throw new Error(data)
    })
    feed.on('message', ({ data }) => void events.push(data))
    put(native, 'a', 'b')
    native.channel.deliver()
    await turn()
    expect(events.slice(3)).toEqual(['a', 'b'])
    expect(uncaught).toEqual([new Error('a'), new Error('b')])
  })

  it('of rows get those of their shape', async () => {
    const decode = json.oneOf('/e', { trade: { p: json.number('/p') }, quote: { b: json.number('/b') } })
    const feed = new Feed({ url, decode, loop: new Loop() })
    feed.open().catch(() => {})
    const native = world.feed
    const seen: unknown[] = []
    feed.on('rows', (rows) => void seen.push(['any', rows.shape, rows.toArray().length]))
    feed.on('rows:quote', (rows) => {
      for (const row of rows) seen.push(['quote', row.b])
    })
    for (const shape of [0, 1, 1]) {
      native.channel.producer.record(1, shape, native.handle, 32, (view, at) => {
        view.setFloat64(at + 8, 1, true)
        view.setFloat64(at + 24, 5 + shape, true)
      })
    }
    native.channel.producer.malformed(native.handle, 'wrongType', { shape: 1, field: 0 })
    native.channel.producer.malformed(native.handle, 'syntax')
    feed.on('malformed', ({ shape, field }) => void seen.push([shape, field]))
    native.channel.deliver()
    await turn()
    expect(seen).toEqual([
      ['any', 'trade', 1],
      ['any', 'quote', 2],
      ['quote', 6],
      ['quote', 6],
      ['quote', 'b'],
      [null, null],
    ])
    expect(feed.stats().latency.nativeToJs.count).toBe(3)
  })

  it('come and go', async () => {
    const { feed, native } = await opened()
    const listener = vi.fn()
    feed.addListener('message', listener).once('message', listener)
    expect(feed.listenerCount('message')).toBe(2)
    put(native, 'a')
    native.channel.deliver()
    expect(listener).toHaveBeenCalledTimes(2)
    expect(feed.listenerCount('message')).toBe(1)
    feed.removeListener('message', listener)
    expect(feed.listenerCount('message')).toBe(0)
  })

  it('let the event loop turn while a flood lasts', async () => {
    const { feed, native } = await opened()
    let seen = 0
    feed.on('message', () => void seen++)
    for (let i = 0; i < 20_000; i++) put(native, 'x')
    native.channel.deliver()
    expect(seen).toBeGreaterThan(0)
    expect(seen).toBeLessThan(20_000)
    while (seen < 20_000) await turn()
    expect(native.channel.producer.sleeping).toBe(true)
  })
})

describe('iteration', () => {
  it('yields what came, and ends with close()', async () => {
    const { feed, native } = await opened()
    put(native, 'a', 'b', 'c')
    native.channel.publish()
    const seen: string[] = []
    for await (const message of feed) {
      seen.push(message.data)
      if (message.data === 'c') {
        const closing = feed.close()
        disconnect(native, 'ERR_WS_CLOSED_BY_USER')
        native.channel.publish()
        await closing
      }
    }
    expect(seen).toEqual(['a', 'b', 'c'])
  })

  it('holds the ring while the consumer works', async () => {
    const { feed, native } = await opened()
    put(native, 'a', 'b')
    const iterator = feed[Symbol.asyncIterator]()
    const first = iterator.next()
    native.channel.publish()
    const { value } = await first
    await turn()
    expect(value?.data).toBe('a')
    expect(native.channel.producer.used).toBeGreaterThan(0)
    put(native, 'c')
    native.channel.publish()
    await turn()
    expect(value?.data).toBe('a')
    expect((await iterator.next()).value?.data).toBe('b')
    expect((await iterator.next()).value?.data).toBe('c')
    const last = iterator.next()
    expect(native.channel.producer.used).toBe(0)
    await iterator.return?.()
    expect(await last).toEqual({ done: true, value: undefined })
  })

  it('keeps what it yielded until more is asked for, whoever brought it', async () => {
    const { feed, native } = await opened()
    const iterator = feed[Symbol.asyncIterator]()
    const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
    for (const expected of ['a', 'b', 'c', 'd']) {
      // Long enough for the next call to take a turn of the event loop of its own.
      await wait(5)
      const next = iterator.next()
      if (expected === 'a') put(native, 'a', 'b', 'c', 'd')
      native.channel.deliver()
      const { value } = await next
      await wait(1)
      expect(value?.data).toBe(expected)
    }
    await iterator.return?.()
  })

  it('goes on as a stream of listeners when the loop is left', async () => {
    const { feed, native } = await opened()
    put(native, 'a', 'b')
    native.channel.publish()
    for await (const _ of feed) break
    const seen: string[] = []
    feed.on('message', ({ data }) => void seen.push(data))
    put(native, 'c')
    native.channel.publish()
    await turn()
    expect(seen).toEqual(['c'])
  })

  it('throws what the feed failed by', async () => {
    const { feed, native } = await opened()
    feed.removeAllListeners('error')
    const uncaught = catchUncaught()
    put(native, 'a')
    disconnect(native, 'ECONNRESET')
    native.channel.publish()
    const seen: string[] = []
    const loop = async (): Promise<void> => {
      for await (const { data } of feed) seen.push(data)
    }
    await expect(loop()).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(seen).toEqual(['a'])
    await turn()
    expect(uncaught).toEqual([])
  })

  it('throws when its signal is aborted, and ends quietly after a normal closure', async () => {
    const controller = new AbortController()
    const { feed } = await opened({ signal: controller.signal })
    const next = feed[Symbol.asyncIterator]().next()
    controller.abort()
    await expect(next).rejects.toMatchObject({ code: 'ERR_ABORTED' })

    const second = await opened()
    const end = second.feed[Symbol.asyncIterator]().next()
    disconnect(second.native, 'ERR_WS_CLOSED', 1_000)
    second.native.channel.publish()
    expect(await end).toEqual({ done: true, value: undefined })
  })

  it('is one at a time', async () => {
    const { feed, native } = await opened()
    const iterator = feed[Symbol.asyncIterator]()
    expect(() => feed[Symbol.asyncIterator]()).toThrow(expect.objectContaining({ code: 'ERR_TICKWIRE_ITERATING' }))
    const next = iterator.next()
    await expect(iterator.next()).rejects.toMatchObject({ code: 'ERR_TICKWIRE_ITERATING' })
    put(native, 'a')
    native.channel.publish()
    expect((await next).value?.data).toBe('a')
    await iterator.return?.()
    feed[Symbol.asyncIterator]()
  })

  it('lets timers run while batches are always there', async () => {
    const { feed, native } = await opened()
    let timers = 0
    const timer = setInterval(() => void timers++, 1)
    let seen = 0
    const fill = (): void => {
      while (native.channel.producer.message(native.handle, 'x'.repeat(1_000)));
      native.channel.publish()
    }
    fill()
    const start = performance.now()
    for await (const _ of feed) {
      if (++seen % 100 === 0) fill()
      if (performance.now() - start > 100) break
    }
    clearInterval(timer)
    expect(timers).toBeGreaterThan(5)
    expect(seen).toBeGreaterThan(100)
  })
})

describe('a polling feed', () => {
  it('is handed nothing but what it polls for', async () => {
    const { feed, events, native } = await opened({ wake: 'poll' })
    expect(native.channel.onWake).toBeNull()
    feed.on('message', ({ data }) => void events.push(data))
    put(native, 'a', 'b', 'c')
    native.channel.publish()
    await turn()
    await turn()
    expect(events).toHaveLength(3)
    expect(feed.poll(2)).toBe(2)
    expect(feed.poll()).toBe(1)
    expect(feed.poll()).toBe(0)
    expect(events.slice(3)).toEqual(['a', 'b', 'c'])
    const closing = feed.close()
    disconnect(native, 'ERR_WS_CLOSED_BY_USER')
    native.channel.publish()
    await closing
  })

  it('is told by poll() what listeners threw', async () => {
    const { feed, events, native } = await opened({ wake: 'poll' })
    feed.on('message', ({ data }) => {
      events.push(data)
      throw new Error(data)
    })
    put(native, 'a')
    native.channel.publish()
    expect(() => feed.poll()).toThrow('a')
    expect(feed.poll()).toBe(0)
    expect(events.at(-1)).toBe('a')
  })

  it('drives an inline loop', async () => {
    const loop = new Loop({ mode: 'inline' })
    const { feed, native } = await opened({ loop, wake: 'poll' })
    native.channel.loop.onTurn = () => {
      put(native, 'a')
      native.channel.producer.publish()
    }
    expect(feed.poll()).toBe(1)
    expect(loop.poll(5)).toBe(1)
  })
})

describe('sending', () => {
  it('hands over, and throws what the core answers', async () => {
    const { feed, native } = await opened()
    feed.send('a')
    feed.sendBatch(['b', Uint8Array.of(1)])
    feed.ping()
    feed.reconnect()
    expect(native.sent).toEqual(['a', 'b', Uint8Array.of(1)])
    expect(native.reconnected).toBe(1)
    expect(feed.sendQueueBytes).toBe(7)
    native.sendResult = codeIndex('ERR_SEND_QUEUE_FULL')
    expect(() => feed.send('c')).toThrow(expect.objectContaining({ code: 'ERR_SEND_QUEUE_FULL', phase: 'user' }))
    expect(() => feed.sendBatch(['c'])).toThrow(expect.objectContaining({ code: 'ERR_SEND_QUEUE_FULL' }))
  })

  it('is refused before the feed is open', () => {
    const { feed } = messages()
    for (const act of [() => feed.send('a'), () => feed.sendBatch([]), () => feed.ping(), () => feed.reconnect()]) {
      expect(act).toThrow(expect.objectContaining({ code: 'ERR_NOT_OPEN' }))
    }
    expect(feed.sendQueueBytes).toBe(0)
    expect(feed.poll()).toBe(0)
  })
})

describe('the process', () => {
  it('is kept alive by open feeds that were not told otherwise', async () => {
    const loop = new Loop()
    const first = await opened({ loop })
    const { channel } = first.native
    expect(channel.alive).toBe(true)
    first.feed.unref().unref()
    expect(channel.alive).toBe(false)
    const second = await opened({ loop })
    expect(second.native.channel).toBe(channel)
    expect(channel.alive).toBe(true)
    first.feed.ref()
    disconnect(second.native, 'ERR_WS_CLOSED', 1_000)
    channel.deliver()
    expect(channel.alive).toBe(true)
    disconnect(first.native, 'ERR_WS_CLOSED', 1_000)
    channel.deliver()
    expect(channel.alive).toBe(false)
  })
})

describe('raw bytes', () => {
  it('are a view of the ring', async () => {
    const feed = new Feed({ url, decode: bytes(), loop: new Loop() })
    feed.open().catch(() => {})
    const native = world.feed
    const seen: unknown[] = []
    feed.on('message', (message) => void seen.push([...message.data], message.isBinary))
    native.channel.producer.message(native.handle, Uint8Array.of(1, 2))
    native.channel.deliver()
    expect(seen).toEqual([[1, 2], true])
  })
})
