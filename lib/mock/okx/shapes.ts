/** Orders, balances and instruments as OKX writes them: https://www.okx.com/docs-v5/en/#order-book-trading-trade-ws-order-channel */

import { divide, plainAmount } from '../amount.js'
import type { Account } from '../engine/account.js'
import type { Fill, Order } from '../engine/order.js'
import type { Instrument } from '../market/instrument.js'

const states = {
  open: 'live',
  partiallyFilled: 'partially_filled',
  filled: 'filled',
  canceled: 'canceled',
  expired: 'canceled',
} as const
const forces = { gtc: 'limit', ioc: 'ioc', fok: 'fok', postOnly: 'post_only' } as const
/** `cancelSource`: 1 the user, 13 fill-or-kill, 14 immediate-or-cancel, 31 post-only, 20 cancel-all-after. */
const sources = {
  '': '',
  user: '1',
  deadMan: '20',
  iocRemainder: '14',
  fokUnfillable: '13',
  noLiquidity: '14',
  wouldTake: '31',
} as const

export const typeOf = ({ type, timeInForce }: Order): string => (type === 'market' ? 'market' : forces[timeInForce])

/** `fill` is the one that is told of, by the private channel. */
export function orderOf(order: Order, fill: Fill | null = order.fills.at(-1) ?? null): object {
  const inQuote = order.quoteSize > 0n
  return {
    instType: 'SPOT',
    instId: order.symbol,
    tgtCcy: order.type === 'market' ? (inQuote ? 'quote_ccy' : 'base_ccy') : '',
    ccy: '',
    ordId: String(order.id),
    clOrdId: order.clientId,
    tag: '',
    px: order.type === 'market' ? '' : plainAmount(order.price),
    sz: plainAmount(inQuote ? order.quoteSize : order.size),
    notionalUsd: '',
    ordType: typeOf(order),
    side: order.side,
    posSide: '',
    tdMode: 'cash',
    accFillSz: plainAmount(order.filled),
    fillPx: fill === null ? '' : plainAmount(fill.price),
    tradeId: fill === null ? '' : String(fill.tradeId),
    fillSz: fill === null ? '0' : plainAmount(fill.size),
    fillTime: fill === null ? '' : String(fill.timeMs),
    fillFee: fill === null ? '0' : negative(fill.fee),
    fillFeeCcy: fill?.feeAsset ?? '',
    execType: fill === null ? '' : fill.maker ? 'M' : 'T',
    avgPx: order.filled === 0n ? '' : plainAmount(divide(order.quoteFilled, order.filled)),
    state: states[order.state],
    lever: '0',
    feeCcy: order.side === 'buy' ? order.instrument.base : order.instrument.quote,
    fee: negative(order.fee),
    rebateCcy: order.side === 'buy' ? order.instrument.quote : order.instrument.base,
    rebate: '0',
    pnl: '0',
    category: 'normal',
    source: '',
    cancelSource: sources[order.endReason],
    reduceOnly: 'false',
    uTime: String(order.updatedMs),
    cTime: String(order.createdMs),
    reqId: '',
    amendResult: '',
    code: '0',
    msg: '',
  }
}

/** Fees are negative; what is none is 0. */
function negative(fee: bigint): string {
  return fee === 0n ? '0' : `-${plainAmount(fee)}`
}

/** Nothing is valued: what it is worth in dollars is left empty. */
export function balanceOf({ balances, updatedMs }: Account, assets?: readonly string[]): object {
  const details = [...balances]
    .filter(([asset]) => assets === undefined || assets.includes(asset))
    .map(([ccy, { free, locked }]) => ({
      ccy,
      cashBal: plainAmount(free + locked),
      eq: plainAmount(free + locked),
      availBal: plainAmount(free),
      availEq: plainAmount(free),
      frozenBal: plainAmount(locked),
      ordFrozen: plainAmount(locked),
      eqUsd: '',
      uTime: String(updatedMs),
    }))
  return {
    uTime: String(updatedMs),
    totalEq: '',
    isoEq: '',
    adjEq: '',
    ordFroz: '',
    imr: '',
    mmr: '',
    mgnRatio: '',
    notionalUsd: '',
    details,
  }
}

export function fillOf(order: Order, fill: Fill): object {
  return {
    instType: 'SPOT',
    instId: order.symbol,
    tradeId: String(fill.tradeId),
    ordId: String(order.id),
    clOrdId: order.clientId,
    billId: String(fill.tradeId),
    tag: '',
    fillPx: plainAmount(fill.price),
    fillSz: plainAmount(fill.size),
    side: order.side,
    posSide: 'net',
    execType: fill.maker ? 'M' : 'T',
    feeCcy: fill.feeAsset,
    fee: negative(fill.fee),
    fillTime: String(fill.timeMs),
    ts: String(fill.timeMs),
  }
}

export function instrumentOf({ symbol, base, quote, tick, lot }: Instrument, instIdCode: number) {
  return {
    instType: 'SPOT',
    instId: symbol,
    instIdCode,
    baseCcy: base,
    quoteCcy: quote,
    tickSz: plainAmount(tick),
    lotSz: plainAmount(lot),
    minSz: plainAmount(lot),
    maxLmtSz: '9999999999',
    maxMktSz: '1000000',
    state: 'live',
  }
}
