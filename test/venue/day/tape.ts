/** A day's recording of a made-up market. */
import type { CaptureRecord } from '../../../dist/esm/capture/index.js'
import { Instrument } from './market.ts'
import type { Words } from './words.ts'

export interface Day {
  readonly records: readonly CaptureRecord[]
  readonly instruments: ReadonlyMap<string, Instrument>
}

export interface DayOptions {
  readonly hours: number
  /** Recorded milliseconds from one instrument's turn to the next one's. */
  readonly everyMs: number
  /** Levels of each side that are compared. */
  readonly depth: number
  /** Hour at which the venue's numbers begin anew, where they do. */
  readonly anewAt?: number
}

const hourMs = 3_600_000
const startMs = 1_700_000_000_000
/** A trade with every third turn. */
const turnsPerTrade = 3

export function dayOf(words: Words, { hours, everyMs, depth, anewAt = Number.NaN }: DayOptions): Day {
  const instruments = new Map(words.symbols.map((symbol, i) => [symbol, new Instrument(symbol, i, depth)]))
  const all = [...instruments.values()]
  const records: CaptureRecord[] = [
    { type: 'open', timeNs: BigInt(startMs) * 1_000_000n, connection: 0, url: words.url },
  ]
  const said = (timeMs: number, message: string | null): void => {
    if (message === null) return
    const timeNs = BigInt(timeMs) * 1_000_000n
    records.push({ type: 'received', timeNs, connection: 0, binary: false, data: Buffer.from(message) })
  }
  for (const each of all) {
    if (words.answer !== null) {
      const { url, body } = words.answer(each)
      records.push({ type: 'answer', timeNs: BigInt(startMs) * 1_000_000n, url, data: Buffer.from(body) })
    } else said(startMs, words.snapshot?.(each, startMs) ?? null)
    each.remember(each.id)
  }
  const turns = Math.floor((hours * hourMs) / everyMs)
  const anewTurn = Math.floor((anewAt * hourMs) / everyMs)
  for (let turn = 1; turn <= turns; turn++) {
    const timeMs = startMs + turn * everyMs
    const each = all[turn % all.length] as Instrument
    if (words.anew !== null && turn >= anewTurn && turn < anewTurn + all.length) {
      said(timeMs, words.anew(each, timeMs))
      each.remember(each.id)
      continue
    }
    const { bids, asks } = each.step()
    const [update, id] = words.update(each, bids, asks, timeMs)
    said(timeMs, update)
    each.remember(id)
    said(timeMs, words.ticker(each, timeMs))
    if (turn % turnsPerTrade !== 0) continue
    said(timeMs, words.trade(each, ++each.trade, timeMs))
    each.trades.push(String(each.trade))
  }
  return { records, instruments }
}
