/** Records of a pool of HTTP connections, read out of the ring. Texts and bodies are copied: they outlive the record. */

import { HttpFlags } from '../native/addon.js'
import type { MemoryViews } from '../runtime/row-window.js'
import { ResponseHeaders } from './fields.js'
import type { ResponseHead } from './response.js'

export interface ResponseRecord {
  readonly id: number
  readonly head: ResponseHead
  /** In memory that may be shared with others. */
  readonly body: Buffer
  /** Pieces follow, which make one body or are handed over one by one. */
  readonly piecesFollow: boolean
  readonly oneBody: boolean
}

export interface FailedRecord {
  readonly id: number
  readonly error: number
  readonly mayHaveExecuted: boolean
  readonly detail: number
  readonly text: string
}

export interface ConnectionRecord {
  readonly open: boolean
  readonly major: number
  readonly error: number
  readonly detail: number
  readonly text: string
}

export function requestOf({ u32 }: MemoryViews, word: number): number {
  return u32[word * 2 + 2] as number
}

export function readResponse(views: MemoryViews, word: number): ResponseRecord {
  const { u8, u32, f64 } = views
  const packed = u32[word * 2 + 9] as number
  const major = (packed >>> 16) & 0xff
  const flags = packed >>> 24
  const kernelNs = f64[word + 2] as number
  const fields = word * 8 + 48
  const body = fields + (u32[word * 2 + 10] as number)
  return {
    id: u32[word * 2 + 8] as number,
    head: {
      status: packed & 0xffff,
      version: major === 2 ? '2' : (flags & HttpFlags.minorOne) !== 0 ? '1.1' : '1.0',
      headers: new ResponseHeaders(u8.toString('latin1', fields, body)),
      reused: (flags & HttpFlags.reused) !== 0,
      times: {
        sentNs: f64[word + 3] as number,
        receivedNs: f64[word + 1] as number,
        kernelNs: kernelNs === 0 ? null : kernelNs,
      },
    },
    body: copied(u8, body, u32[word * 2 + 11] as number),
    piecesFollow: (flags & HttpFlags.piecesFollow) !== 0,
    oneBody: (flags & HttpFlags.oneBody) !== 0,
  }
}

/** Small ones lie in Node's pool, where memory costs next to nothing. */
function copied(u8: Buffer, start: number, bytes: number): Buffer {
  const copy = Buffer.allocUnsafe(bytes)
  u8.copy(copy, 0, start, start + bytes)
  return copy
}

export function readPiece({ u8, u32 }: MemoryViews, word: number): Uint8Array {
  const start = word * 8 + 16
  return Uint8Array.prototype.slice.call(u8, start, start + (u32[word * 2 + 3] as number))
}

export function readFailed({ u8, i32, u32 }: MemoryViews, word: number): FailedRecord {
  const packed = u32[word * 2 + 3] as number
  const start = word * 8 + 24
  return {
    id: u32[word * 2 + 2] as number,
    error: packed & 0xffff,
    mayHaveExecuted: packed >>> 16 !== 0,
    detail: i32[word * 2 + 4] as number,
    text: u8.toString('utf8', start, start + (u32[word * 2 + 5] as number)),
  }
}

export function readConnection({ u8, i32, u32 }: MemoryViews, word: number): ConnectionRecord {
  const packed = u32[word * 2 + 2] as number
  const start = word * 8 + 24
  return {
    open: (packed & 0xff) === 1,
    major: (packed >>> 8) & 0xff,
    error: packed >>> 16,
    detail: i32[word * 2 + 3] as number,
    text: u8.toString('utf8', start, start + (u32[word * 2 + 4] as number)),
  }
}
