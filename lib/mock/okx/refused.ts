import type { Refusal } from '../engine/order.js'

/** A request that is not carried out: https://www.okx.com/docs-v5/en/#error-code */
export class Refused extends Error {
  readonly code: string
  /** Of REST. */
  readonly status: number

  constructor(code: string, msg: string, status = 200) {
    super(msg)
    this.code = code
    this.status = status
  }
}

/** One order of a request is refused: the request says which. */
export class OrderRefused extends Error {
  readonly sCode: string

  constructor(sCode: string, sMsg: string) {
    super(sMsg)
    this.sCode = sCode
  }
}

const refusals: Readonly<Record<Refusal, readonly [string, string]>> = {
  symbol: ['51001', "Instrument ID, Instrument ID code, or Spread ID doesn't exist."],
  priceStep: ['51006', 'Order price is not within the price limit or its steps.'],
  sizeStep: ['51121', 'Order quantity must be a multiple of the lot size.'],
  notional: ['51020', 'Your order should meet or exceed the minimum order amount.'],
  balance: ['51008', 'Order failed. Insufficient account balance.'],
  duplicate: ['51016', 'Client order ID already exists.'],
  wouldTake: ['51000', 'Parameter px error'],
  capacity: ['51025', 'Order count exceeds the limit'],
  noLiquidity: ['51030', 'No liquidity for a market order.'],
  unknownOrder: ['51400', 'Order cancellation failed as the order has been filled, canceled or does not exist.'],
  amendUp: ['51509', 'Order modification failed'],
  noChange: ['51506', 'Order modification unavailable for the order type.'],
}

export function refusedBy(refusal: Refusal, amending = false): OrderRefused {
  if (refusal === 'unknownOrder' && amending)
    return new OrderRefused(
      '51503',
      'Order modification failed as the order has been filled, canceled or does not exist.',
    )
  return new OrderRefused(...refusals[refusal])
}

export const badParam = (name: string): OrderRefused => new OrderRefused('51000', `Parameter ${name} error`)
