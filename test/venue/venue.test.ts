import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { formatCapture, readCapture } from '../../examples/venue/capture.ts'
import { monoNs, writeStamp } from '../../examples/venue/clock.ts'
import { buildCycle, cycleTexts, type WorkloadName, workloads } from '../../examples/venue/cycle.ts'
import { agreeDeflate, deflateMessages } from '../../examples/venue/deflate.ts'
import { fixed } from '../../examples/venue/market.ts'
import { stampBase } from '../../examples/venue/messages.ts'
import { Random } from '../../examples/venue/random.ts'
import { Simulator } from '../../examples/venue/simulator.ts'
import { startVenue } from '../../examples/venue/start.ts'

interface Parsed {
  e: string
  s: string
  T: number
  b: string
  a: string
  u: number
}

function collect(url: string, count: number, options: WebSocket.ClientOptions = {}): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false, ...options })
    const messages: string[] = []
    socket.on('error', reject)
    socket.on('message', (data) => {
      messages.push(String(data))
      if (messages.length < count) return
      socket.terminate()
      resolve(messages.slice(0, count))
    })
  })
}

describe('simulator', () => {
  it('plays the same market for the same seed, another for another', () => {
    const take = (seed: number): string[] => new Simulator({ seed }).take(500)
    expect(take(7)).toEqual(take(7))
    expect(take(7)).not.toEqual(take(8))
  })

  it('writes messages that make sense', () => {
    const seen = new Map<string, number>()
    let lastId = 0
    for (const text of new Simulator({ seed: 3 }).take(5000)) {
      const message = JSON.parse(text) as Parsed & { b: string | [string, string][]; a: string | [string, string][] }
      seen.set(message.e, (seen.get(message.e) ?? 0) + 1)
      if (message.e === 'bookTicker') expect(Number(message.b)).toBeLessThan(Number(message.a))
      if (message.e === 'bookTicker' && message.s === 'BTCUSDT') {
        expect(message.u).toBeGreaterThan(lastId)
        lastId = message.u
      }
      if (message.e === 'depthUpdate') expect([message.b.length, message.a.length]).toEqual([20, 20])
    }
    expect([...seen.keys()].sort()).toEqual(['aggTrade', 'bookTicker', 'depthUpdate', 'kline'])
  })

  it('writes book tickers of about 150 bytes', () => {
    const texts = cycleTexts({ workload: 'ticker', messages: 1000, seed: 1, stamped: false })
    const mean = texts.reduce((sum, text) => sum + text.length, 0) / texts.length
    expect(mean).toBeGreaterThan(140)
    expect(mean).toBeLessThan(170)
  })

  it.each([
    [1, 0, 0, '1'],
    [1, 2, 2, '0.01'],
    [12345, 2, 8, '123.45000000'],
    [7, 5, 8, '0.00007000'],
    [0, 3, 8, '0.00000000'],
  ])('fixed(%i, %i, %i) is %s', (units, decimals, textDecimals, text) => {
    expect(fixed(units, decimals, textDecimals)).toBe(text)
  })

  it('draws evenly', () => {
    const random = new Random(1)
    const hits = new Uint32Array(10)
    for (let i = 0; i < 100_000; i++) {
      const at = random.below(10)
      hits[at] = (hits[at] ?? 0) + 1
    }
    for (const count of hits) expect(Math.abs(count - 10_000)).toBeLessThan(500)
  })
})

describe('cycle', () => {
  it.each(Object.keys(workloads) as WorkloadName[])('%s: frames hold the texts', async (workload) => {
    const options = { workload, messages: 200, seed: 5, stamped: false } as const
    const texts = cycleTexts(options)
    const cycle = await buildCycle({ ...options, deflate: null })
    texts.forEach((text, i) => {
      expect(cycle.bytes.toString('utf8', cycle.starts[i], cycle.starts[i + 1]).endsWith(text)).toBe(true)
    })
    expect(cycle.starts[200]).toBe(cycle.bytes.length)
  })

  it('knows where the clock goes', async () => {
    const cycle = await buildCycle({ workload: 'ticker', messages: 50, seed: 1, stamped: true, deflate: null })
    for (let i = 0; i < 50; i++) {
      writeStamp(cycle.bytes, cycle.stamps[i] ?? 0)
      const text = cycle.bytes.toString('utf8', cycle.starts[i], cycle.starts[i + 1])
      const { T } = JSON.parse(text.slice(text.indexOf('{'))) as Parsed
      expect(Math.abs(T - stampBase - monoNs())).toBeLessThan(1e9)
    }
  })

  it.each([
    ['permessage-deflate', { takeover: true, windowBits: 15 }],
    ['permessage-deflate; client_max_window_bits', { takeover: true, windowBits: 15 }],
    ['permessage-deflate; server_no_context_takeover; server_max_window_bits=10', { takeover: false, windowBits: 10 }],
    ['x-other, permessage-deflate; server_max_window_bits="9"', { takeover: true, windowBits: 9 }],
    ['permessage-deflate; server_max_window_bits=8', null],
    [undefined, null],
  ])('agrees on %s', (offer, expected) => {
    expect(agreeDeflate(offer)?.agreement ?? null).toEqual(expected)
  })

  it('without takeover each message inflates alone', async () => {
    const texts = cycleTexts({ workload: 'ticker', messages: 20, seed: 1, stamped: false })
    const compressed = await deflateMessages(texts, { takeover: false, windowBits: 12 })
    const tail = Uint8Array.of(0, 0, 0xff, 0xff)
    expect(
      compressed.map((bytes) => inflateRawSync(Buffer.concat([bytes, tail]), { finishFlush: 2 }).toString()),
    ).toEqual(texts)
  })
})

describe('capture', () => {
  it('reads what it writes', async () => {
    const received = [
      { time: 1.5, text: '{"a":"1 <-> 2: 3"}' },
      { time: 2.25, text: 'x: y' },
    ]
    const capture = await captureOf(formatCapture('wss://x/y', 1, received))
    expect(capture.received).toEqual(received)
    expect(capture.connections).toEqual([{ url: 'wss://x/y', opened: 1 }])
  })

  it('reads the other kinds of lines, refuses the rest', async () => {
    const capture = await captureOf('wss://x <- 2.5: {"op":"subscribe"}\nhttps://x/depth?limit=5 -> 3: {"bids":[]}\n')
    expect(capture.sent).toEqual([{ time: 2.5, text: '{"op":"subscribe"}' }])
    expect(capture.answers).toEqual([{ url: 'https://x/depth?limit=5', time: 3, text: '{"bids":[]}' }])
    await expect(captureOf('1.5: {}\nnonsense')).rejects.toThrow(/line 2/)
  })

  it("reads the project's own", async () => {
    const { received } = await readCapture(
      new URL('../../examples/captures/SIMULATED.ws.1.0', import.meta.url).pathname,
    )
    expect(received).toHaveLength(500)
    for (const { text } of received) expect(JSON.parse(text)).toHaveProperty('stream')
  })
})

/** Reads what a file of this text holds. */
async function captureOf(text: string): Promise<Awaited<ReturnType<typeof readCapture>>> {
  const directory = await mkdtemp(join(tmpdir(), 'tickwire-venue-'))
  try {
    const path = join(directory, 'capture')
    await writeFile(path, text)
    return await readCapture(path)
  } finally {
    await rm(directory, { recursive: true })
  }
}

describe('venue', { timeout: 20_000 }, () => {
  it('replays a cycle round and round, plain and compressed', async () => {
    await using venue = await startVenue({ deflate: true })
    const texts = cycleTexts({ workload: 'shapes', messages: 300, seed: 1, stamped: false })
    const url = `${venue.url}/replay?workload=shapes&cycle=300&messages=700`
    const expected = Array.from({ length: 700 }, (_, i) => texts[i % 300])
    expect(await collect(url, 700)).toEqual(expected)
    expect(await collect(url, 700, { perMessageDeflate: true })).toEqual(expected)
    expect(await collect(url, 700, { perMessageDeflate: { serverNoContextTakeover: true } })).toEqual(expected)
  })

  it('keeps a rate and stamps what it sends', async () => {
    await using venue = await startVenue()
    const began = performance.now()
    const messages = await collect(
      `${venue.url}/replay?workload=ticker&cycle=64&stamped&rate=1000&burst=10&messages=500`,
      500,
    )
    expect(performance.now() - began).toBeGreaterThan(450)
    const stamps = messages.map((text) => (JSON.parse(text) as Parsed).T - stampBase)
    for (let i = 1; i < stamps.length; i++) expect(stamps[i]).toBeGreaterThanOrEqual(stamps[i - 1] ?? 0)
    expect(Math.abs(monoNs() - (stamps.at(-1) ?? 0))).toBeLessThan(1e9)
  })

  it('gives everybody the same live stream', async () => {
    await using venue = await startVenue({ rate: 5000 })
    const [a, b] = await Promise.all([collect(`${venue.url}/stream`, 2000), collect(`${venue.url}/stream`, 2000)])
    const shared = a.filter((text) => b.includes(text))
    expect(shared.length).toBeGreaterThan(1000)
    expect(JSON.parse(a[0] ?? '')).toHaveProperty('data.s')
    expect(await venue.sent()).toBeGreaterThanOrEqual(2000)
  })

  it('refuses a replay of nothing it knows', async () => {
    await using venue = await startVenue()
    const socket = new WebSocket(`${venue.url}/replay?workload=weather`)
    const code = await new Promise((resolve) => socket.on('close', resolve))
    expect(code).toBe(1008)
  })
})
