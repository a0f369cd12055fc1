import type { Decoder, RawDecoder, RowDecoder } from '../feed/decoder.js'
import type { AnyRows, Message, Rows, Shapes } from '../feed/row.js'
import type { MalformedKind } from '../runtime/records.js'

/** A recorded connection. */
export interface ReplayConnection {
  /** Number of its capture, from 0, and its own there. */
  readonly source: number
  readonly connection: number
  readonly url: string
  /** When it opened, in Unix nanoseconds. */
  readonly timeNs: bigint
}

/** The end of a recorded connection. */
export interface ReplayDisconnect extends ReplayConnection {
  /** WebSocket close code; 0 when there was none. */
  readonly code: number
  readonly reason: string
}

/** A recorded message that is not as the decoder wants it. */
export interface ReplayMalformed {
  readonly why: MalformedKind
  readonly shape: string | null
  readonly field: string | null
  /** The whole message. */
  readonly sample: Uint8Array
  readonly length: number
  /** Unix nanoseconds. */
  readonly timeNs: bigint
}

/** Something else that is in a capture. */
export interface ReplayLifeEvents {
  open: ReplayConnection
  disconnect: ReplayDisconnect
  malformed: ReplayMalformed
  /** Records that the recording has lost. */
  gap: { readonly lost: number; readonly timeNs: bigint }
  /** A message that was sent then. */
  sent: { readonly url: string; readonly isBinary: boolean; readonly data: Uint8Array; readonly timeNs: bigint }
  /** A REST answer. */
  answer: { readonly url: string; readonly body: Uint8Array; readonly timeNs: bigint }
  /** The end; null when it has come to it, else why not. */
  close: Error | null
}

type RowEvents<S extends Shapes> = { rows: AnyRows<S> } & { [K in keyof S & string as `rows:${K}`]: Rows<S[K], K> }

/** Events of a replay: those of a feed with the same decoder, at their recorded times. */
export type ReplayEvents<D extends Decoder> = ReplayLifeEvents &
  (D extends RowDecoder<infer S> ? RowEvents<S> : D extends RawDecoder<infer T> ? { message: Message<T> } : unknown)

/** Counters of a replay. */
export interface ReplayStats {
  /** Records that were read; those of other connections and other times too. */
  readonly records: number
  /** Messages that were decoded, and of these the refused ones. */
  readonly messages: number
  readonly malformed: number
  /** Batches that were handed over: runs of rows of one shape, or messages. */
  readonly batches: number
  /** Records that the recording has lost. */
  readonly lost: number
  /** Unix nanoseconds of the last record; null before the first. */
  readonly timeNs: bigint | null
}
