/**
 * What the C++ addon exports, typed. Nothing but control passes through these calls: data travels through the event ring
 * (`docs/event-ring.md`), whose layout the constants below describe for the JS side.
 */

import type { NativeBookSet, NativeBookSetOptions } from './book-layout.js'
import type { NativeHub, NativeHubOptions } from './hub-layout.js'

/** How a loop waits. `inline` has no thread of its own: the JS thread drives it. */
export type NativeLoopMode = 'park' | 'spin' | 'backoff' | 'inline'

export interface NativeLoop {
  /** Stops and joins the thread. Feeds on it must have been closed. */
  close(): void
  /** CPU time of the loop's thread in nanoseconds; for `inline` 0. */
  cpuTimeNs(): number
  /** `inline` and polled use: one turn without waiting. Returns the number of things done. */
  runOnce(): number
}

/** One event ring between one loop and one JS context. */
export interface NativeChannel {
  /** The reader has freed space and found `starved` set: lets the loop go on publishing. */
  nudge(): void
  /** Whether the channel keeps the process alive. */
  ref(): void
  unref(): void
  close(): void
}

export interface NativeTlsOptions {
  readonly onlyTls13: boolean
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly passphrase: string
  readonly pins: readonly string[]
  readonly serverName: string
  readonly alpn: readonly string[]
  readonly verify: boolean
  readonly resumeSessions: boolean
}

export interface NativeSocketOptions {
  readonly noDelay: boolean
  readonly recvBuffer: number
  readonly sendBuffer: number
  readonly busyPollUs: number
  readonly kernelTimestamps: boolean
  readonly keepAlive: boolean
  readonly localAddress: string
}

export interface NativeProxy {
  readonly host: string
  readonly port: number
  readonly authorization: string
}

export interface NativeConflateRegion {
  /** Byte offset of the region in `conflateMemory`, multiple of 64. */
  readonly offset: number
  /** Bytes of one value: the largest row record of the shape, multiple of 8. */
  readonly rowBytes: number
  /** Slots in the region. */
  readonly keys: number
}

/** What all kinds of feeds are told. Everything is given: defaults are the business of the feed layer. Times in milliseconds, sizes in bytes. */
export interface NativeCoreOptions {
  readonly reconnect: {
    readonly enabled: boolean
    readonly first: number
    readonly max: number
    readonly factor: number
    /** 0…1: the delay is drawn from [delay × (1 − jitter), delay × (1 + jitter)], then capped at `max`. */
    readonly jitter: number
    /** Attempts after which the feed gives up; −1 = never. Counted since the last connection that carried data. */
    readonly retries: number
    /** The first attempt after a connection that carried data comes without delay. */
    readonly immediate: boolean
    /** No attempt sooner than `stormFloor` after the last once `stormAttempts` fell within `stormWindow`. */
    readonly stormFloor: number
    readonly stormAttempts: number
    readonly stormWindow: number
  }
  readonly heartbeat: {
    /** Interval of protocol pings; 0 = none. */
    readonly ping: number
    /** A pong must follow within this. */
    readonly pongTimeout: number
    /** Reconnect when no data message came for so long; control frames do not count; 0 = never. */
    readonly idle: number
    /** Text sent every `appPingInterval`; '' = none. */
    readonly appPing: string
    readonly appPingInterval: number
  }
  readonly overflow: 'block' | 'conflate' | 'dropOldest'
  /** `block`, `dropOldest`: unread bytes in the ring from which on the feed stops / keeps rows back. */
  readonly ringWindow: number
  /** `dropOldest`: bytes of rows kept back in the core beyond the ring before the oldest are dropped. */
  readonly pendingBytes: number
  /** Rows are announced to the reader at the latest after so many… */
  readonly flushRows: number
  /** …and at the latest after this many microseconds; 0 = with the end of every read. */
  readonly flushInterval: number
  readonly conflateMemory: ArrayBuffer | null
  readonly conflateRegions: readonly NativeConflateRegion[]
  /**
   * Attempts of all feeds of the process that have this name and limit, at most `count` (1…65,536) within `per`; none for so long after a refusal
   * with this HTTP status that does not say how long. Null: any number.
   */
  readonly connectLimit: {
    readonly name: string
    readonly count: number
    readonly per: number
    readonly bans: readonly { readonly status: number; readonly for: number }[]
  } | null
  /** Layout: `StatsLayout`. */
  readonly stats: ArrayBuffer
  /** Bytes of a malformed message kept as its sample, at most one sample per `sampleInterval` ms. */
  readonly sampleBytes: number
  readonly sampleInterval: number
}

/** A feed over WebSocket. */
export interface NativeFeedOptions extends NativeCoreOptions {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly hostHeader: string
  readonly tls: NativeTlsOptions | null
  readonly proxy: NativeProxy | null
  readonly socket: NativeSocketOptions
  readonly subprotocols: readonly string[]
  readonly headers: readonly (readonly [string, string])[]
  readonly origin: string
  readonly deflate: {
    readonly clientNoContextTakeover: boolean
    readonly serverNoContextTakeover: boolean
    readonly clientMaxWindowBits: number
    readonly serverMaxWindowBits: number
    readonly level: number
    readonly threshold: number
  } | null
  /** Where what goes over the connections is copied (`TapLayout`); null: nowhere. */
  readonly tap: ArrayBuffer | null
  /** Sent, in order, each time a connection opens, before anything else. */
  readonly greeting: readonly (string | Uint8Array)[]
  readonly connectTimeout: number
  readonly handshakeTimeout: number
  readonly closeTimeout: number
  readonly limits: {
    readonly maxMessage: number
    readonly maxFragments: number
    readonly maxSendQueue: number
    readonly maxPingsPerSecond: number
  }
  readonly recvBuffer: number
  readonly readChunk: number
  /** What rows are made of and how (`docs/schema-format.md`), or null: raw messages. */
  readonly schema: string | null
  /** Takes the rows and passes the first copies on under its own handle; of the same channel and schema. */
  readonly arbiter: NativeArbiter | null
  /** Which of its paths this feed is. */
  readonly arbiterPath: number
  /** What messages are when there is a schema. */
  readonly format: 'json' | 'sbe'
  /** Books that are fed by it, of the same channel; null: book events are rows like any other. */
  readonly books: NativeBookSet | null
  /** With books: book events are handed over as rows, too. */
  readonly bookRows: boolean
  /** `level` exists to be measured against. */
  readonly trigger: 'edge' | 'level'
}

/** What all kinds of feeds can be told to do. */
export interface NativeFeedControl {
  /** Number that the feed's records carry; unique among the open feeds of a channel. */
  readonly handle: number
  open(): void
  /** Takes leave of the peer, then a STATE record to `disconnected`. */
  close(code: number, reason: string): void
  /** Cuts at once. */
  abort(): void
  /** 0, or the index of an error code in `errorCodes()`. */
  ping(): number
  /** Drops the connection and goes through the reconnection policy. */
  reconnect(): void
  /** Bytes accepted for sending and not yet by the kernel. */
  sendQueueBytes(): number
  /** Releases the native side; after the final STATE record, or at any time to abandon it. */
  destroy(): void
}

/** Close codes are 1000…4999. */
export interface NativeFeed extends NativeFeedControl {
  /**
   * Frames and writes on this thread when nothing is queued. Returns 0, or the index of an error code
   * (`ERR_NOT_OPEN`, `ERR_SEND_QUEUE_FULL`, …) in `errorCodes()`.
   */
  send(data: string | Uint8Array): number
  sendBatch(data: readonly (string | Uint8Array)[]): number
  /** What is sent first on later connections; `number` stands at `StatsLayout.greetingOffset` from the connection on that got it. */
  setGreeting(greeting: readonly (string | Uint8Array)[], number: number): void
}

/** Times in milliseconds. */
export interface NativeArbiterOptions {
  readonly schema: string
  /** 1…`ArbiterLayout.maxPaths`. */
  readonly paths: number
  /** Power of two, 64 or more. */
  readonly window: number
  readonly recent: number
  readonly wait: number
  readonly lead: number
  readonly restart: number
  /** Null: rows come as they win. */
  readonly inOrder: { readonly window: number; readonly rows: number; readonly bytes: number } | null
  readonly overflow: 'block' | 'conflate' | 'dropOldest'
  readonly pendingBytes: number
  readonly ringWindow: number
  readonly flushRows: number
  /** Null: rows are not conflated. */
  readonly conflateMemory: ArrayBuffer | null
  readonly conflateRegions: readonly NativeConflateRegion[]
  /** Layout: `StatsLayout`, then `ArbiterLayout`. */
  readonly stats: ArrayBuffer
}

/** What feeds share that carry the same streams (`native/feed/arbiter.h`). */
export interface NativeArbiter {
  readonly handle: number
  /** With `inOrder`: what is missing is told, what was held back behind it comes, and then a STATE record to `disconnected`. */
  end(): void
  /** Its memory is kept until the last feed that has a share in it is gone. */
  destroy(): void
}

/** What one subscription asks for. */
export interface NativeSubscription {
  readonly topics: readonly string[]
  /** Symbols; empty: all. */
  readonly keys: readonly string[]
  /** What the topics retain, first. */
  readonly snapshot: boolean
}

/** A feed in the wire format: over TCP or TLS, or (`shm`) from shared memory, where what concerns connections is not looked at. */
export interface NativeWireFeedOptions extends NativeCoreOptions {
  readonly host: string
  readonly port: number
  readonly tls: NativeTlsOptions | null
  readonly proxy: NativeProxy | null
  readonly socket: NativeSocketOptions
  readonly connectTimeout: number
  readonly shm: { readonly name: string; readonly directory: string; readonly spin: boolean } | null
  readonly session: {
    readonly token: string
    readonly clientName: string
    readonly recvBuffer: number
    readonly readChunk: number
    readonly maxSendQueue: number
    readonly maxPingsPerSecond: number
    readonly handshakeTimeout: number
    readonly closeTimeout: number
    /** A frame that does not get whole is given up when nothing came for so long. */
    readonly stall: number
    /** Reconnect when nothing at all came for so long; 0: three times the interval of heartbeats that the sender announces. */
    readonly silence: number
  }
  readonly recover: {
    readonly order: 'off' | 'late' | 'ordered'
    readonly slow: boolean
    readonly wait: number
    readonly holdBytes: number
  }
  readonly maxTopics: number
  readonly subscriptions: readonly NativeSubscription[]
  /** Description of wire rows (`docs/schema-format.md`), or null: raw frames. */
  readonly schema: string | null
}

export interface NativeWireFeed extends NativeFeedControl {
  subscribe(subscription: NativeSubscription): void
  unsubscribe(topics: { readonly topics: readonly string[] }): void
}

/** Everything is given. Times in milliseconds, sizes in bytes. */
export interface NativeHttpPoolOptions {
  readonly host: string
  readonly port: number
  /** Value of the Host field or `:authority`. */
  readonly authority: string
  readonly tls: NativeTlsOptions | null
  readonly proxy: NativeProxy | null
  readonly socket: NativeSocketOptions
  readonly connectTimeout: number
  readonly maxConnections: number
  /** Requests at once on one HTTP/2 connection, where the peer allows as many. */
  readonly maxStreams: number
  /** Connections kept open without need. */
  readonly warm: number
  readonly maxQueue: number
  readonly maxBody: number
  readonly maxHead: number
  readonly maxFields: number
  /** Idle time after which a connection that is not needed is closed. */
  readonly keepAlive: number
  /** Of requests that bring none of their own; 0: none. */
  readonly queueTimeout: number
  readonly headTimeout: number
  readonly bodyTimeout: number
  readonly totalTimeout: number
}

/** The connections to one origin. */
export interface NativeHttpPool {
  readonly handle: number
  /**
   * Writes on this thread when a connection is free, otherwise queues. Returns the request's id, or a negative index into
   * `errorCodes()`. `fields`: "name:value\n" for each, names in lower case. `method`, `fields`: undefined for those of the last call that
   * gave some. `timeouts`: queue, head, body, total in milliseconds, 0: none; undefined: those of the pool.
   * @throws code `ERR_HTTP_REQUEST` when a part could not stand in a request.
   */
  request(
    method: string | undefined,
    target: string,
    fields: string | undefined,
    body: string | Uint8Array | undefined,
    stream: boolean,
    timeouts: Float64Array | undefined,
  ): number
  /** Ends in an HTTP_FAILED record unless the request has ended already. */
  cancel(id: number): void
  /** A streamed response is not read on while it is held. */
  hold(id: number, on: boolean): void
  warm(): void
  /** Takes no more requests; connections close once those in flight are answered. */
  close(): void
  abort(): void
  /** In the order of `HttpPoolCounters`. */
  counters(): Float64Array
  destroy(): void
}

/** A key, prepared for signing. `inspect` shows nothing of it. Data is bytes, or text that is signed as UTF-8. */
export interface NativeHmac {
  sign(data: string | Uint8Array): string
  /** Signs `prefix` + SHA-256 of `data`. */
  signDigestOf(prefix: string | Uint8Array, data: string | Uint8Array): string
}

/** A schema applied to messages that JS holds. */
export interface NativeRowReader {
  /** Row records (`native/decode/row_batch.h`) one after the other, or why the message was refused: kind | shape << 8 | field << 16. `binary`: by
   *  default what the format demands. */
  read(message: Uint8Array, binary?: boolean): ArrayBuffer | number
}

export interface NativeAddon {
  readonly version: string
  readonly poller: 'epoll' | 'kqueue'
  /** Stable names of the core's errors; records carry indices into it. */
  errorCodes(): string[]
  /** Trust anchors (PEM) of TLS feeds that bring none of their own. */
  setDefaultCa(pem: string): void
  hasDefaultCa(): boolean
  /** Nanoseconds on the monotonic clock (that of `process.hrtime`). */
  monoNs(): number
  /** CPU time of the calling thread in nanoseconds. */
  threadCpuNs(): number
  /** Checks a schema description; throws with code `ERR_SCHEMA`. */
  checkSchema(description: string): void
  /** The same for a description of SBE rows. */
  checkSbeSchema(description: string): void
  /** The same for a description of wire rows. */
  checkRowSchema(description: string): void
  readonly Loop: new (options: { readonly mode: NativeLoopMode; readonly cpu: number }) => NativeLoop
  /**
   * `ring`: RingLayout.dataOffset + a power of two ≥ 64 KiB bytes; formatted by the constructor. `symbols`: 16 + maxSymbols × 8 +
   * text area bytes. `onWake` is called on the JS thread when records wait and the reader sleeps; null = never (the
   * reader polls).
   */
  readonly Channel: new (
    loop: NativeLoop,
    ring: ArrayBuffer,
    symbols: ArrayBuffer,
    maxSymbols: number,
    onWake: (() => void) | null,
  ) => NativeChannel
  readonly Hub: new (channel: NativeChannel, options: NativeHubOptions) => NativeHub
  readonly BookSet: new (channel: NativeChannel, options: NativeBookSetOptions) => NativeBookSet
  readonly Feed: new (channel: NativeChannel, options: NativeFeedOptions) => NativeFeed
  readonly Arbiter: new (channel: NativeChannel, options: NativeArbiterOptions) => NativeArbiter
  readonly WireFeed: new (channel: NativeChannel, options: NativeWireFeedOptions) => NativeWireFeed
  readonly HttpPool: new (channel: NativeChannel, options: NativeHttpPoolOptions) => NativeHttpPool
  readonly Hmac: new (
    digest: 'sha256' | 'sha384' | 'sha512',
    key: Uint8Array,
    encoding: 'hex' | 'base64' | 'base64url',
  ) => NativeHmac
  /** `symbols` as for `Channel`. */
  readonly RowReader: new (
    description: string,
    symbols: ArrayBuffer,
    maxSymbols: number,
    /** Default `'json'`. */
    format?: 'json' | 'sbe',
  ) => NativeRowReader
}

/** Tap of a feed's traffic: a ring of records with one writer and one reader, at offsets in words of 4 and 8 bytes. */
export const TapLayout = {
  /** Written by the core (release): end of the records; a byte count modulo 2³². */
  headWord: 0,
  /** Written by JS (release): everything before it may be overwritten. */
  tailWord: 16,
  /** Of 8 bytes, written by the core: records for which there was no room. */
  lostLong: 16,
  dataOffset: 192,
  /** u32 bytes in all, u8 kind (0xff: passed over), u8 binary, u16 close code, f64 time, u32 bytes of the message, u32 0. */
  recordHeaderBytes: 24,
} as const

/** Event ring: offsets in 32-bit words of the header, positions are byte counts modulo 2³². */
export const RingLayout = {
  magic: 0x474e5254,
  version: 2,
  magicWord: 0,
  versionWord: 1,
  capacityWord: 2,
  /** Written by the core (release), read by JS (acquire): end of the published records. */
  headWord: 16,
  /** Written by JS: everything before it may be overwritten. */
  tailWord: 32,
  /** JS sets 1 before it sleeps and then looks at head again; the core swaps it to 0 and signals. */
  sleepingWord: 48,
  /** The core sets 1 when it waits for space; JS swaps it to 0 after moving tail and calls nudge(). */
  starvedWord: 49,
  dataOffset: 256,
} as const

/** u8 kind in the second 32-bit word of a record: kind | shape << 8 | feed handle << 16. The first is the length in bytes. */
export const RecordKind = {
  /** Skip: the rest of the ring up to its end. */
  pad: 0,
  /** The next record is at the front of the ring. */
  restart: 31,
  /** Words: header, rx f64, kernel f64, fields (`native/decode/row_batch.h`). */
  row: 1,
  /** header, u32 slot | u32 0: take the newest value of that slot of the feed's conflation region of this shape. */
  conflated: 2,
  /** header, rx f64, kernel f64, u32 byte length | u32 0, bytes. */
  text: 3,
  binary: 4,
  /** header, time f64, u8 from | u8 to | u16 error | u32 attempt, i32 detail | u32 text length, f64 delay ms (NaN: none), text. On
   *  `connected` the text is JSON: {"address","port","subprotocol","deflate","tlsVersion","tlsCipher","alpn","tlsResumed"}. */
  state: 5,
  /** header, time f64, u64 rows lost since the last row of this feed. */
  gap: 6,
  /** header, time f64, u8 why | u8 shape | i16 field | u32 length of the whole message, u32 sample length | u32 further ones
   *  without a sample since the last, sample bytes. */
  malformed: 7,
  /** header, time f64, f64 round trip in ns. */
  pong: 8,
  /** Of an arbiter: header (with the shape), time f64, i64 first, i64 last number, u32 0 | u32 bytes of the key, key.
   *  Wire format: header, time f64, u64 first, u64 last sequence number, u8 cause | u8 fate | u16 0 | u32 topic length, topic. */
  sequenceGap: 9,
  /** Wire format: header, time f64, u64 sequence number before the first that comes, u32 topic length | u32 0, topic. */
  subscribed: 10,
  /** Wire format, a request was refused: header, time f64, u16 code | u16 0 | u32 text length, u32 topics length | u32 0, text, topics
   *  (each behind its u8 length). */
  refused: 11,
  /** Of books: header, u32 book | u32 0: it has changed, take its view (`BookView`). */
  book: 12,
  /** header, rx f64, kernel f64 (0: none), sent f64, u32 request, u16 status | u8 major | u8 flags (`HttpFlags`), u32 bytes of fields | u32
   *  bytes of body, fields, body. */
  httpResponse: 16,
  /** header, u32 request | u32 bytes, bytes. */
  httpPiece: 17,
  /** header, u32 request. */
  httpEnd: 18,
  /** header, u32 request | u16 error | u16 whether it may have been executed, i32 detail | u32 bytes of text, text. */
  httpFailed: 19,
  /** header, u8 open | u8 major | u16 error | i32 detail, u32 bytes of text, text: the error's, or "address\nport\ntlsVersion\ntlsCipher\nalpn\nresumed". */
  httpConnection: 20,
} as const

export const HttpFlags = { piecesFollow: 1, reused: 2, oneBody: 4, minorOne: 8, ascii: 16, coded: 32 } as const

/** What `NativeHttpPool.counters()` gives, in this order. */
export const HttpPoolCounters = [
  'requests',
  'responses',
  'failures',
  'reused',
  'connects',
  'connectFailures',
  'sentBytes',
  'receivedBytes',
  'open',
  'inFlight',
  'waiting',
] as const

/** `from` and `to` of STATE records and the state word of the stats memory. */
export const FeedStates = ['disconnected', 'connecting', 'connected', 'reconnecting', 'closing'] as const

/** `cause` of sequence gaps. */
export const GapCauses = ['lost', 'away', 'slow', 'overrun'] as const

/** `fate` of sequence gaps. */
export const GapFates = ['lost', 'requested', 'recovered', 'refused', 'expired'] as const

/** `why` of MALFORMED records, and the order of the counters. */
export const MalformedKinds = [
  'syntax',
  'truncated',
  'depth',
  'utf8',
  'wrongType',
  'outOfRange',
  'missing',
  'unknownShape',
  'tooLong',
  'tooManyRows',
  'tooManySymbols',
  'notText',
  'unknownSymbol',
  'checksum',
  'resync',
  'unsupported',
  'unexpected',
  'tooManyTopics',
  'notBinary',
  'wrongSchema',
] as const

/**
 * Conflation slot at region.offset + slot × stride, stride = roundUp(64 + 3 × rowBytes, 64): u32 state at 0, the three values at
 * 64 + k × rowBytes. state = index of the value that is handed over (0…2) | 4 when it is fresh. The reader starts owning value 2, the
 * core value 0, 1 lies in the middle. The core swaps its value in with the fresh bit; the reader, told by a CONFLATED
 * record, swaps its own in without it and owns the one it got until its next swap.
 */
export const ConflateLayout = {
  valuesOffset: 64,
  stride: (rowBytes: number): number => (64 + 3 * rowBytes + 63) & ~63,
} as const

/** Stats memory: u32 state at byte 0; u64 counters from byte 64 in this order; then the histograms. */
export const StatCounters = [
  'messages', // data messages received (complete, after inflation)
  'bytes', // bytes read from the socket (after TLS)
  'payloadBytes', // bytes of data messages
  'rows', // rows handed over
  'conflated', // rows replaced by a newer one before JS took them
  'dropped', // rows or raw messages dropped (dropOldest)
  'ignored', // messages that no shape wanted, by request
  'malformed', // messages refused, all kinds
  'levelsCut', // levels beyond a field's maximum
  'pauses', // times the socket was left unread because JS was slow (block)
  'conflateKeysFull', // rows dropped because a region had no slot for a new key
  'connects', // connections that opened
  'reconnects', // of these, after the first
  'failures', // attempts that did not open
  'pings', // protocol pings received
  'pongs', // pongs received
  'reads', // read calls that brought bytes
  'wakes', // signals to JS
  'sent', // messages sent
  'sentBytes', // payload bytes of them
  'samplesSuppressed', // malformed messages without a sample of their own
  'controlLost', // state or gap records that found no room (bounded memory)
  'duplicates', // wire format, arbiter: messages or rows dropped, since they had come before
  'gaps', // ranges of sequence numbers that did not come when they were due
  'missing', // messages in them
  'recovered', // of these, came after all
  'leftOut', // messages that the sender left out for newer ones of their key
  'heartbeats', // of the sender
  'skippedBytes', // bytes of no intact frame
  'overrun', // shared memory: records that were overwritten before they were read
  'copyLagNs', // of an arbiter's feeds: sum of what their copies came behind the first
  'reserved1',
] as const

/**
 * Latency histogram: u64 count, u64 sum, u64 max, u64 reserved, then u64 buckets. Bucket of v ns: v when v < 32, else with e =
 * floor(log2 v): (e − 4) × 32 + ((v >> (e − 5)) & 31); values ≥ 2^40 fall into the last. Relative width ≤ 1/32.
 */
export const HistogramLayout = { headerBytes: 32, buckets: 1152, bytes: 32 + 1152 * 8 } as const

export const StatsLayout = {
  stateOffset: 0,
  /** u32: the number of the greeting that the connection got. */
  greetingOffset: 8,
  countersOffset: 64,
  /** After the counters: one u64 per MalformedKinds entry. */
  malformedOffset: 64 + StatCounters.length * 8,
  /** kernel → native (rx − kernel, per message), native (rx → published, per message), ring → JS (written by JS, per row). */
  histogramsOffset: 512,
  histograms: ['kernelToNative', 'nativeToRing', 'ringToJs'],
  bytes: 512 + 3 * (32 + 1152 * 8),
} as const

/** What an arbiter counts. */
export const ArbiterCounters = [
  'passed', // rows
  'copies', // dropped: had come before
  'old', // dropped: too old to tell, or older than the newest
  'late', // passed: had been passed over
  'gaps', // ranges told
  'missing', // numbers in them
  'openMissing', // numbers that are waited for now
  'restarts', // the venue began its numbers anew
  'keys',
  'held', // rows that are held back now
  'reserved1',
  'reserved2',
] as const

export const ArbiterPathCounters = [
  'wins', // rows that were the first
  'copies', // rows that another connection had brought
  'old',
  'missed', // numbers that this path passed over
  'lagNs', // sum of what the copies came behind
  'reserved0',
  'reserved1',
  'reserved2',
] as const

const pathCounterBytes = ArbiterPathCounters.length * 8

/** Statistics memory of an arbiter, behind that of a feed. */
export const ArbiterLayout = {
  maxPaths: 16,
  countersOffset: StatsLayout.bytes,
  pathsOffset: StatsLayout.bytes + ArbiterCounters.length * 8,
  pathBytes: pathCounterBytes + HistogramLayout.bytes,
  /** Of the histogram of lags, from the path's start. */
  lagOffset: pathCounterBytes,
} as const
