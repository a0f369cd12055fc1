import type { ReconnectPolicy } from '../policy/reconnect.js'
import type { WakeMode } from '../runtime/channel.js'
import type { SocketOptions, TlsOptions } from '../runtime/connect-options.js'
import type { Loop, LoopMode } from '../runtime/loop.js'
import type { TrafficRecorder } from '../runtime/traffic.js'
import type { Arbiter } from './arbiter.js'
import type { Decoder, JsonDecoder } from './decoder.js'
import type { FeedBooks } from './feed-books.js'

/** What happens when JS does not keep up. */
export type Overflow = 'block' | 'conflate' | 'dropOldest'

/** Signs of life. Times in milliseconds. */
export interface HeartbeatOptions {
  /** Interval of protocol pings, 0…3,600,000; 0: none. Default 15,000. */
  readonly ping?: number | undefined
  /** A pong must follow a ping within this, 1…3,600,000; otherwise the feed connects again. Default 10,000. */
  readonly pongTimeout?: number | undefined
  /** The feed connects again when no data came for so long, whatever control frames did; 0…86,400,000; 0: never. Default 0. */
  readonly idle?: number | undefined
  /** A text sent at an interval (1…3,600,000), as some venues demand. Default: none. */
  readonly app?: { readonly text: string; readonly interval: number } | undefined
}

/** How much may wait between the core and JS. Sizes in bytes. */
export interface QueueOptions {
  /**
   * Unread bytes of the event ring from which on the feed stops reading its socket (`block`) or keeps rows back
   * (`dropOldest`), 4,096…half of the loop's `ring`. Default: half of it.
   */
  readonly bytes?: number | undefined
  /** `dropOldest`: rows kept back in the core before the oldest are dropped, 4,096…1 GiB. Default 4 MiB. */
  readonly pendingBytes?: number | undefined
}

/** How rows are gathered before JS hears of them. */
export interface BatchOptions {
  /** Rows of one read after which a waiting reader is woken, and the most that one batch holds, 1…65,536. Default 256. */
  readonly rows?: number | undefined
  /** Microseconds after which they are announced at the latest, 0…1,000,000; 0: with the end of every read. Default 0. */
  readonly flushIntervalUs?: number | undefined
}

export interface ConflateOptions {
  /** Different keys per shape, 1…1,048,576; rows of further keys are dropped and counted. Default 1,024. */
  readonly keys?: number | undefined
  /** Memory that this may take, in bytes, up to 1 GiB; more is refused when the feed is made. Default 64 MiB. */
  readonly bytes?: number | undefined
}

/** permessage-deflate (RFC 7692). */
export interface DeflateOptions {
  /** Ask that we may, or promise to, forget our window after each message. Default false. */
  readonly clientNoContextTakeover?: boolean | undefined
  /** Ask the server to forget its window after each message. Default false. */
  readonly serverNoContextTakeover?: boolean | undefined
  /** 9…15. Default 15. */
  readonly clientMaxWindowBits?: number | undefined
  /** 8…15. Default 15. */
  readonly serverMaxWindowBits?: number | undefined
  /** zlib level of what is sent, 1…9. Default 1. */
  readonly level?: number | undefined
  /** Messages shorter than so many bytes are sent uncompressed, 0…16 MiB. Default 1,024. */
  readonly threshold?: number | undefined
}

/** Milliseconds, 1…3,600,000 each. */
export interface TimeoutOptions {
  /** Name, connection, proxy and TLS together. Default 10,000. */
  readonly connect?: number | undefined
  /** The server's answer to the WebSocket handshake. Default 10,000. */
  readonly handshake?: number | undefined
  /** The server's part of the closing handshake. Default 3,000. */
  readonly close?: number | undefined
}

/** What a peer may make us hold or do. */
export interface LimitOptions {
  /** Bytes of a message after inflation, 125…1 GiB. Default 16 MiB; for `text()` and `bytes()` what the queue holds. */
  readonly maxMessage?: number | undefined
  /** Frames of a message, 1…16,777,216. Default 65,536. */
  readonly maxFragments?: number | undefined
  /** Bytes that `send` may queue, 1,024…1 GiB. Default 16 MiB. */
  readonly maxSendQueue?: number | undefined
  /** Pings per second, 1…1,000,000. Default 1,000. */
  readonly maxPingsPerSecond?: number | undefined
}

/** What the stream will be like: sizes the receive buffer as rate × burst × messageBytes. */
export interface Expectation {
  /** Messages per second at the peak, up to 100,000,000. */
  readonly rate: number
  /** How long such a peak may last before the loop reads again, in milliseconds, up to 10,000. Default 50. */
  readonly burstMs?: number | undefined
  /** Bytes per message, up to 16 MiB. Default 160. */
  readonly messageBytes?: number | undefined
}

/** Samples of refused messages, for the log. */
export interface SampleOptions {
  /** Bytes kept of a message, 0…65,536. Default 256. */
  readonly bytes?: number | undefined
  /** Milliseconds between two samples, 0…3,600,000. Default 1,000. */
  readonly interval?: number | undefined
}

/**
 * At most `count` attempts to connect, 1…65,536, within any `perMs` milliseconds, 1…86,400,000: further ones wait. Held for the whole
 * process, worker threads included, by all feeds that give the same name (1…256 characters) and numbers.
 */
export interface ConnectLimit {
  readonly name: string
  readonly count: number
  readonly perMs: number
  /**
   * Milliseconds, 0…259,200,000, for which nobody connects after a refusal with this HTTP status, unless the refusal says it itself
   * (`Retry-After`). Default: none; each feed's `reconnect` then says when.
   */
  readonly bans?: Readonly<Record<number, number>> | undefined
}

/** Options of all kinds of feeds. */
export interface CoreFeedOptions {
  /** Name in errors, up to 256 characters. Default: scheme, host and port of the URL. */
  readonly name?: string | undefined
  /** Default `exponential()`. */
  readonly reconnect?: ReconnectPolicy | undefined
  /**
   * What happens when JS does not keep up. Default `'block'`.
   * - `block`: the socket is left unread, so that the sender feels it. Nothing is lost here; pings are answered until then.
   * - `conflate`: of each key only the newest row is kept (rows only).
   * - `dropOldest`: the oldest rows are dropped; a `gap` event says exactly how many.
   */
  readonly overflow?: Overflow | undefined
  readonly queue?: QueueOptions | undefined
  readonly batch?: BatchOptions | undefined
  readonly conflate?: ConflateOptions | undefined
  /** The loop, or the mode of a shared one. Default {@link Loop.default}. */
  readonly loop?: Loop | LoopMode | undefined
  /** `'signal'`: the core wakes the event loop. `'poll'`: nothing arrives unless `poll()` is called. Default `'signal'`. */
  readonly wake?: WakeMode | undefined
  /** HTTP proxy to tunnel through: `http://[user:password@]host:port`. Default: none; the environment is not looked at. */
  readonly proxy?: string | URL | undefined
  readonly timeouts?: TimeoutOptions | undefined
  readonly socket?: SocketOptions | undefined
  /** Bytes of the receive buffer, 16,384…256 MiB, rounded up to a power of two. Default 1 MiB. Not with `expect`. */
  readonly recvBuffer?: number | undefined
  /** Sizes the receive buffer by the stream. */
  readonly expect?: Expectation | undefined
  /** How often connections may be begun, by all feeds of the process that name this limit. Default: no limit but `reconnect`. */
  readonly connectLimit?: ConnectLimit | undefined
  readonly samples?: SampleOptions | undefined
  /** Cuts the feed at once when aborted. */
  readonly signal?: AbortSignal | undefined
}

/** Options of a `Feed`. Everything is checked when the feed is made. */
export interface FeedOptions<D extends Decoder = Decoder> extends CoreFeedOptions {
  /** `ws:` or `wss:`, without credentials and fragment. */
  readonly url: string | URL
  /** What to make of messages: `json({…})`, `json.oneOf(…)`, `sbe(…)`, `text()` or `bytes()`. */
  readonly decode: D
  /**
   * Takes the rows of this feed and of others that carry the same streams, and hands on the first copy of each: listen to it instead. Of
   * the same `decode`; loop, `wake` and `overflow` are the arbiter's. Default: none.
   */
  readonly arbiter?: Arbiter<D & JsonDecoder> | undefined
  /** Which of the arbiter's paths this feed is, from 0. Default 0. */
  readonly path?: number | undefined
  /** Message or messages sent each time a connection opens, before anything else. Default: none. */
  readonly subscribe?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined
  /**
   * Order books that its messages feed, of the same loop and `wake`: rows of shapes with a `book` role go into them, on the loop's
   * thread, and are not handed over. Default: such rows are rows like any other.
   */
  readonly books?: FeedBooks | undefined
  /** With `books`: such rows are handed over, too. Default false. */
  readonly bookRows?: boolean | undefined
  /**
   * Records everything that goes over the connections, byte for byte: a `Recorder` of `tickwire/capture`. Default: none, which costs
   * nothing.
   */
  readonly record?: TrafficRecorder | undefined
  readonly heartbeat?: HeartbeatOptions | undefined
  /** `wss:` only. */
  readonly tls?: TlsOptions | undefined
  /** Further headers of the handshake. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Subprotocols offered, in order. */
  readonly subprotocols?: readonly string[] | undefined
  /** Value of the Origin header. Default: none. */
  readonly origin?: string | undefined
  /** Offer permessage-deflate. Default false: inflating costs more than receiving. */
  readonly deflate?: boolean | DeflateOptions | undefined
  readonly limits?: LimitOptions | undefined
}
