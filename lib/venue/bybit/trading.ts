import { Desk, type DeskOptions, needKey } from '../desk/desk.js'
import { type BybitOrdersOptions, bybitOrders } from './orders.js'
import { type BybitRestOptions, bybitRest } from './rest.js'

/** What `bybit.trading()` takes: a key, what is traded, and what `bybit.rest()` takes besides. */
export type BybitTradingOptions = BybitRestOptions & BybitOrdersOptions & DeskOptions & { readonly key: string }

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function bybitTrading({ tracked, category, settleCoin, ...options }: BybitTradingOptions): Desk {
  needKey('Bybit', options)
  const dialect = bybitOrders({ category, settleCoin })
  return new Desk(bybitRest(options), dialect, { tracked })
}
