import type { OkxAuth } from '../../sign/venue/okx.js'
import { Desk, type DeskOptions, deskOptionsOf, needKey } from '../desk/desk.js'
import { usualUrl } from '../desk/desk-wiring.js'
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
  return new Desk(rest, dialect, desk, {
    stream: okxStream(rest.auth as OkxAuth),
    streamUrl: usualUrl(privateUrls, options),
    trades: okxTrades,
  })
}
