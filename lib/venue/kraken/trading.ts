import { Desk } from '../desk/desk.js'
import { type DeskOptions, deskOptionsOf, needKey } from '../desk/desk-options.js'
import { usualUrl } from '../desk/desk-wiring.js'
import { krakenDeadMan } from './dead-man.js'
import { krakenEntry } from './entry.js'
import { krakenOrders } from './orders.js'
import { type KrakenRestOptions, krakenRest } from './rest.js'
import { authUrls, krakenStream, krakenTrades } from './stream.js'
import { KrakenToken } from './token.js'

/** What `kraken.trading()` takes: a key, and what `kraken.rest()` takes besides. */
export type KrakenTradingOptions = KrakenRestOptions & DeskOptions & { readonly key: string }

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function krakenTrading(given: KrakenTradingOptions): Desk {
  const [desk, options] = deskOptionsOf(given)
  needKey('Kraken', options)
  const token = new KrakenToken()
  const url = usualUrl(authUrls, options)
  return new Desk(krakenRest(options), krakenOrders, desk, {
    stream: krakenStream(token),
    streamUrl: url,
    entry: krakenEntry(token),
    entryUrl: url,
    trades: krakenTrades,
    deadMan: krakenDeadMan,
  })
}
