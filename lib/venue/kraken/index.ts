/** tickwire/venue/kraken: Kraken Spot. */

import { kraken as policy } from '../../policy/venue/kraken.js'
import { krakenBooks } from './book.js'
import { krakenMarket, marketLimits } from './market.js'
import { krakenMarketData } from './market-data.js'
import { krakenOrders } from './orders.js'
import { krakenRest, profiles } from './rest.js'
import { krakenTrading } from './trading.js'

export type { KrakenLimitOptions, KrakenTier } from '../../policy/venue/kraken.js'
export type { VenueProfile, VenueRestOptions } from '../venue-rest.js'
export type { KrakenBookOptions, KrakenBooksOptions } from './book.js'
export type { KrakenMarketDecoder } from './market.js'
export type { KrakenMarketDataDecoder, KrakenMarketDataOptions } from './market-data.js'
export type { KrakenKey, KrakenProfile, KrakenRestOptions } from './rest.js'
export type { KrakenTradingOptions } from './trading.js'

/** Kraken Spot. https://docs.kraken.com/api */
export const kraken = Object.freeze({
  name: 'kraken',
  policy,
  profiles,
  rest: krakenRest,
  orders: () => krakenOrders,
  trading: krakenTrading,
  market: krakenMarket,
  marketData: krakenMarketData,
  books: krakenBooks,
  marketLimits,
} as const)
