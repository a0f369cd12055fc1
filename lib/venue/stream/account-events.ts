import type { OrderSide, OrderUpdate } from '../order/order.js'

/** One trade of an order. What the venue does not say is null, `''` or NaN; decimals are text as the venue writes it. */
export interface Fill {
  readonly symbol: string
  readonly orderId: string
  readonly clientOrderId: string
  readonly side: OrderSide | null
  /** The venue's id of the trade; `''`: the venue has said how much was filled, and not by which trades. */
  readonly tradeId: string
  /** Another id that the venue has for it, where it tells two (Kraken): of one order, fills that have either in common are one. */
  readonly otherId?: string | undefined
  readonly price: string | null
  readonly size: string
  /** Above zero: paid; below: a rebate. */
  readonly fee: string | null
  readonly feeAsset: string
  readonly liquidity: 'maker' | 'taker' | null
  /** The venue's time of the trade, in Unix milliseconds. */
  readonly timeMs: number
  /** The venue's own words. */
  readonly raw: unknown
}

/** What an account holds of one asset, or by how much that has changed. Venues differ in what they say; the rest is null. */
export interface BalanceUpdate {
  readonly asset: string
  readonly total: string | null
  /** Free to be used. */
  readonly available: string | null
  /** Held by orders, or as margin. */
  readonly locked: string | null
  /** By how much `total` has changed. */
  readonly change: string | null
  /** By how much `locked` has changed. */
  readonly lockedChange: string | null
  readonly timeMs: number
  readonly raw: unknown
}

/** A position in a derivative. */
export interface PositionUpdate {
  readonly symbol: string
  /** `none`: there is none (any more). */
  readonly side: 'long' | 'short' | 'none'
  /** Without sign. */
  readonly size: string
  readonly entryPrice: string | null
  readonly unrealized: string | null
  /** `net`: one position per symbol; `long`, `short`: this is the one of two. */
  readonly leg: 'net' | 'long' | 'short'
  readonly timeMs: number
  readonly raw: unknown
}

/** What one message of a private stream comes to. */
export type AccountEvent =
  | { readonly type: 'order'; readonly update: OrderUpdate }
  | { readonly type: 'fill'; readonly fill: Fill }
  | { readonly type: 'balance'; readonly balance: BalanceUpdate }
  | { readonly type: 'position'; readonly position: PositionUpdate }
  /** Messages are missing: what they said is to be asked for. */
  | { readonly type: 'gap' }
  /** The venue says that the connection, or what was subscribed on it, ends: another is to be opened. */
  | { readonly type: 'renew' }
  /** The venue has ended what was subscribed, and might do so again: it is subscribed anew after a pause. For people: why. */
  | { readonly type: 'ended'; readonly reason: string }
  /** The address is no longer valid. */
  | { readonly type: 'readdress' }
  /** Anything else. */
  | { readonly type: 'message'; readonly raw: unknown }

/** A balance of which only what is given is known. */
export function balanceOf(asset: string, raw: unknown, timeMs: number, known: Partial<BalanceUpdate>): AccountEvent {
  const nothing = { total: null, available: null, locked: null, change: null, lockedChange: null }
  return { type: 'balance', balance: Object.freeze({ asset, ...nothing, ...known, timeMs, raw }) }
}

/** A position by its signed size. */
export function positionOf(parts: Omit<PositionUpdate, 'side' | 'size'> & { readonly signed: string }): AccountEvent {
  const { signed, ...rest } = parts
  const size = signed.replace(/^-+/, '')
  const empty = !/[1-9]/.test(size)
  const side = empty ? 'none' : rest.leg !== 'net' ? rest.leg : signed.startsWith('-') ? 'short' : 'long'
  return { type: 'position', position: Object.freeze({ ...rest, side, size }) }
}

/** How an order stands, by a function that reads it; what it cannot read is a message of its own. */
export function orderEvent(raw: unknown, read: () => OrderUpdate): AccountEvent {
  try {
    return { type: 'order', update: read() }
  } catch {
    return { type: 'message', raw }
  }
}
