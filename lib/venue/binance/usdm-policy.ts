import type { LimitRule } from '../../policy/limit/rule.js'
import { type Answer, Outcomes } from '../../policy/retry/outcome.js'
import { type BinanceLimitOptions, binance, binanceRateLimits } from '../../policy/venue/binance.js'
import type { VenueLimitOptions, VenuePolicy } from '../../policy/venue/venue.js'

/** Options of `binanceUsdm.policy.limits()`; `exchangeInfo` tells an account's own, see `binanceRateLimits`. */
export type BinanceUsdmLimitOptions = VenueLimitOptions & Pick<BinanceLimitOptions, 'clockError'>

/** https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Exchange-Information */
const documented = [
  { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: 2_400 },
  { rateLimitType: 'ORDERS', interval: 'SECOND', intervalNum: 10, limit: 300 },
  { rateLimitType: 'ORDERS', interval: 'MINUTE', intervalNum: 1, limit: 1_200 },
] as const

/** https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code */
const duplicatedClientId = '-4116'

/** Binance USD-M futures: the windows of Spot with other limits, and codes of its own. */
export const binanceUsdmPolicy: VenuePolicy<BinanceUsdmLimitOptions> = Object.freeze({
  name: 'binance-usdm',
  limits: (options: BinanceUsdmLimitOptions = {}): readonly LimitRule[] => binanceRateLimits(documented, options),
  classify: Object.freeze({
    answer: (answer: Answer) =>
      answer.code === duplicatedClientId ? Outcomes.duplicate : binance.classify.answer(answer),
    failure: binance.classify.failure,
  }),
  error: binance.error,
})
