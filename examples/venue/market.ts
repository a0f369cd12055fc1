import type { Random } from './random.ts'

/** How an instrument is quoted. Prices and sizes are whole numbers of ticks and lots, so that their texts are exact. */
export interface InstrumentSpec {
  readonly symbol: string
  /** Price at the start. */
  readonly price: number
  /** Decimals of a tick, of a lot, and digits after the point in the texts (venues pad with zeros). */
  readonly tickDecimals: number
  readonly lotDecimals: number
  readonly textDecimals: number
  /** Typical size at one level, in units of the base asset. */
  readonly size: number
  /** Share of the market's activity. */
  readonly weight: number
}

export const instruments: readonly InstrumentSpec[] = [
  { symbol: 'BTCUSDT', price: 67_412.35, tickDecimals: 2, lotDecimals: 5, textDecimals: 8, size: 1.4, weight: 8 },
  { symbol: 'ETHUSDT', price: 3_518.42, tickDecimals: 2, lotDecimals: 4, textDecimals: 8, size: 18, weight: 6 },
  { symbol: 'SOLUSDT', price: 171.83, tickDecimals: 2, lotDecimals: 3, textDecimals: 8, size: 240, weight: 4 },
  { symbol: 'BNBUSDT', price: 604.1, tickDecimals: 1, lotDecimals: 3, textDecimals: 8, size: 35, weight: 3 },
  { symbol: 'XRPUSDT', price: 0.5233, tickDecimals: 4, lotDecimals: 0, textDecimals: 8, size: 21_000, weight: 3 },
  { symbol: 'ADAUSDT', price: 0.4417, tickDecimals: 4, lotDecimals: 1, textDecimals: 8, size: 14_000, weight: 2 },
  { symbol: 'LINKUSDT', price: 18.207, tickDecimals: 3, lotDecimals: 2, textDecimals: 8, size: 900, weight: 2 },
  { symbol: 'ETHBTC', price: 0.05218, tickDecimals: 5, lotDecimals: 4, textDecimals: 8, size: 25, weight: 1 },
]

/** `units` × 10^−decimals with `textDecimals` digits after the point, exactly. */
export function fixed(units: number, decimals: number, textDecimals: number): string {
  const digits = String(units).padStart(decimals + 1, '0')
  const point = digits.length - decimals
  const fraction = digits.slice(point).padEnd(textDecimals, '0')
  return fraction === '' ? digits : `${digits.slice(0, point)}.${fraction}`
}

/** One instrument's market: a random walk of the best bid in ticks, a spread, and sizes. */
export class Instrument {
  readonly spec: InstrumentSpec
  readonly symbol: string
  /** Ticks. */
  bid: number
  ask: number
  /** Lots. */
  bidSize = 1
  askSize = 1
  open: number
  high: number
  low: number
  volumeLots = 0
  trades = 0
  firstTrade = 0
  updateId: number
  tradeId: number
  aggId: number

  readonly #random: Random
  #drift = 0

  constructor(spec: InstrumentSpec, random: Random) {
    this.spec = spec
    this.symbol = spec.symbol
    this.#random = random
    this.bid = Math.round(spec.price * 10 ** spec.tickDecimals)
    this.ask = this.bid + 1
    this.open = this.high = this.low = this.bid
    this.updateId = 40_000_000_000 + random.below(1_000_000_000)
    this.tradeId = 3_000_000_000 + random.below(100_000_000)
    this.aggId = 2_000_000_000 + random.below(100_000_000)
    this.step()
  }

  /** Moves the best prices by a step of the walk and draws new sizes. */
  step(): void {
    const random = this.#random
    this.#drift = this.#drift * 0.98 + random.normal() * 0.05
    const scale = Math.max(1, this.bid * 0.00002)
    const move = Math.round((random.normal() * 0.6 + this.#drift) * scale)
    this.bid = Math.max(10, this.bid + move)
    this.ask = this.bid + 1 + (random.chance(0.8) ? 0 : random.below(4))
    this.bidSize = this.lots()
    this.askSize = this.lots()
    this.updateId += 1 + random.below(7)
  }

  /** A random size in lots, at least one. */
  lots(): number {
    return 1 + Math.floor(this.#random.exponential() * this.spec.size * 10 ** this.spec.lotDecimals)
  }

  price(ticks: number): string {
    return fixed(ticks, this.spec.tickDecimals, this.spec.textDecimals)
  }

  size(lots: number): string {
    return fixed(lots, this.spec.lotDecimals, this.spec.textDecimals)
  }
}
