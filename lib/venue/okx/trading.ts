import { Desk, type DeskOptions, needKey } from '../desk/desk.js'
import { type OkxOrdersOptions, okxOrders } from './orders.js'
import { type OkxRestOptions, okxRest } from './rest.js'

/** What `okx.trading()` takes: a key, how orders are margined, and what `okx.rest()` takes besides. */
export type OkxTradingOptions = OkxRestOptions & OkxOrdersOptions & DeskOptions & { readonly key: string }

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function okxTrading({ tracked, tdMode, ...options }: OkxTradingOptions): Desk {
  needKey('OKX', options)
  const dialect = okxOrders({ tdMode })
  return new Desk(okxRest(options), dialect, { tracked })
}
