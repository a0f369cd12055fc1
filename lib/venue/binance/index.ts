/** tickwire/venue/binance: Binance Spot and USD-M futures. */

import { binance as spotPolicy } from '../../policy/venue/binance.js'
import { binanceBooks, binanceUsdmBooks } from './book.js'
import { binanceMarket, binanceUsdmMarket, spotLimits, usdmLimits } from './market.js'
import { binanceMarketData, binanceUsdmMarketData } from './market-data.js'
import { binanceOrders, binanceUsdmOrders } from './orders.js'
import { binanceRest, binanceUsdmRest, spotProfiles, usdmProfiles } from './rest.js'
import { binanceTrading, binanceUsdmTrading } from './trading.js'
import { binanceUsdmPolicy } from './usdm-policy.js'

export type { BinanceLimitOptions } from '../../policy/venue/binance.js'
export type { VenueProfile, VenueRestOptions } from '../venue-rest.js'
export type { BinanceBookOptions, BinanceBooksOptions } from './book.js'
export type { BinanceMarketDecoder, BinanceMarketOptions } from './market.js'
export type { BinanceMarketDataDecoder, BinanceMarketDataOptions } from './market-data.js'
export type {
  BinanceKey,
  BinanceProfile,
  BinanceRestOptions,
  BinanceUsdmProfile,
  BinanceUsdmRestOptions,
} from './rest.js'
export type { BinanceTradingOptions, BinanceUsdmTradingOptions } from './trading.js'
export type { BinanceUsdmLimitOptions } from './usdm-policy.js'

/** Binance Spot. https://developers.binance.com/docs/binance-spot-api-docs */
export const binance = Object.freeze({
  name: 'binance',
  policy: spotPolicy,
  profiles: spotProfiles,
  rest: binanceRest,
  orders: () => binanceOrders,
  trading: binanceTrading,
  market: binanceMarket,
  marketData: binanceMarketData,
  books: binanceBooks,
  marketLimits: spotLimits,
} as const)

/** Binance USD-M futures. https://developers.binance.com/docs/derivatives/usds-margined-futures */
export const binanceUsdm = Object.freeze({
  name: 'binance-usdm',
  policy: binanceUsdmPolicy,
  profiles: usdmProfiles,
  rest: binanceUsdmRest,
  orders: () => binanceUsdmOrders,
  trading: binanceUsdmTrading,
  market: binanceUsdmMarket,
  marketData: binanceUsdmMarketData,
  books: binanceUsdmBooks,
  marketLimits: usdmLimits,
} as const)
