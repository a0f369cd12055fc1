import type { BinanceAuth } from '../../sign/venue/binance.js'
import { Desk } from '../desk/desk.js'
import { type DeskOptions, deskOptionsOf, needKey } from '../desk/desk-options.js'
import { usualUrl } from '../desk/desk-wiring.js'
import { usdmDeadMan } from './dead-man.js'
import { binanceEntry, binanceUsdmEntry, usdmApiUrls } from './entry.js'
import { binanceOrders, binanceUsdmOrders } from './orders.js'
import {
  type BinanceKey,
  type BinanceRestOptions,
  type BinanceUsdmRestOptions,
  binanceRest,
  binanceUsdmRest,
} from './rest.js'
import { binanceStream, binanceTrades, spotApiUrls } from './stream.js'
import { binanceUsdmStream, usdmStreamUrls } from './usdm-stream.js'

/** What `binance.trading()` takes: a key, and what `binance.rest()` takes besides. */
export type BinanceTradingOptions = BinanceRestOptions & DeskOptions & { readonly key: string }

/** What `binanceUsdm.trading()` takes. */
export type BinanceUsdmTradingOptions = BinanceUsdmRestOptions & DeskOptions & { readonly key: string }

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function binanceTrading(given: BinanceTradingOptions): Desk {
  const [desk, options] = deskOptionsOf(given)
  needKey('Binance', options)
  const rest = binanceRest(options)
  const auth = rest.auth as BinanceAuth
  const url = usualUrl(spotApiUrls, options)
  const logon = isEd25519(options)
  return new Desk(rest, binanceOrders, desk, {
    stream: binanceStream(auth, logon),
    streamUrl: url,
    entry: binanceEntry(auth, logon),
    entryUrl: url,
    trades: binanceTrades('/api/v3/myTrades', 5),
  })
}

/** @throws ConfigError, SignError `ERR_SIGN_KEY`. */
export function binanceUsdmTrading(given: BinanceUsdmTradingOptions): Desk {
  const [desk, options] = deskOptionsOf(given)
  needKey('Binance USD-M', options)
  const rest = binanceUsdmRest(options)
  return new Desk(rest, binanceUsdmOrders, desk, {
    stream: binanceUsdmStream(options.key),
    streamUrl: usualUrl(usdmStreamUrls, options),
    entry: binanceUsdmEntry(rest.auth as BinanceAuth, isEd25519(options)),
    entryUrl: usualUrl(usdmApiUrls, options),
    trades: binanceTrades('/fapi/v1/userTrades', 5),
    deadMan: usdmDeadMan,
  })
}

/** Only such keys log on to a session; others sign every request. */
function isEd25519({ privateKey, keyType = 'ed25519' }: BinanceKey): boolean {
  return privateKey !== undefined && keyType === 'ed25519'
}
