/** Records of a pool of HTTP connections, read out of the ring. Texts and bodies are copied: they outlive the record. */

import { HttpFlags } from '../native/addon.js'
import type { MemoryViews } from '../runtime/row-window.js'
import { ResponseHeaders } from './fields.js'
import type { ResponseHead, ResponseTimes } from './response.js'

/** ASCII bodies up to this size come as one text with the fields: copied once, and only cut when somebody looks at them. */
const mostText = 4_096

const noBytes = Buffer.alloc(0)

/** What a record tells of a response. Taken apart when asked: of most responses only status and body are looked at. */
export class ResponseRecord implements ResponseHead {
  readonly id: number
  /** u16 status | u8 major | u8 flags. */
  readonly #packed: number
  readonly #rxNs: number
  readonly #kernelNs: number
  readonly #sentNs: number
  /** The fields, and behind them the body when it is short and ASCII. */
  readonly #text: string
  readonly #fieldsEnd: number
  /** In memory that may be shared with others. Null: see `#text`. */
  readonly #body: Buffer | null
  #headers: ResponseHeaders | null = null
  #times: ResponseTimes | null = null

  constructor(views: MemoryViews, word: number) {
    const { u8, u32, f64 } = views
    const packed = u32[word * 2 + 9] as number
    const fields = word * 8 + 48
    const fieldsSize = u32[word * 2 + 10] as number
    const bodySize = u32[word * 2 + 11] as number
    const asText = bodySize <= mostText && ((packed >>> 24) & HttpFlags.ascii) !== 0
    this.id = u32[word * 2 + 8] as number
    this.#packed = packed
    this.#rxNs = f64[word + 1] as number
    this.#kernelNs = f64[word + 2] as number
    this.#sentNs = f64[word + 3] as number
    this.#text = u8.toString('latin1', fields, fields + fieldsSize + (asText ? bodySize : 0))
    this.#fieldsEnd = fieldsSize
    this.#body = asText ? null : bodySize === 0 ? noBytes : copied(u8, fields + fieldsSize, bodySize)
  }

  get status(): number {
    return this.#packed & 0xffff
  }

  get version(): string {
    return ((this.#packed >>> 16) & 0xff) === 2 ? '2' : this.#has(HttpFlags.minorOne) ? '1.1' : '1.0'
  }

  get headers(): ResponseHeaders {
    this.#headers ??= new ResponseHeaders(this.#text.slice(0, this.#fieldsEnd))
    return this.#headers
  }

  get reused(): boolean {
    return this.#has(HttpFlags.reused)
  }

  get times(): ResponseTimes {
    this.#times ??= {
      sentNs: this.#sentNs,
      receivedNs: this.#rxNs,
      kernelNs: this.#kernelNs === 0 ? null : this.#kernelNs,
    }
    return this.#times
  }

  /** The body as text, when it is short, ASCII, and bears no content coding; otherwise null. */
  get text(): string | null {
    if (this.#body !== null || this.#has(HttpFlags.coded)) return null
    return this.#text.slice(this.#fieldsEnd)
  }

  /** The body as it came, in memory that may be shared with others. */
  get body(): Buffer {
    return this.#body ?? Buffer.from(this.#text.slice(this.#fieldsEnd), 'latin1')
  }

  get bodyBytes(): number {
    return this.#body?.length ?? this.#text.length - this.#fieldsEnd
  }

  /** Whether its head has a `content-encoding`. */
  get coded(): boolean {
    return this.#has(HttpFlags.coded)
  }

  /** Pieces follow, which make one body or are handed over one by one. */
  get piecesFollow(): boolean {
    return this.#has(HttpFlags.piecesFollow)
  }

  get oneBody(): boolean {
    return this.#has(HttpFlags.oneBody)
  }

  #has(flag: number): boolean {
    return ((this.#packed >>> 24) & flag) !== 0
  }
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
