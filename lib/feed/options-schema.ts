import { z } from 'zod'
import { exponential, reconnectPolicySchema } from '../policy/reconnect.js'
import {
  headerValueSchema as headerValue,
  socketSchema,
  tlsSchema,
  tokenSchema as token,
} from '../runtime/connect-options.js'
import { Loop, loopModeSchema } from '../runtime/loop.js'
import { type Decoder, isDecoder } from './decoder.js'

const mib = 1_048_576
const gib = 1_024 * mib
const hour = 3_600_000

const ms = z.number().min(1).max(hour)
const bytes = (min: number, max: number): z.ZodInt => z.int().min(min).max(max)
const message = z.union([z.string(), z.instanceof(Uint8Array)], { error: 'must be a string or a Uint8Array' })
/** Headers that the handshake sets itself. */
const ownHeaders = /^(?:connection|upgrade|host|origin|content-length|transfer-encoding|sec-websocket-.*)$/i

const headers = z.record(token, headerValue).superRefine((given, context) => {
  for (const name of Object.keys(given)) {
    if (ownHeaders.test(name)) {
      context.addIssue({ code: 'custom', path: [name], message: 'is set by the handshake itself', input: undefined })
    }
  }
})

const heartbeat = z.strictObject({
  ping: z.number().min(0).max(hour).default(15_000),
  pongTimeout: ms.default(10_000),
  idle: z
    .number()
    .min(0)
    .max(24 * hour)
    .default(0),
  app: z.strictObject({ text: z.string().min(1).max(65_536), interval: ms }).optional(),
})

const deflate = z.strictObject({
  clientNoContextTakeover: z.boolean().default(false),
  serverNoContextTakeover: z.boolean().default(false),
  clientMaxWindowBits: z.int().min(9).max(15).default(15),
  serverMaxWindowBits: z.int().min(8).max(15).default(15),
  level: z.int().min(1).max(9).default(1),
  threshold: bytes(0, 16 * mib).default(1_024),
})

/** Checks the options of a feed and fills in what does not depend on others. */
export const feedOptionsSchema = z
  .strictObject({
    url: z.union([z.string(), z.instanceof(URL)], { error: 'must be a string or a URL' }),
    decode: z.custom<Decoder>(isDecoder, 'must be made by json(…), json.oneOf(…), text() or bytes()'),
    name: z.string().min(1).max(256).optional(),
    subscribe: z
      .union([message, z.array(message).max(1_024)], { error: 'must be a message or an array of messages' })
      .transform((value) => (Array.isArray(value) ? value : [value]))
      .prefault([]),
    reconnect: reconnectPolicySchema.default(() => exponential()),
    heartbeat: heartbeat.prefault({}),
    overflow: z.enum(['block', 'conflate', 'dropOldest']).default('block'),
    queue: z
      .strictObject({ bytes: bytes(4_096, gib).optional(), pendingBytes: bytes(4_096, gib).default(4 * mib) })
      .prefault({}),
    batch: z
      .strictObject({
        rows: z.int().min(1).max(65_536).default(256),
        flushIntervalUs: z.int().min(0).max(1_000_000).default(0),
      })
      .prefault({}),
    conflate: z
      .strictObject({ keys: z.int().min(1).max(1_048_576).default(1_024), bytes: bytes(4_096, gib).default(64 * mib) })
      .prefault({}),
    loop: z.union([z.instanceof(Loop), loopModeSchema], { error: 'must be a Loop or the mode of one' }).default('park'),
    wake: z.enum(['signal', 'poll']).default('signal'),
    tls: tlsSchema.optional(),
    proxy: z.union([z.string(), z.instanceof(URL)], { error: 'must be a string or a URL' }).optional(),
    headers: headers.default({}),
    subprotocols: z.array(token).max(64).default([]),
    origin: headerValue.optional(),
    deflate: z.union([z.boolean(), deflate], { error: 'must be a boolean or deflate options' }).default(false),
    timeouts: z
      .strictObject({ connect: ms.default(10_000), handshake: ms.default(10_000), close: ms.default(3_000) })
      .prefault({}),
    limits: z
      .strictObject({
        maxMessage: bytes(125, gib).optional(),
        maxFragments: z.int().min(1).max(16_777_216).default(65_536),
        maxSendQueue: bytes(1_024, gib).default(16 * mib),
        maxPingsPerSecond: z.int().min(1).max(1_000_000).default(1_000),
      })
      .prefault({}),
    socket: socketSchema.prefault({}),
    recvBuffer: bytes(16_384, 256 * mib).optional(),
    expect: z
      .strictObject({
        rate: z.number().min(1).max(100_000_000),
        burstMs: z.number().min(1).max(10_000).default(50),
        messageBytes: z
          .number()
          .min(1)
          .max(16 * mib)
          .default(160),
      })
      .optional(),
    samples: z
      .strictObject({ bytes: bytes(0, 65_536).default(256), interval: z.number().min(0).max(hour).default(1_000) })
      .prefault({}),
    signal: z.instanceof(AbortSignal, { error: 'must be an AbortSignal' }).optional(),
  })
  .refine(({ recvBuffer, expect }) => recvBuffer === undefined || expect === undefined, {
    path: ['recvBuffer'],
    message: 'and `expect` exclude each other',
  })
  .refine(({ subprotocols }) => new Set(subprotocols).size === subprotocols.length, {
    path: ['subprotocols'],
    message: 'must not repeat one (RFC 6455 section 4.1)',
  })
  .refine(({ overflow, decode }) => overflow !== 'conflate' || decode?.kind === 'json', {
    path: ['overflow'],
    message: "'conflate' needs rows: decode with json(…)",
  })

/** Options with defaults. */
export type ParsedOptions = z.output<typeof feedOptionsSchema>

/** Options of permessage-deflate with defaults. */
export const deflateDefaults: z.output<typeof deflate> = deflate.parse({})
