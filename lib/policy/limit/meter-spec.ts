import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'

/** What every meter has in common. */
export interface MeterOptions {
  /** Distinguishes the meters of a rule, up to 64 characters. Default: made of the kind and the window. */
  readonly name?: string | undefined
  /**
   * The venue counts a request between the moment at which it was granted here and so many milliseconds later: the spread of the way
   * there. The limit then holds at the venue too, whatever delays requests meet within it. 0…60,000. Default 0.
   */
  readonly margin?: number | undefined
  /** Response header that tells how much is used, in lower case: `'x-mbx-used-weight-1m'`. Default: none. */
  readonly usedHeader?: string | undefined
  /** Response header that tells how much is left. Default: none. */
  readonly remainingHeader?: string | undefined
  /** Response header that tells the limit; a lower one than `limit` is obeyed. Default: none. */
  readonly limitHeader?: string | undefined
}

/** Options of {@link tokenBucket}. */
export interface TokenBucketOptions extends MeterOptions {
  /** Weight that may be taken at once when nothing was taken for long, 1…1e12. */
  readonly capacity: number
  /** Weight that comes back… */
  readonly refill: number
  /** …in so many milliseconds. Default 1,000. */
  readonly per?: number | undefined
}

/** Options of {@link decayingCounter}. */
export interface DecayingCounterOptions extends MeterOptions {
  /** What the counter must not exceed, 1…1e12. */
  readonly limit: number
  /** How much it falls per second, above 0. */
  readonly decay: number
}

/** Options of {@link slidingWindow}. */
export interface SlidingWindowOptions extends MeterOptions {
  /** Weight within any `window`, 1…1e12. */
  readonly limit: number
  /** Milliseconds, 1…604,800,000 (a week). */
  readonly window: number
  /**
   * Grants that are remembered one by one, 8…65,536. Beyond them neighbours are merged and expire with the youngest of them: the
   * limit still holds and up to `window / entries` is waited in excess. Default: the limit, but at most 512.
   */
  readonly entries?: number | undefined
}

/** Options of {@link fixedWindow}. */
export interface FixedWindowOptions extends MeterOptions {
  /** Weight within each window, 1…1e12. */
  readonly limit: number
  /** Milliseconds, 1…2,592,000,000 (30 days). Windows begin at multiples of it since the Unix epoch, by the venue's clock. */
  readonly window: number
  /** Milliseconds by which what is known of the venue's clock may be wrong, either way; 0…60,000. Default 0. */
  readonly clockError?: number | undefined
}

interface Common {
  readonly name: string
  /** The most that may be used. */
  readonly limit: number
  readonly margin: number
  readonly usedHeader: string
  readonly remainingHeader: string
  readonly limitHeader: string
}

/** A level that rises with each grant and falls at a constant rate. */
export interface BucketSpec extends Common {
  readonly kind: 'bucket'
  /** Weight per millisecond. */
  readonly rate: number
}

export interface SlidingSpec extends Common {
  readonly kind: 'sliding'
  readonly window: number
  readonly entries: number
}

export interface FixedSpec extends Common {
  readonly kind: 'fixed'
  readonly window: number
  readonly clockError: number
}

/** What one limit of a venue counts and how: the result of {@link tokenBucket} and its like. */
export type MeterSpec = BucketSpec | SlidingSpec | FixedSpec

const amount = z.number().min(1).max(1e12)
const header = z
  .string()
  .max(128)
  .regex(/^[a-z0-9-]*$/, 'must be a header name in lower case')

const common = {
  name: z.string().min(1).max(64).optional(),
  margin: z.number().min(0).max(60_000).default(0),
  usedHeader: header.default(''),
  remainingHeader: header.default(''),
  limitHeader: header.default(''),
}

/** Grants remembered one by one unless told otherwise. */
const usualEntries = 512
const fewestEntries = 8
const week = 604_800_000

const clockError = z.number().min(0).max(60_000)
const slidingWindowMs = z.number().min(1).max(week)
const fixedWindowMs = z.number().min(1).max(2_592_000_000)
const entryCount = z.int().min(fewestEntries).max(65_536)
const rate = z.number().positive().max(1e12)

/** A bucket must still hold a request of weight 1 when the margin has been taken off. */
function withRoom(spec: BucketSpec): boolean {
  return spec.limit - spec.rate * spec.margin >= 1
}
const noRoom = { path: ['margin'], message: 'leaves no room for a request of weight 1' }

/** What is counted twice around a boundary must not be a whole window. */
function narrow(spec: { readonly margin: number; readonly clockError: number; readonly window: number }): boolean {
  return spec.margin + 2 * spec.clockError < spec.window
}
const tooWide = { path: ['margin'], message: 'is, with twice the clock error, not below the window' }

const bucketSchema = z
  .strictObject({ ...common, capacity: amount, refill: rate, per: z.number().min(1).max(week).default(1_000) })
  .transform(({ capacity, refill, per, name, ...rest }): BucketSpec => {
    return { kind: 'bucket', limit: capacity, rate: refill / per, ...rest, name: name ?? `bucket-${capacity}` }
  })
  .refine(withRoom, noRoom)

const counterSchema = z
  .strictObject({ ...common, limit: amount, decay: rate })
  .transform(({ limit, decay, name, ...rest }): BucketSpec => {
    return { kind: 'bucket', limit, rate: decay / 1_000, ...rest, name: name ?? `counter-${limit}` }
  })
  .refine(withRoom, noRoom)

const slidingSchema = z
  .strictObject({ ...common, limit: amount, window: slidingWindowMs, entries: entryCount.optional() })
  .transform(({ name, entries, ...rest }): SlidingSpec => {
    const usual = Math.max(fewestEntries, Math.min(usualEntries, Math.ceil(rest.limit)))
    return { kind: 'sliding', ...rest, entries: entries ?? usual, name: name ?? `sliding-${rest.window}` }
  })

const fixedSchema = z
  .strictObject({ ...common, limit: amount, window: fixedWindowMs, clockError: clockError.default(0) })
  .refine(narrow, tooWide)
  .transform(({ name, ...rest }): FixedSpec => ({ kind: 'fixed', ...rest, name: name ?? `fixed-${rest.window}` }))

/**
 * A bucket that holds `capacity` and is refilled evenly: bursts up to `capacity`, `refill` per `per` in the long run.
 * @throws ConfigError for options out of range.
 */
export function tokenBucket(options: TokenBucketOptions): MeterSpec {
  return Object.freeze(parseConfig('token bucket', bucketSchema, options))
}

/**
 * A counter that every request raises and that falls at a constant rate, as Kraken's. It is a token bucket seen from below.
 * @throws ConfigError for options out of range.
 */
export function decayingCounter(options: DecayingCounterOptions): MeterSpec {
  return Object.freeze(parseConfig('decaying counter', counterSchema, options))
}

/**
 * At most `limit` within every stretch of `window`, wherever it begins. Also the safe choice for a venue whose windows begin at a
 * moment that is not known.
 * @throws ConfigError for options out of range.
 */
export function slidingWindow(options: SlidingWindowOptions): MeterSpec {
  return Object.freeze(parseConfig('sliding window', slidingSchema, options))
}

/**
 * At most `limit` within each window, windows beginning at multiples of `window` on the venue's clock, as Binance's.
 * @throws ConfigError for options out of range.
 */
export function fixedWindow(options: FixedWindowOptions): MeterSpec {
  return Object.freeze(parseConfig('fixed window', fixedSchema, options))
}

const checked = {
  name: z.string().min(1).max(64),
  limit: amount,
  margin: z.number().min(0).max(60_000),
  usedHeader: header,
  remainingHeader: header,
  limitHeader: header,
}

/** Checks a meter that the user wrote without the functions above. */
export const meterSpecSchema: z.ZodType<MeterSpec> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('bucket'), ...checked, rate }).refine(withRoom, noRoom),
  z.strictObject({ kind: z.literal('sliding'), ...checked, window: slidingWindowMs, entries: entryCount }),
  z.strictObject({ kind: z.literal('fixed'), ...checked, window: fixedWindowMs, clockError }).refine(narrow, tooWide),
])
