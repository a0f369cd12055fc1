/** Compares what a day of market data brings with what the venue has done. */
import { readdirSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'vitest'
import type { Book } from '../../../dist/esm/book/index.js'
import type { PlayedMessage } from '../../../dist/esm/mock/index.js'
import type { MarketDataEvents, MarketDataStats } from '../../../dist/esm/venue/index.js'
import type { Instrument } from './market.ts'
import type { Day } from './tape.ts'
import type { Words } from './words.ts'

/** Of `marketData()` of any venue, what is looked at here. */
export interface Watched {
  on<E extends keyof MarketDataEvents<never> & string>(
    event: E,
    listener: (value: MarketDataEvents<never>[E]) => void,
  ): unknown
  stats(): MarketDataStats
}

/** What became of one instrument's trades, and of its book. Nothing here grows. */
class Account {
  readonly instrument: Instrument
  /** By the number of the trade: how often it was delivered, to how many sockets it was sent plus 1 (0: it has not happened), when. */
  readonly delivered: Uint8Array
  readonly sent: Uint8Array
  readonly at: Float64Array
  readonly numberOf: ReadonlyMap<string, number>
  /** Announced as missing. */
  readonly told: Uint8Array
  readonly versionOf: ReadonlyMap<number, number>
  happened = 0
  /** The version that the book showed last. */
  version = 0

  constructor(instrument: Instrument) {
    const { trades, versions } = instrument
    this.instrument = instrument
    this.delivered = new Uint8Array(trades.length)
    this.sent = new Uint8Array(trades.length)
    this.told = new Uint8Array(trades.length)
    this.at = new Float64Array(trades.length)
    this.numberOf = new Map(trades.map((id, i) => [id, i]))
    this.versionOf = new Map(versions.map(({ id }, i) => [id, i]))
  }
}

export class Watch {
  readonly accounts: ReadonlyMap<string, Account>
  readonly reasons = new Map<string, number>()
  readonly errors = new Map<string, number>()
  /** By symbol: how often its book was out of sync, and in sync again. */
  readonly stale = new Map<string, number>()
  /** What has happened last, for who has to explain it. */
  readonly recent: string[] = []
  readonly outages: { readonly from: number; readonly to: number; readonly symbols: readonly string[] }[] = []
  /** Books that were compared, and those that were not the venue's. */
  compared = 0
  wrong: string[] = []
  rows = 0
  gaps = 0
  missing = 0
  backwards = 0
  unknown = 0
  readonly #byTopic: ReadonlyMap<string, Account>
  readonly #depth: number
  readonly #updateIds = new Map<string, bigint>()

  constructor({ instruments }: Day, words: Words, depth: number) {
    this.accounts = new Map([...instruments].map(([symbol, instrument]) => [symbol, new Account(instrument)]))
    this.#byTopic = new Map([...this.accounts].map(([symbol, account]) => [words.tradeTopic(symbol), account]))
    this.#depth = depth
  }

  /** The venue has traded. */
  readonly played = ({ topic, sockets }: PlayedMessage): void => {
    const account = this.#byTopic.get(topic)
    if (account === undefined) return
    account.at[account.happened] = performance.now()
    account.sent[account.happened++] = sockets + 1
  }

  follow(md: Watched): void {
    md.on('trades', (rows) => {
      for (const row of rows as Iterable<{ symbol: string; id: bigint | string }>) {
        this.rows++
        const account = this.accounts.get(row.symbol)
        const number = account?.numberOf.get(String(row.id))
        if (account === undefined || number === undefined) this.unknown++
        else account.delivered[number] = (account.delivered[number] as number) + 1
      }
    })
    md.on('ticker', (rows) => {
      for (const { symbol, updateId } of rows as Iterable<{ symbol: string; updateId?: bigint }>) {
        this.rows++
        if (updateId === undefined) continue
        if (updateId <= (this.#updateIds.get(symbol) ?? 0n)) this.backwards++
        this.#updateIds.set(symbol, updateId)
      }
    })
    md.on('gap', ({ symbol, from, to, lost }) => {
      this.gaps++
      this.missing += lost
      const account = this.accounts.get(symbol)
      for (let id = from; id <= to; id++) {
        const number = account?.numberOf.get(String(id))
        if (account === undefined || number === undefined) this.unknown++
        else account.told[number] = (account.told[number] as number) + 1
      }
    })
    md.on('book', (book) => this.#compare(book))
    md.on('stale', ({ book: { symbol }, reason }) => {
      this.#note(`${symbol} ${reason}`)
      this.stale.set(symbol, (this.stale.get(symbol) ?? 0) + 1)
    })
    md.on('synced', ({ book: { symbol } }) => this.#note(`${symbol} synced`))
    md.on('state', ({ path, change: { from, to, reason, detail } }) =>
      this.#note(`path ${path}: ${from} → ${to} ${reason ?? ''} ${detail}`),
    )
    md.on('outage', ({ symbols, ms }) => {
      const to = performance.now()
      this.outages.push({ from: to - ms, to, symbols })
    })
    md.on('rollover', ({ reason, path, verified, copies }) => {
      this.#note(`path ${path}: rollover ${reason} ${verified} ${copies}`)
      this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1)
    })
    md.on('error', ({ code }) => this.errors.set(code, (this.errors.get(code) ?? 0) + 1))
  }

  #note(what: string): void {
    this.recent.push(`${performance.now().toFixed(0)} ${what}`)
    if (this.recent.length > 60) this.recent.shift()
  }

  /** What an in-sync book shows is a moment of the venue's book, and none before the last one. */
  #compare(book: Book): void {
    if (!book.synced) return
    const account = this.accounts.get(book.symbol) as Account
    const { versions } = account.instrument
    this.compared++
    let at = Number.isNaN(book.updateId) ? account.version : (account.versionOf.get(book.updateId) ?? versions.length)
    const isSearched = Number.isNaN(book.updateId)
    while (at < versions.length && !this.#shows(book, versions[at]?.levels as Float64Array)) {
      if (!isSearched) at = versions.length
      else at++
    }
    if (at < versions.length && at >= account.version) account.version = at
    else if (this.wrong.length < 10) this.wrong.push(`${book.symbol} ${book.updateId} after version ${account.version}`)
  }

  #shows({ bids, asks }: Book, levels: Float64Array): boolean {
    for (const [k, side] of [bids, asks].entries()) {
      for (let i = 0; i < this.#depth; i++) {
        const { price, size } = side.at(i)
        const n = (k * this.#depth + i) * 2
        if (!Object.is(price, levels[n]) || (size !== levels[n + 1] && !Number.isNaN(price))) return false
      }
    }
    return true
  }

  /** Whether every book shows what the venue's was last. */
  get isUpToDate(): boolean {
    return [...this.accounts.values()].every(({ version, instrument }) => version === instrument.versions.length - 1)
  }

  /** Whether what was sent to anybody has come. */
  get hasAll(): boolean {
    return [...this.accounts.values()].every(({ sent, delivered }) =>
      sent.every((sockets, i) => sockets < 2 || (delivered[i] as number) > 0),
    )
  }

  /** Every trade: delivered once if any socket was sent it; else told as missing, by when it was, and by its number where there is one. */
  check(numbers: 'told' | 'unknown'): { readonly trades: number; readonly orphans: number } {
    let trades = 0
    let orphans = 0
    const faults: string[] = []
    for (const [symbol, { sent, delivered, told, at, happened, instrument }] of this.accounts) {
      expect(happened).toBe(instrument.trades.length)
      for (let i = 0; i < happened; i++) {
        trades++
        const wasSent = (sent[i] as number) > 1
        if (!wasSent) orphans++
        const when = at[i] as number
        const isCovered =
          (numbers === 'unknown' || told[i] === 1) &&
          this.outages.some(({ from, to, symbols }) => symbols.includes(symbol) && from <= when && when <= to)
        const isRight = wasSent ? delivered[i] === 1 && told[i] === 0 : delivered[i] === 0 && isCovered
        if (!isRight && faults.length < 10) {
          faults.push(
            `${symbol} ${i} of ${happened}: to ${(sent[i] as number) - 1} sockets, came ${delivered[i]}, told ${told[i]}`,
          )
        }
      }
    }
    expect(faults).toEqual([])
    expect({ wrong: this.wrong, backwards: this.backwards, unknown: this.unknown }).toEqual({
      wrong: [],
      backwards: 0,
      unknown: 0,
    })
    return { trades, orphans }
  }
}

/** What a process has of its machine. Linux. */
export interface Footprint {
  readonly heap: number
  readonly buffers: number
  readonly rss: number
  readonly descriptors: number
  readonly threads: number
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

export function footprint(): Footprint {
  collect()
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  return {
    heap: heapUsed,
    buffers: arrayBuffers,
    rss,
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
  }
}
