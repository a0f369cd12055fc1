import { BookDelta, bytes, Execution, Quote, Signal, Trade, WireFeed, wire } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { crc32c, WireType } from '../peers/wire-frames.ts'
import { asked, Flag, Sender, say, startWireHub } from '../peers/wire-hub.ts'
import { until, within } from './waiting.ts'
import { counted, noted } from './wire-notes.ts'

/** A copy with one byte changed. */
function flipped(frame: Buffer, at: number): Buffer {
  const copy = Buffer.from(frame)
  copy[at] = (copy[at] as number) ^ 0x10
  return copy
}

describe('what a wire feed delivers', () => {
  it('every kind of message as typed rows, exactly', async () => {
    const sender = new Sender('BTCUSDT', 'momentum', 'USDT')
    const funding = wire.type({
      name: 'funding',
      id: 64,
      fields: { symbol: { tag: 1, kind: 'symbol' }, rate: { tag: 2, kind: 'decimal' } },
    })
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender, last: { market: 6 } })
      const at = (sequence: number) => ({ source: 1, sequence, time: 1_700_000_000_000_000_001n })
      const all = [
        Quote.message({
          symbol: 'BTCUSDT',
          bid: '37251.90',
          ask: '37252.00',
          bidSize: '31.21',
          askSize: '40.66000000',
        }),
        Quote.message({
          symbol: 'BTCUSDT',
          bid: null,
          ask: '0.000000000000000001',
          askSize: 9_223_372_036_854_775_807n,
        }),
        Trade.message({ symbol: 'BTCUSDT', price: '37252.00', size: '0.5', side: 'buy', tradeId: 123_456_789_012n }),
        BookDelta.message({
          symbol: 'BTCUSDT',
          bids: [
            ['37251.9', '1.5'],
            ['37250', 0],
          ],
          asks: [['37252.25', 2]],
          firstUpdateId: 100,
          lastUpdateId: 102,
        }),
        Signal.message({ name: 'momentum', symbol: 'BTCUSDT', value: 0.25 }),
        Execution.message({
          symbol: 'BTCUSDT',
          side: 'sell',
          status: 'filled',
          filledSize: '2.5',
          openSize: 0,
          orderId: 'o-1',
          fee: '-0.001',
          feeCurrency: 'USDT',
        }),
        funding.message({ symbol: 'BTCUSDT', rate: '-0.00012500' }),
      ]
      await client.write(Buffer.concat(all.map((message, i) => sender.message(message, at(7 + i)))))
      await client.gone
    })
    // A side may be missing.
    const top = Quote.select({
      symbol: 'symbol',
      topic: 'topic',
      sequence: 'sequence',
      sendTime: 'sendTime',
      bid: wire.number('bid', { optional: true }),
      bidSize: wire.number('bidSize', { optional: true }),
      ask: 'ask',
      askSize: 'askSize',
    })
    const decode = wire.rows([top, Trade, BookDelta, Signal, Execution, funding])
    await using feed = new WireFeed({ url: hub.url, topics: ['market'], decode })
    const seen: unknown[] = []
    feed.on('rows', (rows) => {
      for (const row of rows) seen.push({ shape: rows.shape, ...row.toObject() })
    })
    const subscribed: unknown[] = []
    feed.on('subscribed', ({ topic, lastSequence }) => subscribed.push([topic, lastSequence]))
    expect(await feed.open()).toMatchObject({ hub: 'scripted', epoch: 1n, resumed: false, port: hub.port })
    await until(() => seen.length === 7, 'all seven messages have come')
    expect(subscribed).toEqual([['market', 6n]])
    const head = { topic: 'market', sendTime: 1_700_000_000_000_000_001n }
    expect(seen).toMatchObject([
      { shape: 'quote', symbol: 'BTCUSDT', bid: 37_251.9, ask: 37_252, bidSize: 31.21, askSize: 40.66, ...head },
      { shape: 'quote', bid: null, ask: 1e-18, bidSize: 0, sequence: 8n },
      { shape: 'trade', price: 37_252, size: 0.5, side: 'buy', tradeId: 123_456_789_012n, sequence: 9n },
      { shape: 'bookDelta', firstUpdateId: 100n, lastUpdateId: 102n, sequence: 10n },
      { shape: 'signal', name: 'momentum', symbol: 'BTCUSDT', value: 0.25, sequence: 11n },
      {
        shape: 'execution',
        side: 'sell',
        status: 'filled',
        filledSize: 2.5,
        orderId: 'o-1',
        fee: -0.001,
        sequence: 12n,
      },
      { shape: 'funding', symbol: 'BTCUSDT', rate: -0.000125, sequence: 13n },
    ])
    const { bids, asks } = seen[3] as { bids: unknown; asks: unknown }
    expect(bids).toEqual([
      { price: 37_251.9, size: 1.5 },
      { price: 37_250, size: 0 },
    ])
    expect(asks).toEqual([{ price: 37_252.25, size: 2 }])
    expect(feed.stats()).toMatchObject({ messages: 7, rows: 7, malformed: 0, gaps: 0, duplicates: 0 })
    expect(hub.failures).toEqual([])
  })

  it('whole frames, as they were sent, to those who ask for bytes', async () => {
    const sender = new Sender('AAA')
    // The first would hold the start of a frame, and is masked by the library's own sender only; here it goes as it is.
    const sent = [sender.quote(1), sender.raw(2, 'text of any kind'), sender.quote(3)]
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender })
      await client.write(Buffer.concat(sent))
      await client.gone
    })
    await using feed = new WireFeed({ url: hub.url, topics: ['t'], decode: bytes() })
    const got: Buffer[] = []
    feed.on('message', ({ data }) => got.push(Buffer.from(data)))
    await feed.open()
    await until(() => got.length === 3, 'three frames have come')
    expect(got).toEqual(sent)
  })

  it('the same, wherever the stream is cut', async () => {
    const sender = new Sender('AAA')
    const group = (n: number): Buffer =>
      Buffer.concat([
        sender.quote(n),
        sender.raw(n + 1, 'x'.repeat(40)),
        sender.quote(n + 2),
        say.heartbeat([1, n + 2]),
      ])
    const size = group(1).length
    let cut = 0
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender })
      for (cut = 1; cut < size; cut++) {
        const whole = group(cut * 3 - 2)
        await client.write(whole.subarray(0, cut))
        // Lets the receiver see the part alone, mostly.
        await new Promise((resolve) => setTimeout(resolve, cut % 16 === 0 ? 1 : 0))
        await client.write(whole.subarray(cut))
      }
      await client.gone
    })
    const notes = noted(hub.url)
    await using feed = notes.feed
    await feed.open()
    const wanted = counted(1, (size - 1) * 3).filter((n) => n % 3 !== 2)
    await until(() => notes.numbers.length >= wanted.length, 'everything has come')
    expect(notes.numbers).toEqual(wanted)
    expect(feed.stats()).toMatchObject({ malformed: 0, skippedBytes: 0, gaps: 0, duplicates: 0, ignored: size - 1 })
  })

  it('the same, byte by byte', async () => {
    const sender = new Sender('AAA')
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender })
      for (const byte of sender.quotes(1, 3)) {
        await client.write(Buffer.of(byte))
        await new Promise(setImmediate)
      }
      await client.gone
    })
    const notes = noted(hub.url)
    await using feed = notes.feed
    await feed.open()
    await until(() => notes.numbers.length === 3, 'three quotes have come')
    expect(feed.stats()).toMatchObject({ malformed: 0, skippedBytes: 0 })
  })
})

describe('damage on the way', () => {
  /** What a feed makes of these bytes behind the greeting; it has to get `last` in the end. */
  async function receive(sender: Sender, pieces: readonly Buffer[], last: number) {
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender })
      for (const piece of pieces) await client.write(piece)
      await client.gone
    })
    const notes = noted(hub.url, { samples: { interval: 0 } })
    await using feed = notes.feed
    await feed.open()
    await until(() => notes.numbers.at(-1) === last, `quote ${last} has come`)
    return { ...notes, stats: feed.stats() }
  }

  it('skips a frame with a wrong checksum, counts it, and names what is missing', async () => {
    const sender = new Sender('AAA')
    const pieces = [sender.quotes(1, 2), flipped(sender.quote(3), 50), sender.quotes(4, 6)]
    const { numbers, malformed, stats, story } = await receive(sender, pieces, 6)
    expect(numbers).toEqual([1, 2, 4, 5, 6])
    expect(story).toEqual(['t 1', 't 2', 't 3…3 lost lost', 't 4', 't 5', 't 6'])
    expect(malformed).toMatchObject([{ why: 'checksum' }])
    expect(stats).toMatchObject({ malformed: 1, skippedBytes: 64, gaps: 1, missing: 1 })
    expect(stats.malformedBy.checksum).toBe(1)
  })

  it('finds the next frame behind garbage, of which nothing is taken for a message', async () => {
    const sender = new Sender('AAA')
    const garbage = Buffer.concat([Buffer.from('TW\u0001 is what a frame starts with, TW'), Buffer.alloc(500, 0x54)])
    const { numbers, stats, malformed } = await receive(sender, [sender.quote(1), garbage, sender.quotes(2, 3)], 3)
    expect(numbers).toEqual([1, 2, 3])
    expect(stats).toMatchObject({ skippedBytes: garbage.length, gaps: 0 })
    expect(malformed.length).toBeGreaterThan(0)
  })

  it('loses one frame only, whichever byte of it is damaged', async () => {
    const sender = new Sender('AAA')
    const pieces: Buffer[] = []
    for (let at = 0; at < 64; at++) {
      pieces.push(flipped(sender.quote(3 * at + 1), at), sender.quotes(3 * at + 2, 3 * at + 3))
    }
    const { numbers, stats, gaps } = await receive(sender, pieces, 192)
    expect(numbers).toEqual(counted(1, 192).filter((n) => n % 3 !== 1))
    expect(gaps.map(({ from, to }) => [Number(from), Number(to)])).toEqual(
      counted(0, 63).map((i) => [3 * i + 1, 3 * i + 1]),
    )
    expect(stats.skippedBytes).toBe(64 * 64)
  })

  it('does not wait for a frame whose length is a lie', async () => {
    const sender = new Sender('AAA')
    const lies = [16 << 20, (16 << 20) + 1, 0xffff_ffff, 1 << 19].map((length, i) => {
      const frame = sender.quote(i + 2)
      frame.writeUInt32LE(length, 8)
      frame.writeUInt32LE(crc32c(Buffer.concat([frame.subarray(0, 12), frame.subarray(16)])), 12)
      return frame
    })
    const { numbers, stats } = await receive(sender, [sender.quote(1), ...lies, sender.quotes(6, 7)], 7)
    expect(numbers).toEqual([1, 6, 7])
    expect(stats).toMatchObject({ skippedBytes: 4 * 64, missing: 4 })
  })

  it('gives a frame up that does not get whole', async () => {
    const sender = new Sender('AAA')
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender })
      const promising = sender.raw(2, 'x'.repeat(5_000))
      await client.write(Buffer.concat([sender.quote(1), promising.subarray(0, 100)]))
      // Once it was given up, what comes is looked at for itself.
      await until(() => notes.malformed.length > 0, 'the frame was given up')
      await client.write(sender.quote(3))
      await client.gone
    })
    const notes = noted(hub.url)
    await using feed = notes.feed
    await feed.open()
    await until(() => notes.numbers.includes(3), 'the next frame has come')
    expect(notes.story).toEqual(['t 1', 't 2…2 lost lost', 't 3'])
    expect(feed.stats().malformedBy.truncated).toBe(1)
    expect(hub.failures).toEqual([])
  })

  it('counts what is intact and still of no use, and goes on', async () => {
    const sender = new Sender('AAA')
    const withHeader = (frame: Buffer, change: (frame: Buffer) => void): Buffer => {
      change(frame)
      frame.writeUInt32LE(crc32c(Buffer.concat([frame.subarray(0, 12), frame.subarray(16)])), 12)
      return frame
    }
    const pieces = [
      sender.quote(1),
      withHeader(sender.quote(2), (f) => f.set([Flag.compressed], 5)), // cannot be read
      withHeader(sender.quote(3), (f) => f.set([31], 33)), // a field beyond the end
      withHeader(sender.quote(4), (f) => f.writeUInt32LE(77, 34)), // a symbol that was never defined
      sender.quote(1, { source: 9 }), // a topic that was never defined
      withHeader(sender.quote(5), (f) => f.set([30], 4)), // of no type that is known
      sender.quote(6),
    ]
    const { numbers, stats } = await receive(sender, pieces, 6)
    expect(numbers).toEqual([1, 6])
    expect(stats.malformedBy).toMatchObject({ unsupported: 1, unknownSymbol: 2 })
    expect(stats.malformedBy.syntax + stats.malformedBy.wrongType).toBe(1)
    expect(stats).toMatchObject({ malformed: 4, ignored: 1, skippedBytes: expect.any(Number) })
  })
})

describe('sequence numbers', () => {
  it('that jump are told of with the exact range, per topic, between the rows', async () => {
    const sender = new Sender('AAA')
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender, last: { t: 0, u: 41 } })
      await client.write(
        Buffer.concat([
          sender.quotes(1, 3),
          sender.quote(42, { source: 2 }),
          sender.quote(8),
          sender.quote(50, { source: 2 }),
          sender.quote(9),
          say.heartbeat([1, 12], [2, 50]),
        ]),
      )
      await client.gone
    })
    const notes = noted(hub.url, { topics: ['t', 'u'] })
    await using feed = notes.feed
    await feed.open()
    await until(() => notes.gaps.length === 3, 'three gaps were found')
    expect(notes.story).toEqual([
      't 1',
      't 2',
      't 3',
      'u 42',
      't 4…7 lost lost',
      't 8',
      'u 43…49 lost lost',
      'u 50',
      't 9',
      't 10…12 lost lost', // by the heartbeat: nothing came after them
    ])
    expect(notes.gaps.map(({ lost }) => lost)).toEqual([4, 7, 3])
    expect(feed.stats()).toMatchObject({ gaps: 3, missing: 14, heartbeats: 1 })
  })

  it('that came before are dropped and counted; snapshots stand beside them', async () => {
    const sender = new Sender('AAA')
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender, last: { t: 4 } })
      await client.write(
        Buffer.concat([
          sender.quote(4, { flags: Flag.snapshot }),
          sender.quotes(5, 7),
          sender.quotes(6, 8),
          sender.quote(5, { flags: Flag.resent }),
          sender.quote(20, { flags: Flag.snapshot }),
          sender.quote(19),
          sender.quote(21),
        ]),
      )
      await client.gone
    })
    const notes = noted(hub.url)
    await using feed = notes.feed
    await feed.open()
    await until(() => notes.numbers.at(-1) === 21, 'the last quote has come')
    expect(notes.story).toEqual(['t 4 snapshot', 't 5', 't 6', 't 7', 't 8', 't 20 snapshot', 't 21'])
    expect(feed.stats()).toMatchObject({ duplicates: 4, gaps: 0 })
  })

  it('left out on purpose are no loss; those the hub had no time for are', async () => {
    const sender = new Sender('AAA')
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender })
      await client.write(
        Buffer.concat([
          sender.quote(1),
          sender.quote(5, { flags: Flag.conflated }),
          say.skipped(2, [1, 6, 7]),
          say.skipped(1, [1, 8, 10]),
          sender.quote(11),
        ]),
      )
      await client.gone
    })
    const notes = noted(hub.url)
    await using feed = notes.feed
    await feed.open()
    await until(() => notes.numbers.at(-1) === 11, 'the last quote has come')
    expect(notes.story).toEqual(['t 1', 't 5', 't 8…10 slow lost', 't 11'])
    expect(feed.stats()).toMatchObject({ leftOut: 5, missing: 3 })
  })
})

describe('subscriptions', () => {
  it('are made, changed and refused while the connection stands, and made again on the next', async () => {
    const sender = new Sender('AAA')
    const heard: (readonly [string, ...unknown[]])[] = []
    await using hub = await startWireHub(async (client, n) => {
      const { subscribe } = await client.greet({ sender, last: n === 0 ? { t: 0 } : { t: 1, u: 5 } })
      heard.push([`hello ${n}`, subscribe.topics, subscribe.keys])
      await client.write(sender.quote(n + 1))
      if (n > 0) return void (await client.gone)
      const more = asked(await client.expect(WireType.subscribe))
      heard.push(['subscribe', more.topics, more.keys, more.options])
      await client.write(
        Buffer.concat([
          say.topics([[2, 5, 'u']], more.request),
          say.error(4, 'never heard of it', more.request),
          sender.quote(9, { source: 2 }), // filtered: numbers have holes
        ]),
      )
      const less = asked(await client.expect(WireType.unsubscribe))
      heard.push(['unsubscribe', less.topics])
      client.reset()
    })
    const notes = noted(hub.url)
    await using feed = notes.feed
    const refused: unknown[] = []
    feed.on('refused', ({ why, message, topics }) => refused.push([why, message, topics]))
    await feed.open()
    feed.subscribe(['u', 'nowhere'], { filter: { keys: ['AAA', 'BBB'] }, snapshot: false })
    await until(() => refused.length === 1, 'one topic was refused')
    expect(refused).toEqual([['unknownTopic', 'never heard of it', ['u', 'nowhere']]])
    expect(feed.topics).toEqual(['t', 'u', 'nowhere'])
    feed.unsubscribe(['nowhere', 't'])
    feed.subscribe(['t'])
    await until(() => notes.numbers.includes(2), 'the second connection has carried data')
    await within(feed.close(), 'the end')
    expect(heard.slice(0, 3)).toEqual([
      ['hello 0', ['t'], []],
      ['subscribe', ['u', 'nowhere'], ['AAA', 'BBB'], 1],
      ['unsubscribe', ['nowhere', 't']],
    ])
    expect(heard[3]?.[0]).toBe('hello 1')
    expect(notes.story).toContain('u 9')
    expect(hub.failures).toEqual([])
  })
})
