import { z } from 'zod'
import { ArbiterLayout } from '../native/addon.js'
import {
  headerValueSchema as headerValue,
  socketSchema,
  tlsSchema,
  tokenSchema as token,
} from '../runtime/connect-options.js'
import { isTrafficRecorder, type TrafficRecorder } from '../runtime/traffic.js'
import { Arbiter } from './arbiter.js'
import { bytesSchema, coreFields, heartbeatFields, msSchema, oneReceiveBuffer } from './core-schema.js'
import { type Decoder, isDecoder } from './decoder.js'
import { FeedBooks } from './feed-books.js'

const mib = 1_048_576
const gib = 1_024 * mib

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
  ...heartbeatFields,
  app: z.strictObject({ text: z.string().min(1).max(65_536), interval: msSchema }).optional(),
})

const deflate = z.strictObject({
  clientNoContextTakeover: z.boolean().default(false),
  serverNoContextTakeover: z.boolean().default(false),
  clientMaxWindowBits: z.int().min(9).max(15).default(15),
  serverMaxWindowBits: z.int().min(8).max(15).default(15),
  level: z.int().min(1).max(9).default(1),
  threshold: bytesSchema(0, 16 * mib).default(1_024),
})

/** Checks the options of a feed and fills in what does not depend on others. */
export const feedOptionsSchema = z
  .strictObject({
    ...coreFields,
    url: z.union([z.string(), z.instanceof(URL)], { error: 'must be a string or a URL' }),
    decode: z.custom<Decoder>(
      isDecoder,
      'must be made by json(…), json.oneOf(…), sbe(…), sbe.oneOf(…), text() or bytes()',
    ),
    subscribe: z
      .union([message, z.array(message).max(1_024)], { error: 'must be a message or an array of messages' })
      .transform((value) => (Array.isArray(value) ? value : [value]))
      .prefault([]),
    arbiter: z.instanceof(Arbiter, { error: 'must be an Arbiter' }).optional(),
    path: z
      .int()
      .min(0)
      .max(ArbiterLayout.maxPaths - 1)
      .default(0),
    heartbeat: heartbeat.prefault({}),
    tls: tlsSchema.optional(),
    proxy: z.union([z.string(), z.instanceof(URL)], { error: 'must be a string or a URL' }).optional(),
    headers: headers.default({}),
    subprotocols: z.array(token).max(64).default([]),
    origin: headerValue.optional(),
    deflate: z.union([z.boolean(), deflate], { error: 'must be a boolean or deflate options' }).default(false),
    books: z.instanceof(FeedBooks, { error: 'must be Books' }).optional(),
    bookRows: z.boolean().default(false),
    record: z.custom<TrafficRecorder>(isTrafficRecorder, 'must be a Recorder').optional(),
    limits: z
      .strictObject({
        maxMessage: bytesSchema(125, gib).optional(),
        maxFragments: z.int().min(1).max(16_777_216).default(65_536),
        maxSendQueue: bytesSchema(1_024, gib).default(16 * mib),
        maxPingsPerSecond: z.int().min(1).max(1_000_000).default(1_000),
      })
      .prefault({}),
    socket: socketSchema.prefault({}),
  })
  .refine(oneReceiveBuffer.check, oneReceiveBuffer.params)
  .refine(({ subprotocols }) => new Set(subprotocols).size === subprotocols.length, {
    path: ['subprotocols'],
    message: 'must not repeat one (RFC 6455 section 4.1)',
  })
  .refine(({ overflow, decode }) => overflow !== 'conflate' || decode?.kind !== 'raw', {
    path: ['overflow'],
    message: "'conflate' needs rows: decode with json(…) or sbe(…)",
  })

/** Options with defaults. */
export type ParsedOptions = z.output<typeof feedOptionsSchema>

/** Options of permessage-deflate with defaults. */
export const deflateDefaults: z.output<typeof deflate> = deflate.parse({})
