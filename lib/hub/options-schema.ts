import { z } from 'zod'
import { type NativeHubLimits, type NativeHubOptions, SlowPolicies } from '../native/hub-layout.js'
import { pemSchema } from '../runtime/connect-options.js'
import { Loop, loopModeSchema } from '../runtime/loop.js'
import { shmNameSchema, shmWriterSchema } from '../shm/options.js'
import type { HubOptions } from './options.js'
import type { SnapshotProvider } from './topic-options.js'

const kib = 1_024
const mib = 1_048_576
const gib = 1_073_741_824
const day = 86_400_000

const bytes = (min: number, max: number) => z.int().min(min).max(max)
const count = (max: number, min = 1) => z.int().min(min).max(max)
const ms = (max = day, min = 0) => z.number().min(min).max(max)
const million = 1_000_000

const url = z.union([z.string(), z.instanceof(URL)], { error: 'must be a string or a URL' })

const tls = z
  .strictObject({
    cert: pemSchema,
    key: pemSchema,
    passphrase: z.string().optional(),
    profile: z.enum(['default', 'production']).default('default'),
    clientCa: z
      .union([pemSchema, z.array(pemSchema).min(1)])
      .transform((value) => (typeof value === 'string' ? value : value.join('\n')))
      .optional(),
    clientCertificate: z.enum(['none', 'optional', 'required']).optional(),
    tickets: z.boolean().default(true),
  })
  .refine(({ clientCa, clientCertificate }) => clientCa !== undefined || (clientCertificate ?? 'none') === 'none', {
    path: ['clientCa'],
    message: 'is needed when clients are to show certificates',
  })

const endpoint = z.strictObject({
  url,
  tls: tls.optional(),
  backlog: count(65_535).default(4_096),
  ipv6Only: z.boolean().default(false),
  sendBuffer: bytes(0, gib).default(0),
})

/** What a frame takes beside the message, and a record beside the frame. */
const shmOverhead = 128

const shm = z.preprocess(
  (value) => (typeof value === 'string' ? { name: value } : value),
  shmWriterSchema.omit({ heartbeat: true, signal: true }).extend({
    name: shmNameSchema,
    table: bytes(0, 64 * mib).default(mib),
  }),
)

/** Bytes of the longest message that the segment can hold. */
function shmLimit(segment: z.output<typeof shm> | undefined): number {
  if (segment === undefined) return Number.POSITIVE_INFINITY
  const ring = 2 ** Math.ceil(Math.log2(Math.max(segment.bytes, 64 * kib)))
  return ring / 4 - shmOverhead
}

const isUrl = (value: unknown): boolean => typeof value === 'string' || value instanceof URL

// Everything becomes a list of objects before it is checked, so that issues name the field itself.
const endpoints = z.preprocess((value) => {
  const list: unknown[] = Array.isArray(value) ? value : [value]
  return list.map((each) => (isUrl(each) ? { url: each } : each))
}, z.array(endpoint).min(1).max(64))

const rate = (perSecond: number, burst: number) =>
  z
    .strictObject({ perSecond: z.number().min(0).max(million), burst: z.number().min(1).max(million).optional() })
    .transform((given) => ({ perSecond: given.perSecond, burst: given.burst ?? Math.max(1, given.perSecond) }))
    .default({ perSecond, burst })

const limits = z.strictObject({
  connections: count(million).default(10_000),
  connectionsPerAddress: count(million).default(2_000),
  pendingHandshakes: count(million).default(1_024),
  acceptRate: rate(5_000, 10_000),
  acceptRatePerAddress: rate(500, 2_000),
  handshakeTimeout: ms(600_000, 10).default(5_000),
  requestBytes: bytes(512, 64 * kib).default(8 * kib),
  inboundMessage: bytes(125, 16 * mib).default(64 * kib),
  inboundMessagesPerSecond: count(million).default(200),
  inboundBytesPerSecond: bytes(125, gib).default(mib),
  subscriptions: count(65_535).default(1_024),
  filterKeys: count(1_048_576, 0).default(1_024),
  maxMessage: bytes(1, 128 * mib).optional(),
  topics: count(65_535).default(65_535),
  unpublishedTopics: count(65_535, 0).default(4_096),
  keys: count(16_777_216).default(1_048_576),
})

const deflate = z.strictObject({
  level: count(9).default(1),
  windowBits: z.int().min(9).max(15).default(15),
  threshold: bytes(0, mib).default(128),
  contextTakeover: z.boolean().default(false),
})

const origin = z
  .string()
  .regex(
    /^[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?[^*/\s]+$|^null$/i,
    'must be an origin: scheme://host[:port], the host perhaps *.domain',
  )

const retain = z.enum(['none', 'last'])

const anyFunction = <T>() => z.custom<T>((value) => typeof value === 'function', 'must be a function')

/** Checks the options of a topic. */
export const topicOptionsSchema = z
  .strictObject({
    retain: retain.optional(),
    conflate: z.boolean().default(true),
    snapshot: anyFunction<SnapshotProvider>().optional(),
  })
  .refine((given) => given.retain !== 'last' || given.snapshot === undefined, {
    path: ['snapshot'],
    message: "and retain: 'last' exclude each other",
  })

/** Checks the options of a hub and fills in defaults. */
export const hubOptionsSchema = z
  .strictObject({
    ws: endpoints.optional(),
    tcp: endpoints.optional(),
    shm: shm.optional(),
    tls: tls.optional(),
    name: z
      .string()
      .min(1)
      .refine((value) => Buffer.byteLength(value) <= 255, 'must have at most 255 bytes')
      .default('hub'),
    slow: z
      .strictObject({
        pendingBytes: bytes(4 * kib, gib).default(mib),
        // biome-ignore lint/suspicious/noThenProperty: reads as a sentence, and nobody awaits options
        then: z.enum(SlowPolicies).default('skip'),
        closeTimeout: ms(60_000).default(1_000),
      })
      .prefault({}),
    flush: z.strictObject({ maxDelay: ms(1_000).default(1), bytes: bytes(1, gib).default(64 * kib) }).prefault({}),
    ring: z
      .strictObject({
        bytes: bytes(64 * kib, gib).default(8 * mib),
        messages: z.int().min(1_024).max(16_777_216).default(65_536),
      })
      .prefault({}),
    store: z
      .strictObject({
        keys: count(16_777_216).default(1_048_576),
        bytes: bytes(4 * kib, 64 * gib).default(64 * mib),
      })
      .prefault({}),
    topics: z.record(z.string(), topicOptionsSchema).default({}),
    retain: retain.optional(),
    deflate: z.union([z.boolean(), deflate], { error: 'must be a boolean or deflate options' }).default(false),
    limits: limits.prefault({}),
    heartbeat: z
      .strictObject({ ping: ms().default(20_000), idle: ms().default(60_000), wire: ms().default(1_000) })
      .prefault({}),
    origins: z.array(origin).max(1_024).default([]),
    authorize: anyFunction<NonNullable<HubOptions['authorize']>>().optional(),
    authorizeTimeout: ms(600_000, 10).default(5_000),
    health: z
      .union([z.string().regex(/^\/[\x21-\x7e]*$/, 'must be a path'), z.literal(false)], {
        error: 'must be a path or false',
      })
      .default('/healthz'),
    threads: count(64).default(1),
    loop: z.union([z.instanceof(Loop), loopModeSchema], { error: 'must be a Loop or the mode of one' }).optional(),
    messages: z.boolean().default(false),
    closeTimeout: ms(600_000).default(3_000),
    signal: z.instanceof(AbortSignal, { error: 'must be an AbortSignal' }).optional(),
  })
  .refine(({ limits: { maxMessage = 0 }, ring }) => maxMessage * 8 <= ring.bytes, {
    path: ['limits', 'maxMessage'],
    message: 'must be at most an eighth of ring.bytes',
  })
  .refine(({ limits: { maxMessage = 0 }, shm: segment }) => maxMessage <= shmLimit(segment), {
    path: ['shm', 'bytes'],
    message: 'must be more than four times limits.maxMessage',
  })
  .refine((given) => given.ws !== undefined || given.tcp !== undefined || given.shm !== undefined, {
    path: ['ws'],
    message: 'or `tcp` or `shm` must say where messages go',
  })

export type ParsedHubOptions = z.output<typeof hubOptionsSchema>
export type ParsedEndpoint = z.output<typeof endpoint>
export type ParsedTls = z.output<typeof tls>
export type ParsedTopicOptions = z.output<typeof topicOptionsSchema>

const deflateDefaults = deflate.parse({})

/** Options of permessage-deflate, also when it is off. */
export function deflateOf({ deflate: given }: ParsedHubOptions): z.output<typeof deflate> {
  return typeof given === 'boolean' ? deflateDefaults : given
}

/** The limits, with the default that depends on another option. */
export function limitsOf({ limits: given, ring, shm: segment }: ParsedHubOptions): NativeHubLimits {
  return { ...given, maxMessage: given.maxMessage ?? Math.min(mib, Math.floor(ring.bytes / 8), shmLimit(segment)) }
}

/** What the core is told of the broadcast. */
export function nativeHubOptions(parsed: ParsedHubOptions): NativeHubOptions {
  const { name, threads, ring, flush, slow, store, heartbeat, closeTimeout } = parsed
  const { then: policy, ...rest } = slow
  const { contextTakeover: _, ...lane } = deflateOf(parsed)
  return {
    name,
    shm: parsed.shm === undefined ? null : { ...parsed.shm, directory: parsed.shm.directory ?? '' },
    threads,
    ring,
    flush,
    slow: { ...rest, policy: SlowPolicies.indexOf(policy) },
    store,
    deflate: lane,
    limits: limitsOf(parsed),
    heartbeat,
    closeTimeout,
    forwardMessages: parsed.messages,
  }
}
