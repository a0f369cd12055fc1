/** What feeds in the wire format emit. */

import type { RawDecoder } from '../feed/decoder.js'
import type { FeedLifeEvents } from '../feed/events.js'
import type { AnyRows, Message, Rows, Shapes } from '../feed/row.js'
import type { GapCause, GapFate } from '../runtime/wire-records.js'
import type { WireDecoder } from './decoder.js'

/** A connection to a hub, or a segment of shared memory, that has been opened. */
export interface WireConnection {
  /** The peer's numeric address and port: the proxy's, where there is one. '' and 0 for shared memory. */
  readonly address: string
  readonly port: number
  /** `TLSv1.3`, …; '' without TLS, as the next three. */
  readonly tlsVersion: string
  readonly tlsCipher: string
  readonly alpn: string
  readonly tlsResumed: boolean
  /** The hub's name. */
  readonly hub: string
  /** Sequence numbers hold within one epoch: a hub draws another with each start. */
  readonly epoch: bigint
  /** Numbers go on where the last connection left them. */
  readonly resumed: boolean
  /** The hub's longest silence in milliseconds; 0: it sends no heartbeats. */
  readonly heartbeatMs: number
  /** Bytes of the largest payload that the hub sends. */
  readonly maxPayload: number
}

/** Messages of a topic that did not come when they were due; or rows dropped here (`overflow: 'dropOldest'`). */
export interface WireGap {
  /** Null: rows were dropped here, between the one before and the next. */
  readonly topic: string | null
  /** First and last sequence number that is missing; 0n for rows dropped here. */
  readonly from: bigint
  readonly to: bigint
  /** How many: exact. */
  readonly lost: number
  /**
   * - `'lost'`: the numbers jumped: damaged on the way, or never sent to us.
   * - `'away'`: sent while there was no connection.
   * - `'slow'`: left out by the hub, because this receiver was too slow.
   * - `'overrun'`: overwritten in shared memory before they were read.
   * - `'overflow'`: dropped here, because JS was too slow.
   */
  readonly cause: GapCause | 'overflow'
  /**
   * - `'lost'`: will not come.
   * - `'requested'`: the hub was asked for them again. Each of them is told of once more: as…
   * - `'recovered'`: it has come after all;
   * - `'refused'`: the hub has it no more;
   * - `'expired'`: it did not come in time.
   */
  readonly fate: GapFate
  /** Nanoseconds, monotonic. */
  readonly timeNs: number
}

/** The hub sends a topic. */
export interface Subscribed {
  readonly topic: string
  /** Sequence number in front of the first that comes. */
  readonly lastSequence: bigint
  /** Nanoseconds, monotonic. */
  readonly timeNs: number
}

/** The hub has refused a request; the connection goes on. */
export interface Refused {
  /** `'forbidden'`, `'unknownTopic'`, `'tooMany'`, …; `'other'` for codes that are not known. */
  readonly why: RefusedWhy
  /** The code as it was sent (`docs/wire-format.md`, Error). */
  readonly code: number
  /** For people. */
  readonly message: string
  /** Topics of the request; not all of them need be at fault. Empty when it is not known which request it was. */
  readonly topics: readonly string[]
  /** Nanoseconds, monotonic. */
  readonly timeNs: number
}

/** By code; 0 and what is beyond are `'other'`. */
export const refusedWhys = [
  'other',
  'version',
  'unauthorized',
  'forbidden',
  'unknownTopic',
  'tooMany',
  'rateLimit',
  'tooLarge',
  'malformed',
  'unexpected',
  'overloaded',
  'internal',
  'tooSlow',
  'shuttingDown',
  'timedOut',
] as const

export type RefusedWhy = (typeof refusedWhys)[number]

/** Events of every feed in the wire format. */
export interface WireLifeEvents extends Omit<FeedLifeEvents, 'open' | 'gap'> {
  /** A connection has opened: the first or a later one. */
  open: WireConnection
  gap: WireGap
  subscribed: Subscribed
  refused: Refused
}

type RowEvents<S extends Shapes> = {
  /** Rows of any shape, in the order in which they were received. */
  rows: AnyRows<S>
} & { [K in keyof S & string as `rows:${K}`]: Rows<S[K], K> }

/** Events of a feed in the wire format, by its decoder. */
export type WireFeedEvents<D> = WireLifeEvents &
  (D extends WireDecoder<infer S>
    ? RowEvents<S>
    : D extends RawDecoder<infer T>
      ? {
          /** A whole frame, header included. */
          message: Message<T>
        }
      : unknown)

/** What it is iterated by: batches of rows, or frames. */
export type WireFeedItem<D> =
  D extends WireDecoder<infer S> ? AnyRows<S> : D extends RawDecoder<infer T> ? Message<T> : never
