/** Control records that only feeds in the wire format have, read out of the ring. */

import { GapCauses, GapFates } from '../native/addon.js'
import type { MemoryViews } from './row-window.js'

export type GapCause = (typeof GapCauses)[number]
export type GapFate = (typeof GapFates)[number]

export interface SequenceGapRecord {
  readonly timeNs: number
  readonly topic: string
  readonly from: bigint
  readonly to: bigint
  readonly cause: GapCause
  readonly fate: GapFate
}

export interface SubscribedRecord {
  readonly timeNs: number
  readonly topic: string
  readonly lastSequence: bigint
}

export interface RefusedRecord {
  readonly timeNs: number
  readonly code: number
  readonly message: string
  readonly topics: readonly string[]
}

export function readSequenceGap({ u8, u32, f64, i64 }: MemoryViews, word: number): SequenceGapRecord {
  const packed = u32[word * 2 + 8] as number
  const start = word * 8 + 40
  return {
    timeNs: f64[word + 1] as number,
    from: BigInt.asUintN(64, i64[word + 2] as bigint),
    to: BigInt.asUintN(64, i64[word + 3] as bigint),
    cause: GapCauses[packed & 0xff] ?? 'lost',
    fate: GapFates[(packed >>> 8) & 0xff] ?? 'lost',
    topic: u8.toString('utf8', start, start + (u32[word * 2 + 9] as number)),
  }
}

export function readSubscribed({ u8, u32, f64, i64 }: MemoryViews, word: number): SubscribedRecord {
  const start = word * 8 + 32
  return {
    timeNs: f64[word + 1] as number,
    lastSequence: BigInt.asUintN(64, i64[word + 2] as bigint),
    topic: u8.toString('utf8', start, start + (u32[word * 2 + 6] as number)),
  }
}

export function readRefused({ u8, u32, f64 }: MemoryViews, word: number): RefusedRecord {
  const textStart = word * 8 + 32
  const textEnd = textStart + (u32[word * 2 + 5] as number)
  const topics: string[] = []
  const end = textEnd + (u32[word * 2 + 6] as number)
  for (let at = textEnd; at < end; ) {
    const next = at + 1 + (u8[at] as number)
    topics.push(u8.toString('utf8', at + 1, next))
    at = next
  }
  return {
    timeNs: f64[word + 1] as number,
    code: (u32[word * 2 + 4] as number) & 0xffff,
    message: u8.toString('utf8', textStart, textEnd),
    topics,
  }
}
