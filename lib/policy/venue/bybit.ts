import { z } from 'zod'
import { slidingWindow } from '../limit/meter-spec.js'
import { type LimitRule, weighted } from '../limit/rule.js'
import { bannedBy, limitedBy } from '../retry/classify.js'
import { type Answer, type Outcome, Outcomes } from '../retry/outcome.js'
import {
  checkLimits,
  codeClassifier,
  fieldOf,
  limitField,
  textOf,
  type VenueLimitOptions,
  type VenuePolicy,
  venueLimitFields,
} from './venue.js'

/** Options of `bybit.limits()`. */
export interface BybitLimitOptions extends VenueLimitOptions {
  /** Requests per five seconds and address. Default 600. */
  readonly requestsPer5Seconds?: number | undefined
  /** Orders, amendments or cancels per second, account and endpoint. Default 10. */
  readonly ordersPerSecond?: number | undefined
  /** Queries per second, account and endpoint. Default 50. */
  readonly queriesPerSecond?: number | undefined
}

const schema = z.strictObject({
  ...venueLimitFields,
  requestsPer5Seconds: limitField(600),
  ordersPerSecond: limitField(10),
  queriesPerSecond: limitField(50),
})

/** What the venue asks to wait after `403 access too frequent`. */
const banMs = 600_000
const second = 1_000

function limits(options?: BybitLimitOptions): readonly LimitRule[] {
  const { reserve, margin, ...amounts } = checkLimits('Bybit', schema, options)
  const perSecond = (limit: number): ReturnType<typeof slidingWindow> =>
    slidingWindow({
      limit,
      window: second,
      margin,
      limitHeader: 'x-bapi-limit',
      remainingHeader: 'x-bapi-limit-status',
    })
  const by = ['account', 'endpoint'] as const
  return [
    weighted({
      name: 'ip',
      by: 'ip',
      charge: 'request',
      meters: slidingWindow({ limit: amounts.requestsPer5Seconds, window: 5 * second, margin }),
      reserve,
    }),
    weighted({
      name: 'orders',
      by,
      charge: 'count',
      only: ['order', 'amend', 'cancel'],
      meters: perSecond(amounts.ordersPerSecond),
    }),
    weighted({ name: 'queries', by, charge: 'request', only: ['query'], meters: perSecond(amounts.queriesPerSecond) }),
  ]
}

/** The endpoint's limit; a header tells the moment at which it ends. */
function tooManyVisits(answer: Answer): Outcome {
  const reset = answer.header('x-bapi-limit-reset-timestamp') ?? ''
  const until = /^\d{13}$/.test(reset) ? Number(reset) - answer.receivedAt : second
  return { kind: 'limited', forMs: Math.min(60 * second, Math.max(0, until)), scope: 'endpoint' }
}

/** Codes: https://bybit-exchange.github.io/docs/v5/error */
const classify = codeClassifier(
  {
    '0': Outcomes.done,
    '429': Outcomes.retryable,
    '10000': Outcomes.unknown,
    '10002': Outcomes.skewed,
    '10006': tooManyVisits,
    '10014': Outcomes.duplicate,
    '10016': Outcomes.unknown,
    '10018': (answer) => bannedBy(answer, 'ip', banMs),
    '20003': tooManyVisits,
    '110072': Outcomes.duplicate,
    '170005': (answer) => limitedBy(answer, 'account'),
    '170007': Outcomes.unknown,
    '170141': Outcomes.duplicate,
    '170146': Outcomes.unknown,
    '170147': Outcomes.unknown,
    '170222': (answer) => limitedBy(answer, 'account'),
    '170310': Outcomes.unknown,
  },
  (answer) => (answer.status === 403 ? bannedBy(answer, 'ip', banMs) : null),
)

/** Bybit v5. */
export const bybit: VenuePolicy<BybitLimitOptions> = Object.freeze({
  name: 'bybit',
  limits,
  classify,
  error: (body: unknown) => ({ code: textOf(fieldOf(body, 'retCode')), message: textOf(fieldOf(body, 'retMsg')) }),
})
