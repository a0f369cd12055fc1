/** Bybit's answers when books are subscribed anew: told from those of other subscriptions. */
import { Loop } from 'tickwire'
import { afterEach, describe, expect, it } from 'vitest'
import { bybit } from '../../dist/esm/venue/bybit/index.js'
import type { MarketDataError } from '../../dist/esm/venue/index.js'
import { until } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Message {
  readonly op: 'subscribe' | 'unsubscribe'
  readonly args: readonly string[]
  readonly req_id?: string
}

const snapshot = (topic: string): string =>
  JSON.stringify({
    topic,
    type: 'snapshot',
    ts: 1,
    data: { s: topic.split('.')[2], b: [['1', '1']], a: [['2', '1']], u: 5 },
  })

/** A venue that has no snapshot at first; what is asked for of a book later is answered as the test says: null takes it. */
async function start(answer: (message: Message) => string | null) {
  const messages: Message[] = []
  const subscribed = new Set<string>()
  const server = await startWsServer({
    onConnection: (socket) => {
      socket.on('message', (data) => {
        const message = JSON.parse(String(data)) as Message
        const { op, args, req_id = '' } = message
        if (args === undefined) return
        messages.push(message)
        const isFirst = op === 'subscribe' && messages.filter((each) => each.op === 'unsubscribe').length === 0
        const fault = isFirst ? null : answer(message)
        socket.send(JSON.stringify({ success: fault === null, ret_msg: fault ?? '', conn_id: 'x', req_id, op }))
        if (fault !== null) return
        for (const topic of args) {
          if (op === 'unsubscribe') subscribed.delete(topic)
          else subscribed.add(topic)
          if (op === 'subscribe' && !isFirst && topic.startsWith('orderbook.50.')) socket.send(snapshot(topic))
        }
      })
    },
  })
  closing.push(() => server.close())
  const loop = new Loop()
  closing.push(() => loop.close())
  const errors: MarketDataError[] = []
  return {
    messages,
    subscribed,
    errors,
    async follow(symbols: readonly string[]) {
      const md = bybit.marketData({
        url: server.url,
        loop,
        symbols,
        streams: ['trades', 'book'],
        category: 'linear',
        readyMs: 10_000,
        books: { patience: 200, backoff: { first: 10, max: 20 } },
      })
      closing.push(() => md.close())
      md.on('error', (error) => errors.push(error))
      const synced = new Set<string>()
      md.on('synced', ({ book }) => synced.add(book.symbol))
      await md.open()
      return { md, synced }
    },
  }
}

describe('Bybit', () => {
  it('one of several books that is refused to be subscribed anew is told, and the others come back', async () => {
    const bad = 'orderbook.50.BADUSDT'
    const venue = await start(({ op, args }) =>
      op === 'subscribe' && args.includes(bad) ? 'error:handler not found' : null,
    )
    const { synced } = await venue.follow(['BTCUSDT', 'BADUSDT', 'ETHUSDT'])
    await until(() => venue.errors.length > 0, 'it is told')
    await until(() => synced.size === 2, 'the others are in sync')
    expect(venue.errors.map(({ code, symbol, stream }) => [code, symbol, stream])).toEqual([
      ['ERR_MARKET_REFUSED', 'BADUSDT', 'book'],
    ])
    const ids = venue.messages.map(({ req_id }) => req_id)
    expect(ids.every((id) => id !== undefined)).toBe(true)
    expect(new Set(ids).size).toBe(ids.length)
    // Nobody asks for it again, and no other stream has suffered.
    const count = venue.messages.length
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(venue.messages.length).toBe(count)
    expect([...venue.subscribed].sort()).toEqual([
      'orderbook.50.BTCUSDT',
      'orderbook.50.ETHUSDT',
      'publicTrade.BADUSDT',
      'publicTrade.BTCUSDT',
      'publicTrade.ETHUSDT',
    ])
  }, 30_000)

  it('a book that was removed and has come back on another socket is subscribed anew on that one', async () => {
    const again: number[] = []
    const server = await startWsServer({
      onConnection: (socket, _request, connection) => {
        const ended = new Set<string>()
        socket.on('message', (data) => {
          const { op, args, req_id } = JSON.parse(String(data)) as Message
          if (args === undefined) return
          socket.send(JSON.stringify({ success: true, ret_msg: '', conn_id: 'x', req_id, op }))
          for (const topic of args) {
            const isSlow = topic.endsWith('.S0')
            if (op === 'unsubscribe') ended.add(topic)
            else if (isSlow && ended.has(topic)) again.push(connection)
            // Of this one nothing comes before it is subscribed anew.
            if (op === 'subscribe' && (!isSlow || ended.has(topic))) socket.send(snapshot(topic))
          }
        })
      },
    })
    closing.push(() => server.close())
    const loop = new Loop()
    closing.push(() => loop.close())
    const md = bybit.marketData({
      url: server.url,
      loop,
      symbols: Array.from({ length: 200 }, (_, i) => `S${i}`),
      streams: ['book'],
      books: { patience: 200, backoff: { first: 10, max: 20 }, depth: 1 },
    })
    closing.push(() => md.close())
    const synced: string[] = []
    md.on('synced', ({ book }) => synced.push(book.symbol))
    await md.open()
    await until(() => new Set(synced).size === 200, 'all are in sync')
    expect(again).toEqual([0])
    await md.remove(['S0'])
    await md.add(['NEW'])
    await md.add(['S0'])
    await until(() => synced.filter((symbol) => symbol === 'S0').length === 2, 'it is in sync again')
    expect(again).toEqual([0, 1])
  }, 30_000)
})
