/** Control records read out of the ring into objects of their own: they are rare and may be kept. */

import { FeedStates, MalformedKinds } from '../native/addon.js'
import type { MemoryViews } from './row-window.js'

/** Where a feed stands. */
export type FeedState = (typeof FeedStates)[number]

/** Why a message was refused. */
export type MalformedKind = (typeof MalformedKinds)[number]

export interface StateRecord {
  /** Monotonic. */
  readonly timeNs: number
  readonly from: FeedState
  readonly to: FeedState
  /** Index into the core's error codes; 0 = none. */
  readonly error: number
  readonly attempt: number
  readonly detail: number
  /** Until the next attempt; null when there will be none or the state is not about one. */
  readonly delayMs: number | null
  readonly text: string
}

/** Kinds that are about a shape even where they are not about one of its fields. */
export const aboutShape: ReadonlySet<MalformedKind> = new Set(['wrongType', 'missing', 'tooManyRows'])

export interface MalformedRecord {
  readonly timeNs: number
  readonly why: MalformedKind
  /** Index of the shape. */
  readonly shape: number
  /** Index of the field in its shape, −1 when it is not about one. */
  readonly field: number
  readonly length: number
  readonly sample: Uint8Array
  readonly suppressed: number
}

export interface GapRecord {
  readonly timeNs: number
  readonly lost: number
}

export interface PongRecord {
  readonly timeNs: number
  readonly rttNs: number
}

const two32 = 4_294_967_296

export function readState(views: MemoryViews, word: number): StateRecord {
  const { u8, i32, u32, f64 } = views
  const packed = u32[word * 2 + 4] as number
  const delay = f64[word + 4] as number
  const start = word * 8 + 40
  return {
    timeNs: f64[word + 1] as number,
    from: FeedStates[packed & 0xff] ?? 'disconnected',
    to: FeedStates[(packed >>> 8) & 0xff] ?? 'disconnected',
    error: packed >>> 16,
    attempt: u32[word * 2 + 5] as number,
    detail: i32[word * 2 + 6] as number,
    delayMs: Number.isNaN(delay) ? null : delay,
    text: u8.toString('utf8', start, start + (u32[word * 2 + 7] as number)),
  }
}

export function readMalformed(views: MemoryViews, word: number): MalformedRecord {
  const { u8, i32, u32, f64 } = views
  const packed = i32[word * 2 + 4] as number
  const start = word * 8 + 32
  return {
    timeNs: f64[word + 1] as number,
    why: MalformedKinds[packed & 0xff] ?? 'syntax',
    shape: (packed >>> 8) & 0xff,
    field: packed >> 16,
    length: u32[word * 2 + 5] as number,
    sample: Uint8Array.from(u8.subarray(start, start + (u32[word * 2 + 6] as number))),
    suppressed: u32[word * 2 + 7] as number,
  }
}

export function readGap(views: MemoryViews, word: number): GapRecord {
  const { u32, f64 } = views
  return {
    timeNs: f64[word + 1] as number,
    lost: (u32[word * 2 + 5] as number) * two32 + (u32[word * 2 + 4] as number),
  }
}

export function readPong(views: MemoryViews, word: number): PongRecord {
  return { timeNs: views.f64[word + 1] as number, rttNs: views.f64[word + 2] as number }
}
