/** An exchange's orders and trades, in no venue's words. */

export interface Order {
  readonly id: string
  readonly client: string
  readonly symbol: string
  readonly side: string
  price: string
  size: string
  filled: string
  state: 'open' | 'filled' | 'canceled'
  updated: number
  readonly placed: number
}

/** One trade of an order. */
export interface Trade {
  readonly id: string
  readonly order: Order
  readonly price: string
  readonly size: string
  readonly fee: string
  readonly feeAsset: string
  readonly maker: boolean
  readonly at: number
}

/** An order stands otherwise than it did; `trade` when that is why. */
export type Watcher = (order: Order, trade: Trade | null) => void

/** In thousandths and hundred-thousandths, which is all that tests trade in. */
const parts = (text: string): number => Math.round(Number(text) * 100_000)
const written = (count: number): string => (count / 100_000).toFixed(5)

/** The book itself. */
export class Book {
  readonly orders: Order[] = []
  readonly trades: Trade[] = []
  readonly watchers = new Set<Watcher>()
  /** What the private stream is asked for with, where it is by such a thing. */
  listenKey = 'listen-key-0'
  tokens = 0
  /** Client ids of executed orders: two of one are a double execution. */
  readonly executed: string[] = []
  /** What the dead-man's switch was set to, in milliseconds, in order. */
  readonly armed: number[] = []
  readonly #switches = new Map<string, NodeJS.Timeout>()
  #last = 8_389_765_519_993_908_000n

  place(order: Pick<Order, 'client' | 'symbol' | 'side' | 'price' | 'size'>): Order {
    const now = Date.now()
    const made: Order = { ...order, id: String(++this.#last), filled: '0', state: 'open', updated: now, placed: now }
    this.executed.push(order.client)
    this.orders.push(made)
    this.#tell(made, null)
    return made
  }

  /** Trades so much of an open order, at most what is left. */
  fill(order: Order, size: string): Trade | null {
    const left = parts(order.size) - parts(order.filled)
    const amount = Math.min(left, parts(size))
    if (order.state !== 'open' || amount <= 0) return null
    const trade: Trade = {
      id: `T${this.trades.length + 1}`,
      order,
      price: order.price,
      size: written(amount),
      fee: '0.00013',
      feeAsset: 'USDT',
      maker: true,
      at: Date.now(),
    }
    this.trades.push(trade)
    order.filled = written(parts(order.filled) + amount)
    order.updated = Date.now()
    if (amount === left) order.state = 'filled'
    this.#tell(order, trade)
    return trade
  }

  amend(order: Order, terms: { readonly price?: string | undefined; readonly size?: string | undefined }): Order {
    const { price = order.price, size = order.size } = terms
    Object.assign(order, { price, size, updated: Date.now() })
    this.#tell(order, null)
    return order
  }

  /** A dead-man's switch: cancels after so many milliseconds, of a symbol or all, unless it is set again; 0 unsets it. */
  deadMan(ms: number, symbol?: string): void {
    const name = symbol ?? ''
    this.armed.push(ms)
    clearTimeout(this.#switches.get(name))
    if (ms === 0) return
    const fire = (): void => {
      for (const order of this.open(symbol)) this.cancel(order)
    }
    this.#switches.set(name, setTimeout(fire, ms))
  }

  tradesOf(id: unknown): Trade[] {
    return this.trades.filter(({ order }) => order.id === String(id))
  }

  #tell(order: Order, trade: Trade | null): void {
    for (const watcher of this.watchers) watcher(order, trade)
  }

  find(id: unknown, client: unknown): Order | undefined {
    return this.orders.find((order) => (id === undefined ? order.client === client : order.id === String(id)))
  }

  open(symbol?: unknown): Order[] {
    return this.orders.filter((order) => order.state === 'open' && (symbol === undefined || order.symbol === symbol))
  }

  cancel(order: Order): Order {
    order.state = 'canceled'
    order.updated = Date.now()
    this.#tell(order, null)
    return order
  }
}
