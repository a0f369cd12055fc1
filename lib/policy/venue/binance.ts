import { z } from 'zod'
import type { Grant } from '../limit/grant.js'
import { fixedWindow } from '../limit/meter-spec.js'
import type { Route } from '../limit/route.js'
import { type LimitRule, weighted } from '../limit/rule.js'
import { bannedBy, limitedBy, retryAfterOf } from '../retry/classify.js'
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

/** Options of `binance.limits()`; `exchangeInfo` tells an account's own, see {@link binanceRateLimits}. */
export interface BinanceLimitOptions extends VenueLimitOptions {
  /** Request weight per minute and address. Default 6,000. */
  readonly weightPerMinute?: number | undefined
  /** Requests per five minutes and address. Default 61,000. */
  readonly requestsPer5Minutes?: number | undefined
  /** Unfilled orders per ten seconds and account. Default 50. */
  readonly ordersPer10Seconds?: number | undefined
  /** Unfilled orders per day and account. Default 160,000. */
  readonly ordersPerDay?: number | undefined
  /** How wrong the venue's time as it is known here may be, in milliseconds, 0…10,000. Default 50. */
  readonly clockError?: number | undefined
}

const schema = z.strictObject({
  ...venueLimitFields,
  weightPerMinute: limitField(6_000),
  requestsPer5Minutes: limitField(61_000),
  ordersPer10Seconds: limitField(50),
  ordersPerDay: limitField(160_000),
  clockError: z.number().min(0).max(2_000).default(50),
})

const minute = 60_000
const day = 86_400_000

/** Time for which the venue's firewall is left alone when it does not say how long it is angry. */
const firewallMs = 5 * minute
const shortestBanMs = 2 * minute

function limits(options?: BinanceLimitOptions): readonly LimitRule[] {
  const { reserve, margin, clockError, ...amounts } = checkLimits('Binance', schema, options)
  const window = (limit: number, window: number, header: string): ReturnType<typeof fixedWindow> =>
    fixedWindow({ limit, window, name: header, usedHeader: header, margin, clockError })
  return [
    weighted({
      name: 'REQUEST_WEIGHT',
      by: 'ip',
      meters: window(amounts.weightPerMinute, minute, 'x-mbx-used-weight-1m'),
      reserve,
    }),
    weighted({
      name: 'RAW_REQUESTS',
      by: 'ip',
      charge: 'request',
      meters: fixedWindow({ limit: amounts.requestsPer5Minutes, window: 5 * minute, margin, clockError }),
      reserve,
    }),
    weighted({
      name: 'ORDERS',
      by: 'account',
      charge: 'count',
      only: ['order'],
      meters: [
        window(amounts.ordersPer10Seconds, 10_000, 'x-mbx-order-count-10s'),
        window(amounts.ordersPerDay, day, 'x-mbx-order-count-1d'),
      ],
    }),
  ]
}

/** `-1003` comes for a limit and for a ban alike; the ban says until when, by the venue's clock, and how long: the later counts. */
function tooManyRequests(answer: Answer): Outcome {
  const until = /banned until (\d{13})/.exec(answer.message)
  if (until !== null) {
    const told = retryAfterOf(answer)
    const forMs = Math.max(0, Number(until[1]) - answer.receivedAt, Number.isNaN(told) ? 0 : told)
    return { kind: 'banned', forMs: Math.min(3 * day, forMs), scope: 'ip' }
  }
  return answer.status === 418 ? bannedBy(answer, 'ip', shortestBanMs) : limitedBy(answer, 'ip')
}

/** Codes: https://developers.binance.com/docs/binance-spot-api-docs/errors */
const classify = codeClassifier(
  {
    '-1000': Outcomes.unknown,
    '-1001': Outcomes.unknown,
    '-1003': tooManyRequests,
    '-1006': Outcomes.unknown,
    '-1007': Outcomes.unknown,
    '-1008': Outcomes.retryable,
    '-1015': (answer) => limitedBy(answer, 'account'),
    '-1021': Outcomes.skewed,
    '-2010': (answer) => (/duplicate/i.test(answer.message) ? Outcomes.duplicate : Outcomes.fatal),
  },
  (answer) => {
    // Some endpoints report success with a code of its own.
    if (answer.status >= 200 && answer.status < 300) return Outcomes.done
    if (answer.status === 418) return bannedBy(answer, 'ip', shortestBanMs)
    if (answer.status === 429) return limitedBy(answer, 'ip')
    return answer.status === 403 ? bannedBy(answer, 'ip', firewallMs) : null
  },
)

/** Binance Spot, REST and WebSocket API. */
export const binance: VenuePolicy<BinanceLimitOptions> = Object.freeze({
  name: 'binance',
  limits,
  classify,
  error: (body: unknown) => ({ code: textOf(fieldOf(body, 'code')), message: textOf(fieldOf(body, 'msg')) }),
})

const intervals: Readonly<Record<string, number>> = { SECOND: 1_000, MINUTE: minute, HOUR: 60 * minute, DAY: day }
const letters: Readonly<Record<string, string>> = { SECOND: 's', MINUTE: 'm', HOUR: 'h', DAY: 'd' }

/** One entry of `rateLimits` in `exchangeInfo`; answers of the WebSocket API also tell the `count`. */
export interface BinanceRateLimit {
  readonly rateLimitType: string
  readonly interval: string
  readonly intervalNum: number
  readonly limit: number
  readonly count?: number | undefined
}

/**
 * Rules out of what `exchangeInfo` says, in place of `binance.limits()`. Entries of other types and intervals are passed over.
 * @throws ConfigError when a limit is out of range.
 */
export function binanceRateLimits(
  rateLimits: readonly BinanceRateLimit[],
  options: VenueLimitOptions & Pick<BinanceLimitOptions, 'clockError'> = {},
): readonly LimitRule[] {
  const { reserve, margin, clockError } = checkLimits('Binance', schema, options)
  const meters = (type: string, header: string): ReturnType<typeof fixedWindow>[] =>
    rateLimits.flatMap(({ rateLimitType, interval, intervalNum, limit }) => {
      const ms = intervals[interval]
      if (rateLimitType !== type || ms === undefined) return []
      const name = meterName(header, interval, intervalNum)
      const usedHeader = header === 'raw' ? undefined : name
      return [fixedWindow({ limit, window: ms * intervalNum, name, usedHeader, margin, clockError })]
    })
  const weight = meters('REQUEST_WEIGHT', 'x-mbx-used-weight')
  const raw = meters('RAW_REQUESTS', 'raw')
  const orders = meters('ORDERS', 'x-mbx-order-count')
  return [
    ...(weight.length > 0 ? [weighted({ name: 'REQUEST_WEIGHT', by: 'ip', meters: weight, reserve })] : []),
    ...(raw.length > 0 ? [weighted({ name: 'RAW_REQUESTS', by: 'ip', charge: 'request', meters: raw, reserve })] : []),
    ...(orders.length > 0
      ? [weighted({ name: 'ORDERS', by: 'account', charge: 'count', only: ['order'], meters: orders })]
      : []),
  ]
}

/** Hands the `rateLimits` of a WebSocket API answer to a limiter. */
export function observeBinanceRateLimits(
  limiter: { observeLevel(route: Route, rule: string, meter: string, level: number, grant?: Grant | null): void },
  route: Route,
  rateLimits: readonly BinanceRateLimit[],
  grant: Grant | null = null,
): void {
  for (const { rateLimitType, interval, intervalNum, count } of rateLimits) {
    if (count === undefined) continue
    const header = rateLimitType === 'ORDERS' ? 'x-mbx-order-count' : 'x-mbx-used-weight'
    limiter.observeLevel(route, rateLimitType, meterName(header, interval, intervalNum), count, grant)
  }
}

function meterName(header: string, interval: string, intervalNum: number): string {
  return `${header}-${intervalNum}${letters[interval] ?? ''}`
}
