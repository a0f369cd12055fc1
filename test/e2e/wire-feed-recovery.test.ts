import { describe, expect, it } from 'vitest'
import { WireType } from '../peers/wire-frames.ts'
import { type Asked, asked, Flag, Sender, say, startWireHub } from '../peers/wire-hub.ts'
import { until } from './waiting.ts'
import { counted, noted } from './wire-notes.ts'

describe('a wire feed that asks for what did not come', () => {
  it("'late': delivers it behind younger messages, and tells how it went", async () => {
    const sender = new Sender('AAA')
    const resends: Asked[] = []
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender })
      await client.write(Buffer.concat([sender.quotes(1, 2), sender.quotes(6, 7)]))
      const resend = asked(await client.expect(WireType.resend))
      resends.push(resend)
      await client.write(
        Buffer.concat([
          sender.quote(8),
          say.resendRefused(resend.request, [1, 3, 3], 4),
          sender.quotes(4, 5, { flags: Flag.resent }),
          sender.quote(9),
        ]),
      )
      await client.gone
    })
    const notes = noted(hub.url, { recover: 'late' })
    await using feed = notes.feed
    await feed.open()
    await until(() => notes.numbers.includes(9), 'the last quote has come')
    expect(resends).toMatchObject([{ ranges: [[1, 3, 5]] }])
    expect(notes.story).toEqual([
      't 1',
      't 2',
      't 3…5 lost requested',
      't 6',
      't 7',
      't 8',
      't 3…3 lost refused',
      't 4 resent',
      't 5 resent',
      't 4…5 lost recovered',
      't 9',
    ])
    expect(feed.stats()).toMatchObject({ gaps: 1, missing: 3, recovered: 2, duplicates: 0 })
    expect(hub.failures).toEqual([])
  })

  it("'ordered': keeps younger messages of the topic back, and only those", async () => {
    const sender = new Sender('AAA')
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender, last: { t: 0, u: 0 } })
      await client.write(Buffer.concat([sender.quote(1), sender.quotes(4, 5), sender.quote(1, { source: 2 })]))
      const resend = asked(await client.expect(WireType.resend))
      await client.write(Buffer.concat([sender.quote(6), sender.quotes(2, 3, { flags: Flag.resent }), sender.quote(7)]))
      expect(resend.ranges).toEqual([[1, 2, 3]])
      await client.gone
    })
    const notes = noted(hub.url, { topics: ['t', 'u'], recover: 'ordered' })
    await using feed = notes.feed
    await feed.open()
    await until(() => notes.numbers.includes(7), 'the last quote has come')
    expect(notes.story).toEqual([
      't 1',
      't 2…3 lost requested',
      'u 1',
      't 2 resent',
      't 3 resent',
      't 2…3 lost recovered',
      't 4',
      't 5',
      't 6',
      't 7',
    ])
    expect(hub.failures).toEqual([])
  })

  it("'ordered': does not wait longer than `wait`, nor for more than `holdBytes`", async () => {
    const sender = new Sender('AAA')
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender })
      await client.write(Buffer.concat([sender.quote(1), sender.quote(3)]))
      await client.expect(WireType.resend) // and no answer
      await until(() => notes.numbers.includes(3), 'the wait was over')
      await client.write(Buffer.concat([sender.quotes(5, 300)]))
      await client.gone
    })
    const notes = noted(hub.url, { recover: { order: 'ordered', wait: 150, holdBytes: 16_384 } })
    await using feed = notes.feed
    await feed.open()
    await until(() => notes.numbers.includes(300), 'the last quote has come')
    expect(notes.numbers).toEqual([1, 3, ...counted(5, 300)])
    expect(notes.story.filter((line) => line.includes('…'))).toEqual([
      't 2…2 lost requested',
      't 2…2 lost expired',
      't 4…4 lost requested',
      't 4…4 lost expired',
    ])
    // Waited for the first, and not for the second: the limit was hit at once.
    const [first, expired, second, full] = notes.gaps.map(({ timeNs }) => timeNs) as [number, number, number, number]
    expect((expired - first) / 1e6).toBeGreaterThanOrEqual(140)
    expect((full - second) / 1e6).toBeLessThan(140)
    expect(hub.failures).toEqual([])
  })

  it('loses nothing over a connection that breaks, when the hub still has it', async () => {
    const sender = new Sender('AAA')
    await using hub = await startWireHub([
      async (client) => {
        await client.greet({ sender })
        await client.write(sender.quotes(1, 5))
        await until(() => notes.numbers.length === 5, 'the first five have come')
        client.reset()
      },
      async (client) => {
        const { hello } = await client.greet({ sender, last: { t: 9 } })
        const [, epoch] = hello.fields.find(([tag]) => tag === 4) ?? []
        expect(epoch?.readBigUInt64LE()).toBe(1n)
        await client.write(sender.quote(10))
        const { ranges } = asked(await client.expect(WireType.resend))
        expect(ranges).toEqual([[1, 6, 9]])
        await client.write(sender.quotes(6, 9, { flags: Flag.resent }))
        await client.gone
      },
    ])
    const notes = noted(hub.url, { recover: 'ordered' })
    await using feed = notes.feed
    await feed.open()
    await until(() => notes.numbers.includes(10), 'the tenth has come')
    expect(notes.numbers).toEqual(counted(1, 10))
    expect(notes.gaps).toMatchObject([
      { from: 6n, to: 9n, lost: 4, cause: 'away', fate: 'requested' },
      { from: 6n, to: 9n, cause: 'away', fate: 'recovered' },
    ])
    expect(feed.connection).toMatchObject({ resumed: true })
    expect(hub.failures).toEqual([])
  })

  it('starts over with a hub that was started again: no gap, and no duplicate', async () => {
    const sender = new Sender('AAA')
    await using hub = await startWireHub([
      async (client) => {
        await client.greet({ sender, epoch: 7n })
        await client.write(Buffer.concat([sender.quotes(1, 5), sender.quote(9)]))
        await client.expect(WireType.resend)
        client.reset()
      },
      async (client) => {
        await client.greet({ sender, epoch: 8n })
        await client.write(sender.quotes(1, 3))
        await client.gone
      },
    ])
    const notes = noted(hub.url, { recover: 'late' })
    await using feed = notes.feed
    await feed.open()
    await until(() => notes.numbers.length === 9, 'the new hub has been heard')
    expect(notes.numbers).toEqual([1, 2, 3, 4, 5, 9, 1, 2, 3])
    expect(notes.story.filter((line) => line.includes('…'))).toEqual(['t 6…8 lost requested', 't 6…8 lost expired'])
    expect(feed.connection).toMatchObject({ epoch: 8n, resumed: false })
    expect(feed.stats().duplicates).toBe(0)
    expect(hub.failures).toEqual([])
  })

  it('asks for at most 256 ranges at a time: the others are lost, and said to be', async () => {
    const sender = new Sender('AAA')
    const topics = Array.from({ length: 10 }, (_, i) => `t${i}`)
    const requested: (readonly number[])[] = []
    await using hub = await startWireHub(async (client) => {
      await client.greet({ sender, last: Object.fromEntries(topics.map((name) => [name, 0])) })
      // 40 gaps of one number on each of ten topics.
      await client.write(
        Buffer.concat(counted(1, 40).flatMap((i) => topics.map((_, t) => sender.quote(2 * i, { source: t + 1 })))),
      )
      while (requested.length < 256) requested.push(...asked(await client.expect(WireType.resend)).ranges)
      await client.gone
    })
    const notes = noted(hub.url, { topics, recover: { order: 'late', wait: 60_000 } })
    await using feed = notes.feed
    await feed.open()
    await until(() => notes.gaps.length === 400 && requested.length >= 256, 'all gaps were found')
    expect(notes.gaps.filter(({ fate }) => fate === 'requested')).toHaveLength(256)
    expect(notes.gaps.filter(({ fate }) => fate === 'lost')).toHaveLength(144)
    expect(requested).toHaveLength(256)
    expect(hub.failures).toEqual([])
  })
})
