/** A venue's market data as one object, against servers that act as the venue: limits, refusals, rollovers, paths. */
import fc from 'fast-check'
import { ConfigError, Loop } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { binance } from '../../dist/esm/venue/binance/index.js'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import type { MarketData, MarketDataError, MarketPathEvent, MarketRollover } from '../../dist/esm/venue/index.js'
import { until } from '../e2e/waiting.ts'
import { type MarketVenue, startMarketVenue } from '../peers/market-venue.ts'
import { startWsServer } from '../peers/ws-server.ts'

type Options = Parameters<typeof binance.marketData>[0]

/** Trades as they were handed over, by symbol, and what was told of them. */
function record(md: MarketData<never>) {
  const trades = new Map<string, number[]>()
  const gone = new Map<string, number[]>()
  const tickers = new Map<string, number[]>()
  const errors: MarketDataError[] = []
  const rollovers: MarketRollover[] = []
  const paths: MarketPathEvent[] = []
  const push = (map: Map<string, number[]>, symbol: string, id: number): void => {
    const list = map.get(symbol)
    if (list === undefined) map.set(symbol, [id])
    else list.push(id)
  }
  const data = md as unknown as ReturnType<typeof binance.marketData>
  data.on('trades', (rows) => {
    for (const { symbol, id } of rows) push(trades, symbol, Number(id))
  })
  data.on('ticker', (rows) => {
    for (const { symbol, updateId } of rows) push(tickers, symbol, Number(updateId))
  })
  data.on('gap', ({ symbol, from, to }) => {
    for (let n = from; n <= to; n++) push(gone, symbol, Number(n))
  })
  data.on('error', (error) => errors.push(error))
  data.on('rollover', (event) => rollovers.push(event))
  data.on('path', (event) => paths.push(event))
  const count = (map: Map<string, number[]>): number => [...map.values()].reduce((sum, list) => sum + list.length, 0)
  return { trades, gone, tickers, errors, rollovers, paths, count }
}

/** Every number of a symbol from the first that came, once, as a trade or in a gap. */
function expectComplete({ trades, gone }: ReturnType<typeof record>, venue: MarketVenue, symbols: readonly string[]) {
  for (const symbol of symbols) {
    const all = [...(trades.get(symbol) ?? []), ...(gone.get(symbol) ?? [])].sort((a, b) => a - b)
    const first = all[0] ?? 1
    const last = venue.last.get(symbol) ?? 0
    expect(all).toEqual(Array.from({ length: last - first + 1 }, (_, i) => first + i))
  }
}

async function start(options: Partial<Options> = {}) {
  const venue = await startMarketVenue()
  const loop = new Loop({ mode: 'park' })
  const symbols = options.symbols ?? ['BTCUSDT', 'ETHUSDT', 'LTCBTC']
  const md = binance.marketData({ url: venue.url, loop, overlapMs: 50, readyMs: 5_000, ...options, symbols })
  const seen = record(md as never)
  return {
    venue,
    md,
    seen,
    symbols,
    async [Symbol.asyncDispose]() {
      await md.close()
      await loop.close()
      await venue.close()
    },
  }
}

/** A stream of trades while something happens to the sockets. */
async function trading<T>({ venue, symbols }: { venue: MarketVenue; symbols: readonly string[] }, work: Promise<T>) {
  let done = false
  const result = work.finally(() => {
    done = true
  })
  result.catch(() => {})
  while (!done) {
    venue.tick(symbols, 3)
    await new Promise((resolve) => setTimeout(resolve, 4))
  }
  return result
}

describe('market data', () => {
  it('subscribes, hands over rows, and ends', async () => {
    await using rig = await start()
    const { venue, md, seen, symbols } = rig
    await md.open()
    expect(venue.connections.length).toBe(1)
    venue.tick(symbols, 100)
    await until(() => seen.count(seen.trades) === 300 && seen.count(seen.tickers) === 300, 'all rows have come')
    expectComplete(seen, venue, symbols)
    expect(md.stats()).toMatchObject({ symbols: 3, refused: 0, rollovers: 0, passed: 600, copies: 0 })
    expect(md.stats().sockets).toMatchObject([{ path: 0, state: 'connected', symbols: 3 }])
    await md.close()
    await until(() => venue.open.size === 0, 'the socket is closed')
    await expect(md.add(['X'])).rejects.toMatchObject({ code: 'ERR_MARKET_CLOSED' })
  })

  it('adds and removes symbols without disturbing others, also for connections that come later', async () => {
    await using rig = await start()
    const { venue, md, seen } = rig
    await md.open()
    await md.add(['BNBUSDT', 'BTCUSDT'])
    await md.remove(['LTCBTC'])
    const connection = venue.connections[0]
    const wanted = ['btcusdt', 'ethusdt', 'bnbusdt']
      .flatMap((name) => [`${name}@bookTicker`, `${name}@aggTrade`])
      .sort()
    await until(() => connection?.topics.size === 6 && !connection.topics.has('ltcbtc@aggTrade'), 'it is subscribed')
    expect([...(connection?.topics ?? [])].sort()).toEqual(wanted)
    expect(venue.connections.length).toBe(1)
    connection?.socket.terminate()
    await until(() => venue.connections.length === 2 && venue.connections[1]?.topics.size === 6, 'it is back')
    expect([...(venue.connections[1]?.topics ?? [])].sort()).toEqual(wanted)
    venue.tick(['BTCUSDT', 'BNBUSDT', 'LTCBTC'], 5)
    await until(() => seen.count(seen.trades) === 10, 'rows have come')
    expect([...seen.trades.keys()].sort()).toEqual(['BNBUSDT', 'BTCUSDT'])
    await md.remove(['BTCUSDT', 'ETHUSDT', 'BNBUSDT'])
    await until(() => venue.open.size === 0, 'a socket without symbols is closed')
  })

  it('10,000 symbols: within the topics of a socket and a message, the messages of a second, the connections of the limit', async () => {
    const symbols = Array.from({ length: 10_000 }, (_, i) => `S${i}USDT`)
    await using rig = await start({ symbols })
    const { venue, md, seen } = rig
    await md.open()
    const { topics, topicsPerMessage, messagesPerSecond, connects } = binance.marketLimits
    expect(venue.connections.length).toBe(Math.ceil(20_000 / topics))
    expect(venue.connections.length).toBeLessThanOrEqual(connects.count)
    const all = new Set<string>()
    for (const connection of venue.connections) {
      expect(connection.topics.size).toBeLessThanOrEqual(topics)
      for (const topic of connection.topics) all.add(topic)
      for (const [i, { at, text }] of connection.messages.entries()) {
        expect(JSON.parse(text).params.length).toBeLessThanOrEqual(topicsPerMessage)
        // One is left for a ping.
        const before = connection.messages[i - (messagesPerSecond - 1)]
        if (before !== undefined) expect(at - before.at).toBeGreaterThanOrEqual(1_000)
      }
    }
    expect(all.size).toBe(20_000)
    venue.tick(symbols)
    await until(() => seen.count(seen.trades) === 10_000, 'a trade of each has come')
    // Many changes at once are few messages, and paced.
    const begin = performance.now()
    const sentBefore = venue.connections.reduce((sum, { messages }) => sum + messages.length, 0)
    await md.remove(symbols.slice(0, 500))
    const first = venue.connections[0]
    await until(() => (first?.topics.size ?? 1_000) < 30, 'given up')
    await md.add(symbols.slice(0, 400))
    await until(() => (first?.topics.size ?? 0) > 800, 'asked for again')
    expect(venue.connections.reduce((sum, { messages }) => sum + messages.length, 0) - sentBefore).toBeLessThan(20)
    expect(performance.now() - begin).toBeLessThan(20_000)
    for (const { messages } of venue.connections) {
      for (const [i, { at }] of messages.entries()) {
        const before = messages[i - (messagesPerSecond - 1)]
        if (before !== undefined) expect(at - before.at).toBeGreaterThanOrEqual(1_000)
      }
    }
  }, 60_000)

  it('finds the topics that a venue refuses among others, tells each once, and keeps the rest', async () => {
    const symbols = Array.from({ length: 60 }, (_, i) => `S${i}USDT`)
    await using rig = await start({ symbols, streams: ['trades'], paths: 2 })
    const { venue, md, seen } = rig
    for (const name of ['s7usdt', 's41usdt']) venue.unknown.add(name)
    await md.open()
    await until(() => seen.errors.length === 2, 'both are told')
    const good = symbols.filter((symbol) => symbol !== 'S7USDT' && symbol !== 'S41USDT')
    await until(() => venue.connections.every(({ topics }) => topics.size === good.length), 'the others are subscribed')
    expect(seen.errors.map(({ symbol }) => symbol).sort()).toEqual(['S41USDT', 'S7USDT'])
    expect(seen.errors[0]).toMatchObject({ code: 'ERR_MARKET_REFUSED', stream: 'trades', venueCode: '2' })
    expect(seen.errors[0]?.message).toContain('unknown stream')
    venue.tick(good, 2)
    await until(() => seen.count(seen.trades) === good.length * 2, 'their rows come')
    expect(md.stats().refused).toBe(2)
    // Nor does a later connection ask for them.
    for (const { socket } of venue.open) socket.terminate()
    await until(() => venue.connections.length >= 4 && venue.open.size === 2, 'both are back')
    await until(() => [...venue.open].every(({ topics }) => topics.size === good.length), 'subscribed')
    expect(seen.errors.length).toBe(2)
  }, 60_000)

  it('begins no more connections within any time than a venue allows, of all objects together, also after all were cut', async () => {
    const { count, perMs } = coinbase.marketLimits.connects
    const times: number[] = []
    await using server = await startWsServer({
      onConnection: (socket) => {
        times.push(performance.now())
        socket.on('message', (data) => {
          const { product_ids, channel } = JSON.parse(data.toString())
          if (product_ids === undefined) return
          const events = [{ subscriptions: { [channel]: product_ids } }]
          socket.send(JSON.stringify({ channel: 'subscriptions', sequence_num: 0, events }))
        })
      },
    })
    const symbols = Array.from({ length: 1_200 }, (_, i) => `S${i}-USD`)
    const all = [0, 1].map(() => coinbase.marketData({ url: server.url, symbols, streams: ['trades'] }))
    await Promise.all(all.map((md) => md.open()))
    expect(times.length).toBe(12)
    for (const client of server.clients) client.terminate()
    await until(() => times.length >= 24 && server.clients.size === 12, 'all are back')
    // Seen from the other end, where one may arrive late and the next in time; one too many would be nearer by an eighth or all of it.
    for (const [i, at] of times.entries()) {
      const before = times[i - count]
      if (before !== undefined) expect(at - before).toBeGreaterThanOrEqual(perMs * 0.92)
    }
    await Promise.all(all.map((md) => md.close()))
  }, 60_000)

  it('rolls over without a row lost or doubled: asked to, by notice of the venue, and when life ends', async () => {
    await using rig = await start({ lifeMs: 4_000 })
    const { venue, md, seen, symbols } = rig
    await md.open()
    await trading(rig, md.rollover())
    expect(seen.rollovers[0]).toMatchObject({ reason: 'user', verified: 'sequence', symbols: 3, path: 0 })
    expect(seen.rollovers[0]?.copies).toBeGreaterThan(0)
    for (const notice of [{ e: 'serverShutdown', E: 1 }, { event: { e: 'serverShutdown', E: 1 } }]) {
      const before = seen.rollovers.length
      venue.say(notice)
      await trading(
        rig,
        until(() => seen.rollovers.length > before, 'it has rolled over'),
      )
      expect(seen.rollovers.at(-1)).toMatchObject({ reason: 'serverShutdown', verified: 'sequence' })
    }
    await trading(
      rig,
      until(() => seen.rollovers.some(({ reason }) => reason === 'life'), 'life has ended'),
    )
    await until(() => seen.trades.get('BTCUSDT')?.at(-1) === venue.last.get('BTCUSDT'), 'all have come')
    await until(() => seen.trades.get('LTCBTC')?.at(-1) === venue.last.get('LTCBTC'), 'all have come')
    expectComplete(seen, venue, symbols)
    expect(seen.count(seen.gone)).toBe(0)
    expect(venue.open.size).toBe(1)
    expect(md.stats().rollovers).toBe(seen.rollovers.length)
  }, 60_000)

  it('keeps the old socket while no new one comes up, and tries again', async () => {
    await using rig = await start({ readyMs: 300 })
    const { venue, md, seen, symbols } = rig
    await md.open()
    venue.down = true
    const rolling = md.rollover()
    await trading(
      rig,
      until(() => seen.errors.length > 0, 'it has failed'),
    )
    expect(seen.errors[0]?.code).toBe('ERR_MARKET_ROLLOVER')
    expect(venue.open.size).toBe(1)
    venue.down = false
    await trading(rig, rolling)
    expect(seen.rollovers).toMatchObject([{ reason: 'user', verified: 'sequence' }])
    await until(() => seen.trades.get('LTCBTC')?.at(-1) === venue.last.get('LTCBTC'), 'all have come')
    expectComplete(seen, venue, symbols)
    expect(seen.count(seen.gone)).toBe(0)
  }, 60_000)

  it('paths: the first copy is handed on; what one loses the other brings; the rest is told', async () => {
    await using rig = await start({ paths: 2, waitMs: 200 })
    const { venue, md, seen, symbols } = rig
    venue.faults = (n) => (n === 0 ? { lose: (id) => id % 5 === 0 } : { lose: (id) => id % 7 === 0, delayMs: 20 })
    await md.open()
    await until(() => venue.open.size === 2 && [...venue.open].every(({ topics }) => topics.size === 6), 'both are up')
    venue.tick(symbols, 101)
    await until(() => seen.count(seen.trades) + seen.count(seen.gone) === 303, 'all is settled')
    expectComplete(seen, venue, symbols)
    expect(seen.gone.get('BTCUSDT')).toEqual([35, 70])
    const [first, second] = md.stats().paths
    expect(first?.wins).toBeGreaterThan(second?.wins ?? 0)
    expect(first?.missed).toBe(3 * 20)
    expect(second?.lag.p50Ns).toBeGreaterThan(5e6)
  })

  it('notices a path that is connected and silent while the other delivers, and replaces it', async () => {
    await using rig = await start({ paths: 2, silentMs: 400, readyMs: 1_500 })
    const { venue, md, seen, symbols } = rig
    await md.open()
    await until(() => venue.open.size === 2, 'both are up')
    // Also behind new sockets, whose own counts begin at nothing.
    await trading(rig, md.rollover())
    seen.rollovers.length = 0
    const zombie = [...venue.open][1]
    if (zombie !== undefined) zombie.faults.silent = true
    await trading(
      rig,
      until(() => seen.rollovers.length > 0, 'it is replaced'),
    )
    expect(seen.paths[0]).toMatchObject({ why: 'silent', symbols: 3 })
    expect(seen.rollovers[0]?.reason).toBe('silent')
    expect(zombie?.socket.readyState).not.toBe(1)
    await until(() => seen.trades.get('LTCBTC')?.at(-1) === venue.last.get('LTCBTC'), 'all have come')
    expectComplete(seen, venue, symbols)
    expect(seen.count(seen.gone)).toBe(0)
  }, 60_000)

  it('notices a path that is far behind', async () => {
    await using rig = await start({ paths: 2, behindMs: 100 })
    const { venue, md, seen } = rig
    venue.faults = (n) => (n === 1 ? { delayMs: 400 } : {})
    await md.open()
    await trading(
      rig,
      until(() => seen.paths.length > 0, 'it is noticed'),
    )
    expect(seen.paths[0]?.why).toBe('behind')
    expect(seen.paths[0]?.ms).toBeGreaterThan(100)
  }, 60_000)

  it('connects its paths as they say, and refuses what makes no sense', async () => {
    await using other = await startMarketVenue()
    await using rig = await start({ paths: [{ localAddress: '127.0.0.2' }, { url: 'ws://127.0.0.1:1' }] })
    const { venue } = rig
    const md = binance.marketData({
      symbols: ['BTCUSDT'],
      url: venue.url,
      paths: [{ localAddress: '127.0.0.2' }, { url: other.url }],
    })
    await md.open()
    await until(() => venue.open.size === 1 && other.open.size === 1, 'both ways are used')
    await md.close()
    const make = (options: object) => () => binance.marketData({ symbols: ['A'], ...options } as never)
    for (const options of [
      { paths: 0 },
      { paths: 17 },
      { paths: [] },
      { paths: [{ endpoint: 'nowhere' }] },
      { symbols: [] },
      { symbols: ['A B'] },
      { profile: 'nowhere' },
      { lifeMs: 5 },
      { streams: ['klines'] },
      { colour: 'red' },
      { overflow: 'forget' },
    ]) {
      expect(make(options)).toThrow(ConfigError)
    }
  })

  it('is closed while it opens', async () => {
    await using rig = await start()
    const { md } = rig
    const opening = md.open()
    const closing = md.close()
    await expect(opening).rejects.toMatchObject({ code: 'ERR_MARKET_CLOSED' })
    await closing
  })

  it('ends by its signal', async () => {
    const controller = new AbortController()
    await using rig = await start({ signal: controller.signal })
    const { venue, md } = rig
    await md.open()
    controller.abort()
    await until(() => venue.open.size === 0, 'it is closed')
    await expect(binance.marketData({ symbols: ['A'], signal: controller.signal }).open()).rejects.toMatchObject({
      code: 'ERR_MARKET_CLOSED',
    })
  })

  // Kills, stalls and rollovers in any order over two paths.
  it.each([
    ['as they win', false],
    ['in order', { windowMs: 150 }],
  ] as const)(
    'each trade exactly once, or told as a gap, across any interleaving of rollovers and failures: %s',
    {
      timeout: 120_000,
    },
    async (_how, inOrder) => {
      const step = fc.constantFrom('tick', 'tick', 'tick', 'kill', 'roll', 'shutdown', 'lose')
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 10 }), async (steps) => {
          await using rig = await start({ paths: 2, overlapMs: 20, waitMs: 150, inOrder })
          const { venue, md, seen, symbols } = rig
          await md.open()
          await until(() => venue.open.size === 2 && [...venue.open].every(({ topics }) => topics.size === 6), 'up')
          venue.tick(symbols)
          const rolling: Promise<void>[] = []
          for (const what of steps) {
            const [one] = venue.open
            if (what === 'kill') one?.socket.terminate()
            else if (what === 'roll') rolling.push(md.rollover())
            else if (what === 'shutdown' && one !== undefined) venue.say({ e: 'serverShutdown', E: 1 }, one)
            else if (what === 'lose' && one !== undefined) one.faults.lose = (id) => id % 3 === 0
            await trading(rig, new Promise((resolve) => setTimeout(resolve, 40)))
          }
          await trading(rig, Promise.all(rolling))
          // Until all who are open have brought a last one.
          await until(() => venue.open.size >= 2, 'both are up again')
          for (const connection of venue.open) connection.faults.lose = () => false
          venue.tick(symbols)
          await until(
            () => symbols.every((symbol) => (seen.trades.get(symbol)?.at(-1) ?? 0) >= (venue.last.get(symbol) ?? 0)),
            'the last trades have come',
          )
          await until(() => md.stats().openMissing === 0, 'nothing is waited for')
          await new Promise((resolve) => setTimeout(resolve, 20))
          expectComplete(seen, venue, symbols)
          if (inOrder === false) return
          for (const trades of seen.trades.values()) expect(trades).toEqual([...trades].sort((a, b) => a - b))
        }),
        { numRuns: 6 },
      )
    },
  )
})
