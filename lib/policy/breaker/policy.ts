import { z } from 'zod'
import { parseConfig } from '../../runtime/config.js'

/** Options of a circuit breaker. Times in milliseconds. */
export interface BreakerOptions {
  /** Opens after so many failures in a row, 1…1,000,000; Infinity: never for that reason. Default 5. */
  readonly failures?: number | undefined
  /** Opens when of the calls within `window`, at least `minimum` of them, this share failed, above 0 up to 1. Default 0.5. */
  readonly rate?: number | undefined
  /** Default 10,000; 100…3,600,000. */
  readonly window?: number | undefined
  /** 1…1,000,000; Infinity: never for that reason. Default 20. */
  readonly minimum?: number | undefined
  /** How long nothing is let through after it has opened, 1…3,600,000. Default 1,000. */
  readonly open?: number | undefined
  /** The same after failed probes, when it grows by `factor` each time: at most, up to 3,600,000. Default 30,000. */
  readonly maxOpen?: number | undefined
  /** 1…10. Default 2. */
  readonly factor?: number | undefined
  /** Calls let through at a time to find out whether it may close, 1…1,000. Default 1. */
  readonly probes?: number | undefined
  /** Successful probes in a row after which it closes, 1…1,000. Default 2. */
  readonly successes?: number | undefined
  /** A probe that has not ended after this is taken for failed, 1…3,600,000. Default 10,000. */
  readonly probeTimeout?: number | undefined
}

/** Options of a circuit breaker, complete and checked. Immutable. */
export type BreakerPolicy = Readonly<Required<{ [K in keyof BreakerOptions]: number }>>

const hour = 3_600_000
const countOrNever = z.union([z.literal(Number.POSITIVE_INFINITY), z.int().min(1).max(1_000_000)], {
  error: 'must be an integer from 1 to 1,000,000 or Infinity',
})

const schema = z
  .strictObject({
    failures: countOrNever.default(5),
    rate: z.number().gt(0).max(1).default(0.5),
    window: z.number().min(100).max(hour).default(10_000),
    minimum: countOrNever.default(20),
    open: z.number().min(1).max(hour).default(1_000),
    maxOpen: z.number().min(1).max(hour).default(30_000),
    factor: z.number().min(1).max(10).default(2),
    probes: z.int().min(1).max(1_000).default(1),
    successes: z.int().min(1).max(1_000).default(2),
    probeTimeout: z.number().min(1).max(hour).default(10_000),
  })
  .refine(({ open, maxOpen }) => maxOpen >= open, { path: ['maxOpen'], message: 'must not be below `open`' })

const made = new WeakSet<BreakerPolicy>()

/**
 * A complete breaker policy out of options, or as it is.
 * @throws ConfigError naming every field that is wrong.
 */
export function breakerPolicy(options: BreakerOptions | BreakerPolicy = {}): BreakerPolicy {
  if (made.has(options as BreakerPolicy)) return options as BreakerPolicy
  const policy = Object.freeze(parseConfig('circuit breaker', schema, options))
  made.add(policy)
  return policy
}
