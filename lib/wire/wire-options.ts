import { z } from 'zod'
import { bytesSchema, coreFields, heartbeatFields, msSchema, oneReceiveBuffer } from '../feed/core-schema.js'
import { RawDecoder } from '../feed/decoder.js'
import type { CoreFeedOptions } from '../feed/options.js'
import { socketSchema, type TlsOptions, tlsSchema } from '../runtime/connect-options.js'
import { WireDecoder } from './decoder.js'

const mib = 1_048_576
const gib = 1_024 * mib
const hour = 3_600_000

/** What a feed in the wire format makes of messages: rows (`wire.rows`), or whole frames (`bytes()`). */
export type WireFeedDecoder = WireDecoder | RawDecoder<Uint8Array>

/** Signs of life. Times in milliseconds. */
export interface WireHeartbeatOptions {
  /** Interval of pings, 0…3,600,000; 0: none. Default 15,000. Shared memory has nobody to ping. */
  readonly ping?: number | undefined
  /** A pong must follow a ping within this, 1…3,600,000; otherwise the feed connects again. Default 10,000. */
  readonly pongTimeout?: number | undefined
  /** The feed connects again when no data came for so long, whatever heartbeats did; 0…86,400,000; 0: never. Default 0. */
  readonly idle?: number | undefined
  /**
   * The feed connects again when nothing at all came for so long, not even heartbeats; 0…3,600,000. Default 0: three times the
   * interval that the hub announces. Not for shared memory, where a writer's death is seen.
   */
  readonly silence?: number | undefined
}

/** What to do about messages that did not come. */
export interface RecoverOptions {
  /**
   * - `'late'`: ask for them again; they are delivered when they come, behind younger ones (field `resent`).
   * - `'ordered'`: likewise, and messages of the topic behind the gap are kept back until they have come.
   */
  readonly order: 'late' | 'ordered'
  /** Also ask for what the hub left out because this receiver was too slow. Default false. */
  readonly slow?: boolean | undefined
  /** Milliseconds after which what was asked for counts as lost, 1…3,600,000. Default 1,000. */
  readonly wait?: number | undefined
  /** `'ordered'`: bytes kept back in all, 4,096…1 GiB; beyond that the wait is over. Default 4 MiB. */
  readonly holdBytes?: number | undefined
}

/** Only messages about these symbols. */
export interface WireFilter {
  readonly keys: readonly string[]
}

/** What a hub may make us hold or do. */
export interface WireLimitOptions {
  /** Topics, 1…65,535. Default 65,535. */
  readonly maxTopics?: number | undefined
  /** Bytes of requests that the hub does not take, 16,384…1 GiB. Default 4 MiB. */
  readonly maxSendQueue?: number | undefined
  /** Pings per second, 1…1,000,000. Default 1,000. */
  readonly maxPingsPerSecond?: number | undefined
}

/** Options of a `WireFeed`. Everything is checked when the feed is made. */
export interface WireFeedOptions<D extends WireFeedDecoder = WireFeedDecoder> extends CoreFeedOptions {
  /** `tcp://host:port`, `tls://host:port`, or `shm://name` for shared memory of this machine. */
  readonly url: string | URL
  /** Topics to subscribe to; `['*']`: all. At most 65,535 of 1…255 bytes. Default: none, until `subscribe()` is called. */
  readonly topics?: readonly string[] | undefined
  /** For these topics. Default: everything. Not for shared memory. */
  readonly filter?: WireFilter | undefined
  /** Get what the topics retain, first. Default true. */
  readonly snapshot?: boolean | undefined
  /** What to make of messages: `wire.rows([Quote, …])`, or `bytes()` for whole frames. */
  readonly decode: D
  /** Credentials for the hub, at most 4,096 bytes. Default: none. */
  readonly token?: string | undefined
  /** Who we are, for the hub's logs; at most 255 bytes. Default: none. */
  readonly clientName?: string | undefined
  /** What to do about messages that did not come. Default `'off'`: they are reported (`gap`). Shared memory cannot be asked. */
  readonly recover?: 'off' | 'late' | 'ordered' | RecoverOptions | undefined
  readonly heartbeat?: WireHeartbeatOptions | undefined
  /** `tls:` only. */
  readonly tls?: TlsOptions | undefined
  readonly limits?: WireLimitOptions | undefined
  /** `shm:` only. */
  readonly shm?: { readonly directory?: string | undefined } | undefined
}

const named = (max: number): z.ZodType<string> =>
  z.string().refine((text) => text !== '' && Buffer.byteLength(text) <= max, `must have 1 to ${max} bytes`)
const upTo = (max: number): z.ZodType<string> =>
  z.string().refine((text) => Buffer.byteLength(text) <= max, `must have at most ${max} bytes`)

/** Bytes of a filter's symbols with what they are wrapped in: half of what one request holds. */
const maxFilterBytes = 8_192
const overheadPerName = 6

export const topicsSchema = z.array(named(255)).max(65_535)
export const filterSchema = z.strictObject({
  keys: z
    .array(named(255))
    .min(1)
    .refine(
      (keys) => keys.reduce((sum, key) => sum + Buffer.byteLength(key) + overheadPerName, 0) <= maxFilterBytes,
      `must take at most ${maxFilterBytes} bytes, with ${overheadPerName} for each`,
    ),
})

const recover = z.strictObject({
  order: z.enum(['off', 'late', 'ordered']),
  slow: z.boolean().default(false),
  wait: msSchema.default(1_000),
  holdBytes: bytesSchema(4_096, gib).default(4 * mib),
})

/** Checks the options of a wire feed and fills in what does not depend on others. */
export const wireFeedOptionsSchema = z
  .strictObject({
    ...coreFields,
    url: z.union([z.string(), z.instanceof(URL)], { error: 'must be a string or a URL' }),
    topics: topicsSchema.default([]),
    filter: filterSchema.optional(),
    snapshot: z.boolean().default(true),
    decode: z.custom<WireFeedDecoder>(
      (value) => value instanceof WireDecoder || (value instanceof RawDecoder && value.form === 'bytes'),
      'must be made by wire.rows(…) or bytes()',
    ),
    token: upTo(4_096).default(''),
    clientName: upTo(255).default(''),
    recover: z
      .union([z.enum(['off', 'late', 'ordered']).transform((order) => recover.parse({ order })), recover], {
        error: "must be 'off', 'late', 'ordered' or recover options",
      })
      .prefault('off'),
    heartbeat: z.strictObject({ ...heartbeatFields, silence: z.number().min(0).max(hour).default(0) }).prefault({}),
    tls: tlsSchema.optional(),
    proxy: z.union([z.string(), z.instanceof(URL)], { error: 'must be a string or a URL' }).optional(),
    limits: z
      .strictObject({
        maxTopics: z.int().min(1).max(65_535).default(65_535),
        maxSendQueue: bytesSchema(16_384, gib).default(4 * mib),
        maxPingsPerSecond: z.int().min(1).max(1_000_000).default(1_000),
      })
      .prefault({}),
    socket: socketSchema.omit({ trigger: true }).prefault({}),
    shm: z.strictObject({ directory: z.string().min(1).max(4_096).optional() }).optional(),
  })
  .refine(oneReceiveBuffer.check, oneReceiveBuffer.params)
  .refine(({ overflow, decode }) => overflow !== 'conflate' || decode instanceof WireDecoder, {
    path: ['overflow'],
    message: "'conflate' needs rows: decode with wire.rows(…)",
  })

export type ParsedWireOptions = z.output<typeof wireFeedOptionsSchema>
