/** What can be asked of OKX by REST, and over the private socket where it has an `op`: https://www.okx.com/docs-v5/en/ */

import { parseAmount } from '../amount.js'
import type { DialectContext } from '../dialect.js'
import type { Account } from '../engine/account.js'
import { isRefusal } from '../engine/engine.js'
import { isOpen, type Order, type TimeInForce } from '../engine/order.js'
import { badParam, OrderRefused, Refused, refusedBy } from './refused.js'
import * as shapes from './shapes.js'

export type Params = Readonly<Record<string, unknown>>

export interface Call {
  readonly context: DialectContext
  /** Of a batch, each order by itself. */
  readonly params: Params
  /** Only where `signed`. */
  readonly account: Account
}

export interface Operation {
  readonly signed: boolean
  /** Rows of `data`. */
  run(call: Call): readonly unknown[]
}

/** What is done with orders: one, or several in a batch. Each is answered by itself. */
export type OrderAct = (call: Call) => Order

const text = (params: Params, name: string): string => {
  const value = params[name]
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
}

function money(params: Params, name: string): bigint {
  const value = parseAmount(text(params, name))
  if (value === null) throw badParam(name)
  return value
}

const forces: Readonly<Record<string, TimeInForce>> = {
  limit: 'gtc',
  market: 'gtc',
  ioc: 'ioc',
  fok: 'fok',
  post_only: 'postOnly',
}

/** https://www.okx.com/docs-v5/en/#order-book-trading-trade-post-place-order */
const place: OrderAct = ({ context, account, params }) => {
  const symbol = text(params, 'instId')
  if (!context.instruments.has(symbol)) throw refusedBy('symbol')
  if (text(params, 'tdMode') !== 'cash') throw badParam('tdMode')
  const side = text(params, 'side')
  if (side !== 'buy' && side !== 'sell') throw badParam('side')
  const kind = text(params, 'ordType')
  const timeInForce = forces[kind]
  if (timeInForce === undefined) throw badParam('ordType')
  const clientId = text(params, 'clOrdId')
  if (!/^[A-Za-z0-9]{0,32}$/.test(clientId)) throw badParam('clOrdId')
  const isMarket = kind === 'market'
  const sz = money(params, 'sz')
  // A buy at the market says how much it spends, unless it says otherwise.
  const inQuote = isMarket && (text(params, 'tgtCcy') || (side === 'buy' ? 'quote_ccy' : 'base_ccy')) === 'quote_ccy'
  const result = context.engine.place(account, {
    symbol,
    side,
    type: isMarket ? 'market' : 'limit',
    timeInForce,
    price: isMarket ? 0n : money(params, 'px'),
    size: inQuote ? 0n : sz,
    quoteSize: inQuote ? sz : 0n,
    clientId,
    onWouldTake: 'cancel',
  })
  if (isRefusal(result)) throw refusedBy(result)
  return result
}

function find({ account, params }: Call, amending = false): Order {
  const [ordId, clOrdId] = [text(params, 'ordId'), text(params, 'clOrdId')]
  if (ordId === '' && clOrdId === '') throw badParam('ordId')
  const order = /^\d{0,19}$/.test(ordId) ? account.find(ordId === '' ? null : BigInt(ordId), clOrdId) : undefined
  if (order === undefined || order.symbol !== text(params, 'instId')) throw refusedBy('unknownOrder', amending)
  return order
}

const cancel: OrderAct = (call) => {
  const order = find(call)
  const refusal = call.context.engine.cancel(order)
  if (refusal !== null) throw refusedBy(refusal)
  return order
}

const amend: OrderAct = (call) => {
  const order = find(call, true)
  const [newSz, newPx] = [text(call.params, 'newSz'), text(call.params, 'newPx')]
  if (newSz === '' && newPx === '') throw badParam('newSz')
  const change = {
    ...(newSz === '' ? {} : { size: money(call.params, 'newSz') }),
    ...(newPx === '' ? {} : { price: money(call.params, 'newPx') }),
  }
  const refusal = call.context.engine.amend(order, change)
  if (refusal !== null) throw refusedBy(refusal, true)
  return order
}

/** By REST: one, or a batch of up to twenty. */
export const orderPaths: Readonly<Record<string, { readonly act: OrderAct; readonly batch: boolean }>> = {
  'POST /api/v5/trade/order': { act: place, batch: false },
  'POST /api/v5/trade/batch-orders': { act: place, batch: true },
  'POST /api/v5/trade/cancel-order': { act: cancel, batch: false },
  'POST /api/v5/trade/cancel-batch-orders': { act: cancel, batch: true },
  'POST /api/v5/trade/amend-order': { act: amend, batch: false },
  'POST /api/v5/trade/amend-batch-orders': { act: amend, batch: true },
}

/** Numbers of instruments: which of them it is, from 1,000 on. */
const firstCode = 1_000
const codesOf = ({ instruments }: DialectContext): readonly string[] => [...instruments.keys()]

/** Orders over the socket name their instrument by its number alone; a name is not looked at: https://www.okx.com/docs-v5/log_en/ */
function byCode(act: OrderAct): OrderAct {
  return (call) => {
    const { instIdCode } = call.params
    if (instIdCode === undefined || instIdCode === null || instIdCode === '')
      throw new OrderRefused('50014', 'Parameter instIdCode can not be empty.')
    if (typeof instIdCode !== 'number') throw badParam('instIdCode')
    const instId = codesOf(call.context)[instIdCode - firstCode]
    if (instId === undefined) throw refusedBy('symbol')
    return act({ ...call, params: { ...call.params, instId } })
  }
}

/** Over the socket. */
export const orderOps: Readonly<Record<string, OrderAct>> = {
  order: byCode(place),
  'batch-orders': byCode(place),
  'cancel-order': byCode(cancel),
  'batch-cancel-orders': byCode(cancel),
  'amend-order': byCode(amend),
  'batch-amend-orders': byCode(amend),
}

export const maxBatch = 20

/** Carries out each by itself; `code` is 0 when all went well, 1 when none did, 2 otherwise. */
export function actOn(
  act: OrderAct,
  context: DialectContext,
  account: Account,
  items: readonly unknown[],
): { readonly code: string; readonly msg: string; readonly data: object[] } {
  let failed = 0
  const data = items.map((item) => {
    const params = (typeof item === 'object' && item !== null ? item : {}) as Params
    const common = { tag: '', ts: String(context.now()) }
    try {
      const order = act({ context, account, params })
      return { ordId: String(order.id), clOrdId: order.clientId, ...common, sCode: '0', sMsg: '' }
    } catch (error) {
      if (!(error instanceof OrderRefused)) throw error
      failed++
      return {
        ordId: text(params, 'ordId'),
        clOrdId: text(params, 'clOrdId'),
        ...common,
        sCode: error.sCode,
        sMsg: error.message,
      }
    }
  })
  const code = failed === 0 ? '0' : failed === items.length ? '1' : '2'
  return {
    code,
    msg: code === '0' ? '' : code === '1' ? 'All operations failed' : 'Bulk operation partially succeeded',
    data,
  }
}

/** Newest first, older than `after`. */
function page(rows: readonly Order[], params: Params): object[] {
  const after = text(params, 'after')
  const limit = Math.max(1, Math.min(100, Number(text(params, 'limit') || 100) || 100))
  const [instId, instType] = [text(params, 'instId'), text(params, 'instType')]
  return [...rows]
    .reverse()
    .filter(
      ({ id, symbol }) =>
        (!/^\d+$/.test(after) || id < BigInt(after)) &&
        (instId === '' || symbol === instId) &&
        (instType === '' || instType === 'SPOT'),
    )
    .slice(0, limit)
    .map((order) => shapes.orderOf(order))
}

export const operations: Readonly<Record<string, Operation>> = {
  'GET /api/v5/public/time': { signed: false, run: ({ context }) => [{ ts: String(context.now()) }] },
  'GET /api/v5/public/instruments': {
    signed: false,
    run: ({ context, params }) => {
      if (text(params, 'instType') !== 'SPOT') return []
      const instId = text(params, 'instId')
      return [...context.instruments.values()]
        .map((instrument, at) => shapes.instrumentOf(instrument, firstCode + at))
        .filter((row) => instId === '' || row.instId === instId)
    },
  },
  'GET /api/v5/market/books': {
    signed: false,
    run: ({ context, params }) => {
      const symbol = text(params, 'instId')
      if (!context.instruments.has(symbol)) throw new Refused('51001', "Instrument ID doesn't exist.")
      const book = context.market.book(symbol)
      const { bids, asks } = book.top(Math.max(1, Math.min(400, Number(text(params, 'sz') || 1) || 1)))
      const rows = (levels: typeof bids) => levels.map(([price, size]) => [price, size, '0', '1'])
      return [{ asks: rows(asks), bids: rows(bids), ts: String(context.now()), seqId: book.updateId }]
    },
  },
  'GET /api/v5/trade/order': {
    signed: true,
    run: (call) => {
      try {
        return [shapes.orderOf(find(call))]
      } catch (error) {
        if (!(error instanceof OrderRefused)) throw error
        throw error.sCode === '51400'
          ? new Refused('51603', 'Order does not exist')
          : new Refused(error.sCode, error.message)
      }
    },
  },
  'GET /api/v5/trade/orders-pending': {
    signed: true,
    run: ({ context, account, params }) => page(context.engine.openOrders(account), params),
  },
  'GET /api/v5/trade/orders-history': {
    signed: true,
    run: ({ account, params }) =>
      page(
        [...account.orders.values()].filter(
          (order) => !isOpen(order) && order.createdMs >= Number(text(params, 'begin') || 0),
        ),
        params,
      ),
  },
  'GET /api/v5/trade/fills': {
    signed: true,
    run: ({ account, params }) => {
      const [instId, ordId] = [text(params, 'instId'), text(params, 'ordId')]
      const orders = [...account.orders.values()].filter(
        ({ symbol, id }) => (instId === '' || symbol === instId) && (ordId === '' || String(id) === ordId),
      )
      return orders
        .flatMap((order) => order.fills.map((fill) => shapes.fillOf(order, fill)))
        .reverse()
        .slice(0, 100)
    },
  },
  'GET /api/v5/account/balance': {
    signed: true,
    run: ({ account, params }) => [
      shapes.balanceOf(account, text(params, 'ccy') === '' ? undefined : text(params, 'ccy').split(',')),
    ],
  },
  'GET /api/v5/account/config': {
    signed: true,
    run: ({ account }) => [
      {
        uid: String(account.uid),
        mainUid: String(account.uid),
        acctLv: '1',
        posMode: 'net_mode',
        autoLoan: false,
        level: 'Lv1',
        perm: 'read_only,trade',
      },
    ],
  },
}
