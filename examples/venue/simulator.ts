import { Instrument, type InstrumentSpec, instruments } from './market.ts'
import { aggTrade, bookTicker, depthUpdate, kline, type MessageKind, streamName } from './messages.ts'
import { Random } from './random.ts'

export interface SimulatorOptions {
  readonly seed?: number
  readonly instruments?: readonly InstrumentSpec[]
  /** Share of each kind among the messages; default: what a combined stream of a busy venue looks like. */
  readonly mix?: Partial<Record<MessageKind, number>>
  /** Levels on each side of a depth update. Default 20. */
  readonly depth?: number
  /** Wraps each message as `{"stream":…,"data":…}`. Default false. */
  readonly combined?: boolean
  /** `T` holds room for the sender's clock instead of the event's time. Default false. */
  readonly stamped?: boolean
  /** Time of the first message, Unix milliseconds. */
  readonly startMs?: number
}

const busyVenue: Record<MessageKind, number> = { bookTicker: 70, aggTrade: 18, depthUpdate: 10, kline: 2 }

/** An endless, reproducible stream of market data messages. */
export class Simulator {
  readonly #random: Random
  readonly #instruments: readonly Instrument[]
  readonly #pickInstrument: readonly number[]
  readonly #kinds: readonly (readonly [MessageKind, number])[]
  readonly #depth: number
  readonly #combined: boolean
  readonly #stamped: boolean
  #timeMs: number

  constructor(options: SimulatorOptions = {}) {
    this.#random = new Random(options.seed ?? 1)
    this.#depth = options.depth ?? 20
    this.#combined = options.combined ?? false
    this.#stamped = options.stamped ?? false
    this.#timeMs = options.startMs ?? 1_726_000_000_000
    this.#instruments = (options.instruments ?? instruments).map((spec) => new Instrument(spec, this.#random))
    this.#pickInstrument = this.#instruments.flatMap((i, n) => Array<number>(i.spec.weight).fill(n))

    const shares = Object.entries(options.mix ?? busyVenue) as [MessageKind, number][]
    const total = shares.reduce((sum, [, share]) => sum + share, 0)
    let upTo = 0
    this.#kinds = shares.map(([kind, share]) => {
      upTo += share / total
      return [kind, upTo]
    })
  }

  next(): string {
    const random = this.#random
    const instrument = this.#instruments[this.#pickInstrument[random.below(this.#pickInstrument.length)] ?? 0]
    if (instrument === undefined) throw new RangeError('a simulator needs at least one instrument')
    if (random.chance(0.2)) this.#timeMs += 1
    instrument.step()

    const kind = this.#kind()
    const message = this.#message(kind, instrument)
    return this.#combined ? `{"stream":"${streamName(kind, instrument.symbol)}","data":${message}}` : message
  }

  take(count: number): string[] {
    return Array.from({ length: count }, () => this.next())
  }

  #kind(): MessageKind {
    const draw = this.#random.unit()
    for (const [kind, upTo] of this.#kinds) if (draw < upTo) return kind
    return this.#kinds[this.#kinds.length - 1]?.[0] ?? 'bookTicker'
  }

  #message(kind: MessageKind, instrument: Instrument): string {
    switch (kind) {
      case 'bookTicker':
        return bookTicker(instrument, this.#timeMs, this.#stamped)
      case 'aggTrade':
        return aggTrade(instrument, this.#timeMs, this.#stamped, this.#random)
      case 'depthUpdate':
        return depthUpdate(instrument, this.#timeMs, this.#stamped, this.#random, this.#depth)
      case 'kline':
        return kline(instrument, this.#timeMs, this.#stamped)
    }
  }
}
