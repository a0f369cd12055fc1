import type { OkxAuth } from '../../sign/venue/okx.js'
import { Desk } from '../desk/desk.js'
import { type DeskOptions, deskOptionsOf, needKey } from '../desk/desk-options.js'
import { usualUrl } from '../desk/desk-wiring.js'
import { okxDeadMan } from './dead-man.js'
import { okxEntry } from './entry.js'
import { type OkxOrdersOptions, okxOrders } from './orders.js'
import { type OkxRestOptions, okxRest } from './rest.js'
import { okxStream, okxTrades, privateUrls } from './stream.js'

/** What `okx.trading()` takes: a key, how orders are margined, and what `okx.rest()` takes besides. */
export type OkxTradingOptions = OkxRestOptions & OkxOrdersOptions & DeskOptions & { readonly key: string }

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function okxTrading(given: OkxTradingOptions): Desk {
  const [desk, { tdMode, ...options }] = deskOptionsOf(given)
  needKey('OKX', options)
  const dialect = okxOrders({ tdMode })
  const rest = okxRest(options)
  const auth = rest.auth as OkxAuth
  const url = usualUrl(privateUrls, options)
  return new Desk(rest, dialect, desk, {
    stream: okxStream(auth),
    streamUrl: url,
    entry: okxEntry(auth),
    entryUrl: url,
    trades: okxTrades,
    deadMan: okxDeadMan,
  })
}
