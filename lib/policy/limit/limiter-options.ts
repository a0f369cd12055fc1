import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'
import { systemTime, type Time } from '../time.js'
import type { Grant } from './grant.js'
import { isLimitRule, type LimitRule } from './rule.js'
import type { MemoryLimitStore, RemoteLimitStore } from './store.js'

/** Those who have to wait. */
export interface LimitQueueOptions {
  /** How many may wait, 0…1,000,000; one more is refused, or takes the place of somebody less important. Default 1,024. */
  readonly max?: number | undefined
  /** Milliseconds that a request waits unless it says otherwise, 0…86,400,000. Default 10,000. */
  readonly wait?: number | undefined
}

/** What is known of the difference between the venue's clock and ours: a `ClockOffset`. */
export interface VenueClock {
  /** To be added to our Unix time, in milliseconds. */
  readonly ms: number
}

/** Options of a limiter. */
export interface LimiterOptions<Store extends MemoryLimitStore | RemoteLimitStore> {
  /** The venue's limits, made with `weighted`. */
  readonly rules: readonly LimitRule[]
  /** Where the counts are kept. Default: in this JS context. */
  readonly store?: Store | undefined
  readonly queue?: LimitQueueOptions | undefined
  /** The venue's clock, for aligned windows. Default: the same as ours. */
  readonly clock?: VenueClock | undefined
  /** Default: this process's clock. */
  readonly time?: Time | undefined
}

/** How a request is to be granted. */
export interface AcquireOptions {
  /** What it weighs. Default: the route's. */
  readonly weight?: number | undefined
  /** Orders in it, for limits that count orders. Default 1. */
  readonly count?: number | undefined
  /** Lower goes first. Default: by the route's kind: cancels, then orders and amendments, then queries. */
  readonly priority?: number | undefined
  /** Milliseconds that it may wait. Default: the queue's `wait`. */
  readonly wait?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Filled in when granted, for `observe`. */
  readonly grant?: Grant | undefined
}

const queueSchema = z.strictObject({
  max: z.int().min(0).max(1_000_000).default(1_024),
  wait: z.number().min(0).max(86_400_000).default(10_000),
})

const rulesSchema = z
  .array(
    z.custom<LimitRule>(
      (rule) => typeof rule === 'object' && rule !== null && isLimitRule(rule),
      'must be made with weighted()',
    ),
  )
  .max(256)
  .superRefine((rules, context) => {
    const names = new Set<string>()
    for (const [i, { name }] of rules.entries()) {
      if (names.has(name)) context.addIssue({ code: 'custom', path: [i, 'name'], message: 'is used by another rule' })
      names.add(name)
    }
  })

const optionsSchema = z.strictObject({
  rules: rulesSchema,
  store: z.custom<object>((store) => typeof store === 'object' && store !== null, 'must be a store').optional(),
  queue: queueSchema.prefault({}),
  clock: z
    .custom<VenueClock>((clock) => typeof (clock as VenueClock | null)?.ms === 'number', 'must have `ms`')
    .optional(),
  time: z.custom<Time>((time) => typeof (time as Time | null)?.now === 'function', 'must be a Time').optional(),
})

/** Options with their defaults. */
export interface CheckedLimiterOptions {
  readonly rules: readonly LimitRule[]
  readonly queue: { readonly max: number; readonly wait: number }
  readonly clock: VenueClock
  readonly time: Time
}

const sameClock: VenueClock = Object.freeze({ ms: 0 })

/** @throws ConfigError naming every field that is wrong. */
export function checkLimiterOptions(options: unknown): CheckedLimiterOptions {
  const { rules, queue, clock, time } = parseConfig('limiter', optionsSchema, options)
  return { rules: Object.freeze(rules), queue, clock: clock ?? sameClock, time: time ?? systemTime }
}

/**
 * Rules that {@link weighted} made and that do not get in each other's way.
 * @throws ConfigError
 */
export function checkRules(rules: readonly LimitRule[]): readonly LimitRule[] {
  return Object.freeze(parseConfig('rate limits', rulesSchema, rules))
}
