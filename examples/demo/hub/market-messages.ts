import { monoNs } from '../../venue/clock.ts'
import { Instrument, instruments } from '../../venue/market.ts'
import { numberedMessage, writeNumbers } from '../../venue/numbered.ts'
import { Random } from '../../venue/random.ts'

export interface MarketMessage {
  readonly symbol: string
  readonly text: Buffer
}

/** Book tickers of a simulated market, numbered and stamped so that the subscribers can check them. */
export class MarketMessages {
  readonly #random: Random
  readonly #pick: readonly Instrument[]
  #last = 0

  constructor(seed: number) {
    this.#random = new Random(seed)
    this.#pick = instruments.flatMap((spec) => {
      const instrument = new Instrument(spec, this.#random)
      return Array<Instrument>(spec.weight).fill(instrument)
    })
  }

  next(): MarketMessage {
    const i = this.#pick[this.#random.below(this.#pick.length)] as Instrument
    i.step()
    const [bid, ask] = [i.price(i.bid), i.price(i.ask)]
    const text = numberedMessage(
      `,"s":"${i.symbol}","b":"${bid}","B":"${i.size(i.bidSize)}","a":"${ask}","A":"${i.size(i.askSize)}"}`,
    )
    this.#last += 1
    writeNumbers(text, this.#last, monoNs())
    return { symbol: i.symbol, text }
  }
}
