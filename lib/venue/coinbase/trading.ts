import { Desk, type DeskOptions, needKey } from '../desk/desk.js'
import { coinbaseOrders } from './orders.js'
import { type CoinbaseRestOptions, coinbaseRest } from './rest.js'

/** What `coinbase.trading()` takes: a key, and what `coinbase.rest()` takes besides. */
export type CoinbaseTradingOptions = CoinbaseRestOptions & DeskOptions & { readonly key: string }

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function coinbaseTrading({ tracked, ...options }: CoinbaseTradingOptions): Desk {
  needKey('Coinbase', options)
  return new Desk(coinbaseRest(options), coinbaseOrders, { tracked })
}
