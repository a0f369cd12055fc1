import { Desk, type DeskOptions, needKey } from '../desk/desk.js'
import { binanceOrders, binanceUsdmOrders } from './orders.js'
import { type BinanceRestOptions, type BinanceUsdmRestOptions, binanceRest, binanceUsdmRest } from './rest.js'

/** What `binance.trading()` takes: a key, and what `binance.rest()` takes besides. */
export type BinanceTradingOptions = BinanceRestOptions & DeskOptions & { readonly key: string }

/** What `binanceUsdm.trading()` takes. */
export type BinanceUsdmTradingOptions = BinanceUsdmRestOptions & DeskOptions & { readonly key: string }

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function binanceTrading({ tracked, ...options }: BinanceTradingOptions): Desk {
  needKey('Binance', options)
  return new Desk(binanceRest(options), binanceOrders, { tracked })
}

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function binanceUsdmTrading({ tracked, ...options }: BinanceUsdmTradingOptions): Desk {
  needKey('Binance USD-M', options)
  return new Desk(binanceUsdmRest(options), binanceUsdmOrders, { tracked })
}
