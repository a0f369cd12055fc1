import type { SocketOptions, TlsOptions } from '../runtime/connect-options.js'
import type { Loop, LoopMode } from '../runtime/loop.js'
import type { TrafficRecorder } from '../runtime/traffic.js'
import type { HeadersInput } from './fields.js'

/** Milliseconds, 0…3,600,000 each; 0: no limit. */
export interface RequestTimeouts {
  /** Waiting for a connection. Default 5,000. */
  readonly queue?: number | undefined
  /** From sending to the head of the answer. Default 10,000. */
  readonly head?: number | undefined
  /** Between two pieces of the answer's body. Default 10,000. */
  readonly body?: number | undefined
  /** All of it. Default 30,000. */
  readonly total?: number | undefined
}

/** Options of an {@link HttpClient}. */
export interface HttpClientOptions {
  /** `https://host[:port]` or `http://…`, without a path. */
  readonly origin: string | URL
  /** Connections that are kept open without need, so that a request need not wait for one; 0…256. Default 0. */
  readonly warm?: number | undefined
  readonly connections?:
    | {
        /** At most so many at once, 1…1,024. Default 64. */
        readonly max?: number | undefined
        /** Milliseconds without a request after which one that need not stay warm is closed, 1,000…3,600,000. Default 30,000. */
        readonly keepAlive?: number | undefined
        /** Name, connection, proxy and TLS together, in milliseconds, 1…3,600,000. Default 10,000. */
        readonly timeout?: number | undefined
      }
    | undefined
  readonly http2?:
    | boolean
    | {
        /** Requests at once on one connection, where the server allows as many; 1…10,000. Default 100. */
        readonly streams?: number | undefined
      }
    | undefined
  /** Limits of requests that bring none of their own. */
  readonly timeouts?: RequestTimeouts | undefined
  readonly limits?:
    | {
        /** Requests that wait for a connection, 0…60,000; one more fails with `ERR_HTTP_QUEUE_FULL`. Default 1,024. */
        readonly queue?: number | undefined
        /** Bytes of a response that is not streamed, before and after its content coding is undone; up to 1 GiB. Default 16 MiB. */
        readonly body?: number | undefined
        /** Bytes of a response's header fields, 1,024…1 MiB. Default 64 KiB. */
        readonly head?: number | undefined
        /** Header fields of a response, 1…10,000. Default 256. */
        readonly fields?: number | undefined
      }
    | undefined
  /** Sent with every request. */
  readonly headers?: HeadersInput | undefined
  /** Ask for compressed answers. Small ones are faster without. Default false. */
  readonly compress?: boolean | undefined
  /** Records the address and body of each answer that is not streamed: a `Recorder` of `tickwire/capture`. Default: none. */
  readonly record?: TrafficRecorder | undefined
  readonly tls?: TlsOptions | undefined
  readonly socket?: Omit<SocketOptions, 'trigger'> | undefined
  /** `http://[user:password@]host:port` of a CONNECT proxy. Default: none. */
  readonly proxy?: string | URL | undefined
  /** Where its sockets are served. Default `'park'`. */
  readonly loop?: Loop | LoopMode | undefined
  /** Ends the client, as `close({ force: true })` does. */
  readonly signal?: AbortSignal | undefined
}

/** One request. */
export interface RequestOptions {
  /** Default `'GET'`. */
  readonly method?: string | undefined
  /** Starts with a slash; percent-encoded, with its query. */
  readonly path: string
  /** Added to those of the client; of the same name both are sent. */
  readonly headers?: HeadersInput | undefined
  readonly body?: string | Uint8Array | undefined
  readonly timeouts?: RequestTimeouts | undefined
  /** Hand over the body in pieces, by `for await (const piece of response.body)`. Default false. */
  readonly stream?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}
