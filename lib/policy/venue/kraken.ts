import { z } from 'zod'
import { decayingCounter } from '../limit/meter-spec.js'
import { type LimitRule, weighted } from '../limit/rule.js'
import { limitedBy } from '../retry/classify.js'
import { type Answer, type Outcome, Outcomes } from '../retry/outcome.js'
import {
  checkLimits,
  codeClassifier,
  fieldOf,
  noError,
  type VenueError,
  type VenueLimitOptions,
  type VenuePolicy,
  venueLimitFields,
} from './venue.js'

/** How well the venue knows the account. */
export type KrakenTier = 'starter' | 'intermediate' | 'pro'

/** Options of `kraken.limits()`. */
export interface KrakenLimitOptions extends VenueLimitOptions {
  /** Default `'starter'`. */
  readonly tier?: KrakenTier | undefined
}

const schema = z.strictObject({
  ...venueLimitFields,
  tier: z.enum(['starter', 'intermediate', 'pro']).default('starter'),
})

/** Limits of the counters, and how much they fall per second: of REST calls per key, of transactions per key and pair. */
const tiers = {
  starter: { calls: 15, callDecay: 0.33, trades: 60, tradeDecay: 1 },
  intermediate: { calls: 20, callDecay: 0.5, trades: 125, tradeDecay: 2.34 },
  pro: { calls: 20, callDecay: 1, trades: 180, tradeDecay: 3.75 },
} as const satisfies Record<KrakenTier, unknown>

function limits(options?: KrakenLimitOptions): readonly LimitRule[] {
  const { tier, reserve, margin } = checkLimits('Kraken', schema, options)
  const { calls, callDecay, trades, tradeDecay } = tiers[tier]
  return [
    // Weight 1; ledgers and trade histories 2. Orders and cancels are not counted here.
    weighted({
      name: 'calls',
      by: 'account',
      only: ['query'],
      meters: decayingCounter({ name: 'counter', limit: calls, decay: callDecay, margin }),
    }),
    // The weight of amendments and cancels depends on the order's age: see `KrakenOrderAges`.
    weighted({
      name: 'trading',
      by: ['account', 'instrument'],
      only: ['order', 'amend', 'cancel'],
      meters: decayingCounter({ name: 'counter', limit: trades, decay: tradeDecay, margin }),
      reserve,
    }),
  ]
}

const seconds = (count: number): number => count * 1_000

function limited(scope: 'account' | 'instrument', usual: number) {
  return (answer: Answer): Outcome => {
    const outcome = limitedBy(answer, scope)
    return outcome.kind === 'limited' && Number.isNaN(outcome.forMs) ? { ...outcome, forMs: usual } : outcome
  }
}

/** `EService:Throttled:1700000000`: until then. */
function throttled(answer: Answer): Outcome {
  const until = Number(/^EService:Throttled:\s*(\d{10})$/.exec(answer.code)?.[1])
  const forMs = Number.isNaN(until) ? seconds(5) : Math.max(0, seconds(until) - answer.receivedAt)
  return { kind: 'limited', forMs: Math.min(forMs, seconds(900)), scope: 'account' }
}

/** Texts: https://docs.kraken.com/api/docs/guides/spot-errors */
const classify = codeClassifier(
  {
    'EAPI:Rate limit exceeded': limited('account', seconds(5)),
    'EOrder:Rate limit exceeded': limited('instrument', seconds(2)),
    'EGeneral:Too many requests': limited('account', seconds(5)),
    'EGeneral:Temporary lockout': { kind: 'banned', forMs: seconds(900), scope: 'account' },
    'EAPI:Invalid nonce': Outcomes.retryable,
    // The venue promises not to execute it after its deadline.
    'EService:Deadline elapsed': Outcomes.retryable,
    'EService:Unavailable': Outcomes.unknown,
    'EService:Busy': Outcomes.unknown,
    'EService:Timeout': Outcomes.unknown,
  },
  (answer) => {
    const { code } = answer
    if (code.startsWith('EGeneral:Internal error')) return Outcomes.unknown
    if (code.startsWith('EService:Throttled')) return throttled(answer)
    return code !== '' && /cl_?ord_?id/i.test(code) && /duplicate|not unique|in use/i.test(code)
      ? Outcomes.duplicate
      : null
  },
)

/** The first error; warnings (`W…`) are none. */
function error(body: unknown): VenueError {
  const list = fieldOf(body, 'error')
  if (typeof list === 'string') return { code: list, message: list }
  if (!Array.isArray(list)) return noError
  for (const text of list as readonly unknown[]) {
    if (typeof text === 'string' && text.startsWith('E')) return { code: text, message: text }
  }
  return noError
}

/** Kraken Spot. */
export const kraken: VenuePolicy<KrakenLimitOptions> = Object.freeze({ name: 'kraken', limits, classify, error })
