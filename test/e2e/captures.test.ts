import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Feed, type FeedStats, type JsonDecoder, json, type LoopMode } from 'tickwire'
import { describe, expect, it } from 'vitest'
import { readCapture } from '../../examples/venue/capture.ts'
import { startWsServer } from '../peers/ws-server.ts'
import { expectedRows, type PlainRow, plainRow, type ShapeSpec } from './expected-rows.ts'
import { until } from './waiting.ts'

/** Whole recordings through a real server: every field of every row against what `JSON.parse` makes of the same text. */

const shared = new URL('../../../shared/captures/', import.meta.url)
const isThere = existsSync(shared)
const isDemanded = process.env['TICKWIRE_REQUIRE_CAPTURES'] === '1'

interface Venue {
  readonly shapes: Readonly<Record<string, ShapeSpec>>
  readonly decoder: JsonDecoder
  /** The shape that a message is of, or null when none wants it. */
  pick(message: string): string | null
}

interface Delivered {
  readonly rows: { readonly shape: string; readonly row: PlainRow }[]
  readonly stats: FeedStats
}

function decoderOf({ fields, each }: ShapeSpec): JsonDecoder {
  return json(fields, each === undefined ? {} : { each })
}

/** Serves the messages, and takes them in with the venue's decoder. */
async function deliver(
  messages: readonly string[],
  venue: Venue,
  { deflate = false, loop = 'park' }: { deflate?: boolean; loop?: LoopMode } = {},
): Promise<Delivered> {
  await using server = await startWsServer({
    perMessageDeflate: deflate,
    onConnection: (socket) => {
      for (const message of messages) socket.send(message)
    },
  })
  await using feed = new Feed({ url: server.url, decode: venue.decoder, deflate, loop })
  const rows: Delivered['rows'] = []
  feed.on('rows', (batch) => {
    for (const row of batch) {
      const spec = venue.shapes[batch.shape] as ShapeSpec
      const plain = plainRow(row, spec)
      // The copy has to say the same as the view.
      expect(plainRow(row.toObject(), spec)).toEqual(plain)
      rows.push({ shape: batch.shape, row: plain })
    }
  })
  const { deflate: agreed } = await feed.open()
  expect(agreed).toBe(deflate)
  const expectedCount = messages.reduce((sum, message) => sum + expectedOf(message, venue).length, 0)
  await until(() => feed.stats().messages === messages.length, 'all messages have come')
  await until(() => rows.length >= expectedCount, 'all rows have been handed over')
  return { rows, stats: feed.stats() }
}

function expectedOf(message: string, venue: Venue): Delivered['rows'] {
  const shape = venue.pick(message)
  if (shape === null) return []
  return expectedRows(message, venue.shapes[shape] as ShapeSpec).map((row) => ({ shape, row }))
}

function countByShape(rows: Delivered['rows']): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { shape } of rows) counts[shape] = (counts[shape] ?? 0) + 1
  return counts
}

function compare({ rows, stats }: Delivered, messages: readonly string[], venue: Venue): void {
  const expected = messages.flatMap((message) => expectedOf(message, venue))
  for (const [i, row] of rows.entries()) expect(row, `row ${i}`).toEqual(expected[i])
  expect(rows.length).toBe(expected.length)
  expect(stats).toMatchObject({
    messages: messages.length,
    payloadBytes: messages.reduce((sum, message) => sum + Buffer.byteLength(message), 0),
    rows: expected.length,
    malformed: 0,
    ignored: messages.filter((message) => venue.pick(message) === null).length,
    levelsCut: 0,
    dropped: 0,
    controlLost: 0,
  })
}

/** Streams that follow Binance's combined form, `/data/e` naming the kind of event. */
function combined(exact: boolean, options: { withEvent: boolean }): Venue {
  const { symbol, number, decimal, int64, text, bool, levels } = json
  const amount = exact ? decimal : number
  const shapes: Venue['shapes'] = {
    depthUpdate: {
      fields: {
        stream: symbol('/stream'),
        symbol: symbol('/data/s'),
        eventTime: int64('/data/E', { as: 'number' }),
        transactionTime: int64('/data/T', { as: 'number', optional: true }),
        first: int64('/data/U'),
        last: int64('/data/u'),
        previous: int64('/data/pu', { optional: true }),
        bids: exact ? levels('/data/b', { exact: true }) : levels('/data/b'),
        asks: exact ? levels('/data/a', { exact: true }) : levels('/data/a'),
      },
    },
    aggTrade: {
      fields: {
        symbol: symbol('/data/s'),
        id: int64('/data/a'),
        price: amount('/data/p'),
        quantity: amount('/data/q'),
        firstTrade: int64('/data/f'),
        lastTrade: int64('/data/l'),
        time: number('/data/T'),
        buyerIsMaker: bool('/data/m'),
        isBest: bool('/data/M', { optional: true }),
      },
    },
    kline: {
      fields: {
        symbol: symbol('/data/k/s'),
        interval: symbol('/data/k/i'),
        start: int64('/data/k/t'),
        end: int64('/data/k/T'),
        open: amount('/data/k/o'),
        close: amount('/data/k/c'),
        high: amount('/data/k/h'),
        low: amount('/data/k/l'),
        volume: amount('/data/k/v'),
        quoteVolume: decimal('/data/k/q'),
        quoteText: text('/data/k/Q'),
        trades: int64('/data/k/n', { as: 'number' }),
        isClosed: bool('/data/k/x'),
        lastTrade: int64('/data/k/L'),
      },
    },
    bookTicker: {
      fields: {
        stream: text('/stream'),
        id: int64('/data/u'),
        idText: text('/data/u'),
        symbol: symbol('/data/s'),
        bid: amount('/data/b'),
        bidSize: amount('/data/B'),
        ask: amount('/data/a'),
        askSize: amount('/data/A'),
        time: int64('/data/T', { optional: true }),
      },
    },
  }
  const variants = Object.fromEntries(Object.entries(shapes).map(([name, spec]) => [name, decoderOf(spec)]))
  return {
    shapes,
    decoder: json.oneOf('/data/e', variants, options.withEvent ? {} : { absent: 'bookTicker' }),
    pick: (message) => (JSON.parse(message) as { data: { e?: string } }).data.e ?? 'bookTicker',
  }
}

async function received(name: string): Promise<string[]> {
  return (await readCapture(fileURLToPath(new URL(name, shared)))).received.map(({ text }) => text)
}

const ways = [
  { deflate: false, loop: 'park' },
  { deflate: true, loop: 'park' },
  { deflate: false, loop: 'inline' },
] as const

describe.skipIf(!isThere && !isDemanded)(
  `recorded streams${isThere ? '' : ` (skipped: there is no ${fileURLToPath(shared)})`}`,
  () => {
    describe.each([
      ['BINANCE.ws.1.0', false, { depthUpdate: 177, bookTicker: 84, aggTrade: 2, kline: 2 }],
      ['BINANCE_US.ws.1.0', false, { depthUpdate: 336, bookTicker: 128, aggTrade: 11, kline: 5 }],
      ['BINANCE_FUTURES.ws.1.0', true, { depthUpdate: 764, bookTicker: 613, aggTrade: 91, kline: 67 }],
    ] as const)('%s', (file, withEvent, counts) => {
      it.each([
        ['as doubles', false],
        ['exact', true],
      ] as const)('%s', async (_, exact) => {
        const messages = await received(file)
        const venue = combined(exact, { withEvent })
        for (const way of ways) {
          const delivered = await deliver(messages, venue, way)
          compare(delivered, messages, venue)
          expect(countByShape(delivered.rows)).toEqual(counts)
        }
      })
    })

    it.each([
      ['BINANCE.http.0.0', 4],
      ['BINANCE_US.http.0.0', 4],
      ['BINANCE_FUTURES.http.0.0', 4],
    ] as const)('%s: book snapshots of up to a thousand levels a side', async (file, count) => {
      const messages = (await readCapture(fileURLToPath(new URL(file, shared)))).answers.map(({ text }) => text)
      expect(messages.length).toBe(count)
      for (const exact of [false, true]) {
        const levels = (pointer: string) => json.levels(pointer, exact ? { exact: true } : {})
        const row: ShapeSpec = {
          fields: { id: json.int64('/lastUpdateId'), bids: levels('/bids'), asks: levels('/asks') },
        }
        const venue: Venue = { shapes: { row }, decoder: decoderOf(row), pick: () => 'row' }
        const delivered = await deliver(messages, venue)
        compare(delivered, messages, venue)
        const longest = Math.max(...delivered.rows.map((each) => (each.row['bids'] as unknown[]).length))
        expect(longest).toBeGreaterThan(100)
      }
    })

    it('OKCOIN.ws.1.0: rows of an array, with fields from the message around it', async () => {
      const { symbol, number, decimal, int64, levels } = json
      const from = 'root'
      const each = '/data'
      const shapes: Venue['shapes'] = {
        books: {
          each,
          fields: {
            instrument: symbol('/arg/instId', { from }),
            action: symbol('/action', { from }),
            time: int64('/ts'),
            checksum: int64('/checksum', { as: 'number' }),
            bids: levels('/bids', { exact: true }),
            asks: levels('/asks'),
          },
        },
        trades: {
          each,
          fields: {
            channelInstrument: symbol('/arg/instId', { from }),
            instrument: symbol('/instId'),
            id: int64('/tradeId'),
            price: decimal('/px'),
            size: number('/sz'),
            side: symbol('/side'),
            time: int64('/ts', { as: 'number' }),
          },
        },
        tickers: {
          each,
          fields: {
            instrument: symbol('/instId'),
            type: symbol('/instType'),
            last: decimal('/last'),
            lastSize: decimal('/lastSz'),
            ask: number('/askPx'),
            askSize: number('/askSz'),
            bid: number('/bidPx'),
            bidSize: number('/bidSz'),
            open: decimal('/open24h'),
            volume: decimal('/vol24h'),
            turnover: decimal('/volCcy24h'),
            time: int64('/ts'),
          },
        },
        candle1m: {
          each,
          fields: {
            instrument: symbol('/arg/instId', { from }),
            start: int64('/0'),
            open: decimal('/1'),
            close: number('/4'),
            confirmed: number('/8'),
          },
        },
      }
      const variants = Object.fromEntries(Object.entries(shapes).map(([name, spec]) => [name, decoderOf(spec)]))
      const venue: Venue = {
        shapes,
        decoder: json.oneOf('/arg/channel', variants),
        pick: (message) => (JSON.parse(message) as { arg: { channel: string } }).arg.channel,
      }
      // Confirmations name the channel too, but hold no rows: they would be refused as such.
      const messages = (await received('OKCOIN.ws.1.0')).filter((message) => !message.includes('"event"'))
      for (const way of ways) {
        const delivered = await deliver(messages, venue, way)
        compare(delivered, messages, venue)
        expect(countByShape(delivered.rows)).toEqual({ books: 6, trades: 4, tickers: 8, candle1m: 12 })
      }
    })

    it('OKCOIN.ws.1.0: confirmations without rows are refused, and named', async () => {
      const messages = await received('OKCOIN.ws.1.0')
      const row: ShapeSpec = { each: '/data', fields: { channel: json.symbol('/arg/channel', { from: 'root' }) } }
      const confirms = (message: string): boolean => message.includes('"event"')
      const venue: Venue = {
        shapes: { row },
        decoder: decoderOf(row),
        pick: (message) => (confirms(message) ? null : 'row'),
      }
      const { rows, stats } = await deliver(messages, venue)
      expect(rows).toEqual(messages.flatMap((message) => expectedOf(message, venue)))
      expect(stats.malformedBy).toMatchObject({ missing: messages.filter(confirms).length })
      expect(stats.malformed).toBe(40)
    })

    it('KRAKEN.ws.49.0: messages that are arrays', async () => {
      const { number, decimal, int64, symbol, text } = json
      const ticker: ShapeSpec = {
        fields: {
          channel: int64('/0'),
          pair: symbol('/3'),
          kind: text('/2'),
          ask: decimal('/1/a/0'),
          askWholeLots: int64('/1/a/1', { as: 'number' }),
          askLots: number('/1/a/2'),
          bid: number('/1/b/0'),
          bidWholeLots: int64('/1/b/1'),
          bidLots: decimal('/1/b/2'),
          close: decimal('/1/c/0'),
          volumeToday: decimal('/1/v/0'),
          volumeDay: decimal('/1/v/1'),
          tradesToday: int64('/1/t/0'),
          tradesDay: number('/1/t/1'),
          low: number('/1/l/0'),
          high: number('/1/h/1'),
          open: decimal('/1/o/1'),
        },
      }
      const messages = await received('KRAKEN.ws.49.0')
      const venue: Venue = {
        shapes: { ticker },
        decoder: json.oneOf('/2', { ticker: decoderOf(ticker) }, { otherwise: 'ignore' }),
        pick: (message) => (message.startsWith('[') ? 'ticker' : null),
      }
      for (const way of ways) {
        const delivered = await deliver(messages, venue, way)
        compare(delivered, messages, venue)
        expect(countByShape(delivered.rows)).toEqual({ ticker: 18 })
      }
    })

    it('KRAKEN.ws.49.0: the objects among them, with an id beyond 64 bits', async () => {
      const shapes: Venue['shapes'] = {
        systemStatus: {
          fields: {
            id: json.symbol('/connectionID'),
            idText: json.text('/connectionID'),
            near: json.number('/connectionID'),
            version: json.symbol('/version'),
          },
        },
        subscriptionStatus: {
          fields: {
            channel: json.int64('/channelID'),
            pair: json.symbol('/pair'),
            kind: json.symbol('/subscription/name'),
            error: json.text('/errorMessage', { optional: true }),
          },
        },
      }
      const variants = Object.fromEntries(Object.entries(shapes).map(([name, spec]) => [name, decoderOf(spec)]))
      const messages = await received('KRAKEN.ws.49.0')
      const venue: Venue = {
        shapes,
        decoder: json.oneOf('/event', variants, { otherwise: 'ignore' }),
        pick: (message) => {
          const { event } = JSON.parse(message) as { event?: string }
          return event !== undefined && event in shapes ? event : null
        },
      }
      const delivered = await deliver(messages, venue)
      compare(delivered, messages, venue)
      expect(countByShape(delivered.rows)).toEqual({ systemStatus: 1, subscriptionStatus: 10 })
      expect(delivered.rows[0]?.row).toMatchObject({ id: '14545728493745856413', near: Number('14545728493745856413') })
    })
  },
)

describe('the synthetic stream of the examples', async () => {
  const path = fileURLToPath(new URL('../../examples/captures/SIMULATED.ws.1.0', import.meta.url))
  const messages = (await readCapture(path)).received.map(({ text }) => text)

  it.each([
    ['as doubles', false],
    ['exact', true],
  ] as const)('%s', async (_, exact) => {
    const venue = combined(exact, { withEvent: true })
    for (const way of ways) {
      const delivered = await deliver(messages, venue, way)
      compare(delivered, messages, venue)
      const kinds = Object.keys(countByShape(delivered.rows)).sort()
      expect(kinds).toEqual(['aggTrade', 'bookTicker', 'depthUpdate', 'kline'])
    }
  })

  it('the reading that rows are compared with reads as it should', () => {
    // A check of the check: a comparison of nothing with nothing would pass as well.
    const spec: ShapeSpec = {
      each: '/d',
      fields: {
        n: json.number('/n'),
        i: json.int64('/i'),
        x: json.decimal('/n'),
        s: json.symbol('/s', { from: 'root' }),
        l: json.levels('/l', { exact: true }),
        o: json.bool('/o', { optional: true }),
      },
    }
    const message =
      '{"s":"A","d":[{"n":"1.50","i":9007199254740993,"l":[["1.10",2.0]]},{"n":2e3,"i":"-4","l":[],"o":true}]}'
    expect(expectedRows(message, spec)).toEqual([
      { n: 1.5, i: 9007199254740993n, x: '1.50', s: 'A', l: [{ price: '1.10', size: '2.0' }], o: null },
      { n: 2000, i: -4n, x: '2e3', s: 'A', l: [], o: true },
    ])
  })
})
