/** tickwire/rest: HTTP on the native loop. */

export type { HttpErrorDetails } from './errors.js'
export { HttpError } from './errors.js'
export type { HeadersInput } from './fields.js'
export { ResponseHeaders } from './fields.js'
export type { HttpClientEvents, HttpClientStats, HttpConnection, HttpDisconnect } from './http-client.js'
export { HttpClient } from './http-client.js'
export type { HttpClientOptions, RequestOptions, RequestTimeouts } from './options.js'
export type { ResponseHead, ResponseTimes } from './response.js'
export { HttpResponse } from './response.js'
export { StreamedResponse } from './streamed-response.js'
