/** How our client is driven, or a peer. */
export type RestSide =
  | 'inline'
  | 'park'
  | 'spin'
  | 'rest'
  | 'undici'
  | 'undici-request'
  | 'node'
  | 'h2'
  | 'node-h2'
  | 'undici-h2'

/** What a side does. */
export interface RestTask {
  readonly kind: 'serial' | 'wire' | 'concurrent'
  readonly side: RestSide
  readonly origin: string
  readonly ca?: string | undefined
  readonly warmUp: number
  /** Requests in all. */
  readonly requests: number
  /** `concurrent`: at a time. */
  readonly lanes: number
  /** `wire`: milliseconds for which JS is busy right after each call. */
  readonly busyMs: number
}

/** What came of it. */
export interface RestResult {
  /** Nanoseconds: of an answer (`serial`), until the request's write begins (`wire`). */
  readonly p50: number
  readonly p99: number
  readonly perSecond: number
  /** CPU time of the process per request, in nanoseconds. */
  readonly cpuNs: number
}

/** The request that every side sends, and the answer that it has to get. */
export const path =
  '/api/v3/order?symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=65000.10&timestamp=1499827319559'
export const headers = { 'x-mbx-apikey': 'vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A' }
export const body = 'newClientOrderId=6gCrw2kRUAF9CvJDGP16IP&newOrderRespType=RESULT'
export const answer =
  '{"symbol":"BTCUSDT","orderId":28,"clientOrderId":"6gCrw2kRUAF9CvJDGP16IP","transactTime":1507725176595,"status":"NEW"}'
