import type { BybitAuth } from '../../sign/venue/bybit.js'
import { Desk } from '../desk/desk.js'
import { type DeskOptions, deskOptionsOf, needKey } from '../desk/desk-options.js'
import { usualUrl } from '../desk/desk-wiring.js'
import { bybitDeadMan } from './dead-man.js'
import { bybitEntry, tradeUrls } from './entry.js'
import { type BybitOrdersOptions, bybitOrders } from './orders.js'
import { type BybitRestOptions, bybitRest } from './rest.js'
import { bybitStream, bybitTrades, privateUrls } from './stream.js'

/** What `bybit.trading()` takes: a key, what is traded, and what `bybit.rest()` takes besides. */
export type BybitTradingOptions = BybitRestOptions &
  BybitOrdersOptions &
  DeskOptions & {
    readonly key: string
    /** Fills by the stream `execution.fast`: earlier, and without their fees. Default false. */
    readonly fastFills?: boolean | undefined
  }

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function bybitTrading(given: BybitTradingOptions): Desk {
  const [desk, { category, settleCoin, fastFills = false, ...options }] = deskOptionsOf(given)
  needKey('Bybit', options)
  const dialect = bybitOrders({ category, settleCoin })
  const rest = bybitRest(options)
  const traded = category ?? 'spot'
  const auth = rest.auth as BybitAuth
  return new Desk(rest, dialect, desk, {
    stream: bybitStream(auth, traded, fastFills),
    streamUrl: usualUrl(privateUrls, options),
    entry: bybitEntry(auth),
    entryUrl: usualUrl(tradeUrls, options),
    trades: bybitTrades(traded),
    deadMan: bybitDeadMan(traded),
  })
}
