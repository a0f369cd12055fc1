import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'

/**
 * - `roundRobin`: in turn, by weight.
 * - `leastPending`: the one with the fewest calls under way.
 * - `latency`: the one that answers fastest, by a moving average that follows a rise at once (peak EWMA) times the calls under way.
 * - `hash`: the same one for the same key, unless it has too much to do (consistent hash with bounded loads).
 */
export type BalanceMode = 'roundRobin' | 'leastPending' | 'latency' | 'hash'

/** When an endpoint is left out because calls to it, or probes of it, fail. */
export interface HealthOptions {
  /** Failures in a row after which it is left out, 1…1,000,000; Infinity: never. Default 5. */
  readonly failures?: number | undefined
  /** For so long, times the number of times that this has happened in a row; 1…3,600,000 ms. Default 5,000. */
  readonly eject?: number | undefined
  /** At most so long, up to 86,400,000 ms. Default 60,000. */
  readonly maxEject?: number | undefined
  /** At most this share of the endpoints is left out because of failures, 0…1. Default 0.5. */
  readonly maxEjected?: number | undefined
  /** Milliseconds between two probes of an endpoint, 10…3,600,000; 0: none. Default 0. */
  readonly interval?: number | undefined
  /** Failed probes in a row after which it is left out, 1…1,000. Default 3. */
  readonly fall?: number | undefined
  /** Successful probes in a row after which it is used again, 1…1,000. Default 2. */
  readonly rise?: number | undefined
}

/** Options of a balance policy. */
export interface BalanceOptions {
  /** Default `'latency'`. */
  readonly mode?: BalanceMode | undefined
  /** `latency`: milliseconds in which an old measurement loses 63 % of its weight, 1…3,600,000. Default 10,000. */
  readonly decay?: number | undefined
  /** `hash`: an endpoint gets at most so many times its share of the calls under way, 1.01…100. Default 1.25. */
  readonly bound?: number | undefined
  /** `hash`: points on the circle per endpoint and unit of weight, 1…10,000. Default 160. */
  readonly points?: number | undefined
  /**
   * Milliseconds in which an endpoint that has come back, or was added, gets from a tenth of its share to all of it, 0…3,600,000.
   * Default 0.
   */
  readonly slowStart?: number | undefined
  readonly health?: HealthOptions | undefined
}

type Filled<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> }

/** Options of a balance policy, complete and checked. Immutable. */
export type BalancePolicy = Filled<Omit<BalanceOptions, 'health'>> & { readonly health: Filled<HealthOptions> }

const hour = 3_600_000

const healthSchema = z
  .strictObject({
    failures: z
      .union([z.literal(Number.POSITIVE_INFINITY), z.int().min(1).max(1_000_000)], {
        error: 'must be an integer from 1 to 1,000,000 or Infinity',
      })
      .default(5),
    eject: z.number().min(1).max(hour).default(5_000),
    maxEject: z
      .number()
      .min(1)
      .max(24 * hour)
      .default(60_000),
    maxEjected: z.number().min(0).max(1).default(0.5),
    interval: z.union([z.literal(0), z.number().min(10).max(hour)]).default(0),
    fall: z.int().min(1).max(1_000).default(3),
    rise: z.int().min(1).max(1_000).default(2),
  })
  .refine(({ eject, maxEject }) => maxEject >= eject, { path: ['maxEject'], message: 'must not be below `eject`' })

const mode = z.enum(['roundRobin', 'leastPending', 'latency', 'hash'])

const schema = z.strictObject({
  mode: mode.default('latency'),
  decay: z.number().min(1).max(hour).default(10_000),
  bound: z.number().min(1.01).max(100).default(1.25),
  points: z.int().min(1).max(10_000).default(160),
  slowStart: z.number().min(0).max(hour).default(0),
  health: healthSchema.prefault({}),
})

const made = new WeakSet<BalancePolicy>()

/**
 * A complete balance policy out of options, out of a mode alone, or as it is.
 * @throws ConfigError naming every field that is wrong.
 */
export function balancePolicy(source: BalanceMode | BalanceOptions | BalancePolicy = {}): BalancePolicy {
  if (made.has(source as BalancePolicy)) return source as BalancePolicy
  const { health, ...policy } = parseConfig('balance', schema, typeof source === 'string' ? { mode: source } : source)
  const result = Object.freeze({ ...policy, health: Object.freeze(health) })
  made.add(result)
  return result
}
