import type { Outcome } from './outcome.js'
import type { RetryPolicy } from './policy.js'

/** Why no more is tried. */
export type GiveUpReason =
  /** The venue refuses it. */
  | 'fatal'
  /** The deadline has passed, or would before the next attempt. */
  | 'deadline'
  | 'attempts'
  /** Too much fails: see `RetryBudgetOptions`. */
  | 'budget'
  /** The venue wants silence until after the deadline. */
  | 'limited'
  | 'banned'
  /** It may have been executed, must not be sent again, and cannot be looked up. */
  | 'unknown'
  /** Its client id is another order's. */
  | 'duplicate'
  /** It may have been executed, and no look-up came to a result. */
  | 'lookup'

/** What to do next. Times in milliseconds from now. */
export type Decision =
  /** It has been executed, or answered. */
  | { readonly do: 'finish' }
  /** Send it again. */
  | { readonly do: 'retry'; readonly inMs: number }
  /** Ask the venue for it by its client id. */
  | { readonly do: 'lookup'; readonly inMs: number }
  /** Tell the caller. */
  | { readonly do: 'giveUp'; readonly reason: GiveUpReason; readonly mayHaveExecuted: boolean }

/** What is known about a request besides its last outcome. */
export interface RetryContext {
  /** Milliseconds since the first attempt. */
  readonly elapsedMs: number
  /** Executing it twice is the same as once: queries, cancels by id. */
  readonly idempotent: boolean
  /** It can be looked up by its client id. */
  readonly canLookup: boolean
  /** An attempt before the last may have been executed. */
  readonly uncertain: boolean
  /** For so many milliseconds from now an attempt whose fate is unknown may still be executed. */
  readonly pendingMs: number
  /** Look-ups so far. */
  readonly lookups: number
  /** The budget has a retry left. */
  readonly affordable: boolean
  /** A number from 0 to 1, 1 excluded: decides about jitter. */
  readonly random: number
}

const finish: Decision = Object.freeze({ do: 'finish' })

/**
 * What to do after attempt number `attempt` (from 1) ended with `outcome`. Pure, and has an answer for everything. A request that is not
 * idempotent is sent again only when it is certain that no earlier attempt was, or will be, executed.
 */
export function decide(policy: RetryPolicy, attempt: number, outcome: Outcome, context: RetryContext): Decision {
  const { uncertain } = context
  switch (outcome.kind) {
    case 'done':
    case 'found':
      return finish
    case 'fatal':
      // The venue's reason may be that an earlier attempt has used up the balance.
      return uncertain ? findOut(policy, 'fatal', context, 0) : giveUp('fatal', false)
    case 'duplicate':
      // Without an earlier attempt the id belongs to somebody else's order: looking it up would find that one.
      return uncertain ? findOut(policy, 'duplicate', context, 0) : giveUp('duplicate', false)
    case 'retryable':
      return again(policy, attempt, context, outcome.forMs, 'deadline')
    case 'skewed':
      return again(policy, attempt, context, 0, 'deadline')
    case 'limited':
      return again(policy, attempt, context, outcome.forMs, 'limited')
    case 'banned':
      return again(policy, attempt, context, outcome.forMs, 'banned')
    case 'unknown':
      if (context.idempotent) return again(policy, attempt, { ...context, uncertain: true }, 0, 'deadline')
      return findOut(policy, 'unknown', { ...context, uncertain: true }, delayOf(policy, attempt, context.random))
    case 'lookupFailed':
      return findOut(policy, 'lookup', context, Math.max(atLeast0(outcome.forMs), lookupDelay(policy, context)))
    case 'absent':
      // It may only be late. Not found is believed once nothing of it can be executed any more.
      if (context.pendingMs > 0) {
        const delay = Math.min(lookupDelay(policy, context), atLeast0(context.pendingMs))
        return findOut(policy, 'lookup', context, Math.max(1, delay))
      }
      return again(policy, attempt, { ...context, uncertain: false }, 0, 'deadline')
  }
}

/** Sends it again, if there is an attempt, time and budget left. */
function again(
  policy: RetryPolicy,
  attempt: number,
  context: RetryContext,
  forMs: number,
  late: 'deadline' | 'limited' | 'banned',
): Decision {
  // Refused without harm, but an earlier attempt is still open: it must not be sent again before that is cleared up.
  if (context.uncertain && !context.idempotent) return findOut(policy, 'unknown', context, atLeast0(forMs))
  const inMs = Math.max(atLeast0(forMs), delayOf(policy, attempt, context.random))
  if (!(attempt < policy.attempts)) return end(policy, 'attempts', context)
  if (!(context.elapsedMs + inMs <= policy.deadline)) return end(policy, late, context)
  if (!context.affordable) return end(policy, 'budget', context)
  return { do: 'retry', inMs }
}

/** No more attempts. What may have been executed is looked up all the same, so that the caller can be told. */
function end(policy: RetryPolicy, reason: GiveUpReason, context: RetryContext): Decision {
  return context.uncertain ? findOut(policy, reason, context, 0) : giveUp(reason, false)
}

/** Asks the venue; when that is no use any more, says `reason`. */
function findOut(policy: RetryPolicy, reason: GiveUpReason, context: RetryContext, inMs: number): Decision {
  if (!context.canLookup) return giveUp(reason, true)
  if (!(context.lookups < policy.lookups)) return giveUp('lookup', true)
  if (!(context.elapsedMs + inMs <= policy.certainty)) return giveUp('lookup', true)
  return { do: 'lookup', inMs }
}

function giveUp(reason: GiveUpReason, mayHaveExecuted: boolean): Decision {
  return { do: 'giveUp', reason, mayHaveExecuted }
}

/** Milliseconds before retry number `attempt`. */
export function delayOf(policy: RetryPolicy, attempt: number, random: number): number {
  if (policy.immediate && attempt <= 1) return 0
  const steps = Math.max(0, attempt - (policy.immediate ? 2 : 1))
  // Beyond some hundred steps the power would be Infinity, and 0 × Infinity is no number.
  const due = policy.first === 0 ? 0 : Math.min(policy.max, policy.first * policy.factor ** Math.min(steps, 1_000))
  const u = random >= 0 && random < 1 ? random : 0.5
  if (policy.jitter === 'full') return due * u
  return Math.min(policy.max, due * (1 - policy.jitter + 2 * policy.jitter * u))
}

/** Look-ups keep their distance too: without it a busy venue is asked without end. Never at once, so that time passes. */
function lookupDelay(policy: RetryPolicy, context: RetryContext): number {
  return Math.max(1, delayOf(policy, context.lookups + 1, context.random))
}

function atLeast0(ms: number): number {
  return Number.isNaN(ms) ? 0 : Math.max(0, ms)
}
