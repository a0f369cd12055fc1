/** Kraken's answers to what is asked for more than once: by the subscriptions themselves, and by books. */
import { Loop } from 'tickwire'
import { afterEach, describe, expect, it } from 'vitest'
import type { MarketDataError } from '../../dist/esm/venue/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { until } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Message {
  readonly method: 'subscribe' | 'unsubscribe'
  readonly params: { readonly channel: string; readonly symbol: readonly string[] }
  readonly req_id?: number
}

/** A venue of one connection, which refuses what the test says, and what is subscribed already. */
async function start(
  refuses: (message: Message, n: number, at: number) => string | null,
  taken: (message: Message, symbol: string) => object | null = () => null,
) {
  const messages: Message[] = []
  const subscribed = new Set<string>()
  const server = await startWsServer({
    onConnection: (socket) => {
      socket.on('message', (data) => {
        const message = JSON.parse(data.toString()) as Message
        messages.push(message)
        const { method, params, req_id } = message
        for (const [at, symbol] of params.symbol.entries()) {
          const topic = `${params.channel} ${symbol}`
          const known = subscribed.has(topic)
          const own = method === 'subscribe' ? (known ? 'Already subscribed' : null) : known ? null : 'Not subscribed'
          const error = refuses(message, messages.length, at) ?? own
          if (error === null) {
            if (method === 'subscribe') subscribed.add(topic)
            else subscribed.delete(topic)
          }
          const answer =
            error === null
              ? { method, result: { channel: params.channel, symbol }, success: true, req_id }
              : { error, method, success: false, symbol, req_id }
          socket.send(JSON.stringify(answer))
          const data = error === null ? taken(message, symbol) : null
          if (data !== null) socket.send(JSON.stringify(data))
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
    refused: () => errors.filter(({ code }) => code === 'ERR_MARKET_REFUSED').map(({ message }) => message),
    async follow(options: object) {
      const md = kraken.marketData({ url: server.url, loop, readyMs: 10_000, ...options } as never)
      closing.push(() => md.close())
      md.on('error', (error) => errors.push(error))
      await md.open()
      return md
    },
  }
}

/** Gives a token. */
function restOf() {
  const rest = kraken.rest({ endpoints: ['http://127.0.0.1:1'], key: 'k', secret: 'c2VjcmV0' })
  closing.push(() => rest.close({ force: true }))
  rest.post = (async () => ({ json: () => ({ result: { token: 'token' } }) })) as never
  return rest
}

describe('Kraken', () => {
  it('a message of which a part was too much is asked for once more, and no symbol is lost', async () => {
    // The second message: every other symbol.
    const venue = await start((_message, n, at) => (n === 2 && at % 2 === 1 ? 'EAPI:Rate limit exceeded' : null))
    const rest = restOf()
    const symbols = Array.from({ length: 32 }, (_, i) => `S${i}/USD`)
    await venue.follow({ symbols, streams: ['book'], book: { orders: 10, depth: 100 }, rest })
    await until(() => venue.subscribed.size === symbols.length, 'all are subscribed')
    expect(venue.refused()).toEqual([])
    // Nothing but what was forgotten with the second message.
    expect(venue.messages.length).toBe(5)
    expect(venue.errors.map(({ code }) => code)).toEqual(['ERR_MARKET_SUBSCRIBE'])
  }, 30_000)

  it('books that are refused to be subscribed anew take no other stream of their symbol along', async () => {
    const isBook = ({ params }: Message): boolean => params.channel === 'book'
    let asked = 0
    const venue = await start((message) => {
      if (!isBook(message)) return null
      asked++
      return asked === 1 || asked > 5
        ? null
        : message.method === 'subscribe'
          ? 'Currency pair not supported'
          : 'No such'
    })
    await venue.follow({
      symbols: ['BTC/USD'],
      streams: ['ticker', 'trades', 'book'],
      // No snapshot comes: the book is subscribed anew again and again.
      books: { patience: 200, backoff: { first: 10, max: 20 } },
    })
    await until(() => asked > 8, 'it has been subscribed anew')
    expect(venue.refused()).toEqual([])
    expect(venue.messages.filter((message) => !isBook(message)).map(({ method }) => method)).toEqual([
      'subscribe',
      'subscribe',
    ])
    expect([...venue.subscribed].filter((topic) => !topic.startsWith('book')).sort()).toEqual([
      'ticker BTC/USD',
      'trade BTC/USD',
    ])
  }, 30_000)

  it('books that wait for their turn to be subscribed anew are not taken for late', async () => {
    const times = new Map<string, number>()
    const order = { order_id: 'O', limit_price: 1.5, order_qty: 1, timestamp: '2026-01-01T00:00:00Z' }
    const venue = await start(
      () => null,
      ({ method }, symbol) => {
        if (method === 'unsubscribe') return null
        times.set(symbol, (times.get(symbol) ?? 0) + 1)
        // At first none has a snapshot.
        const bids = times.get(symbol) === 1 ? null : [order]
        return bids && { channel: 'level3', type: 'snapshot', data: [{ symbol, bids, asks: [] }] }
      },
    )
    const symbols = Array.from({ length: 6 }, (_, i) => `S${i}/USD`)
    const md = await venue.follow({
      symbols,
      streams: ['book'],
      book: { orders: 10, depth: 1_000 },
      rest: restOf(),
      // Three messages that subscribe take 2.2 s, six that subscribe anew 6.6 s.
      books: { patience: 4_000, backoff: { first: 10, max: 20 } },
    })
    const synced = new Set<string>()
    md.on('synced', ({ book }) => synced.add(book.symbol))
    const late: string[] = []
    md.on('resync', ({ book, error }) => void (error !== null && late.push(`${book.symbol} ${error.message}`)))
    await until(() => synced.size === symbols.length, 'all are in sync', 20_000)
    expect(late).toEqual([])
    expect([...times.values()]).toEqual(symbols.map(() => 2))
  }, 30_000)
})
