import type { ClockOffset } from '../policy/clock-offset.js'
import type { Limiter } from '../policy/limit/limiter.js'
import type { LimitQueueOptions } from '../policy/limit/limiter-options.js'
import type { RemoteLimiter } from '../policy/limit/remote-limiter.js'
import type { RequestKind } from '../policy/limit/rule.js'
import type { MemoryLimitStore } from '../policy/limit/store.js'
import type { PolicyOptions } from '../policy/policy-set.js'
import type { VenuePolicy } from '../policy/venue/venue.js'
import type { Auth } from '../sign/auth.js'
import type { QueryParams } from '../sign/query.js'
import type { HeadersInput } from './fields.js'
import type { HttpClientOptions, RequestTimeouts } from './options.js'
import type { RestResponse } from './rest-response.js'

/** One of the places that requests may go to. */
export interface RestEndpoint {
  /** `https://host[:port]` or `http://…`, without a path. */
  readonly url: string | URL
  /** Share of the requests that it is to get, relative to the others, 0.01…1,000. Default 1. */
  readonly weight?: number | undefined
}

/** What a look-up came to: the answer that shows the order, that the venue knows none, or nothing yet. */
export type LookupResult =
  | { readonly found: RestResponse }
  | 'absent'
  | {
      /** It came to no result; not before so many milliseconds again. */
      readonly retryAfterMs: number
    }

/** What a look-up is told. */
export interface LookupContext {
  /** The client id that the order was sent with. */
  readonly idempotencyKey: string
  readonly method: string
  /** Of the order, without its query. */
  readonly path: string
  readonly request: RestRequest
  /** Attempts to send the order so far. */
  readonly attempt: number
  /** Number of this look-up, from 1. */
  readonly lookup: number
  /** Aborted when nobody waits for the result any more. */
  readonly signal: AbortSignal
  /**
   * Asks the venue: signed, charged on the limits (before other queries), sent once. Resolves with the answer, also when it is a refusal.
   * @throws RestError when there is none, and when the venue is too busy to give one: the look-up then counts as failed.
   */
  ask(method: string, path: string, request?: RestRequest): Promise<RestResponse>
}

/**
 * Finds out whether an order was executed, by its client id. What it throws counts as no result. Called until the order is found, or certain
 * not to be executed any more: a look-up that left too early is asked again.
 */
export type Lookup = (context: LookupContext) => Promise<LookupResult>

/** Requests that ask whether an endpoint is well: unsigned, charged on the limits, skipped when these do not allow them. */
export interface RestProbe {
  /** Starts with a slash. */
  readonly path: string
  /** Default `'GET'`. */
  readonly method?: string | undefined
  /** Milliseconds, 1…60,000. Default 2,000. */
  readonly timeout?: number | undefined
  /** What it weighs. Default 1. */
  readonly weight?: number | undefined
}

/** Where the venue's time is read. */
export interface RestServerTime {
  /** Starts with a slash. Asked unsigned. */
  readonly path: string
  /** The time in an answer's parsed body, in Unix milliseconds. What it throws, and NaN, count as no sample. */
  readonly read: (body: unknown) => number
  /** Milliseconds, 1…60,000. Default 2,000. */
  readonly timeout?: number | undefined
  /** What it weighs. Default 1. */
  readonly weight?: number | undefined
}

/** What can be put in force under live traffic. Requests under way end as they began. */
export interface RestChanges extends PolicyOptions {
  /** 1…64 of them. Those that are left out finish what they have. */
  readonly endpoints?: readonly (string | URL | RestEndpoint)[] | undefined
  /** Signs requests, each attempt anew. Default: none. */
  readonly auth?: Auth | null | undefined
  /** Reads the venue's error codes, and says what they mean unless `retry.classify` does. Default: by the HTTP status. */
  readonly venue?: VenuePolicy | null | undefined
  /** Default: none; orders with unknown fate are then reported as such. */
  readonly lookup?: Lookup | null | undefined
}

/** Options of a {@link Rest}. */
export interface RestOptions extends RestChanges {
  readonly endpoints: readonly (string | URL | RestEndpoint)[]
  /** Connections to each endpoint that are kept open without need, 0…256. Default 0. */
  readonly warm?: number | undefined
  /** Everything else about connections: TLS, sockets, proxy, loop, time limits, sizes, further header fields. */
  readonly http?: Omit<HttpClientOptions, 'origin' | 'warm' | 'signal'> | undefined
  /** Counts that are shared with others, in place of `limits`. Not closed with this client. */
  readonly limiter?: Limiter | RemoteLimiter | undefined
  /** Where the counts of `limits` are kept. Default: in this JS context. */
  readonly store?: MemoryLimitStore | undefined
  /** Those who wait for `limits`. */
  readonly queue?: LimitQueueOptions | undefined
  /** Account that requests are counted for unless they say otherwise; a name, never a key. Default `''`. */
  readonly account?: string | undefined
  /** Needs `balance.health.interval`. Default: none. */
  readonly probe?: RestProbe | undefined
  /** Default: none; the venue's clock is then taken for ours. */
  readonly serverTime?: RestServerTime | undefined
  /** The venue's clock, when it is shared with others. Default: one of its own. */
  readonly clock?: ClockOffset | undefined
  /** Milliseconds of silence for a venue that wants some and does not say how long, 0…3,600,000. Default 1,000. */
  readonly silence?: number | undefined
  /** Ends the client, as `close({ force: true })` does. */
  readonly signal?: AbortSignal | undefined
}

/** One request. */
export interface RestRequest {
  /** Parameters, or an encoded query without `?`; appended to the path. */
  readonly query?: QueryParams | string | undefined
  /** Text (UTF-8) or bytes. At most one of `body`, `json` and `form`. */
  readonly body?: string | Uint8Array | undefined
  /** Sent as JSON, with its `content-type`. */
  readonly json?: unknown
  /** Sent as `application/x-www-form-urlencoded`. */
  readonly form?: QueryParams | undefined
  readonly headers?: HeadersInput | undefined
  /** What it weighs on the limits, 0…1e12. Default 1. */
  readonly weight?: number | undefined
  /** Orders in it, 0…1e6. Default 1. */
  readonly count?: number | undefined
  /** Default: `'query'` for GET, HEAD and OPTIONS, `'cancel'` for DELETE, else `'order'`: what is taken for an order is never counted too little. */
  readonly kind?: RequestKind | undefined
  /** Lower goes first, from 0. Default: by `kind`. */
  readonly priority?: number | undefined
  /** Default: the client's. */
  readonly account?: string | undefined
  /** Instrument or pair, for limits that count by it. Default `''`. */
  readonly instrument?: string | undefined
  /** Name of the endpoint for limits that count by it; for paths that hold ids. Default: method and path. */
  readonly route?: string | undefined
  /** Milliseconds from the call, above 0 up to 86,400,000, in which an attempt may be made and answered. Default: the retry policy's. */
  readonly deadline?: number | undefined
  readonly timeouts?: RequestTimeouts | undefined
  /** The client id of an order: with it the order can be looked up. It is not sent by itself. */
  readonly idempotencyKey?: string | undefined
  /** Executing it twice is the same as once. Default: true for GET, HEAD, OPTIONS and DELETE. */
  readonly idempotent?: boolean | undefined
  /**
   * Milliseconds after it was sent during which the venue accepts it. Default: what the signature's recvWindow and the clock's error
   * come to; without one, `retry.settle`.
   */
  readonly validMs?: number | undefined
  /**
   * It was sent by other means, over a WebSocket say, at this moment of `performance.now()`, and it is not known whether it was executed:
   * begins with what would follow such an attempt, which for an order is a look-up. Default: it was not.
   */
  readonly uncertainSince?: number | undefined
  /** Whether it is signed. Default: when the client has an `auth`. */
  readonly auth?: boolean | undefined
  /** `balance: 'hash'`: requests with the same key go to the same endpoint. */
  readonly key?: string | undefined
  readonly signal?: AbortSignal | undefined
}
