/** Books of Coinbase's messages with several events, and of those without levels. */
import { Feed } from 'tickwire'
import { describe, expect, it } from 'vitest'
import type { Book } from '../../dist/esm/book/index.js'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import { until } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'
import { bookOf } from './one-book.ts'
import { shown } from './reference.ts'

describe('Coinbase: a message with several events', () => {
  const message = (sequence_num: number, ...events: object[]): string =>
    JSON.stringify({ channel: 'l2_data', client_id: '', timestamp: 'x', sequence_num, events })
  const event = (type: string, product_id: string, ...levels: string[]): object => ({
    type,
    product_id,
    updates: levels.map((level) => {
      const [side, price_level, new_quantity] = level.split(' ')
      return { side, event_time: 'x', price_level, new_quantity }
    }),
  })
  const best = (book: Book): string[] => [book.bid().priceText, book.ask().priceText]

  it('of one book and of others, each is applied', async () => {
    await using rig = await bookOf('coinbase', 'BTC-USD')
    const other = rig.books.add('ETH-USD')
    const wanted = async (...texts: string[]): Promise<void> => {
      await until(() => {
        rig.book.refresh()
        other.refresh()
        return [best(rig.book), best(other)].join() === texts.join()
      }, texts.join())
    }
    await rig.send(
      message(
        0,
        event('snapshot', 'ETH-USD', 'bid 9 1', 'offer 11 1'),
        event('snapshot', 'BTC-USD', 'bid 90 1', 'offer 110 1'),
      ),
    )
    await wanted('90', '110', '9', '11')
    // One event alone teaches the layout; it does not fit what comes then.
    for (let n = 1; n <= 3; n++) await rig.send(message(n, event('update', 'BTC-USD', `bid 91.${n} 1`)))
    await wanted('91.3', '110', '9', '11')
    await rig.send(
      message(
        4,
        event('update', 'BTC-USD', 'bid 92 1', 'bid 93 1'),
        event('update', 'BTC-USD', 'bid 93 0', 'offer 109 2'),
      ),
    )
    await wanted('92', '109', '9', '11')
    // Two whole books of one instrument are two, not one that is larger.
    await rig.send(
      message(
        5,
        event('snapshot', 'BTC-USD', 'bid 95 1', 'offer 96 1'),
        event('snapshot', 'BTC-USD', 'bid 50 1', 'offer 60 1'),
      ),
    )
    await wanted('50', '60', '9', '11')
    await rig.send(message(6, event('update', 'ETH-USD', 'bid 9.5 1'), event('update', 'BTC-USD', 'offer 59 1')))
    await wanted('50', '59', '9.5', '11')
    expect([rig.book.gaps, other.gaps]).toEqual([0, 0])
  })

  it.each([
    ['an empty list', message(0, event('snapshot', 'BTC-USD'))],
    [
      'null',
      '{"channel":"l2_data","sequence_num":0,"events":[{"type":"snapshot","product_id":"BTC-USD","updates":null}]}',
    ],
    ['nothing', '{"channel":"l2_data","sequence_num":0,"events":[{"type":"snapshot","product_id":"BTC-USD"}]}'],
  ])('a book without levels is in sync, told by %s', async (_, snapshot) => {
    await using rig = await bookOf('coinbase', 'BTC-USD')
    await rig.send(snapshot)
    await until(() => {
      rig.book.refresh()
      return rig.book.synced
    }, 'it is in sync')
    expect(shown(rig.book)).toEqual({ bids: [], asks: [] })
    await rig.send(message(1, event('update', 'BTC-USD', 'bid 90 1')))
    await until(() => {
      rig.book.refresh()
      return rig.book.bid().priceText === '90'
    }, 'it goes on')
    // It becomes empty again.
    await rig.send(message(2, event('snapshot', 'BTC-USD')))
    await until(() => {
      rig.book.refresh()
      return rig.book.bids.length === 0
    }, 'it is empty')
    expect(rig.book).toMatchObject({ state: 'synced', gaps: 0 })
  })

  it('rows are handed over where they are asked for, but none for a book without levels', async () => {
    const server = await startWsServer()
    await using kept = coinbase.books({ symbols: ['BTC-USD'] })
    const [options] = coinbase.market({ symbols: ['BTC-USD'], streams: ['book'], url: server.url })
    await using feed = new Feed({ ...(options as NonNullable<typeof options>), books: kept.books, bookRows: true })
    const rows: string[] = []
    feed.on('rows:book' as 'rows', (some) => {
      for (const row of some) {
        const { symbol, type, side, price, size } = row.toObject() as Record<string, unknown>
        rows.push([symbol, type, side, price, size].join(' '))
      }
    })
    await feed.open()
    server.broadcast(
      message(0, event('snapshot', 'BTC-USD')),
      message(
        1,
        event('snapshot', 'BTC-USD'),
        event('update', 'BTC-USD', 'bid 90 1'),
        event('update', 'ETH-USD', 'offer 9 2'),
      ),
      message(2, event('update', 'BTC-USD', 'bid 91 1')),
    )
    await until(() => rows.length === 3, 'all have come')
    expect(rows).toEqual(['BTC-USD update bid 90 1', 'ETH-USD update offer 9 2', 'BTC-USD update bid 91 1'])
    const book = kept.books.get('BTC-USD') as Book
    await until(() => {
      book.refresh()
      return book.bid().priceText === '91'
    }, 'the book has it')
    await server.close()
  })
})
