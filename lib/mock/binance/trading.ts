/** Orders on Binance Spot: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints */

import { randomBytes } from 'node:crypto'
import { decimalsOf, parseAmount } from '../amount.js'
import { isRefusal } from '../engine/engine.js'
import { isOpen, type Order, type OrderTerms, type TimeInForce } from '../engine/order.js'
import type { Params } from './auth.js'
import type { Call } from './operations.js'
import { badSymbol, illegal, missing, Refused, refusedBy, unwanted } from './refused.js'
import * as shapes from './shapes.js'

const clientIds = /^[.A-Z:/a-z0-9_-]{1,36}$/
const forces: Readonly<Record<string, TimeInForce>> = { GTC: 'gtc', IOC: 'ioc', FOK: 'fok' }
let executions = 0

/** Numbers of what happens to orders; two are never the same. */
export const nextExecution = (): number => ++executions

/** As the venue gives one to who gives none. */
const newClientId = (): string => randomBytes(16).toString('base64url').replaceAll(/[-_]/g, 'x')

function money(params: Params, name: string): bigint {
  const text = params[name]
  if (text === undefined || text === '') throw missing(name)
  const value = parseAmount(text)
  if (value === null) throw illegal(name, '^([0-9]{1,20})(\\.[0-9]{1,20})?$')
  if (decimalsOf(value) > 8) throw new Refused(-1111, `Parameter '${name}' has too much precision.`)
  return value
}

function clientId(params: Params, name: string): string {
  const text = params[name]
  if (text === undefined) return newClientId()
  if (text === '') throw new Refused(-1105, `Parameter '${name}' was empty.`)
  if (!clientIds.test(text)) throw illegal(name, '^[\\.A-Z\\:/a-z0-9_-]{1,36}$')
  return text
}

/** @throws Refused */
function termsOf({ context, params }: Call): OrderTerms {
  const { symbol, side, type } = params
  if (symbol === undefined) throw missing('symbol')
  if (side === undefined) throw missing('side')
  if (type === undefined) throw missing('type')
  if (!context.instruments.has(symbol)) throw badSymbol()
  if (side !== 'BUY' && side !== 'SELL') throw new Refused(-1117, 'Invalid side.')
  for (const name of ['stopPrice', 'trailingDelta', 'icebergQty'])
    if (params[name] !== undefined && Number(params[name]) !== 0)
      throw unsupported(type === 'LIMIT' ? 'Iceberg' : 'Stop loss')
  const mode = params['selfTradePreventionMode']
  if (mode !== undefined && mode !== 'NONE')
    throw new Refused(-1013, 'This symbol does not allow the specified self-trade prevention mode.')
  const common = {
    symbol,
    side: side === 'BUY' ? ('buy' as const) : ('sell' as const),
    clientId: clientId(params, 'newClientOrderId'),
  }
  switch (type) {
    case 'MARKET': {
      for (const name of ['price', 'timeInForce']) if (params[name] !== undefined) throw unwanted(name)
      const both = params['quantity'] !== undefined && params['quoteOrderQty'] !== undefined
      if (both) throw unwanted('quoteOrderQty')
      const quoteSize =
        params['quantity'] === undefined && params['quoteOrderQty'] !== undefined ? money(params, 'quoteOrderQty') : 0n
      const size = quoteSize > 0n ? 0n : money(params, 'quantity')
      return { ...common, type: 'market', timeInForce: 'gtc', price: 0n, size, quoteSize }
    }
    case 'LIMIT_MAKER':
      if (params['timeInForce'] !== undefined) throw unwanted('timeInForce')
      return {
        ...common,
        type: 'limit',
        timeInForce: 'postOnly',
        price: money(params, 'price'),
        size: money(params, 'quantity'),
        quoteSize: 0n,
      }
    case 'LIMIT': {
      if (params['timeInForce'] === undefined) throw missing('timeInForce')
      const timeInForce = forces[params['timeInForce']]
      if (timeInForce === undefined) throw new Refused(-1115, 'Invalid timeInForce.')
      if (params['quoteOrderQty'] !== undefined) throw unwanted('quoteOrderQty')
      return {
        ...common,
        type: 'limit',
        timeInForce,
        price: money(params, 'price'),
        size: money(params, 'quantity'),
        quoteSize: 0n,
      }
    }
    case 'STOP_LOSS':
    case 'STOP_LOSS_LIMIT':
      throw unsupported('Stop loss')
    case 'TAKE_PROFIT':
    case 'TAKE_PROFIT_LIMIT':
      throw unsupported('Take profit')
    default:
      throw new Refused(-1116, 'Invalid orderType.')
  }
}

const unsupported = (what: string): Refused => new Refused(-2010, `${what} orders are not supported for this symbol.`)

export function place(call: Call): object {
  const terms = termsOf(call)
  const form = call.params['newOrderRespType'] ?? (terms.timeInForce === 'postOnly' ? 'ACK' : 'FULL')
  if (!['ACK', 'RESULT', 'FULL'].includes(form))
    throw new Refused(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
  const result = call.context.engine.place(call.account, terms)
  if (isRefusal(result)) throw refusedBy(result, -2010)
  return shapes.placed(result, form)
}

/** Looks at it and does nothing. */
export function testOrder(call: Call): object {
  termsOf(call)
  return {}
}

/** @throws Refused with `code` and `text` when there is none. */
export function findOrder({ context, account, params }: Call, code: number, text: string, prefix = ''): Order {
  const { symbol } = params
  const idName = prefix === '' ? 'orderId' : `${prefix}OrderId`
  const clientName = prefix === '' ? 'origClientOrderId' : `${prefix}OrigClientOrderId`
  const [id, client] = [params[idName], params[clientName]]
  if (symbol === undefined) throw missing('symbol')
  if (!context.instruments.has(symbol)) throw badSymbol()
  if (id === undefined && client === undefined)
    throw new Refused(-1102, `Param '${clientName}' or '${idName}' must be sent, but both were empty/null!`)
  if (id !== undefined && !/^\d{1,19}$/.test(id)) throw illegal(idName, '^[0-9]{1,20}$')
  const order = account.find(id === undefined ? null : BigInt(id), client ?? '')
  if (order === undefined || order.symbol !== symbol) throw new Refused(code, text)
  if (id !== undefined && client !== undefined && order.clientId !== client)
    throw new Refused(-2039, 'Client order ID is not correct for this order ID.')
  return order
}

export function cancel(call: Call, prefix = ''): object {
  const order = findOrder(call, -2011, 'Unknown order sent.', prefix)
  const restriction = call.params['cancelRestrictions']
  if (restriction !== undefined) {
    if (restriction !== 'ONLY_NEW' && restriction !== 'ONLY_PARTIALLY_FILLED')
      throw new Refused(-1145, '`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`.')
    if (isOpen(order) && order.state !== (restriction === 'ONLY_NEW' ? 'open' : 'partiallyFilled'))
      throw new Refused(-2011, 'Order was not canceled due to cancel restrictions.')
  }
  const old = order.clientId
  const own = clientId(call.params, prefix === '' ? 'newClientOrderId' : `${prefix}NewClientOrderId`)
  const refusal = call.context.engine.cancel(order, 'user', own)
  if (refusal !== null) throw refusedBy(refusal, -2011)
  return shapes.canceled(order, old)
}

export function cancelAll({ context, account, params: { symbol } }: Call): object {
  if (symbol === undefined) throw missing('symbol')
  if (!context.instruments.has(symbol)) throw badSymbol()
  const orders = context.engine.openOrders(account, symbol)
  if (orders.length === 0) throw new Refused(-2011, 'Unknown order sent.')
  return orders.map((order) => {
    const old = order.clientId
    context.engine.cancel(order, 'user', newClientId())
    return shapes.canceled(order, old)
  })
}

/** One after the other: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints#cancel-an-existing-order-and-send-a-new-order-trade */
export function cancelReplace(call: Call): object {
  const mode = call.params['cancelReplaceMode']
  if (mode === undefined) throw missing('cancelReplaceMode')
  if (mode !== 'STOP_ON_FAILURE' && mode !== 'ALLOW_FAILURE')
    throw new Refused(-1130, "Data sent for parameter 'cancelReplaceMode' is not valid.")
  termsOf(call)
  const canceled = attempt(() => cancel(call, 'cancel'))
  const goesOn = canceled.result === 'SUCCESS' || mode === 'ALLOW_FAILURE'
  const placed = goesOn ? attempt(() => place(call)) : { result: 'NOT_ATTEMPTED', response: null }
  const body = {
    cancelResult: canceled.result,
    newOrderResult: placed.result,
    cancelResponse: canceled.response,
    newOrderResponse: placed.response,
  }
  if (canceled.result === 'SUCCESS' && placed.result === 'SUCCESS') return body
  const partly = canceled.result === 'SUCCESS' || placed.result === 'SUCCESS'
  if (partly) throw new Refused(-2021, 'Order cancel-replace partially failed.', 409, body)
  throw new Refused(-2022, 'Order cancel-replace failed.', 400, body)
}

function attempt(act: () => object): { readonly result: string; readonly response: unknown } {
  try {
    return { result: 'SUCCESS', response: act() }
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return { result: 'FAILURE', response: error.body }
  }
}

export function amend(call: Call): object {
  const order = findOrder(call, -2013, 'Order does not exist.')
  const size = money(call.params, 'newQty')
  if (!isOpen(order)) throw new Refused(-2038, 'Unknown order sent.')
  if (size === order.size) throw refusedBy('noChange', -2038)
  if (size > order.size) throw refusedBy('amendUp', -2038)
  const old = order.clientId
  const refusal = call.context.engine.amend(order, { size, clientId: clientId(call.params, 'newClientOrderId') })
  if (refusal !== null) throw refusedBy(refusal, -2038)
  return shapes.amended(order, old, nextExecution())
}
