/** Books of orders: queues in the order in which they are filled, against a slow reference after every message; over a server built on `ws`. */
import { crc32 } from 'node:zlib'
import { type Decimal, Feed, json, never } from 'tickwire'
import { expect, it } from 'vitest'
import { type Book, Books, type BooksOptions } from '../../dist/esm/book/index.js'
import { until } from '../e2e/waiting.ts'
import { startWsServer, type WsServer } from '../peers/ws-server.ts'

const { symbol, int64, orders } = json

const keys = {
  idKey: 'id',
  priceKey: 'p',
  sizeKey: 'q',
  timeKey: 't',
  act: { key: 'e', change: 'modify', remove: 'delete' },
} as const

const decode = json(
  {
    symbol: symbol('/s'),
    type: symbol('/k'),
    checksum: int64('/c', { optional: true }),
    bids: orders('/b', keys),
    asks: orders('/a', keys),
  },
  {
    book: {
      symbol: 'symbol',
      bids: 'bids',
      asks: 'asks',
      checksum: 'checksum',
      snapshot: { field: 'type', is: 'snapshot' },
    },
  },
)

interface Change {
  readonly e?: 'add' | 'modify' | 'delete'
  readonly id: string
  readonly p: string
  readonly q: string
  readonly t?: string | number
}

/** Numbers as they are written. */
const side = (changes: readonly Change[]): string =>
  `[${changes.map(({ p, q, ...rest }) => `${JSON.stringify(rest).slice(0, -1)},"p":${p},"q":${q}}`).join(',')}]`

const message = (k: 'snapshot' | 'update', b: readonly Change[], a: readonly Change[], c?: number): string =>
  `{"s":"X","k":"${k}"${c === undefined ? '' : `,"c":${c}`},"b":${side(b)},"a":${side(a)}}`

async function follow(server: WsServer, options: BooksOptions = {}): Promise<{ books: Books; book: Book; feed: Feed }> {
  const books = new Books({ rules: 'kraken', venueDepth: 10, orders: 5, depth: 10, ...options })
  const book = books.add('X')
  const feed = new Feed({ url: server.url, decode, books, reconnect: never() })
  await feed.open()
  return { books, book, feed: feed as unknown as Feed }
}

/** A side of the truth: its orders in the order of their times, as texts. */
class Reference {
  readonly orders: { id: string; p: string; q: string; t: number }[] = []
  readonly sign: 1 | -1

  constructor(sign: 1 | -1) {
    this.sign = sign
  }

  levels(): [price: string, orders: { id: string; p: string; q: string; t: number }[]][] {
    const byPrice = new Map<string, { id: string; p: string; q: string; t: number }[]>()
    for (const order of [...this.orders].sort((a, b) => a.t - b.t)) {
      byPrice.set(order.p, [...(byPrice.get(order.p) ?? []), order])
    }
    return [...byPrice].sort(([a], [b]) => this.sign * (Number(a) - Number(b)))
  }
}

const digits = (text: string): string => text.replace('.', '').replace(/^0+/, '')

/** https://docs.kraken.com/exchange/guides/websockets/l3-checksum-v2 */
function checksum(asks: Reference, bids: Reference): number {
  const text = [asks, bids].flatMap((each) =>
    each
      .levels()
      .slice(0, 10)
      .flatMap(([, queue]) => queue.map(({ p, q }) => digits(p) + digits(q))),
  )
  return crc32(text.join(''))
}

it('shows what is filled next, after every message, as a slow reference has it', { timeout: 60_000 }, async () => {
  await using server = await startWsServer()
  const { books, book, feed } = await follow(server)
  let seed = 7
  const random = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  const [bids, asks] = [new Reference(-1), new Reference(1)]
  let [count, time] = [0, 1_000]
  const made = (reference: Reference): Change => {
    const p = (100 + reference.sign * (1 + random(8)) * 0.5).toFixed(2)
    const order = { id: `O${++count}-A`, p, q: (1 + random(400) / 8).toFixed(4), t: ++time }
    reference.orders.push(order)
    return { e: 'add', ...order }
  }
  const change = (reference: Reference): Change => {
    const index = random(Math.max(1, reference.orders.length))
    const order = reference.orders[index]
    if (order === undefined || reference.orders.length < 10 || random(10) < 4) return made(reference)
    if (random(10) < 6) {
      reference.orders.splice(index, 1)
      return { e: 'delete', ...order }
    }
    // Smaller keeps its place; larger goes behind, as its time says.
    if (random(2) === 0) order.q = (Number(order.q) / 2).toFixed(4)
    else {
      order.q = (Number(order.q) + 1).toFixed(4)
      order.t = ++time
    }
    return { e: 'modify', ...order }
  }
  const start = (reference: Reference): Change[] => Array.from({ length: 12 }, () => made(reference))
  const [firstBids, firstAsks] = [start(bids), start(asks)]
  server.broadcast(message('snapshot', firstBids, firstAsks, checksum(asks, bids)))
  for (let step = 1; step <= 300; step++) {
    const some = (reference: Reference): Change[] => Array.from({ length: random(3) }, () => change(reference))
    const [changedBids, changedAsks] = [some(bids), some(asks)]
    server.broadcast(message('update', changedBids, changedAsks, checksum(asks, bids)))
    await until(() => book.updates === step + 1 || book.reason !== null, `step ${step}`)
    expect(book.reason).toBeNull()
    for (const [shown, reference] of [
      [book.bids, bids],
      [book.asks, asks],
    ] as const) {
      const levels = reference.levels()
      expect(shown.orders).toBe(reference.orders.length)
      expect([...shown].map(({ priceText }) => priceText)).toEqual(levels.map(([price]) => price))
      for (const [i, [, queue]] of levels.entries()) {
        const level = shown.at(i)
        expect(level.orders.total).toBe(queue.length)
        expect(level.orders.toArray().map(({ id, sizeText, time: at }) => [id, sizeText, Number(at)])).toEqual(
          queue.slice(0, 5).map(({ id, q, t }) => [id, q, t]),
        )
        expect(level.size).toBeCloseTo(
          queue.reduce((sum, { q }) => sum + Number(q), 0),
          6,
        )
      }
    }
  }
  expect([book.gaps, book.resyncs]).toEqual([0, 0])
  await feed.close()
  books.close()
})

it("agrees with Kraken's documented check sum, and is stale with another", async () => {
  // https://docs.kraken.com/exchange/guides/websockets/l3-checksum-v2
  const asks =
    '44939.5/4.52308393 44939.5/0.00111261 44939.5/0.00100000 44939.5/0.01000000 44950.0/0.10334926 ' +
    '44953.0/0.00064537 44955.0/0.00250000 44959.6/0.35630000 44959.6/0.35630000 44960.1/0.00338072 ' +
    '44960.2/0.88967575 44967.0/3.14392283 44978.5/0.06778960 44979.2/0.35630000'
  const bids =
    '44939.4/0.88968699 44939.4/0.45210000 44939.4/0.10000000 44939.4/0.14296323 44939.4/0.25000000 ' +
    '44939.4/0.10292988 44939.4/0.33880000 44939.4/1.28140860 44937.1/0.03346877 44934.7/0.35630000 ' +
    '44930.2/0.22734299 44930.2/0.01000000 44930.2/0.05550000 44930.2/0.70000000 44930.2/0.15000000 ' +
    '44928.0/0.00105240 44919.6/0.33870000 44919.5/0.07610000 44912.0/0.35630000 44909.7/0.06690000 ' +
    '44901.9/0.00088982'
  const numbered = (levels: string, letter: string): Change[] =>
    levels.split(' ').map((level, i) => {
      const [p = '', q = ''] = level.split('/')
      return { id: `${letter}${i}`, p, q }
    })
  await using server = await startWsServer()
  const { books, book, feed } = await follow(server)
  const told: string[] = []
  books.on('stale', ({ reason }) => told.push(reason))
  server.broadcast(message('snapshot', numbered(bids, 'B'), numbered(asks, 'A'), 1_063_832_831))
  await until(() => book.synced, 'the sum agrees')
  expect(book.bid().orders.total).toBe(8)
  expect(book.ask().orders.at(1).id).toBe('A1')
  expect(book.ask().orders.at(1).sizeText).toBe('0.00111261')
  expect(book.ask(3).orders.indexOf('A7')).toBe(-1)
  expect(book.ask(4).orders.indexOf('A8')).toBe(1)
  // The same sizes in another order: who is filled first is part of it.
  const [first, second, ...rest] = numbered(asks, 'A') as [Change, Change, ...Change[]]
  server.broadcast(message('snapshot', numbered(bids, 'B'), [second, first, ...rest], 1_063_832_831))
  await until(() => book.stale, 'the sum does not')
  expect(told).toEqual(['ERR_BOOK_CHECKSUM'])
  expect(book.bids.length).toBe(0)
  expect(book.bid().orders.length).toBe(0)
  expect(book.bid().orders.at(0).exists).toBe(false)
  expect(book.bids.orders).toBe(0)
  await feed.close()
  expect(book.reason).toBe('ERR_BOOK_DISCONNECTED')
  books.close()
})

it('is stale when an order is missing, when there are too many, and when a message cannot be read', async () => {
  await using server = await startWsServer()
  const { books, book, feed } = await follow(server, { maxOrders: 3, orders: 2 })
  const told: string[] = []
  books.on('stale', ({ reason }) => told.push(reason))
  const order = (n: number, p = '10'): Change => ({ id: `${n}`, p, q: '1.5' })
  const snapshot = message('snapshot', [order(1), order(2)], [order(3, '11')])
  const again = async (): Promise<void> => {
    server.broadcast(snapshot)
    await until(() => book.synced, 'it is in sync')
  }
  const lost = async (text: string): Promise<void> => {
    await again()
    server.broadcast(text)
    await until(() => book.stale, 'it is stale')
  }
  await lost(message('update', [{ e: 'delete', ...order(9) }], []))
  await lost(message('update', [{ e: 'modify', ...order(9) }], []))
  await lost(message('update', [order(4), order(5)], []))
  await lost('{"s":"X","k":"update"')
  await lost(message('update', [{ id: 'not one', p: '1', q: '1' }], []))
  expect(told).toEqual(['ERR_BOOK_GAP', 'ERR_BOOK_GAP', 'ERR_BOOK_EVENT_SIZE', 'ERR_BOOK_LOST', 'ERR_BOOK_LOST'])
  await again()
  expect([book.gaps, book.resyncs]).toEqual([2, 5])
  const copy = book.copy()
  expect(copy.bids).toEqual([
    {
      price: 10,
      size: 3,
      priceText: '10',
      sizeText: '3.0',
      orders: [
        { id: '1', size: 1.5, sizeText: '1.5', time: 0n },
        { id: '2', size: 1.5, sizeText: '1.5', time: 0n },
      ],
    },
  ])
  const [first] = book.bid().orders
  expect(first?.timeMs).toBeNaN()
  expect(first?.sizeDecimal.mantissa).toBe(15n)
  expect(() => book.bid().orders.at(2)).toThrow(RangeError)
  expect(book.bid().orders.at(0)).toBe(first)
  books.delete('X')
  expect(book.bid().orders.length).toBe(0)
  expect(first?.id).toBe('')
  await feed.close()
  books.close()
})

it('rows of orders can be read, and books of the other kind are refused', async () => {
  await using server = await startWsServer()
  const plain = json(
    { bids: orders('/b', { ...keys, max: 2 }), none: orders('/x', { ...keys, optional: true }) },
    { name: 'plain' },
  )
  await using feed = new Feed({ url: server.url, decode: plain, reconnect: never() })
  const rows: unknown[] = []
  feed.on('rows', (batch) => {
    for (const row of batch) rows.push({ ...row.toObject(), length: row.bids.length })
  })
  await feed.open()
  const all: Change[] = [
    { e: 'modify', id: 'OTCFZG-YOE2Q-LQKNM3', p: '1.50', q: '2', t: '2023-10-06T17:35:00.279389650Z' },
    { e: 'delete', id: '0', p: '1', q: '0' },
    { id: '1', p: '1', q: '1' },
  ]
  server.broadcast(message('update', all, []))
  await until(() => rows.length === 1, 'the row has come')
  const { bids, none, length } = rows[0] as {
    bids: { act: string; id: string; price: Decimal; time: bigint }[]
    none: null
    length: number
  }
  expect(none).toBeNull()
  expect(length).toBe(2)
  expect(bids.map(({ act, id, price, time }) => [act, id, price.toString(), time])).toEqual([
    ['change', 'OTCFZG-YOE2Q-LQKNM3', '1.50', 1_696_613_700_279_389_650n],
    ['remove', '0', '1', 0n],
  ])
  expect(feed.stats().levelsCut).toBe(1)
  const levels = new Books()
  expect(() => new Feed({ url: server.url, decode, books: levels })).toThrow(/brings orders/)
  levels.close()
  for (const [options, fault] of [
    [{ orders: 0 }, /orders/],
    [{ orders: 10, rules: 'okx' }, /orders/],
    [{ orders: 1_000, depth: 21 }, /20000/],
    [{ orders: 1, levels: 100 }, /levels/],
    [{ orders: 1, crossed: 'stale' }, /crossed/],
    [{ maxOrders: 1 }, /maxOrders/],
  ] as [BooksOptions, RegExp][]) {
    expect(() => new Books(options)).toThrow(fault)
  }
})
