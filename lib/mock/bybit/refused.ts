import type { Refusal } from '../engine/order.js'

/** A request that is not carried out: https://bybit-exchange.github.io/docs/v5/error */
export class Refused extends Error {
  readonly retCode: number

  constructor(retCode: number, retMsg: string) {
    super(retMsg)
    this.retCode = retCode
  }
}

/** Codes of Spot. */
const refusals: Readonly<Record<Refusal, readonly [number, string]>> = {
  symbol: [170121, 'Invalid symbol.'],
  priceStep: [170134, 'Order price has too many decimals.'],
  sizeStep: [170137, 'Order volume decimal too long.'],
  notional: [170140, 'Order value exceeded lower limit.'],
  balance: [170131, 'Insufficient balance.'],
  duplicate: [170141, 'Duplicate clientOrderId'],
  wouldTake: [170218, 'The LIMIT-MAKER order is rejected due to invalid price.'],
  capacity: [170815, 'Too many open orders.'],
  noLiquidity: [170139, 'Order has been filled.'],
  unknownOrder: [170213, 'Order does not exist.'],
  amendUp: [170136, 'Order quantity exceeded upper limit.'],
  noChange: [10001, 'The order remains unchanged as the parameters entered match the existing ones.'],
}

export function refusedBy(refusal: Refusal): Refused {
  return new Refused(...refusals[refusal])
}

export const badParams = (what: string): Refused => new Refused(10001, `params error: ${what} invalid`)
