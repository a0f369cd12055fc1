import type { Channel } from '../runtime/channel.js'
import type { ConflateMemory } from '../runtime/conflation.js'
import type { Emitter, FailureSink, Slot } from '../runtime/emitter.js'
import { TickwireError } from '../runtime/errors.js'
import { HistogramWriter } from '../runtime/histogram.js'
import { MessageView } from '../runtime/message-view.js'
import {
  aboutShape,
  type GapRecord,
  type MalformedRecord,
  type PongRecord,
  type StateRecord,
} from '../runtime/records.js'
import type { RecordSink } from '../runtime/ring-reader.js'
import { RowBatch } from '../runtime/row-batch.js'
import { viewsOf } from '../runtime/row-window.js'
import type { StatsMemory } from '../runtime/stats.js'
import { type RawDecoder, RowDecoder, rowInternals } from './decoder.js'
import type { FeedLifeEvents } from './events.js'
import { Pull } from './pull.js'

/** Events by name, whatever kind of feed they are of. */
export type AnyEvents = { [event: string]: unknown }

/** What a delivery tells its feed. */
export interface DeliveryOwner {
  state(record: StateRecord): void
  fail: FailureSink
  channel(): Channel | null
}

/** Takes a feed's records from the ring's reader to its listeners and its iteration. */
export class Delivery implements RecordSink {
  batches: readonly RowBatch[] = []
  message: MessageView
  delivery: HistogramWriter
  readonly maxBatch: number
  readonly #decoder: RowDecoder | RawDecoder
  readonly #emitter: Emitter<AnyEvents>
  readonly #owner: DeliveryOwner
  readonly #nowNs: () => number
  readonly #rows: Slot<RowBatch>
  readonly #rowsOf: readonly Slot<RowBatch>[]
  readonly #messages: Slot<MessageView>
  #pull: Pull<unknown> | null = null

  constructor(
    decoder: RowDecoder | RawDecoder,
    emitter: Emitter<AnyEvents>,
    maxBatch: number,
    nowNs: () => number,
    owner: DeliveryOwner,
  ) {
    this.#decoder = decoder
    this.#emitter = emitter
    this.maxBatch = maxBatch
    this.#nowNs = nowNs
    this.#owner = owner
    const slot = <T>(event: string): Slot<T> => emitter.slot(event) as Slot<T>
    this.#rows = slot('rows')
    this.#rowsOf = decoder instanceof RowDecoder ? decoder.names.map((name) => slot(`rows:${name}`)) : []
    this.#messages = slot('message')
    const nothing = new ArrayBuffer(64)
    this.message = new MessageView(viewsOf(nothing), 'bytes')
    this.delivery = new HistogramWriter(new ArrayBuffer(16_384), 0)
  }

  /** Records of a new connection come through `channel`. */
  start(channel: Channel, stats: StatsMemory, conflate: ConflateMemory | null): void {
    const decoder = this.#decoder
    const { views } = channel.reader
    this.delivery = stats.delivery
    this.message = new MessageView(views, decoder instanceof RowDecoder ? 'bytes' : decoder.form)
    if (!(decoder instanceof RowDecoder)) return
    const { compiled, cursors } = rowInternals(decoder)
    this.batches = compiled.map(({ layout }, i) => {
      const cursor = cursors[i]
      if (cursor === undefined) throw new TickwireError('ERR_TICKWIRE_SCHEMA', `no cursor for ${layout.name}`)
      return new RowBatch(layout, cursor, views, channel.symbols, conflate?.readers[i] ?? null)
    })
  }

  get holding(): boolean {
    return this.#pull?.holding === true
  }

  /** Whether somebody iterates. */
  get pulling(): boolean {
    return this.holding
  }

  pull(): Pull<unknown> {
    if (this.pulling) throw new TickwireError('ERR_TICKWIRE_ITERATING', 'the feed is being iterated already')
    const pull: Pull<unknown> = new Pull({
      sink: this,
      channel: () => this.#owner.channel(),
      nowNs: this.#nowNs,
      left: () => {
        if (this.#pull === pull) this.#pull = null
      },
    })
    this.#pull = pull
    return pull
  }

  /** Ends the iteration, by `error` or null, and lets the reader go on. */
  endPull(error: unknown): void {
    const pull = this.#pull
    if (pull === null) return
    this.#pull = null
    pull.end(error)
    const channel = this.#owner.channel()
    if (channel === null) return
    channel.reader.release(this)
    channel.run()
  }

  emit<E extends keyof FeedLifeEvents>(event: E, value: FeedLifeEvents[E]): void {
    this.emitAny(event, value)
  }

  /** A connection has opened. What there is to say of it depends on the kind of feed. */
  emitOpen(connection: unknown): void {
    this.emitAny('open', connection)
  }

  protected emitAny(event: string, value: unknown): void {
    this.#emitter.slot(event).emit(value, this.#owner.fail)
  }

  onRows(batch: RowBatch, shape: number): void {
    const { fail } = this.#owner
    if (this.#rows.size > 0) this.#rows.emit(batch, fail)
    const own = this.#rowsOf[shape] as Slot<RowBatch>
    if (own.size > 0) own.emit(batch, fail)
    if (this.#pull !== null) this.#pull.offer(batch)
  }

  onMessage(message: MessageView): void {
    this.#messages.emit(message, this.#owner.fail)
    if (this.#pull !== null) this.#pull.offer(message)
  }

  onState(record: StateRecord): void {
    this.#owner.state(record)
  }

  onGap({ lost, timeNs }: GapRecord): void {
    this.emit('gap', { lost, timeNs })
  }

  onMalformed({ shape, field, ...record }: MalformedRecord): void {
    const decoder = this.#decoder
    const layout = decoder instanceof RowDecoder ? rowInternals(decoder).compiled[shape]?.layout : undefined
    const known = field >= 0 || aboutShape.has(record.why) ? layout : undefined
    this.emit('malformed', {
      ...record,
      shape: known?.name ?? null,
      field: field < 0 ? null : (known?.fields[field]?.name ?? null),
    })
  }

  onPong({ rttNs, timeNs }: PongRecord): void {
    this.emit('pong', { rttMs: rttNs / 1e6, timeNs })
  }
}
