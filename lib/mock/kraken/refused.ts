import type { Refusal } from '../engine/order.js'

/** A request that is not carried out; the message is the code: https://docs.kraken.com/api/docs/guides/spot-errors */
export class Refused extends Error {}

const refusals: Readonly<Record<Refusal, string>> = {
  symbol: 'EQuery:Unknown asset pair',
  priceStep: 'EOrder:Tick size check failed',
  sizeStep: 'EGeneral:Invalid arguments:volume',
  notional: 'EOrder:Cost minimum not met',
  balance: 'EOrder:Insufficient funds',
  duplicate: 'EGeneral:Invalid arguments:cl_ord_id',
  wouldTake: 'EOrder:Post only order',
  capacity: 'EOrder:Orders limit exceeded',
  noLiquidity: 'EOrder:Market order has no liquidity',
  unknownOrder: 'EOrder:Unknown order',
  amendUp: 'EGeneral:Invalid arguments:order_qty',
  noChange: 'EGeneral:Invalid arguments',
}

export const refusedBy = (refusal: Refusal): Refused => new Refused(refusals[refusal])
export const badArgument = (name: string): Refused => new Refused(`EGeneral:Invalid arguments:${name}`)
