import { divide, least, times } from '../amount.js'
import type { Instrument } from '../market/instrument.js'
import type { MarketBook, Side } from '../market/market-book.js'
import type { Account } from './account.js'
import { type Fill, isOpen, type Order, type OrderEvent, type OrderTerms, type Refusal } from './order.js'

/** What an engine is made with. */
export interface EngineOptions {
  readonly instruments: ReadonlyMap<string, Instrument>
  readonly book: (symbol: string) => MarketBook
  /** The venue's clock, Unix milliseconds. */
  readonly now: () => number
  /** Fractions in 10^-18. */
  readonly makerFee: bigint
  readonly takerFee: bigint
  /** Open orders per account. */
  readonly maxOpenOrders: number
  /** Ended orders that are remembered per account. */
  readonly maxHistory: number
  readonly firstOrderId: bigint
  readonly onEvent: (event: OrderEvent) => void
}

/** What an order of the engine's own traders trades with: a level of the market, or an order of somebody else. */
interface Counterparty {
  readonly price: bigint
  readonly size: bigint
  readonly order: Order | null
  take(size: bigint): void
}

/**
 * Matches the mock's traders with the recorded market and with each other, by price and then by time; the market goes before traders at the
 * same price, for it was there first. Orders that rest are filled when the market's book crosses their price or a trade happens at or
 * beyond it: there is no place in the queue.
 */
export class Engine {
  readonly options: EngineOptions
  readonly #resting = new Map<string, Record<Side, Order[]>>()
  #lastOrderId: bigint
  #lastTradeId = 1_650_422_480n

  constructor(options: EngineOptions) {
    this.options = options
    this.#lastOrderId = options.firstOrderId - 1n
  }

  /** Carries the order out, as far as it goes at once. The order, or why it was not taken. */
  place(account: Account, terms: OrderTerms): Order | Refusal {
    const instrument = this.options.instruments.get(terms.symbol)
    const fault = instrument === undefined ? 'symbol' : this.#fault(account, terms, instrument)
    if (instrument === undefined || fault !== null) return fault ?? 'symbol'
    const nowMs = this.options.now()
    const order: Order = {
      ...terms,
      id: ++this.#lastOrderId,
      account,
      instrument,
      createdMs: nowMs,
      updatedMs: nowMs,
      state: 'open',
      filled: 0n,
      quoteFilled: 0n,
      fee: 0n,
      endReason: '',
      locked: 0n,
      fills: [],
    }
    const reserved = this.#reserve(order)
    if (reserved !== null) return reserved
    this.#keep(order)
    this.#tell('accepted', order)
    if (this.#wouldTake(terms)) this.#end(order, 'canceled', 'wouldTake')
    else if (terms.timeInForce === 'fok' && this.#available(order) < order.size)
      this.#end(order, 'expired', 'fokUnfillable')
    else {
      this.#take(order)
      if (isOpen(order)) {
        if (terms.type === 'market') this.#end(order, 'expired', 'noLiquidity')
        else if (terms.timeInForce === 'ioc') this.#end(order, 'expired', 'iocRemainder')
        else this.#rest(order)
      }
    }
    return order
  }

  /** @returns why not; null when it is canceled. */
  cancel(order: Order, reason: 'user' | 'deadMan' = 'user', clientId?: string): Refusal | null {
    if (!isOpen(order)) return 'unknownOrder'
    const old = order.clientId
    this.#unrest(order)
    this.#settleEnd(order, 'canceled', reason)
    if (clientId !== undefined) order.clientId = clientId
    this.#keep(order)
    this.#tell('canceled', order, null, old)
    return null
  }

  /** Another price, size or client id. What only gets smaller keeps its place. */
  amend(
    order: Order,
    change: { readonly price?: bigint; readonly size?: bigint; readonly clientId?: string },
  ): Refusal | null {
    if (!isOpen(order)) return 'unknownOrder'
    const { instrument, account } = order
    const price = change.price ?? order.price
    const size = change.size ?? order.size
    if (size <= order.filled) return 'sizeStep'
    const fault = steps(price, size, instrument)
    if (fault !== null) return fault
    const asset = order.side === 'buy' ? instrument.quote : instrument.base
    const balance = account.balance(asset)
    const left = size - order.filled
    const needed = order.side === 'buy' ? times(price, left) : left
    if (needed - order.locked > balance.free) return 'balance'
    const moves = price !== order.price || size > order.size
    const old = order.clientId
    balance.free -= needed - order.locked
    balance.locked += needed - order.locked
    order.locked = needed
    order.price = price
    order.size = size
    order.updatedMs = this.options.now()
    if (change.clientId !== undefined && change.clientId !== old) account.rename(order, change.clientId)
    this.#tell('amended', order, null, old)
    if (moves) {
      this.#unrest(order)
      this.#take(order)
      if (isOpen(order)) this.#rest(order)
    }
    return null
  }

  /** Open orders of this account, of one symbol or all, oldest first. */
  openOrders(account: Account, symbol?: string): Order[] {
    const orders = [...account.open].filter((order) => symbol === undefined || order.symbol === symbol)
    return orders.sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** The market's book has changed: fills what it crosses now. */
  bookChanged(symbol: string): void {
    const resting = this.#resting.get(symbol)
    if (resting === undefined) return
    for (const side of ['buy', 'sell'] as const) {
      for (const order of [...resting[side]]) {
        for (const level of this.options.book(symbol).against(side)) {
          if (!isOpen(order) || worse(side, level.price, order.price)) break
          const size = least(level.size - level.taken, order.size - order.filled)
          if (size <= 0n) continue
          level.taken += size
          this.#fill(order, order.price, size, true)
        }
      }
    }
  }

  /** A trade in the market, `side` being who took: fills what waited at its price or a better one. */
  tradeHappened(symbol: string, side: Side, price: bigint, size: bigint): void {
    const resting = this.#resting.get(symbol)
    if (resting === undefined) return
    let left = size
    const waiting: Side = side === 'buy' ? 'sell' : 'buy'
    for (const order of [...resting[waiting]]) {
      if (left <= 0n || worse(waiting, price, order.price)) break
      const part = least(left, order.size - order.filled)
      left -= part
      this.#fill(order, order.price, part, true)
    }
  }

  #fault(account: Account, terms: OrderTerms, instrument: Instrument): Refusal | null {
    if (terms.type === 'limit') {
      const fault = steps(terms.price, terms.size, instrument)
      if (fault !== null) return fault
      if (times(terms.price, terms.size) < instrument.minNotional) return 'notional'
    } else if (terms.quoteSize === 0n && (terms.size <= 0n || terms.size % instrument.lot !== 0n)) return 'sizeStep'
    if (terms.clientId !== '' && account.openWith(terms.clientId) !== undefined) return 'duplicate'
    if (account.open.size >= this.options.maxOpenOrders) return 'capacity'
    return terms.onWouldTake !== 'cancel' && this.#wouldTake(terms) ? 'wouldTake' : null
  }

  /** Sets the money aside. What a market order costs is known only by looking at what it will take. */
  #reserve(order: Order): Refusal | null {
    const { side, instrument, account } = order
    let needed: bigint
    if (side === 'sell') {
      needed = order.size
      if (order.quoteSize > 0n) needed = this.#baseFor(order)
      if (needed === 0n) return 'noLiquidity'
    } else if (order.type === 'limit') needed = times(order.price, order.size)
    else needed = order.quoteSize > 0n ? order.quoteSize : this.#cost(order)
    if (order.type === 'market' && order.quoteSize > 0n) order.size = this.#baseFor(order)
    if (order.type === 'market' && order.size === 0n) return 'noLiquidity'
    const balance = account.balance(side === 'buy' ? instrument.quote : instrument.base)
    if (balance.free < needed) return 'balance'
    balance.free -= needed
    balance.locked += needed
    order.locked = needed
    return null
  }

  /** What buying all of it costs at once. */
  #cost(order: Order): bigint {
    let left = order.size
    let cost = 0n
    for (const { price, size } of this.#opposite(order)) {
      const part = least(left, size)
      cost += times(price, part)
      left -= part
      if (left === 0n) break
    }
    return cost
  }

  /** How much `quoteSize` buys or what has to be sold for it, in whole lots. */
  #baseFor(order: Order): bigint {
    const { lot } = order.instrument
    let quote = order.quoteSize
    let base = 0n
    for (const { price, size } of this.#opposite(order)) {
      const part = least(divide(quote, price), size)
      base += part
      quote -= times(price, part)
      if (part < size) break
    }
    return base - (base % lot)
  }

  #available(order: Order): bigint {
    let sum = 0n
    for (const { price, size } of this.#opposite(order)) {
      if (order.type === 'limit' && worse(order.side, price, order.price)) break
      sum += size
    }
    return sum
  }

  #take(order: Order): void {
    for (const other of this.#opposite(order)) {
      if (!isOpen(order) || (order.type === 'limit' && worse(order.side, other.price, order.price))) break
      const size = least(other.size, order.size - order.filled)
      other.take(size)
      this.#fill(order, other.price, size, false)
      if (other.order !== null) this.#fill(other.order, other.price, size, true)
    }
  }

  /** Whom an order of this side trades with, best first. */
  *#opposite({ symbol, side }: Pick<Order, 'symbol' | 'side'>): Generator<Counterparty> {
    const levels = this.options.book(symbol).against(side)
    const orders = [...(this.#resting.get(symbol)?.[side === 'buy' ? 'sell' : 'buy'] ?? [])]
    let at = 0
    for (const level of levels) {
      for (; at < orders.length && better(side, (orders[at] as Order).price, level.price); at++)
        yield* ofOrder(orders[at] as Order)
      const size = level.size - level.taken
      if (size <= 0n) continue
      yield {
        price: level.price,
        size,
        order: null,
        take: (taken) => {
          level.taken += taken
        },
      }
    }
    for (; at < orders.length; at++) yield* ofOrder(orders[at] as Order)
  }

  /** Whether it must not trade at once, and would. */
  #wouldTake({ timeInForce, symbol, side, price: limit }: OrderTerms): boolean {
    if (timeInForce !== 'postOnly') return false
    for (const { price } of this.#opposite({ symbol, side })) return !worse(side, price, limit)
    return false
  }

  #fill(order: Order, price: bigint, size: bigint, maker: boolean): void {
    const { account, instrument, side } = order
    const nowMs = this.options.now()
    const quote = times(price, size)
    const [given, got] = side === 'buy' ? [instrument.quote, instrument.base] : [instrument.base, instrument.quote]
    const received = side === 'buy' ? size : quote
    const fee = times(received, maker ? this.options.makerFee : this.options.takerFee)
    order.filled += size
    order.quoteFilled += quote
    order.fee += fee
    order.updatedMs = nowMs
    order.state = order.filled >= order.size ? 'filled' : 'partiallyFilled'
    // A buy sets aside what its limit would cost; what a better price has saved comes free with the fill.
    const left = order.size - order.filled
    const stays =
      order.state === 'filled'
        ? 0n
        : side === 'sell'
          ? left
          : order.type === 'limit'
            ? times(order.price, left)
            : order.locked - quote
    const paid = side === 'buy' ? quote : size
    const balance = account.balance(given)
    balance.locked -= order.locked - stays
    balance.free += order.locked - stays - paid
    order.locked = stays
    account.balance(got).free += received - fee
    account.updatedMs = nowMs
    const fill: Fill = { tradeId: ++this.#lastTradeId, price, size, fee, feeAsset: got, maker, timeMs: nowMs }
    order.fills.push(fill)
    if (!isOpen(order)) {
      this.#unrest(order)
      this.#keep(order)
    }
    this.#tell('filled', order, fill)
  }

  #end(order: Order, state: 'canceled' | 'expired', reason: Order['endReason']): void {
    this.#settleEnd(order, state, reason)
    this.#keep(order)
    this.#tell(state, order)
  }

  #settleEnd(order: Order, state: 'canceled' | 'expired', reason: Order['endReason']): void {
    const { account, instrument } = order
    const balance = account.balance(order.side === 'buy' ? instrument.quote : instrument.base)
    balance.locked -= order.locked
    balance.free += order.locked
    order.locked = 0n
    order.state = state
    order.endReason = reason
    order.updatedMs = this.options.now()
    account.updatedMs = order.updatedMs
  }

  #rest(order: Order): void {
    let resting = this.#resting.get(order.symbol)
    if (resting === undefined) {
      resting = { buy: [], sell: [] }
      this.#resting.set(order.symbol, resting)
    }
    const list = resting[order.side]
    // Who pays most, or asks least, is first; among equals who was there first.
    const at = list.findIndex(({ price }) => worse(order.side, order.price, price))
    list.splice(at < 0 ? list.length : at, 0, order)
  }

  #unrest(order: Order): void {
    const list = this.#resting.get(order.symbol)?.[order.side]
    const at = list?.indexOf(order) ?? -1
    if (at >= 0) list?.splice(at, 1)
  }

  #keep(order: Order): void {
    order.account.keep(order, this.options.maxHistory)
  }

  #tell(kind: OrderEvent['kind'], order: Order, fill: Fill | null = null, oldClientId = order.clientId): void {
    this.options.onEvent({ kind, order, fill, oldClientId, timeMs: order.updatedMs })
  }
}

function* ofOrder(order: Order): Generator<Counterparty> {
  if (!isOpen(order)) return
  yield { price: order.price, size: order.size - order.filled, order, take: () => {} }
}

/** Whether an order of this side would rather not trade at `price` when its limit is `limit`. */
function worse(side: Side, price: bigint, limit: bigint): boolean {
  return side === 'buy' ? price > limit : price < limit
}

/** For who takes with `side`: whether `a` comes before `b`, sellers' prices from below and buyers' from above. */
function better(side: Side, a: bigint, b: bigint): boolean {
  return side === 'buy' ? a < b : a > b
}

function steps(price: bigint, size: bigint, { tick, lot }: Instrument): Refusal | null {
  if (price <= 0n || price % tick !== 0n) return 'priceStep'
  return size <= 0n || size % lot !== 0n ? 'sizeStep' : null
}

/** Whether what the engine gave back is a refusal. */
export function isRefusal(result: Order | Refusal): result is Refusal {
  return typeof result === 'string'
}
