import { type NativeShmSegment, nativeShm } from '../native/shm.js'
import { parseConfig } from '../runtime/config.js'
import { Emitter, type Listener, type Slot, throwLater } from '../runtime/emitter.js'
import { TickwireError } from '../runtime/errors.js'
import { ShmError, toShmError } from './errors.js'
import { ShmLayout, ShmState } from './layout.js'
import { MessageQueue } from './message-queue.js'
import { type ShmReaderOptions, shmNameSchema, shmReaderSchema } from './options.js'
import { Pump, type PumpSource } from './pump.js'
import { RingReader, type RingSink, type ShmFrom } from './ring-reader.js'

/** How often open() looks for a segment that is not there yet. */
const lookMs = 10
/** A turn of the event loop belongs to the reader for about so long; then timers and sockets get theirs. */
const turnMs = 2
/** Messages between two looks at the clock. */
const betweenLooks = 256

/** Messages that were overwritten before this reader came to them. */
export interface ShmLost {
  /** How many, exactly, since the last such event. */
  readonly count: number
  /** How many since the reader was opened. */
  readonly total: number
}

/** A writer that is no more. What it published is still handed over. */
export interface ShmWriterGone {
  readonly epoch: number
  /** It closed, or its process ended without. */
  readonly reason: 'closed' | 'died'
}

/** Another writer of the same name; its messages count from 1 again. */
export interface ShmWriterBack {
  readonly epoch: number
}

/** Events of a {@link ShmReader}. */
export interface ShmReaderEvents {
  /** A message: memory of the reader's own, aligned to 8 bytes and used again for the next one. Copy what you keep. */
  message: Buffer
  lost: ShmLost
  writerGone: ShmWriterGone
  writerBack: ShmWriterBack
  /** The reader has closed because of it. Thrown as an uncaught exception when nobody listens. */
  error: ShmError
  close: undefined
}

interface Place {
  readonly name: string
  readonly directory: string
  readonly owner: number
}

/** What reading does after it was opened. */
interface Behaviour {
  readonly wait: 'park' | 'backoff' | 'spin'
  readonly resume: ShmFrom
  readonly checkInterval: number
  readonly signal: AbortSignal | undefined
}

function openSegment(place: Place): NativeShmSegment {
  try {
    return new (nativeShm().ShmSegment)({ role: 'reader', ...place, ring: 0, table: 0, mode: 0, firstPosition: 0 })
  } catch (error) {
    throw toShmError(error, place.name)
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', abort, { once: true })
  })
}

/**
 * A reading end of a ring in shared memory. Any number of them read the same messages and know nothing of each other.
 *
 * Three ways to read: `poll()` now, on the caller's time; listeners of `message`; `for await`. The reader goes on with the next
 * writer of the name when the present one has ended and all of its messages were read.
 */
export class ShmReader implements AsyncIterable<Buffer>, Disposable, AsyncDisposable {
  readonly name: string
  readonly #place: Place
  readonly #behaviour: Behaviour
  readonly #emitter = new Emitter<ShmReaderEvents>()
  readonly #messages: Slot<Buffer>
  readonly #pump: Pump
  readonly #sink: RingSink
  readonly #timer: NodeJS.Timeout
  #native: NativeShmSegment
  #ring: RingReader
  #state: Int32Array
  #lostBefore = 0
  #handler: ((message: Buffer) => void) | null = null
  #queue: MessageQueue | null = null
  #watching = false
  #keepsAlive = true
  #gone = false
  #closed = false
  /** When the event loop had its last turn, as far as this reader knows. */
  #turnStart = 0

  /** @internal */
  private constructor(place: Place, native: NativeShmSegment, start: ShmFrom, behaviour: Behaviour) {
    this.name = place.name
    this.#place = place
    this.#behaviour = behaviour
    this.#native = native
    this.#ring = new RingReader(native.memory, native, start, behaviour.resume)
    this.#state = new Int32Array(native.memory, 0, ShmLayout.stateWord + 1)
    this.#messages = this.#emitter.slot('message')
    this.#sink = {
      onMessage: (data) => this.#deliver(data),
      onLost: (count) => this.#emit('lost', { count, total: this.lost }),
    }
    this.#pump = new Pump(this.#pumpSource(), behaviour.wait)
    this.#timer = setInterval(() => this.#check(), behaviour.checkInterval)
    this.#timer.unref()
    behaviour.signal?.addEventListener('abort', this.#abort, { once: true })
  }

  /**
   * Opens the segment `name`, waiting for a writer to make it for as long as `timeout` says. A segment whose writer is gone can be
   * read as well.
   * @throws ConfigError for wrong options. ShmError: `ERR_SHM_NOT_FOUND` (`ERR_SHM_TIMEOUT` after waiting), `ERR_SHM_OWNER`,
   * `ERR_SHM_PERMISSION`, `ERR_SHM_LAYOUT`, `ERR_SHM_VERSION`, `ERR_SHM_CORRUPT` and others. The signal's reason.
   */
  static async open(name: string, options: ShmReaderOptions = {}): Promise<ShmReader> {
    parseConfig('name of a segment', shmNameSchema, name)
    const { wait, start, resume, timeout, checkInterval, owner, directory, signal } = parseConfig(
      'reader options',
      shmReaderSchema,
      options,
    )
    const place = { name, directory: directory ?? '', owner: owner ?? -1 }
    const until = performance.now() + timeout
    for (;;) {
      signal?.throwIfAborted()
      let native: NativeShmSegment
      try {
        native = openSegment(place)
      } catch (error) {
        if ((error as ShmError).code !== 'ERR_SHM_NOT_FOUND' || timeout === 0) throw error
        if (performance.now() >= until) {
          throw new ShmError('ERR_SHM_TIMEOUT', `${name}: no writer within ${timeout} ms`, { cause: error })
        }
        await pause(Math.min(lookMs, Math.max(1, until - performance.now())), signal)
        continue
      }
      try {
        return new ShmReader(place, native, start, { wait, resume, checkInterval, signal })
      } catch (error) {
        native.close()
        throw error
      }
    }
  }

  /** Of the writer whose messages are read. */
  get epoch(): number {
    return this.#native.epoch
  }

  /** Process of that writer. */
  get writerPid(): number {
    return this.#native.writerPid
  }

  /** Sequence of the last message that was handed over or passed by; 0 when it is not known. Counts from 1 with each writer. */
  get sequence(): number {
    return this.#ring.sequence
  }

  /** Messages that were overwritten before they could be read, since the reader was opened. Exact. */
  get lost(): number {
    return this.#lostBefore + this.#ring.lost
  }

  /** Whether messages wait. */
  get pending(): boolean {
    return !this.#closed && this.#ring.pending
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Whether the writer's process lives and has the segment open. A system call. */
  get writerAlive(): boolean {
    return !this.#closed && this.#native.writerAlive()
  }

  /**
   * Hands over at most `max` messages that are there now; returns how many. No system call, no native call and no allocation. The
   * message is memory of the reader's own, aligned to 8 bytes and used again for the next one: copy what you keep. 0 when called
   * from inside itself.
   * @throws ShmError `ERR_SHM_CORRUPT`, `ERR_SHM_CLOSED`. What `handler` throws; the message counts as read.
   */
  poll(handler: (message: Buffer) => void, max: number = Number.POSITIVE_INFINITY): number {
    if (this.#closed) throw new ShmError('ERR_SHM_CLOSED', `${this.name}: the reader is closed`)
    const outer = this.#handler
    this.#handler = handler
    try {
      return this.#ring.poll(this.#sink, max)
    } finally {
      this.#handler = outer
    }
  }

  /** Entries of the writer's table that were not given yet, copied, in their order. @throws ShmError `ERR_SHM_CORRUPT`. */
  definitions(): Buffer[] {
    return this.#closed ? [] : this.#ring.readTable()
  }

  /**
   * Looks after the writer now, which otherwise happens every `checkInterval`: emits `writerGone`, goes on with the next writer,
   * emits `writerBack`. For those who poll without letting the event loop turn. Returns whether a writer is there.
   */
  checkWriter(): boolean {
    this.#check()
    return !this.#closed && !this.#gone
  }

  /** Listening to `message` starts reading, and keeps the process alive unless unref() was called. */
  on<K extends keyof ShmReaderEvents & string>(event: K, listener: Listener<ShmReaderEvents[K]>): this {
    this.#emitter.slot(event).add(listener)
    if (event === 'message') this.#start()
    return this
  }

  once<K extends keyof ShmReaderEvents & string>(event: K, listener: Listener<ShmReaderEvents[K]>): this {
    this.#emitter.slot(event).addOnce(listener)
    if (event === 'message') this.#start()
    return this
  }

  off<K extends keyof ShmReaderEvents & string>(event: K, listener: Listener<ShmReaderEvents[K]>): this {
    this.#emitter.slot(event).remove(listener)
    this.#keep()
    return this
  }

  /** Waiting keeps the process alive. The default. */
  ref(): this {
    this.#keepsAlive = true
    this.#keep()
    return this
  }

  /** Waiting does not keep the process alive. */
  unref(): this {
    this.#keepsAlive = false
    this.#keep()
    return this
  }

  /** Copies of the messages, one by one, until the reader is closed. One iteration at a time. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer, undefined> {
    if (this.#queue !== null) {
      throw new TickwireError('ERR_TICKWIRE_ITERATING', `${this.name}: somebody iterates already`)
    }
    const queue = new MessageQueue(
      () => this.#ask(),
      () => {
        if (this.#queue === queue) this.#queue = null
        if (this.#messages.size > 0) this.#start()
        else this.#keep()
      },
    )
    if (this.#closed) queue.end(null)
    else this.#queue = queue
    return queue
  }

  close(): void {
    this.#end(null)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close()
    return Promise.resolve()
  }

  readonly #abort = (): void => this.#end(this.#behaviour.signal?.reason ?? null)

  #pumpSource(): PumpSource {
    const reader = this
    return {
      read: () => reader.#read(),
      arm: () => reader.#arm(),
      rest: () => reader.#keep(),
      get pending() {
        return reader.pending
      },
      get wanted() {
        return reader.#wanted
      },
    }
  }

  /** An iteration sets the pace, also for listeners. */
  get #wanted(): boolean {
    return this.#queue === null ? this.#messages.size > 0 : this.#queue.wanting
  }

  /** On a turn of its own, so that whoever starts it has said all it has to say. */
  #start(): void {
    if (this.#closed) return
    this.#keep()
    this.#pump.next()
  }

  /** The iterating consumer wants a message: now, unless the event loop has waited for long enough. */
  #ask(): void {
    if (this.#closed) return
    this.#keep()
    if (performance.now() - this.#turnStart < turnMs) this.#read()
    if (this.#wanted) this.#pump.next()
  }

  /** Reads for about a turn's time; errors end the reader. */
  #read(): number {
    const start = performance.now()
    this.#turnStart = start
    let total = 0
    try {
      for (;;) {
        const count = this.#ring.poll(this.#sink, betweenLooks)
        total += count
        if (count < betweenLooks || this.#closed || !this.#wanted || performance.now() - start > turnMs) return total
      }
    } catch (error) {
      this.#end(error)
      return total
    }
  }

  #deliver(data: Buffer): boolean {
    if (this.#handler !== null) {
      this.#handler(data)
      return !this.#closed
    }
    if (this.#messages.size > 0) this.#messages.emit(data, throwLater)
    const more = this.#queue === null || this.#queue.push(data)
    return more && !this.#closed
  }

  #emit<K extends keyof ShmReaderEvents & string>(event: K, value: ShmReaderEvents[K]): void {
    this.#emitter.slot(event).emit(value, throwLater)
  }

  #arm(): void {
    if (!this.#watching) {
      this.#watching = true
      this.#native.watch(() => this.#pump.run())
      this.#keep()
    }
    this.#native.arm(this.#ring.low, this.#ring.high)
  }

  #keep(): void {
    const alive = this.#keepsAlive && this.#wanted
    this.#pump.keep(alive)
    if (!this.#watching) return
    if (alive) this.#native.ref()
    else this.#native.unref()
  }

  /** Looks after the writer; follows to the next one. */
  #check(): void {
    if (this.#closed || this.#native.writerAlive()) return
    if (!this.#gone) {
      this.#gone = true
      const closed = Atomics.load(this.#state, ShmLayout.stateWord) === ShmState.closed
      this.#emit('writerGone', { epoch: this.epoch, reason: closed ? 'closed' : 'died' })
    }
    if (this.#closed || this.#ring.pending) return
    let next: NativeShmSegment
    try {
      next = openSegment(this.#place)
    } catch (error) {
      if ((error as ShmError).code !== 'ERR_SHM_NOT_FOUND') this.#end(error)
      return
    }
    if (next.epoch === this.epoch) {
      next.close()
      return
    }
    this.#follow(next)
  }

  #follow(next: NativeShmSegment): void {
    let ring: RingReader
    try {
      ring = new RingReader(next.memory, next, 'start', this.#behaviour.resume)
    } catch (error) {
      next.close()
      this.#end(error)
      return
    }
    this.#lostBefore += this.#ring.lost
    this.#native.close()
    this.#watching = false
    this.#native = next
    this.#ring = ring
    this.#state = new Int32Array(next.memory, 0, ShmLayout.stateWord + 1)
    if (next.writerAlive()) {
      this.#gone = false
      this.#emit('writerBack', { epoch: next.epoch })
    }
    if (!this.#closed && this.#wanted) this.#pump.next()
  }

  #end(error: unknown): void {
    if (this.#closed) return
    this.#closed = true
    this.#pump.stop()
    clearInterval(this.#timer)
    this.#behaviour.signal?.removeEventListener('abort', this.#abort)
    this.#native.close()
    const queue = this.#queue
    this.#queue = null
    queue?.end(error)
    if (error instanceof ShmError && queue === null) {
      if (this.#emitter.slot('error').size > 0) this.#emit('error', error)
      else throwLater(error)
    }
    this.#emit('close', undefined)
  }
}
