/** A level list as both sides can offer it. */
export interface LevelList {
  readonly length: number
  price(i: number): number
  size(i: number): number
}

/**
 * What every strategy of the benches does with a message: adds up all its fields, so that nothing may be left undecoded, and
 * compares the sum of each cycle with that of the first.
 */
export class Tally {
  messages = 0
  cycles = 0
  badCycles = 0
  checksum = Number.NaN
  readonly #cycle: number
  readonly #onCycle: () => void
  #sum = 0
  #left: number

  constructor(cycle: number, onCycle: () => void = () => {}) {
    this.#cycle = cycle
    this.#left = cycle
    this.#onCycle = onCycle
  }

  ticker(symbol: string, bid: number, bidSize: number, ask: number, askSize: number, id: number): void {
    this.#sum += bid + bidSize + ask + askSize + id
    if (symbol === 'BTCUSDT') this.#sum += 1
    this.#count()
  }

  trade(symbol: string, price: number, size: number, id: number, isSell: boolean): void {
    this.#sum += price + size + id
    if (symbol === 'BTCUSDT') this.#sum += 1
    if (isSell) this.#sum += 1
    this.#count()
  }

  kline(symbol: string, open: number, high: number, low: number, close: number, volume: number, trades: number): void {
    this.#sum += open + high + low + close + volume + trades
    if (symbol === 'BTCUSDT') this.#sum += 1
    this.#count()
  }

  depth(symbol: string, firstId: number, lastId: number, bids: LevelList, asks: LevelList): void {
    let sum = firstId + lastId
    for (let i = 0; i < bids.length; i++) sum += bids.price(i) + bids.size(i)
    for (let i = 0; i < asks.length; i++) sum += asks.price(i) + asks.size(i)
    if (symbol === 'BTCUSDT') sum += 1
    this.#sum += sum
    this.#count()
  }

  /** The same for levels as JSON.parse makes them. */
  depthPairs(
    symbol: string,
    firstId: number,
    lastId: number,
    bids: [string, string][],
    asks: [string, string][],
  ): void {
    let sum = firstId + lastId
    for (const level of bids) sum += +level[0] + +level[1]
    for (const level of asks) sum += +level[0] + +level[1]
    if (symbol === 'BTCUSDT') sum += 1
    this.#sum += sum
    this.#count()
  }

  #count(): void {
    if (--this.#left === 0) this.#endCycle()
  }

  #endCycle(): void {
    this.messages += this.#cycle
    this.cycles += 1
    this.#left = this.#cycle
    if (Number.isNaN(this.checksum)) this.checksum = this.#sum
    else if (this.checksum !== this.#sum) this.badCycles += 1
    this.#sum = 0
    this.#onCycle()
  }
}
