/** What the strategy knows of one market. */
export interface Market {
  readonly symbol: string
  bid: number
  bidSize: number
  ask: number
  askSize: number
  /** Halfway between bid and ask. */
  mid: number
  /** In basis points of the mid-price. */
  spreadBps: number
  /** The mid-price weighted by the sizes: leans to the side that is about to give way. */
  micro: number
  /** (bids − asks) ÷ (bids + asks) over the levels of the last depth update, −1…1. */
  imbalance: number
  lastPrice: number
  tickers: number
  trades: number
  depths: number
}

/** Sums up a side of the book. */
interface Sizes {
  readonly bids: number
  readonly asks: number
}

/** A small strategy: keeps each market's mid-price, spread, micro-price and imbalance. Knows nothing of networks. */
export class Strategy {
  readonly #markets = new Map<string, Market>()

  get markets(): Market[] {
    return [...this.#markets.values()]
  }

  onTicker(symbol: string, bid: number, bidSize: number, ask: number, askSize: number): void {
    const market = this.#market(symbol)
    market.bid = bid
    market.bidSize = bidSize
    market.ask = ask
    market.askSize = askSize
    market.mid = (bid + ask) / 2
    market.spreadBps = ((ask - bid) / market.mid) * 10_000
    const total = bidSize + askSize
    market.micro = total > 0 ? (bid * askSize + ask * bidSize) / total : market.mid
    market.tickers += 1
  }

  onTrade(symbol: string, price: number): void {
    const market = this.#market(symbol)
    market.lastPrice = price
    market.trades += 1
  }

  onDepth(symbol: string, { bids, asks }: Sizes): void {
    const market = this.#market(symbol)
    const total = bids + asks
    market.imbalance = total > 0 ? (bids - asks) / total : 0
    market.depths += 1
  }

  #market(symbol: string): Market {
    let market = this.#markets.get(symbol)
    if (market === undefined) {
      market = {
        symbol,
        bid: Number.NaN,
        bidSize: Number.NaN,
        ask: Number.NaN,
        askSize: Number.NaN,
        mid: Number.NaN,
        spreadBps: Number.NaN,
        micro: Number.NaN,
        imbalance: 0,
        lastPrice: Number.NaN,
        tickers: 0,
        trades: 0,
        depths: 0,
      }
      this.#markets.set(symbol, market)
    }
    return market
  }
}
