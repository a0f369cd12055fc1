import { z } from 'zod'
import type { NativeLoop, NativeLoopMode } from '../native/addon.js'
import { Channel, type ChannelMemory, type WakeMode } from './channel.js'
import { parseConfig } from './config.js'
import { core, nowNs } from './core.js'
import { TickwireError } from './errors.js'

/**
 * How a loop waits for its sockets.
 * - `park`: a thread that sleeps in the kernel while nothing happens. The default.
 * - `spin`: a thread that never sleeps: the lowest latency, for the price of a core.
 * - `backoff`: a thread that spins for a while after the last event, then yields, then sleeps.
 * - `inline`: no thread; the JS thread's own event loop drives it. No hand-over between threads: best for low rates.
 */
export type LoopMode = NativeLoopMode

/** Options of a {@link Loop}. */
export interface LoopOptions {
  /** How the loop waits. Default `'park'`. */
  readonly mode?: LoopMode | undefined
  /** CPU that the thread is bound to, counted from 0. Default: none. Not for `inline`. */
  readonly cpu?: number | undefined
  /** Bytes of the event ring from the loop to JS: a power of two, 64 KiB…1 GiB. Default 4 MiB. */
  readonly ring?: number | undefined
  /** Different symbols that its feeds can tell apart, 1…1,048,576. Default 16,384. */
  readonly symbols?: number | undefined
  /** Bytes for the text of these symbols, 1 KiB…256 MiB. Default 1 MiB. */
  readonly symbolText?: number | undefined
}

const kib = 1_024
const mib = 1_024 * kib

/** `ring` of loops that are told nothing else. */
export const defaultRingBytes = 4 * mib

export const loopModeSchema = z.enum(['park', 'spin', 'backoff', 'inline'])

const optionsSchema = z
  .strictObject({
    mode: loopModeSchema.default('park'),
    cpu: z.int().min(0).max(1_023).optional(),
    ring: z
      .int()
      .min(64 * kib)
      .max(1_024 * mib)
      .refine((n) => Number.isInteger(Math.log2(n)), 'must be a power of two')
      .default(defaultRingBytes),
    symbols: z.int().min(1).max(1_048_576).default(16_384),
    symbolText: z
      .int()
      .min(kib)
      .max(256 * mib)
      .default(mib),
  })
  .refine(({ mode, cpu }) => mode !== 'inline' || cpu === undefined, {
    path: ['cpu'],
    message: 'an inline loop has no thread that could be bound to a CPU',
  })

/** Something that lives on a loop and ends with it. */
export interface LoopTenant {
  close(): Promise<void>
  abort(): void
}

/** What the layers above need of a loop. */
export interface LoopInternals {
  readonly mode: LoopMode
  readonly ringBytes: number
  readonly tenants: Set<LoopTenant>
  /** The channel to this JS context, made when first asked for. */
  channel(wake: WakeMode): Channel
}

/** A loop's inner side; not part of the public surface. */
export let loopInternals: (loop: Loop) => LoopInternals

const shared = new Map<LoopMode, Loop>()

/**
 * An event loop of the core: one thread (or, `inline`, none) on which sockets are read, decrypted and decoded. Feeds share
 * {@link Loop.default} unless they are given one of their own; a loop may serve many feeds.
 *
 * A loop does not keep the process alive, open feeds do.
 */
export class Loop {
  /** How it waits. */
  readonly mode: LoopMode
  readonly #native: NativeLoop
  readonly #memory: ChannelMemory
  readonly #channels = new Map<WakeMode, Channel>()
  readonly #tenants = new Set<LoopTenant>()
  #closing: Promise<void> | null = null
  #closed = false

  static {
    loopInternals = (loop) => ({
      mode: loop.mode,
      ringBytes: loop.#memory.ring,
      tenants: loop.#tenants,
      channel: (wake) => loop.#channel(wake),
    })
  }

  /**
   * Starts the loop's thread.
   * @throws ConfigError for wrong options. Error when the CPU may not be used or no thread can be had.
   */
  constructor(options: LoopOptions = {}) {
    const { mode, cpu, ring, symbols, symbolText } = parseConfig('loop options', optionsSchema, options)
    this.mode = mode
    this.#memory = { ring, symbols, symbolText }
    this.#native = new (core().Loop)({ mode, cpu: cpu ?? -1 })
  }

  /** The loop of feeds that name none: `park`, made when first needed, one per JS context. */
  static get default(): Loop {
    return Loop.of('park')
  }

  /** The shared loop of a mode, made when first needed, one per mode and JS context. */
  static of(mode: LoopMode): Loop {
    let loop = shared.get(mode)
    if (loop === undefined || loop.#closing !== null) {
      loop = new Loop({ mode })
      shared.set(mode, loop)
    }
    return loop
  }

  get closed(): boolean {
    return this.#closed
  }

  /** CPU time that the loop's thread has used, in nanoseconds; 0 for `inline`. */
  cpuTimeNs(): number {
    return this.#closed ? 0 : this.#native.cpuTimeNs()
  }

  /**
   * Hands over what waits for this JS context, at most `maxRows` rows and messages; drives an `inline` loop first. Returns the
   * number of rows and messages. For contexts that spin instead of being signalled.
   * @throws what a listener threw.
   */
  poll(maxRows: number = Number.POSITIVE_INFINITY): number {
    let count = 0
    for (const channel of this.#channels.values()) count += channel.poll(maxRows - count)
    return count
  }

  /** Closes the feeds on it, with closing handshakes, then stops the thread. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Cuts the feeds on it and stops the thread at once. */
  [Symbol.dispose](): void {
    this.#closing ??= Promise.resolve()
    for (const tenant of [...this.#tenants]) tenant.abort()
    this.#stop()
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#tenants].map((tenant) => tenant.close()))
    this.#stop()
  }

  #stop(): void {
    if (this.#closed) return
    this.#closed = true
    for (const channel of this.#channels.values()) channel.close()
    this.#native.close()
  }

  #channel(wake: WakeMode): Channel {
    if (this.#closing !== null) throw new TickwireError('ERR_TICKWIRE_LOOP_CLOSED', 'the loop is closed')
    let channel = this.#channels.get(wake)
    if (channel === undefined) {
      const isInline = this.mode === 'inline'
      channel = new Channel(core(), this.#native, { wake, isInline, memory: this.#memory, nowNs })
      this.#channels.set(wake, channel)
    }
    return channel
  }
}
