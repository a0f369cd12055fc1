/** What feeds emit. */

import type { FeedError } from '../runtime/errors.js'
import type { FeedState, MalformedKind } from '../runtime/records.js'
import type { RawDecoder, RowDecoder } from './decoder.js'
import type { AnyRows, Message, Rows, Shapes } from './row.js'

/** A change of a feed's state and its reason. */
export interface StateChange {
  readonly from: FeedState
  readonly to: FeedState
  /** Code of what caused it (`ECONNRESET`, `ERR_IDLE`, `ERR_WS_CLOSED`, …; see `FeedError`); null when it was no failure. */
  readonly reason: string | null
  /** Number that belongs to the reason: errno, HTTP status, close code, verification result; else 0. */
  readonly detail: number
  /** For people. */
  readonly message: string
  /** Attempts since the last connection that carried data. */
  readonly attempt: number
  /** Milliseconds until the next attempt; null when none is planned. */
  readonly delayMs: number | null
  /** When it happened, in nanoseconds, monotonic. */
  readonly timeNs: number
}

/** A connection that has opened. */
export interface ConnectionInfo {
  /** The peer's numeric address and port: the proxy's, where there is one. */
  readonly address: string
  readonly port: number
  /** Agreed subprotocol; '' when there is none. */
  readonly subprotocol: string
  /** Whether permessage-deflate was agreed. */
  readonly deflate: boolean
  /** `TLSv1.3`, …; '' without TLS, as the next three. */
  readonly tlsVersion: string
  readonly tlsCipher: string
  readonly alpn: string
  readonly tlsResumed: boolean
}

/** A message that was refused. At most one sample per `samples.interval`; the counters miss none. */
export interface Malformed {
  readonly why: MalformedKind
  /** The shape in question; null when that is not known. */
  readonly shape: string | null
  /** The field in question; null when it is not about one. */
  readonly field: string | null
  /** The message's first bytes, at most `samples.bytes`. */
  readonly sample: Uint8Array
  /** Bytes of the whole message. */
  readonly length: number
  /** Refused messages without a sample of their own since the last. */
  readonly suppressed: number
  /** Nanoseconds, monotonic. */
  readonly timeNs: number
}

/** Rows or messages that were dropped (`overflow: 'dropOldest'`) between the one before and the next. */
export interface Gap {
  /** How many: exact. */
  readonly lost: number
  /** Nanoseconds, monotonic. */
  readonly timeNs: number
}

/** The answer to a ping. */
export interface Pong {
  /** Round trip in milliseconds. */
  readonly rttMs: number
  /** Nanoseconds, monotonic. */
  readonly timeNs: number
}

/** Events of every feed. */
export interface FeedLifeEvents {
  /** Every change of state. */
  state: StateChange
  /** A connection has opened: the first or a later one. */
  open: ConnectionInfo
  /** A message was refused; the stream goes on. */
  malformed: Malformed
  gap: Gap
  pong: Pong
  /**
   * The feed has ended by a failure: its policy gave up. Failures that it recovers from are `state` events. Thrown as uncaught
   * exception when nobody could have noticed: no listener, no `open()` that waits, no iteration.
   */
  error: FeedError
  /** The feed has ended; null when the user or the peer (code 1000) closed it. The last event. */
  close: FeedError | null
}

type RowEvents<S extends Shapes> = {
  /** Rows of any shape, in the order in which they were received. */
  rows: AnyRows<S>
} & { [K in keyof S & string as `rows:${K}`]: Rows<S[K], K> }

/** Events of a feed, by its decoder. */
export type FeedEvents<D> = FeedLifeEvents &
  (D extends RowDecoder<infer S>
    ? RowEvents<S>
    : D extends RawDecoder<infer T>
      ? {
          /** A message, undecoded. */
          message: Message<T>
        }
      : unknown)

/** What a feed is iterated by: batches of rows, or messages. */
export type FeedItem<D> =
  D extends RowDecoder<infer S> ? AnyRows<S> : D extends RawDecoder<infer T> ? Message<T> : never
