import { amount, plainAmount } from '../amount.js'
import type { LevelText, Side } from './market-book.js'

/** What happens to an order of the market, as `setOrders` takes it. */
export interface MarketOrderChange {
  readonly event: 'add' | 'modify' | 'delete'
  readonly side: Side
  /** As the venue writes it. */
  readonly id: string
  /** Decimals, written as they are sent. A place is kept by what only becomes smaller. Of `delete` they are not looked at; `modify` may leave the price out. */
  readonly price?: string | undefined
  readonly size?: string | undefined
}

/** An order of the market as it waits. */
export interface MarketOrder {
  readonly id: string
  readonly side: Side
  readonly price: string
  readonly size: string
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint
}

/** The orders at one price, first filled first. */
export interface OrderLevel {
  readonly price: string
  readonly orders: readonly MarketOrder[]
}

/** Best price first. */
export interface MarketOrderBook {
  readonly bids: readonly OrderLevel[]
  readonly asks: readonly OrderLevel[]
}

/** What became of an order: one of another price is taken away and added anew. */
export interface AppliedChange {
  readonly event: 'add' | 'modify' | 'delete'
  readonly order: MarketOrder
}

/** The orders of one instrument. */
export class OrderQueues {
  readonly #orders = new Map<string, MarketOrder>()
  /** By side and price, in 10^-18. */
  readonly #levels = { buy: new Map<bigint, MarketOrder[]>(), sell: new Map<bigint, MarketOrder[]>() }
  #lastNs = 0n

  /**
   * All of them, or, when one is wrong, none.
   * @param nowMs when they happen; no two orders get the same time.
   * @throws RangeError naming the change at fault.
   */
  apply(changes: readonly MarketOrderChange[], nowMs: number): AppliedChange[] {
    this.#check(changes)
    return changes.flatMap((change) => this.#apply(change, nowMs))
  }

  /** Best first. */
  levels(side: Side): OrderLevel[] {
    const sign = side === 'buy' ? -1 : 1
    return [...this.#levels[side]]
      .sort(([a], [b]) => (a < b ? -sign : sign))
      .map(([, orders]) => ({ price: (orders[0] as MarketOrder).price, orders }))
  }

  book(): MarketOrderBook {
    return { bids: this.levels('buy'), asks: this.levels('sell') }
  }

  /** The sums at the prices of these orders: size 0 where there is none any more. */
  sums(side: Side, changes: readonly AppliedChange[]): LevelText[] {
    const prices = new Map(
      changes.flatMap(({ order }) => (order.side === side ? [[amount(order.price), order.price]] : [])) as [
        bigint,
        string,
      ][],
    )
    return [...prices].map(([price, text]) => {
      const sum = (this.#levels[side].get(price) ?? []).reduce((all, { size }) => all + amount(size), 0n)
      return [text, plainAmount(sum)]
    })
  }

  #check(changes: readonly MarketOrderChange[]): void {
    const known = new Map([...this.#orders].map(([id, { side }]) => [id, side]))
    for (const { event, side, id, price, size } of changes) {
      const fault = (why: string): RangeError => new RangeError(`${event} ${id}: ${why}`)
      if (!/^[0-9A-Z-]{1,24}$/.test(id)) throw fault('the id is none')
      if (side !== 'buy' && side !== 'sell') throw fault('the side is none')
      if (event === 'add' ? known.has(id) : known.get(id) !== side)
        throw fault(`is ${event === 'add' ? '' : 'not '}there`)
      if (event === 'delete') known.delete(id)
      else {
        if (size === undefined || amount(size) <= 0n) throw fault('needs a size above 0')
        if (price === undefined ? event === 'add' : amount(price) <= 0n) throw fault('needs a price above 0')
        known.set(id, side)
      }
    }
  }

  #apply({ event, side, id, price, size = '' }: MarketOrderChange, nowMs: number): AppliedChange[] {
    const before = this.#orders.get(id)
    if (event === 'add') return [this.#add({ id, side, price: price as string, size }, nowMs)]
    if (before === undefined) return []
    if (event === 'delete') return [this.#remove(before)]
    if (price !== undefined && amount(price) !== amount(before.price)) {
      return [this.#remove(before), this.#add({ id, side, price, size }, nowMs)]
    }
    if (amount(size) > amount(before.size)) {
      this.#remove(before)
      return [{ event: 'modify', order: this.#add({ id, side, price: before.price, size }, nowMs).order }]
    }
    // Smaller: it keeps its place.
    const order = { ...before, size }
    const queue = this.#queue(order)
    queue[queue.indexOf(before)] = order
    this.#orders.set(id, order)
    return [{ event: 'modify', order }]
  }

  #add(given: Omit<MarketOrder, 'timeNs'>, nowMs: number): AppliedChange {
    const now = BigInt(nowMs) * 1_000_000n
    this.#lastNs = now > this.#lastNs ? now : this.#lastNs + 1n
    const order = { ...given, timeNs: this.#lastNs }
    this.#orders.set(order.id, order)
    this.#queue(order).push(order)
    return { event: 'add', order }
  }

  #remove(order: MarketOrder): AppliedChange {
    this.#orders.delete(order.id)
    const queue = this.#queue(order)
    queue.splice(queue.indexOf(order), 1)
    if (queue.length === 0) this.#levels[order.side].delete(amount(order.price))
    return { event: 'delete', order }
  }

  #queue({ side, price }: MarketOrder): MarketOrder[] {
    const levels = this.#levels[side]
    const key = amount(price)
    let queue = levels.get(key)
    if (queue === undefined) {
      queue = []
      levels.set(key, queue)
    }
    return queue
  }
}

/** The orders of all instruments. */
export class MarketOrders {
  readonly #bySymbol = new Map<string, OrderQueues>()

  of(symbol: string): OrderQueues {
    let queues = this.#bySymbol.get(symbol)
    if (queues === undefined) {
      queues = new OrderQueues()
      this.#bySymbol.set(symbol, queues)
    }
    return queues
  }
}
