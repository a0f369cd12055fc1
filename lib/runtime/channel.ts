import type { NativeAddon, NativeChannel, NativeLoop } from '../native/addon.js'
import { RingLayout } from '../native/addon.js'
import { throwLater } from './emitter.js'
import { type RecordSink, RingReader } from './ring-reader.js'
import { SymbolCache, symbolTableBytes } from './symbol-cache.js'

/** One turn of the event loop belongs to the reader for so many rows… */
const rowsPerTurn = 8_192
/** …or about so long; then timers and other sockets of the process get theirs. */
const nsPerTurn = 2_000_000

/** How a channel learns that records wait: the core signals, or the user polls. */
export type WakeMode = 'signal' | 'poll'

/** The channel that the core's callback serves: none while no feed is open on it. */
interface Served {
  channel: Channel | null
}

/**
 * The core holds on to the callback for good: a channel in reach of it would live as long as the process, also when everybody else
 * has forgotten it. Made out here, where no `this` is near that the closure could share.
 */
function runner(served: Served): () => void {
  return () => served.channel?.run()
}

/** Sizes of a channel's memory in bytes, but `symbols`: a count. */
export interface ChannelMemory {
  /** Power of two. */
  readonly ring: number
  readonly symbols: number
  readonly symbolText: number
}

/** The way from one loop to this JS context: event ring, symbol table, and the reader that serves the feeds on it. */
export class Channel {
  readonly native: NativeChannel
  readonly reader: RingReader
  readonly symbols: SymbolCache
  readonly wake: WakeMode
  readonly #loop: NativeLoop
  readonly #isInline: boolean
  /** Open feeds. */
  #attached = 0
  readonly #served: Served = { channel: null }
  /** Open feeds that keep the process alive. */
  #refs = 0
  #scheduled: NodeJS.Immediate | null = null
  #closed = false
  #polling = false
  #failures: unknown[] = []

  constructor(
    addon: NativeAddon,
    loop: NativeLoop,
    options: { readonly wake: WakeMode; readonly isInline: boolean; readonly memory: ChannelMemory; nowNs(): number },
  ) {
    const { ring: ringBytes, symbols, symbolText } = options.memory
    const ring = new ArrayBuffer(RingLayout.dataOffset + ringBytes)
    const table = new ArrayBuffer(symbolTableBytes(symbols, symbolText))
    this.wake = options.wake
    this.#loop = loop
    this.#isInline = options.isInline
    const onWake = options.wake === 'signal' ? runner(this.#served) : null
    this.native = new addon.Channel(loop, ring, table, symbols, onWake)
    this.native.unref()
    this.reader = new RingReader(ring, options.nowNs, () => this.native.nudge())
    this.symbols = new SymbolCache(table, symbols)
    if (onWake !== null) this.reader.sleep()
  }

  get closed(): boolean {
    return this.#closed
  }

  attach(handle: number, sink: RecordSink): void {
    this.reader.attach(handle, sink)
    if (this.#attached++ > 0) return
    this.#served.channel = this
    // A signal that came while nobody was served is gone.
    if (this.wake === 'signal' && !this.reader.sleep()) this.#schedule()
  }

  detach(handle: number): void {
    this.reader.detach(handle)
    if (--this.#attached === 0) this.#served.channel = null
  }

  /** One more open feed that keeps the process alive. */
  retain(): void {
    if (this.#refs++ > 0 || this.#closed) return
    this.native.ref()
    this.#scheduled?.ref()
  }

  /** One less. */
  release(): void {
    if (--this.#refs > 0 || this.#closed) return
    this.native.unref()
    this.#scheduled?.unref()
  }

  /** Takes exceptions of listeners: poll() throws them, otherwise they reach `uncaughtException`. */
  readonly fail = (error: unknown): void => {
    if (this.#polling) this.#failures.push(error)
    else throwLater(error)
  }

  /**
   * One turn of reading; afterwards the reader sleeps, or goes on after the event loop has been round once. What arrives meanwhile
   * is read in the same turn, within the same budget: going round costs an object and a wait.
   */
  run(): void {
    if (this.#closed) return
    let rows = rowsPerTurn - this.reader.drain(rowsPerTurn, nsPerTurn)
    for (;;) {
      if (this.wake === 'poll' || this.reader.held || this.#closed) return
      if (!this.reader.pending && this.reader.sleep()) return
      if (this.reader.paused || this.reader.expired || rows <= 0) break
      const count = this.reader.drainMore(rows)
      if (count === 0) break // called from inside a drain, or control records only
      rows -= count
    }
    this.#schedule()
  }

  /**
   * Reads now, on the caller's time. Returns the number of rows and messages that were handed over, of all feeds of the channel.
   * @throws what a listener threw, after everything was handed over.
   */
  poll(maxRows: number): number {
    if (this.#closed || this.#polling) return 0
    this.#polling = true
    let count: number
    try {
      if (this.#isInline) this.#loop.runOnce()
      count = this.reader.drain(maxRows, Number.POSITIVE_INFINITY)
    } finally {
      this.#polling = false
    }
    if (this.#failures.length > 0) this.#throwFailures()
    return count
  }

  /** Nobody else reads the ring of a polling context while it waits for a promise. */
  pump(until: Promise<unknown>): void {
    if (this.wake !== 'poll') return
    let pending = true
    const stop = (): void => {
      pending = false
    }
    until.then(stop, stop)
    const turn = (): void => {
      if (!pending || this.#closed) return
      try {
        this.poll(Number.POSITIVE_INFINITY)
      } catch (error) {
        throwLater(error)
      }
      setImmediate(turn)
    }
    setImmediate(turn)
  }

  /** No feed may be open on it. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#scheduled !== null) clearImmediate(this.#scheduled)
    this.native.close()
  }

  #schedule(): void {
    if (this.#scheduled !== null) return
    this.#scheduled = setImmediate(() => {
      this.#scheduled = null
      this.run()
    })
    if (this.#refs === 0) this.#scheduled.unref()
  }

  #throwFailures(): void {
    const [first, ...others] = this.#failures
    this.#failures = []
    for (const error of others) throwLater(error)
    throw first
  }
}
