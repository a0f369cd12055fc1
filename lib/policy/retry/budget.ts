import type { RetryPolicy } from './policy.js'

/**
 * Pays for retries: every request adds a fraction of one, every retry takes a whole one. When nearly everything fails, what a client adds
 * to the load is then bounded. One for all requests to an endpoint.
 */
export class RetryBudget {
  #policy: RetryPolicy['budget']
  #left: number
  #since: number

  constructor(policy: RetryPolicy, now: number) {
    this.#policy = policy.budget
    this.#left = policy.budget?.burst ?? 0
    this.#since = now
  }

  /** A new request begins. */
  deposit(now: number): void {
    const policy = this.#policy
    if (policy === null) return
    this.#left = Math.min(policy.burst, this.#refilled(now) + policy.ratio)
    this.#refilledAt(now)
  }

  /** Whether there is a retry left. */
  affords(now: number): boolean {
    return this.#policy === null || this.#refilled(now) >= 1
  }

  /** A retry is decided. */
  withdraw(now: number): void {
    if (this.#policy === null) return
    this.#left = Math.max(0, this.#refilled(now) - 1)
    this.#refilledAt(now)
  }

  /** Goes on under another policy. What is left stays, up to its burst. */
  use(policy: RetryPolicy, now: number): void {
    const left = this.#policy === null ? (policy.budget?.burst ?? 0) : this.#refilled(now)
    this.#policy = policy.budget
    this.#left = Math.min(left, policy.budget?.burst ?? 0)
    this.#refilledAt(now)
  }

  // A request that waited is entered with the time at which it began: what others have been given since is not given again.
  #refilledAt(now: number): void {
    this.#since = Math.max(this.#since, now)
  }

  #refilled(now: number): number {
    const policy = this.#policy
    if (policy === null) return 0
    return Math.min(policy.burst, this.#left + (Math.max(0, now - this.#since) / 1_000) * policy.perSecond)
  }
}
