import type { RefusalReasons } from '../native/hub-layout.js'
import type { SlowPolicy } from './options.js'
import type { Subscriber } from './subscriber.js'

/** What a connection speaks: WebSocket, WebSocket with shared compression, wire frames in WebSocket messages, wire frames over TCP. */
export type HubLane = 'ws' | 'ws-deflate' | 'ws-wire' | 'tcp'

export interface SubscriberGone {
  readonly subscriber: Subscriber
  /** Stable code: `ERR_WS_CLOSED` with the client's close code in `detail`, `ERR_HUB_TOO_SLOW`, `ERR_IDLE`, `ECONNRESET`, …; null: none. */
  readonly reason: string | null
  readonly detail: number
  readonly message: string
  /** Both sides said goodbye. */
  readonly clean: boolean
  /** Messages and bytes that were sent to it, and messages that it missed for being slow. */
  readonly messages: number
  readonly bytes: number
  readonly missed: number
}

export interface Subscription {
  readonly subscriber: Subscriber
  /** `'*'`: all. */
  readonly topic: string
}

/** Sequence numbers of a topic that a subscriber did not get: `count` of those from `from` to `to`. */
export interface MissedRange {
  readonly topic: string
  readonly from: number
  readonly to: number
  readonly count: number
}

export interface SubscriberSlow {
  readonly subscriber: Subscriber
  readonly policy: SlowPolicy
  /** Bytes that waited. */
  readonly pendingBytes: number
}

export interface SubscriberCaughtUp {
  readonly subscriber: Subscriber
  readonly policy: SlowPolicy
  /** Messages that it did not and will not get. */
  readonly missed: number
  readonly ranges: readonly MissedRange[]
}

export interface ClientMessage {
  readonly subscriber: Subscriber
  /** Text as a string, bytes as a copy of their own. */
  readonly data: string | Uint8Array
}

/** Why a connection did not become a subscriber. */
export type RefusalReason = Exclude<(typeof RefusalReasons)[number], 'none'>

export interface RefusedConnection {
  readonly reason: RefusalReason
  /** HTTP status of the answer; 0: none was given. */
  readonly status: number
  readonly address: string
  readonly port: number
  /** For people. */
  readonly message: string
  /** Others since the last event: at most some twenty are reported per second. `stats()` counts all. */
  readonly suppressed: number
}

export interface HubEvents {
  connect: Subscriber
  disconnect: SubscriberGone
  subscribe: Subscription
  unsubscribe: Subscription
  /** More waits for a subscriber than `slow.pendingBytes`. */
  slow: SubscriberSlow
  /** Its socket takes data again. */
  caughtUp: SubscriberCaughtUp
  /** What a client said beyond subscribing (option `messages`). */
  message: ClientMessage
  /** A message was refused because the rings were full; now there is room. */
  drain: undefined
  refused: RefusedConnection
  /**
   * A function of the user's failed (`authorize`, a provider of snapshots), or nothing can be accepted for want of descriptors or memory
   * (`EMFILE`, `ENOMEM`; accepting is tried again by itself). Without a listener it is thrown as uncaught exception, but for the latter.
   */
  error: Error
  /** The hub has ended. The last event. */
  close: undefined
}
