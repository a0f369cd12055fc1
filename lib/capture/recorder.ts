import { z } from 'zod'
import { parseConfig } from '../runtime/config.js'
import { nowNs } from '../runtime/core.js'
import type { TrafficEvent, TrafficRecorder, TrafficSink, TrafficSource } from '../runtime/traffic.js'
import type { CaptureRecord } from './record.js'
import { Redaction } from './redact.js'
import type { CaptureWriter } from './writer.js'

/** Options of a {@link Recorder}. */
export interface RecorderOptions {
  /**
   * Bytes that each feed keeps between two looks, a power of two from 64 KiB to 1 GiB: what comes while this thread is busy. What has no
   * room is lost and counted, in the file too; so is a message of more than half of it. Default 8 MiB.
   */
  readonly tapBytes?: number | undefined
  /** Milliseconds between two looks, 1…1,000. Default 10. */
  readonly interval?: number | undefined
  /** Names of fields, besides the usual ones, whose values are replaced in what is sent and in addresses. */
  readonly secretFields?: readonly string[] | undefined
  /** Number of the first connection, 0…2^31: for several recorders that share a writer. Default 0. */
  readonly firstConnection?: number | undefined
}

/** Counters of a {@link Recorder}. */
export interface RecorderStats {
  /** Records that the writer has taken. */
  readonly records: number
  /** Records that are missing: there was no room in a tap, or the writer had none. The file says where. */
  readonly lost: number
  readonly connections: number
  /** Feeds that are open. */
  readonly feeds: number
}

const schema = z.strictObject({
  tapBytes: z
    .int()
    .min(65_536)
    .max(2 ** 30)
    .refine((bytes) => Number.isInteger(Math.log2(bytes)), 'must be a power of two')
    .default(8 * 1_048_576),
  interval: z.number().min(1).max(1_000).default(10),
  secretFields: z.array(z.string().min(1).max(128)).max(256).default([]),
  firstConnection: z
    .int()
    .min(0)
    .max(2 ** 31)
    .default(0),
})

interface Attached {
  readonly source: TrafficSource
  connection: number
  isOpen: boolean
  /** Losses that were told. */
  lost: number
}

/**
 * Records feeds and REST clients while they work: everything that comes, byte for byte and with its receive time, and everything
 * that goes out, without secrets.
 *
 * ```ts
 * await using writer = await CaptureWriter.create('today.capture')
 * using recorder = new Recorder(writer)
 * const feed = new Feed({ …, record: recorder })
 * const http = new HttpClient({ …, record: recorder })
 * ```
 *
 * The core copies each message into memory of the recorder (the feed goes on as it would without), and a timer of this thread hands it to the
 * writer. Times are Unix nanoseconds: those of the monotonic clock, with its distance to 1970 when the recorder was made.
 */
export class Recorder implements TrafficRecorder, Disposable {
  readonly tapBytes: number
  readonly writer: CaptureWriter
  readonly #redaction: Redaction
  readonly #offsetNs: bigint
  readonly #attached = new Set<Attached>()
  readonly #timer: NodeJS.Timeout
  readonly #decoder = new TextDecoder()
  #nextConnection: number
  #connections = 0
  #records = 0
  #lost = 0
  #isClosed = false

  /** @throws ConfigError */
  constructor(writer: CaptureWriter, options: RecorderOptions = {}) {
    const checked = parseConfig('recorder options', schema, options)
    this.tapBytes = checked.tapBytes
    this.writer = writer
    this.#redaction = new Redaction(checked.secretFields)
    this.#nextConnection = checked.firstConnection
    this.#offsetNs = BigInt(Date.now()) * 1_000_000n - BigInt(Math.round(nowNs()))
    this.#timer = setInterval(() => this.drain(), checked.interval)
    this.#timer.unref()
  }

  stats(): RecorderStats {
    const { size } = this.#attached
    return { records: this.#records, lost: this.#lost, connections: this.#connections, feeds: size }
  }

  /** Hands to the writer what has come until now; happens by itself every `interval`. */
  drain(): void {
    for (const each of this.#attached) this.#drain(each)
  }

  /** Records no more. The feeds go on; the writer stays open. */
  close(): void {
    if (this.#isClosed) return
    this.drain()
    this.#isClosed = true
    clearInterval(this.#timer)
    this.#attached.clear()
  }

  /** Same as {@link close}. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** Called by feeds. */
  attach(source: TrafficSource): TrafficSink {
    const attached: Attached = { source, connection: -1, isOpen: false, lost: 0 }
    if (!this.#isClosed) this.#attached.add(attached)
    return {
      sent: (data) => {
        if (this.#isClosed) return
        // What came before it stands before it.
        this.#drain(attached)
        const text = typeof data === 'string' ? data : null
        this.#sent(attached, this.#time(nowNs()), text, text === null ? (data as Uint8Array) : null)
      },
      end: () => {
        if (this.#isClosed) return
        this.#drain(attached)
        this.#attached.delete(attached)
      },
    }
  }

  /** Called by HTTP clients. */
  answer(url: string, body: Uint8Array, timeNs: number): void {
    if (this.#isClosed) return
    this.#write({ type: 'answer', timeNs: this.#time(timeNs), url: this.#redaction.url(url), data: body })
  }

  #drain(attached: Attached): void {
    const lost = attached.source.drain((event) => this.#event(attached, event))
    if (lost === attached.lost) return
    const count = lost - attached.lost
    attached.lost = lost
    this.#lost += count
    this.#write({ type: 'lost', timeNs: this.#time(nowNs()), count })
  }

  #event(attached: Attached, { kind, timeNs, binary, code, data }: TrafficEvent): void {
    const at = this.#time(timeNs)
    if (kind === 'open') {
      attached.connection = this.#nextConnection++
      attached.isOpen = true
      this.#connections++
      const url = this.#redaction.url(attached.source.url)
      this.#write({ type: 'open', timeNs: at, connection: attached.connection, url })
      return
    }
    // An attempt that never became a connection.
    if (!attached.isOpen) return
    const { connection } = attached
    if (kind === 'close') {
      attached.isOpen = false
      this.#write({ type: 'close', timeNs: at, connection, code, reason: this.#decoder.decode(data) })
    } else if (kind === 'sent')
      this.#sent(attached, at, binary ? null : this.#decoder.decode(data), binary ? data : null)
    else this.#write({ type: 'received', timeNs: at, connection, binary, data })
  }

  #sent({ connection, isOpen }: Attached, timeNs: bigint, text: string | null, bytes: Uint8Array | null): void {
    if (!isOpen) return
    const data = text === null ? (bytes as Uint8Array) : Buffer.from(this.#redaction.text(text))
    this.#write({ type: 'sent', timeNs, connection, binary: text === null, data })
  }

  #time(monotonicNs: number): bigint {
    return BigInt(Math.round(monotonicNs)) + this.#offsetNs
  }

  #write(record: CaptureRecord): void {
    let taken = false
    try {
      taken = this.writer.write(record)
    } catch {
      // Too long for the writer, or the writer is closed: missing, and counted.
    }
    if (taken) this.#records++
    else if (record.type !== 'lost') this.#lost++
  }
}
