import { createPublicKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { one, parseAmount } from './amount.js'
import type { ChaosOptions, ChaosRequest, RequestFate } from './chaos.js'
import type { CaptureSource } from './market/tape.js'

/** The venues that can be mocked. */
export type MockVenueName = 'binance' | 'bybit' | 'okx' | 'kraken' | 'coinbase'

/** A trader of the mock venue. */
export interface MockAccountOptions {
  readonly apiKey: string
  /** For HMAC keys. */
  readonly secret?: string | undefined
  /** For Ed25519, RSA or EC keys: the public half, in PEM or as a KeyObject. */
  readonly publicKey?: string | KeyObject | undefined
  /** Where the venue has one. Default `''`. */
  readonly passphrase?: string | undefined
  /** Decimals by asset. Default: none. */
  readonly balances?: Readonly<Record<string, string>> | undefined
}

/** An instrument, with the book it begins with. */
export interface MockInstrumentOptions {
  /** As the venue writes it. */
  readonly symbol: string
  /** Default: as the symbol says. */
  readonly base?: string | undefined
  readonly quote?: string | undefined
  /** Steps of prices and sizes, decimals. Default: as fine as the recorded ones; without any `'0.01'` and `'0.00001'`. */
  readonly tickSize?: string | undefined
  readonly lotSize?: string | undefined
  /** Least price × size of an order. Default `'0'`. */
  readonly minNotional?: string | undefined
  /** Price and size of each level. Default: what is recorded. */
  readonly bids?: readonly (readonly [price: string, size: string])[] | undefined
  readonly asks?: readonly (readonly [price: string, size: string])[] | undefined
}

/** A time at which the venue is down. Milliseconds of the venue's own time. */
export interface MockMaintenance {
  /** Since the tape began, 0…10^12. */
  readonly atMs: number
  /** 1…10^9. */
  readonly ms: number
  /** Whether sockets are closed, or stay and say nothing. Default `'cut'`. */
  readonly sockets?: 'cut' | 'kept' | undefined
}

/** A recorded message that went out. */
export interface PlayedMessage {
  readonly topic: string
  readonly payload: string
  /** How many sockets were sent it as it is. */
  readonly sockets: number
}

/** Options of `MockVenue.start`. */
export interface MockVenueOptions {
  readonly venue: MockVenueName
  /** What is played: captures of either format, or records. Default: nothing; then `instruments` say what there is. */
  readonly capture?: CaptureSource | readonly CaptureSource[] | undefined
  /** Instruments besides those of the capture, or told more exactly. */
  readonly instruments?: readonly MockInstrumentOptions[] | undefined
  readonly accounts?: readonly MockAccountOptions[] | undefined
  /** Recorded time per real time, 0.001…1,000,000, or `'max'`: as fast as the clients take it. Default 1. */
  readonly speed?: number | 'max' | undefined
  /** When the tape begins: with the first subscription, or when `play()` is called. Default `'firstSubscription'`. */
  readonly begin?: 'firstSubscription' | 'manual' | undefined
  /** How much faster than usual the venue's own timers go (pings, their limits, the 24 hours of a connection), 1…1,000,000. Default 1. */
  readonly timeScale?: number | undefined
  /** The venue's clock, Unix milliseconds. Default: `Date.now`. */
  readonly now?: (() => number) | undefined
  /** Times at which the venue is down, each as by `maintenance()`: milliseconds of its own time since the tape began. Default: none. */
  readonly maintenance?: readonly MockMaintenance[] | undefined
  /** Told of each recorded message when it is played. */
  readonly onPlayed?: ((message: PlayedMessage) => void) | undefined
  readonly chaos?: ChaosOptions | undefined
  /** Whether requests are counted and refused as the venue does. Default true. */
  readonly limits?: boolean | undefined
  /** Binance: what requests of a minute may weigh, 1…1,000,000. Default 6,000. */
  readonly weightPerMinute?: number | undefined
  /**
   * Binance: how long a client is banned that goes on after 429, milliseconds of the venue's time, 1…259,200,000; twice as long each time, up to
   * three days. Default 120,000.
   */
  readonly banMs?: number | undefined
  /** Fractions of what is received, decimals. Default `'0'`. */
  readonly makerFee?: string | undefined
  readonly takerFee?: string | undefined
  /** Number of the first order, 1…2^63-1: beyond 2^53 it shows who rounds. Default 12,569,099,453. */
  readonly firstOrderId?: bigint | undefined
  /** Open orders per account, 1…100,000. Default 200. */
  readonly maxOpenOrders?: number | undefined
  /** Ended orders that are remembered per account, 1…1,000,000. Default 10,000. */
  readonly maxHistory?: number | undefined
  /** Bytes of recorded messages in memory, 1 KiB…8 GiB. Default 1 GiB. */
  readonly maxBytes?: number | undefined
  /** Sockets at a time, 1…65,535. Default 1,024. */
  readonly maxSockets?: number | undefined
  /** Default `'127.0.0.1'`. */
  readonly host?: string | undefined
  /** 0…65,535; 0: any that is free. Default 0. */
  readonly port?: number | undefined
  /** Certificate and key, in PEM: the venue then speaks TLS. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
}

const decimal = z.string().refine((text) => parseAmount(text) !== null, 'must be a decimal')
const step = decimal.refine((text) => (parseAmount(text) ?? 0n) > 0n, 'must be more than 0')
const fee = decimal.refine((text) => (parseAmount(text) ?? one) < one, 'must be less than 1')
const likelihood = z.number().min(0).max(1).optional()
const levels = z
  .array(z.tuple([decimal, decimal]))
  .max(100_000)
  .optional()

export const chaosSchema = z
  .strictObject({
    seed: z.int().optional(),
    drop: likelihood,
    duplicate: likelihood,
    reorder: likelihood,
    corrupt: likelihood,
    disconnect: likelihood,
    stall: likelihood,
    stallMs: z.number().min(1).max(600_000).optional(),
    slowMs: z.number().min(0).max(60_000).optional(),
    fate: z
      .custom<(request: ChaosRequest) => RequestFate>((value) => typeof value === 'function', 'must be a function')
      .optional(),
  })
  .refine(({ drop = 0, duplicate = 0, reorder = 0, corrupt = 0 }) => drop + duplicate + reorder + corrupt <= 1, {
    message: '`drop`, `duplicate`, `reorder` and `corrupt` together must not be more than 1',
  })

const publicKey = z.custom<string | KeyObject>((value) => {
  try {
    createPublicKey(value as string)
    return true
  } catch {
    return typeof value === 'object' && value !== null && (value as KeyObject).type === 'public'
  }
}, 'must be a public key')

const account = z
  .strictObject({
    apiKey: z.string().min(1).max(512),
    secret: z.string().min(1).max(4_096).optional(),
    publicKey: publicKey.optional(),
    passphrase: z.string().max(256).default(''),
    balances: z.record(z.string().min(1).max(32), decimal).default({}),
  })
  .refine(({ secret, publicKey }) => (secret === undefined) !== (publicKey === undefined), {
    path: ['secret'],
    message: 'give either `secret` or `publicKey`',
  })

const instrument = z.strictObject({
  symbol: z.string().min(1).max(64),
  base: z.string().min(1).max(32).optional(),
  quote: z.string().min(1).max(32).optional(),
  tickSize: step.optional(),
  lotSize: step.optional(),
  minNotional: decimal.optional(),
  bids: levels,
  asks: levels,
})

const isSource = (value: unknown): boolean =>
  (typeof value === 'string' && value !== '') ||
  (typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value))

/** An array of records is one capture, an array of captures is several. */
const isSources = (value: unknown): boolean => isSource(value)

export const optionsSchema = z.strictObject({
  venue: z.enum(['binance', 'bybit', 'okx', 'kraken', 'coinbase']),
  capture: z
    .custom<CaptureSource | readonly CaptureSource[]>(isSources, 'must be a path, records, or an array of these')
    .optional(),
  instruments: z.array(instrument).max(10_000).default([]),
  accounts: z.array(account).max(10_000).default([]),
  speed: z.union([z.number().min(0.001).max(1_000_000), z.literal('max')]).default(1),
  begin: z.enum(['firstSubscription', 'manual']).default('firstSubscription'),
  timeScale: z.number().min(1).max(1_000_000).default(1),
  now: z.custom<() => number>((value) => typeof value === 'function', 'must be a function').default(() => Date.now),
  maintenance: z
    .array(
      z.strictObject({
        atMs: z.number().min(0).max(1e12),
        ms: z.number().min(1).max(1e9),
        sockets: z.enum(['cut', 'kept']).optional(),
      }),
    )
    .max(10_000)
    .default([]),
  onPlayed: z
    .custom<(message: PlayedMessage) => void>((value) => typeof value === 'function', 'must be a function')
    .optional(),
  chaos: chaosSchema.default({}),
  limits: z.boolean().default(true),
  weightPerMinute: z.int().min(1).max(1_000_000).default(6_000),
  banMs: z.number().min(1).max(259_200_000).default(120_000),
  makerFee: fee.default('0'),
  takerFee: fee.default('0'),
  firstOrderId: z
    .bigint()
    .min(1n)
    .max(2n ** 63n - 1n)
    .default(12_569_099_453n),
  maxOpenOrders: z.int().min(1).max(100_000).default(200),
  maxHistory: z.int().min(1).max(1_000_000).default(10_000),
  maxBytes: z
    .int()
    .min(1_024)
    .max(8 * 1_024 ** 3)
    .default(1_024 ** 3),
  maxSockets: z.int().min(1).max(65_535).default(1_024),
  host: z.string().min(1).default('127.0.0.1'),
  port: z.int().min(0).max(65_535).default(0),
  tls: z.strictObject({ cert: z.string().min(1), key: z.string().min(1) }).optional(),
})

export type CheckedOptions = z.output<typeof optionsSchema>

/** What was given as `capture`, one by one. */
export function sourcesOf(capture: CheckedOptions['capture']): readonly CaptureSource[] {
  if (capture === undefined) return []
  if (!Array.isArray(capture)) return [capture as CaptureSource]
  const [first] = capture as readonly unknown[]
  const isRecord = typeof first === 'object' && first !== null && 'type' in first
  return isRecord ? [capture as CaptureSource] : (capture as readonly CaptureSource[])
}
