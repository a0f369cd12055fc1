/** Orders, fills and wallets as Bybit writes them: https://bybit-exchange.github.io/docs/v5/websocket/private/order */

import { divide, plainAmount, times } from '../amount.js'
import type { Account } from '../engine/account.js'
import type { Fill, Order } from '../engine/order.js'
import type { Instrument } from '../market/instrument.js'

/** https://bybit-exchange.github.io/docs/v5/enum#orderstatus: what ended with a part filled has a name of its own on Spot. */
export function statusOf(order: Order): string {
  switch (order.state) {
    case 'open':
      return 'New'
    case 'partiallyFilled':
      return 'PartiallyFilled'
    case 'filled':
      return 'Filled'
    default:
      return order.filled > 0n ? 'PartiallyFilledCanceled' : 'Cancelled'
  }
}

const reasons = {
  '': 'EC_NoError',
  user: 'EC_PerCancelRequest',
  deadMan: 'EC_CancelByPrepareCancel',
  iocRemainder: 'EC_NoImmediateQtyToFill',
  fokUnfillable: 'EC_NoEnoughQtyToFill',
  noLiquidity: 'EC_NoImmediateQtyToFill',
  wouldTake: 'EC_PostOnlyWillTakeLiquidity',
} as const

const forces = { gtc: 'GTC', ioc: 'IOC', fok: 'FOK', postOnly: 'PostOnly' } as const
export const sideOf = ({ side }: Order): string => (side === 'buy' ? 'Buy' : 'Sell')
export const typeOf = ({ type }: Order): string => (type === 'market' ? 'Market' : 'Limit')

export function orderOf(order: Order): object {
  const open = order.state === 'open' || order.state === 'partiallyFilled'
  const left = open ? order.size - order.filled : 0n
  return {
    category: 'spot',
    symbol: order.symbol,
    orderId: String(order.id),
    orderLinkId: order.clientId,
    blockTradeId: '',
    side: sideOf(order),
    positionIdx: 0,
    orderStatus: statusOf(order),
    cancelType: order.endReason === 'user' ? 'CancelByUser' : 'UNKNOWN',
    rejectReason: reasons[order.endReason],
    timeInForce: order.type === 'market' ? 'IOC' : forces[order.timeInForce],
    isLeverage: '0',
    price: plainAmount(order.price),
    qty: plainAmount(order.quoteSize > 0n ? order.quoteSize : order.size),
    avgPrice: order.filled === 0n ? '' : plainAmount(divide(order.quoteFilled, order.filled)),
    leavesQty: plainAmount(left),
    leavesValue: plainAmount(times(order.price, left)),
    cumExecQty: plainAmount(order.filled),
    cumExecValue: plainAmount(order.quoteFilled),
    cumExecFee: plainAmount(order.fee),
    orderType: typeOf(order),
    stopOrderType: '',
    triggerPrice: '0',
    takeProfit: '0',
    stopLoss: '0',
    reduceOnly: false,
    closeOnTrigger: false,
    createdTime: String(order.createdMs),
    updatedTime: String(order.updatedMs),
    feeCurrency: order.side === 'buy' ? order.instrument.base : order.instrument.quote,
    marketUnit: order.quoteSize > 0n ? 'quoteCoin' : '',
  }
}

export function executionOf(order: Order, fill: Fill, feeRate: bigint): object {
  return {
    category: 'spot',
    symbol: order.symbol,
    closedSize: '',
    execFee: plainAmount(fill.fee),
    execId: String(2_100_000_000_000_000_000n + fill.tradeId),
    execPrice: plainAmount(fill.price),
    execQty: plainAmount(fill.size),
    execType: 'Trade',
    execValue: plainAmount(times(fill.price, fill.size)),
    feeRate: plainAmount(feeRate),
    blockTradeId: '',
    leavesQty: plainAmount(order.size - order.filled),
    orderId: String(order.id),
    orderLinkId: order.clientId,
    orderPrice: plainAmount(order.price),
    orderQty: plainAmount(order.size),
    orderType: typeOf(order),
    stopOrderType: '',
    side: sideOf(order),
    execTime: String(fill.timeMs),
    isLeverage: '0',
    isMaker: fill.maker,
    seq: Number(fill.tradeId),
    createType: 'CreateByUser',
    feeCurrency: fill.feeAsset,
  }
}

/** Nothing is valued: what coins are worth in dollars is said to be 0. */
export function walletOf({ balances }: Account, coins?: readonly string[]): object {
  const coin = [...balances]
    .filter(([asset]) => coins === undefined || coins.includes(asset))
    .map(([asset, { free, locked }]) => ({
      coin: asset,
      equity: plainAmount(free + locked),
      usdValue: '0',
      walletBalance: plainAmount(free + locked),
      availableToWithdraw: plainAmount(free),
      availableToBorrow: '',
      borrowAmount: '0',
      accruedInterest: '0',
      totalOrderIM: '0',
      totalPositionIM: '0',
      totalPositionMM: '0',
      unrealisedPnl: '0',
      cumRealisedPnl: '0',
      bonus: '0',
      collateralSwitch: true,
      marginCollateral: true,
      locked: plainAmount(locked),
      spotHedgingQty: '0',
      spotBorrow: '0',
    }))
  return {
    accountType: 'UNIFIED',
    accountLTV: '0',
    accountIMRate: '0',
    accountMMRate: '0',
    totalEquity: '0',
    totalWalletBalance: '0',
    totalMarginBalance: '0',
    totalAvailableBalance: '0',
    totalPerpUPL: '0',
    totalInitialMargin: '0',
    totalMaintenanceMargin: '0',
    coin,
  }
}

export function instrumentOf({ symbol, base, quote, tick, lot, minNotional }: Instrument): object {
  return {
    symbol,
    baseCoin: base,
    quoteCoin: quote,
    innovation: '0',
    status: 'Trading',
    marginTrading: 'none',
    lotSizeFilter: {
      basePrecision: plainAmount(lot),
      quotePrecision: '0.00000001',
      minOrderQty: plainAmount(lot),
      maxOrderQty: '1000000000',
      minOrderAmt: plainAmount(minNotional),
      maxOrderAmt: '1000000000',
    },
    priceFilter: { tickSize: plainAmount(tick) },
  }
}
