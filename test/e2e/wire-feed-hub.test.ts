/** Both ends of the wire format together: a `Hub` and feeds, with what happens on the way in between. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Hub, Quote, WireFeed, wire } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { localhostCertificates } from '../peers/certificates.ts'
import { startRelay } from '../peers/relay.ts'
import { until, within } from './waiting.ts'
import { counted, noted } from './wire-notes.ts'

type HubOptions = Parameters<typeof Hub.listen>[0]

/** What these tests publish says its own number, so that a row can be held to it. */
const numbered = (n: number) => Quote.message({ symbol: 'AAA', bid: n, ask: n + 1, bidSize: '1.5', askSize: 2 })

const listen = (options: Partial<HubOptions> = {}): Promise<Hub> =>
  Hub.listen({ tcp: 'tcp://127.0.0.1:0', retain: 'none', ...options })

const portOf = (hub: Hub): number => hub.address()[0]?.port ?? 0
const urlOf = (port: number): string => `tcp://127.0.0.1:${port}`

/** One more subscriber of the wire format: without any there is nothing that a hub would retain frames for. */
async function another(hub: Hub): Promise<AsyncDisposable> {
  const { feed } = noted(urlOf(portOf(hub)))
  await feed.open()
  await until(() => hub.stats().subscribers > 0, 'it is there')
  return feed
}

/** Publishes the numbers, waiting when the hub says so. */
async function publish(hub: Hub, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) {
    while (!hub.publish('t', numbered(n))) await sleep(1)
  }
}

describe('a hub and wire feeds', () => {
  it('one publishes, all get the same typed rows in order', async () => {
    await using hub = await listen({ name: 'floor' })
    const all = [noted(urlOf(portOf(hub))), noted(urlOf(portOf(hub)), { loop: 'inline' })]
    const infos = await Promise.all(all.map(({ feed }) => feed.open()))
    for (const info of infos) expect(info).toMatchObject({ hub: 'floor', resumed: false, heartbeatMs: 1_000 })
    await until(() => hub.stats().subscribers === 2, 'both are there')
    let subscribed = 0
    for (const { feed } of all) feed.on('subscribed', () => subscribed++)
    await publish(hub, 1, 1)
    await until(() => all.every(({ numbers }) => numbers.length === 1), 'both have the first')
    await publish(hub, 2, 5_000)
    await until(() => all.every(({ numbers }) => numbers.at(-1) === 5_000), 'both have the last')
    for (const { numbers, feed } of all) {
      expect(numbers).toEqual(counted(1, 5_000))
      expect(feed.stats()).toMatchObject({ gaps: 0, duplicates: 0, malformed: 0 })
      await within(feed.close(), 'the end')
    }
  })

  it('late joiners get what is retained, exactly, and then what follows', async () => {
    await using hub = await listen({ retain: 'last' })
    const quote = (symbol: string, bid: string) => Quote.message({ symbol, bid, ask: '99.00' })
    for (const bid of ['1.10', '1.20']) for (const symbol of ['AAA', 'BBB']) hub.publish('t', quote(symbol, bid))
    const decode = wire.rows([Quote.select({ symbol: 'symbol', bid: wire.decimal('bid'), snapshot: 'snapshot' })])
    await using feed = new WireFeed({ url: urlOf(portOf(hub)), topics: ['t'], decode })
    const seen: string[] = []
    feed.on('rows', (rows) => {
      for (const { symbol, bid, snapshot } of rows) seen.push(`${symbol} ${bid}${snapshot ? ' snapshot' : ''}`)
    })
    await feed.open()
    await until(() => seen.length === 2, 'what is retained has come')
    hub.publish('t', quote('BBB', '1.300'))
    await until(() => seen.length === 3, 'the next has come')
    expect(seen.slice(0, 2).sort()).toEqual(['AAA 1.20 snapshot', 'BBB 1.20 snapshot'])
    expect(seen[2]).toBe('BBB 1.300')
    expect(feed.stats()).toMatchObject({ gaps: 0, malformed: 0 })
  })

  it.each(['late', 'ordered'] as const)('what was damaged on the way comes again (%s)', async (recover) => {
    await using hub = await listen()
    await using relay = await startRelay(portOf(hub))
    let damaged = 0
    relay.tamper = (bytes) => {
      // Of every stretch of quotes one byte: never of those that are sent again, which bear the flag.
      for (let at = 0; at + 64 <= bytes.length; at += 64) {
        const isQuote = bytes.readUIntBE(at, 3) === 0x545701 && bytes[at + 4] === 1 && bytes[at + 5] === 0
        if (!isQuote) break
        const n = Number(bytes.readBigUInt64LE(at + 16))
        if (n % 97 === 0) {
          bytes[at + 40] = (bytes[at + 40] as number) ^ 0x40
          damaged++
        }
      }
      return bytes
    }
    const notes = noted(urlOf(relay.port), { recover })
    await using feed = notes.feed
    await feed.open()
    for (let n = 1; n <= 2_000; n += 50) {
      await publish(hub, n, n + 49)
      await sleep(2)
    }
    await until(() => new Set(notes.numbers).size === 2_000, 'everything has come')
    expect(damaged).toBeGreaterThan(0)
    expect(notes.numbers).toHaveLength(2_000)
    if (recover === 'ordered') expect(notes.numbers).toEqual(counted(1, 2_000))
    expect(feed.stats()).toMatchObject({ missing: damaged, recovered: damaged })
    expect(feed.stats().malformedBy.checksum).toBe(damaged)
  })

  it('what was published while the connection was cut comes from the window of the hub', async () => {
    await using hub = await listen()
    await using _ = await another(hub)
    await using relay = await startRelay(portOf(hub))
    const notes = noted(urlOf(relay.port), { recover: 'ordered' })
    await using feed = notes.feed
    await feed.open()
    await publish(hub, 1, 100)
    await until(() => notes.numbers.length === 100, 'the first hundred have come')
    relay.cut()
    await until(() => feed.state !== 'connected', 'the cut was seen')
    await publish(hub, 101, 300)
    relay.cut(false)
    await until(() => feed.state === 'connected', 'the feed is back')
    await publish(hub, 301, 400)
    await until(() => notes.numbers.at(-1) === 400, 'the last has come')
    expect(notes.numbers).toEqual(counted(1, 400))
    expect(feed.connection).toMatchObject({ resumed: true })
    expect(notes.gaps.every(({ cause }) => cause === 'away')).toBe(true)
    expect(feed.stats()).toMatchObject({ missing: 200, recovered: 200, duplicates: 0 })
  })

  it('what the window has no more is refused, with its exact range', async () => {
    await using hub = await listen({ ring: { bytes: 65_536, messages: 1_024 } })
    await using _ = await another(hub)
    await using relay = await startRelay(portOf(hub))
    const notes = noted(urlOf(relay.port), { recover: { order: 'ordered', wait: 5_000 } })
    await using feed = notes.feed
    await feed.open()
    await publish(hub, 1, 10)
    await until(() => notes.numbers.length === 10, 'the first ten have come')
    relay.cut()
    await until(() => feed.state !== 'connected', 'the cut was seen')
    await publish(hub, 11, 5_000)
    relay.cut(false)
    await until(() => feed.state === 'connected', 'the feed is back')
    await publish(hub, 5_001, 5_002)
    await until(() => notes.numbers.at(-1) === 5_002, 'the last has come')
    const { missing, recovered } = feed.stats()
    expect(missing).toBe(4_990)
    const refused = notes.gaps.filter(({ fate }) => fate === 'refused')
    expect(refused[0]).toMatchObject({ topic: 't', from: 11n, cause: 'away' })
    expect(refused.reduce((sum, { lost }) => sum + lost, 0) + recovered).toBe(4_990)
    expect(recovered).toBeGreaterThan(0)
    expect(notes.numbers).toEqual([...counted(1, 10), ...counted(5_003 - (recovered + 2), 5_002)])
  })

  it('a hub that is started again is followed, and numbers start over', async () => {
    const first = await listen()
    const port = portOf(first)
    const notes = noted(urlOf(port), { recover: 'late' })
    await using feed = notes.feed
    const { epoch } = await feed.open()
    await publish(first, 1, 20)
    await until(() => notes.numbers.length === 20, 'the first hub was heard')
    await first.close()
    await until(() => notes.states.some(({ from }) => from === 'connected'), 'the end was seen')
    expect(notes.states.find(({ from }) => from === 'connected')).toMatchObject({ reason: 'ERR_WIRE_SHUTTING_DOWN' })
    await using second = await listen({ tcp: urlOf(port) })
    await until(() => feed.state === 'connected', 'the feed is back')
    await until(() => second.stats().subscribers === 1, 'the feed has subscribed')
    expect(feed.connection?.epoch).not.toBe(epoch)
    await publish(second, 1, 5)
    await until(() => notes.numbers.length === 25, 'the second hub was heard')
    expect(notes.numbers.slice(20)).toEqual(counted(1, 5))
    expect(feed.stats().duplicates).toBe(0)
  })

  it('one that does not read is told exactly what it missed, or what was left out', async () => {
    await using hub = await listen({
      ring: { bytes: 1 << 20, messages: 65_536 },
      // biome-ignore lint/suspicious/noThenProperty: the option is called so
      slow: { pendingBytes: 65_536, then: 'skip' },
    })
    const notes = noted(urlOf(portOf(hub)), {
      overflow: 'block',
      queue: { bytes: 65_536 },
      recvBuffer: 65_536,
      socket: { recvBuffer: 16_384 },
    })
    await using feed = notes.feed
    await feed.open()
    await publish(hub, 1, 1)
    await until(() => notes.numbers.length === 1, 'the first has come')
    const end = performance.now() + 400
    let n = 1
    // This thread is the reader too: it takes nothing meanwhile.
    while (performance.now() < end) if (hub.publish('t', numbered(n + 1))) n++
    await until(() => notes.numbers.length + feed.stats().missing === n, 'everything is accounted for')
    const { missing, malformed, duplicates } = feed.stats()
    expect({ malformed, duplicates }).toEqual({ malformed: 0, duplicates: 0 })
    expect(missing).toBeGreaterThan(0)
    expect(notes.gaps.every(({ cause, fate }) => cause === 'slow' && fate === 'lost')).toBe(true)
  })

  it('over TLS, with a token', async () => {
    const { authority, server } = localhostCertificates()
    await using hub = await listen({
      tcp: 'tls://127.0.0.1:0',
      tls: { cert: server.cert, key: server.key },
      authorize: ({ token }) => token === 'secret',
    })
    const url = `tls://localhost:${portOf(hub)}`
    const notes = noted(url, { tls: { ca: authority.cert }, token: 'secret' })
    await using feed = notes.feed
    await feed.open()
    await publish(hub, 1, 200)
    await until(() => notes.numbers.at(-1) === 200, 'the last has come')
    const stranger = noted(url, { tls: { ca: authority.cert }, token: 'guess' })
    stranger.feed.open().catch(() => {})
    await until(() => stranger.states.some(({ reason }) => reason === 'ERR_WIRE_UNAUTHORIZED'), 'it was refused')
    await within(stranger.feed.close(), 'the end')
    expect(stranger.numbers).toEqual([])
  })
})
