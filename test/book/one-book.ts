/** One book of a venue behind a server built on `ws`. */
import { Feed } from 'tickwire'
import type { Book } from '../../dist/esm/book/index.js'
import { binance, binanceUsdm } from '../../dist/esm/venue/binance/index.js'
import { bybit } from '../../dist/esm/venue/bybit/index.js'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { until } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'

export const venues = { binance, binanceUsdm, bybit, okx, kraken, coinbase } as const

interface Setting {
  readonly market?: object
  readonly books?: object
}

/** The book of a symbol, and what sends messages to it one by one. */
export async function bookOf(name: keyof typeof venues, symbol: string, { market = {}, books = {} }: Setting = {}) {
  const server = await startWsServer()
  const kept = venues[name].books({ symbols: [symbol], ...books } as never)
  const [options] = (venues[name].market as (options: object) => readonly object[])({
    symbols: [symbol],
    streams: ['book'],
    url: server.url,
    ...market,
  })
  const feed = new Feed({ ...options, books: kept.books } as never) as Feed
  await feed.open()
  const book = kept.books.get(symbol) as Book
  let sent = 0
  return {
    book,
    feed,
    books: kept.books,
    sent: () => server.received.map(({ data }) => JSON.parse(data.toString())),
    send: async (...messages: readonly string[]): Promise<void> => {
      server.broadcast(...messages)
      sent += messages.length
      await until(() => Number(feed.stats().messages) === sent, 'the core has read it')
      await until(() => book.refresh() || book.rxTimeNs > 0, 'the book has heard of it', 500).catch(() => {})
    },
    [Symbol.asyncDispose]: async () => {
      await feed.close()
      await kept.close()
      await server.close()
    },
  }
}
