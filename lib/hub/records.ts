import { HubEvents } from '../native/hub-layout.js'
import type { MemoryViews } from '../runtime/row-window.js'

export interface HubRecord {
  readonly event: (typeof HubEvents)[number] | undefined
  readonly numbers: readonly number[]
  /** Copies. */
  readonly texts: readonly Buffer[]
}

/** The record at `word`, read into objects of its own. */
export function readHubRecord({ u8, u32, f64 }: MemoryViews, word: number): HubRecord {
  const event = HubEvents[((u32[word * 2 + 1] as number) >>> 8) & 0xff]
  const numberCount = u32[word * 2 + 2] as number
  const textCount = u32[word * 2 + 3] as number
  let at = word + 2
  const numbers = Array.from(f64.subarray(at, at + numberCount))
  at += numberCount
  const texts: Buffer[] = []
  for (let i = 0; i < textCount; i++) {
    const bytes = u32[at * 2] as number
    texts.push(Buffer.from(u8.subarray(at * 8 + 8, at * 8 + 8 + bytes)))
    at += 1 + Math.ceil(bytes / 8)
  }
  return { event, numbers, texts }
}

/** Numbers that came as bytes. */
export function numbersIn(bytes: Buffer): Float64Array {
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}
