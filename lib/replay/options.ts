import { z } from 'zod'
import type { CaptureRecord } from '../capture/record.js'
import { type Decoder, isDecoder } from '../feed/decoder.js'
import { parseConfig } from '../runtime/config.js'
import type { RecordSource } from './ordered.js'

/** A capture: the path of a file of either format, a `CaptureReader`, or records. */
export type ReplaySource = string | RecordSource | Iterable<CaptureRecord>

/** A moment: Unix nanoseconds, or a Date. */
export type Moment = bigint | Date

/** Options of `replay()`. */
export interface ReplayOptions<D extends Decoder> {
  /** As of the feed that this stands for. */
  readonly decode: D
  /** Recorded time per real time, 0.001…1,000,000, or `'max'`: as fast as it goes. Default 1. */
  readonly speed?: number | 'max' | undefined
  /** What is earlier is passed over (connections that are open by then are told of), what is later ends it. Default: everything. */
  readonly from?: Moment | undefined
  readonly to?: Moment | undefined
  /** Connections that are decoded, by their address. Default: all. */
  readonly url?: string | RegExp | ((url: string) => boolean) | undefined
  /** Milliseconds by which records of a capture may be out of order, 0…60,000. Default 1,000. */
  readonly window?: number | undefined
  /** Ends it, with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

const moment = z.custom<Moment>(
  (value) => typeof value === 'bigint' || (value instanceof Date && !Number.isNaN(value.getTime())),
  'must be Unix nanoseconds as a bigint, or a Date',
)

const schema = z.strictObject({
  decode: z.custom<Decoder>(
    isDecoder,
    'must be made by json(…), json.oneOf(…), sbe(…), sbe.oneOf(…), text() or bytes()',
  ),
  speed: z.union([z.number().min(0.001).max(1_000_000), z.literal('max')]).default(1),
  from: moment.optional(),
  to: moment.optional(),
  url: z
    .custom<string | RegExp | ((url: string) => boolean)>(
      (value) => typeof value === 'string' || value instanceof RegExp || typeof value === 'function',
      'must be a string, a RegExp or a function',
    )
    .optional(),
  window: z.number().min(0).max(60_000).default(1_000),
  signal: z.instanceof(AbortSignal, { error: 'must be an AbortSignal' }).optional(),
})

export type CheckedReplay = z.output<typeof schema>

/** @throws ConfigError */
export function checkReplay(options: unknown): CheckedReplay {
  return parseConfig('replay options', schema, options)
}

export function unixNs(at: Moment): bigint {
  return typeof at === 'bigint' ? at : BigInt(at.getTime()) * 1_000_000n
}

/** Whether a connection to `url` is decoded. */
export function wants(url: CheckedReplay['url']): (address: string) => boolean {
  if (url === undefined) return () => true
  if (typeof url === 'function') return url
  if (typeof url === 'string') return (address) => address === url
  return (address) => {
    url.lastIndex = 0
    return url.test(address)
  }
}
