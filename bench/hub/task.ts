/** Who may serve; see `servers/`. */
export type ServerName = 'ours' | 'ws' | 'uws'

/** What a server process is told at its start, as JSON in its first argument. */
export interface ServerTask {
  readonly side: ServerName
  /** The way of sending, where a server has several. */
  readonly mode?: string
  /** Bytes that may wait for a subscriber: more makes publishing at full speed pause, or the subscriber a slow one. */
  readonly pendingBytes: number
  /** What becomes of a slow one; `keep`: what it does not take is kept for it, whatever that costs. */
  readonly slow: 'keep' | 'skip' | 'conflate' | 'disconnect'
}

/** What a server is told afterwards, one JSON line each; every answer is a report. */
export type Command =
  /** Publish as fast as the subscribers take it, `batch` messages per turn of the loop. */
  | { readonly do: 'full'; readonly batch: number }
  /** Publish so many messages per second, `batch` at a time. */
  | { readonly do: 'rate'; readonly rate: number; readonly batch: number }
  | { readonly do: 'pause' }
  | { readonly do: 'report' }

export interface ServerReport {
  /** On a clock of the process's own. */
  readonly atNs: number
  /** CPU time of the process so far, all threads. */
  readonly cpuNs: number
  readonly published: number
  readonly subscribers: number
  readonly rssBytes: number
  /** The server's own. */
  readonly counters: Readonly<Record<string, number>>
}
