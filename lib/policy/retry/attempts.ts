import type { Random } from '../time.js'
import type { RetryBudget } from './budget.js'
import { type Decision, decide } from './decide.js'
import type { Outcome } from './outcome.js'
import type { RetryPolicy } from './policy.js'

/** What the attempts of one request have to know about it. */
export interface RetryRequest {
  /** Executing it twice is the same as once. */
  readonly idempotent: boolean
  /** It can be looked up by its client id. */
  readonly canLookup: boolean
  /**
   * Milliseconds after it was sent during which the venue accepts it: recvWindow, expTime, deadline and the like, with the error of the
   * clock; NaN: it carries no such limit.
   */
  readonly validMs: number
}

/** The attempts of one request: keeps what `decide` has to know. Made when the request begins, asked after every outcome. */
export class Attempts {
  readonly policy: RetryPolicy
  readonly #request: RetryRequest
  readonly #budget: RetryBudget
  readonly #random: Random
  readonly #start: number
  #attempt = 0
  #lookups = 0
  /** When the last attempt left. */
  #sentAt = 0
  /** An attempt may have been executed. */
  #uncertain = false
  /** When the last look-up left. */
  #lookedUpAt = Number.NEGATIVE_INFINITY
  /** After this no attempt will be executed any more, and whatever was can be seen. */
  #pendingUntil = Number.NEGATIVE_INFINITY

  constructor(policy: RetryPolicy, request: RetryRequest, budget: RetryBudget, random: Random, now: number) {
    this.policy = policy
    this.#request = request
    this.#budget = budget
    this.#random = random
    this.#start = now
    budget.deposit(now)
  }

  /** Attempts so far. */
  get attempt(): number {
    return this.#attempt
  }

  get lookups(): number {
    return this.#lookups
  }

  /** Whether some attempt so far may have been executed. */
  get mayHaveExecuted(): boolean {
    return this.#uncertain
  }

  /** Milliseconds since the first attempt. */
  elapsed(now: number): number {
    return now - this.#start
  }

  /** An attempt leaves. */
  sending(now: number): void {
    this.#attempt++
    this.#sentAt = now
  }

  /** The attempt leaves once more: the peer has certainly not looked at it, as when it retires a connection. Not another attempt. */
  resending(now: number): void {
    this.#sentAt = now
  }

  /** A look-up leaves. */
  lookingUp(now: number): void {
    this.#lookups++
    this.#lookedUpAt = now
  }

  /** What to do after the last attempt, or look-up, came to this outcome. */
  next(outcome: Outcome, now: number): Decision {
    const uncertain = this.#uncertain
    if (outcome.kind === 'unknown') {
      this.#uncertain = true
      const valid = Number.isNaN(this.#request.validMs) ? this.policy.settle : this.#request.validMs
      this.#pendingUntil = Math.max(this.#pendingUntil, this.#sentAt + valid + this.policy.visibleAfter)
    }
    // What a look-up saw is as old as the look-up: one that left too early proves nothing, however late its answer comes.
    const open = outcome.kind === 'absent' ? this.#lookedUpAt < this.#pendingUntil : now < this.#pendingUntil
    const pendingMs = open ? Math.max(1, this.#pendingUntil - now) : 0
    const decision = decide(this.policy, this.#attempt, outcome, {
      elapsedMs: now - this.#start,
      idempotent: this.#request.idempotent,
      canLookup: this.#request.canLookup,
      uncertain,
      pendingMs,
      lookups: this.#lookups,
      affordable: this.#budget.affords(now),
      random: this.#random(),
    })
    if (outcome.kind === 'absent' && pendingMs === 0) this.#uncertain = false
    // Paid for when it is decided: those who wait for their delay at the same time must not spend the same retry.
    if (decision.do === 'retry') this.#budget.withdraw(now)
    return decision
  }
}
