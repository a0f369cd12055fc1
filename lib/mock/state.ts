import type { ChaosStats } from './chaos.js'

/** Counters of a `MockVenue`. */
export interface MockVenueStats extends ChaosStats {
  /** Recorded messages that were played, whether anybody wanted them or not, and all that there are. */
  readonly played: number
  readonly recorded: number
  readonly sockets: number
  /** Sockets since the start, and those that were refused. */
  readonly accepted: number
  readonly refused: number
  /** Requests and sockets that came during a ban or maintenance; those that go on in spite of their limits are not among them. */
  readonly turnedAway: number
  /** HTTP requests. */
  readonly requests: number
  /** Messages on the wire of sockets that are open. */
  readonly sent: number
}

/** How a trader stands. */
export interface MockAccountState {
  /** Decimals by asset. */
  readonly balances: Readonly<Record<string, { readonly free: string; readonly locked: string }>>
  readonly openOrders: number
}
