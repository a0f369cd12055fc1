/** tickwire/venue/okx: OKX v5. */

import { okx as policy } from '../../policy/venue/okx.js'
import { okxBooks } from './book.js'
import { marketLimits, okxMarket } from './market.js'
import { okxMarketData } from './market-data.js'
import { okxOrders } from './orders.js'
import { okxRest, profiles } from './rest.js'
import { okxTrading } from './trading.js'

export type { OkxLimitOptions } from '../../policy/venue/okx.js'
export type { VenueProfile, VenueRestOptions } from '../venue-rest.js'
export type { OkxBookOptions, OkxBooksOptions } from './book.js'
export type { OkxMarketDecoder } from './market.js'
export type { OkxMarketDataDecoder, OkxMarketDataOptions } from './market-data.js'
export type { OkxOrdersOptions } from './orders.js'
export type { OkxKey, OkxProfile, OkxRestOptions } from './rest.js'
export type { OkxTradingOptions } from './trading.js'

/** OKX v5. https://www.okx.com/docs-v5/en/ */
export const okx = Object.freeze({
  name: 'okx',
  policy,
  profiles,
  rest: okxRest,
  orders: okxOrders,
  trading: okxTrading,
  market: okxMarket,
  marketData: okxMarketData,
  books: okxBooks,
  marketLimits,
} as const)
