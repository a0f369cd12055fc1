import type { OrderRef, OrderUpdate } from '../order/order.js'
import { OrderError } from '../order/order-error.js'
import { OrderTrack } from '../order/order-track.js'
import { FillLedger } from './fill-ledger.js'

/** What is kept of an order besides how it stands. */
interface Entry {
  readonly clientOrderId: string
  orderId: string
  fills: FillLedger
}

/** The orders of a desk, by either id. Those that have ended make room for new ones, the first to end first. */
export class TrackedOrders {
  readonly #most: number
  readonly #byClient = new Map<string, OrderTrack>()
  readonly #byVenue = new Map<string, OrderTrack>()
  readonly #ended = new Set<OrderTrack>()
  readonly #ids = new Map<OrderTrack, Entry>()

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#ids.size
  }

  /**
   * A new order. The client id of one that was certainly not executed may be used again.
   * @throws OrderError `ERR_ORDER_DUPLICATE` while its client id is remembered, `ERR_ORDER_CAPACITY` when all remembered orders are open.
   */
  add(symbol: string, clientOrderId: string): OrderTrack {
    const before = this.#byClient.get(clientOrderId)
    if (before?.status === 'refused') this.#forget(before)
    else if (before !== undefined) {
      throw new OrderError('ERR_ORDER_DUPLICATE', 'clientOrderId: an order with it has been placed already')
    }
    if (!this.#makeRoom()) throw new OrderError('ERR_ORDER_CAPACITY', 'too many orders are open: see `tracked`')
    const track = new OrderTrack(symbol, clientOrderId)
    this.#ids.set(track, { clientOrderId, orderId: '', fills: new FillLedger() })
    this.#byClient.set(clientOrderId, track)
    return track
  }

  /** By the venue's id, else by the client's: that may be used again when an order has ended, so that it tells nothing of another venue's id. */
  find({ orderId = '', clientOrderId = '' }: Pick<OrderRef, 'orderId' | 'clientOrderId'>): OrderTrack | undefined {
    const known = orderId === '' ? undefined : this.#byVenue.get(orderId)
    if (known !== undefined) return known
    const named = clientOrderId === '' ? undefined : this.#byClient.get(clientOrderId)
    if (named === undefined || orderId === '') return named
    const own = this.#ids.get(named)?.orderId ?? ''
    return own === '' || own === orderId ? named : undefined
  }

  /** The order that an update is about. One that was placed elsewhere is followed from now on, when there is room. */
  of(update: OrderUpdate): OrderTrack | null {
    const known = this.find(update)
    if (known !== undefined) return known
    if (update.symbol === '' || (update.orderId === '' && update.clientOrderId === '') || !this.#makeRoom()) return null
    const track = new OrderTrack(update.symbol, update.clientOrderId)
    this.#ids.set(track, { clientOrderId: update.clientOrderId, orderId: '', fills: new FillLedger() })
    if (update.clientOrderId !== '') this.#byClient.set(update.clientOrderId, track)
    return track
  }

  /** What has been told of an order's fills; null when it is not remembered any more. */
  fills(track: OrderTrack): FillLedger | null {
    return this.#ids.get(track)?.fills ?? null
  }

  /** Those that have not ended. */
  *open(): Generator<OrderTrack> {
    for (const track of this.#ids.keys()) if (!track.ended) yield track
  }

  /** Each once. */
  symbols(): readonly string[] {
    return [...new Set([...this.#ids.keys()].map(({ symbol }) => symbol))]
  }

  /** To be called after whatever has changed an order. */
  changed(track: OrderTrack): void {
    const ids = this.#ids.get(track)
    if (ids === undefined) return
    const orderId = track.state?.orderId ?? ''
    if (ids.orderId === '' && orderId !== '') {
      ids.orderId = orderId
      const stray = this.#byVenue.get(orderId)
      if (stray !== undefined && stray !== track) this.#adopt(track, ids, stray)
      this.#byVenue.set(orderId, track)
    }
    if (track.ended) this.#ended.add(track)
    else this.#ended.delete(track)
  }

  /** What was heard of an order by its venue's id alone, before it was known whose that is. */
  #adopt(track: OrderTrack, ids: Entry, stray: OrderTrack): void {
    const heard = this.#ids.get(stray)
    if (heard !== undefined && ids.fills.told === '0') ids.fills = heard.fills
    if (stray.state !== null) track.apply(stray.state)
    this.#forget(stray)
  }

  #makeRoom(): boolean {
    if (this.#ids.size < this.#most) return true
    const [oldest] = this.#ended
    if (oldest === undefined) return false
    this.#forget(oldest)
    return true
  }

  #forget(track: OrderTrack): void {
    const ids = this.#ids.get(track)
    this.#ended.delete(track)
    this.#ids.delete(track)
    if (ids === undefined) return
    if (this.#byClient.get(ids.clientOrderId) === track) this.#byClient.delete(ids.clientOrderId)
    if (this.#byVenue.get(ids.orderId) === track) this.#byVenue.delete(ids.orderId)
  }
}
