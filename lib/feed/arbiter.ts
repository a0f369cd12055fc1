import { z } from 'zod'
import { ArbiterCounters, ArbiterLayout, ArbiterPathCounters, type NativeArbiter } from '../native/addon.js'
import type { Channel, WakeMode } from '../runtime/channel.js'
import { configFault, parseConfig } from '../runtime/config.js'
import { core, nowNs } from '../runtime/core.js'
import { Emitter, type Listener, throwLater } from '../runtime/emitter.js'
import { type LatencySnapshot, snapshotHistogram } from '../runtime/histogram.js'
import { type Loop, type LoopTenant, loopInternals } from '../runtime/loop.js'
import { readCounters, StatsMemory } from '../runtime/stats.js'
import { ArbiterDelivery, type ArbiterEvents } from './arbiter-delivery.js'
import { isBookEvent } from './book-role.js'
import { configureCore } from './core-configuration.js'
import { coreFields } from './core-schema.js'
import { JsonDecoder, rowInternals } from './decoder.js'
import type { AnyEvents } from './delivery.js'
import type { BatchOptions, ConflateOptions, Overflow, QueueOptions } from './options.js'
import type { AnyRows, Shapes } from './row.js'

/** Options of an {@link Arbiter}. */
export interface ArbiterOptions<D extends JsonDecoder = JsonDecoder> {
  /** Of all its feeds. Shapes without `sequence` pass as they come. */
  readonly decode: D
  /** Paths that are told apart in the statistics, 1…16. Default 2. */
  readonly paths?: number | undefined
  /** Numbers behind the newest that are kept track of, per key: a power of two, 64…65,536. Default 1,024. */
  readonly window?: number | undefined
  /** `distinct` by text: so many of a shape's last rows are remembered, 1,024…16,777,216. Default 65,536. */
  readonly recent?: number | undefined
  /** `contiguous`: milliseconds that a number may be missing before it is given up, 1…600,000. Default 1,000. */
  readonly waitMs?: number | undefined
  /**
   * `contiguous`: rows of a key are handed on in the order of their numbers, whichever path brings them. Those that are ahead of a missing one
   * are held back: for `windowMs`, 1…60,000 (100), in place of `waitMs`; so many of a key, `rows`, 1…half of `window` (512); so many bytes of all
   * keys, 65,536…1 GiB (16 MiB). Then what is missing is told as a gap, and is handed on no more. Rows with numbers before a key's first one are
   * dropped as old. Default false: rows come as they win.
   */
  readonly inOrder?: boolean | InOrderOptions | undefined
  /** `'leader'`: milliseconds of a key's silence after which another connection takes it over, 1…600,000. Default 1,000. */
  readonly leadMs?: number | undefined
  /** After so many milliseconds in which only numbers came that are too old, a venue has begun anew; 1…86,400,000. Default 30,000. */
  readonly restartMs?: number | undefined
  /** As with feeds, for all of them together. */
  readonly overflow?: Overflow | undefined
  readonly queue?: QueueOptions | undefined
  readonly batch?: BatchOptions | undefined
  readonly conflate?: ConflateOptions | undefined
  readonly loop?: Loop | 'park' | 'spin' | 'backoff' | 'inline' | undefined
  readonly wake?: WakeMode | undefined
}

/** How far rows are held back for those before them: see `inOrder`. */
export interface InOrderOptions {
  readonly windowMs?: number | undefined
  readonly rows?: number | undefined
  readonly bytes?: number | undefined
}

/** What one path brought. */
export interface PathStats {
  /** Rows of which it brought the first copy. */
  readonly wins: number
  /** Rows that another connection had brought before, those too old to tell included. */
  readonly copies: number
  /** `wins` by all that it brought; NaN before anything came. */
  readonly winRate: number
  /** `contiguous`: numbers that it passed over. */
  readonly missed: number
  /** How far its copies came behind the first. */
  readonly lag: LatencySnapshot
}

/** Everything an arbiter counts, at one moment. */
export interface ArbiterStats {
  /** Rows that passed. */
  readonly passed: number
  /** Rows dropped: had come before. */
  readonly copies: number
  /** Rows dropped: too old to tell, or older than the newest. */
  readonly old: number
  /** Rows that passed after newer ones. */
  readonly late: number
  /** Ranges that never came. */
  readonly gaps: number
  /** Numbers in them. */
  readonly missing: number
  /** Numbers that are waited for now. */
  readonly openMissing: number
  /** How often a venue began its numbers anew. */
  readonly restarts: number
  readonly keys: number
  /** `inOrder`: rows that are held back now. */
  readonly held: number
  readonly paths: readonly PathStats[]
  /** Read by the core → handed to JS, per row. */
  readonly nativeToJs: LatencySnapshot
}

type ShapesIn<D> = D extends JsonDecoder<infer S> ? S : Shapes

/** What the layers below need of an arbiter. */
export interface ArbiterInternals {
  readonly decoder: JsonDecoder
  readonly loop: Loop
  readonly wake: WakeMode
  readonly overflow: Overflow
  readonly paths: number
  /** Its native side, made with the first feed. */
  join(): NativeArbiter
}

/** An arbiter's inner side; not part of the public surface. */
export let arbiterInternals: (arbiter: Arbiter) => ArbiterInternals

const subject = 'arbiter options'

const inOrder = z.strictObject({
  windowMs: z.number().min(1).max(60_000).default(100),
  rows: z.int().min(1).max(32_768).optional(),
  bytes: z.int().min(65_536).max(1_073_741_824).default(16_777_216),
})

const options = z.strictObject({
  decode: z.instanceof(JsonDecoder, { error: 'must be made by json(…) or json.oneOf(…)' }),
  paths: z.int().min(1).max(ArbiterLayout.maxPaths).default(2),
  window: z
    .int()
    .min(64)
    .max(65_536)
    .refine((n) => Number.isInteger(Math.log2(n)), 'must be a power of two')
    .default(1_024),
  recent: z.int().min(1_024).max(16_777_216).default(65_536),
  waitMs: z.number().min(1).max(600_000).default(1_000),
  inOrder: z
    .union([z.boolean(), inOrder], { error: 'must be true, false or limits' })
    .transform((given) => (given === true ? inOrder.parse({}) : given))
    .default(false),
  leadMs: z.number().min(1).max(600_000).default(1_000),
  restartMs: z.number().min(1).max(86_400_000).default(30_000),
  overflow: coreFields.overflow,
  queue: coreFields.queue,
  batch: coreFields.batch,
  conflate: coreFields.conflate,
  loop: coreFields.loop,
  wake: coreFields.wake,
})

const schema = options.refine(({ inOrder: held, window }) => held === false || (held.rows ?? 1) <= window / 2, {
  path: ['inOrder', 'rows'],
  message: 'must be at most half of `window`',
})

/**
 * The same streams over several feeds: sockets, endpoints, local addresses; also two sockets of which one replaces the other. The first
 * copy of each row is handed on, in the core; later ones are dropped and counted.
 *
 * ```ts
 * const arbiter = new Arbiter({ decode })
 * arbiter.on('rows:trades', (rows) => …)
 * const feeds = [urlA, urlB].map((url, path) => new Feed({ url, decode, arbiter, path }))
 * ```
 */
export class Arbiter<const D extends JsonDecoder = JsonDecoder> implements AsyncIterable<AnyRows<ShapesIn<D>>> {
  readonly #options: z.output<typeof schema>
  readonly #configuration: ReturnType<typeof configureCore>
  readonly #emitter = new Emitter<AnyEvents>()
  readonly #delivery: ArbiterDelivery
  readonly #tenant: LoopTenant = { close: () => this.close(), abort: () => this.#release() }
  #loop: Loop | null = null
  #stats: StatsMemory
  #native: NativeArbiter | null = null
  #channel: Channel | null = null
  #tenants: Set<LoopTenant> | null = null
  #closed = false
  #closing: Promise<void> | null = null
  /** What was held back has come. */
  #ended: (() => void) | null = null

  static {
    arbiterInternals = (arbiter) => arbiter.#internals()
  }

  /** @throws ConfigError naming every option at fault. */
  constructor(options: ArbiterOptions<D>) {
    const parsed = parseConfig(subject, schema, options)
    this.#options = parsed
    const { overflow, queue, batch, conflate, loop, wake } = parsed
    const shared = parseConfig(subject, z.strictObject(coreFields), { overflow, queue, batch, conflate, loop, wake })
    this.#configuration = configureCore(
      shared,
      parsed.decode,
      subject,
      (description) => core().checkSchema(description),
      // As a rule its feeds have books, which take these rows.
      ({ description }) => isBookEvent(description),
    )
    this.#stats = new StatsMemory(ArbiterLayout.pathsOffset + parsed.paths * ArbiterLayout.pathBytes)
    this.#delivery = new ArbiterDelivery(parsed.decode, this.#emitter, parsed.batch.rows, nowNs, {
      state: () => this.#ended?.(),
      fail: (error) => (this.#channel === null ? throwLater(error) : this.#channel.fail(error)),
      channel: () => this.#channel,
    })
  }

  /** Adds a listener. An exception in it stops nobody else and reaches `uncaughtException`, or the caller of `poll()`. */
  on<E extends keyof ArbiterEvents<ShapesIn<D>> & string>(
    event: E,
    listener: Listener<ArbiterEvents<ShapesIn<D>>[E]>,
  ): this {
    this.#emitter.slot(event).add(listener as Listener<unknown>)
    return this
  }

  /** Removes a listener: of several registrations the youngest. */
  off<E extends keyof ArbiterEvents<ShapesIn<D>> & string>(
    event: E,
    listener: Listener<ArbiterEvents<ShapesIn<D>>[E]>,
  ): this {
    this.#emitter.slot(event).remove(listener as Listener<unknown>)
    return this
  }

  /**
   * Iterates over batches of rows, each valid until the next is asked for. Ends with `close()`. One iteration at a time.
   * @throws TickwireError `ERR_TICKWIRE_ITERATING` when there is one already.
   */
  [Symbol.asyncIterator](): AsyncIterator<AnyRows<ShapesIn<D>>, undefined> {
    return this.#delivery.pull() as AsyncIterator<AnyRows<ShapesIn<D>>, undefined>
  }

  /** Counters and distributions as of now. Costs the hot path nothing. */
  stats(): ArbiterStats {
    const { memory } = this.#stats
    this.#stats.delivery.flush()
    const {
      reserved1: _1,
      reserved2: _2,
      ...counters
    } = readCounters(memory, ArbiterLayout.countersOffset, ArbiterCounters)
    const paths = Array.from({ length: this.#options.paths }, (_, path): PathStats => {
      const at = ArbiterLayout.pathsOffset + path * ArbiterLayout.pathBytes
      const { wins, copies, old, missed } = readCounters(memory, at, ArbiterPathCounters)
      const all = copies + old
      return {
        wins,
        copies: all,
        winRate: wins / (wins + all),
        missed,
        lag: snapshotHistogram(memory, at + ArbiterLayout.lagOffset),
      }
    })
    return { ...counters, paths, nativeToJs: this.#stats.snapshot().latency.nativeToJs }
  }

  /**
   * Ends it: rows of its feeds are dropped from then on, so close them first. With `inOrder` listeners are told what is missing, as gaps, and get the
   * rows that were held back behind that, before it resolves. Async iteration ends at once.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #internals(): ArbiterInternals {
    const { decode, wake, overflow, paths } = this.#options
    this.#loop ??= this.#configuration.loop()
    return { decoder: decode, loop: this.#loop, wake, overflow, paths, join: () => this.#join() }
  }

  #join(): NativeArbiter {
    if (this.#closed) throw configFault('feed options', ['arbiter'], 'is closed')
    if (this.#native !== null) return this.#native
    const { decode, wake, paths, window, recent, waitMs, leadMs, restartMs, inOrder: held } = this.#options
    const internals = loopInternals(this.#internals().loop)
    const channel = internals.channel(wake)
    const conflate = this.#configuration.conflateMemory()
    const told = this.#configuration.native(this.#stats, conflate)
    const native = new (core().Arbiter)(channel.native, {
      schema: rowInternals(decode).description,
      paths,
      window,
      recent,
      wait: waitMs,
      lead: leadMs,
      restart: restartMs,
      inOrder:
        held === false
          ? null
          : { window: held.windowMs, rows: held.rows ?? Math.min(512, window / 2), bytes: held.bytes },
      overflow: told.overflow,
      pendingBytes: told.pendingBytes,
      ringWindow: told.ringWindow,
      flushRows: told.flushRows,
      conflateMemory: told.conflateMemory,
      conflateRegions: told.conflateRegions,
      stats: this.#stats.memory,
    })
    this.#native = native
    this.#channel = channel
    this.#delivery.start(channel, this.#stats, conflate)
    channel.attach(native.handle, this.#delivery)
    internals.tenants.add(this.#tenant)
    this.#tenants = internals.tenants
    return native
  }

  async #close(): Promise<void> {
    this.#closed = true
    this.#delivery.endPull(null)
    const native = this.#native
    const channel = this.#channel
    if (native !== null && channel !== null && this.#options.inOrder !== false) {
      const ended = new Promise<void>((resolve) => {
        this.#ended = resolve
      })
      native.end()
      // No feed may be left that keeps the process alive until then.
      channel.retain()
      channel.pump(ended)
      await ended
      channel.release()
    }
    this.#release()
  }

  #release(): void {
    const native = this.#native
    const channel = this.#channel
    if (native === null || channel === null) return
    this.#closed = true
    this.#ended?.()
    this.#native = null
    this.#tenants?.delete(this.#tenant)
    channel.detach(native.handle)
    native.destroy()
  }
}
