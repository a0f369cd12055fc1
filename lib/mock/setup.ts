/** What a mock venue is made of, out of its options and its tape. */

import { createPublicKey } from 'node:crypto'
import { amount } from './amount.js'
import { binanceDialect } from './binance/dialect.js'
import { binanceTape } from './binance/tape.js'
import { bybitDialect } from './bybit/dialect.js'
import { bybitTape } from './bybit/tape.js'
import { coinbaseDialect } from './coinbase/dialect.js'
import { coinbaseTape } from './coinbase/tape.js'
import type { Dialect, DialectContext, TapeDialect } from './dialect.js'
import { Account } from './engine/account.js'
import { krakenDialect } from './kraken/dialect.js'
import { krakenTape } from './kraken/tape.js'
import { assetsOf, type Instrument, stepOf } from './market/instrument.js'
import type { Tape } from './market/tape.js'
import { okxDialect } from './okx/dialect.js'
import { okxTape } from './okx/tape.js'
import type { CheckedOptions, MockVenueName } from './options.js'

/** How each venue's recordings are read, and how it speaks. */
export const dialects: Readonly<
  Record<MockVenueName, { readonly tape: TapeDialect; readonly live: (context: DialectContext) => Dialect }>
> = {
  binance: { tape: binanceTape, live: binanceDialect },
  bybit: { tape: bybitTape, live: bybitDialect },
  okx: { tape: okxTape, live: okxDialect },
  kraken: { tape: krakenTape, live: krakenDialect },
  coinbase: { tape: coinbaseTape, live: coinbaseDialect },
}

/** Those of the tape, and those that were given. */
export function instrumentsOf(options: CheckedOptions, tape: Tape): Map<string, Instrument> {
  const instruments = new Map(tape.instruments)
  for (const given of options.instruments) {
    const known = instruments.get(given.symbol)
    const [base, quote] = assetsOf(given.symbol)
    instruments.set(given.symbol, {
      symbol: given.symbol,
      base: given.base ?? base,
      quote: given.quote ?? quote,
      tick: given.tickSize !== undefined ? amount(given.tickSize) : (known?.tick ?? stepOf(2)),
      lot: given.lotSize !== undefined ? amount(given.lotSize) : (known?.lot ?? stepOf(5)),
      minNotional: amount(given.minNotional ?? '0'),
    })
  }
  return instruments
}

/** Traders, by the names of their keys. */
export function accountsOf({ accounts }: CheckedOptions): Map<string, Account> {
  return new Map(
    accounts.map(({ apiKey, secret, publicKey, passphrase, balances }, at) => {
      const key =
        publicKey === undefined ? null : typeof publicKey === 'string' ? createPublicKey(publicKey) : publicKey
      return [
        apiKey,
        new Account({ apiKey, secret: secret ?? null, publicKey: key, passphrase }, 354_937_868 + at, balances),
      ]
    }),
  )
}

/** What the engine is told by the options. */
export function tradingRulesOf(options: CheckedOptions) {
  const { makerFee, takerFee, maxOpenOrders, maxHistory, firstOrderId } = options
  return {
    now: () => Math.floor(options.now()),
    makerFee: amount(makerFee),
    takerFee: amount(takerFee),
    maxOpenOrders,
    maxHistory,
    firstOrderId,
  }
}
