/** The mock venue when it does not want anybody: bans, maintenance, messages that reach nobody; and what becomes of this package's clients then. */
import { Feed, json } from 'tickwire'
import { afterEach, describe, expect, it } from 'vitest'
import type { PlayedMessage } from '../../dist/esm/mock/index.js'
import { binance } from '../../dist/esm/venue/binance/index.js'
import { until } from '../e2e/waiting.ts'
import { cleanUp, onCleanUp } from '../rest/venue-server.ts'
import { binanceRecords, krakenRecords } from './recorded.ts'
import { apiKey, connect, mockVenue, secret } from './venue.ts'

afterEach(cleanUp)

const records = [...binanceRecords({ symbols: ['BTCUSDT'], updates: 40, everyMs: 100 })]
const depth = 'btcusdt@depth@100ms'
const start = (options: object = {}) => mockVenue({ venue: 'binance', capture: records, begin: 'manual', ...options })

async function ask(
  origin: string,
  path: string,
): Promise<{ readonly status: number; readonly retryAfter: string | null }> {
  const answer = await fetch(`${origin}${path}`)
  await answer.arrayBuffer()
  return { status: answer.status, retryAfter: answer.headers.get('retry-after') }
}

describe('bans', () => {
  it('turn requests and sockets away, say for how long, and count who comes all the same', async () => {
    const venue = await start()
    const before = await connect(`${venue.urls['stream']}/ws/${depth}`)
    venue.ban(1_500)
    expect(await ask(venue.origin, '/api/v3/time')).toEqual({ status: 418, retryAfter: '2' })
    await expect(connect(`${venue.urls['stream']}/ws`)).rejects.toThrow('418')
    expect(venue.stats()).toMatchObject({ turnedAway: 2, refused: 1 })
    venue.play()
    await before.next(({ e }) => e === 'depthUpdate')
  })

  it('last until the latest end of several; the last one says why', async () => {
    const venue = await start()
    const from = performance.now()
    venue.ban(900)
    venue.maintenance(150)
    expect((await ask(venue.origin, '/api/v3/time')).status).toBe(503)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await ask(venue.origin, '/api/v3/time')).toEqual({ status: 418, retryAfter: '1' })
    while ((await ask(venue.origin, '/api/v3/time')).status !== 200)
      await new Promise((resolve) => setTimeout(resolve, 5))
    expect(performance.now() - from).toBeGreaterThan(890)
  })

  it('come at Binance to who goes on after 429, and are twice as long the next time', async () => {
    const venue = await start({ weightPerMinute: 60, banMs: 60_000, timeScale: 200 })
    const lengths: number[] = []
    for (let round = 0; round < 2; round++) {
      let asked = 0
      while ((await ask(venue.origin, '/api/v3/depth?symbol=BTCUSDT&limit=5000')).status === 429) asked++
      expect(asked).toBe(21)
      const from = performance.now()
      const late = async (): Promise<boolean> => (await ask(venue.origin, '/api/v3/time')).status === 200
      while (!(await late())) await new Promise((resolve) => setTimeout(resolve, 5))
      lengths.push(performance.now() - from)
    }
    const [first = 0, second = 0] = lengths
    // 60 s at 200 times the speed, less what the last refusal took.
    expect(first).toBeGreaterThan(150)
    expect(second).toBeGreaterThan(450)
  })

  it('are kept by feeds: after a refusal none of the same limit knocks before the time is over', async () => {
    const venue = await start()
    venue.ban(900)
    const opened: number[] = []
    const from = performance.now()
    const feeds = ['a', 'b', 'c'].map(
      () =>
        new Feed({
          url: `${venue.urls['stream']}/ws/${depth}`,
          decode: json({ id: json.int64('/u') }),
          connectLimit: { name: `ban ${venue.origin}`, count: 100, perMs: 1_000 },
        }),
    )
    for (const feed of feeds) feed.on('open', () => opened.push(performance.now() - from))
    await Promise.all(feeds.map((feed) => feed.open()))
    // Those that were on their way when the first was refused, and no other.
    expect(venue.stats().turnedAway).toBeLessThanOrEqual(3)
    expect(Math.min(...opened)).toBeGreaterThan(990)
    await Promise.all(feeds.map((feed) => feed.close()))
  })
})

describe('maintenance', () => {
  it('begins by itself at its time of the tape, and nothing happens meanwhile', async () => {
    const played: PlayedMessage[] = []
    const venue = await start({
      timeScale: 10,
      speed: 10,
      maintenance: [{ atMs: 2_000, ms: 5_000 }],
      onPlayed: (message: PlayedMessage) => played.push(message),
    })
    const client = await connect(`${venue.urls['stream']}/ws/${depth}`)
    venue.play()
    await until(() => client.closes.length === 1, 'it is cut')
    expect(client.closes).toEqual([1012])
    const { length } = played
    expect(await ask(venue.origin, '/api/v3/time')).toEqual({ status: 503, retryAfter: null })
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(played.length).toBe(length)
    await venue.finished
    expect((await ask(venue.origin, '/api/v3/time')).status).toBe(200)
    const mine = played.filter(({ topic }) => topic === depth)
    expect([mine[0]?.sockets, mine.at(-1)?.sockets]).toEqual([1, 0])
    expect(played.length).toBe(venue.stats().recorded)
  })

  it('Kraken says so, and keeps its sockets when it is told to', async () => {
    const venue = await mockVenue({ venue: 'kraken', capture: [...krakenRecords()], begin: 'manual' })
    const client = await connect(venue.urls['auth'] as string)
    venue.maintenance(100, { sockets: 'kept' })
    const systems = (): unknown[] =>
      client.received.flatMap(({ channel, data }) =>
        channel === 'status' ? (data as { system: unknown }[]).map(({ system }) => system) : [],
      )
    await until(() => systems().length === 3, 'it is back')
    expect(systems()).toEqual(['online', 'maintenance', 'online'])
    expect(client.closes).toEqual([])
  })
})

describe('maintenance with sockets that are kept', () => {
  it('trades nothing, hears nothing and says nothing before it is over', async () => {
    const venue = await start()
    const symbol = 'BTCUSDT'
    const desk = binance.trading({ key: apiKey, secret, endpoints: [venue.origin] })
    onCleanUp(() => desk.close({ force: true }))
    venue.setLevels(symbol, { bids: [['20000.00', '1']], asks: [['1000000.00', '1']] })
    await desk.place({ symbol, side: 'buy', type: 'limit', price: '30000', size: '0.5' })
    const stream = await connect(`${venue.urls['stream']}/ws/btcusdt@bookTicker`)
    const session = await connect(venue.urls['wsApi'] as string)
    venue.maintenance(400, { sockets: 'kept' })
    const from = performance.now()
    venue.setLevels(symbol, { asks: [['29000.00', '5']] })
    session.send({ id: 'meanwhile', method: 'time' })
    await new Promise((resolve) => setTimeout(resolve, 200))
    if (performance.now() - from < 390)
      expect([venue.account(apiKey).openOrders, stream.received.length, session.received.length]).toEqual([1, 0, 0])
    await until(() => venue.account(apiKey).openOrders === 0, 'it is filled when the venue is back')
    expect(performance.now() - from).toBeGreaterThan(390)
    await stream.next(({ a }) => Number(a) === 29_000)
    session.send({ id: 'later', method: 'time' })
    await session.next(({ id }) => id === 'later')
    expect(session.received.map(({ id }) => id)).toEqual(['later'])
    expect([...stream.closes, ...session.closes]).toEqual([])
  })
})

describe('messages that are lost', () => {
  it('reach nobody, and only as many of only this topic', async () => {
    const venue = await start({ speed: 'max' })
    const clients = await Promise.all([1, 2].map(() => connect(`${venue.urls['stream']}/ws/${depth}`)))
    venue.lose(depth, 2)
    venue.play()
    await venue.finished
    for (const { received } of clients) {
      await until(() => received.length === 38, 'the others come')
      const recorded = records
        .filter(({ type }) => type === 'received')
        .map((record) => JSON.parse(String(Buffer.from((record as { data: Uint8Array }).data))))
        .filter(({ stream }) => stream === depth)
      expect(received[0]).toEqual(recorded[2].data)
    }
    expect(venue.stats()).toMatchObject({ lost: 2 })
  })

  it('sockets are cut and told by their numbers', async () => {
    const venue = await start()
    const [first, second] = await Promise.all([1, 2].map(() => connect(`${venue.urls['stream']}/ws`)))
    expect(venue.sockets).toEqual([0, 1])
    venue.serverShutdown(10, [0])
    await until(() => first?.closes.length === 1 || second?.closes.length === 1, 'one is cut')
    expect(venue.sockets).toEqual([1])
    const told = [first, second].map((client) => client?.received.some(({ e }) => e === 'serverShutdown'))
    expect(told.sort()).toEqual([false, true])
  })
})

it('REST of this package waits for the end of a ban by itself', async () => {
  const venue = await start()
  const rest = binance.rest({ endpoints: [venue.origin] })
  venue.ban(700)
  const from = performance.now()
  expect((await rest.get('/api/v3/time', { auth: false, deadline: 10_000 })).status).toBe(200)
  expect(performance.now() - from).toBeGreaterThan(690)
  // The request, and the look at the venue's clock that went with it.
  expect(venue.stats().turnedAway).toBeLessThanOrEqual(2)
  await rest.close({ force: true })
})
