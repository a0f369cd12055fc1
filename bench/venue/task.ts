/** Whose stack takes the feed. */
export type VenueSide = 'ours' | 'binance'

/** What a consumer process is asked to do. Handed over as JSON in its first argument. */
export interface VenueTask {
  readonly kind: 'venue-feed'
  readonly side: VenueSide
  readonly origin: string
  readonly symbols: readonly string[]
  /** Messages that come before the measurement begins, and in all. */
  readonly warmUp: number
  readonly messages: number
  /** Book tickers and trades among the messages. */
  readonly rows: number
}

/** What came of it. */
export interface VenueLoad {
  readonly messages: number
  readonly wallNs: number
  /** CPU time of the JS thread, and of the whole process. */
  readonly mainCpuNs: number
  readonly totalCpuNs: number
  /** Sum of all best bids and of all prices of trades that were handed over: the same on every side. */
  readonly checksum: number
  /** `BID ASK UPDATE` of each book at the end. */
  readonly books: Readonly<Record<string, string>>
}
