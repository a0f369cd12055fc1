import { one } from '../amount.js'

/** What can be traded, and in which steps. */
export interface Instrument {
  /** As the venue writes it: `BTCUSDT`, `BTC-USDT`, `BTC/USD`. */
  readonly symbol: string
  readonly base: string
  readonly quote: string
  /** Steps of prices and sizes, in 10^-18. */
  readonly tick: bigint
  readonly lot: bigint
  /** Least price × size of an order, in 10^-18. */
  readonly minNotional: bigint
}

/** The step of a number with so many decimals. */
export function stepOf(decimals: number): bigint {
  return one / 10n ** BigInt(decimals)
}

/** Assets that prices are in, the longer ones first where one ends as another does. */
const quotes =
  'FDUSD USDT USDC TUSD BUSD BIDR IDRT USD EUR GBP TRY BRL AUD JPY DAI UAH RUB BTC ETH BNB XRP TRX DOGE'.split(' ')

/** Base and quote of a symbol, with a separator or without. */
export function assetsOf(symbol: string): readonly [base: string, quote: string] {
  const [base, quote] = symbol.split(/[-/_]/)
  if (base !== undefined && quote !== undefined) return [base, quote]
  const found = quotes.find((each) => symbol.length > each.length && symbol.endsWith(each))
  return found === undefined ? [symbol, 'USD'] : [symbol.slice(0, -found.length), found]
}
