import { z } from 'zod'
import { exponential, reconnectPolicySchema } from '../policy/reconnect.js'
import { Loop, loopModeSchema } from '../runtime/loop.js'

const mib = 1_048_576
const gib = 1_024 * mib
const hour = 3_600_000

export const msSchema = z.number().min(1).max(hour)
export const bytesSchema = (min: number, max: number): z.ZodInt => z.int().min(min).max(max)

/** Signs of life that every connection has. */
export const heartbeatFields = {
  ping: z.number().min(0).max(hour).default(15_000),
  pongTimeout: msSchema.default(10_000),
  idle: z
    .number()
    .min(0)
    .max(24 * hour)
    .default(0),
}

/** Options of all kinds of feeds: members of a `z.strictObject`. */
export const coreFields = {
  name: z.string().min(1).max(256).optional(),
  reconnect: reconnectPolicySchema.default(() => exponential()),
  overflow: z.enum(['block', 'conflate', 'dropOldest']).default('block'),
  queue: z
    .strictObject({ bytes: bytesSchema(4_096, gib).optional(), pendingBytes: bytesSchema(4_096, gib).default(4 * mib) })
    .prefault({}),
  batch: z
    .strictObject({
      rows: z.int().min(1).max(65_536).default(256),
      flushIntervalUs: z.int().min(0).max(1_000_000).default(0),
    })
    .prefault({}),
  conflate: z
    .strictObject({
      keys: z.int().min(1).max(1_048_576).default(1_024),
      bytes: bytesSchema(4_096, gib).default(64 * mib),
    })
    .prefault({}),
  loop: z.union([z.instanceof(Loop), loopModeSchema], { error: 'must be a Loop or the mode of one' }).default('park'),
  wake: z.enum(['signal', 'poll']).default('signal'),
  timeouts: z
    .strictObject({
      connect: msSchema.default(10_000),
      handshake: msSchema.default(10_000),
      close: msSchema.default(3_000),
    })
    .prefault({}),
  recvBuffer: bytesSchema(16_384, 256 * mib).optional(),
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
  connectLimit: z
    .strictObject({
      name: z.string().min(1).max(256),
      count: z.int().min(1).max(65_536),
      perMs: z
        .number()
        .min(1)
        .max(24 * hour),
      bans: z
        .record(
          z.string().regex(/^[2-5]\d\d$/, 'must be an HTTP status'),
          z
            .number()
            .min(0)
            .max(72 * hour),
        )
        .default({}),
    })
    .optional(),
  samples: z
    .strictObject({ bytes: bytesSchema(0, 65_536).default(256), interval: z.number().min(0).max(hour).default(1_000) })
    .prefault({}),
  signal: z.instanceof(AbortSignal, { error: 'must be an AbortSignal' }).optional(),
}

/** The part of a feed's options that all kinds share, with defaults. */
export type CoreParsed = z.output<z.ZodObject<typeof coreFields>>

/** A refinement of all kinds of feeds. */
export const oneReceiveBuffer = {
  check: ({ recvBuffer, expect }: Pick<CoreParsed, 'recvBuffer' | 'expect'>): boolean =>
    recvBuffer === undefined || expect === undefined,
  params: { path: ['recvBuffer'], message: 'and `expect` exclude each other' },
}
