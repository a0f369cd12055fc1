import type { OrderUpdate } from '../order/order.js'
import type { OrderChange } from '../order/order-track.js'
import type { BalanceUpdate, Fill, PositionUpdate } from '../stream/account-events.js'

/** An order stands otherwise than it did. */
export interface OrderEvent extends OrderChange {
  readonly symbol: string
  readonly clientOrderId: string
  /** All that the venue has said; null while it has not been heard. */
  readonly state: OrderUpdate | null
}

/** Something was filled that had not been told. */
export interface FillEvent extends Fill {
  /** How the order stands, by all that is known; null when it is not remembered. */
  readonly state: OrderUpdate | null
}

/**
 * What a desk hears by itself:
 *
 * - `closed`: nothing; it was not opened, or was closed, or the venue refuses its key for good. Answers and look-ups tell how orders stand.
 * - `connecting`: nothing yet;
 * - `catchingUp`: all that happens from now on; what happened before is being asked for;
 * - `live`: all that happens, and it knows what happened before;
 * - `blind`: nothing, since the stream was lost, or messages are missing; it is being opened again.
 */
export type DeskState = 'closed' | 'connecting' | 'catchingUp' | 'live' | 'blind'

/** What a desk hears by itself has changed. */
export interface StreamEvent {
  readonly from: DeskState
  readonly to: DeskState
  /** For people. */
  readonly reason: string
  /** What went wrong; null: nothing did. It shows no secrets. */
  readonly error: Error | null
}

/** What has become of a dead-man's switch. */
export interface DeadManEvent {
  /**
   * - `armed`, `renewed`: the venue cancels unless it hears of us until `until`;
   * - `failed`: it could not be renewed, and is tried again;
   * - `expired`: it was not renewed in time: the venue has canceled;
   * - `stopped`: it no longer watches.
   */
  readonly state: 'armed' | 'renewed' | 'failed' | 'expired' | 'stopped'
  /** Unix milliseconds by our clock at which the venue cancels at the earliest; NaN: it does not. */
  readonly until: number
  readonly error: Error | null
}

export interface DeskEvents {
  /** Anything is known of an order that was not. */
  order: OrderEvent
  /** Something was filled, each fill once. */
  fill: FillEvent
  balance: BalanceUpdate
  position: PositionUpdate
  stream: StreamEvent
  deadMan: DeadManEvent
  /** A private message that is about none of these, as the venue wrote it. */
  message: unknown
}
