import type { Instrument } from '../market/instrument.js'
import type { Side } from '../market/market-book.js'
import type { Account } from './account.js'

export type OrderType = 'limit' | 'market'
export type TimeInForce = 'gtc' | 'ioc' | 'fok' | 'postOnly'
export type OrderState = 'open' | 'partiallyFilled' | 'filled' | 'canceled' | 'expired'

/** An order as it was asked for. Amounts are in 10^-18. */
export interface OrderTerms {
  readonly symbol: string
  readonly side: Side
  readonly type: OrderType
  readonly timeInForce: TimeInForce
  /** 0 for market orders. */
  readonly price: bigint
  /** Of the base asset; 0 when `quoteSize` says how much. */
  readonly size: bigint
  /** Of the quote asset, for market orders; 0 when `size` says how much. */
  readonly quoteSize: bigint
  /** `''`: the venue gives one. */
  readonly clientId: string
  /** What becomes of a post-only order that would take: it is refused, or taken and canceled at once. Default `'refuse'`. */
  readonly onWouldTake?: 'refuse' | 'cancel'
  /** The venue's own words for it, kept for what is told of it later. */
  readonly words?: Readonly<Record<string, string>>
}

/** An order as it stands. */
export interface Order extends OrderTerms {
  readonly id: bigint
  readonly account: Account
  readonly instrument: Instrument
  readonly createdMs: number
  clientId: string
  price: bigint
  size: bigint
  state: OrderState
  filled: bigint
  quoteFilled: bigint
  fee: bigint
  updatedMs: number
  /** Why it has ended, when that was not by filling; `''` while it has not. */
  endReason: '' | 'user' | 'iocRemainder' | 'fokUnfillable' | 'noLiquidity' | 'wouldTake' | 'deadMan'
  /** What is still set aside for it: of the quote asset for buys, of the base asset for sells. */
  locked: bigint
  readonly fills: Fill[]
}

/** One execution of an order. */
export interface Fill {
  readonly tradeId: bigint
  readonly price: bigint
  readonly size: bigint
  /** Taken out of what was received, in `feeAsset`. */
  readonly fee: bigint
  readonly feeAsset: string
  readonly maker: boolean
  readonly timeMs: number
}

export const isOpen = ({ state }: Order): boolean => state === 'open' || state === 'partiallyFilled'

/** Why an order, an amendment or a cancel is not carried out. */
export type Refusal =
  | 'symbol'
  | 'priceStep'
  | 'sizeStep'
  | 'notional'
  | 'balance'
  | 'duplicate'
  | 'wouldTake'
  | 'capacity'
  | 'noLiquidity'
  | 'unknownOrder'
  | 'amendUp'
  | 'noChange'

/** What has happened to an order: the venue tells its owner. */
export interface OrderEvent {
  readonly kind: 'accepted' | 'filled' | 'canceled' | 'expired' | 'amended'
  readonly order: Order
  readonly fill: Fill | null
  /** The order's client id before, when this has changed it. */
  readonly oldClientId: string
  readonly timeMs: number
}
