import { z } from 'zod'
import { socketSchema, tlsSchema } from '../runtime/connect-options.js'
import { Loop, loopModeSchema } from '../runtime/loop.js'
import { isTrafficRecorder, type TrafficRecorder } from '../runtime/traffic.js'
import type { HeadersInput } from './fields.js'

const mib = 1_048_576
const hour = 3_600_000

const limitMs = z.number().min(0).max(hour)

export const timeoutsSchema = z.strictObject({
  queue: limitMs.default(5_000),
  head: limitMs.default(10_000),
  body: limitMs.default(10_000),
  total: limitMs.default(30_000),
})

const url = z.union([z.string(), z.instanceof(URL)], { error: 'must be a string or a URL' })

/** Checks the options of a client and fills in defaults. */
export const clientOptionsSchema = z
  .strictObject({
    origin: url,
    warm: z.int().min(0).max(256).default(0),
    connections: z
      .strictObject({
        max: z.int().min(1).max(1_024).default(64),
        keepAlive: z.number().min(1_000).max(hour).default(30_000),
        timeout: z.number().min(1).max(hour).default(10_000),
      })
      .prefault({}),
    http2: z
      .union([z.boolean(), z.strictObject({ streams: z.int().min(1).max(10_000).default(100) })], {
        error: 'must be a boolean or HTTP/2 options',
      })
      .default(true),
    timeouts: timeoutsSchema.prefault({}),
    limits: z
      .strictObject({
        queue: z.int().min(0).max(60_000).default(1_024),
        body: z
          .int()
          .min(0)
          .max(1_024 * mib)
          .default(16 * mib),
        head: z.int().min(1_024).max(mib).default(65_536),
        fields: z.int().min(1).max(10_000).default(256),
      })
      .prefault({}),
    headers: z
      .custom<HeadersInput>((value) => typeof value === 'object' && value !== null, 'must be header fields')
      .default({}),
    compress: z.boolean().default(false),
    record: z.custom<TrafficRecorder>(isTrafficRecorder, 'must be a Recorder').optional(),
    tls: tlsSchema.optional(),
    socket: socketSchema.omit({ trigger: true }).prefault({}),
    proxy: url.optional(),
    loop: z.union([z.instanceof(Loop), loopModeSchema], { error: 'must be a Loop or the mode of one' }).default('park'),
    signal: z.instanceof(AbortSignal, { error: 'must be an AbortSignal' }).optional(),
  })
  .refine(({ warm, connections }) => warm <= connections.max, {
    path: ['warm'],
    message: 'must not exceed connections.max',
  })

export type ParsedClientOptions = z.output<typeof clientOptionsSchema>
export type ParsedTimeouts = z.output<typeof timeoutsSchema>
