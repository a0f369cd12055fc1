/**
 * Books in a Worker: reads `count` events of ten books of a server, looking at each book that has changed.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { Feed, json, Loop, type LoopMode } from 'tickwire'
import { Books } from '../../../dist/esm/book/index.js'
import { lookAt } from './look.ts'

export interface ReaderPlan {
  readonly url: string
  readonly mode: LoopMode
  /** `spin`: calls poll() and does nothing else. */
  readonly drive: 'signal' | 'spin'
  readonly count: number
}

export interface ReaderReport {
  /** Events that the books have had. */
  readonly events: number
  /** Changes that were told of. */
  readonly told: number
  /** The last update of each book. */
  readonly last: readonly number[]
  /** Best bid and ask of each. */
  readonly best: readonly (readonly [number, number])[]
  readonly sum: number
}

const { url, mode, drive, count } = workerData as ReaderPlan
const { symbol, int64, levels } = json
const decode = json(
  {
    symbol: symbol('/s'),
    lastId: int64('/u'),
    bids: levels('/b', { exact: true }),
    asks: levels('/a', { exact: true }),
  },
  { book: { symbol: 'symbol', bids: 'bids', asks: 'asks', lastId: 'lastId', snapshot: true } },
)

const loop = new Loop({ mode })
const wake = drive === 'spin' ? 'poll' : 'signal'
const books = new Books({ rules: 'snapshots', depth: 5, loop, wake })
for (let i = 0; i < 10; i++) books.add(`S${i}`)
let told = 0
const sums = new Float64Array(3)

books.on('book', (book) => {
  told++
  lookAt(book, sums)
})
const feed = new Feed({ url, decode, books, loop, wake })
await feed.open()

const isComplete = (): boolean => [...books].every((book) => book.updateId > count - 10)

while (!isComplete()) {
  if (drive === 'spin') feed.poll()
  else await new Promise((resolve) => setTimeout(resolve, 5))
}
const report: ReaderReport = {
  events: books.stats().events,
  told,
  last: [...books].map((book) => book.updateId),
  best: [...books].map((book) => [book.bid().price, book.ask().price] as const),
  sum: sums[0] as number,
}
parentPort?.postMessage(report)
await loop.close()
