import { z } from 'zod'
import { parseConfig } from '../runtime/config.js'

/** Keeps a peer that accepts and drops connections from being stormed. */
export interface StormGuard {
  /** Milliseconds that lie at least between two attempts once the guard has acted, 0…3,600,000. */
  readonly floor: number
  /** So many attempts, 1…1,000… */
  readonly attempts: number
  /** …within so many milliseconds make it act, 1…86,400,000. */
  readonly window: number
}

/** When and how often a feed connects again. Plain data: take {@link exponential} or {@link never}, or write your own. */
export interface ReconnectPolicy {
  /** False: the feed ends with its first connection. */
  readonly enabled: boolean
  /** Delay before the first attempt in milliseconds, 0…3,600,000. */
  readonly first: number
  /** Longest delay in milliseconds, 1…3,600,000, not below `first`. */
  readonly max: number
  /** What each delay is multiplied by to get the next, 1…100. */
  readonly factor: number
  /** The delay is drawn from [delay × (1 − jitter), delay × (1 + jitter)], then capped at `max`; 0…1. */
  readonly jitter: number
  /** Attempts after which the feed gives up, counted since the last connection that carried data; `Infinity`: never. */
  readonly retries: number
  /** The first attempt after a connection that carried data comes without delay. */
  readonly immediate: boolean
  readonly storm: StormGuard
}

/**
 * Options of {@link exponential}; ranges as in {@link ReconnectPolicy}. The defaults are those of connections; where a policy is used for
 * retries of requests, what is not given has the defaults of `RetryOptions.backoff`.
 */
export interface ExponentialOptions {
  /** Default 100. */
  readonly first?: number | undefined
  /** Default 30,000. */
  readonly max?: number | undefined
  /** Default 2. */
  readonly factor?: number | undefined
  /** Default 0.2. */
  readonly jitter?: number | undefined
  /** Default `Infinity`. */
  readonly retries?: number | undefined
  /** Default true. */
  readonly immediate?: boolean | undefined
  /** Default `{ floor: 1000, attempts: 3, window: 120_000 }`. */
  readonly storm?: Partial<StormGuard> | undefined
}

const hour = 3_600_000

const notBelowFirst = {
  check: (policy: { readonly first: number; readonly max: number }): boolean => policy.max >= policy.first,
  params: { path: ['max'], message: 'must not be below `first`' },
}

const fields = {
  first: z.number().min(0).max(hour),
  max: z.number().min(1).max(hour),
  factor: z.number().min(1).max(100),
  jitter: z.number().min(0).max(1),
  retries: z.union([z.literal(Number.POSITIVE_INFINITY), z.int().min(0).max(1_000_000_000)], {
    error: 'must be an integer from 0 or Infinity',
  }),
  immediate: z.boolean(),
  storm: z.strictObject({
    floor: z.number().min(0).max(hour),
    attempts: z.int().min(1).max(1_000),
    window: z
      .number()
      .min(1)
      .max(24 * hour),
  }),
}

/** Checks a policy that the user wrote. */
export const reconnectPolicySchema = z
  .strictObject({ enabled: z.boolean(), ...fields })
  .refine(notBelowFirst.check, notBelowFirst.params)

const exponentialSchema = z
  .strictObject({
    first: fields.first.default(100),
    max: fields.max.default(30_000),
    factor: fields.factor.default(2),
    jitter: fields.jitter.default(0.2),
    retries: fields.retries.default(Number.POSITIVE_INFINITY),
    immediate: fields.immediate.default(true),
    storm: z
      .strictObject({
        floor: fields.storm.shape.floor.default(1_000),
        attempts: fields.storm.shape.attempts.default(3),
        window: fields.storm.shape.window.default(120_000),
      })
      .prefault({}),
  })
  .refine(notBelowFirst.check, notBelowFirst.params)

/** What was asked of {@link exponential}, without its defaults. */
const asked = new WeakMap<ReconnectPolicy, ExponentialOptions>()

/**
 * What `policy` was made of by {@link exponential}; undefined when it was not made by that. Who uses it for something other than connections
 * can so tell what was asked for from what is a default of connections.
 */
export function explicitOptions(policy: ReconnectPolicy): ExponentialOptions | undefined {
  return asked.get(policy)
}

/**
 * Delays that grow from `first` to `max` by `factor`, with jitter. For connections (`reconnect`) they start over once a connection has
 * carried data; for requests (`retry`) with each request.
 * @throws ConfigError for options out of range.
 */
export function exponential(options: ExponentialOptions = {}): ReconnectPolicy {
  const { storm, ...policy } = parseConfig('reconnect policy', exponentialSchema, options)
  const result = Object.freeze({ enabled: true, ...policy, storm: Object.freeze(storm) })
  asked.set(result, Object.freeze({ ...options }))
  return result
}

/** One connection, no second. */
export function never(): ReconnectPolicy {
  return Object.freeze({ ...exponential({ retries: 0 }), enabled: false })
}
