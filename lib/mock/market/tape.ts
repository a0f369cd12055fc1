import { openCapture } from '../../capture/open.js'
import type { CaptureRecord } from '../../capture/record.js'
import { decimalsOf, parseAmount } from '../amount.js'
import type { MarketEffect, TapeDialect, TapeMessage, TapeSnapshot } from '../dialect.js'
import { MockError } from '../errors.js'
import { assetsOf, type Instrument, stepOf } from './instrument.js'
import type { LevelText } from './market-book.js'

/** A recorded message and when it came, in milliseconds since the first one. */
export interface TapeEvent {
  readonly atMs: number
  readonly message: TapeMessage
}

/** What is served: everything that came from the venue, in the order of its times. */
export interface Tape {
  readonly events: readonly TapeEvent[]
  readonly topics: ReadonlySet<string>
  /** By symbol, oldest first. */
  readonly snapshots: ReadonlyMap<string, readonly TapeSnapshot[]>
  readonly instruments: ReadonlyMap<string, Instrument>
  /** Unix milliseconds of the first event; NaN for an empty tape. */
  readonly startMs: number
}

/** Records of a capture: files of either format, or anything that gives records. */
export type CaptureSource = string | AsyncIterable<CaptureRecord> | Iterable<CaptureRecord>

/**
 * Reads everything that this venue's sockets and REST have sent, and leaves the rest.
 * @throws MockError `ERR_MOCK_CAPTURE`; CaptureError.
 */
export async function loadTape(
  sources: readonly CaptureSource[],
  dialect: TapeDialect,
  maxBytes: number,
): Promise<Tape> {
  const events: TapeEvent[] = []
  const snapshots: TapeSnapshot[] = []
  const decimals = new Map<string, { price: number; size: number }>()
  const seen = (symbol: string, price: string, size: string): void => {
    let known = decimals.get(symbol)
    if (known === undefined) {
      known = { price: 0, size: 0 }
      decimals.set(symbol, known)
    }
    known.price = Math.max(known.price, decimalsOf(parseAmount(price) ?? 0n))
    known.size = Math.max(known.size, decimalsOf(parseAmount(size) ?? 0n))
  }
  const levels = (symbol: string, each: readonly LevelText[]): void => {
    for (const [price, size] of each) seen(symbol, price, size)
  }
  let bytes = 0
  for (const source of sources) {
    const reader = typeof source === 'string' ? await openCapture(source) : null
    const readers = new Map<number, ReturnType<TapeDialect['tape']>>()
    for await (const record of reader ?? (source as AsyncIterable<CaptureRecord>)) {
      const atMs = Number(record.timeNs + (reader?.unixOffsetNs ?? 0n)) / 1e6
      if (record.type === 'open') readers.set(record.connection, dialect.tape(record.url))
      if (record.type !== 'received' && record.type !== 'answer') continue
      bytes += record.data.length
      if (bytes > maxBytes)
        throw new MockError('ERR_MOCK_CAPTURE', `the capture holds more than ${maxBytes} bytes of messages`)
      if (record.type === 'answer') {
        const snapshot = dialect.snapshot(record)
        if (snapshot === null) continue
        snapshots.push(snapshot)
        levels(snapshot.symbol, snapshot.bids)
        levels(snapshot.symbol, snapshot.asks)
        continue
      }
      if (record.binary) continue
      const message = readers.get(record.connection)?.(Buffer.from(record.data).toString('utf8')) ?? null
      if (message === null) continue
      events.push({ atMs, message })
      for (const effect of dialect.effects(message)) learn(effect, levels)
    }
  }
  if (sources.length > 0 && events.length === 0 && snapshots.length === 0)
    throw new MockError('ERR_MOCK_CAPTURE', 'the capture has nothing of this venue')
  events.sort((a, b) => a.atMs - b.atMs)
  const startMs = events[0]?.atMs ?? Number.NaN
  const instruments = new Map<string, Instrument>()
  for (const [symbol, { price, size }] of decimals) {
    const [base, quote] = assetsOf(symbol)
    instruments.set(symbol, { symbol, base, quote, tick: stepOf(price), lot: stepOf(size), minNotional: 0n })
  }
  const bySymbol = new Map<string, TapeSnapshot[]>()
  for (const snapshot of snapshots.sort((a, b) => a.updateId - b.updateId)) {
    const list = bySymbol.get(snapshot.symbol) ?? []
    list.push(snapshot)
    bySymbol.set(snapshot.symbol, list)
  }
  return {
    events: events.map(({ atMs, message }) => ({ atMs: atMs - startMs, message })),
    topics: new Set(events.map(({ message }) => message.topic)),
    snapshots: bySymbol,
    instruments,
    startMs,
  }
}

function learn(effect: MarketEffect, levels: (symbol: string, each: readonly LevelText[]) => void): void {
  if (effect.kind === 'levels') {
    levels(effect.symbol, effect.bids)
    levels(effect.symbol, effect.asks)
  } else if (effect.kind === 'top') levels(effect.symbol, [effect.bid, effect.ask])
  else levels(effect.symbol, [[effect.price, effect.size]])
}
