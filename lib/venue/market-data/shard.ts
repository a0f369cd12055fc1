import type { JsonDecoder } from '../../feed/decoder.js'
import type { MarketStream } from '../market/market-feeds.js'
import type { MarketOutage } from './events.js'
import type { Lane } from './lane.js'
import type { MarketSocketKind, Topic } from './protocol.js'

/** Longer than bytes need to come, also on a machine that is busy. */
const onTheirWayMs = 500

/** Symbols that are on one socket of each path. */
export class Shard<D extends JsonDecoder> {
  readonly symbols = new Set<string>()
  readonly streams: readonly MarketStream[]
  /** Symbols that it takes. */
  readonly room: number
  readonly kind: MarketSocketKind
  readonly lanes: readonly Lane<D>[]
  // When it was last looked at, and when before the last time that something had come. Monotonic milliseconds.
  #lookedAt = performance.now()
  #heardBefore = this.#lookedAt
  #bytes = 0
  #isUp = false
  #down: { readonly sinceMs: number; readonly reason: string } | null = null

  constructor(streams: readonly MarketStream[], room: number, kind: MarketSocketKind, lanes: readonly Lane<D>[]) {
    this.streams = streams
    this.room = room
    this.kind = kind
    this.lanes = lanes
  }

  topics(symbols: Iterable<string>): Topic[] {
    return [...symbols].flatMap((symbol) => this.streams.map((stream) => ({ symbol, stream })))
  }

  /** Whether anything has come. To be called now and then. */
  look(): void {
    const bytes = this.lanes.reduce((sum, lane) => sum + lane.received, 0)
    if (bytes !== this.#bytes) this.#heardBefore = this.#lookedAt
    this.#bytes = bytes
    this.#lookedAt = performance.now()
  }

  /** A socket is subscribed, or gone for this reason. What that ends: the time in which none was subscribed. */
  changed(reason: string | null): MarketOutage | null {
    const isUp = this.lanes.some(({ sockets }) => sockets.some(({ ready }) => ready))
    if (isUp === this.#isUp) return null
    this.#isUp = isUp
    this.look()
    if (!isUp) {
      // What was sent behind the last bytes that came may be lost: they came after the look before, and were sent before they came.
      this.#down = { sinceMs: this.#heardBefore - onTheirWayMs, reason: reason ?? '' }
      return null
    }
    const down = this.#down
    this.#down = null
    if (down === null) return null
    const ms = performance.now() - down.sinceMs
    const until = Date.now()
    return { symbols: [...this.symbols], streams: this.streams, since: until - ms, until, ms, reason: down.reason }
  }
}
