import { CaptureError } from '../capture/errors.js'
import { openCapture } from '../capture/open.js'
import type { CaptureRecord } from '../capture/record.js'
import { type Decoder, RowDecoder } from '../feed/decoder.js'
import type { FeedItem } from '../feed/events.js'
import { MessageDecoder, type MessageSink } from '../feed/row-batches.js'
import { Emitter, type Listener, throwLater } from '../runtime/emitter.js'
import { TickwireError } from '../runtime/errors.js'
import type { ReplayConnection, ReplayEvents, ReplayStats } from './events.js'
import { type CheckedReplay, checkReplay, type ReplayOptions, type ReplaySource, unixNs, wants } from './options.js'
import { ordered, type RecordSource, type Timed } from './ordered.js'
import { Pace } from './pace.js'

/**
 * What was recorded, once more: the rows and events that a feed with the same decoder would have given, in the order and rhythm of
 * their times. `rxTimeNs` of rows is the recorded time of receipt in Unix nanoseconds (a double: exact to 256 ns).
 *
 * ```ts
 * const played = replay('today.capture', { decode, speed: 'max' })
 * played.on('rows:trades', (rows) => { for (const row of rows) strategy(row) })
 * await played.run()
 * ```
 */
export class Replay<const D extends Decoder> implements AsyncIterable<FeedItem<D>> {
  readonly #sources: readonly ReplaySource[]
  readonly #options: CheckedReplay
  readonly #decoder: MessageDecoder
  readonly #emitter = new Emitter<Record<string, unknown>>()
  readonly #wants: (url: string) => boolean
  readonly #pace: Pace
  readonly #connections = new Map<string, ReplayConnection & { readonly isWanted: boolean }>()
  readonly #counts = { records: 0, messages: 0, malformed: 0, batches: 0, lost: 0 }
  #timeNs: bigint | null = null
  #isTaken = false
  #isStopped = false
  /** Of the message that is being decoded. */
  #message: { readonly data: Uint8Array; readonly unixNs: bigint } | null = null

  /** @throws ConfigError. Use {@link replay}. */
  constructor(sources: readonly ReplaySource[], options: ReplayOptions<D>) {
    this.#sources = sources
    this.#options = checkReplay(options)
    this.#decoder = new MessageDecoder(this.#options.decode)
    this.#wants = wants(this.#options.url)
    const { speed, signal } = this.#options
    this.#pace = new Pace(speed === 'max' ? Number.POSITIVE_INFINITY : speed, signal)
  }

  stats(): ReplayStats {
    return { ...this.#counts, timeNs: this.#timeNs }
  }

  /** Recorded time per real time from now on. @throws RangeError */
  setSpeed(speed: number | 'max'): void {
    if (speed !== 'max' && !(speed >= 0.001 && speed <= 1_000_000))
      throw new RangeError('`speed` must be 0.001…1,000,000 or `max`')
    this.#pace.speed = speed === 'max' ? Number.POSITIVE_INFINITY : speed
  }

  /**
   * Plays it to its end, for listeners alone.
   * @throws CaptureError; the signal's reason; TickwireError `ERR_TICKWIRE_ITERATING` when it was played before.
   */
  async run(): Promise<ReplayStats> {
    for await (const _ of this) {
    }
    return this.stats()
  }

  /** Ends it at the next record. */
  stop(): void {
    this.#isStopped = true
  }

  on<E extends keyof ReplayEvents<D> & string>(event: E, listener: Listener<ReplayEvents<D>[E]>): this {
    this.#emitter.slot(event).add(listener as Listener<unknown>)
    return this
  }

  once<E extends keyof ReplayEvents<D> & string>(event: E, listener: Listener<ReplayEvents<D>[E]>): this {
    this.#emitter.slot(event).addOnce(listener as Listener<unknown>)
    return this
  }

  off<E extends keyof ReplayEvents<D> & string>(event: E, listener: Listener<ReplayEvents<D>[E]>): this {
    this.#emitter.slot(event).remove(listener as Listener<unknown>)
    return this
  }

  /**
   * Plays it: each batch is valid until the next is asked for, and listeners have had it before. Once.
   * @throws as {@link run}.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<FeedItem<D>, undefined, undefined> {
    if (this.#isTaken) throw new TickwireError('ERR_TICKWIRE_ITERATING', 'a replay is played once')
    this.#isTaken = true
    const { signal } = this.#options
    let failure: Error | null = null
    try {
      signal?.throwIfAborted()
      for await (const piece of ordered(await this.#open(), BigInt(Math.round(this.#options.window * 1e6)))) {
        for (const timed of piece) {
          const due = this.#isPlayed(timed)
          if (due === 'over') return
          if (due === 'now') {
            const wait = this.#pace.before(timed.unixNs)
            if (wait !== null) await wait
          }
          signal?.throwIfAborted()
          if (this.#isStopped) return
          yield* this.#play(timed, due === 'now') as Generator<FeedItem<D>>
        }
      }
    } catch (error) {
      failure = error as Error
      throw error
    } finally {
      this.#emit('close', failure)
    }
  }

  async #open(): Promise<RecordSource[]> {
    const opened: RecordSource[] = []
    for (const source of this.#sources) {
      if (typeof source === 'string') opened.push(await openCapture(source))
      else if (Symbol.asyncIterator in source) opened.push(source)
      else opened.push(fromIterable(source))
    }
    return opened
  }

  #isPlayed({ unixNs: at }: Timed): 'before' | 'now' | 'over' {
    const { from, to } = this.#options
    this.#counts.records++
    this.#timeNs = at
    if (to !== undefined && at > unixNs(to)) return 'over'
    return from !== undefined && at < unixNs(from) ? 'before' : 'now'
  }

  *#play({ unixNs: at, source, record }: Timed, isPlayed: boolean): Generator<unknown, void, undefined> {
    const key = 'connection' in record ? `${source}:${record.connection}` : ''
    switch (record.type) {
      case 'open': {
        const { connection, url } = record
        const opened = { source, connection, url, timeNs: at, isWanted: this.#wants(url) }
        this.#connections.set(key, opened)
        if (opened.isWanted) this.#emit('open', opened)
        return
      }
      case 'close': {
        const known = this.#connections.get(key)
        this.#connections.delete(key)
        if (known?.isWanted)
          this.#emit('disconnect', { ...known, timeNs: at, code: record.code, reason: record.reason })
        return
      }
      case 'lost':
        this.#counts.lost += record.count
        if (isPlayed) this.#emit('gap', { lost: record.count, timeNs: at })
        return
      case 'answer':
        if (isPlayed) this.#emit('answer', { url: record.url, body: record.data, timeNs: at })
        return
      case 'sent':
        if (isPlayed && this.#isWanted(key))
          this.#emit('sent', {
            url: this.#connections.get(key)?.url ?? '',
            isBinary: record.binary,
            data: record.data,
            timeNs: at,
          })
        return
      case 'received': {
        if (!isPlayed || !this.#isWanted(key)) return
        this.#counts.messages++
        this.#message = { data: record.data, unixNs: at }
        for (const item of this.#decoder.decode(record.data, record.binary, Number(at), this.#sink)) {
          this.#counts.batches++
          yield item
        }
      }
    }
  }

  /** A recording may begin in the middle of a connection. */
  #isWanted(key: string): boolean {
    return this.#connections.get(key)?.isWanted ?? this.#options.url === undefined
  }

  readonly #sink: MessageSink = {
    rows: (batch, shape) => {
      this.#emit('rows', batch)
      const { decode } = this.#options
      if (decode instanceof RowDecoder) this.#emit(`rows:${decode.names[shape]}`, batch)
    },
    message: (view) => this.#emit('message', view),
    refused: ({ why, shape, field }) => {
      this.#counts.malformed++
      const { data, unixNs: timeNs } = this.#message ?? { data: new Uint8Array(0), unixNs: 0n }
      this.#emit('malformed', { why, shape, field, sample: data, length: data.length, timeNs })
    },
  }

  #emit(event: string, value: unknown): void {
    const slot = this.#emitter.slot(event)
    if (slot.size > 0) slot.emit(value, throwLater)
  }
}

/** Records of an iterable that are taken at a time. */
const pieceRecords = 1_024

function fromIterable(records: Iterable<CaptureRecord>): RecordSource {
  return { [Symbol.asyncIterator]: () => one(records), pieces: () => several(records) }
}

async function* one(records: Iterable<CaptureRecord>): AsyncGenerator<CaptureRecord> {
  yield* records
}

async function* several(records: Iterable<CaptureRecord>): AsyncGenerator<readonly CaptureRecord[]> {
  let piece: CaptureRecord[] = []
  for (const record of records) {
    piece.push(record)
    if (piece.length < pieceRecords) continue
    yield piece
    piece = []
  }
  if (piece.length > 0) yield piece
}

/**
 * A replay of one capture or of several, brought into the order of their times.
 * @throws ConfigError; CaptureError `ERR_CAPTURE_OPEN` for none at all.
 */
export function replay<const D extends Decoder>(
  source: ReplaySource | readonly ReplaySource[],
  options: ReplayOptions<D>,
): Replay<D> {
  const isOne = typeof source === 'string' || !Array.isArray(source) || isRecord(source[0])
  const sources = isOne ? [source as ReplaySource] : (source as readonly ReplaySource[])
  if (sources.length === 0) throw new CaptureError('ERR_CAPTURE_OPEN', 'no capture was given')
  return new Replay(sources, options)
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'type' in value && 'timeNs' in value
}
