/**
 * Books of recordings: the messages through a server built on `ws`, the snapshots through one of `node:http`, each step compared with a
 * reference that is as slow and as plain as can be.
 */
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Feed } from 'tickwire'
import { describe, expect, it } from 'vitest'
import type { Book, Books } from '../../dist/esm/book/index.js'
import { binance, binanceUsdm } from '../../dist/esm/venue/binance/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'
import { readCapture } from '../../examples/venue/capture.ts'
import { until } from '../e2e/waiting.ts'
import { startWsServer } from '../peers/ws-server.ts'
import { expectedOf, ReferenceBook, shown } from './reference.ts'

const captures = fileURLToPath(new URL('../../../shared/captures/', import.meta.url))
const isThere = existsSync(captures)
const isDemanded = process.env['TICKWIRE_REQUIRE_CAPTURES'] === '1'

type Levels = [string, string][]
interface Depth {
  e: string
  s: string
  U: number
  u: number
  pu?: number
  b: Levels
  a: Levels
}

/** Answers a request for a snapshot as recorded. */
async function serveSnapshots(bodies: ReadonlyMap<string, string>) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const symbol = new URL(request.url ?? '', 'http://x').searchParams.get('symbol') ?? ''
    // The client also asks for the time.
    if (symbol !== '') asked.push(symbol)
    response.setHeader('content-type', 'application/json')
    response.end(bodies.get(symbol))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    asked,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}

const seen = (books: Books): number => books.stats().events

describe.skipIf(!isThere && !isDemanded)(
  'recordings (skipped without ../shared/captures)',
  { timeout: 120_000 },
  () => {
    it.each([
      ['BINANCE', binance, 172],
      ['BINANCE_US', binance, 332],
      ['BINANCE_FUTURES', binanceUsdm, 749],
    ] as const)('%s: equal to the reference after each message, without a gap', async (file, venue, expected) => {
      const { received, answers } = await readCapture(`${captures}${file}.ws.1.0`)
      const { answers: recorded } = await readCapture(`${captures}${file}.http.0.0`)
      const bodies = new Map(
        [...answers, ...recorded].flatMap(({ url, text }) => {
          const symbol = new URL(url).searchParams.get('symbol')
          return symbol === null || !url.includes('/depth?') ? [] : [[symbol, text] as const]
        }),
      )
      expect(bodies.size).toBe(4)
      const symbols = [...bodies.keys()]
      await using http = await serveSnapshots(bodies)
      await using server = await startWsServer()
      await using rest = venue.rest({ endpoints: [http.url] })
      const depth = 1_000
      await using kept = venue.books({ symbols, rest, depth })
      const { books } = kept
      const stale: string[] = []
      books.on('stale', ({ book, reason }) => stale.push(`${book.symbol} ${reason}`))
      const [options] = venue.market({ symbols, streams: ['ticker', 'book'], url: server.url })
      await using feed = new Feed({ ...(options as NonNullable<typeof options>), books })
      kept.carry(feed, symbols)
      await feed.open()

      // Each event up to the snapshot waits for it, as it did when it was recorded; then they are told apart one by one.
      const references = new Map<string, { book: ReferenceBook; last: number; edge: { bids: string; asks: string } }>()
      const messages = received
        .map(({ text }) => ({ text, data: JSON.parse(text).data as Depth }))
        .filter(({ data }) => data.e === 'depthUpdate')
      let applied = 0
      let sent = 0
      for (const { text, data } of messages) {
        server.broadcast(text)
        sent++
        await until(() => seen(books) === sent, 'the core has seen it')
        const book = books.get(data.s) as Book
        await until(() => {
          book.refresh()
          return book.synced || references.get(data.s) === undefined
        }, 'it is in sync')
        let reference = references.get(data.s)
        if (reference === undefined) {
          await until(() => book.refresh() || book.synced, 'its snapshot has come')
          await until(() => {
            book.refresh()
            return book.synced
          }, 'it is in sync')
          const snapshot = JSON.parse(bodies.get(data.s) as string)
          const made = new ReferenceBook()
          made.load(snapshot.bids, snapshot.asks)
          reference = { book: made, last: snapshot.lastUpdateId, edge: edgesOf(snapshot) }
          references.set(data.s, reference)
        }
        if (data.u > reference.last) {
          // Prices beyond a snapshot that was cut off by its limit are known to nobody.
          reference.book.apply(
            data.b.filter(([price]) => Number(price) >= Number(reference.edge.bids)),
            data.a.filter(([price]) => Number(price) <= Number(reference.edge.asks)),
          )
          reference.last = data.u
          applied++
        }
        // What the core has seen is shown when it has read all that was there.
        const { last } = reference
        await until(() => {
          book.refresh()
          return book.updateId === last
        }, 'the book shows the message')
        expect(shown(book)).toEqual(expectedOf(reference.book, depth))
      }
      expect(references.size).toBe(4)
      expect(applied).toBe(expected)
      expect(stale).toEqual([])
      expect(http.asked.sort()).toEqual([...symbols].sort())
      for (const book of books) expect(book.gaps).toBe(0)
      expect(feed.stats()).toMatchObject({ malformed: 0, levelsCut: 0 })
    })

    it('OKCOIN: every check sum is that of the book', async () => {
      const { received } = await readCapture(`${captures}OKCOIN.ws.1.0`)
      await using server = await startWsServer()
      // The recording is older than the numbers of this protocol.
      await using kept = okx.books({ sequence: false, depth: 400 })
      const symbols = ['USDC-USDT', 'USDT-USD', 'BTC-USD', 'ETH-USD']
      const [options] = okx.market({ symbols, streams: ['book'], url: server.url })
      await using feed = new Feed({ ...(options as NonNullable<typeof options>), books: kept.books })
      kept.carry(feed, symbols)
      await feed.open()
      const references = new Map<string, ReferenceBook>()
      let books = 0
      for (const { text } of received) {
        const { arg, action, data } = JSON.parse(text)
        server.broadcast(text)
        if (arg?.channel !== 'books' || data === undefined) continue
        books++
        await until(() => seen(kept.books) === books, 'the core has seen it')
        const reference = references.get(arg.instId) ?? new ReferenceBook()
        references.set(arg.instId, reference)
        if (action === 'snapshot') reference.load(data[0].bids, data[0].asks)
        else reference.apply(data[0].bids, data[0].asks)
        const book = kept.books.get(arg.instId) as Book
        book.refresh()
        expect(book.state).toBe('synced')
        expect(shown(book)).toEqual(expectedOf(reference, 400))
      }
      expect(books).toBe(6)
      await feed.close()
      expect(feed.stats().malformed).toBe(0)
    })

    it('OKCOIN: a check sum that is another makes the book stale', async () => {
      const { received } = await readCapture(`${captures}OKCOIN.ws.1.0`)
      await using server = await startWsServer()
      await using kept = okx.books({ sequence: false, symbols: ['BTC-USD'] })
      const [options] = okx.market({ symbols: ['BTC-USD'], streams: ['book'], url: server.url })
      await using feed = new Feed({ ...(options as NonNullable<typeof options>), books: kept.books })
      await feed.open()
      const text = received.find(({ text: each }) => each.includes('"checksum":692460218'))?.text as string
      server.broadcast(text)
      const book = kept.books.get('BTC-USD') as Book
      await until(() => book.synced, 'the book is there')
      server.broadcast(text.replace('692460218', '692460219').replace('"snapshot"', '"update"'))
      await until(() => book.stale, 'it is stale')
      expect(book.reason).toBe('ERR_BOOK_CHECKSUM')
    })
  },
)

/** The worst prices that a snapshot names; where it was not cut off there is no limit. */
function edgesOf({ bids, asks }: { bids: Levels; asks: Levels }): { bids: string; asks: string } {
  return {
    bids: bids.length < 1_000 ? '0' : (bids.at(-1)?.[0] ?? '0'),
    asks: asks.length < 1_000 ? 'Infinity' : (asks.at(-1)?.[0] ?? 'Infinity'),
  }
}
