/** What this package's clients do at a mock venue, in the words that all venues have in common. */
import { Feed, type JsonDecoder } from 'tickwire'
import { expect } from 'vitest'
import type { Book, Books } from '../../dist/esm/book/index.js'
import type { CaptureRecord } from '../../dist/esm/capture/index.js'
import type { bybit } from '../../dist/esm/venue/bybit/index.js'
import type { Desk, MarketFeed } from '../../dist/esm/venue/index.js'
import type { okx } from '../../dist/esm/venue/okx/index.js'
import { onCleanUp } from '../rest/venue-server.ts'

/** The messages of a recording that a venue sent, as texts. */
export function sentBy(records: readonly CaptureRecord[]): string[] {
  return records.flatMap((record) => (record.type === 'received' ? [String(Buffer.from(record.data))] : []))
}

type TradesFeed = ReturnType<typeof okx.market | typeof bybit.market>[number]

/** Prices of the trades on these feeds, as they come. */
export async function tradePrices(feeds: readonly TradesFeed[]): Promise<readonly string[]> {
  const prices: string[] = []
  for (const options of feeds) {
    const feed = new Feed(options)
    onCleanUp(() => feed.close())
    feed.on('rows:trades', (rows) => {
      for (const row of rows) prices.push(String(row.price))
    })
    await feed.open()
  }
  return prices
}

/** Opens the feeds that carry a symbol's book. */
export async function followBook(
  kept: { readonly books: Books; carry(feed: Feed, symbols: readonly string[]): unknown; close(): unknown },
  feeds: readonly MarketFeed<JsonDecoder>[],
  symbol: string,
): Promise<Book> {
  onCleanUp(() => kept.close() as undefined)
  for (const options of feeds) {
    const feed = new Feed({ ...options, books: kept.books })
    onCleanUp(() => feed.close())
    kept.carry(feed, [symbol])
    await feed.open()
  }
  const book = kept.books.get(symbol)
  if (book === undefined) throw new Error('no book')
  return book
}

/** An order that rests, is found, moved and canceled. Returns its client id. */
export async function restAndCancel(desk: Desk, symbol: string): Promise<string> {
  const { clientOrderId } = await desk.place({ symbol, side: 'buy', type: 'limit', price: '20000', size: '0.5' })
  expect(await desk.order({ symbol, clientOrderId })).toMatchObject({ status: 'open', size: '0.5', price: '20000' })
  await desk.amend({ symbol, clientOrderId, price: '21000' })
  expect((await desk.openOrders(symbol)).map(({ price }) => price)).toEqual(['21000'])
  await desk.cancel({ symbol, clientOrderId })
  expect(await desk.order({ symbol, clientOrderId })).toMatchObject({ status: 'canceled' })
  return clientOrderId
}
