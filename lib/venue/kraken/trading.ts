import { Desk, type DeskOptions, needKey } from '../desk/desk.js'
import { krakenOrders } from './orders.js'
import { type KrakenRestOptions, krakenRest } from './rest.js'

/** What `kraken.trading()` takes: a key, and what `kraken.rest()` takes besides. */
export type KrakenTradingOptions = KrakenRestOptions & DeskOptions & { readonly key: string }

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function krakenTrading({ tracked, ...options }: KrakenTradingOptions): Desk {
  needKey('Kraken', options)
  return new Desk(krakenRest(options), krakenOrders, { tracked })
}
