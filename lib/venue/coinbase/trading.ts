import type { CoinbaseAuth } from '../../sign/venue/coinbase.js'
import { Desk } from '../desk/desk.js'
import { type DeskOptions, deskOptionsOf, needKey } from '../desk/desk-options.js'
import { usualUrl } from '../desk/desk-wiring.js'
import { coinbaseOrders } from './orders.js'
import { type CoinbaseRestOptions, coinbaseRest } from './rest.js'
import { coinbaseStream, coinbaseTrades, userUrls } from './stream.js'

/** What `coinbase.trading()` takes: a key, and what `coinbase.rest()` takes besides. */
export type CoinbaseTradingOptions = CoinbaseRestOptions & DeskOptions & { readonly key: string }

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function coinbaseTrading(given: CoinbaseTradingOptions): Desk {
  const [desk, options] = deskOptionsOf(given)
  needKey('Coinbase', options)
  const rest = coinbaseRest(options)
  return new Desk(rest, coinbaseOrders, desk, {
    stream: coinbaseStream(rest.auth as CoinbaseAuth),
    streamUrl: usualUrl(userUrls, options),
    trades: coinbaseTrades,
  })
}
