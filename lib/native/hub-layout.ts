/** A hub of the core, typed, and how its records and counters are laid out (`native/addon/hub_record.h`, `hub_object.cc`). */

/** Kind of a hub's records in the event ring; the shape byte is the index into `HubEvents`. */
export const hubRecord = 32

/** A record: header, u32 numbers | u32 texts, the numbers as f64, of each text u32 bytes | u32 0, then the bytes padded to 8. */
export const HubEvents = [
  /** id, lane, remote port, deflate; remote address, path. */
  'connected',
  /** id, error, detail, clean, messages, bytes, missed; text of the error. */
  'disconnected',
  /** id, subscribed; topic. */
  'subscription',
  /** id, phase, policy, pending bytes, missed; ranges as f64: topic, from, to, count each. */
  'slow',
  /** id, binary; the message. */
  'message',
  /** topic; its name. */
  'snapshotNeeded',
  'drain',
  'closed',
  /**
   * id, protocol (0 WebSocket, 1 wire), secure, remote port, all topics, n topics, m keys; remote address, path, query, header lines, origin,
   * subprotocol, token, name, subject of the certificate, the n topics, the m keys. Answered by `authorize()`.
   */
  'authorize',
  /** reason, HTTP status, remote port, how many went unreported since the last; remote address, text. */
  'refused',
  /** endpoint, error, detail; text. */
  'acceptFailed',
  /** request, last of its loop; id, bytes in the ring, of its own, in the kernel, messages, bytes, missed for each subscriber. */
  'measured',
] as const

/** What a connection speaks. */
export const HubLanes = ['ws', 'ws-deflate', 'ws-wire', 'tcp'] as const

export const SlowPolicies = ['skip', 'conflate', 'disconnect'] as const

/** What `publish` gives, negated, when nothing was published. */
export const PublishStatus = {
  published: 0,
  refused: 1,
  tooLarge: 2,
  unknownTopic: 3,
  unknownKey: 4,
  keyLimit: 5,
  closed: 6,
  textNeeded: 7,
} as const

/** How a message's content is to be told to receivers; 0: text for strings, bytes for bytes. */
export const ContentKind = { byValue: 0, json: 1, text: 2 } as const

/** The key of messages that have none. */
export const noKey = 0xffff_ffff

/** Why a connection did not become a subscriber (`native/hub/refusal.h`); the first is none. */
export const RefusalReasons = [
  'none',
  'connections',
  'connectionsPerAddress',
  'pendingHandshakes',
  'acceptRate',
  'acceptRatePerAddress',
  'tls',
  'handshakeTimeout',
  'gone',
  'malformed',
  'notWebSocket',
  'path',
  'origin',
  'unauthorized',
  'authorizeTimeout',
  'closing',
] as const

/** What `counters()` gives, in this order, and then one per {@link RefusalReasons}. */
export const HubCounters = [
  'published', // messages
  'publishedBytes', // their payloads
  'refused', // publishes that found the rings full
  'snapshots', // answered
  'topics',
  'keys',
  'kept', // messages in the last-value store at this moment
  'keptBytes',
  'notKept', // found no room there
  'shmMessages', // written to shared memory
  'shmUnwritten', // messages and definitions that found no room there
  'subscribers', // at this moment
  'connected',
  'disconnected',
  'deliveries', // messages handed to the kernel for a subscriber, whole
  'bytes', // written, of any kind
  'writes', // system calls (or TLS writes) that wrote
  'passes', // rounds over the subscribers with news
  'blocked', // subscribers whose socket takes nothing at this moment
  'slow', // times that the threshold was crossed
  'skipped', // messages not delivered by `skip`, or beyond any window
  'conflated', // messages not delivered for a newer one of their key
  'slowDisconnects',
  'received', // messages from clients
  'receivedBytes',
  'requests', // subscribe, unsubscribe, ping
  'refusedRequests', // answered by an error
  'violations', // connections closed for what they sent
  'idleDisconnects',
  'eventsLost', // events that JS was too slow for
  'accepted', // connections taken from the kernel
  'admitted', // of them those that became subscribers
  'healthChecks', // answered
  'aborted', // gone before they were accepted
  'acceptFailures', // attempts to accept that failed for want of descriptors or memory
  'pendingHandshakes', // at this moment
  'connections', // at this moment, those in their handshake included
] as const

export interface NativeRate {
  /** 0: no limit. */
  readonly perSecond: number
  readonly burst: number
}

/** Limits of hub and front together. */
export interface NativeHubLimits {
  readonly connections: number
  readonly connectionsPerAddress: number
  readonly pendingHandshakes: number
  readonly acceptRate: NativeRate
  readonly acceptRatePerAddress: NativeRate
  readonly handshakeTimeout: number
  readonly requestBytes: number
  readonly inboundMessage: number
  readonly inboundMessagesPerSecond: number
  readonly inboundBytesPerSecond: number
  readonly subscriptions: number
  readonly filterKeys: number
  readonly maxMessage: number
  readonly topics: number
  readonly unpublishedTopics: number
  readonly keys: number
}

export interface NativeHubShm {
  readonly name: string
  /** '': the system's. */
  readonly directory: string
  readonly bytes: number
  readonly table: number
  readonly mode: number
}

/** Everything is given. Times in milliseconds, sizes in bytes. */
export interface NativeHubOptions {
  readonly name: string
  readonly shm: NativeHubShm | null
  readonly threads: number
  readonly ring: { readonly bytes: number; readonly messages: number }
  readonly flush: { readonly maxDelay: number; readonly bytes: number }
  /** `policy`: index into `SlowPolicies`. */
  readonly slow: { readonly pendingBytes: number; readonly policy: number; readonly closeTimeout: number }
  readonly store: { readonly keys: number; readonly bytes: number }
  readonly deflate: { readonly level: number; readonly windowBits: number; readonly threshold: number }
  readonly limits: NativeHubLimits
  readonly heartbeat: { readonly ping: number; readonly idle: number; readonly wire: number }
  readonly closeTimeout: number
  readonly forwardMessages: boolean
}

export interface NativeServerTls {
  readonly onlyTls13: boolean
  readonly cert: string
  readonly key: string
  readonly passphrase: string
  readonly clientCa: string
  /** 0 not asked for, 1 optional, 2 required. */
  readonly clientCertificate: number
  readonly tickets: boolean
}

export interface NativeEndpoint {
  /** The wire format over TCP; otherwise WebSocket. */
  readonly wire: boolean
  /** Numeric. */
  readonly host: string
  readonly port: number
  readonly path: string
  readonly backlog: number
  readonly ipv6Only: boolean
  readonly sendBuffer: number
  readonly tls: NativeServerTls | null
}

export interface NativeFrontOptions {
  readonly endpoints: readonly NativeEndpoint[]
  readonly limits: NativeHubLimits
  readonly deflate: { readonly enabled: boolean; readonly contextTakeover: boolean; readonly windowBits: number }
  readonly origins: readonly string[]
  readonly authorize: boolean
  readonly authorizeTimeout: number
  /** Path of health checks; '' = none. */
  readonly health: string
}

export interface NativeTopicOptions {
  readonly retain: boolean
  readonly conflate: boolean
  readonly snapshot: boolean
}

export interface NativeAuthorizeAnswer {
  readonly allowed: boolean
  /** HTTP status when it is not allowed. */
  readonly status: number
  /** null: what the client asked for. */
  readonly topics: readonly string[] | null
  readonly keys: readonly string[] | null
  /** null: everything. */
  readonly access: readonly string[] | null
  /** Index into `SlowPolicies`; −1: the hub's. */
  readonly slow: number
}

type Content = string | Uint8Array

export interface NativeSnapshotMessage {
  readonly key: number
  /** A `ContentKind`, or a typed message's domain × 256 + type. */
  readonly kind: number
  readonly content: Content
  readonly mentions: readonly number[] | null
  readonly text: string | null
}

export interface NativeHub {
  readonly handle: number
  /** Opens all endpoints or none; the ports in use. @throws codes `EADDRINUSE`, `EACCES`, `ERR_TLS_CONFIG`, …. */
  listen(options: NativeFrontOptions): number[]
  /** Number of the topic of that name; made when it is new. @throws codes `ERR_HUB_NAME`, `ERR_HUB_TOPIC_LIMIT`. */
  topic(name: string, options: NativeTopicOptions): number
  /** @throws codes `ERR_HUB_NAME`, `ERR_HUB_KEY_LIMIT`. */
  key(name: string): number
  /** The topic's sequence number, or a negative `PublishStatus`. `kind`: a `ContentKind`. */
  publish(topic: number, key: number, message: Content, kind: number): number
  /**
   * A message of the wire format. `type`: domain × 256 + type; `size` bytes of `payload`; `mentions`: further symbols in it; `text`: its JSON,
   * null when WebSocket clients need none: `textNeeded` when they do.
   */
  publishTyped(
    topic: number,
    key: number,
    type: number,
    payload: Uint8Array,
    size: number,
    mentions: readonly number[] | null,
    text: string | null,
  ): number
  /** How many were published, in order; a negative status when none was. `kinds`: one for all, or one each. */
  publishAll(topic: number, key: number, messages: readonly Content[], kinds: number | readonly number[]): number
  /** 0 or a negative status. */
  publishSnapshot(topic: number, messages: readonly NativeSnapshotMessage[]): number
  authorize(id: number, answer: NativeAuthorizeAnswer): void
  disconnect(id: number, code: number, reason: string): void
  /** False when it is larger than clients' messages may be. */
  send(id: number, message: Content, kind: number): boolean
  counters(): Float64Array
  /** `measured` records follow, the last of each loop marked; with an id other than 0 from its loop alone. */
  measure(request: number, id: number): void
  /** Tells readers of the shared memory that the hub is not stuck. */
  beat(): void
  /** Ends the shared memory, before `close()` does. */
  closeShm(): void
  /** Who comes from now on is turned away. */
  drain(): void
  /** Stops listening, says goodbye to all; a `closed` record follows. */
  close(graceMs: number): void
  destroy(): void
}
