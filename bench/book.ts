import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { json } from 'tickwire'
import { rowInternals } from '../dist/esm/feed/decoder.js'
import { runBookFeed } from './book/feed.ts'
import { type MarketTexts, marketTexts } from './book/market.ts'
import { CcxtBook, type CcxtOrderBook, MapBook, type PeerBook } from './book/peers.ts'
import { ccxtModule } from './ccxt.ts'
import { compileProgram, nativeBenches, pollerSources } from './native.ts'
import { type Bench, median } from './report.ts'

const symbolCount = 50
const levels = 200
const changeCount = 8_192
const depth = 20

const { symbol, int64, levels: side } = json

const roles = { symbol: 'symbol', bids: 'bids', asks: 'asks', firstId: 'firstId', lastId: 'lastId' } as const
const fields = {
  symbol: symbol('/data/s'),
  firstId: int64('/data/U'),
  lastId: int64('/data/u'),
  bids: side('/data/b', { exact: true }),
  asks: side('/data/a', { exact: true }),
}

/** Of the messages of `marketTexts`. */
export const bookDecoder = json.oneOf(
  '/stream',
  { whole: json(fields, { book: { ...roles, snapshot: true } }), change: json(fields, { book: roles }) },
  { match: { whole: '*@whole', change: '*@change' } },
)

function compile(log: (text: string) => void): string {
  const core = fileURLToPath(new URL('../native/', import.meta.url))
  const simdjson = fileURLToPath(new URL('../third_party/simdjson/', import.meta.url))
  const all = (layer: string, wanted: (file: string) => boolean = () => true): string[] =>
    readdirSync(join(core, layer))
      .filter((file) => file.endsWith('.cc') && wanted(file))
      .map((file) => join(core, layer, file))
  const feed = new Set(['channel.cc', 'book_set.cc', 'book_stage.cc', 'book_view.cc', 'order_view.cc'])
  return compileProgram(
    'book_stage_bench',
    [
      join(nativeBenches, 'book_stage_bench.cc'),
      ...pollerSources(),
      ...all('loop', (file) => !file.startsWith('poller_')),
      ...all('decode'),
      ...all('book'),
      ...all('feed', (file) => feed.has(file)),
      join(simdjson, 'simdjson.cpp'),
    ],
    log,
    [simdjson],
  )
}

interface Native {
  readonly ns: readonly number[]
  readonly sum: number
  readonly mallocs: number
}

function timeNative({ wholes, changes }: MarketTexts, rounds: number, log: (text: string) => void): Native {
  const program = compile(log)
  const directory = mkdtempSync(join(tmpdir(), 'tickwire-book-'))
  try {
    const [description, file] = [join(directory, 'description.json'), join(directory, 'messages')]
    writeFileSync(description, rowInternals(bookDecoder).description)
    const framed = [...wholes, ...changes].map((text) => {
      const message = Buffer.from(text)
      const length = Buffer.alloc(4)
      length.writeUInt32LE(message.length)
      return Buffer.concat([length, message])
    })
    writeFileSync(file, Buffer.concat(framed))
    const args = [description, file, String(rounds), String(symbolCount), String(depth)]
    const ran = spawnSync(program, args, { encoding: 'utf8' })
    if (ran.status !== 0) throw new Error(`book_stage_bench failed with ${ran.status}: ${ran.stderr}`)
    return JSON.parse(ran.stdout) as Native
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Nanoseconds of this thread's CPU per change, the reader's look at the best five levels included; and what all books come to. */
function timePeer({ symbols, wholes, changes }: MarketTexts, make: () => PeerBook): { ns: number; sum: number } {
  const books = new Map(symbols.map((name) => [name, make()]))
  for (const text of wholes) {
    const message = JSON.parse(text)
    books.get(message.data.s)?.load(message)
  }
  let looked = 0
  const start = process.threadCpuUsage()
  for (const text of changes) {
    const message = JSON.parse(text)
    const book = books.get(message.data.s) as PeerBook
    book.change(message)
    looked += book.best()
  }
  const { user, system } = process.threadCpuUsage(start)
  const ns = (1_000 * (user + system)) / changes.length
  if (!(looked > 0)) throw new Error('nothing was looked at')
  let sum = 0
  for (const book of books.values()) sum += book.best()
  return { ns, sum }
}

function checkSum(side: string, sum: number, expected: number): void {
  // Sums of products of doubles, in other orders.
  if (Math.abs(sum - expected) > 1e-9 * Math.abs(expected)) throw new Error(`${side}: ${sum} instead of ${expected}`)
}

/**
 * Changes of order books: from texts in memory to books and their views in the core, per second; and what the JavaScript thread spends on each
 * when they come over a socket and it looks at the best five levels of every book that has changed. Against ccxt's order book and a plain one in
 * Maps, both fed from texts in memory.
 */
const bench: Bench = async (context) => {
  const rounds = context.quick ? 5 : 15
  const texts = marketTexts(symbolCount, levels, changeCount)
  const { OrderBook } = (await ccxtModule('src/base/ws/OrderBook.js')) as {
    OrderBook: new (snapshot?: object, depth?: number) => CcxtOrderBook
  }
  const peers: Record<string, () => PeerBook> = { ccxt: () => new CcxtBook(OrderBook), Map: () => new MapBook() }
  const times: Record<string, number[]> = { ccxt: [], Map: [] }
  const native = timeNative(texts, rounds, context.log)
  for (let round = 0; round <= rounds; round++) {
    for (const [name, make] of Object.entries(peers)) {
      const { ns, sum } = timePeer(texts, make)
      checkSum(name, sum, native.sum)
      if (round > 0) times[name]?.push(ns)
    }
  }
  const perSecond = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, 1e9 / median(all)]))
  const ours = 1e9 / median(native.ns)
  context.log(`core: ${median(native.ns).toFixed(0)} ns per change, ${native.mallocs} allocations in ${changeCount}`)
  const shape = `${symbolCount} books of ${levels} levels a side, 11 changed levels per message`
  context.emit(
    {
      metric: 'deltas',
      mode: 'core',
      unit: 'messages/s',
      ours,
      peers: perSecond,
      runs: rounds,
      note: `${shape}; from JSON in memory, by the thread's CPU time; ${native.mallocs} allocations`,
    },
    'more',
  )
  const fed = await runBookFeed(texts, bookDecoder, context.quick ? 3 : 7)
  checkSum('the feed', fed.sum, native.sum)
  context.log(`feed: ${fed.told.toFixed(0)} changes told of, ${fed.heapBytes.toFixed(2)} heap bytes per message`)
  context.emit(
    {
      metric: 'js-thread',
      mode: 'into JS',
      unit: 'ns/message',
      ours: fed.jsNs,
      peers: Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)])),
      runs: fed.runs,
      note: `${shape}; CPU of the thread that reads; ours from a WebSocket of another process, peers from memory`,
      also: { 'wall clock': 1e9 / fed.perSecond },
    },
    'less',
  )
}

export default bench
