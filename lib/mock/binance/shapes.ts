/** Orders, accounts and instruments as Binance writes them: https://developers.binance.com/docs/binance-spot-api-docs/rest-api */

import { formatAmount } from '../amount.js'
import type { Account } from '../engine/account.js'
import type { Fill, Order, OrderEvent } from '../engine/order.js'
import type { Instrument } from '../market/instrument.js'

export const money = (value: bigint): string => formatAmount(value, 8)

const zero = money(0n)

export function statusOf(order: Order): string {
  switch (order.state) {
    case 'open':
      return 'NEW'
    case 'partiallyFilled':
      return 'PARTIALLY_FILLED'
    case 'filled':
      return 'FILLED'
    case 'canceled':
      return 'CANCELED'
    case 'expired':
      return 'EXPIRED'
  }
}

const reasons = {
  '': undefined,
  user: undefined,
  deadMan: undefined,
  wouldTake: undefined,
  iocRemainder: 'UNFILLED_IOC_QUANTITY_EXPIRED',
  fokUnfillable: 'UNFILLED_FOK_ORDER_EXPIRED',
  noLiquidity: 'INSUFFICIENT_LIQUIDITY',
} as const

export const typeOf = ({ type, timeInForce }: Order): string =>
  type === 'market' ? 'MARKET' : timeInForce === 'postOnly' ? 'LIMIT_MAKER' : 'LIMIT'

/** Market and post-only orders say GTC. */
export const forceOf = ({ timeInForce, type }: Order): string =>
  type === 'market' || timeInForce === 'postOnly' ? 'GTC' : timeInForce.toUpperCase()

/** What all answers to and about orders say. */
const common = (order: Order) => ({
  price: money(order.price),
  origQty: money(order.size),
  executedQty: money(order.filled),
  origQuoteOrderQty: money(order.quoteSize),
  cummulativeQuoteQty: money(order.quoteFilled),
  status: statusOf(order),
  timeInForce: forceOf(order),
  type: typeOf(order),
  side: order.side.toUpperCase(),
})

const expiry = (order: Order): object => {
  const expiryReason = reasons[order.endReason]
  return expiryReason === undefined ? {} : { expiryReason }
}

/** An order that was placed. */
export function placed(order: Order, form: string): object {
  const ack = {
    symbol: order.symbol,
    orderId: order.id,
    orderListId: -1,
    clientOrderId: order.clientId,
    transactTime: order.updatedMs,
  }
  if (form === 'ACK') return ack
  const result = {
    ...ack,
    ...common(order),
    workingTime: order.createdMs,
    selfTradePreventionMode: 'NONE',
    ...expiry(order),
  }
  if (form === 'RESULT') return result
  const fills = order.fills.map(({ tradeId, price, size, fee, feeAsset }) => ({
    price: money(price),
    qty: money(size),
    commission: money(fee),
    commissionAsset: feeAsset,
    tradeId,
  }))
  return { ...result, fills }
}

/** An order that was canceled: `clientOrderId` is that of the cancel. */
export function canceled(order: Order, origClientOrderId: string): object {
  return {
    symbol: order.symbol,
    origClientOrderId,
    orderId: order.id,
    orderListId: -1,
    clientOrderId: order.clientId,
    transactTime: order.updatedMs,
    ...common(order),
    selfTradePreventionMode: 'NONE',
  }
}

/** An order that was asked for. */
export function queried(order: Order): object {
  const { price, origQty, executedQty, origQuoteOrderQty, ...rest } = common(order)
  return {
    symbol: order.symbol,
    orderId: order.id,
    orderListId: -1,
    clientOrderId: order.clientId,
    price,
    origQty,
    executedQty,
    ...rest,
    stopPrice: zero,
    icebergQty: zero,
    time: order.createdMs,
    updateTime: order.updatedMs,
    isWorking: true,
    workingTime: order.createdMs,
    origQuoteOrderQty,
    selfTradePreventionMode: 'NONE',
    ...expiry(order),
  }
}

export function amended(order: Order, origClientOrderId: string, executionId: number): object {
  return {
    transactTime: order.updatedMs,
    executionId,
    amendedOrder: {
      symbol: order.symbol,
      orderId: order.id,
      orderListId: -1,
      origClientOrderId,
      clientOrderId: order.clientId,
      price: money(order.price),
      qty: money(order.size),
      executedQty: money(order.filled),
      preventedQty: zero,
      quoteOrderQty: money(order.quoteSize),
      cumulativeQuoteQty: money(order.quoteFilled),
      status: statusOf(order),
      timeInForce: forceOf(order),
      type: typeOf(order),
      side: order.side.toUpperCase(),
      workingTime: order.createdMs,
      selfTradePreventionMode: 'NONE',
    },
  }
}

export function tradeOf(order: Order, { tradeId, price, size, fee, feeAsset, maker, timeMs }: Fill): object {
  return {
    symbol: order.symbol,
    id: tradeId,
    orderId: order.id,
    orderListId: -1,
    price: money(price),
    qty: money(size),
    quoteQty: money((price * size) / 10n ** 18n),
    commission: money(fee),
    commissionAsset: feeAsset,
    time: timeMs,
    isBuyer: order.side === 'buy',
    isMaker: maker,
    isBestMatch: true,
  }
}

export function accountOf(account: Account, makerFee: bigint, takerFee: bigint, omitZero: boolean): object {
  const balances = [...account.balances]
    .filter(([, { free, locked }]) => !omitZero || free + locked > 0n)
    .map(([asset, { free, locked }]) => ({ asset, free: money(free), locked: money(locked) }))
  return {
    makerCommission: Number(makerFee / 10n ** 14n),
    takerCommission: Number(takerFee / 10n ** 14n),
    buyerCommission: 0,
    sellerCommission: 0,
    commissionRates: { maker: money(makerFee), taker: money(takerFee), buyer: zero, seller: zero },
    canTrade: true,
    canWithdraw: true,
    canDeposit: true,
    brokered: false,
    requireSelfTradePrevention: false,
    preventSor: false,
    updateTime: account.updatedMs,
    accountType: 'SPOT',
    balances,
    permissions: ['SPOT'],
    uid: account.uid,
  }
}

export function symbolOf({ symbol, base, quote, tick, lot, minNotional }: Instrument, maxOrders: number): object {
  return {
    symbol,
    status: 'TRADING',
    baseAsset: base,
    baseAssetPrecision: 8,
    quoteAsset: quote,
    quotePrecision: 8,
    quoteAssetPrecision: 8,
    baseCommissionPrecision: 8,
    quoteCommissionPrecision: 8,
    orderTypes: ['LIMIT', 'LIMIT_MAKER', 'MARKET'],
    icebergAllowed: false,
    ocoAllowed: false,
    otoAllowed: false,
    opoAllowed: false,
    quoteOrderQtyMarketAllowed: true,
    allowTrailingStop: false,
    cancelReplaceAllowed: true,
    amendAllowed: true,
    pegInstructionsAllowed: false,
    isSpotTradingAllowed: true,
    isMarginTradingAllowed: false,
    filters: [
      { filterType: 'PRICE_FILTER', minPrice: money(tick), maxPrice: '1000000.00000000', tickSize: money(tick) },
      { filterType: 'LOT_SIZE', minQty: money(lot), maxQty: '9000000000.00000000', stepSize: money(lot) },
      {
        filterType: 'NOTIONAL',
        minNotional: money(minNotional),
        applyMinToMarket: false,
        maxNotional: '9000000000.00000000',
        applyMaxToMarket: false,
        avgPriceMins: 5,
      },
      { filterType: 'MAX_NUM_ORDERS', maxNumOrders: maxOrders },
    ],
    permissions: [],
    permissionSets: [['SPOT']],
    defaultSelfTradePreventionMode: 'NONE',
    allowedSelfTradePreventionModes: ['NONE'],
  }
}

const executions = {
  accepted: 'NEW',
  filled: 'TRADE',
  canceled: 'CANCELED',
  expired: 'EXPIRED',
  amended: 'REPLACED',
} as const

/** https://developers.binance.com/docs/binance-spot-api-docs/user-data-stream#order-update */
export function executionReport(
  { kind, order, fill, oldClientId, timeMs }: OrderEvent,
  executionId: number,
  eventTime: number,
): object {
  const reason = kind === 'expired' ? reasons[order.endReason] : undefined
  const onBook = (order.state === 'open' || order.state === 'partiallyFilled') && order.type === 'limit'
  return {
    e: 'executionReport',
    E: eventTime,
    s: order.symbol,
    c: order.clientId,
    S: order.side.toUpperCase(),
    o: typeOf(order),
    f: forceOf(order),
    q: money(order.size),
    p: money(order.price),
    P: zero,
    F: zero,
    g: -1,
    C: kind === 'canceled' || kind === 'amended' ? oldClientId : '',
    x: executions[kind],
    // What is told first is that it has come, though it may be filled within the same instant.
    X: kind === 'accepted' ? 'NEW' : statusOf(order),
    r: 'NONE',
    i: order.id,
    l: money(fill?.size ?? 0n),
    z: money(order.filled),
    L: money(fill?.price ?? 0n),
    n: fill === null ? '0' : money(fill.fee),
    N: fill === null ? null : fill.feeAsset,
    T: timeMs,
    t: fill?.tradeId ?? -1,
    I: executionId,
    w: onBook,
    m: fill?.maker ?? false,
    M: false,
    O: order.createdMs,
    Z: money(order.quoteFilled),
    Y: money(fill === null ? 0n : (fill.price * fill.size) / 10n ** 18n),
    Q: money(order.quoteSize),
    W: order.createdMs,
    V: 'NONE',
    ...(reason === undefined ? {} : { eR: reason }),
  }
}

/** https://developers.binance.com/docs/binance-spot-api-docs/user-data-stream#account-update */
export function accountPosition({ account, instrument }: Order, eventTime: number): object {
  const B = [instrument.base, instrument.quote].map((asset) => {
    const { free, locked } = account.balance(asset)
    return { a: asset, f: money(free), l: money(locked) }
  })
  return { e: 'outboundAccountPosition', E: eventTime, u: account.updatedMs || eventTime, B }
}
