import type { WireMessage } from '../wire/message-type.js'

/** Text (a string), bytes (a Uint8Array), a typed message (`Quote.message({…})`), or any other object, as JSON. */
export type HubMessage = string | Uint8Array | WireMessage | object

/**
 * What somebody who subscribes is sent first: it stands for everything published before it is called, everything published afterwards
 * follows. Called once for all who wait at that moment. An array of messages, or a Map from keys to them.
 */
export type SnapshotProvider = () => Snapshot | Promise<Snapshot>

export type Snapshot = readonly HubMessage[] | ReadonlyMap<string, HubMessage>

/** Count when the topic is new, or was only subscribed to so far. */
export interface TopicOptions {
  /** `'last'`: the newest message per key is kept and sent first to those who subscribe later. Default: the hub's `retain`. */
  readonly retain?: 'none' | 'last' | undefined
  /**
   * False: no message may be left out for a newer one of its key, not even for a conflating subscriber (trades, executions). Default
   * true.
   */
  readonly conflate?: boolean | undefined
  /** Excludes `retain: 'last'`. */
  readonly snapshot?: SnapshotProvider | undefined
}
