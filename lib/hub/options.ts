import type { Loop, LoopMode } from '../runtime/loop.js'
import type { AuthorizeRequest, AuthorizeResult } from './authorize.js'
import type { TopicOptions } from './topic-options.js'

/**
 * What becomes of a subscriber that does not keep up.
 * - `skip`: it goes on with the newest; what it missed is counted exactly.
 * - `conflate`: of what it has not got it is sent only the newest per key, once it reads again.
 * - `disconnect`: it is closed with code 1013.
 */
export type SlowPolicy = 'skip' | 'conflate' | 'disconnect'

export interface SlowOptions {
  /** Bytes that may wait for a subscriber, in the kernel and in the hub's ring together, 4 KiB…1 GiB. Default 1 MiB. */
  readonly pendingBytes?: number | undefined
  /** Default `'skip'`. */
  readonly then?: SlowPolicy | undefined
  /** Milliseconds that a subscriber which is disconnected for being slow has to read why, 0…60,000. Default 1,000. */
  readonly closeTimeout?: number | undefined
}

export interface FlushOptions {
  /**
   * Under load a message waits at most so many milliseconds for others to share its system calls; an idle hub sends at once.
   * 0…1,000; 0: never waits. Default 1.
   */
  readonly maxDelay?: number | undefined
  /** So many waiting bytes end the delay, 1…1 GiB. Default 64 KiB. */
  readonly bytes?: number | undefined
}

export interface RingOptions {
  /**
   * Bytes of frames that stay for those who lag, per framing in use; rounded up to a power of two, 64 KiB…1 GiB. Default 8 MiB. A subscriber
   * that is behind by more than half of it counts as slow whatever `slow.pendingBytes` says.
   */
  readonly bytes?: number | undefined
  /** Messages that stay, 1,024…16,777,216; rounded up to a power of two. Default 65,536. */
  readonly messages?: number | undefined
}

/** Where the newest message per topic and key is kept, for `retain` and for conflation. */
export interface StoreOptions {
  /** Pairs of topic and key, 1…16,777,216. Default 1,048,576. */
  readonly keys?: number | undefined
  /** 4 KiB…64 GiB; what finds no room is not kept and counted. Default 64 MiB. */
  readonly bytes?: number | undefined
}

/** permessage-deflate. */
export interface HubDeflateOptions {
  /** zlib level, 1…9. Default 1. */
  readonly level?: number | undefined
  /** Base-two logarithm of the window, 9…15. Default 15. Clients that ask for a smaller one are served uncompressed. */
  readonly windowBits?: number | undefined
  /** Messages shorter than so many bytes go uncompressed, 0…1 MiB. Default 128. */
  readonly threshold?: number | undefined
  /**
   * True: each client has a context of its own, which compresses better and costs compressing per client. False: every message
   * is compressed once for all. Default false.
   */
  readonly contextTakeover?: boolean | undefined
}

/** A token bucket. */
export interface RateLimit {
  /** 0…1,000,000; 0: no limit. */
  readonly perSecond: number
  /** So many at once after a pause, 1…1,000,000. Default: `perSecond`, at least 1. */
  readonly burst?: number | undefined
}

/** What clients may make the hub hold and do. */
export interface HubLimits {
  /** Connections at a time, those in their handshake included, 1…1,000,000. Default 10,000. */
  readonly connections?: number | undefined
  /** Of them from one address (IPv6: from one /64). Default 2,000. */
  readonly connectionsPerAddress?: number | undefined
  /** Of them in their handshake. Default 1,024. */
  readonly pendingHandshakes?: number | undefined
  /** Connections that are let in. Default 5,000 per second, 10,000 at once. */
  readonly acceptRate?: RateLimit | undefined
  /** Connections that one address may try. Default 500 per second, 2,000 at once. */
  readonly acceptRatePerAddress?: RateLimit | undefined
  /** Milliseconds from being accepted to having asked for something sensible (TLS and all), 10…600,000. Default 5,000. */
  readonly handshakeTimeout?: number | undefined
  /** Bytes of a request with its headers, 512…65,536. Default 8,192. */
  readonly requestBytes?: number | undefined
  /** Bytes of a message from a client, 125…16 MiB. Default 64 KiB. */
  readonly inboundMessage?: number | undefined
  /** Messages from a client, with a burst of as many, 1…1,000,000. Default 200. */
  readonly inboundMessagesPerSecond?: number | undefined
  /** Bytes from a client, with a burst of as many, 125…1 GiB. Default 1 MiB. */
  readonly inboundBytesPerSecond?: number | undefined
  /** Topics that a client subscribes to, 1…65,535. Default 1,024. */
  readonly subscriptions?: number | undefined
  /** Keys in a client's filters, 0…1,048,576. Default 1,024. */
  readonly filterKeys?: number | undefined
  /** Bytes of a published message, 1…128 MiB; at most an eighth of `ring.bytes`, and a quarter of `shm.bytes`. Default 1 MiB, or what fits. */
  readonly maxMessage?: number | undefined
  /** Topics, 1…65,535. Default 65,535. */
  readonly topics?: number | undefined
  /** Topics that clients ask for and nobody publishes, 0…65,535. Default 4,096. */
  readonly unpublishedTopics?: number | undefined
  /** Different keys, 1…16,777,216. Default 1,048,576. */
  readonly keys?: number | undefined
}

/** Milliseconds, 0…86,400,000; 0: never. */
export interface HubHeartbeatOptions {
  /** A client that has said nothing for so long is pinged. Default 20,000. */
  readonly ping?: number | undefined
  /** And after so long cut. Default 60,000. */
  readonly idle?: number | undefined
  /** Clients of the wire format hear something at least this often. Default 1,000. */
  readonly wire?: number | undefined
}

/** The server's side of TLS. */
export interface HubTlsOptions {
  /** Certificate chain in PEM, the server's own first. */
  readonly cert: string | Uint8Array
  /** Its private key in PEM. */
  readonly key: string | Uint8Array
  readonly passphrase?: string | undefined
  /** `'default'`: TLS 1.2 and 1.3. `'production'`: TLS 1.3 only. Default `'default'`. */
  readonly profile?: 'default' | 'production' | undefined
  /** Authorities whose client certificates are accepted, in PEM. */
  readonly clientCa?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined
  /** Whether clients must show a certificate. Default `'required'` with `clientCa`, else `'none'`. */
  readonly clientCertificate?: 'none' | 'optional' | 'required' | undefined
  /** Session tickets, by which clients resume. Default true. */
  readonly tickets?: boolean | undefined
}

export interface EndpointOptions {
  /** `ws://host:port/path`, `wss://…`; of `tcp`: `tcp://host:port`, `tls://…`. Port 0: any free one. */
  readonly url: string | URL
  /** `wss:` and `tls:` only. Default: the hub's. */
  readonly tls?: HubTlsOptions | undefined
  /** Connections that the kernel keeps until they are accepted, 1…65,535; the system has a limit of its own. Default 4,096. */
  readonly backlog?: number | undefined
  /** `[::]` takes no IPv4 connections. Default false. */
  readonly ipv6Only?: boolean | undefined
  /** Kernel send buffer per connection in bytes, up to 1 GiB; 0: the system's tuning. Default 0. */
  readonly sendBuffer?: number | undefined
}

/** Messages in shared memory: each is a record that holds a frame of the wire format. */
export interface HubShmOptions {
  /** 1…64 of `A-Z a-z 0-9 . _ -`, not starting with a dot: what readers open. */
  readonly name: string
  /** Bytes of the ring, rounded up to a power of two, 64 KiB…1 GiB; a message has at most a quarter of it. Default 16 MiB. */
  readonly bytes?: number | undefined
  /** Bytes for the names of topics and keys, 0…64 MiB. Default 1 MiB. */
  readonly table?: number | undefined
  /** Permissions, at least 0o600. Default 0o600: processes of the same user. */
  readonly mode?: number | undefined
  /** Default `/dev/shm` on Linux, the user's temporary directory on macOS. */
  readonly directory?: string | undefined
}

/** One address or several. */
export type Endpoints = string | URL | EndpointOptions | readonly (string | URL | EndpointOptions)[]

/** Options of {@link Hub.listen}. Everything is checked before anything is opened. */
export interface HubOptions {
  /** Addresses for WebSocket clients. Below the path of the URL, further segments name topics. */
  readonly ws?: Endpoints | undefined
  /** Addresses for clients of the wire format. */
  readonly tcp?: Endpoints | undefined
  /** Name of a segment in shared memory for readers on this machine ({@link ShmReader}), or its options. */
  readonly shm?: string | HubShmOptions | undefined
  /** Certificate of `wss:` and `tls:` addresses that bring none of their own. */
  readonly tls?: HubTlsOptions | undefined
  /** Name in greetings and errors, 1…255 bytes. Default `'hub'`. */
  readonly name?: string | undefined
  readonly slow?: SlowOptions | undefined
  readonly flush?: FlushOptions | undefined
  readonly ring?: RingOptions | undefined
  readonly store?: StoreOptions | undefined
  /** Topics that exist from the start, with their options. */
  readonly topics?: Readonly<Record<string, TopicOptions>> | undefined
  /** `retain` of topics that are not told otherwise. Default: `'last'` for topics whose first message is a typed Quote, else `'none'`. */
  readonly retain?: 'none' | 'last' | undefined
  /** Default false: compressing costs more than sending. */
  readonly deflate?: boolean | HubDeflateOptions | undefined
  readonly limits?: HubLimits | undefined
  readonly heartbeat?: HubHeartbeatOptions | undefined
  /**
   * Origins (`https://app.example`, `https://*.example`) whose pages may connect. Default: all. Browsers alone send an origin: this keeps
   * foreign pages out, not programs.
   */
  readonly origins?: readonly string[] | undefined
  /** Decides who may come in, and to what. Default: everybody, to everything. */
  readonly authorize?: ((request: AuthorizeRequest) => AuthorizeResult | Promise<AuthorizeResult>) | undefined
  /** Milliseconds that `authorize` has, 10…600,000; then the client gets a 503. Default 5,000. */
  readonly authorizeTimeout?: number | undefined
  /** Path of health checks on WebSocket addresses, or false: none. Default `'/healthz'`. */
  readonly health?: string | false | undefined
  /** Broadcast threads, 1…64: connections are spread over them. Default 1. */
  readonly threads?: number | undefined
  /** Where connections are accepted and, with one thread, served. Default: a loop of the hub's own. */
  readonly loop?: Loop | LoopMode | undefined
  /** What clients say beyond subscribing becomes `message` events; false: it is answered by an error. Default false. */
  readonly messages?: boolean | undefined
  /** Milliseconds that `close()` waits for the clients' goodbyes, 0…600,000. Default 3,000. */
  readonly closeTimeout?: number | undefined
  /** Closes the hub at once when aborted. */
  readonly signal?: AbortSignal | undefined
}

/** How messages are published. */
export interface PublishOptions {
  /** What retaining, conflation and filters go by: a symbol, say. Default: a typed message's symbol, else the topic. */
  readonly key?: string | undefined
  /** A Uint8Array holds UTF-8 text: WebSocket clients get it as a text message. Default false. */
  readonly text?: boolean | undefined
}
