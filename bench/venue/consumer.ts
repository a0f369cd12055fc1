/** One side's stack: subscriptions, book tickers, trades, and order books that are in sync with the snapshots. */
import { MainClient, WebsocketClient } from 'binance'
import { Feed, Loop } from 'tickwire'
import { binance } from 'tickwire/venue/binance'
import { JsBook } from './js-book.ts'
import type { VenueLoad, VenueTask } from './task.ts'

const task = JSON.parse(process.argv[2] ?? '') as VenueTask
const stream = task.origin.replace('http', 'ws')

/** Takes the time from the message on that ends the warm-up until the last. */
class Clock {
  #start: { at: bigint; main: NodeJS.CpuUsage; total: NodeJS.CpuUsage } | null = null
  #from = 0

  get begun(): boolean {
    return this.#start !== null
  }

  begin(messages: number): void {
    if (this.begun) return
    this.#from = messages
    this.#start = { at: process.hrtime.bigint(), main: process.threadCpuUsage(), total: process.cpuUsage() }
  }

  end(checksum: number, books: Record<string, string>): void {
    if (this.#start === null) throw new Error('the warm-up has not ended')
    const { at, main, total } = this.#start
    const ns = ({ user, system }: NodeJS.CpuUsage): number => (user + system) * 1_000
    const load: VenueLoad = {
      messages: task.messages - this.#from,
      wallNs: Number(process.hrtime.bigint() - at),
      mainCpuNs: ns(process.threadCpuUsage()) - ns(main),
      totalCpuNs: ns(process.cpuUsage()) - ns(total),
      checksum,
      books,
    }
    process.send?.(load)
  }
}

async function ours(): Promise<void> {
  const clock = new Clock()
  const loop = new Loop({ mode: 'park' })
  const symbols = [...task.symbols]
  const rest = binance.rest({ endpoints: [task.origin] })
  const kept = binance.books({ symbols, depth: 10, loop, rest })
  let checksum = 0
  let seen = 0
  const [options] = binance.market({ symbols, streams: ['ticker', 'trades', 'book'], url: stream })
  if (options === undefined) throw new Error('no feed')
  const feed = new Feed({ ...options, loop, books: kept.books })
  feed.on('rows:ticker', (rows) => {
    for (const row of rows) {
      checksum += row.bid.toNumber()
      seen++
    }
  })
  feed.on('rows:trades', (rows) => {
    for (const row of rows) {
      checksum += row.price.toNumber()
      seen++
    }
  })
  let tops = 0
  kept.books.on('book', (book) => {
    if (book.synced) tops += book.bid().price
  })
  kept.carry(feed, symbols)
  await feed.open()
  const timer = setInterval(() => {
    if (seen < (task.rows * task.warmUp) / task.messages) return
    if (!clock.begun) clock.begin(feed.stats().messages)
    // Books may come after the last row.
    if (seen < task.rows) return
    const { messages } = feed.stats()
    // One message is the confirmation.
    if (messages < task.messages + 1) return
    clearInterval(timer)
    setTimeout(() => {
      const books = Object.fromEntries(
        symbols.map((symbol) => {
          const book = kept.books.get(symbol)
          if (book === undefined) throw new Error(`no book of ${symbol}`)
          book.refresh()
          return [symbol, `${book.synced} ${book.bid().price} ${book.ask().price} ${book.updateId}`]
        }),
      )
      if (tops === 0) throw new Error('no book was told of')
      clock.end(checksum, books)
    }, 0)
  }, 1)
}

async function peer(): Promise<void> {
  const clock = new Clock()
  const silent = { trace: () => {}, info: () => {}, error: () => {} }
  const client = new WebsocketClient({ wsUrl: stream, beautify: false }, silent)
  const rest = new MainClient({ baseUrl: task.origin, beautifyResponses: false })
  const books = new Map(task.symbols.map((symbol) => [symbol, new JsBook()]))
  let checksum = 0
  let tops = 0
  let messages = 0
  client.on('message', (data) => {
    const message = data as unknown as { e?: string; s: string; b: never; a: never; p: string; U: number; u: number }
    if (message.s === undefined) return
    messages++
    if (message.e === 'depthUpdate') {
      const book = books.get(message.s) as JsBook
      book.update(message)
      if (book.synced) tops += book.bestBid
    } else if (message.e === 'aggTrade') checksum += Number(message.p)
    else checksum += Number(message.b)
    if (messages === task.warmUp) clock.begin(messages)
    if (messages < task.messages) return
    const finals = [...books].map(([symbol, book]) => [
      symbol,
      `${book.synced} ${book.bestBid} ${book.bestAsk} ${book.updateId}`,
    ])
    if (tops === 0) throw new Error('no book was kept')
    clock.end(checksum, Object.fromEntries(finals) as Record<string, string>)
  })
  const topics = task.symbols.flatMap((symbol) =>
    ['bookTicker', 'aggTrade', 'depth@100ms'].map((topic) => `${symbol.toLowerCase()}@${topic}`),
  )
  // The recorded snapshots are older than the first update, whenever they are asked for.
  await Promise.all(
    task.symbols.map(async (symbol) => {
      const { lastUpdateId, bids, asks } = await rest.getOrderBook({ symbol, limit: 1000 })
      books.get(symbol)?.seed(lastUpdateId, bids as [string, string][], asks as [string, string][])
    }),
  )
  await client.subscribe(topics, 'main')
}

await (task.side === 'ours' ? ours() : peer())
