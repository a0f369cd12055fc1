import { z } from 'zod'
import { slidingWindow } from '../limit/meter-spec.js'
import { type LimitRule, weighted } from '../limit/rule.js'
import { limitedBy } from '../retry/classify.js'
import { Outcomes } from '../retry/outcome.js'
import {
  checkLimits,
  codeClassifier,
  fieldOf,
  limitField,
  noError,
  textOf,
  type VenueError,
  type VenueLimitOptions,
  type VenuePolicy,
  venueLimitFields,
} from './venue.js'

/** Options of `coinbase.limits()`. */
export interface CoinbaseLimitOptions extends VenueLimitOptions {
  /** Requests with credentials per second and account. Default 30. */
  readonly privatePerSecond?: number | undefined
  /** Requests without credentials per second and address. Default 10. */
  readonly publicPerSecond?: number | undefined
  /** Requests per hour and account. Default 10,000. */
  readonly perHour?: number | undefined
}

const schema = z.strictObject({
  ...venueLimitFields,
  privatePerSecond: limitField(30),
  publicPerSecond: limitField(10),
  perHour: limitField(10_000),
})

/** The venue does not document its rate limit headers; these are read when they are there. */
const headers = { limitHeader: 'x-ratelimit-limit', remainingHeader: 'x-ratelimit-remaining' }
const second = 1_000

function limits(options?: CoinbaseLimitOptions): readonly LimitRule[] {
  const { reserve, margin, ...amounts } = checkLimits('Coinbase', schema, options)
  const perSecond = (limit: number): ReturnType<typeof slidingWindow> =>
    slidingWindow({ name: 'second', limit, window: second, margin, ...headers })
  const perHour = slidingWindow({ name: 'hour', limit: amounts.perHour, window: 3_600 * second, margin })
  return [
    weighted({
      name: 'private',
      by: 'account',
      charge: 'request',
      only: (route) => route.account !== '',
      meters: [perSecond(amounts.privatePerSecond), perHour],
      reserve,
    }),
    weighted({
      name: 'public',
      by: 'ip',
      charge: 'request',
      only: (route) => route.account === '',
      meters: perSecond(amounts.publicPerSecond),
    }),
  ]
}

const classify = codeClassifier(
  {
    UNKNOWN_FAILURE_REASON: Outcomes.unknown,
    INTERNAL: Outcomes.unknown,
    DEADLINE_EXCEEDED: Outcomes.unknown,
    UNAVAILABLE: Outcomes.unknown,
    RESOURCE_EXHAUSTED: (answer) => limitedBy(answer, 'account'),
    rate_limit_exceeded: (answer) => limitedBy(answer, 'account'),
    DUPLICATE_CLIENT_ORDER_ID: Outcomes.duplicate,
  },
  () => null,
)

/** An order's refusal, or the request's. */
function error(body: unknown): VenueError {
  const refusal = fieldOf(body, 'error_response')
  if (refusal !== undefined && fieldOf(body, 'success') !== true) {
    return { code: textOf(fieldOf(refusal, 'error')), message: textOf(fieldOf(refusal, 'message')) }
  }
  const code = textOf(fieldOf(body, 'error'))
  return code === '' ? noError : { code, message: textOf(fieldOf(body, 'message')) }
}

/** Coinbase Advanced Trade. */
export const coinbase: VenuePolicy<CoinbaseLimitOptions> = Object.freeze({ name: 'coinbase', limits, classify, error })
