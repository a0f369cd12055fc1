import { z } from 'zod'
import { slidingWindow } from '../limit/meter-spec.js'
import { type LimitRule, weighted } from '../limit/rule.js'
import { limitedBy } from '../retry/classify.js'
import { type Answer, type Outcome, Outcomes } from '../retry/outcome.js'
import {
  checkLimits,
  codeClassifier,
  fieldOf,
  limitField,
  textOf,
  type VenueError,
  type VenueLimitOptions,
  type VenuePolicy,
  venueLimitFields,
} from './venue.js'

/** Options of `okx.limits()`. */
export interface OkxLimitOptions extends VenueLimitOptions {
  /** Orders, amendments or cancels per two seconds, account and instrument, counted apart by endpoint. Default 60. */
  readonly ordersPer2Seconds?: number | undefined
  /** Orders and amendments per two seconds and account. Default 1,000. */
  readonly accountOrdersPer2Seconds?: number | undefined
  /** Queries per two seconds, account and endpoint. Default 20. */
  readonly queriesPer2Seconds?: number | undefined
}

const schema = z.strictObject({
  ...venueLimitFields,
  ordersPer2Seconds: limitField(60),
  accountOrdersPer2Seconds: limitField(1_000),
  queriesPer2Seconds: limitField(20),
})

const window = 2_000

function limits(options?: OkxLimitOptions): readonly LimitRule[] {
  const { margin, ...amounts } = checkLimits('OKX', schema, options)
  const per2Seconds = (limit: number): ReturnType<typeof slidingWindow> => slidingWindow({ limit, window, margin })
  // Cancels have limits of their own here: nothing needs to be kept back for them.
  return [
    weighted({
      name: 'orders',
      by: ['account', 'endpoint', 'instrument'],
      charge: 'count',
      only: ['order', 'amend', 'cancel'],
      meters: per2Seconds(amounts.ordersPer2Seconds),
    }),
    weighted({
      name: 'account',
      by: 'account',
      charge: 'count',
      only: ['order', 'amend'],
      meters: per2Seconds(amounts.accountOrdersPer2Seconds),
    }),
    weighted({
      name: 'queries',
      by: ['account', 'ip', 'endpoint'],
      charge: 'request',
      only: ['query'],
      meters: per2Seconds(amounts.queriesPer2Seconds),
    }),
  ]
}

/** No header tells when a window ends: a whole one is left alone. */
const limited =
  (scope: 'account' | 'endpoint') =>
  (answer: Answer): Outcome => {
    const outcome = limitedBy(answer, scope)
    return outcome.kind === 'limited' && Number.isNaN(outcome.forMs) ? { ...outcome, forMs: window } : outcome
  }

/** Codes: https://www.okx.com/docs-v5/en/#error-code */
const classify = codeClassifier(
  {
    '0': Outcomes.done,
    // Of several orders some were accepted: which, the caller has to read.
    '2': Outcomes.done,
    '50001': Outcomes.unknown,
    '50004': Outcomes.unknown,
    '50011': limited('endpoint'),
    '50013': Outcomes.unknown,
    '50026': Outcomes.unknown,
    '50036': Outcomes.skewed,
    '50037': Outcomes.skewed,
    '50040': limited('account'),
    '50061': limited('account'),
    '50102': Outcomes.skewed,
    '51011': Outcomes.duplicate,
    '51016': Outcomes.duplicate,
    '51054': Outcomes.unknown,
    '51149': Outcomes.unknown,
    '51412': Outcomes.unknown,
    '52909': Outcomes.duplicate,
    '52912': Outcomes.unknown,
    // Of logins on a WebSocket: its timestamp, their number, an error of the venue's own.
    '60004': Outcomes.skewed,
    '60006': Outcomes.skewed,
    '60014': limited('account'),
    '63999': Outcomes.retryable,
  },
  (answer) => (answer.status === 429 ? limited('endpoint')(answer) : null),
)

/** The code of the request, or when that says that all orders in it failed, of the first. */
function error(body: unknown): VenueError {
  const code = textOf(fieldOf(body, 'code'))
  const data = fieldOf(body, 'data')
  if (code === '1' && Array.isArray(data)) {
    for (const item of data as readonly unknown[]) {
      const own = textOf(fieldOf(item, 'sCode'))
      if (own !== '' && own !== '0') return { code: own, message: textOf(fieldOf(item, 'sMsg')) }
    }
  }
  return { code, message: textOf(fieldOf(body, 'msg')) }
}

/** OKX v5. */
export const okx: VenuePolicy<OkxLimitOptions> = Object.freeze({ name: 'okx', limits, classify, error })
