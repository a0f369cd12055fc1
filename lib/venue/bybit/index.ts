/** tickwire/venue/bybit: Bybit v5. */

import { bybit as policy } from '../../policy/venue/bybit.js'
import { bybitBooks } from './book.js'
import { bybitMarket, marketLimits } from './market.js'
import { bybitMarketData } from './market-data.js'
import { bybitOrders } from './orders.js'
import { bybitRest, profiles } from './rest.js'
import { bybitTrading } from './trading.js'

export type { BybitLimitOptions } from '../../policy/venue/bybit.js'
export type { VenueProfile, VenueRestOptions } from '../venue-rest.js'
export type { BybitBookOptions, BybitBooksOptions } from './book.js'
export type { BybitMarketDecoder, BybitMarketOptions } from './market.js'
export type { BybitMarketDataDecoder, BybitMarketDataOptions } from './market-data.js'
export type { BybitCategory, BybitOrdersOptions } from './orders.js'
export type { BybitKey, BybitProfile, BybitRestOptions } from './rest.js'
export type { BybitTradingOptions } from './trading.js'

/** Bybit v5. https://bybit-exchange.github.io/docs/v5/intro */
export const bybit = Object.freeze({
  name: 'bybit',
  policy,
  profiles,
  rest: bybitRest,
  orders: bybitOrders,
  trading: bybitTrading,
  market: bybitMarket,
  marketData: bybitMarketData,
  books: bybitBooks,
  marketLimits,
} as const)
