/** tickwire/rest: HTTP on the native loop, and requests to venues under policies. */

export { DecodeError } from '../feed/refusal.js'
export type { RowOf } from '../feed/row-reader.js'
export type { BalanceMode } from '../policy/balance/policy.js'
export { decayingCounter, fixedWindow, slidingWindow, tokenBucket } from '../policy/limit/meter-spec.js'
export { weighted } from '../policy/limit/rule.js'
export { type ExponentialOptions, exponential, type ReconnectPolicy } from '../policy/reconnect.js'
export { type HmacAuthOptions, hmac } from '../sign/hmac-auth.js'
export type { HttpErrorDetails } from './errors.js'
export { HttpError } from './errors.js'
export { createFetch, type Fetch, type FetchInit, type FetchOptions } from './fetch.js'
export type { HeadersInput } from './fields.js'
export { ResponseHeaders } from './fields.js'
export type { HttpClientStats } from './http-client.js'
export { HttpClient } from './http-client.js'
export type { HttpClientOptions, RequestOptions, RequestTimeouts } from './options.js'
export type { HttpClientEvents, HttpConnection, HttpDisconnect } from './pool-sink.js'
export type { ResponseHead, ResponseTimes } from './response.js'
export { HttpResponse } from './response.js'
export { Rest, type RestStats } from './rest.js'
export type { RestCounters } from './rest-core.js'
export type { RestEndpointStats } from './rest-endpoints.js'
export { RestError, type RestErrorDetails } from './rest-error.js'
export type { RestEvents, RestRetry } from './rest-events.js'
export type {
  Lookup,
  LookupContext,
  LookupResult,
  RestChanges,
  RestEndpoint,
  RestOptions,
  RestProbe,
  RestRequest,
  RestServerTime,
} from './rest-options.js'
export { RestResponse } from './rest-response.js'
export { StreamedResponse } from './streamed-response.js'
