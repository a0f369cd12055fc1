import { fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Feed, type JsonDecoder, Loop } from 'tickwire'
import { type Book, Books } from '../../dist/esm/book/index.js'
import { median } from '../report.ts'
import type { MarketTexts } from './market.ts'

export interface FedBooks {
  readonly perSecond: number
  readonly runs: number
  /** What all books come to, as the peers count it. */
  readonly sum: number
  /** Changes that JavaScript was told of, per round. */
  readonly told: number
  /** Of this thread, per message: what the reader does, and being woken. */
  readonly jsNs: number
  readonly heapBytes: number
}

/** A text as a server's frame. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text)
  const { length } = payload
  if (length < 126) return Buffer.concat([Buffer.from([0x81, length]), payload])
  if (length < 65_536) return Buffer.concat([Buffer.from([0x81, 126, length >> 8, length & 0xff]), payload])
  const head = Buffer.alloc(10)
  head[0] = 0x81
  head[1] = 127
  head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, payload])
}

function best(book: Book): number {
  const { bids, asks } = book
  let sum = 0
  for (let i = 0; i < 5; i++) sum += bids.price(i) * bids.size(i) + asks.price(i) * asks.size(i)
  return sum
}

/** Rounds of all messages from another process through a feed into books; a listener looks at each book that has changed. */
export async function runBookFeed(texts: MarketTexts, decode: JsonDecoder, runs: number): Promise<FedBooks> {
  const directory = mkdtempSync(join(tmpdir(), 'tickwire-book-'))
  const file = join(directory, 'frames')
  const opening = Buffer.concat(texts.wholes.map(frame))
  writeFileSync(file, Buffer.concat([opening, ...texts.changes.map(frame)]))
  const program = fileURLToPath(new URL('./source.ts', import.meta.url))
  const child = fork(program, [file, String(opening.length)], { stdio: 'inherit' })
  try {
    const port = await new Promise<number>((resolve) => child.once('message', (value) => resolve(value as number)))
    await using loop = new Loop({ mode: 'park' })
    const books = new Books({ rules: 'none', depth: 20, loop })
    for (const symbol of texts.symbols) books.add(symbol)
    let looked = 0
    let told = 0
    books.on('book', (book) => {
      looked += best(book)
      told++
    })
    const feed = new Feed({ url: `ws://127.0.0.1:${port}`, decode, books, loop })
    await feed.open()
    const each = texts.wholes.length + texts.changes.length
    const rates: number[] = []
    const jsNs: number[] = []
    let heapBytes = 0
    for (let round = 0; round <= runs; round++) {
      told = 0
      const target = books.stats().events + each
      const heap = process.memoryUsage().heapUsed
      const cpu = process.threadCpuUsage()
      const start = process.hrtime.bigint()
      feed.send('once more')
      while (books.stats().events < target) await new Promise((resolve) => setTimeout(resolve, 1))
      const ns = Number(process.hrtime.bigint() - start)
      const { user, system } = process.threadCpuUsage(cpu)
      if (round === 0) continue // warm
      rates.push((1e9 * each) / ns)
      jsNs.push((1_000 * (user + system)) / each)
      heapBytes = Math.max(0, process.memoryUsage().heapUsed - heap) / each
    }
    if (!(looked > 0)) throw new Error('nothing was looked at')
    if (feed.stats().malformed !== 0) throw new Error('there were messages that could not be read')
    let sum = 0
    for (const book of books) {
      book.refresh()
      if (!book.synced) throw new Error(`${book.symbol} is ${book.state}`)
      sum += best(book)
    }
    await feed.close()
    books.close()
    return { perSecond: median(rates), runs, sum, told, jsNs: median(jsNs), heapBytes }
  } finally {
    child.kill()
    rmSync(directory, { recursive: true })
  }
}
