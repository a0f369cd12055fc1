import type { Refusal } from '../engine/order.js'

/** A request that is not carried out: https://developers.binance.com/docs/binance-spot-api-docs/errors */
export class Refused extends Error {
  readonly status: number
  readonly body: { readonly code: number; readonly msg: string; readonly data?: unknown }

  constructor(code: number, msg: string, status = 400, data?: unknown) {
    super(msg)
    this.status = status
    this.body = data === undefined ? { code, msg } : { code, msg, data }
  }
}

export const missing = (name: string): Refused =>
  new Refused(-1102, `Mandatory parameter '${name}' was not sent, was empty/null, or malformed.`)

export const unwanted = (name: string): Refused => new Refused(-1106, `Parameter '${name}' sent when not required.`)

export const illegal = (name: string, range: string): Refused =>
  new Refused(-1100, `Illegal characters found in parameter '${name}'; legal range is '${range}'.`)

export const badSymbol = (): Refused => new Refused(-1121, 'Invalid symbol.')

/** What the engine refuses, in the venue's words. `code` is that of the kind of request: -2010, -2011, -2038. */
export function refusedBy(refusal: Refusal, code: number): Refused {
  switch (refusal) {
    case 'symbol':
      return badSymbol()
    case 'priceStep':
      return new Refused(-1013, 'Filter failure: PRICE_FILTER')
    case 'sizeStep':
      return new Refused(-1013, 'Filter failure: LOT_SIZE')
    case 'notional':
      return new Refused(-1013, 'Filter failure: NOTIONAL')
    case 'capacity':
      return new Refused(-1013, 'Filter failure: MAX_NUM_ORDERS')
    case 'balance':
      return new Refused(code, 'Account has insufficient balance for requested action.')
    case 'duplicate':
      return new Refused(code, 'Duplicate order sent.')
    case 'wouldTake':
      return new Refused(code, 'Order would immediately match and take.')
    case 'noLiquidity':
      return new Refused(code, 'Order book liquidity is less than symbol minimum quantity.')
    case 'unknownOrder':
      return new Refused(code, 'Unknown order sent.')
    case 'amendUp':
      return new Refused(-2038, 'Order amend (quantity increase) is not supported.')
    case 'noChange':
      return new Refused(-2038, 'The requested action would change no state; rejecting')
  }
}
