/** Orders and accounts as Coinbase writes them: https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/orders/get-order */

import { divide, plainAmount, times } from '../amount.js'
import type { Account } from '../engine/account.js'
import type { Fill, Order } from '../engine/order.js'
import type { Instrument } from '../market/instrument.js'

/** Numbers in the form of a UUID. */
export function orderId(id: bigint): string {
  const digits = id.toString(16).padStart(16, '0')
  return `00000000-0000-4000-${digits.slice(0, 4)}-${digits.slice(4)}`
}

/** The number behind it; null for what is none. */
export function orderNumber(text: string): bigint | null {
  const match = /^00000000-0000-4000-([0-9a-f]{4})-([0-9a-f]{12})$/.exec(text)
  return match === null ? null : BigInt(`0x${match[1]}${match[2]}`)
}

const states = {
  open: 'OPEN',
  partiallyFilled: 'OPEN',
  filled: 'FILLED',
  canceled: 'CANCELLED',
  expired: 'CANCELLED',
} as const
const forces = {
  gtc: 'GOOD_UNTIL_CANCELLED',
  ioc: 'IMMEDIATE_OR_CANCEL',
  fok: 'FILL_OR_KILL',
  postOnly: 'GOOD_UNTIL_CANCELLED',
} as const
const time = (ms: number): string => new Date(ms).toISOString()
const forceOf = ({ type, timeInForce }: Order): string => (type === 'market' ? forces.ioc : forces[timeInForce])

export function configurationOf({ type, timeInForce, size, quoteSize, price }: Order): object {
  if (type === 'market')
    return {
      market_market_ioc: quoteSize > 0n ? { quote_size: plainAmount(quoteSize) } : { base_size: plainAmount(size) },
    }
  const terms = { base_size: plainAmount(size), limit_price: plainAmount(price) }
  if (timeInForce === 'ioc') return { sor_limit_ioc: terms }
  if (timeInForce === 'fok') return { limit_limit_fok: terms }
  return { limit_limit_gtc: { ...terms, post_only: timeInForce === 'postOnly' } }
}

export function orderOf(order: Order): object {
  const last = order.fills.at(-1)
  return {
    order_id: orderId(order.id),
    product_id: order.symbol,
    user_id: String(order.account.uid),
    order_configuration: configurationOf(order),
    side: order.side.toUpperCase(),
    client_order_id: order.clientId,
    status: states[order.state],
    time_in_force: forceOf(order),
    created_time: time(order.createdMs),
    completion_percentage: plainAmount(divide(order.filled * 100n, order.size)),
    filled_size: plainAmount(order.filled),
    average_filled_price: plainAmount(divide(order.quoteFilled, order.filled)),
    number_of_fills: String(order.fills.length),
    filled_value: plainAmount(order.quoteFilled),
    pending_cancel: false,
    size_in_quote: order.quoteSize > 0n,
    total_fees: plainAmount(order.fee),
    settled: order.state === 'filled',
    product_type: 'SPOT',
    reject_reason: 'REJECT_REASON_UNSPECIFIED',
    reject_message: '',
    cancel_message: order.endReason === 'user' ? 'User requested cancel' : '',
    order_type: order.type.toUpperCase(),
    ...(last === undefined ? {} : { last_fill_time: time(last.timeMs) }),
    last_update_time: time(order.updatedMs),
  }
}

/** As the user channel tells it. */
export function userOrderOf(order: Order): object {
  const isOver = order.state !== 'open' && order.state !== 'partiallyFilled'
  return {
    avg_price: plainAmount(divide(order.quoteFilled, order.filled)),
    cancel_reason: order.endReason === 'user' ? 'User requested cancel' : '',
    client_order_id: order.clientId,
    completion_percentage: plainAmount(divide(order.filled * 100n, order.size)),
    contract_expiry_type: 'UNKNOWN_CONTRACT_EXPIRY_TYPE',
    cumulative_quantity: plainAmount(order.filled),
    filled_value: plainAmount(order.quoteFilled),
    leaves_quantity: isOver ? '0' : plainAmount(order.size - order.filled),
    limit_price: plainAmount(order.price),
    number_of_fills: String(order.fills.length),
    order_id: orderId(order.id),
    order_side: order.side.toUpperCase(),
    order_type: order.type === 'limit' ? 'Limit' : 'Market',
    outstanding_hold_amount: plainAmount(order.locked),
    post_only: String(order.timeInForce === 'postOnly'),
    product_id: order.symbol,
    product_type: 'SPOT',
    reject_reason: '',
    retail_portfolio_id: '',
    risk_managed_by: 'UNKNOWN_RISK_MANAGEMENT_TYPE',
    status: states[order.state],
    stop_price: '',
    time_in_force: forceOf(order),
    total_fees: plainAmount(order.fee),
    total_value_after_fees: plainAmount(order.quoteFilled),
    trigger_status: 'INVALID_ORDER_TYPE',
    creation_time: time(order.createdMs),
    end_time: '0001-01-01T00:00:00Z',
    start_time: '0001-01-01T00:00:00Z',
  }
}

export function fillOf(order: Order, fill: Fill): object {
  return {
    entry_id: String(fill.tradeId),
    trade_id: String(fill.tradeId),
    order_id: orderId(order.id),
    trade_time: time(fill.timeMs),
    trade_type: 'FILL',
    price: plainAmount(fill.price),
    size: plainAmount(fill.size),
    // Fees are told in the quote currency.
    commission: plainAmount(order.side === 'buy' ? times(fill.fee, fill.price) : fill.fee),
    product_id: order.symbol,
    sequence_timestamp: time(fill.timeMs),
    liquidity_indicator: fill.maker ? 'MAKER' : 'TAKER',
    size_in_quote: false,
    user_id: String(order.account.uid),
    side: order.side.toUpperCase(),
  }
}

export function accountsOf({ balances, uid }: Account): object[] {
  return [...balances].map(([currency, { free, locked }]) => ({
    uuid: `${uid}-${currency}`,
    name: `${currency} Wallet`,
    currency,
    available_balance: { value: plainAmount(free), currency },
    default: false,
    active: true,
    type: 'ACCOUNT_TYPE_CRYPTO',
    ready: true,
    hold: { value: plainAmount(locked), currency },
  }))
}

export function productOf({ symbol, base, quote, tick, lot, minNotional }: Instrument): object {
  return {
    product_id: symbol,
    base_currency_id: base,
    quote_currency_id: quote,
    base_increment: plainAmount(lot),
    quote_increment: plainAmount(tick),
    price_increment: plainAmount(tick),
    base_min_size: plainAmount(lot),
    quote_min_size: plainAmount(minNotional),
    status: 'online',
    trading_disabled: false,
    product_type: 'SPOT',
  }
}
