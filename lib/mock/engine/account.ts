import type { KeyObject } from 'node:crypto'
import { amount } from '../amount.js'
import { isOpen, type Order } from './order.js'

/** What one asset stands at, in 10^-18. */
export interface Balance {
  free: bigint
  locked: bigint
}

/** How its owner proves who it is. */
export interface Credentials {
  readonly apiKey: string
  /** For HMAC; null when `publicKey` is there instead. */
  readonly secret: string | null
  readonly publicKey: KeyObject | null
  readonly passphrase: string
}

/** Money and orders of one trader. */
export class Account {
  readonly credentials: Credentials
  readonly uid: number
  readonly balances = new Map<string, Balance>()
  /** All orders that are remembered, in the order in which they came. */
  readonly orders = new Map<bigint, Order>()
  updatedMs = 0
  readonly #open = new Set<Order>()
  readonly #openByClientId = new Map<string, Order>()

  constructor(credentials: Credentials, uid: number, balances: Readonly<Record<string, string>>) {
    this.credentials = credentials
    this.uid = uid
    for (const [asset, text] of Object.entries(balances)) this.balance(asset).free = amount(text)
  }

  balance(asset: string): Balance {
    let balance = this.balances.get(asset)
    if (balance === undefined) {
      balance = { free: 0n, locked: 0n }
      this.balances.set(asset, balance)
    }
    return balance
  }

  get open(): ReadonlySet<Order> {
    return this.#open
  }

  /** Remembers an order that was made or has changed; forgets the oldest ended ones beyond `most`. */
  keep(order: Order, most: number): void {
    this.orders.set(order.id, order)
    if (isOpen(order)) {
      this.#open.add(order)
      if (order.clientId !== '') this.#openByClientId.set(order.clientId, order)
    } else this.#ended(order)
    if (this.orders.size <= most + this.#open.size) return
    for (const each of this.orders.values()) {
      if (isOpen(each)) continue
      this.orders.delete(each.id)
      break
    }
  }

  /** The client id of an open order becomes another. */
  rename(order: Order, clientId: string): void {
    this.#openByClientId.delete(order.clientId)
    order.clientId = clientId
    if (isOpen(order)) this.#openByClientId.set(clientId, order)
  }

  #ended(order: Order): void {
    this.#open.delete(order)
    if (this.#openByClientId.get(order.clientId) === order) this.#openByClientId.delete(order.clientId)
  }

  openWith(clientId: string): Order | undefined {
    return this.#openByClientId.get(clientId)
  }

  /** The order with this id; by client id the open one, else the last that had it. */
  find(id: bigint | null, clientId: string): Order | undefined {
    if (id !== null) return this.orders.get(id)
    const open = this.openWith(clientId)
    if (open !== undefined) return open
    let found: Order | undefined
    for (const order of this.orders.values()) if (order.clientId === clientId) found = order
    return found
  }
}
