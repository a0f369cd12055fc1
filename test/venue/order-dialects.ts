/** Each venue's words for orders, and orders to say in them. */
import { binance, binanceUsdm } from '../../dist/esm/venue/binance/index.js'
import { bybit } from '../../dist/esm/venue/bybit/index.js'
import { coinbase } from '../../dist/esm/venue/coinbase/index.js'
import { type OrderDialect, OrderError } from '../../dist/esm/venue/index.js'
import { kraken } from '../../dist/esm/venue/kraken/index.js'
import { okx } from '../../dist/esm/venue/okx/index.js'

export const spot = binance.orders()
export const usdm = binanceUsdm.orders()
export const linear = bybit.orders({ category: 'linear' })
export const dialects: readonly OrderDialect[] = [
  spot,
  usdm,
  bybit.orders(),
  linear,
  okx.orders(),
  okx.orders({ tdMode: 'cross' }),
  kraken.orders(),
  coinbase.orders(),
]

export const limit = {
  symbol: 'BTC-USD',
  side: 'buy',
  type: 'limit',
  price: '65000.10',
  size: '0.00100',
  clientOrderId: 'a1',
} as const
export const market = { symbol: 'BTC-USD', side: 'sell', type: 'market', size: '1.50', clientOrderId: 'a2' } as const

export function codeOf(attempt: () => unknown): string {
  try {
    attempt()
  } catch (error) {
    return error instanceof OrderError ? error.code : String(error)
  }
  return 'nothing was thrown'
}
