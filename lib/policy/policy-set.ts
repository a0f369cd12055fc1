import { z } from 'zod'
import { parseConfig } from '../runtime/config.js'
import { type BalanceMode, type BalanceOptions, type BalancePolicy, balancePolicy } from './balance/policy.js'
import { type BreakerOptions, type BreakerPolicy, breakerPolicy } from './breaker/policy.js'
import { checkRules } from './limit/limiter-options.js'
import type { LimitRule } from './limit/rule.js'
import type { ReconnectPolicy } from './reconnect.js'
import { type RetryOptions, type RetryPolicy, retryPolicy } from './retry/policy.js'

/** How requests are to be treated; what is not given has its default. */
export interface PolicyOptions {
  /** The venue's limits. Default: none. */
  readonly limits?: readonly LimitRule[] | undefined
  /** Default `exponential()` as `RetryOptions.backoff` describes it. */
  readonly retry?: RetryOptions | ReconnectPolicy | RetryPolicy | undefined
  /** Circuit breaker of each endpoint; false: none. Default `{}`. */
  readonly breaker?: BreakerOptions | BreakerPolicy | false | undefined
  /** Default `'latency'`. */
  readonly balance?: BalanceMode | BalanceOptions | BalancePolicy | undefined
}

const schema = z.strictObject({
  limits: z.unknown().optional(),
  retry: z.unknown().optional(),
  breaker: z.unknown().optional(),
  balance: z.unknown().optional(),
})

/**
 * Policies, checked once and never changed. A request takes the set in force with it and ends under it; `with()` makes another set for
 * those that come later.
 */
export class PolicySet {
  readonly limits: readonly LimitRule[]
  readonly retry: RetryPolicy
  readonly breaker: BreakerPolicy | null
  readonly balance: BalancePolicy

  /** @throws ConfigError naming what is wrong. */
  constructor(options: PolicyOptions = {}) {
    parseConfig('policies', schema, options)
    this.limits = checkRules(options.limits ?? [])
    this.retry = retryPolicy(options.retry)
    this.breaker = options.breaker === false ? null : breakerPolicy(options.breaker)
    this.balance = balancePolicy(options.balance)
    Object.freeze(this)
  }

  /**
   * A set with some policies replaced.
   * @throws ConfigError naming what is wrong; this set then goes on.
   */
  with(changes: PolicyOptions): PolicySet {
    const { limits, retry, balance } = this
    const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined))
    return new PolicySet({ limits, retry, balance, breaker: this.breaker ?? false, ...given })
  }
}
