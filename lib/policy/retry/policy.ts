import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'
import { explicitOptions, exponential, type ReconnectPolicy, reconnectPolicySchema } from '../reconnect.js'
import { httpClassifier } from './classify.js'
import type { Classifier } from './outcome.js'

/** How many retries there may be for the requests that there are: they stop when much fails, where they would do harm. */
export interface RetryBudgetOptions {
  /** Retries per request, in the long run, 0…10. Default 0.2. */
  readonly ratio?: number | undefined
  /** Retries per second that are allowed anyway, 0…1,000. Default 1. */
  readonly perSecond?: number | undefined
  /** Retries at once after a quiet time, 1…100,000. Default 20. */
  readonly burst?: number | undefined
}

/** Options of a retry policy. Times in milliseconds. */
export interface RetryOptions {
  /**
   * How long to wait: `exponential()`. Of its options `first`, `max`, `factor`, `jitter`, `retries` and `immediate` count here, with
   * defaults of their own: first 50, max 2,000, factor 2, retries 3, immediate false, and full jitter: the delay is drawn from 0 up to
   * what is due. A `jitter` that is given draws around it instead. `retries: Infinity` leaves it to the deadline.
   */
  readonly backoff?: ReconnectPolicy | undefined
  /** No retry later than this after the first attempt, 0…86,400,000. Default 10,000. */
  readonly deadline?: number | undefined
  /** Default `{}`; false: no budget. */
  readonly budget?: RetryBudgetOptions | false | undefined
  /**
   * How long a request whose fate is unknown may still be executed when it does not carry a time limit of its own, 0…3,600,000. Only after
   * that is a look-up believed that does not find it. Default 10,000.
   */
  readonly settle?: number | undefined
  /** How long after its execution a request may still be hidden from look-ups, 0…3,600,000. Default 500. */
  readonly visibleAfter?: number | undefined
  /** A request whose fate is unknown is looked up until this after its first attempt, 0…86,400,000. Default 120,000. */
  readonly certainty?: number | undefined
  /** Look-ups at most, 1…10,000. Default 100. */
  readonly lookups?: number | undefined
  /** What answers and failures mean. Default: by the HTTP status. */
  readonly classify?: Classifier | undefined
}

/** A retry policy, complete and checked. Immutable. */
export interface RetryPolicy {
  readonly first: number
  readonly max: number
  readonly factor: number
  /** `'full'`: drawn from 0 up to the delay; otherwise from delay × (1 − jitter) up to delay × (1 + jitter). */
  readonly jitter: 'full' | number
  /** The first retry comes without delay. */
  readonly immediate: boolean
  /** Attempts in all; Infinity: as many as the deadline allows. */
  readonly attempts: number
  readonly deadline: number
  readonly budget: Required<{ readonly [K in keyof RetryBudgetOptions]: number }> | null
  readonly settle: number
  readonly visibleAfter: number
  readonly certainty: number
  readonly lookups: number
  readonly classify: Classifier
}

const day = 86_400_000

const isClassifier = (value: unknown): boolean =>
  typeof (value as Classifier | null)?.answer === 'function' &&
  typeof (value as Classifier | null)?.failure === 'function'

const optionsSchema = z.strictObject({
  backoff: reconnectPolicySchema.optional(),
  deadline: z.number().min(0).max(day).default(10_000),
  budget: z
    .union([
      z.literal(false),
      z.strictObject({
        ratio: z.number().min(0).max(10).default(0.2),
        perSecond: z.number().min(0).max(1_000).default(1),
        burst: z.number().min(1).max(100_000).default(20),
      }),
    ])
    .prefault({}),
  settle: z.number().min(0).max(3_600_000).default(10_000),
  visibleAfter: z.number().min(0).max(3_600_000).default(500),
  certainty: z.number().min(0).max(day).default(120_000),
  lookups: z.int().min(1).max(10_000).default(100),
  classify: z.custom<Classifier>(isClassifier, 'must have `answer` and `failure`').optional(),
})

/** What `exponential()` means when it is not about connections. */
const retryDefaults = { first: 50, max: 2_000, retries: 3, immediate: false } as const

const made = new WeakSet<RetryPolicy>()

/**
 * A complete retry policy out of options, out of `exponential()` alone, or as it is.
 * @throws ConfigError naming every field that is wrong.
 */
export function retryPolicy(source: RetryOptions | ReconnectPolicy | RetryPolicy = {}): RetryPolicy {
  if (made.has(source as RetryPolicy)) return source as RetryPolicy
  const options = 'storm' in source ? { backoff: source } : (source as RetryOptions)
  const { backoff, budget, classify, ...times } = parseConfig('retry policy', optionsSchema, options)
  const { first, max, factor, jitter, retries, immediate } = delaysOf(options.backoff, backoff)
  const policy: RetryPolicy = Object.freeze({
    first,
    max,
    factor,
    jitter,
    immediate,
    attempts: retries + 1,
    ...times,
    budget: budget === false ? null : Object.freeze(budget),
    classify: classify ?? httpClassifier,
  })
  made.add(policy)
  return policy
}

type Delays = Pick<RetryPolicy, 'first' | 'max' | 'factor' | 'jitter' | 'immediate'> & { readonly retries: number }

/** Written by hand it means what it says; from `exponential()` only what was asked for, the rest is as retries want it. */
function delaysOf(
  given: ReconnectPolicy | undefined,
  checked: z.output<typeof reconnectPolicySchema> | undefined,
): Delays {
  if (checked?.enabled === false) return { ...exponential(), ...retryDefaults, jitter: 'full', retries: 0 }
  const asked = given === undefined ? {} : explicitOptions(given)
  if (checked !== undefined && asked === undefined) return checked
  const { storm: _storm, ...rest } = asked ?? {}
  const first = rest.first ?? Math.min(retryDefaults.first, rest.max ?? retryDefaults.max)
  const max = rest.max ?? Math.max(retryDefaults.max, first)
  const policy = exponential({ ...rest, first, max })
  return {
    ...policy,
    jitter: rest.jitter ?? 'full',
    retries: rest.retries ?? retryDefaults.retries,
    immediate: rest.immediate ?? retryDefaults.immediate,
  }
}
