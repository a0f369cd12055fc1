import { compareDecimals } from '../order/decimal-text.js'
import type { OrderRef } from '../order/order.js'
import { acceptance, type OrderForm } from '../order/order-dialect.js'
import type { OrderTrack } from '../order/order-track.js'
import type { Fill } from '../stream/account-events.js'
import type { TradesOf } from '../stream/stream-plan.js'
import type { FillEvent } from './desk-events.js'
import { FillFinder } from './fill-finder.js'
import type { TrackedOrders } from './tracked-orders.js'

/** Milliseconds in which a stream tells the trades behind what an answer has told already. */
const graceMs = 500

/** Trades of orders that are not remembered, of which that they were told is. */
const mostStray = 10_000

/** What a desk tells of fills: each once, by its trade where the venue names it. */
export class Fills {
  readonly #orders: TrackedOrders
  readonly #finder: FillFinder
  readonly #hearing: () => boolean
  readonly #tellsTrades: boolean
  readonly #tell: (event: FillEvent) => void
  readonly #stray = new Set<string>()
  #closed = false

  constructor(parts: {
    readonly orders: TrackedOrders
    readonly trades: TradesOf | null
    readonly ask: (form: OrderForm) => Promise<unknown>
    /** Whether the desk was opened, so that trades are told or asked for. */
    readonly hearing: () => boolean
    readonly tellsTrades: boolean
    readonly tell: (event: FillEvent) => void
  }) {
    const { orders, trades, ask } = parts
    this.#orders = orders
    this.#hearing = parts.hearing
    this.#tellsTrades = parts.tellsTrades
    this.#tell = parts.tell
    this.#finder = new FillFinder({
      missing: (track) => this.#missing(track) !== '0',
      ask:
        trades === null
          ? null
          : async (track) => {
              for (const fill of await trades(refOf(track), ask)) this.heard(fill)
            },
      giveUp: (track) => this.#unnamed(track),
    })
  }

  /** More of an order may have been filled. */
  filled(track: OrderTrack): void {
    if (this.#missing(track) === '0') return
    if (!this.#hearing() || this.#closed) this.#unnamed(track)
    else this.#finder.want(track, this.#tellsTrades ? graceMs : 0)
  }

  /** An order has ended and nobody says with what: its trades are asked for, as they may still be known. */
  search(track: OrderTrack): void {
    if (!this.#closed && this.#hearing()) this.#finder.search(track)
  }

  /** A trade was told, by the stream or a look-up, perhaps not for the first time. */
  heard(fill: Fill): void {
    // Whatever that is, it is no trade.
    if (compareDecimals(fill.size, '0') <= 0) return
    const track = this.#orders.find(fill) ?? this.#orders.of(acceptanceOf(fill))
    if (track === null) {
      this.#strayFill(fill)
      return
    }
    this.#orders.changed(track)
    const size = this.#orders.fills(track)?.trade(fill.tradeId, fill.size, fill.otherId) ?? null
    if (size === null) return
    const { symbol, clientOrderId, state } = track
    this.#tell(Object.freeze({ ...fill, symbol, clientOrderId, side: fill.side ?? state?.side ?? null, size, state }))
  }

  close(): void {
    this.#closed = true
    this.#finder.close()
  }

  #missing(track: OrderTrack): string {
    return this.#orders.fills(track)?.missing(track.state?.filled ?? null) ?? '0'
  }

  /** So much was filled, by which trades is not known. */
  #unnamed(track: OrderTrack): void {
    const size = this.#missing(track)
    const { state } = track
    if (size === '0' || state === null) return
    this.#orders.fills(track)?.unnamed(size)
    this.#tell(
      Object.freeze({
        symbol: track.symbol,
        orderId: state.orderId,
        clientOrderId: track.clientOrderId,
        side: state.side,
        tradeId: '',
        price: null,
        size,
        fee: null,
        feeAsset: '',
        liquidity: null,
        timeMs: state.timeMs,
        raw: state.raw,
        state,
      }),
    )
  }

  #strayFill(fill: Fill): void {
    // Both sides of a trade may be ours.
    const name = `${fill.symbol} ${fill.orderId} ${fill.tradeId}`
    if (this.#stray.has(name)) return
    this.#stray.add(name)
    if (this.#stray.size > mostStray) {
      const [oldest] = this.#stray
      this.#stray.delete(oldest as string)
    }
    this.#tell(Object.freeze({ ...fill, state: null }))
  }
}

function refOf(track: OrderTrack): OrderRef {
  return {
    symbol: track.symbol,
    orderId: track.state?.orderId || undefined,
    clientOrderId: track.clientOrderId || undefined,
  }
}

function acceptanceOf({ symbol, orderId, clientOrderId, raw }: Fill) {
  return acceptance({ symbol }, { orderId, clientOrderId }, raw)
}
