import { compareDecimals, subtractDecimals } from './decimal-text.js'
import type { OrderStatus, OrderUpdate } from './order.js'

/**
 * How an order stands by all that is known: the venue's words, or before there are any
 *
 * - `sending`: it is on its way, or about to be;
 * - `unknown`: its answer was lost, so that it may have been executed;
 * - `refused`: it certainly was not executed, and will not be.
 */
export type TrackedStatus = 'sending' | 'unknown' | 'refused' | OrderStatus

/** What one more message has changed. */
export interface OrderChange {
  readonly from: TrackedStatus
  readonly to: TrackedStatus
  /** What has been filled since the last change, `'0'` for nothing. */
  readonly filledBy: string
  /** Anything at all is known that was not. */
  readonly changed: boolean
}

/**
 * Later in the list knows more. Of two ends that venues report for one order, the later wins: a cancel that came too late is answered with an
 * order that is filled.
 */
const order: readonly TrackedStatus[] = [
  'sending',
  'unknown',
  'refused',
  'accepted',
  'open',
  'partiallyFilled',
  'gone',
  'rejected',
  'expired',
  'canceled',
  'filled',
]
const rank = new Map(order.map((status, i) => [status, i] as const))
const rankOf = (status: TrackedStatus): number => rank.get(status) ?? 0
const firstEnd = rankOf('gone')
const firstOfVenue = rankOf('accepted')

/**
 * One order through lost, late, repeated and swapped messages. What is known only grows, by rules that do not depend on the order in which
 * messages come: answers, pushes and look-ups can be applied as they arrive, any number of times. Pure: no clock, no I/O.
 */
export class OrderTrack {
  readonly symbol: string
  #local: 'sending' | 'unknown' | 'refused' = 'sending'
  #orderId = ''
  #clientOrderId: string
  #status: OrderStatus | null = null
  #side: OrderUpdate['side'] = null
  #type = ''
  #price: string | null = null
  #size: string | null = null
  #filled: string | null = null
  #quoteFilled: string | null = null
  #averagePrice: string | null = null
  #timeMs = Number.NaN
  /** The messages that price and size are from: the newest that told them. */
  #priceFrom: OrderUpdate | null = null
  #sizeFrom: OrderUpdate | null = null
  #raw: unknown = undefined
  #newest: OrderUpdate | null = null
  /** The newest message when the venue knew it no more; null: it knows it. */
  #goneAfter: OrderUpdate | null = null
  /** The last question to the venue that had been asked by then. */
  #goneAt = 0

  constructor(symbol: string, clientOrderId = '') {
    this.symbol = symbol
    this.#clientOrderId = clientOrderId
  }

  /** `''` while it is not known. */
  get clientOrderId(): string {
    return this.#clientOrderId
  }

  get status(): TrackedStatus {
    return this.#goneAfter === null ? (this.#status ?? this.#local) : 'gone'
  }

  /** It has ended: nothing more will happen to it. */
  get ended(): boolean {
    if (this.#goneAfter !== null) return true
    return this.#status === null ? this.#local === 'refused' : rankOf(this.#status) >= firstEnd
  }

  /** The venue has been heard about it. */
  get confirmed(): boolean {
    return this.#status !== null
  }

  /** The answer was lost: it may have been executed. */
  lost(): OrderChange {
    return this.#locally('unknown')
  }

  /** It was certainly not executed: refused, never sent, or not to be found after its validity. The venue's own words count for more. */
  refused(): OrderChange {
    return this.#locally('refused')
  }

  /**
   * It was there, and the venue does not know it any more. What is heard of it later, and was not said before, counts for more: an end, or
   * that it is there after all.
   * @param asked number of the last question that the venue was asked before: see {@link apply}.
   */
  gone(asked = 0): OrderChange {
    const from = this.status
    if (this.#status !== null && !this.ended) {
      this.#goneAfter = this.#newest
      this.#goneAt = asked
    }
    return { from, to: this.status, filledBy: '0', changed: from !== this.status }
  }

  /**
   * The venue says how it stands.
   * @param asked number of the question that this answers, counted over all orders; 0: nobody asked. A message may be late; what was asked for when
   * the order was gone says that it is there after all, even where it says nothing new.
   */
  apply(update: OrderUpdate, asked = 0): OrderChange {
    const from = this.status
    const before = this.#filled ?? '0'
    let changed = false
    const grow = (done: boolean): void => {
      changed ||= done
    }
    grow(this.#identify(update))
    grow(this.#learnFills(update))
    grow(this.#learnTerms(update))
    grow(this.#advance(update))
    if (this.#goneAfter !== null) {
      const hasEnded = rankOf(this.#status ?? 'sending') >= firstEnd
      if (hasEnded || asked > this.#goneAt || newer(update, this.#goneAfter)) {
        this.#goneAfter = null
        grow(true)
      }
    }
    const filledBy =
      compareDecimals(this.#filled ?? '0', before) > 0 ? subtractDecimals(this.#filled ?? '0', before) : '0'
    return { from, to: this.status, filledBy, changed }
  }

  /** All that is known; null while the venue has not been heard. */
  get state(): OrderUpdate | null {
    if (this.#status === null) return null
    return Object.freeze({
      symbol: this.symbol,
      orderId: this.#orderId,
      clientOrderId: this.#clientOrderId,
      status: this.#goneAfter === null ? this.#status : 'gone',
      side: this.#side,
      type: this.#type,
      price: this.#price,
      size: this.#size,
      filled: this.#filled,
      quoteFilled: this.#quoteFilled,
      averagePrice: this.#averagePrice,
      timeMs: this.#timeMs,
      raw: this.#raw,
    })
  }

  #locally(status: 'unknown' | 'refused'): OrderChange {
    const from = this.status
    if (rankOf(status) > rankOf(this.#local)) this.#local = status
    return { from, to: this.status, filledBy: '0', changed: from !== this.status }
  }

  #identify({ orderId, clientOrderId, side, type }: OrderUpdate): boolean {
    let changed = false
    if (this.#orderId === '' && orderId !== '') {
      this.#orderId = orderId
      changed = true
    }
    if (this.#clientOrderId === '' && clientOrderId !== '') {
      this.#clientOrderId = clientOrderId
      changed = true
    }
    if (this.#side === null && side !== null) {
      this.#side = side
      changed = true
    }
    if (this.#type === '' && type !== '') {
      this.#type = type
      changed = true
    }
    return changed
  }

  /** Fills only grow, so the largest is the newest, whatever the times say. */
  #learnFills(update: OrderUpdate): boolean {
    const { filled, quoteFilled, averagePrice } = update
    if (filled === null) return false
    const known = this.#filled
    const than = known === null ? 1 : compareDecimals(filled, known)
    if (than < 0) return false
    if (than > 0) {
      this.#filled = filled
      this.#quoteFilled = quoteFilled
      this.#averagePrice = averagePrice
      return true
    }
    // The same fills, told by another message that may say more of them.
    if (known !== null && filled.length > known.length) this.#filled = filled
    const before = [this.#quoteFilled, this.#averagePrice]
    this.#quoteFilled = larger(this.#quoteFilled, quoteFilled)
    this.#averagePrice = larger(this.#averagePrice, averagePrice)
    return before[0] !== this.#quoteFilled || before[1] !== this.#averagePrice
  }

  /** Price and size can be amended: the newest message that tells them counts. */
  #learnTerms(update: OrderUpdate): boolean {
    const { price, size } = update
    const before = [this.#price, this.#size]
    if (price !== null && newer(update, this.#priceFrom)) {
      this.#priceFrom = update
      this.#price = price
    }
    if (size !== null && newer(update, this.#sizeFrom)) {
      this.#sizeFrom = update
      this.#size = size
    }
    return before[0] !== this.#price || before[1] !== this.#size
  }

  #advance(update: OrderUpdate): boolean {
    let changed = false
    const status = this.#concluded(update)
    if (this.#status === null || rankOf(status) > rankOf(this.#status)) {
      this.#status = status
      changed = true
    }
    if (newer(update, this.#newest)) {
      this.#newest = update
      this.#timeMs = update.timeMs
      this.#raw = update.raw
    }
    return changed
  }

  /** A message that is older than the fills says less than is known. */
  #concluded({ status }: OrderUpdate): OrderStatus {
    const some = this.#filled !== null && compareDecimals(this.#filled, '0') > 0
    const open = rankOf(status) < rankOf('partiallyFilled') && rankOf(status) >= firstOfVenue
    return some && open ? 'partiallyFilled' : status
  }
}

function larger(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b
  const than = compareDecimals(a, b)
  if (than !== 0) return than > 0 ? a : b
  return a.length >= b.length ? a : b
}

function newer(update: OrderUpdate, known: OrderUpdate | null): boolean {
  return known === null || compareMessages(update, known) > 0
}

/** By the venue's time, then by what they say: an order of all messages that does not depend on when they came. */
function compareMessages(a: OrderUpdate, b: OrderUpdate): number {
  const [at, bt] = [Number.isNaN(a.timeMs) ? -1 : a.timeMs, Number.isNaN(b.timeMs) ? -1 : b.timeMs]
  if (at !== bt) return at - bt
  const byRank = rankOf(a.status) - rankOf(b.status)
  if (byRank !== 0) return byRank
  const byFills = compareDecimals(a.filled ?? '0', b.filled ?? '0')
  if (byFills !== 0) return byFills
  const [left, right] = [`${a.price} ${a.size}`, `${b.price} ${b.size}`]
  return left < right ? -1 : left > right ? 1 : 0
}
