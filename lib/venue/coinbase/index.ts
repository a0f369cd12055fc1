/** tickwire/venue/coinbase: Coinbase Advanced Trade. */

import { coinbase as policy } from '../../policy/venue/coinbase.js'
import { coinbaseBooks } from './book.js'
import { coinbaseMarket, marketLimits } from './market.js'
import { coinbaseMarketData } from './market-data.js'
import { coinbaseOrders } from './orders.js'
import { coinbaseRest, profiles } from './rest.js'
import { coinbaseTrading } from './trading.js'

export type { CoinbaseLimitOptions } from '../../policy/venue/coinbase.js'
export type { VenueProfile, VenueRestOptions } from '../venue-rest.js'
export type { CoinbaseMarketDecoder } from './market.js'
export type { CoinbaseMarketDataDecoder } from './market-data.js'
export type { CoinbaseKey, CoinbaseProfile, CoinbaseRestOptions } from './rest.js'
export type { CoinbaseTradingOptions } from './trading.js'

/** Coinbase Advanced Trade. https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/overview */
export const coinbase = Object.freeze({
  name: 'coinbase',
  policy,
  profiles,
  rest: coinbaseRest,
  orders: () => coinbaseOrders,
  trading: coinbaseTrading,
  market: coinbaseMarket,
  marketData: coinbaseMarketData,
  books: coinbaseBooks,
  marketLimits,
} as const)
